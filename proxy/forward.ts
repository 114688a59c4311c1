/** The forward story: one absolute-form request judged, sent to its origin in origin-form, and its answer brought back. */
import { finalRecipientAnswer } from './answers.ts'
import { BodyRelay } from './body.ts'
import { relay, withPlace } from './connect.ts'
import type { Context } from './context.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import type { RequestHead } from './http/request.ts'
import type { ResponseHead } from './http/response.ts'
import { requestHeadForOrigin, responseHeadForClient } from './http/serialise.ts'
import { dialParent, settleForParent } from './parent.ts'
import { retrieve } from './retrieval.ts'
import { addressesOf, dialJudged, permit, settleDenied } from './route.ts'
import type { Wire } from './wire.ts'

/** Methods that may be sent again on a fresh connection when a kept one turns out to be dead (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

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
    ended: (error) => {
      if (client.closed) clientGone()
      else if (error !== null) wire.destroy(error)
    },
  })
  upload.start(client.waiting)
  wire.onIdle(limits.idleMs, () => {
    const isTheClients = client.socket.writableLength > 0 || (!upload.complete && wire.socket.writableLength === 0)
    wire.destroy(new ProxyError(isTheClients ? 'ERR_IDLE' : 'ERR_RESPONSE_TIMEOUT'))
  })
  try {
    const retrieved = await retrieve(wire, { ...forwarding, upload })
    if (retrieved.kind === 'switch') return await switchProtocols(forwarding, retrieved.answer, wire)
    if (retrieved.kind === 'whole') {
      if (retrieved.keepOrigin && origin.key !== null) context.pool.give(origin.key, wire)
      else wire.destroy()
      return retrieved.keepClient ? 'keep' : 'close'
    }
    if (!origin.reused || ownFailure(wire) !== null) throw new ProxyError('ERR_TERMINATED', { cause: wire.failure })
    wire.destroy()
    return 'stale'
  } catch (error) {
    // What was closed by us says why: it is the cause, and what was read after that is not.
    const cause = ownFailure(wire) ?? error
    wire.destroy()
    throw cause
  } finally {
    if (!upload.complete) upload.cancel(new ProxyError('ERR_CLIENT_GONE'))
    client.onGone = null
  }
}

/** Why we closed it, if we did. */
function ownFailure({ failure }: Wire): ProxyError | null {
  return failure instanceof ProxyError ? failure : null
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
