/**
 * A policy as plain data, its long lists and tables in shared memory: what one thread compiles, every thread puts its own
 * `Policy` together from (`assemble`), and none needs a copy of the tables.
 */
import type { Mode, RuleFile, SegmentEntry, ServiceEntry } from './model.ts'
import { buildNameIndex, type NameEntry, type NameIndex } from './tables/name-index.ts'
import { type PackedNames, type PackedPrefixes, packNames, packPrefixes, type Span } from './tables/packed.ts'
import { buildPrefixIndex, type PrefixIndex } from './tables/prefix-index.ts'
import { sharedWords } from './tables/shared.ts'

export interface Blueprint {
  readonly revision: string
  /** The ceiling: that of the file, or monitor when forced. */
  readonly mode: Mode
  readonly file: PackedRuleFile
  /** The catalogue's and the rule file's, one for each id. */
  readonly services: readonly PackedService[]
  /** Prefix → the place of its segment in the file. */
  readonly seats: PackedPrefixTable
  /** Prefix → the place of its service among `services`. */
  readonly addresses: PackedPrefixTable
  readonly names: PackedNameTable
}

/** Owners in the index are places in the list plus 1; `belongsTo` says for each place whose it is. */
export interface PackedPrefixTable {
  readonly list: PackedPrefixes
  readonly index: PrefixIndex
  readonly belongsTo: Uint32Array
}

/** Owners in the index are places of services plus 1, or `SHARED`. */
export interface PackedNameTable {
  readonly list: PackedNames
  readonly index: NameIndex
}

/** The owner of a name that several things share, and that therefore is no service's. */
export const SHARED = 0xffffffff

export interface PackedRuleFile extends Omit<RuleFile, 'segments' | 'services'> {
  readonly segments: readonly PackedSegment[]
  /** Their places among all services. */
  readonly services: readonly number[]
}

export interface PackedSegment extends Omit<SegmentEntry, 'prefixes'> {
  /** Of the list of `seats`. */
  readonly prefixes: Span
}

export type PackedService = Omit<ServiceEntry, NameList | 'prefixes'> &
  Readonly<Record<NameList, Span>> & {
    /** Of the list of `addresses`. */
    readonly prefixes: Span
  }

export const NAME_LISTS = ['domains', 'hosts', 'sharedDomains', 'sharedHosts'] as const
export type NameList = (typeof NAME_LISTS)[number]

/** What the names of each list cover, and whether they name the service. */
const NAMED: Readonly<Record<NameList, { readonly below: boolean; readonly shared: boolean }>> = {
  domains: { below: true, shared: false },
  hosts: { below: false, shared: false },
  sharedDomains: { below: true, shared: true },
  sharedHosts: { below: false, shared: true },
}

/** `services`: the file's among them. */
export function drawBlueprint(
  revision: string,
  mode: Mode,
  file: RuleFile,
  services: readonly ServiceEntry[],
): Blueprint {
  const places = new Map(services.map(({ id }, place) => [id, place]))
  const seatSpans = new Spans<SegmentEntry['prefixes'][number]>()
  const segments = file.segments.map((segment) => ({ ...segment, prefixes: seatSpans.take(segment.prefixes) }))
  const addressSpans = new Spans<ServiceEntry['prefixes'][number]>()
  const nameSpans = new Spans<string>()
  const packed = services.map((service) => ({
    ...service,
    prefixes: addressSpans.take(service.prefixes),
    domains: nameSpans.take(service.domains),
    hosts: nameSpans.take(service.hosts),
    sharedDomains: nameSpans.take(service.sharedDomains),
    sharedHosts: nameSpans.take(service.sharedHosts),
  }))
  return {
    revision,
    mode,
    file: { ...file, segments, services: file.services.flatMap(({ id }) => places.get(id) ?? []) },
    services: packed,
    seats: prefixTable(seatSpans, segments, seatSpans.items.keys()),
    addresses: prefixTable(addressSpans, packed, builtInFirst(packed)),
    names: nameTable(nameSpans, packed),
  }
}

/** Lists put one after the other. */
class Spans<T> {
  readonly items: T[] = []

  take(list: readonly T[]): Span {
    const first = this.items.length
    for (const item of list) this.items.push(item)
    return { first, end: this.items.length }
  }
}

/** `order`: the places in the list; of two owners of one prefix the later one has it. */
function prefixTable(
  { items }: Spans<SegmentEntry['prefixes'][number]>,
  holders: readonly { readonly prefixes: Span }[],
  order: Iterable<number>,
): PackedPrefixTable {
  const entries = Array.from(order, (at) => [items[at]!, at + 1] as const) // a place in the list
  const belongsTo = sharedWords(items.length)
  for (const [place, { prefixes }] of holders.entries()) belongsTo.fill(place, prefixes.first, prefixes.end)
  return { list: packPrefixes(items), index: buildPrefixIndex(entries), belongsTo }
}

/** So that a user's prefix comes before a built-in one. */
function* builtInFirst(services: readonly PackedService[]): Iterable<number> {
  for (const origin of ['catalogue', 'rules'] as const)
    for (const { prefixes, origin: own } of services)
      if (own === origin) for (let at = prefixes.first; at < prefixes.end; at++) yield at
}

interface Claim extends NameEntry {
  /** Of two claims to one name a user's has it, before a built-in one. */
  readonly isUsers: boolean
}

function nameTable({ items }: Spans<string>, services: readonly PackedService[]): PackedNameTable {
  const claims = { exact: new Map<string, Claim>(), below: new Map<string, Claim>() }
  for (const [place, service] of services.entries()) {
    const isUsers = service.origin === 'rules'
    for (const key of NAME_LISTS) {
      const { below, shared } = NAMED[key]
      const owner = shared ? SHARED : place + 1
      const claimed = below ? claims.below : claims.exact
      for (let at = service[key].first; at < service[key].end; at++) {
        const name = items[at]! // a place in the list
        if (isUsers || !claimed.has(name)) claimed.set(name, { at, below, owner, isUsers })
      }
    }
  }
  // In the table the name alone comes before the name with all below it: a built-in host would hide a user's domain.
  const exact = [...claims.exact].filter(([name]) => !claims.below.get(name)?.isUsers).map(([, claim]) => claim)
  const list = packNames(items)
  return { list, index: buildNameIndex(list, [...claims.below.values(), ...exact]) }
}
