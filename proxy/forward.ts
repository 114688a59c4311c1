/** The forward story: one absolute-form request judged, sent to its origin in origin-form, and its answer brought back. */
import type { Address } from '../rules/model.ts'
import { finalRecipientAnswer } from './answers.ts'
import { BodyRelay } from './body.ts'
import type { Context } from './context.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import type { RequestHead } from './http/request.ts'
import type { ResponseHead } from './http/response.ts'
import { requestHeadForOrigin, responseHeadForClient } from './http/serialise.ts'
import { dialParent, settleForParent } from './parent.ts'
import { findPin, Pin } from './pin.ts'
import { KEPT_MS } from './pool.ts'
import type { Next, Opened } from './relay.ts'
import { type Forwarding, retrieve, type Upload } from './retrieval.ts'
import { addressesOf, dialJudged, permit, settleDenied } from './route.ts'
import type { Wire } from './wire.ts'

/** Methods that may be sent again on a fresh connection when a kept one turns out to be dead (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** `denied`: nothing was answered yet. */
export type Forwarded = 'denied' | Next

export function forward(client: Wire, head: RequestHead, exchange: Exchange, context: Context): Promise<Forwarded> {
  const { target } = head
  if (target.form !== 'absolute') throw new ProxyError('ERR_REQUEST')
  const { host, address, port } = target
  if (!exchange.judge({ host, address, port })) return settleDenied(exchange, context).then(denied)
  const forwarding = { client, head, exchange, context }
  if (head.maxForwards === 0) return answerAsFinalRecipient(forwarding)
  if (head.upgrade !== null) exchange.takePlace(context.occupancy)
  // Most requests need not wait for anything before they are sent: nothing is waited for that is there.
  return toOrigin(forwarding)
}

function denied(): 'denied' {
  return 'denied'
}

async function answerAsFinalRecipient({ client, head, exchange, context }: Forwarding): Promise<'close'> {
  await exchange.settle()
  client.write(finalRecipientAnswer(head, context.options))
  exchange.answered()
  return 'close'
}

/** By the connection that is bound to the client's; by a kept one where there is one and the request could be sent again; else by a new one. */
async function toOrigin(forwarding: Forwarding): Promise<Forwarded> {
  const { client, head, exchange, context } = forwarding
  if (context.options.parents.length > 0) return toParent(forwarding)
  const { target } = head
  const found = addressesOf(target, exchange, context)
  const addresses = found instanceof Promise ? await found : found
  const mayRepeat = head.framing.kind === 'none' && head.upgrade === null && IDEMPOTENT.has(head.method)
  const pinned = client.pin === null ? -1 : await findPin(client, target, addresses)
  const mayUsePool = mayRepeat && pinned < 0
  const known = mayUsePool ? addresses.findIndex((address) => context.pool.has(target, address)) : pinned
  // Judged as if it were dialled now, those before it included.
  for (let index = 0; index <= known; index++) {
    const permitted = permit(addresses[index]!, exchange) // known is one of them
    if (!(permitted instanceof Promise ? await permitted : permitted)) return 'denied'
  }
  const address = addresses[known]
  if (address !== undefined) {
    const kept = mayUsePool ? context.pool.take(target, address) : (client.pin?.take(target, address) ?? null)
    const result = kept === null ? 'stale' : await attempt(forwarding, kept, address, mayRepeat ? 'kept' : 'pinned')
    if (result !== 'stale') return result
  }
  const dialled = await dialJudged(addresses, target.port, exchange, context)
  if (dialled === null) return 'denied'
  return whole(await attempt(forwarding, dialled.wire, dialled.address, 'dialled'))
}

function whole(result: Next | 'stale'): Next {
  if (result === 'stale') throw new ProxyError('ERR_TERMINATED')
  return result
}

/** By the first parent that can be reached, on a connection of its own. */
async function toParent(forwarding: Forwarding): Promise<Next> {
  const { head, exchange, context } = forwarding
  await settleForParent(head.target, exchange, context)
  return whole(await attempt(forwarding, await dialParent(context), null, 'parent'))
}

/**
 * Who is asked: an origin on a connection that was waiting (`pinned`: and the request cannot be sent again) or is new, or a next proxy,
 * in absolute-form.
 */
