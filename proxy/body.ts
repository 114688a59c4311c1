/**
 * A message body from one wire to another, with backpressure: exactly the bytes that its framing says, no more are
 * taken. A chunked body is decoded and written anew, so that what arrives is canonical whatever was sent.
 */

import { type FailureCode, ProxyError } from './failures.ts'
import { ChunkedDecoder, chunkHead, lastChunk } from './http/chunked.ts'
import type { Framing } from './http/framing.ts'
import type { Consumer, Wire } from './wire.ts'

/** How a body ends: by count, by chunks, or with its connection. */
export type BodyFraming = Framing | { readonly kind: 'close' }

export interface BodyOptions {
  readonly framing: BodyFraming
  /** Write chunked, or the bare bytes. */
  readonly chunked: boolean
  /** What it means when the sender breaks off, or breaks the rules of chunks. */
  readonly incomplete: FailureCode
  readonly malformed: FailureCode
}

const CRLF = Buffer.from('\r\n')

export class BodyRelay implements Consumer {
  /** Resolves when the whole body has been handed to the receiving socket. */
  readonly done: Promise<void>
  /** The whole body has been handed on. */
  complete = false
  #over = false
  #from: Wire
  #to: Wire
  #options: BodyOptions
  #left: number
  #decoder: ChunkedDecoder | null
  #resolve!: () => void // set in the constructor's promise
  #reject!: (error: Error) => void // likewise

  constructor(from: Wire, to: Wire, options: BodyOptions) {
    this.#from = from
    this.#to = to
    this.#options = options
    const { framing } = options
    this.#left = framing.kind === 'length' ? framing.length : 0
    this.#decoder = framing.kind === 'chunked' ? new ChunkedDecoder() : null
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // A failure may come before anyone waits for it; those who wait still see it.
    this.done.catch(() => {})
    if (framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0)) this.#finish()
    else {
      to.onDrain = () => from.resume()
      from.attach(this)
    }
  }

  data(chunk: Buffer): number {
    const from = this.#from
    const { socket } = this.#to
    socket.cork() // however many pieces a chunk makes, they leave together
    const taken = this.#decoder === null ? this.#plain(chunk) : this.#decode(chunk, this.#decoder)
    socket.uncork()
    if (socket.writableLength > 0) from.lent = true
    if (this.#to.isFull && !this.#over) from.pause()
    return taken
  }

  end(): void {
    if (this.#options.framing.kind === 'close') this.#finish()
    else this.cancel(new ProxyError(this.#options.incomplete))
  }

  gone(error: Error | null): void {
    this.cancel(new ProxyError(this.#options.incomplete, { cause: error }))
  }

  /** Stop taking; `done` rejects with the error unless the body had ended. */
  cancel(error: Error): void {
    if (this.#over) return
    this.#letGo()
    this.#reject(error)
  }

  #plain(chunk: Buffer): number {
    const hasLength = this.#options.framing.kind === 'length'
    const taken = hasLength ? Math.min(chunk.length, this.#left) : chunk.length
    this.#left -= taken
    this.#send(taken === chunk.length ? chunk : chunk.subarray(0, taken))
    if (hasLength && this.#left === 0) this.#finish()
    return taken
  }

  #decode(chunk: Buffer, decoder: ChunkedDecoder): number {
    const taken = decoder.push(chunk, 0, (buffer, start, end) => this.#send(buffer.subarray(start, end)))
    if (decoder.state === 'error') this.cancel(new ProxyError(this.#options.malformed))
    else if (decoder.state === 'done') {
      if (this.#options.chunked) this.#to.write(lastChunk(decoder.trailers))
      this.#finish()
    }
    return taken
  }

  #send(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (!this.#options.chunked) {
      this.#to.write(bytes)
      return
    }
    this.#to.write(chunkHead(bytes.length))
    this.#to.write(bytes)
    this.#to.write(CRLF)
  }

  #finish(): void {
    if (this.#over) return
    if (this.#options.framing.kind === 'close' && this.#options.chunked) this.#to.write(lastChunk([]))
    this.complete = true
    this.#letGo()
    this.#resolve()
  }

  #letGo(): void {
    this.#over = true
    this.#to.onDrain = null
    this.#from.release()
    this.#from.resume()
  }
}
