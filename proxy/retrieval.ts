/**
 * The answer's way back: its heads, the interim ones included (RFC 9110 §15.2), then its body. All of it goes on in the call
 * that reads it, so that what came together leaves together, with nothing kept in between.
 */
import { BodyRelay } from './body.ts'
import type { Context } from './context.ts'
import { httpDate } from './date.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import { HeadReader, type HeadTaker } from './head-reader.ts'
import type { RequestHead } from './http/request.ts'
import { parseResponseHead, type ResponseHead } from './http/response.ts'
import { clientFraming, responseHeadForClient } from './http/serialise.ts'
import type { Wire } from './wire.ts'

const MAX_INTERIM_ANSWERS = 32

/** What came of it. */
export type Retrieved =
  /** The origin closed without a word. */
  | { readonly kind: 'nothing' }
  /** A 101; nothing was told to the client. */
  | { readonly kind: 'switch'; readonly answer: ResponseHead }
  /** All was brought back. Which of the two connections may be used again. */
  | { readonly kind: 'whole'; readonly keepClient: boolean; readonly keepOrigin: boolean }

/** One request and all that it takes to answer it. */
export interface Forwarding {
  readonly client: Wire
  readonly head: RequestHead
  readonly exchange: Exchange
  readonly context: Context
}

/** The body of the request, on its way. */
export interface Upload {
  readonly complete: boolean
  cancel(error: Error): void
}

/** Rejects with the ProxyError that ended it; both wires are then let go of, and not closed. */
export function retrieve(wire: Wire, forwarding: Forwarding, upload: Upload): Promise<Retrieved> {
  return new Promise((resolve, reject) => new Retrieval(wire, forwarding, upload, resolve, reject).readHead())
}

class Retrieval implements HeadTaker {
  #wire: Wire
  #forwarding: Forwarding
  #upload: Upload
  #resolve: (retrieved: Retrieved) => void
  #reject: (error: unknown) => void
  #interim = 0

  constructor(
    wire: Wire,
    forwarding: Forwarding,
    upload: Upload,
    resolve: (retrieved: Retrieved) => void,
    reject: (error: unknown) => void,
  ) {
    this.#wire = wire
    this.#forwarding = forwarding
    this.#upload = upload
    this.#resolve = resolve
    this.#reject = reject
  }

  readHead(): void {
    this.#wire.attach(new HeadReader(this.#wire, this.#forwarding.context.answerHeads, this))
  }

  head(text: string | null, follow: number): void {
    try {
      if (text !== null) this.#take(text, follow)
      else if (this.#interim === 0) this.#resolve({ kind: 'nothing' })
      else this.failed(new ProxyError('ERR_TERMINATED', { cause: this.#wire.failure }))
    } catch (error) {
      this.failed(error)
    }
  }

  failed(error: unknown): void {
    this.#reject(error)
  }

  #take(text: string, follow: number): void {
    const { client, head, context } = this.#forwarding
    const { name, limits } = context.options
    const answer = parseResponseHead(text, head, limits)
    if ('refused' in answer) throw new ProxyError('ERR_RESPONSE', answer)
    if (answer.bindsConnection) this.#wire.isBound = true
    if (answer.status >= 200) this.#bringBack(answer, follow)
    else if (answer.status === 101) this.#resolve({ kind: 'switch', answer })
    else {
      // A client of HTTP/1.0 knows no interim answers.
      if (head.minor === 1) client.write(responseHeadForClient(answer, { via: name, minor: 1, keepAlive: true }))
      if (++this.#interim > MAX_INTERIM_ANSWERS) throw new ProxyError('ERR_RESPONSE')
      this.readHead()
    }
  }

  #bringBack(answer: ResponseHead, follow: number): void {
    const { client, head, exchange, context } = this.#forwarding
    const upload = this.#upload
    const { framing } = answer
    const { minor } = head
    const { name, now } = context.options
    const body = clientFraming(answer, minor)
    // An answer that came before the request was whole ends the connection: the rest of the request has no reader.
    const keepClient = head.keepAlive && upload.complete && !context.draining() && body !== 'close'
    exchange.answered()
    const ended = (error: Error | null) => {
      if (error !== null) this.failed(error)
      const keepOrigin = answer.keepAlive && framing.kind !== 'close' && upload.complete
      this.#resolve({ kind: 'whole', keepClient, keepOrigin })
    }
    new BodyRelay(this.#wire, client, {
      framing,
      chunked: body === 'chunked',
      incomplete: 'ERR_RESPONSE_INCOMPLETE',
      malformed: 'ERR_RESPONSE',
      head: responseHeadForClient(answer, { via: name, minor, keepAlive: keepClient, date: httpDate(now()) }),
      ended,
    }).start(follow)
  }
}
