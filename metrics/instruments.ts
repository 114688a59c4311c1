/** Every metric that Landline has of its own: name, labels, meaning, buckets. What users may rely on; docs and dashboards follow it. */
import { Gauge, type OpenMetricsContentType, type Registry } from 'prom-client'
import { Counter, Histogram } from './counting.ts'

/** Seconds. */
const BUCKETS = {
  setup: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  decision: [0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.001, 0.01],
  network: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  tunnel: [0.1, 1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800],
  sync: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
}

/** The instruments, registered. Whoever binds series to them sees that each starts at 0. */
export function createInstruments(registry: Registry<OpenMetricsContentType>) {
  const common = (name: string, help: string) => ({ name: `landline_${name}`, help, registers: [registry] })
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ ...common(name, help), labelNames })
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ ...common(name, help), labelNames })
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram({ ...common(name, help), buckets, labelNames })
  return {
    requests: counter(
      'requests_total',
      'Requests ended, by kind and outcome. A denial is no error.',
      'kind',
      'outcome',
    ),
    /** The only one with exemplars. */
    decisions: counter(
      'decisions_total',
      'Decisions on conferencing, on bare addresses (service="none"), and refusals.',
      'action',
      'medium',
      'service',
    ),
    segmentDecisions: counter(
      'segment_decisions_total',
      'The same decisions by the segment of the client.',
      'segment',
      'medium',
      'action',
    ),
    ruleMatches: counter('rule_matches_total', 'Decisions by the rule that made them.', 'rule', 'action'),
    exceptionUses: counter('exception_uses_total', 'Requests that an exception let through.', 'exception'),
    requestSetup: histogram(
      'request_setup_seconds',
      'From the end of the request head to the start of the answer.',
      BUCKETS.setup,
      'kind',
    ),
    decision: histogram('decision_seconds', 'Time spent in deciding, by request.', BUCKETS.decision, 'kind'),
    upstreamConnect: histogram('upstream_connect_seconds', 'Time to connect to an origin.', BUCKETS.network, 'result'),
    dnsLookup: histogram('dns_lookup_seconds', 'Time to resolve a name.', BUCKETS.network, 'result'),
    errors: counter('errors_total', 'Requests answered with an error, by its RFC 9209 type.', 'error'),
    tunnelsActive: gauge('tunnels_active', 'Tunnels open now.'),
    tunnelsLimit: gauge('tunnels_limit', 'How many tunnels may be open at once.'),
    tunnelSeconds: histogram('tunnel_seconds', 'How long tunnels were open.', BUCKETS.tunnel),
    tunnelBytes: counter('tunnel_bytes_total', 'Bytes relayed in tunnels; sent is towards the origin.', 'direction'),
    tunnelsRejudged: counter(
      'tunnels_rejudged_total',
      'Open tunnels that changed rules no longer let through, by what became of them.',
      'fate',
    ),
    suspects: counter(
      'client_address_suspect_total',
      'Connections whose client address is probably not that of the client.',
      'reason',
    ),
    limits: counter('limit_reached_total', 'Requests and connections that ran into a limit.', 'limit'),
    reloadOk: gauge('rules_last_reload_successful', 'Whether the last load of the rule file succeeded.'),
    reloadAt: gauge('rules_last_reload_success_timestamp_seconds', 'When the rule file was last loaded with success.'),
    rulesInfo: gauge('rules_info', 'The rules in force; always 1.', 'name', 'revision', 'mode'),
    shadowInfo: gauge(
      'shadow_info',
      'The shadow, whose verdicts are only counted; 1 where there is one.',
      'name',
      'revision',
    ),
    shadowReloadOk: gauge(
      'shadow_last_reload_successful',
      'Whether the last load of the shadow succeeded; 1 also where there is none.',
    ),
    shadowRequests: counter('shadow_requests_total', 'Requests that a shadow judged too, by result.', 'result'),
    shadowDifferences: counter(
      'shadow_differences_total',
      'Requests on which a shadow would have decided otherwise.',
      'segment',
      'service',
      'action',
      'shadow_action',
    ),
    exceptionExpiry: gauge('exception_expiry_timestamp_seconds', 'When the exception ends.', 'exception'),
    workers: gauge('workers', 'Threads that serve clients.'),
    workersReplaced: counter('workers_replaced_total', 'Threads that served clients, died and were replaced.'),
    breakglass: gauge('breakglass_active', 'Rules or sets of rules lifted by break-glass now.'),
    auditRecords: counter('audit_records_total', 'Audit records written.', 'action'),
    auditErrors: counter('audit_write_errors_total', 'Attempts to write audit records that failed.'),
    auditQueue: gauge('audit_queue_records', 'Audit records waiting to be written.'),
    auditSync: histogram('audit_sync_seconds', 'Time to bring a batch of audit records to disk.', BUCKETS.sync),
    auditTreeSize: gauge('audit_tree_size', 'Records in the audit log, over all segments.'),
    auditCheckpoint: gauge('audit_last_checkpoint_timestamp_seconds', 'When the audit log was last signed.'),
    auditUnreviewed: gauge('audit_unreviewed_records', 'Records of traffic that nobody has signed off yet.'),
    auditOldest: gauge('audit_oldest_record_timestamp_seconds', 'When the oldest audit record that is kept was made.'),
    auditDiskFree: gauge('audit_disk_free_bytes', 'Space left where the audit log is written.'),
    tallied: counter(
      'tally_requests_total',
      'Allowed conferencing tallied: with its host, without (overflow), or not at all (lost).',
      'as',
    ),
    shipped: counter('audit_shipped_records_total', 'Audit records that a receiver has taken.', 'target'),
    shipFailures: counter('audit_ship_failures_total', 'Attempts to ship audit records that failed.', 'target'),
    shipBehind: gauge('audit_ship_behind_records', 'Audit records that a receiver does not have yet.', 'target'),
    buildInfo: gauge('build_info', 'What is running; always 1.', 'version', 'node'),
  }
}

export type Instruments = ReturnType<typeof createInstruments>
