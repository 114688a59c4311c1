/**
 * The records and the operator's log, where Loki has them. Labels of a stream: job, instance, and decision (a record's action as the
 * metrics write it, `would_block`; lines of the operator's log have none). All else is read from the line.
 */
import * as common from '@grafana/grafana-foundation-sdk/common'
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import * as logs from '@grafana/grafana-foundation-sdk/logs'
import * as loki from '@grafana/grafana-foundation-sdk/loki'
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'
import { command, dashboardOf, type Section, source, UIDS } from './frame.ts'
import type { Panel } from './panels.ts'

/** The Loki that the reader chose. */
const LOKI = { type: 'loki', uid: '$logs' } as const
const STREAMS = '{job=~"$job", instance=~"$instance", decision=~"$decision"}'
/** Only records have it. */
const RECORD = '`"ecs":`'
const FIELDS =
  'json reference="event.id", service="network.application", segment="landline.segment.id", rule="rule.id", host="destination.domain", reason="event.reason"'
const CHOSEN = 'service=~`$service` | segment=~`$segment` | rule=~`$rule`'
const found = `${STREAMS} |= ${RECORD} |= \`$reference\` | ${FIELDS} | ${CHOSEN}`

const query = (expr: string) => new loki.DataqueryBuilder().expr(expr).refId('A').datasource(LOKI)

interface About {
  readonly title: string
  readonly description: string
  readonly height: number
  readonly expr: string
}

/** Lines of a log, newest first. */
function text({ title, description, height, expr }: About): Panel {
  return new logs.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(LOKI)
    .span(24)
    .height(height)
    .showTime(true)
    .wrapLogMessage(true)
    .enableLogDetails(true)
    .sortOrder(common.LogsSortOrder.Descending)
    .dedupStrategy(common.LogsDedupStrategy.None)
    .withTarget(query(expr).maxLines(500))
}

/** How many lines there were, as bars. */
function counts({ title, description, height, expr, legend }: About & { readonly legend: string }): Panel {
  return new timeseries.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(LOKI)
    .unit('short')
    .span(12)
    .height(height)
    .drawStyle(common.GraphDrawStyle.Bars)
    .fillOpacity(60)
    .min(0)
    .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'))
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true),
    )
    .withTarget(query(expr).legendFormat(legend))
}

const top: Section = {
  title: null,
  panels: [
    counts({
      title: 'Records by decision',
      description: 'How many records there are of what was chosen above, by action.',
      height: 7,
      expr: `sum by (decision) (count_over_time(${found} [$__auto]))`,
      legend: '{{decision}}',
    }),
    counts({
      title: 'Warnings and errors',
      description: 'Lines of the operator’s log, by level: 40 warning, 50 error, 60 it could not start.',
      height: 7,
      expr: `sum by (level) (count_over_time({job=~"$job", instance=~"$instance"} != ${RECORD} | json level="level" | level >= 40 [$__auto]))`,
      legend: '{{level}}',
    }),
    text({
      title: 'Records',
      description: `What was chosen above, newest first; open a line for all of its fields. A reference that somebody was given on a denial goes into *Reference*, or its first digits. What Loki holds is a copy: the original, with its proof, is the audit folder.${command('--ref PREFIX')}`,
      height: 14,
      expr: `${found} | line_format "{{.decision}}  {{.service}}  {{.host}}  {{.segment}}  {{.rule}}  {{.reference}}  {{.reason}}"`,
    }),
    text({
      title: 'What the proxies say',
      description:
        'The operator’s log from the chosen level on, without its lines on single records. It names no client. What each message means stands in the operation guide.',
      height: 12,
      expr: `{job=~"$job", instance=~"$instance"} != ${RECORD} != \`"msg":"recorded"\` | json level="level", msg="msg" | level >= $level`,
    }),
  ],
}

function choice(name: string, label: string, expr: string, all?: string): dashboard.VariableModel {
  const variable = new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(LOKI)
    .query(expr)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.NaturalAsc)
    .multi(true)
    .includeAll(true)
    .current({ selected: true, text: ['All'], value: ['$__all'] })
  return (all === undefined ? variable : variable.allValue(all)).build()
}

function typed(name: string, label: string, preset: string): dashboard.VariableModel {
  const current = { selected: true, text: preset, value: preset }
  return new dashboard.TextBoxVariableBuilder(name).label(label).defaultValue(preset).current(current).build()
}

export const log = dashboardOf({
  uid: UIDS.logs,
  title: 'Landline: logs',
  description: 'The records behind the numbers, and what the proxies themselves say.',
  variables: [
    source('logs', 'Loki', 'loki'),
    choice('job', 'Job', 'label_values({decision=~".+"}, job)'),
    choice('instance', 'Instance', 'label_values({job=~"$job", decision=~".+"}, instance)'),
    choice('decision', 'Decision', 'label_values({job=~"$job", decision=~".+"}, decision)', '.+'),
    typed('service', 'Service', '.*'),
    typed('segment', 'Segment', '.*'),
    typed('rule', 'Rule', '.*'),
    typed('reference', 'Reference', ''),
    new dashboard.CustomVariableBuilder('level')
      .label('Operator’s log from')
      .values('warnings : 40,errors : 50,everything : 10')
      .current({ selected: true, text: 'warnings', value: '40' })
      .build(),
  ],
  annotations: [],
  sections: [top],
})
