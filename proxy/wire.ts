/**
 * One socket, one owner of its incoming bytes at a time. What nobody has taken yet waits here, bounded, so that a
 * head, a body, a pipelined request and a tunnel can each take just its own bytes from the same stream.
 */
import { connect as netConnect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Place } from '../rules/tables/arrivals.ts'
import { LEAST_WATCHED_MS, unwatch, type Watched, watch } from './idle.ts'
import { Intake, type Taker } from './intake.ts'
import { MAX_TEXT_BYTES, Outbox } from './outbox.ts'
import type { Pin } from './pin.ts'

/** Is told when a socket is gone. */
export interface Watcher {
  /** `error` says why when it failed. */
  gone(error: Error | null): void
}

/** Takes incoming bytes. One that takes fewer than it was given has let go of the wire by `release()`. */
export interface Consumer extends Watcher {
  /** Returns how many bytes of the chunk it took. The chunk is lent: valid until the call returns. */
  data(chunk: Buffer): number
  /** The other side will send no more. */
  end(): void
}

/** What may wait unread while nobody owns the input; beyond it the socket is paused. */
const MAX_PENDING_BYTES = 65_536

export class Wire implements Taker, Watched {
  readonly socket: Socket
  /** The other side has ended its direction. */
  ended = false
  /** The socket is closed, in both directions. */
  closed = false
  failure: Error | null = null
  /** Is read again when written bytes have left, after there were too many. */
  feeder: Wire | null = null
  /** Told when the socket is gone, whoever owns the input. */
  watcher: Watcher | null = null
  /** Of an origin: somebody logs in on it, or was asked to. It is for no other client. */
  isBound = false
  /** Of a client: the bound connection that waits for its next request. */
  pin: Pin | null = null
  /** null: each chunk comes in a buffer of its own. */
  #intake: Intake | null
  #outbox: Outbox
  #consumer: Consumer | null = null
  #pending: Buffer | null = null
  #paused = false
  #whenIdle: (() => void) | null = null
  /** 0: never idle. */
  #idleMs = 0
  /** Where it is looked whether it has moved. */
  #watch: Place<Watched> | null = null
  #moved = false

