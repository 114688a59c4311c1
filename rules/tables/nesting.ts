/** Which prefixes lie inside which. */
import { comparePrefixes, prefixContains } from '../address.ts'
import type { Prefix } from '../model.ts'

export interface Nested<T> {
  readonly item: T
  /** The nearest one around it; null at the top. */
  readonly within: Nested<T> | null
  /** How many lie around it. */
  readonly depth: number
}

/** In the order of addresses, each after those around it; of the same prefix the later lies within the earlier. One sort and one pass. */
export function nested<T extends { readonly prefix: Prefix }>(items: Iterable<T>): readonly Nested<T>[] {
  const ordered = [...items].sort((x, y) => comparePrefixes(x.prefix, y.prefix))
  const all: Nested<T>[] = []
  let around: Nested<T> | null = null
  for (const item of ordered) {
    while (around !== null && !prefixContains(around.item.prefix, item.prefix.base)) around = around.within
    around = { item, within: around, depth: around === null ? 0 : around.depth + 1 }
    all.push(around)
  }
  return all
}
