/** Address → value, longest prefix wins: for short lists whose values are objects of this thread. */
import type { Address, AddressLookup, Prefix } from '../model.ts'
import { buildPrefixIndex, ownerOf, type PrefixIndex } from './prefix-index.ts'

/** Made by `buildPrefixTable`. */
export class PrefixTable<V> implements AddressLookup<V> {
  readonly index: PrefixIndex
  /** By owner; element 0 is undefined. */
  readonly #values: readonly (V | undefined)[]

  constructor(index: PrefixIndex, values: readonly (V | undefined)[]) {
    this.index = index
    this.#values = values
  }

  /** The value of the longest prefix that holds the address, or undefined. */
  lookup(address: Address): V | undefined {
    return this.#values[ownerOf(this.index, address)]
  }
}

/** Builds the table; of two values for the same prefix the later one stands. */
export function buildPrefixTable<V>(entries: Iterable<readonly [Prefix, V]>): PrefixTable<V> {
  const values: (V | undefined)[] = [undefined]
  const owners = new Map<V, number>()
  const owned: [Prefix, number][] = []
  for (const [prefix, value] of entries) {
    let owner = owners.get(value)
    if (owner === undefined) {
      owner = values.push(value) - 1
      owners.set(value, owner)
    }
    owned.push([prefix, owner])
  }
  return new PrefixTable(buildPrefixIndex(owned), values)
}
