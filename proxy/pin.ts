/**
 * NTLM and Negotiate (RFC 4559) log in a connection, not a request: whatever comes over it later is answered as whoever logged in. Such
 * a connection to an origin never goes to the pool. It stays with the connection of the client, one at a time, and ends with that.
 */
import type { Address } from '../rules/model.ts'
import type { Origin } from './pool.ts'
import type { Consumer, Wire } from './wire.ts'

/** While it waits for the client's next request. As in the pool, it is closed when it says anything meanwhile. */
export class Pin implements Consumer {
  readonly #client: Wire
  readonly #host: string | null
  readonly #address: string
  readonly #port: number
  readonly #wire: Wire

  /** `idleMs`: how long it waits. */
  constructor(client: Wire, { host, port }: Origin, { text }: Address, wire: Wire, idleMs: number) {
    this.#client = client
    this.#host = host
    this.#address = text
    this.#port = port
    this.#wire = wire
    client.pin?.discard()
    client.pin = this
    wire.feeder = null
    wire.watcher = null
    wire.onIdle(idleMs, () => this.discard())
    wire.attach(this)
    if (client.closed) this.discard()
  }

  isFor({ host, port }: Origin, { text }: Address): boolean {
    return this.#host === host && this.#port === port && this.#address === text
  }

  /** For the next request; null: it leads elsewhere. */
  take(origin: Origin, address: Address): Wire | null {
    if (!this.isFor(origin, address)) return null
    this.#client.pin = null
    this.#wire.release()
    return this.#wire
  }

  discard(): void {
    if (this.#client.pin === this) this.#client.pin = null
    this.#wire.destroy()
  }

  data(chunk: Buffer): number {
    this.discard()
    return chunk.length
  }

  end(): void {
    this.discard()
  }

  gone(): void {
    this.discard()
  }
}

/**
 * Which of the addresses the client's pin leads to; -1: none. Told in the next turn: by then, whatever its origin sent along with its last
 * answer has been read and has closed it.
 */
export async function findPin(client: Wire, origin: Origin, addresses: readonly Address[]): Promise<number> {
  await new Promise(setImmediate)
  return addresses.findIndex((address) => client.pin?.isFor(origin, address) ?? false)
}
