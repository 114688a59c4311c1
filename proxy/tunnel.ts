/** Two wires, relayed byte for byte with backpressure; each direction ends by itself (half-close), a failure ends both. */
import type { Observer } from '../rules/events.ts'
import type { Consumer, Wire } from './wire.ts'

export class Tunnel {
  /** Resolves when both directions have ended, or one of the sockets is gone. */
  readonly done: Promise<void>
  readonly startedAt = performance.now()
  /** True once nothing has moved for the idle time. */
  timedOut = false
  readonly #client: Wire
  readonly #origin: Wire
  readonly #sent: Direction
  readonly #received: Direction
  #sampledSent = 0
  #sampledReceived = 0
  #resolve!: () => void // set in the constructor's promise

  constructor(client: Wire, origin: Wire, idleMs: number) {
    this.#client = client
    this.#origin = origin
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#sent = new Direction(client, origin, this)
    this.#received = new Direction(origin, client, this)
    client.watcher = this.#sent
    origin.watcher = this.#received
    const idle = () => {
      this.timedOut = true
      this.close()
    }
    client.onIdle(idleMs, idle)
    origin.onIdle(idleMs, idle)
  }

  get sentBytes(): number {
    return this.#sent.bytes
  }

  get receivedBytes(): number {
    return this.#received.bytes
  }

  /** Start to relay what the origin says. */
  receive(): void {
    this.#received.start(null)
  }

  /** Start to relay what the client says, after what was held of it. */
  send(held: Buffer | null): void {
    this.#sent.start(held)
  }

  /** Tell what was carried since the last time. */
  sample(observer: Pick<Observer, 'tunnelBytes'>): void {
    observer.tunnelBytes('sent', this.sentBytes - this.#sampledSent)
    observer.tunnelBytes('received', this.receivedBytes - this.#sampledReceived)
    this.#sampledSent = this.sentBytes
    this.#sampledReceived = this.receivedBytes
  }

  /** End both sides at once. */
  close(): void {
    this.finish()
    this.#client.destroy()
    this.#origin.destroy()
  }

  /** For its directions: one has ended. Returns whether both have. */
  ended(): boolean {
    const isWhole = this.#sent.isOver && this.#received.isOver
    if (isWhole) this.finish()
    return isWhole
  }

  /** For its directions, too. */
  finish(): void {
    this.#resolve()
  }
}

/** What one side says, on its way to the other. */
class Direction implements Consumer {
  bytes = 0
  isOver = false
  readonly #from: Wire
  readonly #to: Wire
  readonly #tunnel: Tunnel

  constructor(from: Wire, to: Wire, tunnel: Tunnel) {
    this.#from = from
    this.#to = to
    this.#tunnel = tunnel
  }

  /** `held`: what was read of it before. */
  start(held: Buffer | null): void {
    if (held !== null && held.length > 0 && !this.#to.closed) {
      this.bytes += held.length
      this.#to.write(held)
    }
    this.#to.feeder = this.#from
    this.#from.attach(this)
  }

  data(chunk: Buffer): number {
    this.bytes += chunk.length
    this.#to.pass(chunk, this.#from)
    if (this.#to.isFull) this.#from.pause()
    return chunk.length
  }

  end(): void {
    this.#from.release()
    this.isOver = true
    if (this.#tunnel.ended()) this.#to.destroySoon()
    else this.#to.end()
  }

  /**
   * One of the sockets is gone. If it ended what it had to say, the other may still be sending that on, and is closed
   * after it; if it broke off, the other side is to see so.
   */
  gone(): void {
    this.#tunnel.finish()
    if (this.#from.ended) this.#to.destroySoon()
    else if (this.#from.failure !== null) this.#to.breakOff()
    else this.#to.destroy()
  }
}
