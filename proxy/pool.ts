/** Connections to origins that wait for the next request. One that says anything while it waits is closed: that belongs to no request. */

import type { Address } from '../rules/model.ts'
import { Arrivals, placeOf } from '../rules/tables/arrivals.ts'
import type { Consumer, Wire } from './wire.ts'

export interface PoolBounds {
  /** Connections that wait, of one origin and of all. */
  readonly mostOfOne: number
  readonly most: number
  readonly idleMs: number
  /** How often it is looked which have waited for so long. */
  readonly sweepMs: number
}

/** How long a connection to an origin waits for the next request. */
export const KEPT_MS = 30_000

/**
 * An origin that waits less long closes the connection, which is noticed at once; a request that crosses that goes out again on a new
 * one. What stands between may drop one in silence, but hardly so soon.
 */
const BOUNDS: PoolBounds = { mostOfOne: 64, most: 2048, idleMs: KEPT_MS, sweepMs: 1000 }

/** Whose connections may be used for one another: those of one host and port at one of its addresses. */
export interface Origin {
  /** Null: it was asked for by its address. */
  readonly host: string | null
  readonly port: number
}

/** Where the connections to one origin wait. */
interface Berth {
  readonly address: string
  readonly port: number
  /** The one that was used last at the end. */
  readonly waiting: Waiting[]
}

export class Pool {
  /** By host: to look up a text that was just put together takes longer than to go through the few addresses and ports of one. */
  #berths = new Map<string, Berth[]>()
  /** All of them, in the order in which they began to wait. */
  #all = new Arrivals<Waiting>()
  readonly #bounds: PoolBounds
  #closed = false
  #arriving: Waiting[] = []
  #sweeper: NodeJS.Timeout | null = null

  constructor(bounds: PoolBounds = BOUNDS) {
    this.#bounds = bounds
  }

  has({ host, port }: Origin, { text }: Address): boolean {
    return (this.#berth(host ?? text, text, port)?.waiting.length ?? 0) > 0
  }

  /** The most recently used idle connection to that address of the origin, or null. */
  take({ host, port }: Origin, { text }: Address): Wire | null {
    const last = this.#berth(host ?? text, text, port)?.waiting.pop()
    if (last === undefined) return null
    this.#all.remove(last.place)
    last.wire.release()
    return last.wire
  }

  /**
   * Keep a connection whose last answer ended where its framing said. It is handed out from the next turn of the event
   * loop on: by then, whatever its origin sent along with that answer has been read and has closed it. One that is bound to a client
   * is closed: the pool is for all.
   */
  give({ host, port }: Origin, { text }: Address, wire: Wire): void {
    if (wire.isBound) {
      wire.destroy()
      return
    }
    wire.feeder = null
    wire.watcher = null
    const one = new Waiting(host ?? text, text, port, wire, this)
    wire.attach(one)
    this.#arriving.push(one)
    if (this.#arriving.length === 1) setImmediate(() => this.#arrived())
  }

  /** Close all, and what is given later. */
  close(): void {
    this.#closed = true
    if (this.#sweeper !== null) clearInterval(this.#sweeper)
    for (const { wire } of this.#all) wire.destroy()
    this.#berths.clear()
    this.#all = new Arrivals()
  }

  /** It is no longer one that may be handed out. */
  discard(one: Waiting): void {
    const { host, address, port, wire } = one
    const berth = this.#berth(host, address, port)
    const at = berth?.waiting.indexOf(one) ?? -1
    if (berth !== null && at >= 0) {
      berth.waiting.splice(at, 1)
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
    const { host, address, port, wire } = one
    const { mostOfOne, most, sweepMs } = this.#bounds
    const berth = this.#berth(host, address, port)
    if (this.#closed || (berth?.waiting.length ?? 0) >= mostOfOne || wire.socket.destroyed) {
      wire.destroy()
      return
    }
    if (this.#all.size >= most && this.#all.oldest !== null) this.discard(this.#all.oldest.value)
    if (berth !== null) berth.waiting.push(one)
    else this.#open(host, { address, port, waiting: [one] })
    this.#all.addAt(one.place)
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs)
  }

  #berth(host: string, address: string, port: number): Berth | null {
    const berths = this.#berths.get(host)
    if (berths === undefined) return null
    for (const berth of berths) if (berth.address === address && berth.port === port) return berth
    return null
  }

  #open(host: string, berth: Berth): void {
    const berths = this.#berths.get(host)
    if (berths === undefined) this.#berths.set(host, [berth])
    else berths.push(berth)
  }

  /**
   * One look now and then, and no clock for each: they come and go with every request. So does a berth in which
   * none waits: it goes here.
   */
  #sweep(): void {
    const before = performance.now() - this.#bounds.idleMs
    for (let { oldest } = this.#all; oldest !== null && oldest.value.since <= before; oldest = this.#all.oldest)
      this.discard(oldest.value)
    for (const [host, berths] of this.#berths) {
      if (!berths.some(isEmpty)) continue
      const used = berths.filter((berth) => !isEmpty(berth))
      if (used.length === 0) this.#berths.delete(host)
      else this.#berths.set(host, used)
    }
    if (this.#all.size > 0 || this.#sweeper === null) return
    clearInterval(this.#sweeper)
    this.#sweeper = null
  }
}

function isEmpty({ waiting }: Berth): boolean {
  return waiting.length === 0
}

class Waiting implements Consumer {
  readonly host: string
  readonly address: string
  readonly port: number
  readonly wire: Wire
  readonly since = performance.now()
  readonly place = placeOf(this)
  #pool: Pool

  constructor(host: string, address: string, port: number, wire: Wire, pool: Pool) {
    this.host = host
    this.address = address
    this.port = port
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
