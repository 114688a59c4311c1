/**
 * Which addresses are never dialled: those that are not the public internet, and the proxy itself. A proxy that dials
 * them is a way into the network that it stands in. What an operator lists in `origins.allow` is let through.
 */
import { networkInterfaces } from 'node:os'
import { parseAddress, parsePrefix } from '../rules/address.ts'
import type { Address, Prefix } from '../rules/model.ts'
import { ipv4, isNat64 } from '../rules/nat64.ts'
import { buildPrefixTable } from '../rules/tables/prefix-table.ts'

/** IANA's special-purpose registries (RFC 6890 and its updates), but for those that are globally reachable. */
const GUARDED = [
  '0.0.0.0/8', // "this network"
  '10.0.0.0/8', // private (RFC 1918)
  '100.64.0.0/10', // shared address space (RFC 6598)
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, with the metadata services of clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // IETF protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relay anycast, deprecated
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, with the broadcast address
  '::/8', // unspecified, loopback, IPv4-compatible, and what else lies in the reserved block
  '64:ff9b:1::/48', // local-use NAT64 (RFC 8215)
  '100::/64', // discard-only
  '2001::/23', // IETF protocol assignments, with Teredo and ORCHID
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4: judged by what it embeds, below; else refused
  '3fff::/20', // documentation
  '5f00::/16', // segment routing
  'fc00::/7', // unique local
  'fe80::/10', // link-local
  'fec0::/10', // site-local, deprecated
  'ff00::/8', // multicast
] as const

export interface Guard {
  /** Why this address and port are not to be dialled, in a few words for the record; null = they may be. */
  refusal(address: Address, port: number): string | null
}

/** Where we listen. An unspecified address stands for every address of this machine. */
export interface OwnAddress {
  readonly address: string
  readonly port: number
}

export interface GuardOptions {
  readonly allow: readonly Prefix[]
  /** All of ours, once they listen. */
  readonly own: () => readonly OwnAddress[]
}

// Records of refusals name no destination but a conferencing one, so these do not either.
const IS_OURSELVES = 'The destination is this proxy itself'
const IS_GUARDED = 'The destination lies in a guarded range of addresses'

/** Whatever is allowed, the proxy's own listeners are not: a tunnel to itself would be judged as coming from itself. */
export function createGuard({ allow, own }: GuardOptions): Guard {
  const table = buildPrefixTable<string | null>([
    ...GUARDED.map((text) => [known(text), text] as const),
    ...allow.map((prefix) => [prefix, null] as const),
  ])
  const single = (address: Address) => table.lookup(address) ?? null
  return {
    refusal(address, port) {
      if (own().some((listener) => listener.port === port && isAt(listener.address, address))) return IS_OURSELVES
      const guarded = single(address)
      const embedded = embeddedAddress(address)
      if (embedded !== null && single(embedded) !== null) return IS_GUARDED
      // NAT64's well-known prefix is the way to public IPv4 in an IPv6-only network; the other embeddings are not in use.
      return guarded === null || isNat64(address) ? null : IS_GUARDED
    },
  }
}

/** IPv4 inside IPv6: NAT64 (RFC 6052 §2.1), 6to4 (RFC 3056), Teredo (RFC 4380 §4), IPv4-compatible (RFC 4291 §2.5.5.1). Mapped addresses are IPv4 already. */
function embeddedAddress(address: Address): Address | null {
  if (address.family === 4) return null
  if (isNat64(address)) return ipv4(address.d)
  if (address.a >>> 16 === 0x2002) return ipv4(((address.a & 0xffff) << 16) | (address.b >>> 16))
  if (address.a === 0x20010000) return ipv4(~address.d)
  if (address.a === 0 && address.b === 0 && address.c === 0 && address.d > 1) return ipv4(address.d)
  return null
}

function known(text: string): Prefix {
  const prefix = parsePrefix(text)
  if (typeof prefix === 'string') throw new Error(prefix) // the table above is ours: a slip there must not start
  return prefix
}

function isAt(host: string, address: Address): boolean {
  const at = parseAddress(host)
  if (at === null) return false
  if (at.text === address.text) return true
  return (at.text === '0.0.0.0' || at.text === '::') && isLocal(address)
}

let localTexts: { readonly texts: ReadonlySet<string>; readonly until: number } = { texts: new Set(), until: 0 }

/** Interfaces come and go: asked again after a second at most. */
function isLocal(address: Address): boolean {
  if (address.text === '::1' || (address.family === 4 && address.d >>> 24 === 127)) return true
  const now = performance.now()
  if (now >= localTexts.until) {
    const texts = Object.values(networkInterfaces()).flatMap((list) => list?.map((entry) => entry.address) ?? [])
    localTexts = { texts: new Set(texts), until: now + 1000 }
  }
  return localTexts.texts.has(address.text)
}
