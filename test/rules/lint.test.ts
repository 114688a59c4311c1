/** What `lint` warns of, what it never says, and what the tests of a rule file report. */

import t from 'tap'
import { lint } from '../../rules/change/lint.ts'
import { runTests } from '../../rules/change/policy-tests.ts'
import { unreachableRules } from '../../rules/change/reach.ts'
import { decide } from '../../rules/decide.ts'
import type { RuleEntry } from '../../rules/model.ts'
import { compiled, TODAY } from '../compiled.ts'
import { POLICIES } from '../decisions.ts'
import fc from '../properties.ts'
import { anyRuleFile, asking, compileSmall, EPOCH, HOUR, SOURCES } from './small-rules.ts'

const HEAD = `
version: 1
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
  lab: { medium: wireless, prefixes: [10.25.0.0/16] }
`
const EXCEPTION = (rule: string, scope: string, expires = '2026-12-31T00:00:00Z') =>
  `exceptions: [{ id: e, rule: ${rule}, ${scope}, expires: ${expires}, reason: r, ticket: t, approver: a }]\n`
const DAY = 'zone: Europe/Berlin }'

const rules = (...list: string[]) => `rules:\n${list.map((rule) => `  - { ${rule} }\n`).join('')}`
const dead = (yaml: string, classify = false) => {
  const policy = compiled(HEAD.replace('refuse', classify ? 'classify' : 'refuse') + yaml)
  return unreachableRules(policy, TODAY).map(({ rule, because }) => `${rule.id}: ${because}`)
}
const behind = (...ids: string[]) =>
  `b: ${ids.map((id) => `"${id}"`).join(' and ')} ${ids.length > 1 ? 'decide' : 'decides'} every case before it; move it up, or remove it`
const NOBODY = 'b: no client and no service in these files meet its conditions; correct them, or remove the rule'

