/** The commands as programs and scripts see them: exit codes, what stands on which stream, and the shape of `--json`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { command, type Ended, scratch } from './landline.ts'

const GOOD = `version: 1
name: office
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
rules: [{ id: zoom-fixed-only, service: zoom, except: { medium: wired }, action: block, reason: Memo 12 }]
tests: [{ from: 10.20.0.7, to: "us04web.zoom.us:443", expect: block, rule: zoom-fixed-only }]
`
const FILES: Readonly<Record<string, string>> = {
  'good.yaml': GOOD,
  'looser.yaml': GOOD.replace('action: block', 'action: log').replace('expect: block', 'expect: log'),
  'untrue.yaml': GOOD.replace('expect: block', 'expect: allow'),
  'bad.yaml': `${GOOD}rulez: []\nmode: sometimes\n`,
  'cases.yaml':
    'tests: [{ from: 10.10.0.7, to: zoom.us, expect: allow }, { from: 10.10.0.7, to: zoom.us, expect: block }]\n',
}
const dir = scratch(t)
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(dir, name), text)
const landline = (line: string, input?: string) => command(dir, line.split(' '), input)

const REVISION = /^sha256:[0-9a-f]{64}$/
const CELL = {
  segment: 'wifi',
  medium: 'wireless',
  service: 'zoom',
  action: 'block',
  rule: 'zoom-fixed-only',
  exceptions: [],
}

/** `want` is a part of the one value that is printed. */
const json: readonly (readonly [line: string, code: number, want: unknown])[] = [
  [
    'check good.yaml --json',
    0,
    { ok: true, name: 'office', revision: REVISION, counts: { segments: 2, rules: 1, tests: 1 }, problems: [] },
  ],
  [
    'check bad.yaml --json',
    1,
    {
      ok: false,
      problems: [{ severity: 'error', file: 'bad.yaml', line: 9, column: 1, message: /rulez/ }, { line: 10 }],
    },
  ],
  [
    'explain good.yaml --from 10.20.0.7 --to https://zoom.us/j/1 --json',
    0,
    {
      action: 'block',
      mode: 'enforce',
      segment: 'wifi',
      medium: 'wireless',
      service: 'zoom',
      rule: 'zoom-fixed-only',
      exception: null,
      reason: 'Memo 12',
      evidence: [{ kind: 'host', value: 'zoom.us', match: 'zoom.us', service: 'zoom' }],
      steps: [/10\.20\.0\.7/],
    },
  ],
  [
    'explain good.yaml --from 10.10.0.7 --to zoom.us --json',
    0,
    { action: 'allow', rule: 'otherwise', exception: null },
  ],
  ['test good.yaml --json', 0, { passed: 1, failed: 0, failures: [] }],
  [
    'test untrue.yaml --json',
    1,
    { passed: 0, failed: 1, failures: [{ place: { file: 'untrue.yaml', line: 8 }, expected: /allow/, got: /block/ }] },
  ],
  [
    'classify --json zoom.us. 3.7.35.1 notzoom.us',
    0,
    [
      { target: 'zoom.us.', service: 'zoom', evidence: 'zoom.us' },
      { service: 'zoom' },
      { service: null, evidence: null },
    ],
  ],
  [
    'diff good.yaml looser.yaml --json',
    0,
    {
      same: false,
      revisions: { before: REVISION, after: REVISION },
      changes: [/zoom-fixed-only/],
      cells: [{ segment: 'wifi', service: 'zoom' }],
    },
  ],
]
for (const [line, code, want] of json)
  t.test(`landline ${line}`, async (t) => {
    const { out, ...ended } = await landline(line)
    t.match(ended, { code, errors: '' })
    t.match(JSON.parse(out), want)
  })

t.test('landline matrix, for programs and for people', async (t) => {
  const value = JSON.parse((await landline('matrix good.yaml --json --at 2026-12-02T10:00:00Z')).out)
  t.match(value, { name: 'office', revision: REVISION, mode: 'enforce', at: '2026-12-02T10:00:00.000Z' })
  const cells: readonly Record<string, unknown>[] = value.cells
  t.match(
    cells.find(({ segment, service }) => segment === 'wifi' && service === 'zoom'),
    CELL,
  )
  const csv = (await landline('matrix good.yaml --csv')).out
  t.match(csv, /^segment,medium,service,action,/)
  t.match(csv, /^wifi,wireless,zoom,block,/m)
  t.match((await landline('matrix good.yaml --html')).out, /^<!doctype html>/i)
  t.match((await landline('matrix good.yaml')).out, /^wifi +wireless +zoom +block +zoom-fixed-only/m)
})

t.test('landline classify, of lines on standard input', async (t) => {
  const { code, out } = await landline(
    'classify --rules good.yaml',
    'US04web.Zoom.us:443\n\nexample.org\n[2620:0:890::1]:443\n',
  )
  t.equal(code, 0)
  t.equal(out, 'US04web.Zoom.us:443\tzoom\tzoom.us\nexample.org\t-\t-\n[2620:0:890::1]:443\t-\t-\n')
  t.match(await landline('classify --rules good.yaml', 'no host\nzoom.us\n'), {
    code: 1,
    out: /\nzoom\.us\tzoom\tzoom\.us\n$/,
  })
})

/** A part of what stands on standard output, or on standard error. */
const text: readonly (readonly [line: string, want: Partial<Record<keyof Ended, unknown>>])[] = [
  ['check good.yaml', { code: 0, out: /^good\.yaml: ok office sha256:[0-9a-f]{64} \(2 segments, .*\)\n$/, errors: '' }],
  [
    'check bad.yaml',
    { code: 1, out: '', errors: /^bad\.yaml:9:1: error: .*rulez.*\n.*bad\.yaml:10:\d+: error: .*sometimes/ },
  ],
  ['check nowhere.yaml', { code: 1, errors: /nowhere\.yaml/ }],
  [
    'test good.yaml cases.yaml',
    { code: 1, out: /^cases\.yaml:1:\d+: 10\.10\.0\.7 to zoom\.us: [\s\S]*\n2 passed, 1 failed\n$/ },
  ],
  ['explain good.yaml --from 10.20.0.7 --to zoom.us', { code: 0, out: /^block .*rule=zoom-fixed-only\n {2}/ }],
  ['diff good.yaml good.yaml', { code: 0, out: /^no difference/ }],
  ['explain bad.yaml --from 10.20.0.7 --to zoom.us', { code: 1, errors: /^bad\.yaml:9:1: error: / }],
  ['explain good.yaml --from nobody --to zoom.us', { code: 3, out: '', errors: /--from nobody/ }],
  ['explain good.yaml --from 10.20.0.7', { code: 3, out: '', errors: /--to/ }],
  ['matrix good.yaml --at yesterday', { code: 3, errors: /yesterday/ }],
  ['chek good.yaml', { code: 3, out: '', errors: /did you mean "check"/ }],
  ['--help', { code: 0, out: /^Usage: landline COMMAND/, errors: '' }],
]
for (const [line, want] of text)
  t.test(`landline ${line}`, async (t) => {
    t.match(await landline(line), want)
  })
