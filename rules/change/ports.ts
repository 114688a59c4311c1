/**
 * Whether the proxy would open the port of a past request. CONNECT is bound to a list in the server's settings, beside which each
 * service of the rule file opens its own; no other request is. A tally does not tell the one from the other.
 */
import { portIsOpenFor } from '../decide.ts'
import type { Address } from '../model.ts'
import type { Policy } from '../policy.ts'
import type { PastAsked, PastVerdict } from './past.ts'

/** As in `origins.connect_ports`; first and last are of it. */
export type PortRanges = readonly (readonly [first: number, last: number])[]

export interface PortAsked {
  readonly asked: PastAsked
  readonly was: PastVerdict
  /** What the destination may have been. */
  readonly destinations: readonly (Address | null)[]
}

/** `before`: the rules of then; null where they are not known. `listed`: the server's list, where it is known. null: that is not told. */
export function portIsOpen(
  policy: Policy,
  before: () => Policy | null,
  listed: PortRanges | null,
  request: PortAsked,
): boolean | null {
  const { tunnel, port } = request.asked
  if (tunnel === false) return true
  if (port === null) return null
  const isOpened = portIsOpened(policy, request)
  const isListed = listed?.some(([first, last]) => first <= port && port <= last) ?? null
  if (isOpened === true || isListed === true) return true
  if (isOpened === null) return null
  if (!hasPassed(request.was)) return isListed === null || tunnel === null ? null : false
  // What had passed is on the list, or not bound to it, unless a service opened its port then.
  const old = before()
  const wasOpened = old === null ? null : portIsOpened(old, request)
  if (wasOpened === false) return true
  return wasOpened === true && isListed === false && tunnel === true ? false : null
}

/** Whether a service of these rules opens it; null: for some of the addresses that the destination may have had. */
export function portIsOpened(policy: Policy, { asked, destinations }: PortAsked): boolean | null {
  const { host, port } = asked
  if (port === null) return null
  // The address behind a name is not looked up before that.
  const ways = new Set(
    (host === null ? destinations : [null]).map((address) => portIsOpenFor(policy, { host, address, port })),
  )
  const [way] = ways
  return ways.size === 1 && way !== undefined ? way : null
}

/** Whether it met the list and the guard: they come after what the rules say of its name, and before a tunnel is opened. */
export function hasPassed({ action }: PastVerdict): boolean {
  return action !== 'block' && action !== 'refuse'
}
