/** Break-glass of this process, with the real clocks and the audit folder. */
import type { Audit } from '../../audit/audit.ts'
import type { Metrics } from '../../metrics/metrics.ts'
import type { RuleLift } from '../../rules/breakglass.ts'
import type { SystemEvent } from '../../rules/events.ts'
import type { ServerConfig } from '../settings/settings.ts'
import { BreakglassBook } from './breakglass-book.ts'
import { breakglassStore } from './breakglass-store.ts'
import type { Keeper } from './keeper.ts'
import type { Log } from './operator-log.ts'

export interface BreakglassParts {
  readonly config: ServerConfig
  readonly audit: Audit
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => number
}

/** Nothing is lifted until `resume`. */
export function breakglassFor(
  { config, audit, metrics, log, now }: BreakglassParts,
  keeper: Keeper,
  apply: (lifts: readonly RuleLift[]) => Promise<void>,
): BreakglassBook {
  return new BreakglassBook({
    policy: () => keeper.policy,
    apply,
    record: config.audit.onFailure === 'block' ? (event) => audit.record(event) : onDisk(audit),
    metric: metrics.breakglass,
    store: breakglassStore(config.audit.dir),
    log,
    now,
    elapsed: () => performance.now(),
  })
}

/** Records that are not answered while they wait in memory, as all others are with `on_failure: continue`. */
export function onDisk(audit: Pick<Audit, 'record' | 'healthy'>): (event: SystemEvent) => Promise<void> {
  return async (event) => {
    if (!audit.healthy()) throw new Error('records cannot be written now')
    await audit.record(event)
    if (!audit.healthy()) throw new Error('the record may not be written yet')
  }
}
