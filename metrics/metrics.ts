/**
 * What happens, counted. Labels come from closed sets and from the rule file, series are made at start and at a reload,
 * and nothing that a client sends can add one. One per process, on a registry of its own.
 */
import { type OpenMetricsContentType, Registry } from 'prom-client'
import { namedQuality } from '../pages/accept.ts'
import type { Observer } from '../rules/events.ts'
import { createDecisions, type PolicyLabels } from './decisions.ts'
import { exposition, type Family, OPENMETRICS_TYPE, TEXT_TYPE } from './exposition.ts'
import { createInstruments } from './instruments.ts'
import { RECORD_ACTIONS, TALLIED_AS } from './labels.ts'
import { mergeFamilies } from './merge.ts'
import { createObserver } from './observer.ts'
import { addProcessMetrics } from './process.ts'
import { bindEach, MOST_VALUES, observe } from './series.ts'
import { ShadowCounts, type ShadowLabels } from './shadow.ts'

export type { PolicyLabels }

export interface MetricsOptions {
  readonly version: string
  /** Of Node.js. */
  readonly node: string
  readonly tunnelsLimit: number
  /** The receivers of records, by name. */
  readonly shipTargets?: readonly string[]
  /** Whether to add the metrics of the process itself; true when absent. */
  readonly processMetrics?: boolean
}

export interface Metrics extends Observer {
  /** An audit record was written. */
  recorded(action: string): void
  auditWriteError(): void
  auditQueue(records: number): void
  auditSync(seconds: number): void
  auditTreeSize(records: number): void
  /** Seconds since 1970. */
  auditCheckpoint(atSeconds: number): void
  diskFree(bytes: number): void
  /** To one of `shipTargets`. */
  shipped(target: string, records: number): void
  shipFailed(target: string): void
  shipBehind(target: string, records: number): void
  tallied(as: (typeof TALLIED_AS)[number], requests: number): void
  auditUnreviewed(records: number): void
  /** Milliseconds since 1970. */
  auditOldest(at: number): void
  /** Seconds since 1970. A failed reload leaves the time of the last good one. */
  reloaded(ok: boolean, atSeconds: number): void
  /** The series of what is no longer in the rule file go; new ones start at 0. */
  policyChanged(policy: PolicyLabels, shadow?: ShadowLabels | null): void
  shadowReloaded(ok: boolean): void
  /** Threads that serve clients now. */
  workers(count: number): void
  workerReplaced(): void
  breakglass(active: number): void
  /** OpenMetrics, with exemplars, where the Accept value prefers it; else Prometheus' text format. `others` are added up with these. */
  expose(
    accept?: string | null,
    others?: readonly (readonly Family[])[],
  ): Promise<{ readonly contentType: string; readonly body: string }>
  /** What is counted here, as values: what another thread's `expose` adds to its own. */
  families(): Promise<readonly Family[]>
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE) // the only ones that may have exemplars
  const instruments = createInstruments(registry)
  instruments.buildInfo.set({ version: options.version, node: options.node }, 1)
  instruments.tunnelsLimit.set(options.tunnelsLimit)
  if (options.processMetrics ?? true) addProcessMetrics(registry)

  const records = bindEach(RECORD_ACTIONS, (action) => instruments.auditRecords.labels(action))
  const tallied = bindEach(TALLIED_AS, (as) => instruments.tallied.labels(as))
  for (const target of options.shipTargets ?? []) {
    instruments.shipped.labels(target)
    instruments.shipFailures.labels(target)
    instruments.shipBehind.set({ target }, 0)
  }
  const decisions = createDecisions(instruments)
  const shadows = new ShadowCounts(instruments)
  instruments.shadowReloadOk.set(1)
  const families = async () => {
    const values: unknown = await registry.getMetricsAsJSON()
    return values as readonly Family[] // prom-client's own types leave out names, exemplars and the text of `type`
  }

  return {
    ...createObserver(instruments, decisions, shadows),
    recorded: (action) => records(action)?.inc(),
    auditWriteError: () => instruments.auditErrors.inc(),
    auditQueue: (count) => instruments.auditQueue.set(count),
    auditSync: (seconds) => observe(instruments.auditSync, seconds),
    auditTreeSize: (count) => instruments.auditTreeSize.set(count),
    auditCheckpoint: (atSeconds) => instruments.auditCheckpoint.set(atSeconds),
    shipped: (target, count) => instruments.shipped.labels(target).inc(count),
    shipFailed: (target) => instruments.shipFailures.labels(target).inc(),
    shipBehind: (target, count) => instruments.shipBehind.set({ target }, Math.max(0, count)),
    diskFree: (bytes) => instruments.auditDiskFree.set(bytes),
    tallied: (as, requests) => tallied(as)?.inc(requests),
    auditUnreviewed: (records) => instruments.auditUnreviewed.set(records),
    auditOldest: (at) => instruments.auditOldest.set(at / 1000),
    workers: (count) => instruments.workers.set(count),
    workerReplaced: () => instruments.workersReplaced.inc(),
    breakglass: (active) => instruments.breakglass.set(active),
    reloaded(ok, atSeconds) {
      instruments.reloadOk.set(ok ? 1 : 0)
      if (ok) instruments.reloadAt.set(atSeconds)
    },
    shadowReloaded: (ok) => instruments.shadowReloadOk.set(ok ? 1 : 0),
    policyChanged(policy, shadow = null) {
      instruments.shadowInfo.reset()
      if (shadow !== null) instruments.shadowInfo.set({ name: shadow.name, revision: shadow.revision }, 1)
      shadows.keep(policy, shadow)
      instruments.rulesInfo.reset()
      instruments.rulesInfo.set({ name: policy.name, revision: policy.revision, mode: policy.mode }, 1)
      instruments.exceptionExpiry.reset()
      for (const { id, expiresAt } of policy.exceptions.slice(0, MOST_VALUES)) {
        instruments.exceptionExpiry.set({ exception: id }, expiresAt / 1000)
      }
      decisions.keep(policy)
    },
    families,
    async expose(accept = null, others = []) {
      const openMetrics = prefersOpenMetrics(accept)
      const body = exposition(mergeFamilies([await families(), ...others]), openMetrics)
      return { contentType: openMetrics ? OPENMETRICS_TYPE : TEXT_TYPE, body }
    },
  }
}

function prefersOpenMetrics(accept: string | null): boolean {
  const quality = namedQuality(accept, 'application/openmetrics-text')
  return quality > 0 && quality >= namedQuality(accept, 'text/plain')
}
