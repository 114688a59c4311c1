/** Connections to origins that wait for the next request. One that says anything while it waits is closed: that belongs to no request. */
import type { Consumer, Wire } from './wire.ts'

const MAX_IDLE_PER_ORIGIN = 64
const MAX_IDLE = 2048
/** Shorter than what most origins wait, so that the pool seldom hands out one that is about to be closed. */
const IDLE_MS = 4000
/** How often it is looked which have waited for so long. */
const SWEEP_MS = 500

export class Pool {
  /** By origin, the one that was used last at the end. */
  #idle = new Map<string, Waiting[]>()
  #count = 0
  #closed = false
  #arriving: Waiting[] = []
  #sweeper: NodeJS.Timeout | null = null

  has(key: string): boolean {
    return (this.#idle.get(key)?.length ?? 0) > 0
  }

  /** The most recently used idle connection of that origin, or null. */
  take(key: string): Wire | null {
    const waiting = this.#idle.get(key)
    const last = waiting?.pop()
    if (waiting === undefined || last === undefined) return null
    this.#count -= 1
    last.wire.release()
    return last.wire
  }

  /**
   * Keep a connection whose last answer ended where its framing said. It is handed out from the next turn of the event
   * loop on: by then, whatever its origin sent along with that answer has been read and has closed it.
   */
  give(key: string, wire: Wire): void {
    wire.onDrain = null
    wire.onGone = null
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
    this.#count = 0
  }

  /** It is no longer one that may be handed out. */
  discard(one: Waiting): void {
    const { key, wire } = one
    const waiting = this.#idle.get(key)
    const at = waiting?.indexOf(one) ?? -1
    if (waiting !== undefined && at >= 0) {
      waiting.splice(at, 1)
      this.#count -= 1
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
    let waiting = this.#idle.get(key)
    const isFull = this.#count >= MAX_IDLE || (waiting?.length ?? 0) >= MAX_IDLE_PER_ORIGIN
    if (this.#closed || isFull || wire.socket.destroyed) {
      wire.destroy()
      return
    }
    if (waiting === undefined) {
      waiting = []
      this.#idle.set(key, waiting)
    }
    waiting.push(one)
    this.#count += 1
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS)
  }

  /**
   * One look at all of them now and then, and no clock for each: they come and go with every request. So does the entry of an
   * origin none of whose connections waits: it goes here.
   */
  #sweep(): void {
    const before = performance.now() - IDLE_MS
    for (const [key, waiting] of this.#idle) {
      for (const one of waiting.filter(({ since }) => since <= before)) this.discard(one)
      if (waiting.length === 0) this.#idle.delete(key)
    }
    if (this.#count > 0 || this.#sweeper === null) return
    clearInterval(this.#sweeper)
    this.#sweeper = null
  }
}

class Waiting implements Consumer {
  readonly key: string
  readonly wire: Wire
  readonly since = performance.now()
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
