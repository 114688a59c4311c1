/**
 * The data plane as the rest of the process sees it, however many threads serve clients. What must be one stays on this side:
 * records, the admin port, metrics as they are read, reloads, signals, the proxy's own pages.
 */
import { rowOf, type TallyRow } from '../../audit/tallies/row.ts'
import type { Family } from '../../metrics/exposition.ts'
import type { ProxyOptions } from '../../proxy/options.ts'
import { createProxy } from '../../proxy/server.ts'
import { type RuleLift, withLifts } from '../../rules/breakglass.ts'
import type { Policy } from '../../rules/policy.ts'

/** All that exchanges are judged by. Each asks once, at its beginning, and keeps what it was given. */
export interface InForce {
  /** As the rule file says. */
  readonly policy: Policy
  /** What break-glass takes out of it. */
  readonly lifts: readonly RuleLift[]
  /** Judged beside it, and never acts. */
  readonly shadow: Policy | null
}

export interface ListenAddress {
  readonly address: string
  readonly family: string
  readonly port: number
}

export interface Plane {
  /** Rejects when a listener cannot be opened; then none is open. Resolves with where they listen. */
  listen(): Promise<readonly ListenAddress[]>
  /** Resolves when every new exchange is judged by these. Those under way keep theirs; open tunnels are judged again. */
  use(rules: InForce): Promise<void>
  /** Judges open tunnels again: a time that the rules name has come. */
  rejudge(why: string): Promise<void>
  /** Takes no new work; resolves when every connection is gone. */
  drain(): Promise<void>
  /** Connections that are open now. */
  readonly connections: number
  /** What threads of their own have counted, to be added to what this one has: one list of families each. */
  families(): Promise<readonly (readonly Family[])[]>
  /** Why it does not serve as it should; empty: it does. */
  readonly troubles: readonly string[]
  /** Rejects when it can serve no longer. */
  readonly failed: Promise<never>
}

export interface PlaneOptions extends Omit<ProxyOptions, 'policy' | 'shadow' | 'tally'> {
  /** What is in force at the start. */
  readonly rules: InForce
  /** Takes allowed conferencing, of one request or added up. */
  readonly tallied: (rows: readonly TallyRow[]) => void
}

/** What of it concerns open tunnels, in words for their records; null: nothing does. */
export function changeBetween(before: InForce, after: InForce): string | null {
  if (before.policy !== after.policy) return 'the rules were changed'
  return before.lifts === after.lifts ? null : 'break-glass has begun or ended'
}

/** One proxy, in this thread: it counts straight into this thread's metrics. */
export function createLocalPlane({ rules, tallied, ...options }: PlaneOptions): Plane {
  let inForce = rules
  let policy = withLifts(rules.policy, rules.lifts)
  const proxy = createProxy({
    ...options,
    policy: () => policy,
    shadow: () => inForce.shadow,
    tally: (allowed) => tallied([rowOf(allowed)]),
  })
  return {
    listen: () => proxy.listen(),
    async use(next) {
      const why = changeBetween(inForce, next)
      inForce = next
      if (why === null) return
      policy = withLifts(next.policy, next.lifts)
      void proxy.rejudge(why)
    },
    rejudge: (why) => proxy.rejudge(why),
    drain: () => proxy.drain(),
    get connections() {
      return proxy.connections
    },
    families: async () => [],
    troubles: [],
    failed: new Promise(() => {}),
  }
}
