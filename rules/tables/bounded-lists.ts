/**
 * What was made once and is found again by looking at the few of one key: where a key of all that it depends on would cost more than to
 * make it. When there are too many, all of them go: what is still needed is soon made again.
 */
export class BoundedLists<K, V> {
  readonly #lists = new Map<K, V[]>()
  readonly #most: number
  readonly #mostOfOne: number
  #count = 0

  constructor(most: number, mostOfOne: number) {
    this.#most = most
    this.#mostOfOne = mostOfOne
  }

  /** In the order in which they came. */
  of(key: K): readonly V[] {
    return this.#lists.get(key) ?? NONE
  }

  add(key: K, value: V): void {
    if (this.#count >= this.#most || this.of(key).length >= this.#mostOfOne) {
      this.#lists.clear()
      this.#count = 0
    }
    const list = this.#lists.get(key)
    if (list === undefined) this.#lists.set(key, [value])
    else list.push(value)
    this.#count += 1
  }
}

const NONE: readonly never[] = []
