/**
 * Signs that a client's address is not the client's: something between rewrites it, or pretends to. Each is counted, and
 * logged for the operator once in a while; none of them ever makes a client more welcome.
 */
import type { Observer, SuspectReason } from '../rules/events.ts'
import type { Address } from '../rules/model.ts'
import { buildPrefixTable, type PrefixTable } from '../rules/tables/prefix-table.ts'
import { defaultGateways, type RouteTables } from './gateways.ts'
import type { ListenerOptions, ProxyLog } from './options.ts'

/** What the operator is told of each. */
export const SIGNS: Readonly<Record<SuspectReason, string>> = {
  gateway:
    "clients arrive with the address of this machine's own default gateway: something rewrites their addresses (Docker, MASQUERADE); they count as unknown",
  own_address:
    "clients arrive with this machine's own address: they run on it, or a port forwarder (rootless containers) hides them",
  balancer:
    'a balancer of another listener speaks to one with client_address: socket, where its clients all have its address; point it to the other listener',
  share:
    'more than half of the latest connections come from one address: many clients may be behind it; mark its segment as shared, or have it tell their addresses',
  untrusted: 'a peer outside "trusted" connects to a listener with client_address: proxy-protocol; it was closed',
  missing:
    'a trusted peer does not tell whom it speaks for; its requests count as from an unknown client, or were closed',
  malformed: 'a trusted peer tells the client address in a form that cannot be read',
  timeout: 'a trusted peer did not send its PROXY header within head_ms; it was closed',
  conflict: 'X-Forwarded-For and Forwarded name different clients; have the balancer write one and remove the other',
  proxy_header:
    'a client sends a PROXY header to a listener that does not take one; set client_address: proxy-protocol there if it is a balancer',
  forwarded_header: 'clients that are not trusted send X-Forwarded-For or Forwarded; the fields are ignored',
}

const WARN_AGAIN_MS = 3_600_000
/** Enough connections to speak of a share. */
const WINDOW = 1024
/** With n of them, an address of more than 1/2 + 1/n of a window is found for certain. */
const COUNTERS = 16

export interface SuspectsOptions {
  readonly listeners: readonly Pick<ListenerOptions, 'trusted'>[]
  readonly observer: Pick<Observer, 'clientSuspect'>
  readonly log: Pick<ProxyLog, 'warn'>
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Default: the kernel's. */
  readonly readRoutes?: () => RouteTables
}

export class Suspects {
  #options: SuspectsOptions
  #balancers: PrefixTable<true>
  #gateways: ReadonlySet<string> = new Set()
  #warnedAt = new Map<SuspectReason, number>()
  #counts = new Map<string, number>()
  #counted = 0

  constructor(options: SuspectsOptions) {
    this.#options = options
    this.#balancers = buildPrefixTable(
      options.listeners.flatMap(({ trusted }) => trusted.map((prefix) => [prefix, true] as const)),
    )
    this.refresh()
  }

  /** Routes change: to be called every few seconds. */
  refresh(): void {
    this.#gateways = new Set(defaultGateways(this.#options.readRoutes).map(({ text }) => text))
  }

  note(reason: SuspectReason): void {
    const { observer, log, now } = this.#options
    observer.clientSuspect(reason)
    const at = now()
    if (at - (this.#warnedAt.get(reason) ?? Number.NEGATIVE_INFINITY) < WARN_AGAIN_MS) return
    this.#warnedAt.set(reason, at)
    log.warn({ reason }, SIGNS[reason])
  }

  /** Whether the address is that of a default gateway of this machine. */
  isGateway({ text }: Address): boolean {
    return this.#gateways.has(text)
  }

  /** Whether some listener trusts the address. */
  isBalancer(address: Address): boolean {
    return this.#balancers.lookup(address) === true
  }

  /**
   * One more connection of a client. Counters are few (Misra and Gries): each stands for at least as many connections as it
   * says, so a `share` is never noted for less than half of a window.
   */
  connected({ text }: Address): void {
    const count = this.#counts.get(text)
    if (count !== undefined || this.#counts.size < COUNTERS) this.#counts.set(text, (count ?? 0) + 1)
    else
      for (const [address, other] of this.#counts) {
        if (other === 1) this.#counts.delete(address)
        else this.#counts.set(address, other - 1)
      }
    this.#counted += 1
    if (this.#counted < WINDOW) return
    for (const most of this.#counts.values()) if (most > WINDOW / 2) this.note('share')
    this.#counts.clear()
    this.#counted = 0
  }
}
