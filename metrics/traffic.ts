/** What a thread counts that serves clients and does nothing else. The main thread adds it up with its own as it is read. */
import { type OpenMetricsContentType, Registry } from 'prom-client'
import type { Observer } from '../rules/events.ts'
import { createDecisions, type PolicyLabels } from './decisions.ts'
import type { Family } from './exposition.ts'
import { createInstruments } from './instruments.ts'
import { createObserver } from './observer.ts'
import { ShadowCounts, type ShadowLabels } from './shadow.ts'

export interface TrafficMetrics extends Observer {
  policyChanged(policy: PolicyLabels, shadow: ShadowLabels | null): void
  families(): Promise<readonly Family[]>
}

/** What is said of the process as a whole is left out: it would be added up too. */
export function createTrafficMetrics(): TrafficMetrics {
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE) // the only ones that may have exemplars
  const instruments = createInstruments(registry)
  const decisions = createDecisions(instruments)
  const shadows = new ShadowCounts(instruments)
  return {
    ...createObserver(instruments, decisions, shadows),
    policyChanged(policy, shadow) {
      shadows.keep(policy, shadow)
      decisions.keep(policy)
    },
    async families() {
      const values: unknown = await registry.getMetricsAsJSON()
      return values as readonly Family[] // prom-client's own types leave out names, exemplars and the text of `type`
    },
  }
}
