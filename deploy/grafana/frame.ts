/** What the dashboards share: what the reader chooses above the panels, what is marked on them, and the ways between them. */
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
import { type Panel, PROMETHEUS } from './panels.ts'
import { value } from './queries.ts'

/** Fixed, as other dashboards and bookmarks name them. */
export const UIDS = {
  policy: 'landline-policy',
  health: 'landline-health',
  evidence: 'landline-evidence',
  logs: 'landline-logs',
} as const

export interface Section {
  /** A question. null: what stands on top, and answers the first one by itself. */
  readonly title: string | null
  readonly panels: readonly Panel[]
}

interface Described {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly variables: readonly dashboard.VariableModel[]
  readonly annotations: readonly dashboard.AnnotationQuery[]
  readonly sections: readonly Section[]
}

/** Everything of a dashboard but its content. */
export function dashboardOf({
  uid,
  title,
  description,
  variables,
  annotations,
  sections,
}: Described): dashboard.Dashboard {
  const built = new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['landline'])
    .timezone('browser')
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .readonly()
    .variables(variables.map(ready))
    .annotations(annotations.map(ready))
    .link(
      new dashboard.DashboardLinkBuilder('Landline')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['landline'])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
  for (const { title, panels } of sections) {
    if (title !== null) built.withRow(new dashboard.RowBuilder(title))
    for (const panel of panels) built.withPanel(panel)
  }
  return numbered(built.build())
}

/** A panel has a number of its own, so that a link to it stays one. */
function numbered(built: dashboard.Dashboard): dashboard.Dashboard {
  return { ...built, panels: (built.panels ?? []).map((panel, at) => ({ ...panel, id: at + 1 })) }
}

const ready = <T>(built: T) => ({ build: () => built })

/** Queried, with several to choose, all at first. */
function choice(name: string, label: string, description: string, query: string, all?: string) {
  const variable = new dashboard.QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(PROMETHEUS)
    .query(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.NaturalAsc)
    .multi(true)
    .includeAll(true)
    .current({ selected: true, text: ['All'], value: ['$__all'] })
  return (all === undefined ? variable : variable.allValue(all)).build()
}

export function source(name: string, label: string, type: 'prometheus' | 'loki') {
  return new dashboard.DatasourceVariableBuilder(name).label(label).type(type).multi(false).includeAll(false).build()
}

/** "All" is spelt out for these two: metrics of the process have names that other jobs have too. */
export const INSTANCES: readonly dashboard.VariableModel[] = [
  source('datasource', 'Prometheus', 'prometheus'),
  choice('job', 'Job', 'Scrape jobs that have a Landline.', 'label_values(landline_build_info, job)'),
  choice('instance', 'Instance', 'Proxies.', 'label_values(landline_build_info{job=~"$job"}, instance)'),
]

export const TRAFFIC: readonly dashboard.VariableModel[] = [
  choice(
    'medium',
    'Medium',
    'How clients are connected. Panels by segment, rule or exception do not follow it.',
    'label_values(landline_decisions_total{job=~"$job", instance=~"$instance"}, medium)',
    '.*',
  ),
  choice(
    'service',
    'Service',
    'Conferencing services; "none" are bare addresses and refusals. Panels by segment, rule or exception do not follow it.',
    'label_values(landline_decisions_total{job=~"$job", instance=~"$instance"}, service)',
    '.*',
  ),
]

function mark(name: string, colour: string, expr: string, text: string) {
  return new dashboard.AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .iconColor(colour)
    .expr(expr)
    .target(new prometheus.DataqueryBuilder().expr(expr).refId('Anno').datasource(PROMETHEUS))
    .titleFormat(text)
    .tagKeys('instance')
    .build()
}

/** On every panel over time: when the rules became others, and while some of them were lifted. */
export const EVENTS: readonly dashboard.AnnotationQuery[] = [
  mark('Reloads', 'blue', `changes(${value('reloadAt')}[$__rate_interval]) > 0`, 'Rules reloaded on {{instance}}'),
  mark('Refused rule files', 'orange', `${value('reloadOk')} == 0`, 'The newest rule file is refused on {{instance}}'),
  mark('Break-glass', 'red', `${value('breakglass')} > 0`, 'Rules are lifted by break-glass on {{instance}}'),
]

/** In an address, what Grafana puts in its place: the label of the series that was clicked. */
export function ofSeries(label: string): string {
  return `\${__field.labels.${label}}`
}

/** The same in a table: the cell of that column. */
export function ofRow(column: string): string {
  return `\${__data.fields.${column}}`
}

type Chosen = Partial<Readonly<Record<'decision' | 'service' | 'segment' | 'rule', string | readonly string[]>>>

/** To the records behind a number, in the time shown. */
export function records(chosen: Chosen) {
  const query = Object.entries(chosen).flatMap(([name, values]) => [values].flat().map((one) => `var-${name}=${one}`))
  return { title: 'The records', url: `/d/${UIDS.logs}?${['$__url_time_range', ...query].join('&')}` }
}

/** What to run where there is no Loki. */
export function command(flags: string): string {
  return `\n\nThe records: \`landline audit query DIR --since 6h ${flags}\``
}
