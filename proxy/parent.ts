/**
 * A next proxy, where the operator names one: tried in order, exempt from the guard, and asked to resolve names itself.
 * What is judged is what was asked for; only a bare address is known to this proxy then.
 */
import { parseAddress } from '../rules/address.ts'
import type { Context } from './context.ts'
import { dialFirst } from './dial.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import { type HeadReaderOptions, readHead } from './head-reader.ts'
import { fieldValue, type RequestHead } from './http/request.ts'
import type { RequestTarget } from './http/request-target.ts'
import { parseResponseHead, type ResponseHead } from './http/response.ts'
import { requestHeadForOrigin } from './http/serialise.ts'
import type { ParentProxy } from './options.ts'
import { addressesOf } from './route.ts'
import type { Wire } from './wire.ts'

/** Interim answers to a CONNECT that are passed over. */
const MAX_INTERIM_ANSWERS = 8

/** The exchange is on the record and its destination none that is guarded: a parent may hear of it. */
export async function settleForParent(target: RequestTarget, exchange: Exchange, context: Context): Promise<void> {
  if (target.address !== null) await addressesOf(target, exchange, context)
  await exchange.settle()
}

/** A connection to the first parent that takes one. Rejects with the failure of the last. */
export function dialParent(context: Context): Promise<Wire> {
  return firstParent(context, async () => true)
}

/**
 * A tunnel to the target of this CONNECT through a parent, as soon as that has answered 2xx (RFC 9110 §9.3.6). A parent that
 * closes without a word is passed over like one that is dead; one that answers has decided.
 */
export function tunnelByParent(head: RequestHead, context: Context): Promise<Wire> {
  return firstParent(context, (wire) => opensTunnel(wire, head, context))
}

/** All parents share the time for dialling, so that a dead one leaves some to the next. */
async function firstParent(context: Context, accepts: (wire: Wire) => Promise<boolean>): Promise<Wire> {
  const { parents, limits } = context.options
  let failure: unknown = new ProxyError('ERR_PARENT')
  for (const parent of parents) {
    const wire = await dial(parent, limits.dialMs / parents.length, context).catch((error: unknown) => {
      failure = error
      return null
    })
    if (wire === null) continue
    if (await accepts(wire)) return wire
    failure = new ProxyError('ERR_TERMINATED', { cause: wire.failure })
  }
  throw failure
}

/** Null, where nothing may be dialled: which never is for a parent. */
async function dial({ host, port }: ParentProxy, dialMs: number, context: Context): Promise<Wire | null> {
  const { observer } = context.options
  const literal = parseAddress(host)
  const addresses = literal === null ? await context.resolver.resolve(host) : [literal]
  const dialled = await dialFirst(addresses, port, { dialMs, observer, permit: async () => true })
  return dialled?.wire ?? null
}

/** Whether the parent opened the tunnel; false: it closed without a word. Throws what any other answer comes to. */
async function opensTunnel(wire: Wire, head: RequestHead, { options, answerHeads }: Context): Promise<boolean> {
  const { name, limits } = options
  const late = setTimeout(() => wire.destroy(new ProxyError('ERR_DIAL_TIMEOUT')), limits.dialMs)
  try {
    wire.write(requestHeadForOrigin(head, { via: name, toParent: true }))
    const answer = await finalAnswer(wire, answerHeads)
    if (answer !== null) requireOpened(answer)
    else if (wire.failure instanceof ProxyError) throw wire.failure
    else wire.destroy()
    return answer !== null
  } catch (error) {
    wire.destroy()
    // What was closed by us says why.
    throw wire.failure instanceof ProxyError ? wire.failure : error
  } finally {
    clearTimeout(late)
  }
}

/** Null: the parent closed before the first byte. What follows the head is the tunnel's, and stays on the wire. */
async function finalAnswer(wire: Wire, answerHeads: HeadReaderOptions): Promise<ResponseHead | null> {
  for (let interim = 0; interim <= MAX_INTERIM_ANSWERS; interim++) {
    const text = await readHead(wire, answerHeads)
    if (text === null && interim > 0) throw new ProxyError('ERR_RESPONSE_INCOMPLETE', { cause: wire.failure })
    if (text === null) return null
    const answer = parseResponseHead(text, { method: 'CONNECT', upgrade: null }, { headBytes: answerHeads.maxBytes })
    if ('refused' in answer) throw new ProxyError('ERR_RESPONSE', answer)
    if (answer.status >= 200) return answer
  }
  throw new ProxyError('ERR_RESPONSE')
}

/** A parent that leads back to us has met our name in Via, and says so (RFC 9209 §2.3). */
function requireOpened(answer: ResponseHead): void {
  const { status } = answer
  if (status < 300) return
  if (/;\s*error=proxy_loop_detected\b/.test(fieldValue(answer, 'proxy-status') ?? '')) throw new ProxyError('ERR_LOOP')
  throw new ProxyError('ERR_PARENT', {
    message: `The next proxy answered ${status} and did not open the way to the server.`,
  })
}
