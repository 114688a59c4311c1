/**
 * One socket, one owner of its incoming bytes at a time. What nobody has taken yet waits here, bounded, so that a
 * head, a body, a pipelined request and a tunnel can each take just its own bytes from the same stream.
 */
import { connect as netConnect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Takes incoming bytes. One that takes fewer than it was given has let go of the wire by `release()`. */
export interface Consumer {
  /** Returns how many bytes of the chunk it took. The chunk is lent: valid until the call returns. */
  data(chunk: Buffer): number
  /** The other side will send no more. */
  end(): void
  /** The socket is gone; `error` says why when it failed. */
  gone(error: Error | null): void
}

/** What may wait unread while nobody owns the input; beyond it the socket is paused. */
const MAX_PENDING_BYTES = 65_536
const FIRST_BUFFER_BYTES = 16_384
const MAX_BUFFER_BYTES = 262_144

export class Wire {
  readonly socket: Socket
  /** The other side has ended its direction. */
  ended = false
  /** The socket is closed, in both directions. */
  closed = false
  failure: Error | null = null
  /** Called when written bytes have left, after there were too many. */
  onDrain: (() => void) | null = null
  /** Called once, when the socket is gone, whoever owns the input. */
  onGone: ((error: Error | null) => void) | null = null
  /** Set by whoever passed the lent chunk on without it having left yet: the buffer behind it is then given away. */
  lent = false
  #consumer: Consumer | null = null
  #pending: Buffer | null = null
  #paused = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('end', () => this.#ending())
    socket.on('error', (error: Error) => {
      this.failure ??= error
    })
    socket.on('close', () => this.#closing())
    socket.on('drain', () => this.onDrain?.())
  }

  /** A wire on an accepted socket. */
  static accepted(socket: Socket): Wire {
    const wire = new Wire(socket)
    socket.on('data', (chunk: Buffer) => wire.#feed(chunk, false))
    return wire
  }

  /**
   * A wire on a socket that is being dialled. Reads go into one reused buffer that grows while it is filled, so that
   * bulk costs no garbage; it is replaced only where a chunk was passed on and could not leave at once.
   */
  static dialling(options: TcpNetConnectOpts): Wire {
    let size = FIRST_BUFFER_BYTES
    let wire: Wire | null = null
    let buffer = Buffer.allocUnsafeSlow(size)
    const socket = netConnect({
      ...options,
      allowHalfOpen: true,
      onread: {
        buffer: () => {
          if (wire?.lent) {
            wire.lent = false
            buffer = Buffer.allocUnsafeSlow(size)
          } else if (buffer.length < size) buffer = Buffer.allocUnsafeSlow(size)
          return buffer
        },
        callback: (bytes, filled) => {
          if (bytes === size && size < MAX_BUFFER_BYTES) size *= 2
          // The stream is typed as Uint8Array; it is the Buffer given above.
          if (wire === null) return false // not before the constructor below has returned
          wire.#feed((filled as Buffer).subarray(0, bytes), true)
          return !wire.#paused
        },
      },
    })
    wire = new Wire(socket)
    return wire
  }

  /** Hand the input to `consumer`: what waits is given to it first, before this returns. */
  attach(consumer: Consumer): void {
    this.#consumer = consumer
    this.resume() // before what waits is given: the consumer may ask for a pause
    const pending = this.#pending
    if (pending !== null) {
      this.#pending = null
      this.#feed(pending, false)
    }
    if (this.#consumer !== consumer) return
    if (this.closed) {
      this.#consumer = null
      consumer.gone(this.failure)
    } else if (this.ended) consumer.end()
  }

  /** Let go of the input; what comes next waits for the next owner. */
  release(): void {
    this.#consumer = null
  }

  /** Bytes that have come and nobody has taken. */
  get waiting(): number {
    return this.#pending?.length ?? 0
  }

  /** Take what waits away from the wire, for a socket that is handed to another owner. */
  takePending(): Buffer | null {
    const pending = this.#pending
    this.#pending = null
    return pending
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.#paused || this.closed) return
    this.#paused = false
    this.socket.resume()
  }

  /** Nothing is sent once the socket is gone. */
  write(data: Buffer | string): void {
    if (this.closed || !this.socket.writable) return
    if (typeof data === 'string') this.socket.write(data, 'latin1')
    else this.socket.write(data)
  }

  /** So much waits to leave that whoever writes should pause; `onDrain` tells when to go on. */
  get isFull(): boolean {
    return this.socket.writableLength >= this.socket.writableHighWaterMark
  }

  /** Calls back whenever nothing has moved for so long; takes the place of what was set before. 0: never. */
  onIdle(milliseconds: number, callback: () => void = () => {}): void {
    this.socket.removeAllListeners('timeout')
    this.socket.setTimeout(milliseconds)
    if (milliseconds > 0) this.socket.on('timeout', callback)
  }

  /** End our direction, after what was written; `flushed` is called once all of it has left, unless the socket is gone before. */
  end(flushed: () => void = () => {}): void {
    const { socket } = this
    if (!this.closed && socket.writable) socket.end(() => socket.destroyed || flushed())
  }

  /** Close once what was written has left. */
  destroySoon(): void {
    this.socket.destroySoon()
  }

  /** Close at once; `failure` then says why. */
  destroy(failure?: Error): void {
    this.socket.destroy(failure)
  }

  /**
   * Close so that the other side sees that something is missing: by a reset, once what was written has left. A TLS
   * connection shows it by the missing close_notify.
   */
  breakOff(): void {
    const { socket } = this
    const reset = () => (socket instanceof TLSSocket ? socket.destroy() : socket.resetAndDestroy())
    if (socket.writable && socket.writableLength > 0) socket.write('', reset)
    else reset()
  }

  /** An error in a consumer ends this connection, and no other. */
  #feed(chunk: Buffer, borrowed: boolean): void {
    try {
      this.#hand(chunk, borrowed)
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error('a consumer failed', { cause: error }))
    }
  }

  #hand(chunk: Buffer, borrowed: boolean): void {
    let rest = chunk
    while (rest.length > 0) {
      const consumer = this.#consumer
      if (consumer === null) {
        this.#keep(rest, borrowed)
        return
      }
      const taken = consumer.data(rest)
      if (taken === rest.length) return
      if (taken === 0 && this.#consumer === consumer) throw new Error('a consumer took nothing and did not let go')
      rest = rest.subarray(taken)
    }
  }

  #keep(rest: Buffer, borrowed: boolean): void {
    this.#pending =
      this.#pending === null ? (borrowed ? Buffer.from(rest) : rest) : Buffer.concat([this.#pending, rest])
    if (this.#pending.length >= MAX_PENDING_BYTES) this.pause()
  }

  #ending(): void {
    this.ended = true
    this.#consumer?.end()
  }

  #closing(): void {
    this.closed = true
    const consumer = this.#consumer
    this.#consumer = null
    consumer?.gone(this.failure)
    this.onGone?.(this.failure)
  }
}
