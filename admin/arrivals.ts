/** Values in the order in which they came, any of which may be taken out. A Map would do, but finds its first key only past all holes. */

/** A value's place; given back to take the value out. */
export interface Place<T> {
  readonly value: T
}

interface Linked<T> extends Place<T> {
  before: Linked<T> | null
  after: Linked<T> | null
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
    const place: Linked<T> = { value, before: this.#last, after: null }
    if (this.#last === null) this.#first = place
    else this.#last.after = place
    this.#last = place
    this.#size += 1
    return place
  }

  /** `place` was given by `add` of this one, and is taken out once. */
  remove(place: Place<T>): void {
    const { before, after } = place as Linked<T> // `add` makes no others
    if (before === null) this.#first = after
    else before.after = after
    if (after === null) this.#last = before
    else after.before = before
    this.#size -= 1
  }

  /** The latest first. */
  latestFirst(): readonly T[] {
    const values: T[] = []
    for (let place = this.#last; place !== null; place = place.before) values.push(place.value)
    return values
  }
}
