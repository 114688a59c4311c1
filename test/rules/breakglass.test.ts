/** Break-glass over a compiled policy: what it lets through, what it leaves alone, and that it ends at its instant. */

import t from 'tap'
import { ALL_RULES, liftProblem, type RuleLift, withLifts } from '../../rules/breakglass.ts'
import { decide } from '../../rules/decide.ts'
import type { Evidence, RuleEntry, RuleFile } from '../../rules/model.ts'
import { parseTarget } from '../../rules/target.ts'
import { compiled } from '../compiled.ts'
import fc from '../properties.ts'
import { anyRuleFile, asking, compileSmall, EPOCH, HOUR, prefix, SOURCES } from './small-rules.ts'

const UNTIL = Date.parse('2026-12-02T18:00:00Z')
const RULES = `version: 1
name: office
unknown_clients: refuse
otherwise: block
ip_literals: block
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
rules:
  - { id: zoom-fixed-only, service: zoom, except: { medium: wired }, action: block }
  - { id: no-zoom-at-night, service: zoom, during: { days: mon-sun, hours: 20:00-06:00, zone: UTC }, action: block }
  - { id: zoom-watched, service: zoom, action: log }
  - { id: teams-off, service: microsoft-teams, action: block, mode: off }
  - { id: webex-tried, service: cisco-webex, action: block, mode: monitor }
exceptions:
  - { id: g7, rule: zoom-fixed-only, from: [10.20.5.0/24], expires: 2026-12-31T18:00:00Z, reason: r, ticket: t, approver: a }
`
const policy = compiled(RULES)
const lift = (...rules: readonly string[]): RuleLift => ({ id: 'breakglass-20261202T100000Z', rules, until: UNTIL })

function verdictOf(over: typeof policy, from: string, to: string, at: number): string {
  const target = parseTarget(to)
  if (typeof target === 'string') throw new Error(target)
  const { host, address, port } = target
  const source = prefix(`${from}/32`).base
  const { action, rule, exception } = decide(over, {
    source,
    at,
    host,
    address,
    port,
    serverName: null,
    httpHost: null,
  })
  return `${action} ${rule} ${exception ?? ''}`.trim()
}

const DAY = UNTIL - 1
const NIGHT = Date.parse('2026-12-02T05:00:00Z')
const cases: readonly (readonly [
  name: string,
  lifted: readonly string[],
  from: string,
  to: string,
  at: number,
  want: string,
])[] = [
  [
    'a lifted rule',
    ['zoom-fixed-only'],
    '10.20.0.7',
    'zoom.us:443',
    DAY,
    'except zoom-fixed-only breakglass-20261202T100000Z',
  ],
  ['the instant of its end', ['zoom-fixed-only'], '10.20.0.7', 'zoom.us:443', UNTIL, 'block zoom-fixed-only'],
  ['another rule goes on blocking', ['zoom-fixed-only'], '10.20.0.7', 'zoom.us:443', NIGHT, 'block no-zoom-at-night'],
  [
    'another rule is told where it alone is lifted',
    ['no-zoom-at-night'],
    '10.10.0.7',
    'zoom.us:443',
    NIGHT,
    'except no-zoom-at-night breakglass-20261202T100000Z',
  ],
  ['whom no rule blocked', ['zoom-fixed-only'], '10.10.0.7', 'zoom.us:443', DAY, 'log zoom-watched'],
  [
    'what an exception let through needed no break-glass',
    ['zoom-fixed-only'],
    '10.20.5.7',
    'zoom.us:443',
    DAY,
    'except zoom-fixed-only g7',
  ],
  [
    'what an exception alone would not have let through did',
    ['no-zoom-at-night'],
    '10.20.5.7',
    'zoom.us:443',
    NIGHT,
    'except no-zoom-at-night breakglass-20261202T100000Z',
  ],
  ['all', ['all'], '10.20.0.7', 'zoom.us:443', NIGHT, 'except zoom-fixed-only breakglass-20261202T100000Z'],
  ['all, at its end', ['all'], '10.20.0.7', 'meet.google.com:443', UNTIL, 'block otherwise'],
  [
    'all lifts otherwise',
    ['all'],
    '10.20.0.7',
    'meet.google.com:443',
    DAY,
    'except otherwise breakglass-20261202T100000Z',
  ],
  [
    'all lifts ip_literals',
    ['all'],
    '10.20.0.7',
    '192.0.2.1:443',
    DAY,
    'except ip_literals breakglass-20261202T100000Z',
  ],
  ['all, at its end, for a bare address', ['all'], '10.20.0.7', '192.0.2.1:443', UNTIL, 'block ip_literals'],
  [
    'otherwise by its name',
    ['otherwise'],
    '10.20.0.7',
    'meet.google.com:443',
    DAY,
    'except otherwise breakglass-20261202T100000Z',
  ],
  [
    'ip_literals by its name',
    ['ip_literals'],
    '10.20.0.7',
    '192.0.2.1:443',
    DAY,
    'except ip_literals breakglass-20261202T100000Z',
  ],
  ['a rule that is named, not the others', ['otherwise'], '10.20.0.7', '192.0.2.1:443', DAY, 'block ip_literals'],
  [
    'a rule that is off stays so',
    ['all'],
    '10.20.0.7',
    'teams.microsoft.com:443',
    DAY,
    'except otherwise breakglass-20261202T100000Z',
  ],
  ['a monitored rule goes on telling', ['all'], '10.20.0.7', 'webex.com:443', DAY, 'would-block webex-tried'],
  ['unknown clients', ['all'], '172.16.0.1', 'zoom.us:443', DAY, 'refuse unknown_clients'],
  ['traffic of no service', ['all'], '10.20.0.7', 'example.org:443', DAY, 'allow none'],
]

