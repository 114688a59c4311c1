import { spawnSync } from 'node:child_process'
import { type OpenMetricsContentType, Counter as PromCounter, Histogram as PromHistogram, Registry } from 'prom-client'
import t from 'tap'
import { Counter, Histogram } from '../../metrics/counting.ts'
import { exposition, type Family } from '../../metrics/exposition.ts'
import { addUp, amountsOf, mergeFamilies } from '../../metrics/merge.ts'
import { createMetrics, type Metrics, type PolicyLabels } from '../../metrics/metrics.ts'
import { MOST_VALUES } from '../../metrics/series.ts'
import { createTrafficMetrics } from '../../metrics/traffic.ts'
import type { ExchangeEnd, Limit, SuspectReason } from '../../rules/events.ts'
import type { Verdict } from '../../rules/model.ts'

const POLICY: PolicyLabels = {
  name: 'foreign-office',
  revision: 'sha256:ab12',
  mode: 'enforce',
  segments: [
    { id: 'desks', medium: 'wired' },
    { id: 'wifi', medium: 'wireless' },
  ],
  services: ['zoom', 'webex'],
  rules: ['zoom-fixed-only', 'mobile-conferencing'],
  exceptions: [{ id: 'g7-prep', expiresAt: 1_798_000_000_000 }],
}

const REFERENCE = '0199c2a4-7f31-7c1e-9b52-3f0c8f2d61aa'

const BLOCKED: Verdict = {
  action: 'block',
  mode: 'enforce',
  segment: { id: 'wifi', medium: 'wireless', shared: false },
  prefix: '10.20.0.0/16',
  service: 'zoom',
  category: 'meeting',
  rule: 'zoom-fixed-only',
  exception: null,
  reason: null,
  alternative: null,
  evidence: [],
}

const END: ExchangeEnd = {
  kind: 'connect',
  outcome: 'denied',
  error: 'http_request_denied',
  verdict: BLOCKED,
  refused: false,
  bareAddress: false,
  reference: REFERENCE,
  setupSeconds: 0.003,
  decisionSeconds: 0.000004,
}

function create(processMetrics = false): Metrics {
  const metrics = createMetrics({ version: '0.1.0', node: 'v24.0.0', tunnelsLimit: 20_000, processMetrics })
  metrics.policyChanged(POLICY)
  return metrics
}

/** The series that are there, with their values. */
async function series(metrics: Metrics, accept?: string): Promise<ReadonlyMap<string, string>> {
  const { body } = await metrics.expose(accept)
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]))
}

