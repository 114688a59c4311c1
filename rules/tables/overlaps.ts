/** Segments that lie inside one another: right where it is meant, and worth a word where it is not. */
import type { Place, Prefix } from '../model.ts'
import { nested } from './nesting.ts'

export interface SegmentPrefix {
  readonly segment: string
  readonly prefix: Prefix
  readonly place: Place
}

/** A pair of segments of which one has prefixes inside the other's. */
export interface Overlap {
  /** The first such prefix, by address, and the nearest one around it. */
  readonly inner: SegmentPrefix
  readonly outer: SegmentPrefix
  /** How many prefixes of the inner segment lie directly inside the outer. */
  readonly count: number
}

/** Behind the first of so many prefixes. */
export function andMorePrefixes(count: number): string {
  return count > 1 ? ` (and ${count - 1} more of its prefixes)` : ''
}

/** Each pair once, in the order of addresses. */
export function overlaps(prefixes: readonly SegmentPrefix[]): readonly Overlap[] {
  const pairs = new Map<string, Overlap>()
  for (const { item: inner, within } of nested(prefixes)) {
    const outer = within?.item
    if (outer === undefined || outer.segment === inner.segment || outer.prefix.text === inner.prefix.text) continue
    const pair = `${inner.segment} ${outer.segment}` // ids have no spaces
    const first = pairs.get(pair)
    pairs.set(pair, first === undefined ? { inner, outer, count: 1 } : { ...first, count: first.count + 1 })
  }
  return [...pairs.values()]
}
