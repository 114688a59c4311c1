/**
 * When an exception is in force, whom it is for, and whether it takes a rule out of the search.
 */
import type { Address } from './model.ts'
import type { Exception, Lift, Rule } from './policy.ts'

/** The first exception that takes the rule out of the search; null when none does. */
export function liftOf(
  { lifts }: Pick<Rule, 'lifts'>,
  segment: string,
  source: Address | null,
  at: number,
): Lift | null {
  for (const lift of lifts) {
    if (isInForce(lift.exception, at) && isFor(lift.exception, segment, source)) return lift
  }
  return null
}

/** Which of two lifts let a request through: without either it would not have been. */
export function decisiveLift(before: Lift | null, next: Lift): Lift {
  return before === null || (next.isBreakglass && !before.isBreakglass) ? next : before
}

/** From its start on, up to but not including the instant of its end. */
export function isInForce({ entry: { startsAt, expiresAt } }: Exception, at: number): boolean {
  return (startsAt === null || startsAt <= at) && at < expiresAt
}

/** Whether the exception is for this client. */
export function isFor({ sources, segments }: Exception, segment: string, source: Address | null): boolean {
  if (segments?.has(segment)) return true
  return sources !== null && source !== null && sources.lookup(source) === true
}
