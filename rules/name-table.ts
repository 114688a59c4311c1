/**
 * Name → value, longest name wins, at label boundaries. A look-up reads the name once from the right with a rolling hash and
 * probes an open-addressed table at each label, so its cost does not depend on how many names there are.
 * All numbers and names stand in plain typed arrays, so that workers could share them.
 */
import type { NameLookup } from './model.ts'

// `!` on an array element in this file: the index is in range by construction.

export interface NameEntry<V> {
  /** In canonical form (`canonicalHost`). */
  readonly name: string
  /** True: the name and all below it; false: the name alone. */
  readonly below: boolean
  readonly value: V
}

const DOT = 46
/** FNV-1a, over the bytes from the right. */
const HASH_START = 0x811c9dc5
const HASH_PRIME = 0x01000193
/** Spreads the hash over its upper bits, which choose the slot (Knuth's multiplicative hashing). */
const SPREAD = 0x9e3779b1

// A slot is four words, so that a probe touches one cache line.
const HASH = 0
/** Where the name stands in `bytes`: its length in one byte, then the name. */
const NAME = 1
/** The value of the name alone; 0 = none. */
const EXACT = 2
/** The value of the name and all below it; 0 = none. A slot without either is free. */
const BELOW = 3
const SLOT_WORDS = 4

interface NameTableParts<V> {
  /** 2^(32 - shift) slots, half of them free at least. */
  readonly slots: Uint32Array
  readonly bytes: Uint8Array
  readonly shift: number
  /** Labels of the entry that has most. */
  readonly deepest: number
  /** Element 0 is undefined: what a name gets that no entry covers. */
  readonly values: readonly (V | undefined)[]
}

/** Made by `buildNameTable`. */
export class NameTable<V> implements NameLookup<V> {
  readonly parts: NameTableParts<V>

  constructor(parts: NameTableParts<V>) {
    this.parts = parts
  }

  /** The value of the longest entry that covers the canonical name, or undefined. At the name itself, an exact entry comes first. */
  lookup(name: string): V | undefined {
    const { slots, deepest, values } = this.parts
    let found = 0
    let hash = HASH_START
    let labels = 1
    for (let at = name.length - 1; at >= 0; at--) {
      const code = name.charCodeAt(at)
      if (code === DOT) {
        found = slots[find(this.parts, hash, name, at + 1) + BELOW]! || found
        if (++labels > deepest) return values[found]
      }
      hash = Math.imul(hash ^ code, HASH_PRIME)
    }
    const slot = find(this.parts, hash, name, 0)
    return values[slots[slot + EXACT]! || slots[slot + BELOW]! || found]
  }
}

/** The slot of the name that begins at `start` of `text`: its own, or the free one where it would go. */
function find(
  { slots, bytes, shift }: Pick<NameTableParts<unknown>, 'slots' | 'bytes' | 'shift'>,
  hash: number,
  text: string,
  start: number,
): number {
  const wanted = hash >>> 0
  let slot = (Math.imul(hash, SPREAD) >>> shift) * SLOT_WORDS
  while (slots[slot + EXACT] !== 0 || slots[slot + BELOW] !== 0) {
    if (slots[slot + HASH] === wanted && isNameAt(bytes, slots[slot + NAME]!, text, start)) return slot
    slot += SLOT_WORDS
    if (slot === slots.length) slot = 0
  }
  return slot
}

function isNameAt(bytes: Uint8Array, offset: number, text: string, start: number): boolean {
  const length = text.length - start
  if (bytes[offset] !== length) return false
  for (let at = 0; at < length; at++) {
    if (bytes[offset + 1 + at] !== text.charCodeAt(start + at)) return false
  }
  return true
}

/** Builds the table; of two entries with the same name and `below` the later one stands. About 0.1 s for 100,000 names. */
export function buildNameTable<V>(entries: Iterable<NameEntry<V>>): NameTable<V> {
  const list = [...entries]
  const bits = 33 - Math.clz32(list.length) // more than twice as many slots as names
  const slots = new Uint32Array(2 ** bits * SLOT_WORDS)
  const bytes = new Uint8Array(list.reduce((sum, { name }) => sum + name.length + 1, 0))
  const shift = 32 - bits
  const values: (V | undefined)[] = [undefined]
  let deepest = 0
  let end = 0
  for (const { name, below, value } of list) {
    const hash = hashOf(name)
    const slot = find({ slots, bytes, shift }, hash, name, 0)
    if (slots[slot + EXACT] === 0 && slots[slot + BELOW] === 0) {
      slots[slot + HASH] = hash
      slots[slot + NAME] = end
      bytes[end] = name.length
      for (let at = 0; at < name.length; at++) bytes[end + 1 + at] = name.charCodeAt(at)
      end += name.length + 1
    }
    slots[slot + (below ? BELOW : EXACT)] = values.push(value) - 1
    deepest = Math.max(deepest, name.split('.').length)
  }
  return new NameTable({ slots, bytes: bytes.slice(0, end), shift, deepest, values })
}

function hashOf(name: string): number {
  let hash = HASH_START
  for (let at = name.length - 1; at >= 0; at--) hash = Math.imul(hash ^ name.charCodeAt(at), HASH_PRIME)
  return hash
}
