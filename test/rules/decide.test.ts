/** `decide`, row by row of the table of decisions, and for any evidence at all. */
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { parseAddress } from '../../rules/address.ts'
import { assemble } from '../../rules/assemble.ts'
import { withLifts } from '../../rules/breakglass.ts'
import { decide, isStricter, portIsOpenFor } from '../../rules/decide.ts'
import { canonicalHost } from '../../rules/host.ts'
import type { Address, Evidence } from '../../rules/model.ts'
import { parseTarget } from '../../rules/target.ts'
import { compiled } from '../compiled.ts'
import { AT, DECISIONS, type DecisionCase, POLICIES } from '../decisions.ts'
import fc from '../properties.ts'

const policies = Object.fromEntries(Object.entries(POLICIES).map(([name, yaml]) => [name, compiled(yaml)]))
const office = compiled(POLICIES.office)

const address = (text: string): Address => {
  const parsed = parseAddress(text)
  if (parsed === null) throw new Error(`no address: ${text}`)
  return parsed
}

const name = (text: string | undefined): string | null => {
  const host = text === undefined ? null : canonicalHost(text)
  if (host?.kind === 'address') return host.address.text
  return host?.kind === 'name' ? host.name : null
}

function evidenceOf({
  from,
  to,
  resolved,
  sni,
  httpHost,
  at = AT,
}: Omit<DecisionCase, 'name' | 'policy' | 'want'>): Evidence {
  const target = parseTarget(to)
  if (typeof target === 'string') throw new Error(target)
  return {
    source: address(from),
    at: Date.parse(at),
    host: target.host,
    address: resolved === undefined ? target.address : address(resolved),
    port: target.port,
    serverName: name(sni),
    httpHost: name(httpHost),
  }
}

const policyOf = (row: DecisionCase) => policies[row.policy] ?? office

for (const row of DECISIONS) {
  t.test(`${row.policy}: ${row.name}`, async (t) => {
    const verdict = decide(policyOf(row), evidenceOf(row))
    const exception = verdict.exception === null ? '' : ` by ${verdict.exception}`
    t.equal(`${verdict.action} ${verdict.rule}${exception}`, row.want)
    if (row.segment !== undefined) t.equal(verdict.segment.id, row.segment)
    if (row.service !== undefined) t.equal(verdict.service, row.service)
    if (row.mode !== undefined) t.equal(verdict.mode, row.mode)
  })
}

t.test('a verdict carries what is said to the client, and what it rests on', async (t) => {
  const verdict = decide(
    office,
    evidenceOf({ from: '10.20.0.7', to: 'us04web.zoom.us', resolved: '3.7.35.1', sni: 'zoom.us' }),
  )
  t.strictSame(verdict, {
    action: 'block',
    mode: 'enforce',
    segment: { id: 'wifi', medium: 'wireless', shared: false },
    prefix: '10.20.0.0/16',
    service: 'zoom',
    category: 'meeting',
    rule: 'zoom-fixed-only',
    exception: null,
    reason: { '': 'Memo 2020-04: conferencing only from fixed-connection computers' },
    alternative: {
      en: 'Use the dial-in bridge, extension 4711.',
      de: 'Bitte die Telefonkonferenz nutzen, Durchwahl 4711.',
    },
    evidence: [
      { kind: 'host', value: 'us04web.zoom.us', match: 'zoom.us', service: 'zoom' },
      { kind: 'address', value: '3.7.35.1', match: '3.7.35.0/25', service: 'zoom' },
      { kind: 'sni', value: 'zoom.us', match: 'zoom.us', service: 'zoom' },
    ],
  })
  t.equal(decide(office, evidenceOf({ from: '192.0.2.7', to: 'webex.com' })).segment.shared, true)
  t.strictSame(decide(office, evidenceOf({ from: '10.20.0.7', to: 'example.org' })).evidence, [])
  const refused = decide(office, evidenceOf({ from: '203.0.113.9', to: 'zoom.us' }))
  t.match(refused, { prefix: null, category: 'meeting', reason: null, alternative: null })
})

t.test('the steps are told in plain words', async (t) => {
  const steps: string[] = []
  decide(office, evidenceOf({ from: '10.20.5.1', to: 'us04web.zoom.us', sni: 'hall.example' }), (step) =>
    steps.push(step),
  )
  t.strictSame(steps, [
    '10.20.5.1 is in segment wifi (wireless) by 10.20.0.0/16',
    'us04web.zoom.us is zoom by zoom.us',
    'SNI hall.example is town-hall by hall.example',
    'rule experiment: is off → no match',
    'exception g7-prep: in force until 2026-12-31T17:00:00Z → lifts zoom-fixed-only',
    'rule zoom-fixed-only: service is zoom, medium is wireless, not excepted, but lifted → no match',
    'rule guests-no-webex: service is zoom, not cisco-webex → no match',
    'rule trial: category is meeting, not webinar → no match',
    'rule webinars: category is meeting, not webinar → no match',
    'rule roaming-meetings: category is meeting, segment is wifi → log',
    'let through where zoom-fixed-only would have matched: exception g7-prep → except',
    'rule experiment: is off → no match',
    'rule zoom-fixed-only: service is town-hall, not zoom or partner-meet → no match',
    'rule guests-no-webex: service is town-hall, not cisco-webex → no match',
    'exception guest-day: segment wifi is not in guests → does not lift trial',
    'rule trial: category is webinar, medium is wireless → would-block (mode monitor)',
    'the strictest verdict stands: town-hall, would-block by trial',
  ])
})

