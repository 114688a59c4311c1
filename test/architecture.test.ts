/**
 * Imports point one way (ARCHITECTURE.md): cli → proxy · metrics · audit · admin → pages → rules. The rules below are first
 * shown to catch what they are for, then held against the sources.
 */
import { globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import t from 'tap'

/** Folder → the folders that it may import from, besides its own. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  rules: [],
  pages: ['rules'],
  proxy: ['pages', 'rules'],
  metrics: ['pages', 'rules'],
  audit: ['pages', 'rules'],
  admin: ['pages', 'rules'],
  cli: ['proxy', 'metrics', 'audit', 'admin', 'pages', 'rules'],
}
/** The same inside of a folder, where it is divided: deciding needs nothing of what looks at rules before they decide. */
const INNER_ARROWS: Readonly<Record<string, readonly string[]>> = {
  rules: ['rules/tables', 'rules/file'],
  'rules/tables': ['rules'],
  'rules/file': ['rules', 'rules/tables'],
  'rules/ipam': ['rules', 'rules/tables', 'rules/file'],
  'rules/change': ['rules', 'rules/tables'],
}
/** All that the pure core may use. */
const RULES_PACKAGES = ['yaml', 'zod', 'luxon', 'csv-parse', 'ip-cidr']
/** Read by cli alone, and passed in from there. */
const AMBIENT = /\bprocess\.(?:argv|env)\b|\bDate\.now\b|\bnew Date\(\)/
/** What would make a decision differ from one run to the next. */
const IMPURE =
  /\bMath\.random\b|\bcrypto\.|\bprocess\b|\bperformance\b|\bconsole\b|\bset(?:Timeout|Interval|Immediate)\b|\bfetch\(/

/**
 * A function that is written down where it is assigned to a property. V8 puts it among the old objects at once, and with it all that it knows
 * (here: a connection) is held until the whole heap is looked through.
 */
const OLD_FUNCTION =
  /(?:\.#?\w+|\]) (?:\?\?|\|\||&&)?=\s+(?:async )?(?:(?:(?:<[^>]*>)?\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|\w+)(?:: [^;\n]+?)? =>|function\b).*/

const IMPORT =
  /^\s*(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm

/** Path → text of all sources → what is against the architecture, a line each. */
function violations(sources: ReadonlyMap<string, string>): string[] {
  const found = [...sources].flatMap(([file, text]) => [
    ...importFaults(file, text, sources),
    ...ambientFaults(file, text),
    ...heldFaults(file, text),
  ])
  return [...found, ...cycles(sources)].sort()
}

function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '')
}

/** Without what is gone when the code runs. */
function importsAtRunTime(text: string): string[] {
  return importsOf(text.replace(/^\s*(?:import|export) type\b[^'"]*['"][^'"]*['"]/gm, ''))
}

function importFaults(file: string, text: string, sources: ReadonlyMap<string, string>): string[] {
  const folder = folderOf(file)
  return importsOf(text).flatMap((specifier) => {
    if (specifier.startsWith('.')) {
      const target = posix.join(posix.dirname(file), specifier)
      if (target === 'package.json') return folder === 'cli' ? [] : [`${file} reads package.json: cli passes it in`]
      const to = folderOf(target)
      if (to !== folder && !ARROWS[folder]?.includes(to))
        return [`${file} imports ${target}: no arrow ${folder} → ${to}`]
      const from = posix.dirname(file)
      const inner = posix.dirname(target)
      if (to === folder && inner !== from && INNER_ARROWS[from]?.includes(inner) === false && target.endsWith('.ts'))
        return [`${file} imports ${target}: no arrow ${from} → ${inner}`]
      return sources.has(target) || target.endsWith('.json') ? [] : [`${file} imports ${target}: there is no such file`]
    }
    const [name = ''] = specifier.split('/')
    if (!name.startsWith('node:') && builtinModules.includes(name))
      return [`${file} imports ${specifier}: write node:${specifier}`]
    if (folder === 'rules' && !RULES_PACKAGES.includes(name)) return [`${file} imports ${specifier}: rules is pure`]
    return []
  })
}

function ambientFaults(file: string, text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const ambient = folderOf(file) === 'cli' ? null : AMBIENT.exec(code)
  const impure = folderOf(file) === 'rules' ? IMPURE.exec(code) : null
  return [ambient, impure].flatMap((match) => (match === null ? [] : [`${file} uses ${match[0]}: cli passes it in`]))
}

function heldFaults(file: string, text: string): string[] {
  const found = folderOf(file) === 'proxy' ? OLD_FUNCTION.exec(text) : null
  return found === null ? [] : [`${file} assigns a function to a property: give it a name first: ${found[0]}`]
}

function cycles(sources: ReadonlyMap<string, string>): string[] {
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, trail: readonly string[]) => {
    const start = trail.indexOf(file)
    if (start >= 0) found.push(`${[...trail.slice(start), file].join(' → ')}: a cycle`)
    if (start >= 0 || done.has(file)) return
    for (const specifier of importsAtRunTime(sources.get(file) ?? ''))
      if (specifier.startsWith('.')) visit(posix.join(posix.dirname(file), specifier), [...trail, file])
    done.add(file)
  }
  for (const file of sources.keys()) visit(file, [])
  return found
}

function folderOf(file: string): string {
  return file.split('/')[0] ?? ''
}

const caught: readonly {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  readonly want: readonly string[]
}[] = [
  {
    name: 'arrows that point down are fine',
    files: {
      'cli/main.ts':
        "import { a } from '../proxy/a.ts'\nimport packageJson from '../package.json' with { type: 'json' }",
      'proxy/a.ts': "import type { B } from '../rules/b.ts'\nimport { connect } from 'node:net'",
      'rules/b.ts': "import * as z from 'zod'\nimport { parse } from 'csv-parse/sync'",
    },
    want: [],
  },
  {
    name: 'a sibling',
    files: { 'proxy/a.ts': "import type { B } from '../audit/b.ts'", 'audit/b.ts': '' },
    want: ['proxy/a.ts imports audit/b.ts: no arrow proxy → audit'],
  },
  {
    name: 'an arrow up, over several lines',
    files: { 'rules/a.ts': "import {\n  type B,\n  b,\n} from '../pages/b.ts'", 'pages/b.ts': '' },
    want: ['rules/a.ts imports pages/b.ts: no arrow rules → pages'],
  },
  {
    name: 'an export of what lies above',
    files: { 'pages/a.ts': "export { b } from '../cli/b.ts'", 'cli/b.ts': '' },
    want: ['pages/a.ts imports cli/b.ts: no arrow pages → cli'],
  },
  {
    name: 'a dynamic import, and one for its effect',
    files: {
      'audit/a.ts': "const b = await import('../metrics/b.ts')\nimport '../admin/c.ts'",
      'metrics/b.ts': '',
      'admin/c.ts': '',
    },
    want: [
      'audit/a.ts imports admin/c.ts: no arrow audit → admin',
      'audit/a.ts imports metrics/b.ts: no arrow audit → metrics',
    ],
  },
  {
    name: 'tests and benchmarks',
    files: { 'cli/a.ts': "import { b } from '../test/b.ts'\nimport { c } from '../bench/c.ts'" },
    want: ['cli/a.ts imports bench/c.ts: no arrow cli → bench', 'cli/a.ts imports test/b.ts: no arrow cli → test'],
  },
  {
    name: 'Node and other packages in the core',
    files: { 'rules/a.ts': "import { readFileSync } from 'node:fs'\nimport pino from 'pino'" },
    want: ['rules/a.ts imports node:fs: rules is pure', 'rules/a.ts imports pino: rules is pure'],
  },
  {
    name: 'a built-in without node:',
    files: { 'proxy/a.ts': "import net from 'net'" },
    want: ['proxy/a.ts imports net: write node:net'],
  },
  {
    name: 'the clock and the environment outside of cli',
    files: {
      'proxy/a.ts': '// Date.now is fine here\nconst at = Date.now()',
      'audit/a.ts': 'const home = process.env.HOME',
      'cli/a.ts': 'const at = Date.now()',
      'metrics/a.ts': 'performance.now()',
    },
    want: ['audit/a.ts uses process.env: cli passes it in', 'proxy/a.ts uses Date.now: cli passes it in'],
  },
  {
    name: 'chance and timers in the core',
    files: { 'rules/a.ts': 'Math.random()', 'rules/b.ts': 'setTimeout(f, 1)' },
    want: ['rules/a.ts uses Math.random: cli passes it in', 'rules/b.ts uses setTimeout: cli passes it in'],
  },
  {
    name: 'a cycle',
    files: { 'rules/a.ts': "import { b } from './b.ts'", 'rules/b.ts': "import { a } from './a.ts'" },
    want: ['rules/a.ts → rules/b.ts → rules/a.ts: a cycle'],
  },
  {
    name: 'no cycle, where only a type goes round',
    files: { 'rules/a.ts': "import { b } from './b.ts'", 'rules/b.ts': "import type {\n  A,\n} from './a.ts'" },
    want: [],
  },
  {
    name: 'a function that would be held in the old space',
    files: {
      'proxy/a.ts': 'wire.gone = () => end()',
      'proxy/b.ts': 'this.#timer ??= async (error: Error): Promise<void> => end(error)',
      'proxy/c.ts': 'exchange.cut = (done: () => void) => {',
      'proxy/d.ts': 'socket.idle = function () {}',
      'proxy/f.ts': 'wires[0] &&= <T>(a: (b: () => T) => void): (() => void) => {',
      'proxy/e.ts': 'const cut = () => end()\nexchange.cut = cut\nif (a.b === (c) || a.b >= d) e(() => f)',
      'metrics/a.ts': 'gauge.collect = () => count()',
    },
    want: [
      'proxy/a.ts assigns a function to a property: give it a name first: .gone = () => end()',
      'proxy/b.ts assigns a function to a property: give it a name first: .#timer ??= async (error: Error): Promise<void> => end(error)',
      'proxy/c.ts assigns a function to a property: give it a name first: .cut = (done: () => void) => {',
      'proxy/d.ts assigns a function to a property: give it a name first: .idle = function () {}',
      'proxy/f.ts assigns a function to a property: give it a name first: ] &&= <T>(a: (b: () => T) => void): (() => void) => {',
    ],
  },
  {
    name: 'an arrow inside of the core that is not there',
    files: {
      'rules/a.ts': "import { b } from './change/b.ts'\nimport { d } from './tables/d.ts'",
      'rules/change/b.ts': "import { c } from '../c.ts'\nimport { e } from './e.ts'",
      'rules/c.ts': '',
      'rules/tables/d.ts': '',
      'rules/change/e.ts': '',
    },
    want: ['rules/a.ts imports rules/change/b.ts: no arrow rules → rules/change'],
  },
  {
    name: 'a file that is not there',
    files: { 'rules/a.ts': "import { b } from './b.ts'" },
    want: ['rules/a.ts imports rules/b.ts: there is no such file'],
  },
]

t.test('what is against the architecture is caught', async (t) => {
  for (const { name, files, want } of caught) t.strictSame(violations(new Map(Object.entries(files))), want, name)
})

t.test('the sources keep to the architecture', async (t) => {
  const root = new URL('..', import.meta.url)
  const files = globSync(`{${Object.keys(ARROWS).join()}}/**/*.ts`, { cwd: root }).map((file) =>
    file.replaceAll('\\', '/'),
  )
  t.ok(files.length > 20, 'they are found')
  const sources = new Map(files.map((file) => [file, readFileSync(new URL(file, root), 'utf8')]))
  t.strictSame(violations(sources), [])
})
