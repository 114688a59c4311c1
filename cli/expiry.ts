/** Exceptions end by the clock, not by a reload: `decide` sees to that. Here their end is put on the record. */
import type { SystemEvent } from '../rules/events.ts'
import type { Policy } from '../rules/policy.ts'

const LOOK_MS = 1000

export interface ExpiryOptions {
  readonly policy: () => Policy
  readonly now: () => number
  readonly record: (event: SystemEvent) => Promise<unknown>
}

/** Watches until the function that it returns is called. */
export function watchExpiry({ policy, now, record }: ExpiryOptions): () => void {
  let seen = now()
  const timer = setInterval(() => {
    const before = seen
    seen = Math.max(seen, now())
    for (const event of expiredBetween(policy(), before, seen)) record(event).catch(() => {}) // the log tells of it
  }, LOOK_MS)
  return () => clearInterval(timer)
}

/** An event for each exception whose end lies after `before` and not after `now`, in milliseconds since 1970. */
export function expiredBetween(policy: Policy, before: number, now: number): readonly SystemEvent[] {
  return policy.file.exceptions
    .filter(({ expiresAt }) => expiresAt > before && expiresAt <= now)
    .map(({ id, rules, expiresAt, ticket, approver }) => ({
      action: 'exception-expired',
      outcome: 'success',
      reason: `The exception ${id} has ended`,
      policy,
      facts: { exception: id, rules, expired: new Date(expiresAt).toISOString(), ticket, approver },
    }))
}
