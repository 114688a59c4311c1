/** The commands that answer, as an outside program meets them: what they print where, and with which exit code. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ExitCode, Io } from '../../cli/io.ts'
import { check } from '../../cli/rules/check.ts'
import { classify } from '../../cli/rules/classify.ts'
import { diff } from '../../cli/rules/diff.ts'
import { explain } from '../../cli/rules/explain.ts'
import { readSources } from '../../cli/rules/load.ts'
import { matrix } from '../../cli/rules/matrix.ts'
import { test } from '../../cli/rules/test.ts'
import { testCandidate } from '../../cli/serve/candidate.ts'

const RULES = `version: 1
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
services:
  ours: { name: Ours, category: meeting, hosts: [meet.example], ports: [443, 444] }
rules:
  - { id: zoom-fixed-only, service: zoom, except: { medium: wired }, action: block, reason: { de: Nein, en: No } }
tests:
  - { from: 10.20.0.7, to: zoom.us, expect: block }
`
const FAILING = `  - { from: 10.10.0.7, to: zoom.us, expect: block, rule: zoom-fixed-only }
`
const ASKED = { from: '10.20.0.7', to: 'zoom.us', sni: undefined, at: undefined, whyNot: undefined }
const TEST = { cases: [], live: undefined, clientAddress: undefined, form: 'text', catalogue: undefined } as const
const NOW = Date.parse('2026-11-23T12:00:00Z')

const dir = t.testdir({ 'good.yaml': RULES, 'bad.yaml': 'version: 2\nunknown_clients: refuse\n' })
const good = join(dir, 'good.yaml')
const bad = join(dir, 'bad.yaml')
const write = (name: string, text: string | Buffer) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

interface Said {
  readonly code: ExitCode
  readonly out: string
  readonly complaints: string
}

async function said(command: (io: Io) => Promise<ExitCode>, input: readonly string[] = []): Promise<Said> {
  const out: string[] = []
  const complaints: string[] = []
  const io: Io = {
    print: (line) => out.push(line),
    complain: (line) => complaints.push(line),
    async *lines() {
      yield* input
    },
    now: () => NOW,
  }
  const code = await command(io)
  return { code, out: out.join('\n'), complaints: complaints.join('\n') }
}

/** Each command on one rule file. */
const commands = (file: string, json: boolean, catalogue?: string) =>
  ({
    check: (io) => check({ file, catalogue, json }, io),
    explain: (io) => explain({ ...ASKED, file, catalogue, json }, io),
    matrix: (io) => matrix({ file, at: undefined, form: json ? 'json' : 'text', catalogue }, io),
    test: (io) => test({ ...TEST, file, catalogue, form: json ? 'json' : 'text' }, io),
    classify: (io) => classify({ file, targets: ['zoom.us'], catalogue, json }, io),
    diff: (io) => diff({ before: file, after: file, at: undefined, catalogue, json }, io),
  }) satisfies Record<string, (io: Io) => Promise<ExitCode>>

t.test('a good rule file: exit 0, and one JSON value where asked', async (t) => {
  for (const [name, run] of Object.entries(commands(good, false))) {
    const { code, out, complaints } = await said(run)
    t.strictSame([code, out !== '', complaints], [0, true, ''], name)
  }
  for (const [name, run] of Object.entries(commands(good, true))) {
    const { code, out, complaints } = await said(run)
    t.strictSame([code, complaints], [0, ''], name)
    t.doesNotThrow(() => JSON.parse(out), name)
  }
})

t.test('a refused rule file: exit 1, each problem with its place, once', async (t) => {
  const message = '"version" must be 1, not the number 2'
  for (const [name, run] of Object.entries(commands(bad, false))) {
    t.strictSame(await said(run), { code: 1, out: '', complaints: `${bad}:1:10: error: ${message}` }, name)
  }
  const problems = [{ severity: 'error', file: bad, line: 1, column: 10, message }]
  for (const [name, run] of Object.entries(commands(bad, true))) {
    const { code, out, complaints } = await said(run)
    t.strictSame(
      { code, complaints, value: JSON.parse(out) },
      { code: 1, complaints: '', value: { ok: false, problems } },
      name,
    )
  }
})

