/** PromQL as the dashboards write it: metrics by their key in the code, so that a name that does not exist does not compile. */
import { METRICS } from '../../metrics/instruments.ts'

type Key = keyof typeof METRICS
type KeyOf<T extends string> = { [K in Key]: (typeof METRICS)[K]['type'] extends T ? K : never }[Key]

/** Label → value, exact; or a whole matcher of another kind, `outcome!="ok"`. */
type Where = string

/** What the reader chose above the panels. Every Landline metric has these two. */
const CHOSEN: readonly Where[] = ['job=~"$job"', 'instance=~"$instance"']
/** Besides, of metrics that have them. */
export const CHOSEN_TRAFFIC: readonly Where[] = ['medium=~"$medium"', 'service=~"$service"']

/** A metric of any name, of the chosen instances. */
export function ofInstances(name: string, ...where: readonly Where[]): string {
  return `${name}{${[...CHOSEN, ...where].join(', ')}}`
}

/** The value now. */
export function value(key: Key, ...where: readonly Where[]): string {
  return ofInstances(METRICS[key].name, ...where)
}

/** Per second. */
export function rate(key: KeyOf<'counter'>, ...where: readonly Where[]): string {
  return `rate(${value(key, ...where)}[$__rate_interval])`
}

/** In the time that the dashboard shows. */
export function inRange(key: KeyOf<'counter'>, ...where: readonly Where[]): string {
  return `increase(${value(key, ...where)}[$__range])`
}

/** A quantile by the labels given; NaN where nothing was measured. */
export function quantile(q: number, key: KeyOf<'histogram'>, by: readonly string[] = []): string {
  const buckets = `rate(${ofInstances(`${METRICS[key].name}_bucket`)}[$__rate_interval])`
  return `histogram_quantile(${q}, sum by (${[...by, 'le'].join(', ')}) (${buckets}))`
}

/** How many were measured per second. */
export function measured(key: KeyOf<'histogram'>): string {
  return `rate(${ofInstances(`${METRICS[key].name}_count`)}[$__rate_interval])`
}

/** `sum by (…) (…)`; over all where no label is given. */
export function sum(by: readonly string[], expression: string): string {
  return by.length === 0 ? `sum(${expression})` : `sum by (${by.join(', ')}) (${expression})`
}

/** Only what there was, most first. */
export function most(by: readonly string[], expression: string, count = 20): string {
  return `topk(${count}, ${sum(by, expression)} > 0)`
}
