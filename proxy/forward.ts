/** The forward story: one absolute-form request judged, sent to its origin in origin-form, and its answer brought back. */
import { finalRecipientAnswer } from './answers.ts'
import { BodyRelay } from './body.ts'
import { relay, withPlace } from './connect.ts'
import type { Context } from './context.ts'
import { httpDate } from './date.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import { isAnswer, readHead } from './head-reader.ts'
import type { RequestHead } from './http/request.ts'
import { judgeStatusLine, parseResponseHead, type ResponseHead } from './http/response.ts'
import { clientFraming, requestHeadForOrigin, responseHeadForClient } from './http/serialise.ts'
import { dialParent, settleForParent } from './parent.ts'
import { addressesOf, dialJudged, permit, settleDenied } from './route.ts'
import type { Wire } from './wire.ts'

/** Methods that may be sent again on a fresh connection when a kept one turns out to be dead (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
const MAX_INTERIM_ANSWERS = 32

/** `denied`: nothing was answered yet. `keep`, `close`: what is to become of the client's connection. */
export type Forwarded = 'denied' | 'keep' | 'close'

interface Origin {
  readonly wire: Wire
  /** null: not kept for another request. */
  readonly key: string | null
  readonly reused: boolean
  /** A next proxy, which is asked in absolute-form. */
  readonly isParent: boolean
}

/** One request and all that it takes to answer it. */
interface Forwarding {
  readonly client: Wire
  readonly head: RequestHead
  readonly exchange: Exchange
  readonly context: Context
}

export async function forward(
  client: Wire,
  head: RequestHead,
  exchange: Exchange,
  context: Context,
): Promise<Forwarded> {
  const { target } = head
  if (target.form !== 'absolute') throw new ProxyError('ERR_REQUEST')
  const { host, address, port } = target
  if (!exchange.judge({ host, address, port })) {
    await settleDenied(exchange, context)
    return 'denied'
  }
  const forwarding = { client, head, exchange, context }
  if (head.maxForwards === 0) return answerAsFinalRecipient(forwarding)
  return head.upgrade === null ? toOrigin(forwarding) : withPlace(exchange, context, () => toOrigin(forwarding))
}

async function answerAsFinalRecipient({ client, head, exchange, context }: Forwarding): Promise<'close'> {
  await exchange.settle()
  client.write(finalRecipientAnswer(head, context.options))
  exchange.answered()
  return 'close'
}

/** By a kept connection where there is one and the request could be sent again, else by a new one. */
async function toOrigin(forwarding: Forwarding): Promise<Forwarded> {
  const { head, exchange, context } = forwarding
  if (context.options.parents.length > 0) return toParent(forwarding)
  const { target } = head
  const addresses = await addressesOf(target, exchange, context)
  const keys = addresses.map(({ text }) => `${target.host ?? ''} ${text} ${target.port}`)
  const mayReuse = head.framing.kind === 'none' && head.upgrade === null && IDEMPOTENT.has(head.method)
  const known = mayReuse ? keys.findIndex((key) => context.pool.has(key)) : -1
  // Judged as if it were dialled now, those before it included.
  for (const address of addresses.slice(0, known + 1)) if (!(await permit(address, exchange))) return 'denied'
  const key = keys[known]
  const kept = key === undefined ? null : context.pool.take(key)
  if (kept !== null && key !== undefined) {
    const result = await attempt(forwarding, { wire: kept, key, reused: true, isParent: false })
    if (result !== 'stale') return result
  }
  const dialled = await dialJudged(addresses, target.port, exchange, context)
  if (dialled === null) return 'denied'
  const dialledKey = keys[addresses.indexOf(dialled.address)] ?? ''
  const result = await attempt(forwarding, {
    wire: dialled.wire,
    key: dialledKey,
    reused: false,
    isParent: false,
  })
  if (result === 'stale') throw new ProxyError('ERR_TERMINATED')
  return result
}

/** By the first parent that can be reached, on a connection of its own. */
async function toParent(forwarding: Forwarding): Promise<Exclude<Forwarded, 'denied'>> {
  const { head, exchange, context } = forwarding
  await settleForParent(head.target, exchange, context)
  const wire = await dialParent(context)
  const result = await attempt(forwarding, { wire, key: null, reused: false, isParent: true })
  if (result === 'stale') throw new ProxyError('ERR_TERMINATED')
  return result
}

