/** Segments that lie inside one another: right where it is meant, and worth a word where it is not. */
import { compareAddresses, prefixContains } from './address.ts'
import type { Place, Prefix } from './model.ts'

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

/** Each pair once, in the order of addresses. One sort and one pass: those still open around a prefix are at most 128. */
export function overlaps(prefixes: readonly SegmentPrefix[]): readonly Overlap[] {
  const pairs = new Map<string, Overlap>()
  const open: SegmentPrefix[] = []
  const ordered = prefixes.toSorted(
    (x, y) => compareAddresses(x.prefix.base, y.prefix.base) || x.prefix.length - y.prefix.length,
  )
  for (const inner of ordered) {
    let outer = open.at(-1)
    while (outer !== undefined && !prefixContains(outer.prefix, inner.prefix.base)) {
      open.pop()
      outer = open.at(-1)
    }
    open.push(inner)
    if (outer === undefined || outer.segment === inner.segment || outer.prefix.text === inner.prefix.text) continue
    const pair = `${inner.segment} ${outer.segment}` // ids have no spaces
    const first = pairs.get(pair)
    pairs.set(pair, first === undefined ? { inner, outer, count: 1 } : { ...first, count: first.count + 1 })
  }
  return [...pairs.values()]
}
