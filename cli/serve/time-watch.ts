/**
 * Exceptions and hours begin and end by the clock, not by a reload: `decide` sees to new requests. Here what that means for
 * all else is seen to: the record, open tunnels, and a warning before an exception ends.
 */
import { endingSoon, timeState, turnedBetween } from '../../rules/clock.ts'
import type { SystemEvent } from '../../rules/events.ts'
import type { ExceptionEntry } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'

const SECOND_MS = 1000
const DAY_MS = 24 * 60 * 60 * SECOND_MS
/** What a log line quotes of a longer list. */
const MOST_NAMED = 50

export interface TimeWatchOptions {
  readonly policy: () => Policy
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly record: (event: SystemEvent) => Promise<unknown>
  /** The same rules may decide otherwise from here on. */
  readonly turned: () => void
  readonly log: { warn(fields: object, message: string): void }
}

export class TimeWatch {
  #options: TimeWatchOptions
  #seen: number
  #policy: Policy
  #state: string
  #warned = ''
  #warnedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(options: TimeWatchOptions) {
    this.#options = options
    this.#seen = options.now()
    this.#policy = options.policy()
    this.#state = timeState(this.#policy, this.#seen)
  }

  /** Looks now, and then at the beginning of every second, which is when exceptions end. */
  start(): void {
    this.look()
    const wait = SECOND_MS - (this.#options.now() % SECOND_MS) + 1
    this.#timer = setTimeout(() => this.start(), wait)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  look(): void {
    const { policy: inForce, now, turned } = this.#options
    const policy = inForce()
    const before = this.#seen
    this.#seen = Math.max(before, now())
    const { started, expired } = turnedBetween(policy, before, this.#seen)
    for (const entry of started) this.#record(policy, entry, 'exception-started')
    for (const entry of expired) this.#record(policy, entry, 'exception-expired')
    this.#warn(policy)
    const state = timeState(policy, this.#seen)
    // Whoever put new rules in force had the open tunnels judged by them.
    const isTurned = policy === this.#policy && state !== this.#state
    this.#policy = policy
    this.#state = state
    if (isTurned) turned()
  }

  #record(policy: Policy, entry: ExceptionEntry, action: 'exception-started' | 'exception-expired'): void {
    const { id, rules, startsAt, expiresAt, ticket, approver } = entry
    const isStart = action === 'exception-started'
    const facts = {
      exception: id,
      rules,
      ...(isStart ? { started: instant(startsAt ?? 0), expires: instant(expiresAt) } : { expired: instant(expiresAt) }),
      ticket,
      approver,
    }
    const reason = `The exception ${id} has ${isStart ? 'begun' : 'ended'}`
    this.#options.record({ action, outcome: 'success', reason, policy, facts }).catch(() => {}) // the log tells of it
  }

  /** When rules are loaded, when another exception comes into its last days, and once a day. */
  #warn(policy: Policy): void {
    const soon = endingSoon(policy, this.#seen)
    const exceptions = soon.slice(0, MOST_NAMED).map(({ id, expiresAt, ticket }) => ({
      exception: id,
      expires: instant(expiresAt),
      ticket,
    }))
    const told = JSON.stringify(exceptions)
    if (told === this.#warned && this.#seen < this.#warnedAt + DAY_MS) return
    this.#warned = told
    this.#warnedAt = this.#seen
    if (soon.length > 0) this.#options.log.warn({ count: soon.length, exceptions }, 'exceptions end within seven days')
  }
}

function instant(at: number): string {
  return new Date(at).toISOString()
}