/** What differs from the start, histograms' parts but for their counts left out. */
async function changed(act: (metrics: Metrics) => void): Promise<Readonly<Record<string, number>>> {
  const metrics = create()
  const before = await series(metrics)
  act(metrics)
  const after = [...(await series(metrics))].filter(([name]) => !/_(?:bucket|sum)(?:\{|$)/.test(name))
  const changes = after.filter(([name, value]) => before.get(name) !== value)
  return Object.fromEntries(changes.map(([name, value]) => [name.replace(/^landline_/, ''), Number(value)]))
}

const ALLOWED = { outcome: 'ok', error: null, reference: null, setupSeconds: null, decisionSeconds: null } as const
const end = (changes: Partial<ExchangeEnd>, verdict: Partial<Verdict> | null = {}): ExchangeEnd => ({
  ...END,
  ...changes,
  verdict: verdict === null ? null : { ...BLOCKED, ...verdict },
})
const STRANGER = { id: 'unknown', medium: 'unknown', shared: false } as const
const OK = 'requests_total{kind="connect",outcome="ok"}'
const DENIED = 'requests_total{kind="connect",outcome="denied"}'

const END_CASES: readonly (readonly [name: string, end: ExchangeEnd, want: Readonly<Record<string, number>>])[] = [
  [
    'a block',
    END,
    {
      [DENIED]: 1,
      'decisions_total{action="block",medium="wireless",service="zoom"}': 1,
      'segment_decisions_total{segment="wifi",medium="wireless",action="block"}': 1,
      'rule_matches_total{rule="zoom-fixed-only",action="block"}': 1,
      'request_setup_seconds_count{kind="connect"}': 1,
      'decision_seconds_count{kind="connect"}': 1,
      'errors_total{error="http_request_denied"}': 1,
    },
  ],
  ['traffic of no service', end(ALLOWED, { action: 'allow', service: 'none', rule: 'none' }), { [OK]: 1 }],
  [
    'a would-block',
    end(ALLOWED, { action: 'would-block' }),
    {
      [OK]: 1,
      'decisions_total{action="would_block",medium="wireless",service="zoom"}': 1,
      'segment_decisions_total{segment="wifi",medium="wireless",action="would_block"}': 1,
      'rule_matches_total{rule="zoom-fixed-only",action="would_block"}': 1,
    },
  ],
  [
    'an exception',
    end(ALLOWED, { action: 'except', rule: 'otherwise', exception: 'g7-prep' }),
    {
      [OK]: 1,
      'decisions_total{action="except",medium="wireless",service="zoom"}': 1,
      'segment_decisions_total{segment="wifi",medium="wireless",action="except"}': 1,
      'rule_matches_total{rule="otherwise",action="except"}': 1,
      'exception_uses_total{exception="g7-prep"}': 1,
    },
  ],
  [
    'break-glass, whichever',
    end(ALLOWED, { action: 'except', rule: 'otherwise', exception: 'breakglass-20261202T100000Z-2' }),
    {
      [OK]: 1,
      'decisions_total{action="except",medium="wireless",service="zoom"}': 1,
      'segment_decisions_total{segment="wifi",medium="wireless",action="except"}': 1,
      'rule_matches_total{rule="otherwise",action="except"}': 1,
      'exception_uses_total{exception="breakglass"}': 1,
    },
  ],
  [
    'a bare address',
    end({ ...ALLOWED, bareAddress: true }, { action: 'log', service: 'none', rule: 'ip_literals' }),
    {
      [OK]: 1,
      'decisions_total{action="log",medium="wireless",service="none"}': 1,
      'segment_decisions_total{segment="wifi",medium="wireless",action="log"}': 1,
      'rule_matches_total{rule="ip_literals",action="log"}': 1,
    },
  ],
  [
    'an unknown client',
    end(
      { ...ALLOWED, outcome: 'denied' },
      { action: 'refuse', service: 'none', rule: 'unknown_clients', segment: STRANGER },
    ),
    {
      [DENIED]: 1,
      'decisions_total{action="refuse",medium="unknown",service="none"}': 1,
      'segment_decisions_total{segment="unknown",medium="unknown",action="refuse"}': 1,
      'rule_matches_total{rule="unknown_clients",action="refuse"}': 1,
    },
  ],
  [
    'a refusal by the guard, whatever the verdict',
    end({ ...ALLOWED, outcome: 'denied', refused: true }, { action: 'allow', rule: 'otherwise' }),
    {
      [DENIED]: 1,
      'decisions_total{action="refuse",medium="wireless",service="zoom"}': 1,
      'segment_decisions_total{segment="wifi",medium="wireless",action="refuse"}': 1,
      'rule_matches_total{rule="otherwise",action="allow"}': 1,
    },
  ],
  [
    'a refusal by the guard of no service',
    end({ ...ALLOWED, outcome: 'denied', refused: true }, { action: 'allow', service: 'none', rule: 'none' }),
    {
      [DENIED]: 1,
      'decisions_total{action="refuse",medium="wireless",service="none"}': 1,
      'segment_decisions_total{segment="wifi",medium="wireless",action="refuse"}': 1,
    },
  ],
  [
    'an end before a verdict',
    end({ ...ALLOWED, outcome: 'client_error', error: 'http_request_error' }, null),
    { 'requests_total{kind="connect",outcome="client_error"}': 1, 'errors_total{error="http_request_error"}': 1 },
  ],
  [
    'names that no rule file has are all one',
    end(ALLOWED, {
      action: 'except',
      service: '"} 1\nforged',
      rule: 'x',
      exception: '__proto__',
      segment: { id: 'constructor', medium: 'vpn', shared: false },
    }),
    {
      [OK]: 1,
      'decisions_total{action="except",medium="vpn",service="other"}': 1,
      'segment_decisions_total{segment="other",medium="unknown",action="except"}': 1,
      'rule_matches_total{rule="other",action="except"}': 1,
      'exception_uses_total{exception="other"}': 1,
    },
  ],
  ['times that make no sense', end({ ...ALLOWED, setupSeconds: Number.NaN, decisionSeconds: -1 }, null), { [OK]: 1 }],
]

for (const [name, ended, want] of END_CASES) {
  t.test(`an exchange's end counts: ${name}`, async (t) => {
    t.same(await changed((metrics) => metrics.ended(ended)), want)
  })
}

const EVENT_CASES: readonly (readonly [
  name: string,
  act: (metrics: Metrics) => void,
  want: Readonly<Record<string, number>>,
])[] = [
  ['dialled', (m) => m.dialled('refused', 0.01), { 'upstream_connect_seconds_count{result="refused"}': 1 }],
  ['resolved', (m) => m.resolved('not_found', 0.01), { 'dns_lookup_seconds_count{result="not_found"}': 1 }],
  [
    'tunnels',
    (m) => [m.tunnelOpened(), m.tunnelOpened(), m.tunnelClosed(7)],
    { tunnels_active: 1, tunnel_seconds_count: 1 },
  ],
  [
    'bytes',
    (m) => [
      m.tunnelBytes('sent', 10),
      m.tunnelBytes('received', 7),
      m.tunnelBytes('sent', 0),
      m.tunnelBytes('sent', -1),
    ],
    { 'tunnel_bytes_total{direction="sent"}': 10, 'tunnel_bytes_total{direction="received"}': 7 },
  ],
  [
    'limits',
    (m) => [m.limitReached('head_ms'), m.limitReached('x' as Limit)],
    { 'limit_reached_total{limit="head_ms"}': 1, 'limit_reached_total{limit="other"}': 1 },
  ],
  [
    'suspects',
    (m) => [m.clientSuspect('gateway'), m.clientSuspect('made up' as SuspectReason)],
    { 'client_address_suspect_total{reason="gateway"}': 1, 'client_address_suspect_total{reason="other"}': 1 },
  ],
  [
    'records',
    (m) => [m.recorded('would-block'), m.recorded('reload-failed'), m.recorded('repeat'), m.recorded('?')],
    {
      'audit_records_total{action="would_block"}': 1,
      'audit_records_total{action="reload_failed"}': 1,
      'audit_records_total{action="repeat"}': 1,
      'audit_records_total{action="other"}': 1,
    },
  ],
  [
    'the audit log',
    (m) => [
      m.auditWriteError(),
      m.auditQueue(3),
      m.auditSync(0.002),
      m.auditTreeSize(42),
      m.auditCheckpoint(1_790_000_000),
      m.diskFree(1e9),
    ],
    {
      audit_write_errors_total: 1,
      audit_queue_records: 3,
      audit_sync_seconds_count: 1,
      audit_tree_size: 42,
      audit_last_checkpoint_timestamp_seconds: 1_790_000_000,
      audit_disk_free_bytes: 1e9,
    },
  ],
  [
    'a reload',
    (m) => m.reloaded(true, 1_790_000_000),
    { rules_last_reload_successful: 1, rules_last_reload_success_timestamp_seconds: 1_790_000_000 },
  ],
  [
    'a reload that failed',
    (m) => [m.reloaded(true, 5), m.reloaded(false, 9)],
    { rules_last_reload_success_timestamp_seconds: 5 },
  ],
  ['break-glass', (m) => m.breakglass(2), { breakglass_active: 2 }],
]

for (const [name, act, want] of EVENT_CASES) {
  t.test(`what is told is counted: ${name}`, async (t) => t.same(await changed(act), want))
}

t.test('everything is there from the start, at 0', async (t) => {
  const there = await series(create())
  const zero = [
    'requests_total{kind="own",outcome="proxy_error"}',
    'decisions_total{action="would_block",medium="vpn",service="webex"}',
    'decisions_total{action="refuse",medium="unknown",service="none"}',
    'decisions_total{action="log",medium="wired",service="other"}',
    'segment_decisions_total{segment="desks",medium="wired",action="block"}',
    'rule_matches_total{rule="mobile-conferencing",action="log"}',
    'rule_matches_total{rule="otherwise",action="allow"}',
    'exception_uses_total{exception="g7-prep"}',
    'errors_total{error="proxy_loop_detected"}',
    'limit_reached_total{limit="descriptors"}',
    'request_setup_seconds_count{kind="upgrade"}',
    'decision_seconds_bucket{le="0.000001",kind="http"}',
    'upstream_connect_seconds_count{result="timeout"}',
    'dns_lookup_seconds_count{result="error"}',
    'tunnel_seconds_count',
    'audit_sync_seconds_count',
    'audit_records_total{action="sign_off"}',
    'audit_write_errors_total',
    'audit_queue_records',
    'breakglass_active',
    'rules_last_reload_successful',
  ]
  for (const name of zero) t.equal(there.get(`landline_${name}`), '0', name)
  t.equal(there.get('landline_build_info{version="0.1.0",node="v24.0.0"}'), '1')
  t.equal(there.get('landline_tunnels_limit'), '20000')
  t.equal(there.get('landline_rules_info{name="foreign-office",revision="sha256:ab12",mode="enforce"}'), '1')
  t.equal(there.get('landline_exception_expiry_timestamp_seconds{exception="g7-prep"}'), '1798000000')
})

t.test('a new policy ends what it no longer has, and goes on with what it keeps', async (t) => {
  const metrics = create()
  metrics.ended(END)
  metrics.policyChanged({
    ...POLICY,
    revision: 'sha256:cd34',
    mode: 'monitor',
    segments: [
      { id: 'wifi', medium: 'wireless' },
      { id: 'vpn', medium: 'vpn' },
    ],
    services: ['zoom'],
    rules: ['zoom-fixed-only', 'new'],
    exceptions: [],
  })
  const there = await series(metrics)
  t.equal(there.get('landline_decisions_total{action="block",medium="wireless",service="zoom"}'), '1')
  t.equal(there.get('landline_rule_matches_total{rule="zoom-fixed-only",action="block"}'), '1')
  t.equal(there.get('landline_rule_matches_total{rule="new",action="block"}'), '0')
  t.equal(there.get('landline_segment_decisions_total{segment="vpn",medium="vpn",action="block"}'), '0')
  const gone = [...there.keys()].filter((name) => /webex|desks|mobile-conferencing|g7-prep|ab12/.test(name))
  t.same(gone, [])
  metrics.ended(end(ALLOWED, { action: 'log', rule: 'mobile-conferencing' }))
  t.equal(
    (await series(metrics)).get('landline_rule_matches_total{rule="other",action="log"}'),
    '1',
    'an exchange under the old one',
  )
  metrics.policyChanged({ ...POLICY, segments: [{ id: 'wifi', medium: 'mobile' }] })
  const moved = [...(await series(metrics)).keys()].filter((name) => name.includes('segment="wifi"'))
  t.equal(moved.length, 6)
  t.ok(
    moved.every((name) => name.includes('medium="mobile"')),
    'a segment of another medium is another series',
  )
})

t.test('a hostile client cannot make a series', async (t) => {
  const metrics = create()
  const before = (await series(metrics)).size
  for (let round = 0; round < 500; round++) {
    const name = `hostile-${round}`
    metrics.ended(
      end({}, { service: name, rule: name, exception: name, segment: { id: name, medium: 'vpn', shared: false } }),
    )
    metrics.clientSuspect(name as SuspectReason)
    metrics.recorded(name)
  }
  t.equal((await series(metrics)).size, before)
})

t.test('a rule file has as many series as Prometheus can bear', async (t) => {
  const metrics = create()
  const rules = Array.from({ length: MOST_VALUES + 100 }, (_, index) => `rule-${index}`)
  metrics.policyChanged({ ...POLICY, rules })
  const labels = new Set([...(await series(metrics)).keys()].map((name) => /\brule="([^"]*)"/.exec(name)?.[1]))
  t.ok(labels.has('rule-0') && labels.has('other') && labels.has('ip_literals'))
  t.notOk(labels.has(`rule-${MOST_VALUES}`))
  metrics.ended(end(ALLOWED, { action: 'log', rule: `rule-${MOST_VALUES}` }))
  t.equal((await series(metrics)).get('landline_rule_matches_total{rule="other",action="log"}'), '1')
})

const OPENMETRICS = 'application/openmetrics-text;version=1.0.0'
const ACCEPT_CASES: readonly (readonly [accept: string | null, want: RegExp])[] = [
  [null, /^text\/plain; version=0\.0\.4/],
  ['*/*', /^text\/plain/],
  ['text/plain;version=0.0.4', /^text\/plain/],
  [`${OPENMETRICS};q=0.2,text/plain;version=0.0.4;q=0.5`, /^text\/plain/],
  [
    `${OPENMETRICS},application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`,
    /^application\/openmetrics-text; version=1\.0\.0/,
  ],
]

t.test('the format is what the reader prefers; one does not spoil the other', async (t) => {
  const metrics = create(true)
  metrics.ended(END)
  for (const [accept, want] of [...ACCEPT_CASES, ...ACCEPT_CASES.toReversed()]) {
    const { contentType, body } = await metrics.expose(accept)
    t.match(contentType, want, String(accept))
    const openMetrics = contentType.includes('openmetrics')
    t.equal(body.includes('# TYPE landline_decisions counter\n'), openMetrics)
    t.equal(body.includes('# TYPE landline_decisions_total counter\n'), !openMetrics)
    t.equal(body.endsWith('\n# EOF\n'), openMetrics)
    const line = body
      .split('\n')
      .find((each) => each.startsWith('landline_decisions_total{action="block",medium="wireless",service="zoom"}'))
    t.match(line, openMetrics ? new RegExp(` 1 # \\{ref="${REFERENCE}"\\} 1 \\d{10}`) : / 1$/)
    t.notMatch(body, /_total_total/)
  }
})

t.test('only denials have exemplars, and only with a reference that fits', async (t) => {
  for (const ended of [end({}, { action: 'log' }), end({ reference: null }), end({ reference: 'r'.repeat(200) })]) {
    const metrics = create()
    metrics.ended(ended)
    t.notMatch((await metrics.expose(OPENMETRICS)).body, '# {')
  }
})

t.test('values that need it are escaped', async (t) => {
  const values = [
    { value: Number.POSITIVE_INFINITY, labels: { name: 'a"b\\c\nd' } },
    { value: Number.NaN, labels: {} },
  ]
  const family = { name: 'x', help: 'h\\ "q"\nn', type: 'gauge', values }
  t.equal(exposition([family], false), '# HELP x h\\\\ "q"\\nn\n# TYPE x gauge\nx{name="a\\"b\\\\c\\nd"} +Inf\nx NaN\n')
  t.match(exposition([family], true), '\\"q\\"')
})

t.test('promtool has nothing to object to', async (t) => {
  const metrics = create(true)
  metrics.ended(END)
  const { body } = await metrics.expose()
  t.match(body, /^process_cpu_seconds_total /m)
  t.match(body, /^nodejs_active_handles\{/m)
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: body,
    encoding: 'utf8',
  })
  if (error && process.env.CI !== 'true') {
    return t.pass('unchecked', { skip: 'promtool is not installed (Debian: prometheus)' })
  }
  t.equal(error, undefined, 'promtool is installed')
  t.equal(`${stdout}${stderr}`, '')
  t.equal(status, 0)
})

