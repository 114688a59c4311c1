/** Times in which records could not be written: what is known of them, and the record that tells auditors afterwards. */
import type { SystemEvent } from '../../rules/events.ts'

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

/** What was missed and not yet told. */
export class Missed {
  #waiting: Trouble | null = null
  /** What the record in the batch being written tells; it is true only once that is safe. */
  #telling: Trouble | null = null

  get isNone(): boolean {
    return this.#waiting === null && this.#telling === null
  }

  /** There is something to be told that no record tells yet. */
  get isWaiting(): boolean {
    return this.#waiting !== null
  }

  /** A record is being written that tells something. */
  get isTelling(): boolean {
    return this.#telling !== null
  }

  /** A record that its caller was told is not in the log, or that never will be. */
  add(one: Trouble): void {
    this.#waiting = merged(this.#waiting, one)
  }

  /** A write has failed, and with it the record that was to tell of those before. All of them as one. */
  failed(at: number, cause: string): Trouble {
    const attempt = merged(this.#telling, { since: at, cause, attempts: 1, refused: 0, lost: 0 })
    this.#telling = null
    this.#waiting = this.#waiting === null ? attempt : merged(attempt, this.#waiting)
    return this.#waiting
  }

  /** The record of what waits to be told; null: nothing does. */
  tell(now: number): SystemEvent | null {
    if (this.#waiting === null) return null
    this.#telling = this.#waiting
    this.#waiting = null
    return recoveryEvent(this.#telling, now)
  }

  /** What was being written is safe. Returns what it told; null: nothing. */
  told(): Trouble | null {
    const told = this.#telling
    this.#telling = null
    return told
  }
}

/** Both as one: it began with the earlier. */
function merged(earlier: Trouble | null, later: Trouble): Trouble {
  if (earlier === null) return later
  return {
    since: earlier.since,
    cause: earlier.cause,
    attempts: earlier.attempts + later.attempts,
    refused: earlier.refused + later.refused,
    lost: earlier.lost + later.lost,
  }
}

function recoveryEvent({ since, cause, attempts, refused, lost }: Trouble, until: number): SystemEvent {
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
