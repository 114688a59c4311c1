/**
 * Failures slow down whoever makes them: after a few that are free, each one doubles the time until the next attempt is even
 * looked at. By key (an address, a user's name); bounded, so that a flood of keys costs no memory.
 */

export interface ThrottleOptions {
  /** Failures without a consequence. */
  readonly free: number
  readonly firstMs: number
  readonly mostMs: number
  /** Without a failure for so long, all is forgotten. */
  readonly forgetMs: number
  readonly maxKeys?: number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

interface Failing {
  count: number
  /** Of the last failure. */
  at: number
  until: number
}

export class Throttle {
  readonly #options: ThrottleOptions
  /** In the order of the last failure: the first is the one to forget. */
  readonly #failing = new Map<string, Failing>()

  constructor(options: ThrottleOptions) {
    this.#options = options
  }

  /** How long the key has to wait, in milliseconds; 0: not at all. */
  waitMs(key: string): number {
    const failing = this.#fresh(key)
    if (failing === null) return 0
    const { mostMs, now } = this.#options
    // A clock that was set back must not lock anybody out for longer.
    return Math.min(mostMs, Math.max(0, failing.until - now()))
  }

  failed(key: string): void {
    const { free, firstMs, mostMs, now, maxKeys = 10_000 } = this.#options
    const count = (this.#fresh(key)?.count ?? 0) + 1
    const delay = count <= free ? 0 : Math.min(mostMs, firstMs * 2 ** Math.min(30, count - free - 1))
    this.#failing.delete(key)
    this.#failing.set(key, { count, at: now(), until: now() + delay })
    for (const oldest of this.#failing.keys()) {
      if (this.#failing.size <= maxKeys) break
      this.#failing.delete(oldest)
    }
  }

  succeeded(key: string): void {
    this.#failing.delete(key)
  }

  #fresh(key: string): Failing | null {
    const failing = this.#failing.get(key)
    return failing === undefined || this.#options.now() >= failing.at + this.#options.forgetMs ? null : failing
  }
}
