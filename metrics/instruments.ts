/**
 * Every metric that Landline has of its own: name, labels and their values, meaning, buckets. What users may rely on: the page
 * docs/metrics.md is made from it, and the dashboards are held to it.
 */
import { Gauge, type OpenMetricsContentType, type Registry } from 'prom-client'
import { Counter, Histogram } from './counting.ts'
import { LABELS, type LabelValues } from './labels.ts'

/** Seconds. */
const BUCKETS = {
  setup: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  decision: [0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.001, 0.01],
  network: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  tunnel: [0.1, 1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800],
  sync: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
}

/** Label → its values, in the order in which they are written. */
type Labels = Readonly<Record<string, LabelValues>>

interface Described<T extends string, L extends Labels> {
  readonly type: T
  readonly name: string
  /** Plain text of one line: `# HELP` and the page for users say the same. */
  readonly help: string
  readonly labels: L
}

const counter = <const L extends Labels>(name: string, labels: L, help: string): Described<'counter', L> => ({
  type: 'counter',
  name: `landline_${name}`,
  help,
  labels,
})
const gauge = <const L extends Labels>(name: string, labels: L, help: string): Described<'gauge', L> => ({
  type: 'gauge',
  name: `landline_${name}`,
  help,
  labels,
})
const histogram = <const L extends Labels>(name: string, labels: L, buckets: readonly number[], help: string) => ({
  ...({ type: 'histogram', name: `landline_${name}`, help, labels } satisfies Described<'histogram', L>),
  buckets,
})

const { kind, action, medium, service, segment, rule, name, revision, target } = LABELS

