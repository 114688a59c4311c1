/** docs/metrics.md: every metric with its labels, their values, and what it means, as the code has them. */
import { METRICS } from '../metrics/instruments.ts'
import { BOUND, LABELS, type LabelValues } from '../metrics/labels.ts'

/** Where more is said. */
const MORE: Readonly<Record<string, string>> = {
  landline_errors_total: '[each error](operation.md#what-each-failure-looks-like)',
  landline_client_address_suspect_total: '[each reason](operation.md#everybody-is-unknown-or-everybody-is-wired)',
  landline_tunnels_rejudged_total: '[open tunnels](operation.md#open-tunnels)',
  landline_workers: '[several threads](operation.md#several-threads)',
  landline_breakglass_active: '[break-glass](operation.md#break-glass-in-an-outage)',
  landline_shadow_differences_total: '[a shadow](operation.md#a-shadow)',
  landline_audit_unreviewed_records: '[reviews](evidence.md#reviews-who-looked-at-what)',
  landline_audit_shipped_records_total: '[shipping](shipping.md)',
  landline_audit_records_total: '[each action](record.md)',
  landline_tally_requests_total: '[tallies](record.md#tallies)',
}

const HEAD = `<!-- Made from the code by \`npm run generate\`: change metrics/instruments.ts instead. -->
# Metrics

\`/metrics\` on the [admin port](admin.md) answers in Prometheus' text format, or in OpenMetrics where the reader prefers that (Prometheus does
with \`--enable-feature=exemplar-storage\`): then each count of a denial carries the reference of its newest record as an exemplar,
\`# {ref="01a20938-…"}\`.

- Each series is there from the start, at 0. Those of rules, segments, services and exceptions that are no longer in the rule file go.
  With the quick-start policy that is some 3,000 lines.
- Labels come from closed sets and from the rule file: nothing that a client sends makes a series. They never hold an address, a host or a reference.
- With several threads, what they count is added up.
- [Dashboards](dashboards.md) and alerts stand on these names. They change only with a major version.
`

const TAIL = `
Besides, prom-client's own: \`process_*\` (CPU, memory, descriptors) and \`nodejs_*\` (event loop, heap, garbage collection).
`

export function metricsPage(): string {
  const described = Object.values(METRICS)
  const lines = described.map(({ name, type, labels, help }) => {
    const names = Object.keys(labels).map((label) => `\`${label}\``)
    const more = MORE[name] === undefined ? '' : ` See ${MORE[name]}.`
    return `| \`${name}\` | ${type} | ${names.join(', ') || '–'} | ${help}${more} |`
  })
  return [
    HEAD,
    '| metric | type | labels | means |\n| --- | --- | --- | --- |',
    ...lines,
    TAIL,
    '## Values of labels\n',
    `Ids of the rule file: ${BOUND}.\n`,
    '| label | of | values |\n| --- | --- | --- |',
    ...valueLines(),
    '\n## Buckets\n',
    'Upper bounds, in seconds.\n',
    '| histogram | buckets |\n| --- | --- |',
    ...described.flatMap((each) => ('buckets' in each ? [`| \`${each.name}\` | ${each.buckets.join(', ')} |`] : [])),
    '',
  ].join('\n')
}

/** A line for each label and set of values, with the metrics that have it. */
function valueLines(): string[] {
  const users = new Map<LabelValues, Map<string, string[]>>(Object.values(LABELS).map((values) => [values, new Map()]))
  for (const { name, labels } of Object.values(METRICS))
    for (const [label, values] of Object.entries<LabelValues>(labels)) {
      const byLabel = users.get(values) ?? new Map<string, string[]>()
      byLabel.set(label, [...(byLabel.get(label) ?? []), `\`${name.replace(/^landline_/, '…')}\``])
      users.set(values, byLabel)
    }
  return [...users].flatMap(([values, byLabel]) =>
    [...byLabel].map(([label, names]) => `| \`${label}\` | ${names.join(', ')} | ${inWords(values)} |`),
  )
}

function inWords(values: LabelValues): string {
  return typeof values === 'string' ? values : values.map((value) => `\`${value}\``).join(', ')
}
