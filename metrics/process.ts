/** prom-client's own metrics of the process, under their usual names, without those that `promtool check metrics` objects to. */
import { collectDefaultMetrics, type OpenMetricsContentType, type Registry } from 'prom-client'

/** Gauges that call themselves totals. Each says no more than the sum of its namesake without `_total`. */
const OBJECTED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

export function addProcessMetrics(registry: Registry<OpenMetricsContentType>): void {
  // It registers anywhere; its types know of one format only.
  collectDefaultMetrics({ register: registry as unknown as Registry })
  for (const name of OBJECTED) registry.removeSingleMetric(name)
}
