/** Connections to origins that wait for the next request. One that says anything while it waits is closed: that belongs to no request. */
import { Arrivals, placeOf } from '../rules/arrivals.ts'
import type { Consumer, Wire } from './wire.ts'

export interface PoolBounds {
  /** Connections that wait, of one origin and of all. */
  readonly mostOfOne: number
  readonly most: number
  readonly idleMs: number
  /** How often it is looked which have waited for so long. */
  readonly sweepMs: number
}

/**
 * An origin that waits less long closes the connection, which is noticed at once; a request that crosses that goes out again on a new
 * one. What stands between may drop one in silence, but hardly so soon.
 */
const BOUNDS: PoolBounds = { mostOfOne: 64, most: 2048, idleMs: 30_000, sweepMs: 1000 }

export class Pool {
  /** By origin, the one that was used last at the end. */
  #idle = new Map<string, Waiting[]>()
  /** All of them, in the order in which they began to wait. */
  #all = new Arrivals<Waiting>()
  readonly #bounds: PoolBounds
  #closed = false
  #arriving: Waiting[] = []
  #sweeper: NodeJS.Timeout | null = null

  constructor(bounds: PoolBounds = BOUNDS) {
    this.#bounds = bounds
  }

  has(key: string): boolean {
    return (this.#idle.get(key)?.length ?? 0) > 0
  }

  /** The most recently used idle connection of that origin, or null. */
  take(key: string): Wire | null {
    const waiting = this.#idle.get(key)
    const last = waiting?.pop()
    if (waiting === undefined || last === undefined) return null
    this.#all.remove(last.place)
    last.wire.release()
    return last.wire
  }

  /**
   * Keep a connection whose last answer ended where its framing said. It is handed out from the next turn of the event
   * loop on: by then, whatever its origin sent along with that answer has been read and has closed it.
   */
  give(key: string, wire: Wire): void {
    wire.feeder = null
    wire.watcher = null
    const one = new Waiting(key, wire, this)
    wire.attach(one)
    this.#arriving.push(one)
    if (this.#arriving.length === 1) setImmediate(() => this.#arrived())
  }

  /** Close all, and what is given later. */
  close(): void {
    this.#closed = true
    if (this.#sweeper !== null) clearInterval(this.#sweeper)
    for (const waiting of this.#idle.values()) for (const { wire } of waiting) wire.destroy()
    this.#idle.clear()
    this.#all = new Arrivals()
  }

  /** It is no longer one that may be handed out. */
  discard(one: Waiting): void {
    const { key, wire } = one
    const waiting = this.#idle.get(key)
    const at = waiting?.indexOf(one) ?? -1
    if (waiting !== undefined && at >= 0) {
      waiting.splice(at, 1)
      this.#all.remove(one.place)
    }
    wire.destroy()
  }

  #arrived(): void {
    const arrived = this.#arriving
    this.#arriving = []
    for (const one of arrived) this.#keep(one)
  }

  #keep(one: Waiting): void {
    const { key, wire } = one
    const { mostOfOne, most, sweepMs } = this.#bounds
    let waiting = this.#idle.get(key)
    if (this.#closed || (waiting?.length ?? 0) >= mostOfOne || wire.socket.destroyed) {
      wire.destroy()
      return
    }
    if (this.#all.size >= most && this.#all.oldest !== null) this.discard(this.#all.oldest.value)
    if (waiting === undefined) {
      waiting = []
      this.#idle.set(key, waiting)
    }
    waiting.push(one)
    this.#all.addAt(one.place)
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs)
  }

  /**
   * One look now and then, and no clock for each: they come and go with every request. So does the entry of an origin none of whose
   * connections waits: it goes here.
   */
  #sweep(): void {
    const before = performance.now() - this.#bounds.idleMs
    for (let { oldest } = this.#all; oldest !== null && oldest.value.since <= before; oldest = this.#all.oldest)
      this.discard(oldest.value)
    for (const [key, { length }] of this.#idle) if (length === 0) this.#idle.delete(key)
    if (this.#all.size > 0 || this.#sweeper === null) return
    clearInterval(this.#sweeper)
    this.#sweeper = null
  }
}

class Waiting implements Consumer {
  readonly key: string
  readonly wire: Wire
  readonly since = performance.now()
  readonly place = placeOf(this)
  #pool: Pool

  constructor(key: string, wire: Wire, pool: Pool) {
    this.key = key
    this.wire = wire
    this.#pool = pool
  }

  data(chunk: Buffer): number {
    this.#pool.discard(this)
    return chunk.length
  }

  end(): void {
    this.#pool.discard(this)
  }

  gone(): void {
    this.#pool.discard(this)
  }
}
