/** YAML nodes → plain data, and the offset of each value and key; aliases are followed, within bounds. */
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml'
import { quoted } from '../address.ts'
import type { Place } from '../model.ts'
import { formatPlace } from '../problems.ts'

const MAX_DEPTH = 32
const MAX_ALIASED_VALUES = 20_000

export const NO_KEY = 'this cannot be a key; write text as in "version: 1"'

/** Offsets of a value and its key, and of what lies in it. */
export interface Spot {
  readonly key: number
  readonly value: number
  readonly children: ReadonlyMap<string | number, Spot> | null
}

interface Read {
  readonly value: unknown
  readonly spot: Spot
}

/** One reading of one document. Call `read` once, with its contents. */
export class Walk {
  readonly #placeOf: (offset: number) => Place
  readonly #report: (offset: number, message: string) => void
  readonly #anchors = new Map<string, Node>()
  readonly #open = new Set<Node>()
  #aliasDepth = 0
  #aliasedValues = 0

  constructor(placeOf: (offset: number) => Place, report: (offset: number, message: string) => void) {
    this.#placeOf = placeOf
    this.#report = report
  }

  /** What `node` holds. `key` is the offset of the key that names it, or its own. */
  read(node: Node | null, depth: number, key: number): Read {
    const [start, end] = node?.range ?? [key, key]
    const offset = start === end ? key : start // an empty value is shown at its key
    const scalar = (value: unknown): Read => ({ value, spot: { key, value: offset, children: null } })
    if (node === null) return scalar(null)
    if (isAlias(node)) return this.#alias(node.source, depth, key, offset)
    if (node.anchor !== undefined && this.#aliasDepth === 0) this.#anchors.set(node.anchor, node)
    if (this.#aliasDepth > 0) this.#aliasedValues++
    if (isScalar(node)) return scalar(node.value)
    if (depth >= MAX_DEPTH) {
      this.#report(offset, `nested more than ${MAX_DEPTH} deep; rule files need fewer than 10 levels`)
      return scalar(null)
    }
    this.#open.add(node)
    const read = isMap<Node, Node | null>(node)
      ? this.#map(node, depth, key, offset)
      : this.#list(node, depth, key, offset)
    this.#open.delete(node)
    return read
  }

  #map(node: YAMLMap<Node, Node | null>, depth: number, key: number, offset: number): Read {
    const value: Record<string, unknown> = {}
    const children = new Map<string, Spot>()
    for (const pair of node.items) {
      const name = this.#keyOf(pair, offset, children)
      if (name === null) continue
      const child = this.read(pair.value, depth + 1, pair.key.range?.[0] ?? offset)
      value[name] = child.value
      children.set(name, child.spot)
    }
    return { value, spot: { key, value: offset, children } }
  }

  /** The key's text; null, with the reason reported, where it is none or was there before. */
  #keyOf({ key }: Pair<Node, Node | null>, mapOffset: number, seen: ReadonlyMap<string, Spot>): string | null {
    const offset = key.range?.[0] ?? mapOffset
    const name = isScalar(key) ? key.value : null
    const earlier = typeof name === 'string' ? seen.get(name) : undefined
    // As a key of a JavaScript object, this one would not be data.
    if (typeof name !== 'string' || name === '__proto__') {
      this.#report(offset, NO_KEY)
      return null
    }
    if (earlier !== undefined) {
      const first = formatPlace(this.#placeOf(earlier.key))
      this.#report(offset, `key ${quoted(name)} is already at ${first}; keep one of the two`)
      return null
    }
    return name
  }

  #list(node: Node, depth: number, key: number, offset: number): Read {
    const items = isSeq<Node>(node) ? node.items : []
    const read = items.map((item) => this.read(item, depth + 1, item?.range?.[0] ?? offset))
    const children = new Map(read.map(({ spot }, index) => [index, spot]))
    return { value: read.map(({ value }) => value), spot: { key, value: offset, children } }
  }

  #alias(name: string, depth: number, key: number, offset: number): Read {
    const nothing = { value: null, spot: { key, value: offset, children: null } }
    const node = this.#anchors.get(name)
    if (this.#aliasedValues > MAX_ALIASED_VALUES) return nothing // reported when it happened
    if (node === undefined) {
      this.#report(offset, `alias ${quoted(`*${name}`)} has no anchor "&${name}" before it; write the value out`)
      return nothing
    }
    if (this.#open.has(node)) {
      this.#report(offset, `alias ${quoted(`*${name}`)} contains itself; write the value out`)
      return nothing
    }
    this.#aliasDepth++
    const { value, spot } = this.read(node, depth, key)
    this.#aliasDepth--
    if (this.#aliasedValues > MAX_ALIASED_VALUES && this.#aliasDepth === 0) {
      this.#report(offset, `aliases stand for more than ${MAX_ALIASED_VALUES} values; use groups or CSV files`)
    }
    return { value, spot: { ...spot, key, value: offset } }
  }
}