export const METRICS = {
  requests: counter(
    'requests_total',
    { kind, outcome: LABELS.outcome },
    'Requests ended, by kind (own: the pages of the proxy itself) and outcome. A denial is no error, and only proxy_error is a fault of Landline itself.',
  ),
  /** The only one with exemplars. */
  decisions: counter(
    'decisions_total',
    { action, medium, service },
    'Decisions on conferencing, on bare addresses (service="none"), and refusals of the destination guard, the port list and unknown clients. Counted as the request ends, a tunnel as it closes, also where the destination failed. In OpenMetrics a denial carries the reference of its record as an exemplar.',
  ),
  segmentDecisions: counter('segment_decisions_total', { segment, medium, action }, 'The same decisions by segment.'),
  ruleMatches: counter(
    'rule_matches_total',
    { rule, action },
    'The same decisions by the rule that made them. Where the guard or the port list refused, what the rule had said.',
  ),
  exceptionUses: counter(
    'exception_uses_total',
    { exception: LABELS.exceptionUsed },
    'Requests that an exception let through; breakglass: that break-glass did.',
  ),
  requestSetup: histogram(
    'request_setup_seconds',
    { kind },
    BUCKETS.setup,
    'From the end of the head of a request to the first byte of its answer.',
  ),
  decision: histogram('decision_seconds', { kind }, BUCKETS.decision, 'Time spent in deciding, by request.'),
  upstreamConnect: histogram(
    'upstream_connect_seconds',
    { result: LABELS.dialResult },
    BUCKETS.network,
    'Time to connect to an origin or a parent.',
  ),
  dnsLookup: histogram(
    'dns_lookup_seconds',
    { result: LABELS.lookupResult },
    BUCKETS.network,
    'Time to resolve a name.',
  ),
  errors: counter('errors_total', { error: LABELS.error }, 'Requests answered with an error, by its RFC 9209 type.'),
  tunnelsActive: gauge('tunnels_active', {}, 'Tunnels open now.'),
  tunnelsLimit: gauge('tunnels_limit', {}, 'How many tunnels may be open at once: limits.connections.'),
  tunnelSeconds: histogram('tunnel_seconds', {}, BUCKETS.tunnel, 'How long tunnels were open that have ended.'),
  tunnelBytes: counter(
    'tunnel_bytes_total',
    { direction: LABELS.direction },
    'Bytes relayed in tunnels: sent to origins, received from them.',
  ),
  tunnelsRejudged: counter(
    'tunnels_rejudged_total',
    { fate: LABELS.fate },
    'Open tunnels that changed rules no longer let through: kept (counted again at each change), drained (given time), cut.',
  ),
  suspects: counter(
    'client_address_suspect_total',
    { reason: LABELS.suspect },
    'Connections whose client address is probably not that of the client, by reason.',
  ),
  limits: counter('limit_reached_total', { limit: LABELS.limit }, 'Requests and connections that ran into a limit.'),
  workers: gauge('workers', {}, 'Threads that serve clients: fewer than the setting while one is being replaced.'),
  workersReplaced: counter('workers_replaced_total', {}, 'Threads that served clients, died and were replaced.'),
  reloadOk: gauge(
    'rules_last_reload_successful',
    {},
    '1; 0 where the last rule file was refused, or its change could not be recorded: older rules run.',
  ),
  reloadAt: gauge(
    'rules_last_reload_success_timestamp_seconds',
    {},
    'When rules were last loaded with success; 0: never since the start.',
  ),
  rulesInfo: gauge('rules_info', { name, revision, mode: LABELS.mode }, 'The rules in force; always 1.'),
  exceptionExpiry: gauge(
    'exception_expiry_timestamp_seconds',
    { exception: LABELS.exception },
    'When the exception ends; also of those that have ended.',
  ),
  breakglass: gauge('breakglass_active', {}, 'How many break-glass lift rules now. Alert on it: it should be seen.'),
  shadowInfo: gauge(
    'shadow_info',
    { name, revision },
    'The shadow, whose verdicts are only counted; always 1. No series where there is none.',
  ),
  shadowReloadOk: gauge(
    'shadow_last_reload_successful',
    {},
    '0 where the last file of the shadow was refused; 1 also where there is no shadow.',
  ),
  shadowRequests: counter(
    'shadow_requests_total',
    { result: LABELS.shadowResult },
    'Requests that a shadow judged too; failed: a mistake in it.',
  ),
  shadowDifferences: counter(
    'shadow_differences_total',
    { segment, service, action, shadow_action: action },
    'Requests on which a shadow would have decided otherwise. Only what occurs has a series, at most 1,000.',
  ),
  auditRecords: counter('audit_records_total', { action: LABELS.recordAction }, 'Audit records written.'),
  auditErrors: counter('audit_write_errors_total', {}, 'Attempts to write audit records that failed.'),
  auditQueue: gauge('audit_queue_records', {}, 'Audit records waiting to be written.'),
  auditSync: histogram(
    'audit_sync_seconds',
    {},
    BUCKETS.sync,
    'Time to bring a batch of audit records to disk: the least that a recorded answer takes.',
  ),
  auditTreeSize: gauge(
    'audit_tree_size',
    {},
    'Records in the audit log, over all files, purged ones included. The newest checkpoint may cover a few less.',
  ),
  auditCheckpoint: gauge(
    'audit_last_checkpoint_timestamp_seconds',
    {},
    'When the audit log was last signed, or found not to have grown since.',
  ),
  auditUnreviewed: gauge('audit_unreviewed_records', {}, 'Records of traffic that nobody has signed off.'),
  auditOldest: gauge(
    'audit_oldest_record_timestamp_seconds',
    {},
    'When the oldest record that is kept was made; 0 in the first second after a start.',
  ),
  auditDiskFree: gauge('audit_disk_free_bytes', {}, 'Space left where records are written, measured every 10 s.'),
  shipped: counter('audit_shipped_records_total', { target }, 'Audit records that a receiver has taken.'),
  shipFailures: counter('audit_ship_failures_total', { target }, 'Attempts to ship audit records that failed.'),
  shipBehind: gauge('audit_ship_behind_records', { target }, 'Audit records that a receiver does not have yet.'),
  tallied: counter(
    'tally_requests_total',
    { as: LABELS.talliedAs },
    'Allowed conferencing as it was tallied: with its host (row), without it as there were too many (overflow), in no tally (lost).',
  ),
  buildInfo: gauge('build_info', { version: LABELS.version, node: LABELS.node }, 'What runs; always 1.'),
} as const

type MetricKey = keyof typeof METRICS
type InstrumentOf<D> = D extends { readonly type: infer T; readonly labels: infer L }
  ? T extends 'counter'
    ? Counter<keyof L & string>
    : T extends 'gauge'
      ? Gauge<keyof L & string>
      : Histogram<keyof L & string>
  : never

export type Instruments = { readonly [K in MetricKey]: InstrumentOf<(typeof METRICS)[K]> }

/** The instruments, registered. Whoever binds series to them sees that each starts at 0. */
export function createInstruments(registry: Registry<OpenMetricsContentType>): Instruments {
  const made = Object.entries(METRICS).map(([key, described]) => {
    const { name, help } = described
    const about = { name, help, labelNames: Object.keys(described.labels), registers: [registry] }
    if (described.type === 'counter') return [key, new Counter(about)]
    if (described.type === 'gauge') return [key, new Gauge(about)]
    return [key, new Histogram({ ...about, buckets: described.buckets })]
  })
  return Object.fromEntries(made) // one for each key, of the type that its description names
}