t.test('what several threads counted is written as one', async (t) => {
  const [main, one, other] = [create(), create(), create()]
  one.ended(END)
  other.ended(END)
  other.ended(END)
  one.tunnelOpened()
  other.tunnelOpened()
  other.tunnelClosed(20)
  other.policyChanged({ ...POLICY, rules: ['only-there'] })
  const { body } = await main.expose(OPENMETRICS, [await one.families(), await other.families()])
  t.match(body, /^landline_decisions_total{action="block",medium="wireless",service="zoom"} 3 # /m)
  t.match(body, /^landline_tunnels_active 1$/m)
  t.match(body, /^landline_tunnel_seconds_bucket{le="15"} 0$/m)
  t.match(body, /^landline_tunnel_seconds_bucket{le="60"} 1$/m)
  t.match(body, /^landline_tunnel_seconds_count 1$/m)
  t.notMatch(body, 'only-there', 'who is late brings nothing back')
})

t.test(
  'what a thread had counted outlasts it, what it had open does not; what is said of all is said once',
  async (t) => {
    const [main, thread] = [create(), createTrafficMetrics()]
    for (const metrics of [main, thread]) metrics.policyChanged(POLICY, null)
    thread.ended(END)
    thread.tunnelOpened()
    const ended = amountsOf(await thread.families())
    const { body } = await main.expose(OPENMETRICS, [addUp([[], ended]), await thread.families()])
    t.match(body, /^landline_decisions_total{action="block",medium="wireless",service="zoom"} 2 # /m)
    t.match(body, /^landline_tunnels_active 1$/m)
    t.match(body, /^landline_rules_info{.*} 1$/m)
  },
)

t.test('of exemplars the newest is kept', async (t) => {
  const family = (value: number, timestamp: number | null): Family => {
    const exemplar = timestamp && { labelSet: { ref: `at ${timestamp}` }, value: 1, timestamp }
    return { name: 'decisions', help: '', type: 'counter', values: [{ value, labels: {}, exemplar: exemplar || null }] }
  }
  const cases = [
    { times: [null, 5], want: 'at 5' },
    { times: [7, 5, null], want: 'at 7' },
    { times: [5, null, 7, 6], want: 'at 7' },
    { times: [null, null], want: undefined },
  ]
  for (const { times, want } of cases) {
    const [merged] = mergeFamilies(times.map((time) => [family(2, time)]))
    t.equal(merged?.values[0]?.value, 2 * times.length)
    t.equal(merged?.values[0]?.exemplar?.labelSet.ref, want)
  }
})

t.test('counts and distributions come out as prom-client’s own do', async (t) => {
  const registries = [new Registry<OpenMetricsContentType>(), new Registry<OpenMetricsContentType>()] as const
  const about = { help: 'h', labelNames: ['a', 'b'] as const }
  const buckets = [0.001, 0.5, 1, 10]
  for (const registry of registries) registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const ours = {
    counter: new Counter({ ...about, name: 'c_total', registers: [registries[0]] }),
    histogram: new Histogram({ ...about, name: 'h_seconds', buckets, registers: [registries[0]] }),
    plain: new Histogram({ help: 'p', labelNames: [], name: 'p_seconds', buckets, registers: [registries[0]] }),
    total: new Counter({ help: 't', labelNames: [], name: 't_total', registers: [registries[0]] }),
  }
  const theirs = {
    counter: new PromCounter({ ...about, name: 'c_total', registers: [registries[1]] }),
    histogram: new PromHistogram({ ...about, name: 'h_seconds', buckets, registers: [registries[1]] }),
    plain: new PromHistogram({ help: 'p', name: 'p_seconds', buckets, registers: [registries[1]] }),
    total: new PromCounter({ help: 't', name: 't_total', registers: [registries[1]] }),
  }
  for (const { counter, histogram, plain, total } of [ours, theirs])
    for (let step = 0; step < 300; step++) {
      const labels = [`x${step % 3}`, `y"${step % 2}`] as const
      counter.labels(...labels).inc(step % 5)
      histogram.labels(...labels).observe((step % 30) / 2)
      plain.observe(step === 7 ? 0.001 : 1 / (1 + step))
      if (step % 4 === 0) total.inc()
      if (step === 200) counter.remove({ a: 'x1', b: 'y"1' })
    }
  const [own, model] = await Promise.all(
    registries.map(async (registry) => exposition((await registry.getMetricsAsJSON()) as unknown as Family[], true)),
  )
  t.equal(own, model)
  t.match(own, 'h_seconds_bucket{le="+Inf",a="x0",b="y\\"1"} 50')
})
