/** What all clients of a comparison have in common: one connection at a time, opened anew when it has ended, until it is stopped. */
import { connect, type Socket } from 'node:net'
import type { Tally } from './load.ts'
import { clientOf } from './plan.ts'

/** One buffer serves all of them: what was read is looked at before the next one reads. */
const shared = Buffer.allocUnsafe(512 * 1024)
/** After a failure, so that a dead proxy is not asked a hundred thousand times. */
const PAUSE_MS = 20

export interface To {
  readonly port: number
  readonly web: number
  readonly stream: number
  /** The number of the first client: each has its own hosts and addresses. */
  readonly first: number
}

export interface Stoppable {
  stop(): void
}

export abstract class Connected implements Stoppable {
  protected readonly to: To
  protected readonly tally: Tally
  protected socket: Socket | null = null
  protected sentAt = 0
  #isDenied: boolean
  #number: number
  #isStopped = false

  constructor(to: To, tally: Tally, index: number, isDenied = false) {
    this.to = to
    this.tally = tally
    this.#isDenied = isDenied
    this.#number = to.first + index * 104_729
    // Not before what extends this is whole.
    process.nextTick(() => this.reconnect())
  }

  /** Bytes that came, valid until it returns. */
  protected abstract read(bytes: Buffer): void
  /** The connection is there. */
  protected abstract connected(): void

  stop(): void {
    this.#isStopped = true
    this.socket?.destroy()
  }

  /** Another number each time: a host, and with a new connection a client's address. */
  protected get next(): number {
    return this.#number++
  }

  protected send(bytes: Buffer): void {
    this.sentAt = performance.now()
    this.socket?.write(bytes)
  }

  protected fail(reason: string): void {
    if (this.#isStopped) return
    this.tally.failed(reason)
    this.drop()
    setTimeout(() => this.reconnect(), PAUSE_MS)
  }

  /** Without another word: what it had to say is said. */
  protected drop(): void {
    const { socket } = this
    this.socket = null
    socket?.destroy()
  }

  protected reconnect(): void {
    if (this.#isStopped) return
    const callback = (count: number) => {
      if (this.socket === socket) this.read(shared.subarray(0, count))
      return true
    }
    const socket = connect({
      port: this.to.port,
      host: '127.0.0.1',
      localAddress: clientOf(this.#isDenied, this.next),
      noDelay: true,
      onread: { buffer: shared, callback },
    })
    this.socket = socket
    socket.on('connect', () => this.connected())
    socket.on('error', (error) => this.socket === socket && this.fail(error.message))
    socket.on('close', () => this.socket === socket && this.ended())
  }

  /** The proxy has closed. */
  protected ended(): void {
    this.fail('the proxy closed the connection')
  }
}
