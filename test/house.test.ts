/** What a user meets in this repository besides the code: links that lead somewhere, commands that exist, an image that fits. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { COMMANDS } from '../cli/commands.ts'
import { KNOWN_VARIABLES } from '../cli/settings/variables.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NOT_OURS = /^(?:node_modules|data|coverage|\.tap|\.git)(?:\/|$)/

const files = repositoryFiles()
const pages = files.filter((file) => file.endsWith('.md'))
const packageJson = JSON.parse(read('package.json'))

/** As git has them or will have them; in a copy without git, all that is there. */
function repositoryFiles(): string[] {
  const git = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const found =
    git.status === 0 ? git.stdout.split('\n') : globSync('**/*', { cwd: ROOT, exclude: (name) => NOT_OURS.test(name) })
  return found.filter(
    (file) =>
      file !== '' && !NOT_OURS.test(file) && existsSync(join(ROOT, file)) && statSync(join(ROOT, file)).isFile(),
  )
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

t.test('no file names a folder of somebody’s machine', async (t) => {
  const homes = /(?<![\w.-])\/(?:home|Users)\/[\w.-]+\/|(?<![\w.-])\/root\/|[A-Z]:\\Users\\/
  t.ok(homes.test('see /home/ann/landline') && homes.test('"/root/.npmrc"'), 'they would be found')
  const named = files.flatMap((file) => {
    const text = read(file)
    const found = homes.exec(text)?.[0] ?? (text.includes(ROOT) ? ROOT : null)
    return found === null || file === 'test/house.test.ts' ? [] : [`${file}: ${found}`]
  })
  t.strictSame(named, [])
})

t.test('each source that ARCHITECTURE.md names is there', async (t) => {
  const rows = read('ARCHITECTURE.md').split('\n')
  const sources = files.filter((file) => file.endsWith('.ts'))
  const missing = rows.flatMap((row) => {
    const folder = /^\| `(\w+\/)` \|/.exec(row)?.[1] ?? ''
    return [...row.matchAll(/`([\w/-]+\.ts)`/g)].flatMap(([, name]) =>
      sources.some((file) => file.startsWith(folder) && (file === name || file.endsWith(`/${name}`))) ? [] : [name],
    )
  })
  t.strictSame(missing, [])
  t.ok(
    rows.some((row) => row.includes('`model.ts`')),
    'they are found',
  )
})

t.test('packages come from where each machine is set to get them', async (t) => {
  const lock = read('package-lock.json')
  t.notMatch(lock, /"resolved"/, 'the lock names no registry')
  const packages = Object.entries<{ integrity?: string }>(JSON.parse(lock).packages).filter(([path]) => path !== '')
  t.ok(packages.length > 0)
  t.strictSame(
    packages.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
    [],
    'each is pinned by its hash',
  )
  t.match(read('.npmrc'), /^ignore-scripts=true$/m, 'no package runs code while it installs')
})

t.test('what package.json points to is there', async (t) => {
  for (const target of Object.values<string>(packageJson.bin)) {
    t.ok(files.includes(target), `${target} exists`)
    t.doesNotThrow(() => accessSync(join(ROOT, target), constants.X_OK), `${target} can be run`)
  }
  t.ok(files.includes('rules/rules.schema.json'), 'the JSON Schema for editors is published')
})

t.test('commands in the docs exist', async (t) => {
  for (const page of pages) {
    const text = read(page)
    for (const [, script = ''] of text.matchAll(/\bnpm run ([\w:-]+)/g))
      t.hasProp(packageJson.scripts, script, `${page}: npm run ${script}`)
    for (const [, script = ''] of text.matchAll(/\bnpm (start|test)\b/g))
      t.hasProp(packageJson.scripts, script, `${page}: npm ${script}`)
    for (const command of commandsIn(text)) t.hasProp(COMMANDS, command, `${page}: landline ${command}`)
  }
  t.strictSame(commandsIn('`landline a`, `npx landline b`\n```\n$ landline c\nlandline d\n```\nlandline e'), [
    'a',
    'b',
    'c',
    'd',
  ])
})

/** Commands of ours that a page shows as code: within a line, or on lines of their own between fences. */
function commandsIn(page: string): string[] {
  const inLines = page.matchAll(/`(?:npx )?landline ([a-z][a-z-]*)/g)
  const blocks = [...page.matchAll(/^```[^\n]*\n(.*?)^```/gms)].map(([, code = '']) => code).join('')
  const onLines = blocks.matchAll(/(?:^|&& |-- |\| )(?:\$ )?(?:npx )?landline ([a-z][a-z-]*)/gm)
  return [...inLines, ...onLines].map(([, command = '']) => command)
}

t.test('links in the docs lead to files that are there', async (t) => {
  for (const page of pages)
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:|^#/.test(target)) continue
      const path = join(ROOT, dirname(page), decodeURIComponent(target.replace(/#.*/, '')))
      t.ok(existsSync(path), `${page} links to ${target}`)
    }
})

t.test('the image holds all that it copies, and sets variables that are known', async (t) => {
  const dockerfile = read('Dockerfile')
  const allowed = read('.dockerignore').split('\n')
  for (const [, sources = ''] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm))
    for (const source of sources.split(' ')) {
      t.ok(existsSync(join(ROOT, source)), `${source} exists`)
      t.ok(allowed.includes(`!${source}`), `.dockerignore lets ${source} in`)
    }
  const variables = new Set(
    [...`${dockerfile}${read('deploy/compose.yaml')}`.matchAll(/\bLANDLINE_[A-Z_]+/g)].map(([name]) => name),
  )
  t.ok(variables.size > 2)
  for (const variable of variables) t.ok(KNOWN_VARIABLES.includes(variable), `${variable} is a setting`)
  for (const [, program = ''] of dockerfile.matchAll(/"node", "([^"]+)"/g))
    t.ok(files.includes(program), `${program} exists`)
  t.match(dockerfile, /^USER \d+:\d+$/m, 'the user is a number: Kubernetes can tell that it is not root')
})

t.test('YAML files can be read', async (t) => {
  // A chart's templates are YAML once they are rendered: test/deploy/kubernetes.test.ts.
  const written = files.filter((name) => /\.ya?ml$/.test(name) && !/^test\/|\/templates\//.test(name))
  for (const file of written)
    t.strictSame(
      parseAllDocuments(read(file)).flatMap(({ errors }) => errors),
      [],
      file,
    )
})

t.test('source files are short enough to be read', async (t) => {
  const sources = files.filter((file) => /\.(?:ts|js)$/.test(file) && !/^(?:test|bench)\//.test(file))
  t.ok(sources.length > 20)
  t.strictSame(
    sources.filter((file) => read(file).split('\n').length > 400),
    [],
    '400 lines at most',
  )
})