t.test('what break-glass lets through, and what not', async (t) => {
  for (const [name, rules, from, to, at, want] of cases)
    t.equal(verdictOf(withLifts(policy, [lift(...rules)]), from, to, at), want, name)
})

t.test('of two services it is told before what is let through anyway, and after what is blocked', async (t) => {
  const { source, at, port } = { source: prefix('10.20.0.7/32').base, at: NIGHT, port: 443 }
  const both = (host: string, serverName: string, ...rules: readonly string[]) => {
    const evidence = { source, at, host, address: null, port, serverName, httpHost: null }
    const { action, service, exception } = decide(withLifts(policy, [lift(...rules)]), evidence)
    return `${action} ${service} ${exception ?? ''}`.trim()
  }
  const all = 'except google-meet breakglass-20261202T100000Z'
  t.equal(both('webex.com', 'meet.google.com', 'all'), all)
  t.equal(both('meet.google.com', 'webex.com', 'all'), all)
  t.equal(both('meet.google.com', 'zoom.us', 'otherwise'), 'block zoom')
})

t.test('two at once, and none', async (t) => {
  const two = withLifts(policy, [
    { id: 'breakglass-20261202T100000Z', rules: ['zoom-fixed-only'], until: UNTIL },
    { id: 'breakglass-20261202T110000Z', rules: [ALL_RULES], until: UNTIL + HOUR },
  ])
  t.equal(verdictOf(two, '10.20.0.7', 'zoom.us:443', DAY), 'except zoom-fixed-only breakglass-20261202T100000Z')
  t.equal(
    verdictOf(two, '10.20.0.7', 'zoom.us:443', UNTIL),
    'except zoom-fixed-only breakglass-20261202T110000Z',
    'each to its own end',
  )
  t.equal(verdictOf(two, '10.20.0.7', 'zoom.us:443', UNTIL + HOUR), 'block zoom-fixed-only')
  t.equal(withLifts(policy, []), policy)
  t.equal(two.revision, policy.revision, 'the rules as written are the same')
  t.equal(two.seats, policy.seats, 'no table is made anew')
  t.equal(verdictOf(policy, '10.20.0.7', 'zoom.us:443', DAY), 'block zoom-fixed-only', 'what it lies over is as it was')
})

