/** The CONNECT story as far as its 200: judge the name, resolve, judge the address, dial, answer. What follows is a tunnel. */
import { portIsOpenFor } from '../rules/decide.ts'
import { PORT_REFUSAL } from '../rules/events.ts'
import type { Context } from './context.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import type { RequestHead } from './http/request.ts'
import { settleForParent, tunnelByParent } from './parent.ts'
import type { Opened } from './relay.ts'
import { addressesOf, dialJudged, settleDenied } from './route.ts'
import type { Wire } from './wire.ts'

const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n'

/** `denied`: before the 200, nothing was answered. */
export async function connect(
  client: Wire,
  head: RequestHead,
  exchange: Exchange,
  context: Context,
): Promise<'denied' | Opened> {
  const { target } = head
  if (target.form !== 'authority') throw new ProxyError('ERR_REQUEST')
  if (target.host === context.options.ownHost) throw new ProxyError('ERR_OWN_TUNNEL')
  const { host, address, port } = target
  if (!exchange.judge({ host, address, port })) {
    await settleDenied(exchange, context)
    return 'denied'
  }
  await requireOpenPort(exchange, context)
  exchange.takePlace(context.occupancy)
  const origin = await dialTarget(head, exchange, context)
  if (origin === null) return 'denied'
  if (client.closed) {
    origin.destroy()
    throw new ProxyError('ERR_CLIENT_GONE')
  }
  client.write(ESTABLISHED)
  exchange.answered()
  return { exchange, origin, judgesOpening: true }
}

/** A connection to the target, straight or by a parent; null: the verdict turned with an address. */
async function dialTarget(head: RequestHead, exchange: Exchange, context: Context): Promise<Wire | null> {
  const { target } = head
  if (context.options.parents.length > 0) {
    await settleForParent(target, exchange, context)
    return tunnelByParent(head, context)
  }
  const addresses = await addressesOf(target, exchange, context)
  return (await dialJudged(addresses, target.port, exchange, context))?.wire ?? null
}

async function requireOpenPort(exchange: Exchange, { options }: Context): Promise<void> {
  const { port } = exchange.evidence
  if (options.origins.connectPorts.some(([first, last]) => port >= first && port <= last)) return
  if (portIsOpenFor(exchange.policy, exchange.evidence)) return
  await exchange.recordRefusal(PORT_REFUSAL)
  throw new ProxyError('ERR_PORT')
}
