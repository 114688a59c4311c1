/**
 * How much of the proxy is taken: connections, and tunnels of each client. Where several threads serve for one proxy, the
 * limits are for all of them together, and what each has taken stands in memory that they share.
 */

/** Tunnels of a client are counted in this many cells of a row, two rows a thread: half a megabyte. */
const ROW_CELLS = 1 << 16
const HASH_START = 0x811c9dc5
const HASH_PRIME = 0x01000193

// `!` on an array element in this file: the index is in range by construction.

/** One for all threads of a proxy: plain data. Each thread writes only what is its own. */
export interface SharedOccupancy {
  /** Of each thread. */
  readonly connections: Int32Array
  /**
   * Of each thread, tunnels by client: a client has a cell in each of two rows, chosen by a keyed hash, and has at most as many
   * tunnels as the lesser of them says (a count-min sketch). Others who have both cells with it count against it; nobody can
   * choose to.
   */
  readonly tunnels: readonly Int32Array[]
  /** Of the hash. */
  readonly key: number
}

/** `key`: random. */
export function createSharedOccupancy(threads: number, key: number): SharedOccupancy {
  return {
    connections: sharedCounts(threads),
    tunnels: Array.from({ length: threads }, () => sharedCounts(2 * ROW_CELLS)),
    key,
  }
}

/** Connections of all threads. */
export function connectionsOf({ connections }: SharedOccupancy): number {
  let sum = 0
  for (let thread = 0; thread < connections.length; thread++) sum += Atomics.load(connections, thread)
  return sum
}

/** Gives back all that a thread had when it ended. Resolves with its connections. */
export function vacate({ connections, tunnels }: SharedOccupancy, thread: number): number {
  tunnels[thread]?.fill(0)
  return Atomics.exchange(connections, thread, 0)
}

function sharedCounts(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT))
}

/** What one thread takes. A place is taken before it is known to be free, so that two threads cannot both have the last one. */
export class Occupancy {
  readonly #shared: SharedOccupancy
  readonly #thread: number
  readonly #tunnels = new Map<string, number>()

  /** A proxy of one thread needs nobody else's counts. */
  constructor(shared: SharedOccupancy | null, thread = 0) {
    this.#shared = shared ?? { connections: sharedCounts(1), tunnels: [], key: 0 }
    this.#thread = thread
  }

  /** Takes a place for a connection; false where `limit` are taken. */
  enter(limit: number): boolean {
    Atomics.add(this.#shared.connections, this.#thread, 1)
    if (connectionsOf(this.#shared) <= limit) return true
    this.leave()
    return false
  }

  /** Whether `limit` connections are taken. */
  isFull(limit: number): boolean {
    return connectionsOf(this.#shared) >= limit
  }

  leave(): void {
    Atomics.sub(this.#shared.connections, this.#thread, 1)
  }

  /** Takes a place for a tunnel of the client; false where it has `limit` of them. */
  reserve(client: string, limit: number): boolean {
    const count = (this.#tunnels.get(client) ?? 0) + 1
    this.#tunnels.set(client, count)
    if (count + this.#elsewhere(client, 1) <= limit) return true
    this.release(client)
    return false
  }

  release(client: string): void {
    const count = this.#tunnels.get(client) ?? 0
    if (count <= 1) this.#tunnels.delete(client)
    else this.#tunnels.set(client, count - 1)
    this.#elsewhere(client, -1)
  }

  /** The client's tunnels in other threads, after theirs have been told of a change here. */
  #elsewhere(client: string, change: 1 | -1): number {
    const { tunnels, key } = this.#shared
    if (tunnels.length === 0) return 0
    const hash = hashOf(client, key)
    const first = hash & (ROW_CELLS - 1)
    const second = ROW_CELLS + (hash >>> 16)
    const own = tunnels[this.#thread]!
    Atomics.add(own, first, change)
    Atomics.add(own, second, change)
    let sum = 0
    for (const counts of tunnels)
      if (counts !== own) sum += Math.min(Atomics.load(counts, first), Atomics.load(counts, second))
    return sum
  }
}

/** FNV-1a with a last stir, so that the key reaches every bit. */
function hashOf(text: string, key: number): number {
  let hash = HASH_START ^ key
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), HASH_PRIME)
  hash = Math.imul(hash ^ (hash >>> 16) ^ key, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