t.test('a file or folder that cannot be read is told as a problem', async (t) => {
  mkdirSync(join(dir, 'empty'), { recursive: true })
  mkdirSync(join(dir, 'odd', 'zoom.yaml'), { recursive: true })
  const cases: [file: string, catalogue: string | undefined, want: string | RegExp][] = [
    [join(dir, 'none.yaml'), undefined, /none\.yaml:1:1: error: ".*none\.yaml" could not be read/],
    [dir, undefined, /:1:1: error: .* could not be read; is it there, a file, and readable\?/],
    ['-', undefined, '-:1:1: error: "-" could not be read; is it there, a file, and readable?'],
    [good, join(dir, 'nowhere'), /nowhere\/sources\.yaml:1:1: error: sources\.yaml is missing/],
    [good, join(dir, 'empty'), /empty\/sources\.yaml:1:1: error: sources\.yaml is missing/],
    [good, join(dir, 'odd'), /odd\/zoom\.yaml:1:1: error: the file is empty/],
  ]
  for (const [file, catalogue, want] of cases) {
    for (const [name, run] of Object.entries(commands(file, false, catalogue))) {
      const { code, complaints } = await said(run)
      t.equal(code, 1, `${name} ${want}`)
      t.match(complaints, want, name)
    }
  }
})

t.test('bytes that are not UTF-8 are refused where they stand', async (t) => {
  const latin1 = write('latin1.yaml', Buffer.from(RULES.replace('Nein', 'Für niemanden'), 'latin1'))
  const { code, complaints } = await said(commands(latin1, false).check)
  t.equal(code, 1)
  t.equal(
    complaints,
    `${latin1}:9:100: error: these bytes are not UTF-8, so what they say is lost; save the file as UTF-8`,
  )
})

t.test('a failed test is told with its place, also as the reason to refuse a reload', async (t) => {
  const file = write('failing.yaml', RULES + FAILING)
  const failure = `${file}:12:5: 10.10.0.7 to zoom.us: expected block by zoom-fixed-only, got allow by otherwise`
  const { code, out } = await said(commands(file, false).test)
  t.equal(code, 1)
  t.strictSame(out.split('\n'), [failure, 'no test reaches the services ours', '1 passed, 1 failed'])
  const cases = write('cases.yaml', `tests:\n${FAILING}`)
  const more = await said((io) => test({ ...TEST, file: good, cases: [cases] }, io))
  t.match(more, { code: 1, out: failure.replace(`${file}:12`, `${cases}:2`) })
  t.strictSame(testCandidate(await readSources(file), false, NOW).problems, [failure])
})

t.test('test results for other programs: JUnit and TAP', async (t) => {
  const odd = write(
    'odd.yaml',
    `${RULES}  - { from: 10.10.0.7, to: 'https://a.example/?"<&#', expect: allow }\n${FAILING}`,
  )
  const junit = await said((io) => test({ ...TEST, file: odd, form: 'junit' }, io))
  t.equal(junit.code, 1)
  t.match(junit.out, '<testsuites tests="3" failures="1">')
  t.match(junit.out, 'name="10.10.0.7 to https://a.example/?&quot;&lt;&amp;#: allow"')
  t.match(
    junit.out,
    /line="13"><failure message="[^"]*:13:5: expected block by zoom-fixed-only, got allow by otherwise"/,
  )
  const { code, out } = await said((io) => test({ ...TEST, file: odd, form: 'tap' }, io))
  t.equal(code, 1)
  t.strictSame(
    out.split('\n').filter((line) => !line.startsWith('  ')),
    [
      'TAP version 14',
      '1..3',
      'ok 1 - 10.20.0.7 to zoom.us: block',
      'ok 2 - 10.10.0.7 to https://a.example/?"<&\\#: allow',
      'not ok 3 - 10.10.0.7 to zoom.us: block by zoom-fixed-only',
    ],
  )
  t.match(out, `  at: ${JSON.stringify(`${odd}:13:5`)}`)
})

t.test('explain takes as evidence what a tunnel opens with, be it a name or an address', async (t) => {
  const ask = { ...ASKED, file: good, to: 'www.example.org', catalogue: undefined, json: true }
  for (const [sni, value, match] of [
    ['Zoom.US.', 'zoom.us', 'zoom.us'],
    ['[::ffff:3.7.35.9]', '3.7.35.9', '3.7.35.0/25'],
  ] as const) {
    const { action, evidence } = JSON.parse((await said((io) => explain({ ...ask, sni }, io))).out)
    t.strictSame([action, evidence], ['block', [{ kind: 'sni', value, match, service: 'zoom' }]], sni)
  }
})