/** Send the request and bring the answer back. `stale`: a kept connection was dead, and nothing of an answer came. */
async function attempt(forwarding: Forwarding, origin: Origin): Promise<Exclude<Forwarded, 'denied'> | 'stale'> {
  const { client, head, context } = forwarding
  const { wire } = origin
  const { name, limits } = context.options
  const clientGone = () => wire.destroy(ownFailure(client) ?? new ProxyError('ERR_CLIENT_GONE'))
  client.onGone = clientGone
  if (client.closed) clientGone()
  wire.write(requestHeadForOrigin(head, { via: name, toParent: origin.isParent, keepAlive: origin.key !== null }))
  const upload = new BodyRelay(client, wire, {
    framing: head.framing,
    chunked: head.framing.kind === 'chunked',
    incomplete: 'ERR_REQUEST_INCOMPLETE',
    malformed: 'ERR_REQUEST',
  })
  upload.done.catch((error: Error) => wire.destroy(error))
  wire.onIdle(limits.idleMs, () => {
    const isTheClients = client.socket.writableLength > 0 || (!upload.complete && wire.socket.writableLength === 0)
    wire.destroy(new ProxyError(isTheClients ? 'ERR_IDLE' : 'ERR_RESPONSE_TIMEOUT'))
  })
  try {
    const answer = await finalHead(forwarding, wire)
    if (answer === null) {
      if (!origin.reused || ownFailure(wire) !== null) throw new ProxyError('ERR_TERMINATED', { cause: wire.failure })
      wire.destroy()
      return 'stale'
    }
    if (answer.status === 101) return await switchProtocols(forwarding, answer, wire)
    return await bringBack(forwarding, answer, origin, upload)
  } catch (error) {
    // What was closed by us says why: it is the cause, and what was read after that is not.
    const cause = ownFailure(wire) ?? error
    wire.destroy()
    throw cause
  } finally {
    upload.cancel(new ProxyError('ERR_CLIENT_GONE'))
    client.onGone = null
  }
}

/** Why we closed it, if we did. */
function ownFailure({ failure }: Wire): ProxyError | null {
  return failure instanceof ProxyError ? failure : null
}

/** The answer's head, the interim ones (RFC 9110 §15.2) passed on as they come. Null: the origin closed without a word. */
async function finalHead({ client, head, context }: Forwarding, wire: Wire): Promise<ResponseHead | null> {
  const { name, limits } = context.options
  for (let interim = 0; interim <= MAX_INTERIM_ANSWERS; interim++) {
    const text = await readHead(wire, {
      maxBytes: limits.headBytes,
      mayBegin: isAnswer,
      judgeLine: judgeStatusLine,
      tooLarge: 'ERR_RESPONSE_TOO_LARGE',
      malformed: 'ERR_RESPONSE',
      incomplete: 'ERR_RESPONSE_INCOMPLETE',
    })
    if (text === null && interim === 0) return null
    if (text === null) throw new ProxyError('ERR_TERMINATED', { cause: wire.failure })
    const answer = parseResponseHead(text, head, { headBytes: limits.headBytes })
    if ('refused' in answer) throw new ProxyError('ERR_RESPONSE', answer)
    if (answer.status >= 200 || answer.status === 101) return answer
    // A client of HTTP/1.0 knows no interim answers.
    if (head.minor === 1) client.write(responseHeadForClient(answer, { via: name, minor: 1, keepAlive: true }))
  }
  throw new ProxyError('ERR_RESPONSE')
}

async function bringBack(
  { client, head, exchange, context }: Forwarding,
  answer: ResponseHead,
  { wire, key }: Origin,
  upload: BodyRelay,
): Promise<'keep' | 'close'> {
  const { framing } = answer
  const { minor } = head
  const body = clientFraming(answer, minor)
  // An answer that came before the request was whole ends the connection: the rest of the request has no reader.
  const keepAlive = head.keepAlive && upload.complete && !context.draining() && body !== 'close'
  const { name, now } = context.options
  client.socket.cork() // the head leaves together with what has come of the body
  client.write(responseHeadForClient(answer, { via: name, minor, keepAlive, date: httpDate(now()) }))
  exchange.answered()
  const download = new BodyRelay(wire, client, {
    framing,
    chunked: body === 'chunked',
    incomplete: 'ERR_RESPONSE_INCOMPLETE',
    malformed: 'ERR_RESPONSE',
  })
  client.socket.uncork()
  await download.done
  const isReusable = answer.keepAlive && framing.kind !== 'close' && upload.complete
  if (isReusable && key !== null) context.pool.give(key, wire)
  else wire.destroy()
  return keepAlive ? 'keep' : 'close'
}

async function switchProtocols(
  { client, head, exchange, context }: Forwarding,
  answer: ResponseHead,
  wire: Wire,
): Promise<'close'> {
  if (head.upgrade === null) throw new ProxyError('ERR_UPGRADE')
  client.write(responseHeadForClient(answer, { via: context.options.name, minor: 1, keepAlive: true }))
  exchange.answered()
  await relay(client, wire, exchange, context, false)
  return 'close'
}
