/** Two wires, relayed byte for byte with backpressure; each direction ends by itself (half-close), a failure ends both. */
import type { Observer } from '../rules/events.ts'
import type { Consumer, Wire } from './wire.ts'

export class Tunnel {
  /** Resolves when both directions have ended, or one of the sockets is gone. */
  readonly done: Promise<void>
  readonly startedAt = performance.now()
  sentBytes = 0
  receivedBytes = 0
  /** True once nothing has moved for the idle time. */
  timedOut = false
  /** `done` has been resolved. */
  over = false
  #client: Wire
  #origin: Wire
  #openDirections = 2
  #sampledSent = 0
  #sampledReceived = 0
  #resolve!: () => void // set in the constructor's promise

  constructor(client: Wire, origin: Wire, idleMs: number) {
    this.#client = client
    this.#origin = origin
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    client.onGone = () => this.#gone(client, origin)
    origin.onGone = () => this.#gone(origin, client)
    const idle = () => {
      this.timedOut = true
      this.close()
    }
    client.onIdle(idleMs, idle)
    origin.onIdle(idleMs, idle)
  }

  /** Start to relay what the origin says. */
  receive(): void {
    this.#client.onDrain = () => this.#origin.resume()
    this.#origin.attach(
      this.#pipe(this.#origin, this.#client, (bytes) => {
        this.receivedBytes += bytes
      }),
    )
  }

  /** Start to relay what the client says, after what was held of it. */
  send(held: Buffer | null): void {
    if (held !== null && held.length > 0) {
      this.sentBytes += held.length
      this.#origin.write(held)
    }
    this.#origin.onDrain = () => this.#client.resume()
    this.#client.attach(
      this.#pipe(this.#client, this.#origin, (bytes) => {
        this.sentBytes += bytes
      }),
    )
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
    this.#finish()
    this.#client.destroy()
    this.#origin.destroy()
  }

  #pipe(from: Wire, to: Wire, count: (bytes: number) => void): Consumer {
    return {
      data: (chunk) => {
        count(chunk.length)
        to.pass(chunk, from)
        if (to.isFull) from.pause()
        return chunk.length
      },
      end: () => {
        from.release()
        this.#openDirections -= 1
        if (this.#openDirections > 0) to.end()
        else {
          this.#finish()
          to.destroySoon()
        }
      },
      gone: () => this.#gone(from, to),
    }
  }

  /**
   * One of the sockets is gone. If it ended what it had to say, the other may still be sending that on, and is closed
   * after it; if it broke off, the other side is to see so.
   */
  #gone(wire: Wire, other: Wire): void {
    this.#finish()
    if (wire.ended) other.destroySoon()
    else if (wire.failure !== null) other.breakOff()
    else other.destroy()
  }

  #finish(): void {
    this.over = true
    this.#resolve()
  }
}