  constructor(socket: Socket, intake: Intake | null) {
    this.socket = socket
    this.#intake = intake
    this.#outbox = new Outbox(socket)
    if (intake === null) socket.on('data', (chunk: Buffer) => this.#feed(chunk))
    socket.on('end', () => this.#ending())
    socket.on('error', (error: Error) => {
      this.failure ??= error
    })
    socket.on('close', () => this.#closing())
    socket.on('drain', () => this.feeder?.resume())
  }

  /** A wire on a socket that others have made. */
  static accepted(socket: Socket): Wire {
    return new Wire(socket, null)
  }

  /** A wire on a socket that was made to read into `intake`, and has read nothing yet. */
  static reading(socket: Socket, intake: Intake): Wire {
    const wire = new Wire(socket, intake)
    intake.taker = wire
    return wire
  }

  /** A wire on a socket that is being dialled. */
  static dialling(options: TcpNetConnectOpts): Wire {
    const intake = new Intake()
    return Wire.reading(netConnect({ ...options, allowHalfOpen: true, onread: intake.onread() }), intake)
  }

  /** Hand the input to `consumer`: what waits is given to it first, before this returns. */
  attach(consumer: Consumer): void {
    this.#consumer = consumer
    this.resume() // before what waits is given: the consumer may ask for a pause
    const pending = this.#pending
    if (pending !== null) {
      this.#pending = null
      this.#feed(pending)
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

  get isPaused(): boolean {
    return this.#paused
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

  /** Nothing is sent once the socket is gone; a string is latin1. */
  write(data: Buffer | string): void {
    const { socket } = this
    if (data === '' || this.closed || !socket.writable) return
    // Behind what does not leave, nothing moves; whether that does, the clock of the socket sees.
    if (socket.writableLength === 0) this.#moved = true
    this.#outbox.add(data)
  }

  /** Send on what another wire has lent, between two texts. */
  pass(chunk: Buffer, from: Wire, before = '', after = ''): void {
    // Of what others will read over, a copy is sent; one text is one write for all three.
    if (from.#intake?.isShared || chunk.length <= MAX_TEXT_BYTES) this.write(before + chunk.toString('latin1') + after)
    else {
      const { socket } = this
      socket.cork()
      this.write(before)
      this.write(chunk)
      this.write(after)
      this.#outbox.flush()
      socket.uncork()
      // What has not left yet is not read over.
      if (socket.writableLength > 0) from.#intake?.lend()
    }
  }

  /** So much waits to leave that whoever writes should pause; `feeder` is then read on. */
  get isFull(): boolean {
    return this.socket.writableLength >= this.socket.writableHighWaterMark
  }

  /** Resolves once what was written has left, or never will. */
  drained(): Promise<void> {
    const { socket } = this
    if (this.closed || !socket.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }

  /** Calls back whenever nothing has moved for so long, or seconds longer; takes the place of what was set before. 0: never. */
  onIdle(milliseconds: number, callback: () => void = () => {}): void {
    const { socket } = this
    if (this.#whenIdle === null) socket.on('timeout', () => this.#timedOut())
    this.#whenIdle = callback
    // Where it is the time of before, that runs from the last byte anyway.
    if (milliseconds === this.#idleMs || this.closed) return
    this.#idleMs = milliseconds
    const isWatched = milliseconds >= LEAST_WATCHED_MS
    if (isWatched) this.#watch ??= watch(this)
    else this.#unwatch()
    this.#setClock(isWatched ? 0 : milliseconds)
  }

  /** For the watch. The clock of the socket sees what is not seen here: that a long write goes on. */
  look(): void {
    this.#setClock(this.#moved ? 0 : this.#idleMs)
    this.#moved = false
  }

  /** Clocks come before what has arrived: where something held up the event loop, that is read first. */
  #timedOut(): void {
    this.#moved = false
    setImmediate(() => this.#moved || this.closed || this.#whenIdle?.())
  }

  #setClock(milliseconds: number): void {
    if (milliseconds !== (this.socket.timeout ?? 0)) this.socket.setTimeout(milliseconds)
  }

  #unwatch(): void {
    if (this.#watch !== null) unwatch(this.#watch)
    this.#watch = null
  }

  /** End our direction, after what was written; `flushed` is called once all of it has left, unless the socket is gone before. */
  end(flushed: () => void = () => {}): void {
    const { socket } = this
    this.#outbox.flush()
    if (!this.closed && socket.writable) socket.end(() => socket.destroyed || flushed())
  }

  /** Close once what was written has left. */
  destroySoon(): void {
    const { socket } = this
    this.#outbox.flush()
    // With nothing left to send or to read, to close says the end as well as a shutdown before it; TLS has a word for it.
    if (this.ended && socket.writableLength === 0 && !(socket instanceof TLSSocket)) socket.destroy()
    else socket.destroySoon()
  }

  /** Close at once; `failure` then says why. */
  destroy(failure?: Error): void {
    this.#outbox.flush()
    this.socket.destroy(failure)
  }

  /**
   * Close so that the other side sees that something is missing: by a reset, once what was written has left. A TLS
   * connection shows it by the missing close_notify.
   */
  breakOff(): void {
    const { socket } = this
    this.#outbox.flush()
    // While its end is on its way, a reset is not to be had.
    const isEnding = socket.writableEnded && !socket.writableFinished
    const reset = () => (socket instanceof TLSSocket || isEnding ? socket.destroy() : socket.resetAndDestroy())
    if (socket.writable && socket.writableLength > 0) socket.write('', reset)
    else reset()
  }

  /** For the intake. */
  read(chunk: Buffer): boolean {
    this.#feed(chunk)
    return !this.#paused
  }

  /** An error in a consumer ends this connection, and no other. */
  #feed(chunk: Buffer): void {
    this.#moved = true
    try {
      this.#hand(chunk)
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error('a consumer failed', { cause: error }))
    }
  }

  #hand(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      const consumer = this.#consumer
      if (consumer === null) {
        this.#keep(rest)
        return
      }
      const taken = consumer.data(rest)
      if (taken === rest.length) return
      if (taken === 0 && this.#consumer === consumer) throw new Error('a consumer took nothing and did not let go')
      rest = rest.subarray(taken)
    }
  }

  #keep(rest: Buffer): void {
    const before = this.#pending
    if (before === null) this.#pending = this.#intake === null ? rest : Buffer.from(rest)
    else this.#pending = Buffer.concat([before, rest])
    if (this.#pending.length >= MAX_PENDING_BYTES) this.pause()
  }

  #ending(): void {
    this.ended = true
    this.#consumer?.end()
  }

  #closing(): void {
    this.closed = true
    this.#unwatch()
    this.#intake?.release()
    this.pin?.discard()
    const consumer = this.#consumer
    this.#consumer = null
    consumer?.gone(this.failure)
    if (this.watcher !== consumer) this.watcher?.gone(this.failure)
  }
}
