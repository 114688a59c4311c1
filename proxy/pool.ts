/** Connections to origins that wait for the next request. One that says anything while it waits is closed: that belongs to no request. */
import type { Wire } from './wire.ts'

const MAX_IDLE_PER_ORIGIN = 64
const MAX_IDLE = 2048
/** Shorter than what most origins wait, so that the pool seldom hands out one that is about to be closed. */
const IDLE_MS = 4000

export class Pool {
  #idle = new Map<string, Wire[]>()
  #count = 0
  #closed = false

  has(key: string): boolean {
    return this.#idle.has(key)
  }

  /** The most recently used idle connection of that origin, or null. */
  take(key: string): Wire | null {
    const waiting = this.#idle.get(key)
    const wire = waiting?.pop()
    if (waiting === undefined || wire === undefined) return null
    if (waiting.length === 0) this.#idle.delete(key)
    this.#count -= 1
    wire.release()
    wire.onIdle(0)
    return wire
  }

  /**
   * Keep a connection whose last answer ended where its framing said. It is handed out from the next turn of the event
   * loop on: by then, whatever its origin sent along with that answer has been read and has closed it.
   */
  give(key: string, wire: Wire): void {
    const discard = () => {
      this.#forget(key, wire)
      wire.destroy()
    }
    wire.onDrain = null
    wire.onGone = null
    wire.onIdle(IDLE_MS, discard)
    wire.attach({
      data: (chunk) => {
        discard()
        return chunk.length
      },
      end: discard,
      gone: discard,
    })
    setImmediate(() => this.#keep(key, wire))
  }

  /** Close all, and what is given later. */
  close(): void {
    this.#closed = true
    for (const waiting of this.#idle.values()) for (const wire of waiting) wire.destroy()
    this.#idle.clear()
    this.#count = 0
  }

  #keep(key: string, wire: Wire): void {
    const waiting = this.#idle.get(key) ?? []
    const isFull = this.#count >= MAX_IDLE || waiting.length >= MAX_IDLE_PER_ORIGIN
    if (this.#closed || isFull || wire.socket.destroyed) {
      wire.destroy()
      return
    }
    waiting.push(wire)
    this.#idle.set(key, waiting)
    this.#count += 1
  }

  #forget(key: string, wire: Wire): void {
    const waiting = this.#idle.get(key)
    const at = waiting?.indexOf(wire) ?? -1
    if (waiting === undefined || at < 0) return
    waiting.splice(at, 1)
    if (waiting.length === 0) this.#idle.delete(key)
    this.#count -= 1
  }
}
