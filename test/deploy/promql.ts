/** Queries taken apart by the grammars that Prometheus and Grafana themselves use: what they look at, and whether it can be there. */
import { parser as logqlParser } from '@grafana/lezer-logql'
import { parser as promqlParser } from '@prometheus-io/lezer-promql'
import { type OpenMetricsContentType, Registry } from 'prom-client'
import type { Family } from '../../metrics/exposition.ts'
import { METRICS } from '../../metrics/instruments.ts'
import type { LabelValues } from '../../metrics/labels.ts'
import { addProcessMetrics } from '../../metrics/process.ts'

export interface Selector {
  readonly metric: string
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[]
  /** As it stands in the query, without its range. */
  readonly text: string
}

export interface Parts {
  readonly selectors: readonly Selector[]
  /** Labels of `by`, `on`, `ignoring` and the like. */
  readonly grouping: readonly string[]
}

/** What Grafana puts in the place of its own variables, where only the form matters. */
export function withExamples(expr: string): string {
  return expr
    .replaceAll('$__range', '1h')
    .replaceAll(/\$__(?:rate_interval|auto)/g, '1m')
    .replaceAll('$level', '40')
}

type Tree = ReturnType<typeof promqlParser.parse>

function checked(tree: Tree, expr: string): Tree {
  tree.iterate({
    enter: ({ type, from }) => {
      if (type.isError) throw new Error(`not understood at ${from}: ${expr}`)
    },
  })
  return tree
}

/** Throws where Prometheus would not understand it. */
export function promql(expr: string): Parts {
  const selectors: Selector[] = []
  const grouping: string[] = []
  const text = (from: number, to: number) => expr.slice(from, to)
  checked(promqlParser.parse(expr), expr).iterate({
    enter: ({ name, from, to, node }) => {
      if (name === 'GroupingLabels')
        for (const label of node.getChildren('LabelName')) grouping.push(text(label.from, label.to))
      if (name !== 'VectorSelector') return
      const metric = node.getChild('Identifier')
      const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []
      selectors.push({
        metric: metric === null ? '' : text(metric.from, metric.to),
        matchers: matchers.map(({ from, to }) => {
          const [, label = '', operator = '', value = ''] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/.exec(text(from, to)) ?? []
          return { label, operator, value }
        }),
        text: text(from, to),
      })
    },
  })
  return { selectors, grouping }
}

/** The labels by which it selects streams. Throws where Loki would not understand it. */
export function logql(expr: string): readonly string[] {
  const labels: string[] = []
  checked(logqlParser.parse(expr) as unknown as Tree, expr).iterate({
    enter: ({ name, node }) => {
      if (name !== 'Selector') return
      const matchers = node.getChild('Matchers') ?? node
      for (let each = matchers.firstChild; each !== null; each = each.nextSibling)
        if (each.name === 'Matcher') labels.push(/^\w+/.exec(expr.slice(each.from, each.to))?.[0] ?? '')
    },
  })
  return labels
}

/** Series name → its labels, with their values where these are a closed set. */
export type Known = ReadonlyMap<string, Readonly<Record<string, LabelValues>>>

/** A scrape adds these to each series. */
const OF_THE_SCRAPE = { job: 'the scrape', instance: 'the scrape' }

/** All that a scraped Landline has, and what `rules` record of it. */
export async function knownSeries(
  recorded: readonly { readonly name: string; readonly expr: string }[],
): Promise<Known> {
  const known = new Map<string, Readonly<Record<string, LabelValues>>>([
    ['up', OF_THE_SCRAPE],
    ['ALERTS', { ...OF_THE_SCRAPE, alertname: 'rules', alertstate: ['pending', 'firing'] }],
  ])
  for (const described of Object.values(METRICS)) {
    const labels = { ...OF_THE_SCRAPE, ...described.labels }
    if (described.type !== 'histogram') known.set(described.name, labels)
    else for (const part of ['sum', 'count']) known.set(`${described.name}_${part}`, labels)
    if (described.type === 'histogram') known.set(`${described.name}_bucket`, { ...labels, le: 'buckets' })
  }
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  addProcessMetrics(registry)
  for (const { name, values } of (await registry.getMetricsAsJSON()) as unknown as Family[])
    for (const { metricName = name, labels } of values)
      known.set(metricName, {
        ...OF_THE_SCRAPE,
        ...Object.fromEntries(Object.keys(labels).map((label) => [label, ''])),
      })
  for (const { name, expr } of recorded)
    known.set(name, Object.fromEntries(promql(expr).grouping.map((label) => [label, 'a recording rule'])))
  return known
}

/** What it asks for that nobody has: a metric, a label, a value out of a closed set. Empty: nothing. */
export function unknowns(expr: string, known: Known): readonly string[] {
  const { selectors, grouping } = promql(withExamples(expr))
  const labels = new Set(selectors.flatMap(({ metric }) => Object.keys(known.get(metric) ?? {})))
  const faults = grouping.filter((label) => !labels.has(label)).map((label) => `no label ${label} to group by`)
  for (const { metric, matchers } of selectors) {
    const has = known.get(metric)
    if (has === undefined) faults.push(`no metric ${metric}`)
    for (const { label, value } of matchers) {
      const values = has?.[label]
      if (values === undefined) faults.push(`${metric} has no label ${label}`)
      if (typeof values !== 'object' || value.startsWith('$')) continue
      for (const one of value.split('|')) if (!values.includes(one)) faults.push(`${metric} has no ${label}="${one}"`)
    }
  }
  return faults
}