t.test("a service's own ports are open for its own names and addresses only", async (t) => {
  const cases = [
    { to: 'meet.partner.example:8444', want: true },
    { to: 'meet.partner.example:8445', want: true },
    { to: 'meet.partner.example:8446', want: false },
    { to: '198.51.100.1:8443', want: true },
    { to: '198.51.100.16:8443', want: false },
    { to: 'example.org:8443', want: false },
    { to: 'example.org:8443', resolved: '198.51.100.1', want: true },
    { to: 'cdn.cookielaw.org:8443', resolved: '198.51.100.1', want: false },
    { to: 'zoom.us:8801', want: true },
    { to: 'zoom.us:8444', want: false },
  ]
  for (const { want, ...row } of cases)
    t.equal(portIsOpenFor(office, evidenceOf({ from: '10.20.0.7', ...row })), want, row.to)
})

const hosts = [
  'zoom.us',
  'us04web.zoom.us',
  'webex.com',
  'hall.example',
  'cdn.cookielaw.org',
  'meet.google.com',
  'example.org',
  '',
]
const anyHost = fc.option(fc.oneof(fc.constantFrom(...hosts), fc.string({ unit: 'binary', maxLength: 300 })))
const word = fc.integer({ min: 0, max: 0xffffffff })
const known = fc
  .constantFrom('10.20.5.1', '10.20.0.7', '10.10.0.7', '192.0.2.7', '3.7.35.1', '198.51.100.1', '203.0.113.9')
  .map(address)
const anyAddress = fc.oneof(
  known,
  fc.record({ family: fc.constantFrom(4 as const, 6 as const), a: word, b: word, c: word, d: word, text: fc.string() }),
)
const anyInstant = fc.oneof(fc.integer({ min: Date.parse('2026-11-01Z'), max: Date.parse('2027-01-31Z') }), fc.double())
const anyEvidence: fc.Arbitrary<Evidence> = fc.record({
  source: anyAddress,
  at: anyInstant,
  host: anyHost,
  address: fc.option(anyAddress),
  port: fc.integer(),
  serverName: anyHost,
  httpHost: anyHost,
})
const anyPolicy = fc.constantFrom(...Object.values(policies))

t.test('any evidence at all gets a verdict, told or not', async () => {
  fc.assert(
    fc.property(anyPolicy, anyEvidence, (policy, evidence) => {
      const steps: string[] = []
      const told = decide(policy, evidence, (step) => steps.push(step))
      const verdict = decide(policy, evidence)
      if (JSON.stringify(told) !== JSON.stringify(verdict)) return false
      // The story ends as the verdict says: for one service its last arrow is the action.
      const services = new Set(verdict.evidence.map(({ service }) => service))
      return services.size > 1 || verdict.rule === 'ip_literals' || steps.at(-1)?.includes(verdict.action) === true
    }),
    { numRuns: 3000 },
  )
})

t.test('evidence that grows never makes the verdict less strict', async () => {
  fc.assert(
    fc.property(anyPolicy, anyEvidence, anyAddress, (policy, full, bare) => {
      // What was asked for comes first: a name, or a bare address.
      const start = full.host === null ? bare : null
      const stages: Evidence[] = [
        { ...full, address: start, serverName: null, httpHost: null },
        { ...full, address: start ?? full.address, serverName: null, httpHost: null },
        { ...full, address: start ?? full.address, httpHost: null },
        { ...full, address: start ?? full.address },
      ]
      const lifted = withLifts(policy, [
        { id: 'breakglass-20261202T100000Z', rules: ['all'], until: Number.POSITIVE_INFINITY },
      ])
      return [policy, lifted].every((judging) => {
        const verdicts = stages.map((evidence) => decide(judging, evidence))
        return verdicts.every((verdict, stage) => stage === 0 || !isStricter(verdicts[stage - 1] ?? verdict, verdict))
      })
    }),
    { numRuns: 3000 },
  )
})

t.test('a policy that another thread puts together says the same, without a copy of the tables', async (t) => {
  const others = new Map(
    Object.values(policies).map((policy) => [policy, assemble(structuredClone(policy.blueprint))] as const),
  )
  fc.assert(
    fc.property(anyPolicy, anyEvidence, (policy, evidence) => {
      const other = others.get(policy) ?? policy
      return (
        isDeepStrictEqual(decide(policy, evidence), decide(other, evidence)) &&
        portIsOpenFor(policy, evidence) === portIsOpenFor(other, evidence)
      )
    }),
    { numRuns: 2000 },
  )
  for (const [policy, other] of others) {
    t.strictSame(JSON.parse(JSON.stringify(other.file)), JSON.parse(JSON.stringify(policy.file)))
    const entries = ({ services }: typeof policy) => [...services.values()].map(({ entry }) => entry)
    t.strictSame(JSON.parse(JSON.stringify(entries(other))), JSON.parse(JSON.stringify(entries(policy))))
    const [ours, theirs] = [policy.blueprint.names.index.slots, other.blueprint.names.index.slots]
    ours[0] = 7
    t.equal(theirs[0], 7, 'what one writes the other reads')
  }
})
