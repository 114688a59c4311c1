/** The prefixes of the segments as a tree: which lies inside which, and which of them decides about an address. */
import { prefixContains } from '../address.ts'
import type { Address, Prefix, SegmentEntry } from '../model.ts'
import { nested } from './nesting.ts'

export interface TreePrefix {
  readonly prefix: Prefix
  readonly segment: SegmentEntry
  /** The nearest one around it; null at the top. */
  readonly within: Prefix | null
  /** How many lie around it. */
  readonly depth: number
}

/** All prefixes in the order of addresses, each after those around it. A range stands as the prefixes that make it up. */
export function segmentTree(segments: Iterable<SegmentEntry>): readonly TreePrefix[] {
  const all = [...segments].flatMap((segment) => segment.prefixes.map((prefix) => ({ segment, prefix })))
  return nested(all).map(({ item, within, depth }) => ({ ...item, within: within?.item.prefix ?? null, depth }))
}

/** Those of a tree that the address lies in, the longest first: that one decides. */
export function prefixesAround(tree: readonly TreePrefix[], address: Address): readonly TreePrefix[] {
  return tree.filter(({ prefix }) => prefixContains(prefix, address)).sort((x, y) => y.prefix.length - x.prefix.length)
}