t.test('a rule that earlier ones leave nothing to is named', async (t) => {
  const A = 'id: a, service: any, action: log'
  const cases: { name: string; yaml: string; want: string[]; classify?: boolean }[] = [
    {
      name: 'a narrower rule after a wider one',
      yaml: rules(A, 'id: b, service: zoom, action: block'),
      want: [behind('a')],
    },
    { name: 'a wider rule after a narrower one', yaml: rules('id: b, service: zoom, action: block', A), want: [] },
    {
      name: 'the same rule again',
      yaml: rules('id: a, category: meeting, action: log', 'id: b, category: meeting, action: block'),
      want: [behind('a')],
    },
    {
      name: 'two rules that together leave nothing',
      yaml: rules(
        'id: a, service: zoom, medium: wired, action: log',
        'id: c, service: zoom, segment: [wifi, lab], action: log',
        'id: b, service: zoom, action: block',
      ),
      want: [behind('a', 'c')],
    },
    {
      name: 'the unknown clients are left, where they are classified',
      yaml: rules(
        'id: a, service: zoom, medium: wired, action: log',
        'id: c, service: zoom, segment: [wifi, lab], action: log',
        'id: b, service: zoom, action: block',
      ),
      want: [],
      classify: true,
    },
    {
      name: 'what except leaves out is left',
      yaml: rules('id: a, service: any, except: { medium: wired }, action: log', 'id: b, service: zoom, action: block'),
      want: [],
    },
    {
      name: 'a rule that is off hides nothing',
      yaml: rules(`${A}, mode: off`, 'id: b, service: zoom, action: block'),
      want: [],
    },
    {
      name: 'a rule that is off is not named',
      yaml: rules(A, 'id: b, service: zoom, action: block, mode: off'),
      want: [],
    },
    {
      name: 'a monitored rule hides like any other',
      yaml: rules(`${A}, mode: monitor`, 'id: b, service: zoom, action: block'),
      want: [behind('a')],
    },
    { name: 'no such medium', yaml: rules('id: b, service: any, medium: mobile, action: block'), want: [NOBODY] },
    {
      name: 'unknown clients, refused',
      yaml: rules('id: b, service: any, medium: unknown, action: block'),
      want: [NOBODY],
    },
    {
      name: 'unknown clients, classified',
      yaml: rules('id: b, service: any, medium: unknown, action: block'),
      want: [],
      classify: true,
    },
    {
      name: 'a rule with hours hides none without',
      yaml: rules(`${A}, during: { hours: 08:00-18:00, ${DAY}`, 'id: b, service: zoom, action: block'),
      want: [],
    },
    {
      name: 'a rule with hours hides one with fewer',
      yaml: rules(
        `${A}, during: { hours: 08:00-18:00, ${DAY}`,
        `id: b, service: zoom, action: block, during: { days: mon, hours: 09:00-18:00, ${DAY}`,
      ),
      want: [behind('a')],
    },
    {
      name: 'but not in another zone',
      yaml: rules(
        `${A}, during: { hours: 08:00-18:00, ${DAY}`,
        'id: b, service: zoom, action: block, during: { days: mon, hours: 09:00-18:00, zone: UTC }',
      ),
      want: [],
    },
    {
      name: 'day and night together hide all',
      yaml: rules(
        `${A}, during: { hours: 06:00-22:00, ${DAY}`,
        `id: c, service: any, action: log, during: { hours: 22:00-06:00, ${DAY}`,
        'id: b, service: zoom, action: block',
      ),
      want: [behind('a', 'c')],
    },
    {
      name: 'day and night with a minute between do not',
      yaml: rules(
        `${A}, during: { hours: 06:00-21:59, ${DAY}`,
        `id: c, service: any, action: log, during: { hours: 22:00-06:00, ${DAY}`,
        'id: b, service: zoom, action: block',
      ),
      want: [],
    },
    {
      name: 'an exception lets others through to it',
      yaml: rules(A, 'id: b, service: zoom, action: block') + EXCEPTION('a', 'from: 10.20.1.0/24'),
      want: [],
    },
    {
      name: 'an exception for a segment only there',
      yaml: rules(A, 'id: b, service: zoom, segment: desks, action: block') + EXCEPTION('a', 'segment: wifi'),
      want: [behind('a')],
    },
    {
      name: 'an exception for another segment of the same medium too',
      yaml: rules(A, 'id: b, service: zoom, action: block') + EXCEPTION('a', 'segment: lab'),
      want: [],
    },
    {
      name: 'an expired exception no longer',
      yaml: rules(A, 'id: b, service: zoom, action: block') + EXCEPTION('a', 'segment: wifi', '2026-11-01T00:00:00Z'),
      want: [behind('a')],
    },
  ]
  for (const { name, yaml, want, classify } of cases) t.strictSame(dead(yaml, classify), want, name)
})

t.test('a rule that decides some request is never named', async (t) => {
  let named = 0
  fc.assert(
    fc.property(anyRuleFile, (file) => {
      const policy = compileSmall(file)
      const unreachable = new Set(unreachableRules(policy, EPOCH).map(({ rule }) => rule.id))
      named += unreachable.size
      if (unreachable.size === 0) return true
      for (const source of SOURCES) {
        for (const host of ['x.example', 'y.example', 'z.example']) {
          for (let hour = 0; hour < 7 * 24; hour += 3) {
            const verdict = decide(policy, asking(source, host, EPOCH + hour * HOUR))
            if (verdict.exception === null && unreachable.has(verdict.rule)) return false
          }
        }
      }
      return true
    }),
    { numRuns: 300 },
  )
  t.ok(named > 100, `${named} were named`)
})

