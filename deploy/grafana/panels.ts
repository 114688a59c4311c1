/** The look of Landline's panels: each has a title, a description and a unit, says what is bad by colour, and shows 0 as 0. */
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge'
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import * as common from '@grafana/grafana-foundation-sdk/common'
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
import * as stat from '@grafana/grafana-foundation-sdk/stat'
import * as table from '@grafana/grafana-foundation-sdk/table'
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'

/** Grafana's names of colours. */
export type Colour = 'green' | 'yellow' | 'orange' | 'red' | 'dark-red' | 'blue' | 'purple' | 'text'
/** From this value on, this colour. */
export type Step = readonly [from: number, colour: Colour]
export type Panel = Builder<dashboard.Panel>

export interface Query {
  readonly expr: string
  /** `{{label}}` names the series. */
  readonly legend?: string
}

interface About {
  readonly title: string
  /** What it shows, what is normal, what to do where it is not. Markdown. */
  readonly description: string
  /** Grafana's id of a unit. */
  readonly unit: string
  /** Columns of 24. */
  readonly width: number
  readonly height?: number
  /** Colours from a value on; the first from below. */
  readonly steps?: readonly [Colour, ...Step[]]
  readonly decimals?: number
  /** Where to look further: title and address. */
  readonly link?: { readonly title: string; readonly url: string }
  /** Shown where there is no series at all. */
  readonly noValue?: string
}

/** The Prometheus that the reader chose. */
export const PROMETHEUS = { type: 'prometheus', uid: '$datasource' } as const

const HEIGHTS = { stat: 4, panel: 8 }

/** What an action looks like on every panel. */
const ACTION_COLOURS = {
  block: 'red',
  refuse: 'dark-red',
  would_block: 'orange',
  except: 'purple',
  log: 'blue',
  allow: 'green',
} as const

/** One number, with its history faintly behind it. */
export function number(
  about: About & {
    readonly expr: string
    readonly words?: Readonly<Record<number, string>>
    readonly instant?: boolean
  },
): Panel {
  const panel = new stat.PanelBuilder()
    .colorMode(about.steps ? common.BigValueColorMode.Background : common.BigValueColorMode.Value)
    .graphMode(about.instant ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .withTarget(about.instant ? instantly(about) : overTime(about))
  if (about.words) panel.mappings([inWords(about.words)])
  return dressed(panel, about, HEIGHTS.stat)
}

/** Lines over time. */
export function lines(
  about: About & {
    readonly queries: readonly Query[]
    readonly stacked?: boolean
    readonly actions?: boolean
    readonly max?: number
  },
): Panel {
  const legend = new common.VizLegendOptionsBuilder()
    .displayMode(common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom)
    .showLegend(true)
  const panel = new timeseries.PanelBuilder()
    .lineWidth(1)
    .fillOpacity(about.stacked ? 40 : 5)
    .showPoints(common.VisibilityMode.Never)
    .min(0)
    .legend(legend)
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
  if (about.max !== undefined) panel.max(about.max)
  if (about.stacked) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'))
  if (about.steps)
    panel.thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed))
  if (about.actions)
    for (const [action, colour] of Object.entries(ACTION_COLOURS))
      panel.overrideByName(action, [{ id: 'color', value: { mode: 'fixed', fixedColor: colour } }])
  for (const [at, query] of about.queries.entries()) panel.withTarget(overTime(query).refId(refId(at)))
  return dressed(panel, about, HEIGHTS.panel)
}

/** What there was most of in the time shown. */
export function ranking(about: About & Query): Panel {
  const panel = new bargauge.PanelBuilder()
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .orientation(common.VizOrientation.Horizontal)
    .valueMode(common.BarGaugeValueMode.Color)
    .showUnfilled(false)
    .min(0)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .withTarget(instantly(about))
  return dressed(panel, { ...about, decimals: about.decimals ?? 0 }, HEIGHTS.panel)
}

export interface Column {
  /** A label, or `Value` (with several queries `Value #A`, `Value #B`). */
  readonly field: string
  readonly title: string
  readonly unit?: string
  readonly steps?: readonly [Colour, ...Step[]]
}

/** What is so now, a line for each series; queries with the same labels make one line. */
export function rows(
  about: About & { readonly queries: readonly string[]; readonly columns: readonly Column[]; readonly sortBy?: string },
): Panel {
  const panel = new table.PanelBuilder().showHeader(true).cellHeight(common.TableCellHeight.Sm)
  for (const [at, expr] of about.queries.entries())
    panel.withTarget(instantly({ expr }).format(prometheus.PromQueryFormat.Table).refId(refId(at)))
  if (about.queries.length > 1) panel.withTransformation({ id: 'merge', options: {} })
  const { columns } = about
  panel.withTransformation({
    id: 'organize',
    options: {
      excludeByName: { Time: true },
      indexByName: Object.fromEntries(columns.map(({ field }, at) => [field, at])),
      renameByName: Object.fromEntries(columns.map(({ field, title }) => [field, title])),
    },
  })
  for (const { title, unit, steps } of columns) {
    const properties = [
      ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
      ...(steps === undefined
        ? []
        : [
            { id: 'thresholds', value: thresholds(steps).build() },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ]),
    ]
    if (properties.length > 0) panel.overrideByName(title, properties)
  }
  if (about.sortBy !== undefined)
    panel.sortBy([new common.TableSortByFieldStateBuilder().displayName(about.sortBy).desc(true)])
  return dressed(panel, about, HEIGHTS.panel)
}

type Undressed = stat.PanelBuilder | timeseries.PanelBuilder | bargauge.PanelBuilder | table.PanelBuilder

/** What all of them have. */
function dressed(panel: Undressed, about: About, height: number): Panel {
  panel
    .title(about.title)
    .description(about.description)
    .unit(about.unit)
    .datasource(PROMETHEUS)
    .span(about.width)
    .height(about.height ?? height)
    .thresholds(thresholds(about.steps ?? ['text']))
  if (about.decimals !== undefined) panel.decimals(about.decimals)
  if (about.noValue !== undefined) panel.noValue(about.noValue)
  const byValue = about.steps !== undefined && !(panel instanceof timeseries.PanelBuilder)
  const mode = byValue ? dashboard.FieldColorModeId.Thresholds : dashboard.FieldColorModeId.PaletteClassicByName
  panel.colorScheme(new dashboard.FieldColorBuilder().mode(mode))
  if (about.link !== undefined)
    panel.dataLinks([new dashboard.DashboardLinkBuilder(about.link.title).url(about.link.url)])
  return panel
}

function thresholds([first, ...steps]: readonly [Colour, ...Step[]]) {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps([{ value: null, color: first }, ...steps.map(([value, color]) => ({ value, color }))])
}

function inWords(words: Readonly<Record<number, string>>): dashboard.ValueMapping {
  const options = Object.fromEntries(Object.entries(words).map(([number, text]) => [number, { text }]))
  return { type: dashboard.MappingType.ValueToText, options }
}

function overTime({ expr, legend }: Query) {
  return query(expr, legend).range()
}

function instantly({ expr, legend }: Query) {
  return query(expr, legend).instant()
}

function query(expr: string, legend = '__auto') {
  return new prometheus.DataqueryBuilder().expr(expr).legendFormat(legend).refId('A').datasource(PROMETHEUS)
}

function refId(at: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + at)
}
