/** The keys that the folder's checkpoint file names, held against what the log's records say of keys. */

import type { Place, Problems } from '../problems.ts'
import type { VerifierKey } from './note.ts'

export class FileKeys {
  readonly #problems: Problems
  readonly #all: VerifierKey[] = []
  /** The last one, until it has signed; and those that were followed by another before they had. */
  #unused: { readonly key: VerifierKey; readonly place: Place } | null = null
  readonly #idle: { readonly key: VerifierKey; readonly place: Place }[] = []
  /** Named by records of the log. */
  readonly #told = new Set<string>()

  constructor(problems: Problems) {
    this.#problems = problems
  }

  /** In the order in which the file names them. */
  get all(): readonly VerifierKey[] {
    return this.#all
  }

  get newest(): VerifierKey | null {
    return this.#all.at(-1) ?? null
  }

  /** The file names it next. */
  add(key: VerifierKey, place: Place): void {
    if (this.newest?.text === key.text)
      this.#problems.add('replaced-checkpoint', place, null, 'the same key is named twice in a row')
    if (this.#unused !== null) this.#idle.push(this.#unused)
    this.#unused = { key, place }
    this.#all.push(key)
  }

  /** A checkpoint stands behind the newest. */
  hasSigned(): void {
    this.#unused = null
  }

  /** A record says that this key signs. */
  told(key: string): void {
    this.#told.add(key)
  }

  /** Where no record says anything of keys, each may sign. */
  isTold({ text }: VerifierKey): boolean {
    return this.#told.size === 0 || this.#told.has(text)
  }

  /** A key may be replaced before it has signed anything; then a record tells of it, and it is named once. */
  tellIdle(): void {
    for (const { key, place } of this.#idle) {
      const times = this.#all.filter(({ text }) => text === key.text).length
      if (this.isTold(key) && times === 1) continue
      const what = `the key ${key.name}+${key.id} is named and signs nothing there`
      this.#problems.add('replaced-checkpoint', place, null, what)
    }
  }
}