t.test('ten thousand segments take no longer than their kinds', async (t) => {
  const policy = compiled(HEAD)
  const segments = Array.from(
    { length: 10_000 },
    (_, index) => `  s${index}: { medium: wireless, prefixes: [10.${32 + (index >> 8)}.${index & 255}.0/24] }`,
  )
  const groups = `groups: { segments: { some: [${Array.from({ length: 2000 }, (_, i) => `s${i * 5}`).join(', ')}] } }\n`
  const many = compiled(
    `${HEAD}${segments.join('\n')}\n${groups}${rules('id: a, service: zoom, segment: some, action: block', 'id: b, service: any, action: log', 'id: c, service: zoom, action: block')}`,
  )
  t.equal(policy.candidates.segmentKinds.length, 3)
  t.equal(many.candidates.segmentKinds.length, 4)
  t.strictSame(
    unreachableRules(many, TODAY).map(({ rule }) => rule.id),
    ['c'],
  )
})

t.test('a test is told what keeps it from meaning something', async (t) => {
  const zoom = 'id: z, service: zoom, medium: wireless, action: block'
  const hours = `during: { hours: 08:00-18:00, ${DAY}`
  const test = (text: string) => `tests: [{ ${text} }]\n`
  const clock = (answers: string, by: string) =>
    `error: the answer to this test changes with time: ${answers}, by ${by}; add "at"`
  const open = EXCEPTION('z', 'from: 10.20.1.0/24')
  const cases: { name: string; yaml: string; want: string[] }[] = [
    { name: 'nothing', yaml: rules(zoom) + test('from: 10.20.1.1, to: zoom.us, expect: block, rule: z'), want: [] },
    {
      name: 'a during decides',
      yaml: rules(`${zoom}, ${hours}`) + test('from: 10.20.1.1, to: zoom.us, expect: block'),
      want: [clock('block or allow', 'the "during" of rule "z"')],
    },
    {
      name: 'at is given',
      yaml: rules(`${zoom}, ${hours}`) + test('from: 10.20.1.1, to: zoom.us, expect: block, at: 2026-12-02T10:00:00Z'),
      want: [],
    },
    {
      name: 'a during of a rule that is for others',
      yaml: rules(`${zoom}, ${hours}`) + test('from: 10.10.1.1, to: zoom.us, expect: allow'),
      want: [],
    },
    {
      name: 'a during after the decision',
      yaml:
        rules(zoom, `id: y, service: zoom, action: log, ${hours}`) +
        test('from: 10.20.1.1, to: zoom.us, expect: block'),
      want: [],
    },
    {
      name: 'a during that changes the rule but not the action',
      yaml:
        rules(`${zoom}, ${hours}`, 'id: y, service: zoom, action: block') +
        test('from: 10.20.1.1, to: zoom.us, expect: block'),
      want: [],
    },
    {
      name: 'which matters where the test names the rule',
      yaml:
        rules(`${zoom}, ${hours}`, 'id: y, service: zoom, action: block') +
        test('from: 10.20.1.1, to: zoom.us, expect: block, rule: z'),
      want: [clock('block by z or block by y', 'the "during" of rule "z"')],
    },
    {
      name: 'an exception decides',
      yaml: rules(zoom) + open + test('from: 10.20.1.1, to: zoom.us, expect: except'),
      want: [clock('block or except', 'exception "e"')],
    },
    {
      name: 'an exception for others',
      yaml: rules(zoom) + open + test('from: 10.20.2.1, to: zoom.us, expect: block'),
      want: [],
    },
    {
      name: 'an exception that has expired',
      yaml:
        rules(zoom) +
        EXCEPTION('z', 'from: 10.20.1.0/24', '2026-11-01T00:00:00Z') +
        test('from: 10.20.1.1, to: zoom.us, expect: block'),
      want: [],
    },
    {
      name: 'evidence that blocks anyway',
      yaml:
        rules(`${zoom}, ${hours}`, 'id: y, service: webex, action: block') +
        test('from: 10.20.1.1, to: webex.com, sni: zoom.us, expect: block'),
      want: [],
    },
    {
      name: 'an unknown client is refused at any time',
      yaml: rules(`${zoom}, ${hours}`) + test('from: 203.0.113.1, to: zoom.us, expect: refuse'),
      want: [],
    },
    {
      name: 'a host of no service',
      yaml: rules(zoom) + test('from: 10.20.1.1, to: "https://zoom.example/j/1", expect: block'),
      want: [
        'warning: "https://zoom.example/j/1" is of no service, so no rule speaks of it; correct the name, or add it to a service',
      ],
    },
    {
      name: 'a host of no service, but an SNI',
      yaml: rules(zoom) + test('from: 10.20.1.1, to: zoom.example, sni: zoom.us, expect: block'),
      want: [],
    },
    {
      name: 'a host of no service, as expected',
      yaml: rules(zoom) + test('from: 10.20.1.1, to: zoom.example, expect: allow, rule: none'),
      want: [],
    },
    { name: 'a bare address', yaml: rules(zoom) + test('from: 10.20.1.1, to: 203.0.113.80, expect: log'), want: [] },
  ]
  for (const { name, yaml, want } of cases) {
    const problems = lint(compiled(HEAD + yaml), TODAY)
    t.strictSame(
      problems.map(({ severity, message }) => `${severity}: ${message}`),
      want,
      name,
    )
  }
  const [warning] = lint(
    compiled(HEAD + rules('id: a, service: any, action: log', 'id: b, service: zoom, action: block')),
    TODAY,
  )
  t.match(warning, {
    severity: 'warning',
    file: 'rules.yaml',
    line: 10,
    message: 'rule "b" can never match: "a" decides every case before it',
  })
})

