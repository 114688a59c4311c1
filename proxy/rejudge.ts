/**
 * Open tunnels, judged again when the rules or the time have changed. What was let through stays one story under one
 * revision; what cuts it is a story of its own, under the rules that are in force now.
 */
import type { Observer, RejudgedFate } from '../rules/events.ts'
import type { Verdict } from '../rules/model.ts'
import type { Policy } from '../rules/policy.ts'
import type { Exchange } from './exchange.ts'
import type { ProxyOptions } from './options.ts'

/** So many are judged, or cut and recorded, before others have their turn. */
const SLICE = 128

type Options = Pick<ProxyOptions, 'existingTunnels' | 'limits' | 'policy' | 'log'> & {
  readonly observer: Pick<Observer, 'tunnelsRejudged'>
}
type Fates = Record<RejudgedFate, number>

export class Rejudge {
  #options: Options
  /** What is under way now, tunnels and all else. */
  #ongoing: () => Iterable<Exchange>
  #running: Promise<void> | null = null
  /** Why to begin anew: something has changed since. */
  #next: string | null = null
  /** When it was last begun, by `performance.now()`. */
  #begunAt = Number.NEGATIVE_INFINITY
  #why = ''
  /** Until when those that were given time may go on, earliest first. */
  #deadlines = new Map<Exchange, { readonly at: number; readonly why: string }>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: Options, ongoing: () => Iterable<Exchange>) {
    this.#options = options
    this.#ongoing = ongoing
  }

  /** Judge all that is under way. Resolves when that is done, by the rules that are in force then; never rejects. */
  all(why: string): Promise<void> {
    this.#begunAt = performance.now()
    this.#why = why
    this.#next = why
    this.#running ??= this.#untilDone()
    return this.#running
  }

  /** Judge one that became a tunnel, or showed more of itself, after the others were judged. A promise where it is cut. */
  late(exchange: Exchange): Promise<void> | null {
    if (this.#begunAt < exchange.startedAt || exchange.severed) return null
    const fates = noFates()
    const cut = this.#judge(exchange, this.#why, fates)
    this.#count(fates)
    return cut
  }

  async #untilDone(): Promise<void> {
    for (let why = this.#next; why !== null; why = this.#next) {
      this.#next = null
      const fates = noFates()
      await this.#inSlices([...this.#ongoing()], (exchange) => this.#judge(exchange, why, fates))
      this.#count(fates)
      if (fates.kept + fates.drained + fates.cut > 0)
        this.#options.log.info({ why, ...fates }, 'open tunnels that are no longer let through')
    }
    this.#running = null
  }

  /** Thousands of tunnels must not keep others waiting, nor their records fill the queue. */
  async #inSlices(exchanges: readonly Exchange[], judge: (exchange: Exchange) => Promise<void> | null): Promise<void> {
    for (let from = 0; from < exchanges.length; from += SLICE) {
      const cuts = exchanges.slice(from, from + SLICE).map(judge)
      await Promise.all(cuts)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** A promise where one is cut. */
  #judge(exchange: Exchange, why: string, fates: Fates): Promise<void> | null {
    const { existingTunnels, limits } = this.#options
    const policy = this.#options.policy()
    const verdict = this.#denied(exchange, policy)
    if (verdict === null) {
      this.#deadlines.delete(exchange)
      return null
    }
    if (existingTunnels === 'cut' && exchange.relays) {
      fates.cut += 1
      return this.#cut(exchange, verdict, policy, why)
    }
    if (existingTunnels === 'keep') fates.kept += exchange.relays ? 1 : 0
    else if (!this.#deadlines.has(exchange)) {
      // An answer that is under way is given time in any case: it would be broken, and mostly it is short.
      fates.drained += exchange.relays ? 1 : 0
      this.#deadlines.set(exchange, { at: performance.now() + limits.drainMs, why })
      this.#await()
    }
    return null
  }

  /** The verdict that denies it now; null where it may go on. A mistake of ours lets nothing through. */
  #denied(exchange: Exchange, policy: Policy): Verdict | null {
    try {
      return exchange.rejudge(policy)
    } catch (error) {
      this.#options.log.error({ err: error }, 'an open tunnel could not be judged again, and is cut')
      exchange.cut()
      return null
    }
  }

  /** Its record comes first; one that cannot be written keeps no tunnel open. */
  async #cut(exchange: Exchange, verdict: Verdict, policy: Policy, why: string): Promise<void> {
    try {
      await exchange.recordRejudged(verdict, policy, why)
    } catch (error) {
      this.#options.log.error({ err: error }, 'a tunnel is cut without its record')
    }
    exchange.cut()
  }

  /** Wake when the first deadline has passed. */
  #await(): void {
    clearTimeout(this.#timer)
    const [first] = this.#deadlines.values()
    if (first === undefined) return
    // Unreferenced: once nothing is open, there is nothing to be cut.
    this.#timer = setTimeout(() => void this.#due(), Math.max(0, first.at - performance.now()) + 1).unref()
  }

  /** Time is over for those that are still denied. */
  async #due(): Promise<void> {
    const now = performance.now()
    const due = [...this.#deadlines].filter(([, { at }]) => at <= now)
    const fates = noFates()
    const policy = this.#options.policy()
    const whys = new Map(due.map(([exchange, { why }]) => [exchange, why]))
    for (const exchange of whys.keys()) this.#deadlines.delete(exchange)
    this.#await()
    await this.#inSlices([...whys.keys()], (exchange) => {
      const verdict = this.#denied(exchange, policy)
      if (verdict === null) return null
      fates.cut += 1
      return this.#cut(exchange, verdict, policy, whys.get(exchange) ?? '')
    })
    this.#count(fates)
    if (fates.cut > 0) this.#options.log.info({ cut: fates.cut }, 'open tunnels were cut at the end of their time')
  }

  #count({ kept, drained, cut }: Fates): void {
    const { observer } = this.#options
    if (kept > 0) observer.tunnelsRejudged('kept', kept)
    if (drained > 0) observer.tunnelsRejudged('drained', drained)
    if (cut > 0) observer.tunnelsRejudged('cut', cut)
  }
}

function noFates(): Fates {
  return { kept: 0, drained: 0, cut: 0 }
}
