/** Break-glass of this process, with the real clocks and the audit folder. */
import type { Audit } from '../audit/audit.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { RuleLift } from '../rules/breakglass.ts'
import { BreakglassBook } from './breakglass-book.ts'
import { breakglassStore } from './breakglass-store.ts'
import type { Keeper } from './keeper.ts'
import type { Log } from './operator-log.ts'
import type { ServerConfig } from './settings.ts'

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
    record: (event) => audit.record(event),
    metric: metrics.breakglass,
    store: breakglassStore(config.audit.dir),
    log,
    now,
    elapsed: () => performance.now(),
  })
}
