/** Records that wait to be written, in the order of their references, and the bounds on how many may wait. */
import type { Pieces, RecordedEvent } from '../record.ts'
import { DAY_MS } from '../segment.ts'

/** What the tail puts between the pieces and behind them: the sequence number, `prev`, the line's end. */
const STAMP_CHARACTERS = 64

/** Whoever waits for a record. */
export interface Caller {
  readonly resolve: (reference: string) => void
  readonly reject: (error: Error) => void
}

export interface Pending extends Pieces, Caller {
  readonly event: RecordedEvent
  readonly id: string
  /** Of the id, in milliseconds since 1970. */
  readonly time: number
  /** Nobody waits for it: a failure leaves it in the queue until it is written, unless it tells of failures. */
  readonly kept: boolean
  answered: boolean
}

export interface QueueLimits {
  readonly records: number
  /** Of text; near enough to the bytes that it becomes. */
  readonly bytes: number
}

export class Queue {
  readonly #limits: QueueLimits
  #waiting: Pending[] = []
  #characters = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get length(): number {
    return this.#waiting.length
  }

  get full(): boolean {
    return this.#waiting.length >= this.#limits.records || this.#characters >= this.#limits.bytes
  }

  all(): readonly Pending[] {
    return this.#waiting
  }

  push(pending: Pending): void {
    this.#waiting.push(pending)
    this.#characters += size(pending)
  }

  /** Takes the next batch: what waits, of one UTC day, up to `limit` characters (but one record at least). */
  take(limit: number): Pending[] {
    const day = dayOf(this.#waiting[0])
    let characters = 0
    let count = 0
    for (const pending of this.#waiting) {
      const more = characters + size(pending)
      if (count > 0 && (more > limit || dayOf(pending) !== day)) break
      characters = more
      count++
    }
    this.#characters -= characters
    return this.#waiting.splice(0, count)
  }

  /** Puts records that were taken back to the front. */
  putBack(pending: readonly Pending[]): void {
    this.#waiting.unshift(...pending)
    for (const one of pending) this.#characters += size(one)
  }

  /** Leaves only those that nobody waits for, or none. */
  clear(left: 'kept' | 'none'): void {
    this.#waiting = left === 'kept' ? this.#waiting.filter(({ kept }) => kept) : []
    this.#characters = this.#waiting.reduce((sum, pending) => sum + size(pending), 0)
  }
}

function size({ head, tail }: Pending): number {
  return head.length + tail.length + STAMP_CHARACTERS
}

function dayOf(pending: Pending | undefined): number {
  return pending === undefined ? 0 : Math.floor(pending.time / DAY_MS)
}
