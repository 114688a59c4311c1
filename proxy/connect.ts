/** The CONNECT story: judge the name, resolve, judge the address, dial, answer 200, judge what the tunnel opens with, relay. */
import { portIsOpenFor } from '../rules/decide.ts'
import { PORT_REFUSAL } from '../rules/events.ts'
import type { Context } from './context.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import type { RequestHead } from './http/request.ts'
import { peekOpening } from './opening.ts'
import { settleForParent, tunnelByParent } from './parent.ts'
import { addressesOf, dialJudged, settleDenied } from './route.ts'
import { Tunnel } from './tunnel.ts'
import type { Wire } from './wire.ts'

const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n'

/** Returns when the tunnel has ended; `denied`: before the 200, nothing was answered. */
export async function connect(
  client: Wire,
  head: RequestHead,
  exchange: Exchange,
  context: Context,
): Promise<'denied' | 'over'> {
  const { target } = head
  if (target.form !== 'authority') throw new ProxyError('ERR_REQUEST')
  if (target.host === context.options.ownHost) throw new ProxyError('ERR_OWN_TUNNEL')
  const { host, address, port } = target
  if (!exchange.judge({ host, address, port })) {
    await settleDenied(exchange, context)
    return 'denied'
  }
  await requireOpenPort(exchange, context)
  return withPlace(exchange, context, async () => {
    const origin = await dialTarget(head, exchange, context)
    if (origin === null) return 'denied'
    if (client.closed) {
      origin.destroy()
      throw new ProxyError('ERR_CLIENT_GONE')
    }
    client.write(ESTABLISHED)
    exchange.answered()
    await relay(client, origin, exchange, context, true)
    return 'over'
  })
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

/** Do the work in one of the client's places for tunnels, of which it has so many. */
export async function withPlace<T>(
  { source, verdict }: Exchange,
  { options: { limits }, occupancy }: Context,
  work: () => Promise<T>,
): Promise<T> {
  const limit = verdict?.segment.shared === true ? limits.tunnelsPerSharedClient : limits.tunnelsPerClient
  if (!occupancy.reserve(source.address.text, limit)) throw new ProxyError('ERR_TUNNEL_LIMIT')
  try {
    return await work()
  } finally {
    occupancy.release(source.address.text)
  }
}

/**
 * Relay until both sides are done; what it carried is counted, and recorded where the tunnel was. The origin's bytes are
 * never held; the client's first ones are, with `judgeOpening`, until what they say is judged. Throws where they may not pass:
 * the tunnel is then cut, as no answer is left to give.
 */
export async function relay(
  client: Wire,
  origin: Wire,
  exchange: Exchange,
  { options, tunnels, rejudge }: Context,
  judgeOpening: boolean,
): Promise<void> {
  const tunnel = new Tunnel(client, origin, options.limits.idleMs)
  const place = tunnels.open.add(tunnel)
  options.observer.tunnelOpened()
  exchange.relays = true
  try {
    await rejudge.late(exchange)
    tunnel.receive()
    const held = judgeOpening ? await judgedOpening(client, exchange, options.limits.helloMs) : null
    await rejudge.late(exchange)
    tunnel.send(exchange.severed ? null : held)
    exchange.conclude()
    await tunnel.done
  } catch (error) {
    // Over: it ended before its opening was whole.
    if (!tunnel.over) {
      tunnel.close()
      throw error
    }
  } finally {
    tunnels.open.remove(place)
    options.observer.tunnelClosed((performance.now() - tunnel.startedAt) / 1000)
    tunnel.sample(options.observer)
    if (tunnel.timedOut) options.observer.limitReached('idle_ms')
    exchange.recordEnd(tunnel.sentBytes, tunnel.receivedBytes)
  }
  if (exchange.severed) throw new ProxyError('ERR_SEVERED')
}

/** The client's first bytes, once the verdict with what they say lets them pass. */
async function judgedOpening(client: Wire, exchange: Exchange, helloMs: number): Promise<Buffer | null> {
  const opening = await peekOpening(client, helloMs)
  if (opening === null) return null
  const { serverName, httpHost, held, ech } = opening
  exchange.ech = ech
  if (!exchange.judge({ serverName, httpHost })) {
    await exchange.recordSevered(null)
    throw new ProxyError('ERR_SEVERED')
  }
  await exchange.settle()
  return held
}

async function requireOpenPort(exchange: Exchange, { options }: Context): Promise<void> {
  const { port } = exchange.evidence
  if (options.origins.connectPorts.some(([first, last]) => port >= first && port <= last)) return
  if (portIsOpenFor(exchange.policy, exchange.evidence)) return
  await exchange.recordRefusal(PORT_REFUSAL)
  throw new ProxyError('ERR_PORT')
}
