/** From a judged target to a connection: names resolved once, guarded, each address judged before it is dialled. */
import type { Address } from '../rules/model.ts'
import type { Context } from './context.ts'
import { type Dialled, dialFirst } from './dial.ts'
import type { Exchange } from './exchange.ts'
import { ProxyError } from './failures.ts'

export interface Destination {
  readonly host: string | null
  readonly address: Address | null
  readonly port: number
}

/** The addresses of the destination that may be dialled. A refusal by the guard is recorded before it is thrown. */
export async function addressesOf(
  { host, address, port }: Destination,
  exchange: Exchange,
  { resolver, guard }: Context,
): Promise<readonly Address[]> {
  const all = address !== null ? [address] : await resolver.resolve(host ?? '')
  const open: Address[] = []
  let because: string | null = null
  for (const one of all) {
    const refusal = guard.refusal(one, port)
    if (refusal === null) open.push(one)
    else because ??= refusal
  }
  if (open.length > 0) return open
  await exchange.recordRefusal(because ?? 'The destination has no address')
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

/** Whether this address may be dialled, by a verdict that stands on the record where it needs one. */
export async function permit(address: Address, exchange: Exchange): Promise<boolean> {
  const ok = exchange.judge({ address })
  await exchange.settle()
  return ok
}

/** The verdict is on the record before the client hears of it; with `resolve_denied`, the name's address too. */
export async function settleDenied(exchange: Exchange, { options, resolver }: Context): Promise<void> {
  const { host, address } = exchange.evidence
  if (options.resolveDenied && host !== null && address === null) {
    const found = await resolver.resolve(host).catch(() => [])
    if (found[0] !== undefined) exchange.judge({ address: found[0] })
  }
  await exchange.settle()
}
