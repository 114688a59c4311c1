/** Rules, what break-glass lifts, and the shadow change each by itself, and come into force as one. */
import type { Metrics } from '../../metrics/metrics.ts'
import type { Candidate } from './candidate.ts'
import type { First } from './first-policy.ts'
import { labelMetrics } from './label-metrics.ts'
import type { InForce, Plane } from './plane.ts'

export interface Beginnings {
  readonly first: First
  /** null: none is asked for. */
  readonly shadow: Candidate | null
}

/** What is in force at the start. */
export function beginning({ first, shadow }: Beginnings): InForce {
  return { policy: first.policy, lifts: [], shadow: shadow?.policy ?? null }
}

/** Puts a changed part in force with what else is; the series of the metrics follow. */
export function changing(begin: InForce, plane: Plane, metrics: Metrics): (part: Partial<InForce>) => Promise<void> {
  let inForce = begin
  return async (part) => {
    inForce = { ...inForce, ...part }
    labelMetrics(inForce, metrics)
    await plane.use(inForce)
  }
}
