/** From a judged target to a connection: names resolved once, guarded, each address judged before it is dialled. */
import type { Address } from '../rules/model.ts'
import type { Context } from './context.ts'
import { type Dialled, dialFirst } from './dial.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'
import type { Guard } from './guard.ts'

export interface Destination {
  readonly host: string | null
  readonly address: Address | null
  readonly port: number
}

/**
 * The addresses of the destination that may be dialled; at once, where they are known. A refusal by the guard is recorded
 * before the promise rejects with it.
 */
export function addressesOf(
  { host, address, port }: Destination,
  exchange: Exchange,
  { resolver, guard }: Context,
): readonly Address[] | Promise<readonly Address[]> {
  const known = address !== null ? [address] : resolver.known(host ?? '')
  if (known === null) return resolver.resolve(host ?? '').then((all) => openOf(all, port, exchange, guard))
  return openOf(known, port, exchange, guard)
}

function openOf(
  all: readonly Address[],
  port: number,
  exchange: Exchange,
  guard: Guard,
): readonly Address[] | Promise<never> {
  const open: Address[] = []
  let because: string | null = null
  for (const one of all) {
    const refusal = guard.refusal(one, port)
    if (refusal === null) open.push(one)
    else because ??= refusal
  }
  return open.length > 0 ? open : refuse(because ?? 'The destination has no address', exchange)
}

async function refuse(because: string, exchange: Exchange): Promise<never> {
  await exchange.recordRefusal(because)
  throw new ProxyError('ERR_PROHIBITED')
}

/** Dial the first address that answers. Null: the verdict turned with an address, and nothing was dialled after that. */
export async function dialJudged(
  addresses: readonly Address[],
  port: number,
  exchange: Exchange,
  { options }: Context,
): Promise<Dialled | null> {
  const dialled = await dialFirst(addresses, port, {
    dialMs: options.limits.dialMs,
    observer: options.observer,
    permit: (address) => permit(address, exchange),
  })
  // A slow address may have been first after all: the evidence is what was dialled.
  if (dialled !== null && dialled.address !== exchange.evidence.address) exchange.judge({ address: dialled.address })
  return dialled
}

/** Whether this address may be dialled, by a verdict that stands on the record where it needs one; at once, where it does. */
export function permit(address: Address, exchange: Exchange): boolean | Promise<boolean> {
  const ok = exchange.judge({ address })
  return exchange.isSettled ? ok : exchange.settle().then(() => ok)
}

/** The verdict is on the record before the client hears of it; with `resolve_denied`, the name's address too. */
export function settleDenied(exchange: Exchange, { options, resolver }: Context): Promise<void> {
  const { host, address } = exchange.evidence
  if (!options.resolveDenied || host === null || address !== null) return exchange.settle()
  return resolver
    .resolve(host)
    .catch(() => [])
    .then(([first]) => {
      if (first !== undefined) exchange.judge({ address: first })
      return exchange.settle()
    })
}