const problems: readonly (readonly [rules: readonly string[], want: RegExp | null])[] = [
  [['zoom-fixed-only'], null],
  [['all'], null],
  [['otherwise', 'ip_literals', 'no-zoom-at-night'], null],
  [
    ['zoom-fixed-onyl'],
    /there is no rule "zoom-fixed-onyl"; did you mean "zoom-fixed-only"\?; what blocks is zoom-fixed-only, no-zoom-at-night, otherwise, ip_literals$/,
  ],
  [['zoom-watched'], /"zoom-watched" does not block \(log\)/],
  [['webex-tried'], /does not block \(would-block\)/],
  [['teams-off'], /does not block \(off\)/],
  [['unknown_clients'], /never lifted/],
  [['all', 'otherwise'], /give it alone/],
  [[], /no rule is given/],
]

t.test('what cannot be lifted is told, with what can', async (t) => {
  for (const [rules, want] of problems)
    want === null ? t.equal(liftProblem(policy, rules), null, rules.join()) : t.match(liftProblem(policy, rules), want)
  const monitored = compiled(RULES, { monitor: true })
  t.match(liftProblem(monitored, ['all']), /nothing blocks under these rules \(mode monitor\)/)
})

const anyAsked = fc.record({
  source: fc.constantFrom(null, ...SOURCES),
  host: fc.constantFrom('x.example', 'y.example', 'z.example', 'other.example', null),
  hours: fc.integer({ min: 0, max: 99 }),
})

t.test(
  'over any rules: as if the lifted ones were off, from no request more is taken, and all is over at its end',
  async (t) => {
    const blocks = ({ action, mode }: RuleEntry, file: RuleFile) =>
      action === 'block' && mode === 'enforce' && file.mode === 'enforce'
    const letsThrough = ({ action }: { readonly action: string }) => action !== 'block' && action !== 'refuse'
    const withoutRules = (file: RuleFile, rules: readonly string[]): RuleFile => {
      const isLifted = (id: string) => rules.includes(ALL_RULES) || rules.includes(id)
      return {
        ...file,
        rules: file.rules.map((rule) => (blocks(rule, file) && isLifted(rule.id) ? { ...rule, mode: 'off' } : rule)),
        otherwise: file.otherwise === 'block' && isLifted('otherwise') ? 'log' : file.otherwise,
        ipLiterals: file.ipLiterals === 'block' && isLifted('ip_literals') ? 'log' : file.ipLiterals,
      }
    }
    const anyRules = fc.oneof(
      fc.constant([ALL_RULES]),
      fc.subarray(['r0', 'r1', 'r2', 'r3', 'otherwise', 'ip_literals']),
    )
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(
          anyRuleFile,
          anyRules,
          fc.array(anyAsked, { minLength: 5, maxLength: 20 }),
          (file, rules, asked) => {
            const base = compileSmall(file)
            const until = EPOCH + 100 * HOUR
            const open = withLifts(base, [{ id: 'breakglass-20261202T100000Z', rules, until }])
            const off = compileSmall(withoutRules(file, rules))
            for (const { source, host, hours } of asked) {
              const evidence: Evidence = asking(source, host, EPOCH + hours * HOUR)
              const before = decide(base, evidence)
              const during = decide(open, evidence)
              const isOver = decide(open, { ...evidence, at: until })
              if (JSON.stringify(isOver) !== JSON.stringify(decide(base, { ...evidence, at: until }))) return false
              if (before.action !== 'block' && JSON.stringify(during) !== JSON.stringify(before)) return false
              if (letsThrough(during) !== letsThrough(decide(off, evidence))) return false
              const isOpened = before.action === 'block' && letsThrough(during)
              if (isOpened && `${during.action} ${during.exception}` !== 'except breakglass-20261202T100000Z')
                return false
            }
            return true
          },
        ),
        { numRuns: 1000 },
      ),
    )
  },
)

t.test('what is let through has the rule to name that would have blocked it first', async (t) => {
  const over = withLifts(compiled(RULES.replace(/^.*zoom-watched.*\n/m, '')), [lift(ALL_RULES)])
  const at = Date.parse('2026-12-02T12:00:00Z')
  t.equal(verdictOf(over, '10.20.0.7', 'zoom.us', at), 'except zoom-fixed-only breakglass-20261202T100000Z')
})
