/**
 * Values in the order in which they came, any of which may be taken out, so that bounded tables can forget the oldest. A Map alone would
 * do, but finds its first key only past the holes of all that were deleted.
 */

/** A value's place; given back to take the value out. */
export interface Place<T> {
  readonly value: T
}

interface Linked<T> extends Place<T> {
  before: Linked<T> | null
  after: Linked<T> | null
}

/** A place for the value, in none yet. */
export function placeOf<T>(value: T): Place<T> {
  const place: Linked<T> = { value, before: null, after: null }
  return place
}

export class Arrivals<T> {
  #first: Linked<T> | null = null
  #last: Linked<T> | null = null
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The one that came first of those that are left. */
  get oldest(): Place<T> | null {
    return this.#first
  }

  add(value: T): Place<T> {
    const place = placeOf(value)
    this.addAt(place)
    return place
  }

  /** `place` is in none now. */
  addAt(place: Place<T>): void {
    const next = place as Linked<T> // `placeOf` makes no others
    next.before = this.#last
    if (this.#last === null) this.#first = next
    else this.#last.after = next
    this.#last = next
    this.#size += 1
  }

  /** `place` is in this one. */
  remove(place: Place<T>): void {
    const gone = place as Linked<T> // `placeOf` makes no others
    const { before, after } = gone
    if (before === null) this.#first = after
    else before.after = after
    if (after === null) this.#last = before
    else after.before = before
    // Else what is gone would hold those that came after it, until it is collected itself.
    gone.before = null
    gone.after = null
    this.#size -= 1
  }

  /** The oldest first; none may be added or taken out meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (let place = this.#first; place !== null; place = place.after) yield place.value
  }

  /** The latest first. */
  latestFirst(): readonly T[] {
    const values: T[] = []
    for (let place = this.#last; place !== null; place = place.before) values.push(place.value)
    return values
  }
}

/** A Map that knows its oldest entry at once. */
export class ArrivalMap<K, V> {
  readonly #places = new Map<K, Place<readonly [K, V]>>()
  readonly #order = new Arrivals<readonly [K, V]>()

  get size(): number {
    return this.#places.size
  }

  /** Of those that are left, the one that was set first. */
  get oldest(): readonly [K, V] | null {
    return this.#order.oldest?.value ?? null
  }

  get(key: K): V | undefined {
    return this.#places.get(key)?.value[1]
  }

  /** The latest from then on, also where the key was there before. */
  set(key: K, value: V): void {
    this.delete(key)
    this.#places.set(key, this.#order.add([key, value]))
  }

  delete(key: K): void {
    const place = this.#places.get(key)
    if (place === undefined) return
    this.#places.delete(key)
    this.#order.remove(place)
  }
}
