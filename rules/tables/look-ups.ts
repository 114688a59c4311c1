/** What a look-up in a shared table gives: the objects that a decision speaks of, made when they are asked for. */
import { type PackedPrefixTable, SHARED } from '../blueprint.ts'
import type { Address, AddressLookup, NameLookup, Segment } from '../model.ts'
import type { Named, Seat, Service } from '../policy.ts'
import { findName, lengthAt, type NameIndex, ownerAt } from './name-index.ts'
import { prefixAt } from './packed.ts'
import { ownerOf, type PrefixIndex } from './prefix-index.ts'

// `!` on an array element in this file: an owner has a place in the list, and a place belongs to a segment or service.

/** Address → seat. `places`: each segment of the file, with its class. */
export function seatLookup(
  { list, index, belongsTo }: PackedPrefixTable,
  places: readonly { readonly segment: Segment; readonly kind: number }[],
): AddressLookup<Seat> {
  return new AddressObjects(index, belongsTo.length, (at) => {
    const { segment, kind } = places[belongsTo[at]!]!
    return { segment, prefix: prefixAt(list, at).text, kind }
  })
}

/** Address → service. */
export function serviceLookup(
  { list, index, belongsTo }: PackedPrefixTable,
  services: readonly Service[],
): AddressLookup<Named> {
  return new AddressObjects(index, belongsTo.length, (at) => ({
    service: services[belongsTo[at]!]!,
    match: prefixAt(list, at).text,
  }))
}

/** Name → service. */
export function nameLookup(index: NameIndex, services: readonly Service[]): NameLookup<Named> {
  const find = (name: string): Named | undefined => {
    const found = findName(index, name)
    if (found === -1) return undefined
    const owner = ownerAt(index, found)
    return {
      service: owner === SHARED ? null : services[owner - 1]!,
      match: name.slice(name.length - lengthAt(index, found)),
    }
  }
  // A request is decided again with each thing more that is known of it: most look-ups are for the name of the last one.
  let last = ''
  let named = find(last)
  return {
    lookup(name) {
      if (name === last) return named
      named = find(name)
      last = name
      return named
    },
  }
}

/** Enough for the prefixes that clients come from in a while; the text of another one takes some 0.3 µs. */
const MOST_KEPT = 4096

/** Keeps the objects of the prefixes that were met last, at most one for each slot: their texts are slow to make. */
class AddressObjects<V> implements AddressLookup<V> {
  readonly #index: PrefixIndex
  readonly #make: (at: number) => V
  readonly #mask: number
  /** By the lower bits of the owner: whose object stands there. */
  readonly #owners: Uint32Array
  readonly #kept: (V | undefined)[]
  /** A client asks from one address again and again, and each thing more that is known of a request has it looked up again. */
  #last: Address | null = null
  #found: V | undefined

  constructor(index: PrefixIndex, count: number, make: (at: number) => V) {
    this.#index = index
    this.#make = make
    const slots = Math.min(MOST_KEPT, 2 ** (32 - Math.clz32(count)))
    this.#mask = slots - 1
    this.#owners = new Uint32Array(slots)
    this.#kept = new Array(slots)
  }

  lookup(address: Address): V | undefined {
    if (address === this.#last) return this.#found
    this.#found = this.#find(address)
    this.#last = address
    return this.#found
  }

  #find(address: Address): V | undefined {
    const owner = ownerOf(this.#index, address)
    if (owner === 0) return undefined
    const slot = owner & this.#mask
    if (this.#owners[slot] === owner) return this.#kept[slot]
    const made = this.#make(owner - 1)
    this.#owners[slot] = owner
    this.#kept[slot] = made
    return made
  }
}
