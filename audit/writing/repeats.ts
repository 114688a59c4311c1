/**
 * `repeat_seconds`: an app that retries its refused request in a storm gets one reference. The first denial is recorded,
 * the same again within the window shares its reference, and one `repeat` record at the window's end says how many came.
 */

import type { SystemEvent, TrafficEvent } from '../../rules/events.ts'
import { ArrivalMap } from '../../rules/tables/arrivals.ts'
import type { RepeatEvent } from '../record.ts'

export interface RepeatsOptions {
  /** 0 = every denial its own record. */
  readonly windowMs: number
  /** Windows open at once; beyond it the oldest ends early. */
  readonly maxWindows: number
  readonly record: (event: TrafficEvent | SystemEvent) => Promise<string>
  /** Takes the record of a window that ended. */
  readonly keep: (repeat: RepeatEvent) => void
  readonly now: () => number
}

interface Window {
  readonly event: TrafficEvent
  /** Of the first denial, once that is safe. */
  readonly reference: Promise<string>
  readonly startedAt: number
  count: number
  firstAt: number
  lastAt: number
  alike: boolean
}

export class Repeats {
  readonly #options: RepeatsOptions
  /** By what they share. All last equally long, so that the oldest ends first. */
  readonly #windows = new ArrivalMap<string, Window>()
  #timer: NodeJS.Timeout | null = null

  constructor(options: RepeatsOptions) {
    this.#options = options
  }

  /** As `Recorder.record`. Only denials repeat: what was let through has a tunnel, and an end, of its own. */
  record(event: TrafficEvent | SystemEvent): Promise<string> {
    const { windowMs, record, now } = this.#options
    if (windowMs === 0 || !('verdict' in event)) return record(event)
    if (event.action !== 'block' && event.action !== 'refuse') return record(event)
    const key = shared(event)
    const at = now()
    const open = this.#windows.get(key)
    if (open !== undefined && !this.#ended(open, at)) {
      if (open.count++ === 0) open.firstAt = at
      open.lastAt = at
      open.alike &&= isAlike(event, open.event)
      return open.reference
    }
    if (open !== undefined) void this.#end(key, open)
    return this.#begin(key, event, at)
  }

  /** Ends every window. Resolves when their records have been handed on. */
  async flush(): Promise<void> {
    const ends: Promise<void>[] = []
    for (let oldest = this.#windows.oldest; oldest !== null; oldest = this.#windows.oldest)
      ends.push(this.#end(...oldest))
    await Promise.all(ends)
  }

  #begin(key: string, event: TrafficEvent, at: number): Promise<string> {
    const { maxWindows, record } = this.#options
    const reference = record(event)
    const window = { event, reference, startedAt: at, count: 0, firstAt: at, lastAt: at, alike: true }
    this.#windows.set(key, window)
    // A denial that is not on record has no reference to share.
    reference.catch(() => {
      if (this.#windows.get(key) === window) this.#windows.delete(key)
    })
    const { oldest } = this.#windows
    if (oldest !== null && this.#windows.size > maxWindows) void this.#end(...oldest)
    this.#schedule()
    return reference
  }

  #ended({ startedAt }: Window, at: number): boolean {
    // A clock that was set back must not keep a window open.
    return at >= startedAt + this.#options.windowMs || at < startedAt
  }

  async #end(key: string, window: Window): Promise<void> {
    if (this.#windows.get(key) === window) this.#windows.delete(key)
    if (window.count === 0) return
    const { event: of, count, firstAt, lastAt, alike } = window
    try {
      const reference = await window.reference
      this.#options.keep({ action: 'repeat', of, reference, count, firstAt, lastAt, alike })
    } catch {
      // The callers that shared the reference were told of the failure themselves.
    }
  }

  #schedule(): void {
    const { oldest } = this.#windows
    if (this.#timer !== null || oldest === null) return
    const [, { startedAt }] = oldest
    const wait = startedAt + this.#options.windowMs - this.#options.now()
    // Unreferenced: an open window must not keep the process running; closing flushes.
    this.#timer = setTimeout(() => this.#sweep(), Math.max(1, Math.min(wait, this.#options.windowMs))).unref()
  }

  #sweep(): void {
    this.#timer = null
    const at = this.#options.now()
    for (let { oldest } = this.#windows; oldest !== null && this.#ended(oldest[1], at); oldest = this.#windows.oldest)
      void this.#end(...oldest)
    this.#schedule()
  }
}

/** Whether what the record says of the one is true of the other as well; what is hidden says nothing of its destination. */
function isAlike(one: TrafficEvent, other: TrafficEvent): boolean {
  return (
    one.method === other.method &&
    one.because === other.because &&
    one.destination?.port === other.destination?.port &&
    one.destination?.ip === other.destination?.ip
  )
}

/** Source, host, rule and action; the revision too, since a record's rule is pinned by it. */
function shared({ action, source, destination, verdict, policy }: TrafficEvent): string {
  const host = destination?.domain ?? destination?.ip ?? ''
  return `${source.ip} ${host} ${verdict.rule} ${action} ${policy.revision}`
}