t.test('the tests of a rule file are run, and what they miss is told', async (t) => {
  const policy = compiled(`${POLICIES.office}tests:
  - { from: 10.20.0.7, to: "us04web.zoom.us:443", expect: block, rule: zoom-fixed-only }
  - { from: 10.10.0.7, to: "https://zoom.us/j/1", expect: block }
  - { from: 10.20.0.7, to: example.org, sni: hall.example, expect: would-block, rule: webinars }
  - { from: 10.20.5.1, to: zoom.us, expect: except, at: 2026-12-02T10:00:00Z }
  - { from: 10.20.5.1, to: zoom.us, expect: block }
`)
  const report = runTests(policy, policy.file.tests, TODAY)
  t.equal(report.passed, 3)
  t.equal(report.failed, 2)
  t.strictSame(
    report.failures.map(({ message, expected, got }) => [message, expected, got]),
    [
      ['10.10.0.7 to https://zoom.us/j/1: expected block, got allow by otherwise', 'block', 'allow by otherwise'],
      [
        '10.20.0.7 to example.org: expected would-block by webinars, got would-block by trial',
        'would-block by webinars',
        'would-block by trial',
      ],
    ],
  )
  t.match(report.failures[0]?.place, { file: 'rules.yaml', column: 5 })
  t.strictSame(report.coverage, {
    rules: [
      { id: 'zoom-fixed-only', hit: true },
      { id: 'guests-no-webex', hit: false },
      { id: 'trial', hit: true },
      { id: 'webinars', hit: false },
      { id: 'roaming-meetings', hit: false },
    ],
    segments: ['atrium', 'guests', 'vpn'],
    services: ['cisco-webex', 'partner-meet'],
    exceptions: ['guest-day'],
  })
  const [test] = policy.file.tests
  if (test === undefined) throw new Error('the file has tests')
  const broken = runTests(
    policy,
    [
      { ...test, from: 'here' },
      { ...test, to: 'a b' },
      { ...test, serverName: '10.0.0.1' },
    ],
    TODAY,
  )
  t.strictSame(
    broken.failures.map(({ got }) => got.slice(0, 20)),
    ['from: "here" is no a', 'to: "a b" is no host', 'sni: "10.0.0.1" is n'],
  )
})

t.test('the rules of the tables of decisions are sound', async (t) => {
  const entries = (list: readonly { rule: RuleEntry }[]) => list.map(({ rule }) => rule.id)
  for (const [name, yaml] of Object.entries(POLICIES))
    t.strictSame(entries(unreachableRules(compiled(yaml), TODAY)), [], name)
})
