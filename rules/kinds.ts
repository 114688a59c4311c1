/**
 * Sorts ids into classes that nothing in the rule file tells apart, so that rules are weighed once per class: ten thousand
 * segments that the rules treat as four kinds cost as much as four.
 */

/** For each id the number of its class, from 0 without gaps. `trait` and membership in any of `sets` set ids apart. */
export function kindsOf(
  ids: Iterable<string>,
  trait: (id: string) => string,
  sets: Iterable<readonly string[]>,
): ReadonlyMap<string, number> {
  const kinds = new Map<string, number>()
  const traits = new Map<string, number>()
  for (const id of ids) kinds.set(id, numberOf(traits, trait(id), traits.size))
  let next = traits.size
  for (const set of sets) {
    // The members of a class that stand in the set leave it for a class of their own.
    const split = new Map<number, number>()
    for (const id of new Set(set)) {
      const kind = kinds.get(id)
      if (kind === undefined) continue
      const own = numberOf(split, kind, next)
      if (own === next) next++
      kinds.set(id, own)
    }
  }
  return numberedFromZero(kinds)
}

function numberOf<K>(numbers: Map<K, number>, key: K, next: number): number {
  const known = numbers.get(key)
  if (known !== undefined) return known
  numbers.set(key, next)
  return next
}

function numberedFromZero(kinds: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const numbers = new Map<number, number>()
  const dense = new Map<string, number>()
  for (const [id, kind] of kinds) dense.set(id, numberOf(numbers, kind, numbers.size))
  return dense
}

/** The members of each class, by the class's number. */
export function membersByKind<T>(members: Iterable<T>, kindOf: (member: T) => number): readonly (readonly T[])[] {
  const kinds: T[][] = []
  for (const member of members) {
    const kind = kindOf(member)
    const peers = kinds[kind]
    if (peers === undefined) kinds[kind] = [member]
    else peers.push(member)
  }
  return kinds
}
