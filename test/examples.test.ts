/**
 * What people copy: the ready policies, and the rule files in the docs. Each is right as it stands, today and in years to come.
 * And what on-call looks up: the docs name all failures that there are.
 */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { compileSources, type Loaded, loadPolicy, QUICK_START, readSources } from '../cli/rules/load.ts'
import { FAILURES } from '../proxy/failures.ts'
import { runTests } from '../rules/change/policy-tests.ts'
import { SUSPECT_REASONS } from '../rules/events.ts'
import { ruleFileSchema } from '../rules/file/schema.ts'
import { formatProblem } from '../rules/problems.ts'

const ROOT = join(import.meta.dirname, '..')
/** When these files are read: as they were written, and long after. */
const TIMES = { 'in 2026': Date.parse('2026-11-23T12:00:00Z'), 'in 2099': Date.parse('2099-06-01T12:00:00Z') }
/** The only warnings that an example may give; the dates in it are of its time. */
const EXPIRED = /^.+: warning: exception "[a-z0-9-]+" has expired at \S+; drop it$/

interface Block {
  readonly language: string
  /** The file that it shows: the word behind the language. '' where there is none. */
  readonly name: string
  readonly text: string
}

const { catalogue } = await readSources(QUICK_START)
const examples = globSync('rules/examples/*.yaml', { cwd: ROOT }).sort()
const docs = ['README.md', ...globSync('docs/*.md', { cwd: ROOT })].map((page) => ({ page, blocks: blocksOf(page) }))

function blocksOf(page: string): readonly Block[] {
  const fences = readFileSync(join(ROOT, page), 'utf8').matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)
  return [...fences].map(([, language = '', name = '', text = '']) => ({ language, name, text }))
}

const isRuleFile = ({ language, text }: Block) => language === 'yaml' && /^version: 1\b/m.test(text)
const isBad = ({ name }: Block) => name.startsWith('bad')

/** As `landline check` would read it beside the other files that the page shows. */
function load({ name, text }: Block, others: readonly Block[], now: number): Loaded {
  const main = name || 'rules.yaml'
  const files = new Map(others.filter((block) => block.name !== '').map((block) => [block.name, block.text]))
  return compileSources({ main, files: files.set(main, text), catalogue }, { monitor: false, now })
}

function checkPolicy(t: Tap, { policy, problems }: Loaded, now: number): void {
  t.strictSame(
    problems.map(formatProblem).filter((line) => !EXPIRED.test(line)),
    [],
    'nothing is wrong with it',
  )
  if (policy === null) return
  const { passed, failures } = runTests(policy, policy.file.tests, now)
  t.strictSame(
    failures.map(({ message }) => message),
    [],
    'its tests pass',
  )
  t.equal(passed, policy.file.tests.length)
}
type Tap = Pick<typeof t, 'strictSame' | 'equal'>

t.test('the ready policies are there', async (t) => {
  const ready = ['germany-2020.yaml', 'quick-start.yaml', 'switzerland-2020.yaml', 'taiwan-2020.yaml']
  t.strictSame(
    examples.map((path) => basename(path)),
    ready,
  )
})

for (const path of examples)
  for (const [when, now] of Object.entries(TIMES))
    t.test(`${path} is right, read ${when}, and its tests reach all of it`, async (t) => {
      t.match(readFileSync(join(ROOT, path), 'utf8'), /^# For \S+ .+\n(#.*\n)*version: 1\n/, 'it says whom it serves')
      const loaded = await loadPolicy(join(ROOT, path), { monitor: false, now })
      checkPolicy(t, loaded, now)
      if (loaded.policy === null) return
      t.ok(loaded.policy.file.tests.length > 0, 'it has tests')
      const { rules, segments, services, exceptions } = runTests(loaded.policy, loaded.policy.file.tests, now).coverage
      const missed = rules.filter(({ hit }) => !hit).map(({ id }) => id)
      t.strictSame(
        { missed, segments, services, exceptions },
        { missed: [], segments: [], services: [], exceptions: [] },
      )
    })

for (const { page, blocks } of docs) {
  const wholes = blocks.filter((block) => isRuleFile(block) && !isBad(block))
  if (['README.md', 'docs/rule-file.md'].includes(page))
    t.test(`${page} shows a rule file`, async (t) => t.ok(wholes.length > 0))
  for (const [at, block] of wholes.entries())
    t.test(`rule file ${at + 1} in ${page} is right, and its tests pass`, async (t) => {
      for (const now of Object.values(TIMES)) checkPolicy(t, load(block, blocks, now), now)
    })
}

t.test('what docs/rule-file.md shows as parts of rule files has keys and values that exist', async (t) => {
  const blocks = blocksOf('docs/rule-file.md')
  const parts = blocks.filter((block) => block.language === 'yaml' && !isRuleFile(block))
  t.ok(parts.length > 5, 'there are some')
  for (const { text } of parts) {
    const { error } = ruleFileSchema.partial().safeParse(parse(text))
    t.strictSame(error?.issues ?? [], [], text)
  }
})

t.test('the problems that docs/rule-file.md shows are those of the file before them, word for word', async (t) => {
  const blocks = blocksOf('docs/rule-file.md')
  const bad = blocks.filter(isBad)
  t.ok(bad.length > 0, 'there are some')
  for (const block of bad) {
    const { problems } = load(block, [], TIMES['in 2026'])
    t.equal(problems.map((problem) => `${formatProblem(problem)}\n`).join(''), blocks[blocks.indexOf(block) + 1]?.text)
  }
})

t.test('docs/operation.md explains every failure and every suspect address', async (t) => {
  const page = readFileSync(join(ROOT, 'docs/operation.md'), 'utf8')
  for (const [code, { error, status, outcome }] of Object.entries(FAILURES)) {
    if (error === 'http_request_denied') t.match(page, '| `http_request_denied` | 403 | `denied` |', code)
    else t.match(page, `| \`${error}\` | ${status} | \`${outcome}\` |`, code)
  }
  const reasons = /\| reason \| means \|\n([\s\S]*?)\n\n/.exec(page)?.[1] ?? ''
  for (const reason of SUSPECT_REASONS) t.match(reasons, `\`${reason}\``, reason)
})
