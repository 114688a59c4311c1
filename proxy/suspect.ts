/**
 * Signs that a client's address is not the client's: something between rewrites it, or pretends to. Each is counted, and
 * logged for the operator once in a while; none of them ever makes a client more welcome.
 */
import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { addressFromBytes } from '../rules/address.ts'
import type { Observer, SuspectReason } from '../rules/events.ts'
import type { Address } from '../rules/model.ts'
import { buildPrefixTable, type PrefixTable } from '../rules/prefix-table.ts'
import type { ListenerOptions, ProxyLog } from './options.ts'

/** What the operator is told of each. */
const SIGNS: Readonly<Record<SuspectReason, string>> = {
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
const RTF_GATEWAY = 0x2

/** The texts of Linux's /proc/net/route and /proc/net/ipv6_route; empty where there are none. */
export interface RouteTables {
  readonly ipv4: string
  readonly ipv6: string
}

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
    const { ipv4, ipv6 } = (this.#options.readRoutes ?? readRoutes)()
    this.#gateways = new Set([...gatewaysOfIPv4(ipv4), ...gatewaysOfIPv6(ipv6)].map(({ text }) => text))
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

function readRoutes(): RouteTables {
  return { ipv4: read('/proc/net/route'), ipv6: read('/proc/net/ipv6_route') }
}

/** Other systems than Linux have no such file: then nothing is known of gateways. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

/** Lines of interface, destination, gateway, flags, three counts, mask, …; addresses in the byte order of the machine. */
function gatewaysOfIPv4(table: string): readonly Address[] {
  return table.split('\n').flatMap((line) => {
    const [, destination, gateway = '', flags = '', , , , mask] = line.trim().split(/\s+/)
    if (destination !== '00000000' || mask !== '00000000' || !isGatewayRoute(flags)) return []
    const bytes = addressBytes(gateway, 4)
    return bytes === null ? [] : [addressFromBytes(endianness() === 'LE' ? bytes.toReversed() : bytes)]
  })
}

/** Lines of destination, its length, source, its length, next hop, three counts, flags, interface. */
function gatewaysOfIPv6(table: string): readonly Address[] {
  return table.split('\n').flatMap((line) => {
    const [, length, , , nextHop = '', , , , flags = ''] = line.trim().split(/\s+/)
    if (length !== '00' || !isGatewayRoute(flags)) return []
    const bytes = addressBytes(nextHop, 16)
    return bytes === null ? [] : [addressFromBytes(bytes)]
  })
}

function isGatewayRoute(flags: string): boolean {
  return (Number.parseInt(flags, 16) & RTF_GATEWAY) !== 0
}

function addressBytes(hex: string, width: 4 | 16): Uint8Array | null {
  const bytes = Buffer.from(hex, 'hex')
  return bytes.length === width && hex.length === 2 * width ? new Uint8Array(bytes) : null
}
