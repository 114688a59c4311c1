/** What the clock does to rules without anybody changing them: exceptions begin and end, a `during` does. */
import { isDuring } from './during.ts'
import { isInForce } from './exceptions.ts'
import type { During, ExceptionEntry } from './model.ts'
import type { Policy } from './policy.ts'

/** How long before its end an exception warns. */
const WARNED_MS = 7 * 24 * 60 * 60 * 1000

/** Differs from the text of another instant, in milliseconds since 1970, where the same policy may decide otherwise then. */
export function timeState({ exceptions, rules }: Policy, at: number): string {
  let state = ''
  for (const exception of exceptions) state += isInForce(exception, at) ? '1' : '0'
  let last: During | null = null
  for (const { entry } of rules) {
    if (entry.during === null || entry.during === last) continue
    last = entry.during
    state += isDuring(last, at) ? '1' : '0'
  }
  return state
}

/** The exceptions that have begun or ended after `before` and not after `now`; both in milliseconds since 1970. */
export function turnedBetween(policy: Policy, before: number, now: number) {
  const isBetween = (at: number | null) => at !== null && at > before && at <= now
  const { exceptions } = policy.file
  return {
    started: exceptions.filter(({ startsAt }) => isBetween(startsAt)),
    expired: exceptions.filter(({ expiresAt }) => isBetween(expiresAt)),
  }
}

/** The exceptions that end within seven days, the first to end first. */
export function endingSoon(policy: Policy, now: number): readonly ExceptionEntry[] {
  return policy.file.exceptions
    .filter(({ expiresAt }) => expiresAt > now && expiresAt <= now + WARNED_MS)
    .sort((x, y) => x.expiresAt - y.expiresAt)
}
