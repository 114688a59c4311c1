/**
 * What a request became that was answered with a tunnel. Tens of thousands of them may be open for days: nothing is kept here of
 * the head that asked for one, nor of the bytes that it opened with once they are on their way.
 */
import type { Context } from './context.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import { peekOpening } from './opening.ts'
import { Tunnel } from './tunnel.ts'
import type { Wire } from './wire.ts'

/** The client was told that it has its tunnel. */
export interface Opened {
  readonly exchange: Exchange
  readonly origin: Wire
  /** What the client opens it with may name another destination, and is held until that is judged. */
  readonly judgesOpening: boolean
}

/** What becomes of a client's connection after an answer: it waits for the next request, closes, or is a tunnel from now on. */
export type Next = 'keep' | 'close' | Opened

/**
 * Relay until both sides are done; what it carried is counted, and recorded where the tunnel was. The origin's bytes are
 * never held. Throws where the client's may not pass: the tunnel is then cut, as no answer is left to give.
 */
export async function relay(client: Wire, opened: Opened, context: Context): Promise<void> {
  const { exchange, origin } = opened
  const { options, tunnels } = context
  const tunnel = new Tunnel(client, origin, options.limits.idleMs)
  const place = tunnels.open.add(tunnel)
  options.observer.tunnelOpened()
  exchange.relays = true
  try {
    await begin(tunnel, client, opened, context)
    await tunnel.done
  } catch (error) {
    tunnel.close()
    throw error
  } finally {
    tunnels.open.remove(place)
    options.observer.tunnelClosed((performance.now() - tunnel.startedAt) / 1000)
    tunnel.sample(options.observer)
    if (tunnel.timedOut) options.observer.limitReached('idle_ms')
    exchange.recordEnd(tunnel.sentBytes, tunnel.receivedBytes)
  }
  if (exchange.severed) throw new ProxyError('ERR_SEVERED')
}

/** Resolves once both directions are on their way: with that, what was held of the client's bytes is forgotten here. */
async function begin(
  tunnel: Tunnel,
  client: Wire,
  { exchange, judgesOpening }: Opened,
  { options, rejudge }: Context,
): Promise<void> {
  await rejudge.late(exchange)
  tunnel.receive()
  const held = judgesOpening ? await judgedOpening(client, exchange, options.limits.helloMs) : null
  await rejudge.late(exchange)
  tunnel.send(exchange.severed ? null : held)
  exchange.conclude()
}

/** The client's first bytes, once the verdict with what they say lets them pass. */
async function judgedOpening(client: Wire, exchange: Exchange, helloMs: number): Promise<Buffer | null> {
  const opening = await peekOpening(client, helloMs)
  if (opening === null) return null
  const { serverName, httpHost, held, ech } = opening
  exchange.ech = ech
  if (!exchange.judge({ serverName, httpHost })) {
    await exchange.recordSevered()
    throw new ProxyError('ERR_SEVERED')
  }
  await exchange.settle()
  return held
}
