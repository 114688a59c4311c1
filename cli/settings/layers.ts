/**
 * Settings from several places laid over each other: the value that counts at each key, and where it was written.
 */
import { dirname, isAbsolute, join } from 'node:path'
import type { Source } from '../../rules/file/yaml-source.ts'
import { formatPlace } from '../../rules/problems.ts'
import { DEFAULTS, PATH_KEYS } from './settings.ts'

export type KeyPath = readonly (string | number)[]
type Tree = Record<string, unknown>

export class Layers {
  readonly #file: Source | null
  /** What the file says, its paths led back to the working directory. */
  readonly #written: Tree
  readonly #tree: Tree
  readonly #overlays = new Map<string, string>()

  /** `file` is null where there is none, or none that could be read. */
  constructor(file: Source | null) {
    this.#file = file
    this.#written = isTree(file?.value) ? structuredClone(file.value) : {}
    if (file !== null) for (const key of PATH_KEYS) relocate(this.#written, key.split('.'), dirname(file.file))
    this.#tree = merged(structuredClone(DEFAULTS), structuredClone(this.#written))
  }

  /** All settings, unchecked. */
  get values(): unknown {
    return this.#tree
  }

  /** Puts text over what stands at `key`. `from` is the flag or variable; `fallback` is of the type that is wanted. */
  set(key: string, text: string, fallback: unknown, from: string): void {
    put(this.#tree, key.split('.'), fromText(text, fallback))
    this.#overlays.set(key, from)
  }

  /** Where the server file gives `key`, with the value; null where it does not. */
  inFile(key: string): { readonly place: string; readonly value: unknown } | null {
    const path = key.split('.').map(step)
    const value = at(this.#written, path)
    return this.#file === null || value === undefined ? null : { place: formatPlace(this.#file.placeOf(path)), value }
  }

  /** The flag, variable or place in the file that gave `key`; null: it is a default. */
  givenAt(key: string): string | null {
    return this.#overlays.get(key) ?? this.inFile(key)?.place ?? null
  }

  isGiven(key: string): boolean {
    return this.givenAt(key) !== null
  }

  /** The flag or variable that set what `path` leads to; null where that is the file or the default. */
  overlay(path: KeyPath): string | null {
    for (let depth = path.length; depth > 0; depth--) {
      const from = this.#overlays.get(path.slice(0, depth).join('.'))
      if (from !== undefined) return from
    }
    return null
  }

  /** Where the value at `path`, or its key, was written. */
  placeOf(path: KeyPath, of: 'key' | 'value' = 'value'): string {
    const overlay = this.overlay(path)
    if (overlay !== null) return overlay
    return this.#file === null ? 'settings' : formatPlace(this.#file.placeOf(path, of))
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function merged(base: Tree, over: Tree): Tree {
  const result = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(base, key) ? base[key] : undefined
    result[key] = isTree(below) && isTree(value) ? merged(below, value) : value
  }
  return result
}

/** Makes a relative path at `keys` relative to the working directory instead of to the server file. */
function relocate(tree: unknown, [key = '', ...rest]: readonly string[], folder: string): void {
  if (key === '*') {
    if (Array.isArray(tree)) for (const item of tree) relocate(item, rest, folder)
    return
  }
  if (!isTree(tree) || !Object.hasOwn(tree, key)) return
  const path = tree[key]
  if (rest.length > 0) relocate(path, rest, folder)
  else if (typeof path === 'string' && path !== '' && !isAbsolute(path)) tree[key] = join(folder, path)
}

function at(value: unknown, path: KeyPath): unknown {
  let found = value
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined
    // Known to be an object's own key.
    found = (found as Tree)[key]
  }
  return found
}

/** Writes `value` at `keys`, making what leads there; a list counts as one map per number. */
function put(tree: Tree, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    tree[key] = value
    return
  }
  const below = tree[key]
  if (typeof below !== 'object' || below === null) tree[key] = rest[0] === '0' ? [] : {}
  // Just made an object where it was none.
  put(tree[key] as Tree, rest, value)
}

function step(key: string): string | number {
  return /^\d+$/.test(key) ? Number(key) : key
}

/** Text as the type of `fallback`, where it can be read so; else as it is, for the check to refuse. */
function fromText(text: string, fallback: unknown): unknown {
  if (typeof fallback === 'number' && /^\d{1,15}$/.test(text)) return Number(text)
  if (typeof fallback === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}
