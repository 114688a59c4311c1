/**
 * Where an address or a time is not told, the situations that it may have been: one address for each way in which the rules
 * could treat its client, one instant for each change within the hour. What all of them come to is decided; the rest is not.
 */
import { addressAfter, parseAddress, parsePrefix, prefixEnd } from '../address.ts'
import { seatOf } from '../decide.ts'
import { isDuring } from '../during.ts'
import type { Address, Prefix } from '../model.ts'
import type { Policy } from '../policy.ts'

const MINUTE_MS = 60_000

/** The clients of one old segment, or of one of its prefixes, as the new rules tell them apart. */
export type Clients = (segment: string, prefix: string | null) => readonly (Address | null)[]

/** For each old segment, one address for each new segment and set of exceptions by address, of either file, that its clients are in. */
export function clientsBetween(before: Policy, after: Policy): Clients {
  const scoped = [...before.exceptions, ...after.exceptions].filter(({ sources }) => sources !== null)
  const prefixes = [
    ...[...before.segments.values(), ...after.segments.values()].flatMap((segment) => segment.prefixes),
    ...scoped.flatMap(({ entry }) => entry.from ?? []),
  ]
  const found = new Map<string, Map<string, Address | null>>()
  const add = (key: string, way: string, address: Address | null) => {
    const ways = found.get(key)
    if (ways === undefined) found.set(key, new Map([[way, address]]))
    else if (!ways.has(way)) ways.set(way, address)
  }
  for (const address of edgesOf(prefixes)) {
    const old = seatOf(before, address)
    const lifts = scoped.map(({ sources }) => (sources?.lookup(address) ? '1' : '0')).join('')
    const way = `${seatOf(after, address).segment.id} ${lifts}`
    add(old.segment.id, way, address)
    if (old.prefix !== null) add(`${old.segment.id} ${old.prefix}`, way, address)
  }
  // A client whose address could not be told is in no segment, whatever the file.
  add('unknown', `unknown ${scoped.map(() => '0').join('')}`, null)
  return (segment, prefix) => [...(found.get(prefix === null ? segment : `${segment} ${prefix}`)?.values() ?? [])]
}

/** Destinations that were in no service's prefix, or in one, as the new rules tell them apart. */
export type Destinations = (held: string | null) => readonly (Address | null)[]

/** One address for each new service that may own an address of which the old rules said `held`; null: of no service. */
export function destinationsBetween(before: Policy, after: Policy): Destinations {
  const prefixes = [before, after].flatMap(({ services }) =>
    [...services.values()].flatMap(({ entry }) => entry.prefixes),
  )
  const found = new Map<string | null, Map<string | null, Address | null>>([[null, new Map([[null, null]])]])
  for (const address of edgesOf(prefixes)) {
    const held = before.addresses.lookup(address)?.match ?? null
    const owner = after.addresses.lookup(address)?.service?.id ?? null
    const owners = found.get(held) ?? new Map<string | null, Address | null>()
    if (!owners.has(owner)) owners.set(owner, address)
    found.set(held, owners)
  }
  return (held) => [...(found.get(held)?.values() ?? [baseOf(held)])]
}

function baseOf(held: string | null): Address | null {
  const prefix = held === null ? null : parsePrefix(held)
  return prefix === null || typeof prefix === 'string' ? null : prefix.base
}

/** The addresses at which a look-up among the prefixes may give another answer than just before. */
function edgesOf(prefixes: readonly Prefix[]): Iterable<Address> {
  const edges = new Map<string, Address>()
  const add = (address: Address | null) => address !== null && edges.set(address.text, address)
  for (const first of ['0.0.0.0', '::']) add(parseAddress(first))
  for (const prefix of prefixes) {
    add(prefix.base)
    const after = addressAfter(prefixEnd(prefix))
    // The address after ::fffe:ffff:ffff and the like is read as IPv4, which is another family.
    if (after !== null && after.family === prefix.base.family) add(after)
  }
  return edges.values()
}

/** From `from` to `to`, the instants at which any of the policies may say something else than just before; `from` is the first. */
export function instantsWithin(policies: readonly Policy[], from: number, to: number): readonly number[] {
  const rules = policies.flatMap((policy) => policy.rules)
  const exceptions = policies.flatMap((policy) => policy.exceptions)
  const instants = new Set([from])
  for (const { entry } of exceptions)
    for (const at of [entry.startsAt, entry.expiresAt]) if (at !== null && from < at && at <= to) instants.add(at)
  const durings = rules.flatMap(({ entry: { during, mode } }) => (during === null || mode === 'off' ? [] : [during]))
  if (durings.length === 0) return [...instants]
  const states = (at: number) => durings.map((during) => isDuring(during, at)).join()
  let before = states(from)
  for (let at = from - (from % MINUTE_MS) + MINUTE_MS; at <= to; at += MINUTE_MS) {
    const now = states(at)
    if (now !== before) instants.add(at)
    before = now
  }
  return [...instants]
}
