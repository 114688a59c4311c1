/**
 * What is on its way out of one socket. Small writes wait until the event loop has taken in all that came with this turn, and
 * then leave one after the other, those of all sockets. Each of them may wake a process that sleeps at the other end, which
 * costs more than the write; woken by the first, it is still awake for the next ones. With nothing else to do, the turn ends
 * at once, and nothing waits.
 */
import type { Socket } from 'node:net'

/** Node.js writes so much of a text without a copy that outlives the call. */
export const MAX_TEXT_BYTES = 16_384

let waiting: Outbox[] = []

function sendAll(): void {
  const all = waiting
  waiting = []
  for (const outbox of all) outbox.flush()
}

export class Outbox {
  #socket: Socket
  /** As latin1. */
  #held = ''

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Latin1 text, or bytes; few of them are copied, many must not change before they have left. */
  add(data: Buffer | string): void {
    if (data.length > MAX_TEXT_BYTES) {
      this.flush()
      if (typeof data === 'string') this.#socket.write(data, 'latin1')
      else this.#socket.write(data)
      return
    }
    const text = typeof data === 'string' ? data : data.toString('latin1')
    if (this.#held.length + text.length > MAX_TEXT_BYTES) this.flush()
    if (this.#held === '') {
      this.#held = text
      if (waiting.push(this) === 1) setImmediate(sendAll)
    } else this.#held += text
  }

  /** Hands all of it to the socket. */
  flush(): void {
    const held = this.#held
    if (held === '') return
    this.#held = ''
    if (this.#socket.writable) this.#socket.write(held, 'latin1')
  }
}