t.test('explain --why-not allow names the narrowest change, to read and as JSON', async (t) => {
  const ask = { ...ASKED, file: good, whyNot: 'allow', catalogue: undefined }
  const { out } = await said((io) => explain({ ...ask, json: false }, io))
  t.match(out, /^1\. an exception for 10\.20\.0\.7 alone that lifts zoom-fixed-only until 2026-11-30T12:00:00Z/m)
  t.match(out, /^ {5}lets nothing else through$/m)
  t.match(out, /^As the rules stand, it is let through from desks \(wired\)\.$/m)
  const { why_not } = JSON.parse((await said((io) => explain({ ...ask, json: true }, io))).out)
  t.match(why_not, { let_through: false, elsewhere: ['desks'], opens_at: null })
  t.match(why_not.remedies[1], { action: 'except', also: [{ segment: 'wifi', services: ['zoom'] }] })
  const open = await said((io) => explain({ ...ask, from: '10.10.0.7', json: false }, io))
  t.match(open.out, /\nIt is let through already\.$/)
})

t.test('diff tells what changed, and never that nothing did beside a change', async (t) => {
  const cases: [after: string, firstLine: RegExp, rest: number][] = [
    [RULES, /^no difference: both are sha256:/, 0],
    [RULES.replace('[443, 444]', '443-444'), /^written differently, with the same meaning: both are sha256:/, 2],
    [RULES.replace('tests:', '  - { id: later, service: any, action: log, mode: off }\ntests:'), /^written diff/, 1],
    [RULES.replace('action: block', 'action: log'), /^rule zoom-fixed-only: action block → log$/, 3],
  ]
  for (const [text, firstLine, rest] of cases) {
    const after = write('after.yaml', text)
    const { code, out } = await said((io) =>
      diff({ before: good, after, at: undefined, catalogue: undefined, json: false }, io),
    )
    const lines = out.split('\n')
    t.equal(code, 0)
    t.match(lines[0], firstLine)
    t.equal(lines.length - 1, rest, out)
  }
  const both = await said((io) =>
    diff({ before: bad, after: good, at: undefined, catalogue: undefined, json: true }, io),
  )
  t.match(JSON.parse(both.out), { ok: false, problems: [{ file: bad }] })
})

t.test('explain has the keys that programs rely on', async (t) => {
  const { out } = await said(commands(good, true).explain)
  const verdict = JSON.parse(out)
  t.strictSame(Object.keys(verdict), [
    'action',
    'mode',
    'segment',
    'medium',
    'service',
    'rule',
    'exception',
    'reason',
    'evidence',
    'steps',
  ])
  t.match(verdict, { action: 'block', segment: 'wifi', medium: 'wireless', exception: null, reason: 'No' })
})

t.test('what cannot be read on the command line is a mistake of usage, with the remedy', async (t) => {
  const ask = { ...ASKED, file: good }
  const cases: [flags: object, message: RegExp][] = [
    [{ from: '10.20' }, /^--from 10\.20 is not an IP address/],
    [{ to: 'zoom.us:0' }, /^--to: "zoom\.us:0" has no port/],
    [{ sni: 'zoom us' }, /^--sni: "zoom us" is no /],
    [{ at: 'noon' }, /^--at: "noon" is no time/],
    [{ whyNot: 'block' }, /^--why-not block is not known; write --why-not allow/],
  ]
  for (const [flags, message] of cases) {
    const run = said((io) => explain({ ...ask, ...flags, catalogue: undefined, json: false }, io))
    await t.rejects(run, { name: 'UsageError', message })
  }
})

t.test('classify: a line for each target, in order, from arguments or standard input', async (t) => {
  const rows: [target: string, service: string, evidence: string | RegExp][] = [
    ['https://user:pw@US04web.ZOOM.us./j/1?x=y', 'zoom', 'zoom.us'],
    ['3.7.35.9:8801', 'zoom', '3.7.35.0/25'],
    ['[::ffff:3.7.35.9]:443', 'zoom', '3.7.35.0/25'],
    ['meet.example', 'ours', 'meet.example'],
    ['x.meet.example', '-', '-'],
    ['accounts.google.com', '-', '-'],
    ['zoom.us:0', '-', /^error: "zoom\.us:0" has no port/],
  ]
  const targets = rows.map(([target]) => target)
  const ask = { file: good, catalogue: undefined, json: false }
  const byArgument = await said((io) => classify({ ...ask, targets }, io))
  const byInput = await said((io) => classify({ ...ask, targets: [] }, io), ['', ...targets, '  '])
  t.strictSame(byArgument, byInput)
  t.equal(byArgument.code, 1, 'one target could not be read')
  const lines = byArgument.out.split('\n').map((line) => line.split('\t'))
  for (const [index, want] of rows.entries()) t.match(lines[index], want)
  t.equal((await said((io) => classify({ ...ask, targets: targets.slice(0, -1) }, io))).code, 0)
})
