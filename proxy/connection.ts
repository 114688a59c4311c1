/** One client's connection: requests one after the other, each an exchange of its own, until one of the sides has enough. */

import type { ExchangeKind } from '../rules/events.ts'
import { type Place, placeOf } from '../rules/tables/arrivals.ts'
import { type AnswerOptions, denialAnswer, failureAnswer, finalRecipientAnswer } from './answers.ts'
import { connect } from './connect.ts'
import type { Context } from './context.ts'
import { type Carrier, Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import { forward } from './forward.ts'
import { type HeadReaderOptions, readHead } from './head-reader.ts'
import { CR, is, TCHAR } from './http/chars.ts'
import { judgeRequestLine, parseRequestHead, type RequestHead } from './http/request.ts'
import { hasLoop } from './http/via.ts'
import { linger } from './linger.ts'
import { type Next, type Opened, relay } from './relay.ts'
import type { Source, SourceReader } from './source.ts'
import { beginsWithProxyHeader } from './source.ts'
import type { Waiter } from './waiting.ts'
import type { Wire } from './wire.ts'

/** `idle`: nothing is under way, and it may be closed at any time. `ending`: an answer is leaving, and nothing is asked. */
type State = 'idle' | 'serving' | 'ending'

export class Connection implements Carrier, Waiter {
  readonly wire: Wire
  readonly place: Place<Waiter> = placeOf<Waiter>(this)
  waitingSince = 0
  #isWaiting = false
  /** The one that is under way. */
  exchange: Exchange | null = null
  #sources: SourceReader
  /** Who is on the connection; with `forwarded`, each request tells anew. */
  #source: Source | null
  #context: Context
  #state: State = 'idle'
  #isFirst = true
  /** How heads after the first one are read: always in the same way. */
  #laterHeads: HeadReaderOptions | null = null

  /** `source` where it is known already. */
  constructor(wire: Wire, sources: SourceReader, source: Source | null, context: Context) {
    this.wire = wire
    this.#sources = sources
    this.#source = source
    this.#context = context
    // While a request is served, that has its own deadlines.
    wire.onIdle(context.options.limits.idleMs, () => this.#state === 'serving' || wire.destroy())
  }

  /** Returns when the connection needs no more care; never rejects. */
  async serve(): Promise<void> {
    try {
      const source = this.#source ?? (await this.#sources.identify(this.wire))
      if (source === null) return this.wire.destroy()
      let next: Next = 'keep'
      while (next === 'keep') {
        // Who asks on and does not read is not answered on.
        if (this.wire.isFull) {
          this.#state = 'ending'
          await this.wire.drained()
        }
        next = await this.#serveNext(source)
      }
      if (next !== 'close') await this.#relay(next)
    } catch (error) {
      this.#context.options.log.error({ err: error }, 'a connection failed')
      this.wire.destroy()
    }
  }

  /** The drain has begun: close now, or after the answer that is under way. */
  drain(): void {
    if (this.#state === 'idle') this.wire.destroySoon()
  }

  /** What has not left by now is not being read. */
  giveWay(): void {
    this.#waitNoMore()
    this.wire.destroy()
  }

  /** The drain has lasted long enough. */
  cut(): void {
    this.wire.destroy(new ProxyError('ERR_DRAINED'))
  }

  sever(): void {
    this.wire.destroy(new ProxyError('ERR_SEVERED'))
  }

  /** One request and its answer. All that is known of its head ends with this. */
  async #serveNext(connected: Source): Promise<Next> {
    let head: RequestHead | null
    this.#wait()
    try {
      const text = this.#context.draining() ? null : await readHead(this.wire, this.#headOptions(connected))
      this.#waitNoMore()
      // What comes after the drain has closed our side cannot be answered, so it is not done.
      head = text === null || !this.wire.socket.writable ? null : this.#parsed(text, connected)
    } catch (error) {
      this.#waitNoMore()
      this.#refuse(failureOf(error), connected)
      return 'close'
    }
    if (head === null) {
      this.wire.destroySoon()
      return 'close'
    }
    this.#state = 'serving'
    this.#isFirst = false
    const { options } = this.#context
    const source = this.#sources.ofRequest(connected, head)
    const exchange = new Exchange(kindOf(head, options.ownHost), head.method, source ?? connected, this, options)
    this.exchange = exchange
    let next: Next = 'close'
    try {
      if (source === null) throw new ProxyError('ERR_CONTRADICTED')
      if (exchange.kind === 'own') return await this.#answerItself(head, exchange)
      if (hasLoop(head, options.name)) throw new ProxyError('ERR_LOOP')
      const end = await (exchange.kind === 'connect' ? connect : forward)(this.wire, head, exchange, this.#context)
      if (end === 'denied') next = this.#deny(head, exchange)
      else next = end
      if (end === 'close') this.#end()
      return next
    } catch (error) {
      this.#fail(await recorded(failureOf(error), exchange), head, exchange)
      return 'close'
    } finally {
      if (typeof next === 'string') this.#close(exchange)
    }
  }

  #wait(): void {
    this.#state = 'idle'
    this.#isWaiting = true
    this.waitingSince = performance.now()
    this.#context.waiting.add(this)
  }

  #waitNoMore(): void {
    if (this.#isWaiting) this.#context.waiting.remove(this)
    this.#isWaiting = false
  }

  /** The rest of an exchange that was answered with a tunnel. */
  async #relay(opened: Opened): Promise<void> {
    const { exchange } = opened
    try {
      await relay(this.wire, opened, this.#context)
    } catch (error) {
      this.#fail(failureOf(error), null, exchange)
    } finally {
      this.#close(exchange)
    }
  }

  #close(exchange: Exchange): void {
    this.exchange = null
    exchange.close()
  }

  /** The proxy's own pages, and what it is asked as the last one. */
  async #answerItself(head: RequestHead, exchange: Exchange): Promise<Next> {
    const { wire } = this
    const { options, ownPages } = this.#context
    if (!(await mayRead(head, exchange, options.ownHost))) return this.#deny(head, exchange)
    if (head.method === 'OPTIONS' || head.maxForwards === 0) {
      wire.write(finalRecipientAnswer(head, options))
      this.#end()
    } else ownPages.take(wire, head, exchange.source, options.ownHost)
    exchange.answered()
    return 'close'
  }

  /** The denial stands on the record. The client may ask for more on this connection where that is safe. */
  #deny(head: RequestHead, exchange: Exchange): Next {
    const { wire } = this
    exchange.denied()
    // What follows a refused request unasked (a body, the first bytes of a tunnel) must not be read as the next request.
    const isAlone = head.framing.kind === 'none' && wire.waiting === 0
    const keepAlive = head.keepAlive && isAlone && !this.#context.draining()
    wire.write(denialAnswer(exchange, head, this.#answerOptions(keepAlive)))
    exchange.answered()
    if (!keepAlive) this.#end()
    return keepAlive ? 'keep' : 'close'
  }

  /** What nobody foresaw is for the operator, with its cause; the others are counted, and told by whoever knows more. */
  #fail(failure: ProxyError, head: RequestHead | null, exchange: Exchange): void {
    exchange.failed(failure)
    if (failure.code === 'ERR_INTERNAL')
      this.#context.options.log.error({ code: failure.code, err: failure.cause }, failure.message)
    if (exchange.hasAnswered) {
      // All that is left to say is that the answer is not whole.
      this.#state = 'ending'
      this.wire.breakOff()
      return
    }
    this.wire.write(failureAnswer(failure, exchange.reference, head, this.#answerOptions(false)))
    exchange.answered()
    this.#end()
  }

  #parsed(text: string, { learnt }: Source): RequestHead {
    const head = parseRequestHead(text, { headBytes: this.#context.options.limits.headBytes, hostMismatch: 'replace' })
    if (!('refused' in head)) return head
    this.#noteProxyHeader(text, learnt)
    throw new ProxyError('ERR_REQUEST', head)
  }

  #headOptions({ learnt }: Source): HeadReaderOptions {
    if (this.#laterHeads !== null) return this.#laterHeads
    const { headBytes, headMs } = this.#context.options.limits
    const options: HeadReaderOptions = {
      maxBytes: headBytes,
      mayBegin: mayBeginRequest,
      begun: () => this.#waitNoMore(),

      judgeLine: (text) => {
        const judged = judgeRequestLine(text, headBytes)
        if (typeof judged !== 'string') this.#noteProxyHeader(text, learnt)
        return judged
      },
      tooLarge: 'ERR_HEAD_TOO_LARGE',
      malformed: 'ERR_REQUEST',
      incomplete: 'ERR_REQUEST_INCOMPLETE',
      deadline: { ms: headMs, from: this.#isFirst ? 'now' : 'first-byte', late: 'ERR_HEAD_TIMEOUT' },
    }
    if (!this.#isFirst) this.#laterHeads = options
    return options
  }

  /** What is refused may be the header of a balancer, where none is taken. */
  #noteProxyHeader(text: string, learnt: Source['learnt']): void {
    if (this.#isFirst && learnt !== 'proxy-protocol' && beginsWithProxyHeader(text))
      this.#context.suspects.note('proxy_header')
  }

  /** A head that is none never becomes an exchange with a verdict. */
  #refuse(failure: ProxyError, connected: Source): void {
    const exchange = new Exchange('http', '', connected, this, this.#context.options)
    this.#fail(failure, null, exchange)
    exchange.close()
  }

  #end(): void {
    this.#state = 'ending'
    linger(this.wire, () => {
      this.#state = 'idle'
      if (this.#context.draining()) this.wire.destroy()
    })
  }

  #answerOptions(keepAlive: boolean): AnswerOptions {
    const { name, ownHost, now } = this.#context.options
    return { name, ownHost, now, keepAlive }
  }
}

function mayBeginRequest(byte: number): boolean {
  return byte === CR || is(byte, TCHAR)
}

/** The failure to answer with, once the verdict of what failed stands on the record where it needs one. */
async function recorded(failure: ProxyError, exchange: Exchange): Promise<ProxyError> {
  if (failure.code === 'ERR_RECORD') return failure
  return exchange.settleFailed().then(() => failure, failureOf)
}

function failureOf(error: unknown): ProxyError {
  return error instanceof ProxyError ? error : new ProxyError('ERR_INTERNAL', { cause: error })
}

/** The own pages that also a client may read who is in no segment where such are refused. */
const OPEN_PAGES: ReadonlySet<string> = new Set(['/whoami', '/proxy.pac'])

async function mayRead({ target }: RequestHead, exchange: Exchange, ownHost: string): Promise<boolean> {
  const [path = ''] = target.path.split('?', 1)
  if (OPEN_PAGES.has(path) || exchange.judge({ host: ownHost, port: 80 })) return true
  await exchange.settle()
  return false
}

function kindOf({ target, upgrade }: RequestHead, ownHost: string): ExchangeKind {
  if (target.form === 'authority') return 'connect'
  if (target.form !== 'absolute' || target.host === ownHost) return 'own'
  return upgrade === null ? 'http' : 'upgrade'
}
