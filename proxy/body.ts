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
  /** What is to leave together with the first bytes of the body, that is at once where there are none yet. */
  readonly head?: string
  /** Where the body is broken from its first bytes on, the head does not leave. */
  readonly holdsHead?: boolean
  /** Called once: the whole body has been handed to the receiving socket (null), or never will be. */
  readonly ended?: (error: Error | null) => void
}

export class BodyRelay implements Consumer {
  /** The whole body has been handed on. */
  complete = false
  #over = false
  #from: Wire
  #to: Wire
  #framing: BodyFraming['kind']
  #chunked: boolean
  #incomplete: FailureCode
  #malformed: FailureCode
  #head: string
  #holdsHead: boolean
  #left: number
  /** Called once and then let go of: a relay that has ended must not hold on to the exchange that it was of. */
  #ended: ((error: Error | null) => void) | null
  #decoder: ChunkedDecoder | null

  constructor(from: Wire, to: Wire, options: BodyOptions) {
    this.#from = from
    this.#to = to
    const { framing, chunked, incomplete, malformed, head = '', holdsHead = false, ended = null } = options
    this.#framing = framing.kind
    this.#chunked = chunked
    this.#incomplete = incomplete
    this.#malformed = malformed
    this.#head = head
    this.#holdsHead = holdsHead
    this.#ended = ended
    this.#left = framing.kind === 'length' ? framing.length : 0
    this.#decoder = framing.kind === 'chunked' ? new ChunkedDecoder() : null
  }

  /** `follow`: bytes that are about to be given by the sender's wire. */
  start(follow: number): void {
    const isEmpty = this.#framing === 'none' || (this.#framing === 'length' && this.#left === 0)
    if (isEmpty || follow === 0) this.#to.write(this.#takeHead())
    if (isEmpty) this.#finish()
    else {
      this.#to.feeder = this.#from
      this.#from.attach(this)
    }
  }

  data(chunk: Buffer): number {
    const taken = this.#decoder === null ? this.#plain(chunk) : this.#decode(chunk, this.#decoder)
    if (this.#to.isFull && !this.#over) this.#from.pause()
    return taken
  }

  end(): void {
    if (this.#framing === 'close') this.#finish()
    else this.cancel(new ProxyError(this.#incomplete))
  }

  gone(error: Error | null): void {
    this.cancel(new ProxyError(this.#incomplete, { cause: error }))
  }

  /** Stop taking: `ended` is told why, unless the body had ended. */
  cancel(error: Error): void {
    if (this.#over) return
    this.#letGo(error)
  }

  #plain(chunk: Buffer): number {
    const hasLength = this.#framing === 'length'
    const taken = hasLength ? Math.min(chunk.length, this.#left) : chunk.length
    this.#left -= taken
    this.#send(taken === chunk.length ? chunk : chunk.subarray(0, taken))
    if (hasLength && this.#left === 0) this.#finish()
    return taken
  }

  #decode(chunk: Buffer, decoder: ChunkedDecoder): number {
    const taken = decoder.push(chunk, 0, (buffer, start, end) => this.#send(buffer.subarray(start, end)))
    if (decoder.state === 'done' && this.#chunked) this.#to.write(this.#takeHead() + lastChunk(decoder.trailers))
    else if (decoder.state !== 'error' || !this.#holdsHead) this.#to.write(this.#takeHead())
    if (decoder.state === 'error') this.cancel(new ProxyError(this.#malformed))
    else if (decoder.state === 'done') this.#finish()
    return taken
  }

  #send(bytes: Buffer): void {
    if (bytes.length === 0) return
    const head = this.#takeHead()
    if (!this.#chunked) this.#to.pass(bytes, this.#from, head)
    else this.#to.pass(bytes, this.#from, head + chunkHead(bytes.length), '\r\n')
  }

  #takeHead(): string {
    const head = this.#head
    this.#head = ''
    return head
  }

  #finish(): void {
    if (this.#over) return
    if (this.#framing === 'close' && this.#chunked) this.#to.write(lastChunk([]))
    this.complete = true
    this.#letGo(null)
  }

  #letGo(error: Error | null): void {
    const ended = this.#ended
    this.#ended = null
    this.#over = true
    this.#to.feeder = null
    this.#from.release()
    this.#from.resume()
    ended?.(error)
  }
}
