/**
 * What a rule file says, part by part, each part knowing its place. `readWritten` has the schema look at it first: a part
 * that does not fit is reported and left out, and the rest goes on to the checks of parse-*.ts, so that one
 * pass finds everything.
 */
import type * as z from 'zod'
import type { Place, Problem } from '../model.ts'
import { formatPlace } from '../problems.ts'
import { fieldOf, shapeFaults } from './shape.ts'
import type { Path, Source } from './yaml-source.ts'

/** `T`, of which anything may have been left out. */
export type Draft<T> = T extends string | number | boolean
  ? T
  : T extends readonly (infer Item)[]
    ? readonly (Draft<Item> | undefined)[]
    : { readonly [Key in keyof T]?: Draft<T[Key]> | undefined }

type ItemOf<T> = T extends readonly (infer Item)[] ? Item : T
type ListOf<T> = readonly Written<NonNullable<ItemOf<NonNullable<T>>>>[]

/** A value of the file. Problems go to the list that all parts of one reading share. */
export class Written<T> {
  readonly value: T
  readonly #source: Source
  readonly #problems: Problem[]
  readonly #path: Path

  constructor(value: T, source: Source, problems: Problem[], path: Path = []) {
    this.value = value
    this.#source = source
    this.#problems = problems
    this.#path = path
  }

  get file(): string {
    return this.#source.file
  }

  get place(): Place {
    return this.#source.placeOf(this.#path)
  }

  /** Where the key stands that names this part. */
  get keyPlace(): Place {
    return this.#source.placeOf(this.#path, 'key')
  }

  error(message: string, place: Place = this.place): void {
    this.#problems.push({ severity: 'error', ...place, message })
  }

  warn(message: string, place: Place = this.place): void {
    this.#problems.push({ severity: 'warning', ...place, message })
  }

  get<K extends keyof T & string>(key: K): Written<NonNullable<T[K]>> | null {
    const value = this.value[key]
    return value === undefined || value === null ? null : this.#part(value, key)
  }

  /** The values under `key`, where one may stand for a list of one. */
  list<K extends keyof T & string>(key: K): ListOf<T[K]> {
    return this.get(key)?.items() ?? []
  }

  /** The values of this list, or this value as the only one. */
  items(): ListOf<T> {
    const { value } = this
    // Only the type is narrowed: T is one value or a list of such.
    if (!Array.isArray(value)) return [this] as unknown as ListOf<T>
    const present = value.flatMap((item, index) => (item === undefined ? [] : [this.#part(item, index)]))
    return present as unknown as ListOf<T>
  }

  /** Whether nothing was written under `key`: no such key, or an empty list. */
  hasNone(key: keyof T & string): boolean {
    const value: unknown = this.value[key]
    return !(key in (this.value as object)) || (Array.isArray(value) && value.length === 0)
  }

  /** The keys of a map that ids name, with what stands under each; null where that was left out. */
  entries(): readonly (readonly [id: string, entry: Written<NonNullable<T[keyof T]>> | null, keyPlace: Place])[] {
    return Object.keys(this.value as object).map((key) => {
      const keyPlace = this.#source.placeOf([...this.#path, key], 'key')
      // `key` was taken from the value itself.
      return [key, this.get(key as keyof T & string), keyPlace]
    })
  }

  #part<V>(value: V, step: string | number): Written<V> {
    return new Written(value, this.#source, this.#problems, [...this.#path, step])
  }
}

/** What `source` holds (its value is changed), without the parts that do not fit `schema`: those are added to `problems`. Null where nothing is left. */
export function readWritten<S extends z.ZodType>(
  source: Source,
  schema: S,
  problems: Problem[],
): Written<Draft<z.input<S>>> | null {
  problems.push(...source.problems)
  if (source.value === undefined) return null
  const faults = shapeFaults(source.value, schema)
  const told = new Set(source.problems.filter(({ severity }) => severity === 'error').map(formatPlace))
  for (const { path, of, message } of faults) {
    const place = source.placeOf(path, of)
    // What could not be read there (an alias to nothing) is no wrong value besides.
    if (!told.has(formatPlace(place))) problems.push({ severity: 'error', ...place, message })
  }
  for (const { path, isUnknownKey } of faults) cutOut(source.value, path, isUnknownKey)
  if (faults.some(({ path }) => path.length === 0)) return null
  // What the schema found fault with is gone, so the rest is as it says.
  return new Written(source.value as Draft<z.input<S>>, source, problems)
}

/** Leaves `undefined` where `path` leads to, as an id stays known that way; an unknown key goes altogether. */
function cutOut(root: unknown, path: Path, isUnknownKey: boolean): void {
  const last = path.at(-1)
  let parent = root
  for (const step of path.slice(0, -1)) parent = fieldOf(parent, step)
  if (last === undefined || typeof parent !== 'object' || parent === null) return
  if (isUnknownKey) Reflect.deleteProperty(parent, last)
  else Reflect.set(parent, last, undefined)
}