type Asked = 'kept' | 'pinned' | 'dialled' | 'parent'

/**
 * Send the request and bring the answer back; `address`: at which the origin was reached; null: not by us. `stale`: a kept connection was
 * dead, and nothing of an answer came.
 */
async function attempt(
  forwarding: Forwarding,
  wire: Wire,
  address: Address | null,
  asked: Asked,
): Promise<Next | 'stale'> {
  const { client, head, context } = forwarding
  const { name, limits } = context.options
  client.watcher = { gone: () => giveUp(wire, client) }
  if (client.closed) giveUp(wire, client)
  if (head.bindsConnection) wire.isBound = true
  const text = requestHeadForOrigin(head, { via: name, toParent: asked === 'parent', keepAlive: address !== null })
  const upload = head.framing.kind === 'none' ? noUpload(wire, text) : uploadOf(forwarding, wire, text)
  wire.onIdle(limits.idleMs, () => {
    const isTheClients = client.socket.writableLength > 0 || (!upload.complete && wire.socket.writableLength === 0)
    wire.destroy(new ProxyError(isTheClients ? 'ERR_IDLE' : 'ERR_RESPONSE_TIMEOUT'))
  })
  try {
    const retrieved = await retrieve(wire, forwarding, upload)
    if (retrieved.kind === 'switch') return switchProtocols(forwarding, retrieved.answer, wire)
    if (retrieved.kind === 'whole') {
      if (!retrieved.keepOrigin || address === null) wire.destroy()
      else if (wire.isBound && retrieved.keepClient) bind(forwarding, wire, address)
      else context.pool.give(head.target, address, wire)
      return retrieved.keepClient ? 'keep' : 'close'
    }
    if (asked !== 'kept' || ownFailure(wire) !== null) throw new ProxyError('ERR_TERMINATED', { cause: wire.failure })
    wire.destroy()
    return 'stale'
  } catch (error) {
    // What was closed by us says why: it is the cause, and what was read after that is not.
    const cause = ownFailure(wire) ?? error
    wire.destroy()
    throw cause
  } finally {
    if (!upload.complete) upload.cancel(new ProxyError('ERR_CLIENT_GONE'))
    client.watcher = null
  }
}

/** What a balancer tells the clients of may carry requests of several on one connection: there, nothing is kept for any of them. */
function bind({ client, head, exchange, context }: Forwarding, wire: Wire, address: Address): void {
  if (exchange.source.learnt === 'forwarded') wire.destroy()
  else new Pin(client, head.target, address, wire, Math.min(KEPT_MS, context.options.limits.idleMs))
}

const NO_UPLOAD: Upload = { complete: true, cancel: () => {} }

function noUpload(wire: Wire, head: string): Upload {
  wire.write(head)
  return NO_UPLOAD
}

/** The head of the request, and its body on its way. */
function uploadOf({ client, head: { framing } }: Forwarding, wire: Wire, head: string): Upload {
  const upload = new BodyRelay(client, wire, {
    framing,
    chunked: framing.kind === 'chunked',
    incomplete: 'ERR_REQUEST_INCOMPLETE',
    malformed: 'ERR_REQUEST',
    head,
    holdsHead: true,
    ended: (error) => {
      if (client.closed) giveUp(wire, client)
      else if (error !== null) wire.destroy(error)
    },
  })
  upload.start(client.waiting)
  return upload
}

/** Nobody waits for the answer. */
function giveUp(wire: Wire, client: Wire): void {
  wire.destroy(ownFailure(client) ?? new ProxyError('ERR_CLIENT_GONE'))
}

/** Why we closed it, if we did. */
function ownFailure({ failure }: Wire): ProxyError | null {
  return failure instanceof ProxyError ? failure : null
}

function switchProtocols({ client, head, exchange, context }: Forwarding, answer: ResponseHead, wire: Wire): Opened {
  if (head.upgrade === null) throw new ProxyError('ERR_UPGRADE')
  client.write(responseHeadForClient(answer, { via: context.options.name, minor: 1, keepAlive: true }))
  exchange.answered()
  return { exchange, origin: wire, judgesOpening: false }
}
