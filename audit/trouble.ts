/** A time in which records could not be written: what is known of it, and the record that tells auditors afterwards. */
import type { SystemEvent } from '../rules/events.ts'

export interface Trouble {
  /** Milliseconds since 1970. */
  readonly since: number
  /** Of the first failure: the system's name for it, `ENOSPC`. */
  readonly cause: string
  /** Writes that failed. */
  readonly attempts: number
  /** Records whose callers were told so: nothing was let through. */
  readonly refused: number
  /** Records that did not fit into the buffer of `on_failure: continue`: their requests went on unrecorded. */
  readonly lost: number
}

/** Both as one: it began with the earlier. */
export function mergeTrouble(earlier: Trouble | null, later: Trouble): Trouble
export function mergeTrouble(earlier: Trouble, later: Trouble | null): Trouble
export function mergeTrouble(earlier: Trouble | null, later: Trouble | null): Trouble | null {
  if (earlier === null || later === null) return earlier ?? later
  return {
    since: earlier.since,
    cause: earlier.cause,
    attempts: earlier.attempts + later.attempts,
    refused: earlier.refused + later.refused,
    lost: earlier.lost + later.lost,
  }
}

export function recoveryEvent({ since, cause, attempts, refused, lost }: Trouble, until: number): SystemEvent {
  return {
    action: 'recovered',
    outcome: lost === 0 ? 'success' : 'failure',
    reason: 'Records could not be written for a time',
    policy: null,
    facts: {
      cause,
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      failed_writes: attempts,
      refused,
      lost,
    },
  }
}
