/**
 * A next proxy, where the operator names one: dialled in order until one answers, exempt from the guard, and asked to
 * resolve names itself. What is judged is what was asked for; only a bare address is known to this proxy then.
 */
import { parseAddress } from '../rules/address.ts'
import type { Context } from './context.ts'
import { dialFirst } from './dial.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import { isAnswer, readHead } from './head-reader.ts'
import type { RequestTarget } from './http/request-target.ts'
import { parseResponseHead } from './http/response.ts'
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
export async function dialParent({ options, resolver }: Context): Promise<Wire> {
  let failure: unknown = new ProxyError('ERR_PARENT')
  for (const { host, port } of options.parents) {
    try {
      const literal = parseAddress(host)
      const addresses = literal === null ? await resolver.resolve(host) : [literal]
      const permit = async () => true
      const dialled = await dialFirst(addresses, port, {
        dialMs: options.limits.dialMs,
        observer: options.observer,
        permit,
      })
      if (dialled !== null) return dialled.wire
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/** A tunnel to the target through a parent, as soon as that has answered 2xx (RFC 9110 §9.3.6). */
export async function tunnelByParent({ authority }: RequestTarget, context: Context): Promise<Wire> {
  const wire = await dialParent(context)
  const { name, limits } = context.options
  try {
    wire.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nVia: 1.1 ${name}\r\n\r\n`)
    for (let interim = 0; interim <= MAX_INTERIM_ANSWERS; interim++) {
      const text = await readHead(wire, {
        maxBytes: limits.headBytes,
        mayBegin: isAnswer,
        tooLarge: 'ERR_RESPONSE_TOO_LARGE',
        malformed: 'ERR_RESPONSE',
        incomplete: 'ERR_RESPONSE_INCOMPLETE',
        deadline: { ms: limits.dialMs, from: 'now', late: 'ERR_DIAL_TIMEOUT' },
      })
      if (text === null) throw new ProxyError('ERR_TERMINATED', { cause: wire.failure })
      const answer = parseResponseHead(text, { method: 'CONNECT', upgrade: null }, { headBytes: limits.headBytes })
      if ('refused' in answer) throw new ProxyError('ERR_RESPONSE', answer)
      if (answer.status >= 300) throw new ProxyError('ERR_PARENT')
      if (answer.status >= 200) return wire
    }
    throw new ProxyError('ERR_RESPONSE')
  } catch (error) {
    wire.destroy()
    throw error
  }
}
