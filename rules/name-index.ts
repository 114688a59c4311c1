/**
 * Name → the number of its longest name, at label boundaries. A look-up reads the name once from the right with a rolling
 * hash and probes an open-addressed table at each label, so its cost does not depend on how many names there are.
 * Plain data in shared memory: one thread makes it, all look up in it.
 */
import { nameAt, type PackedNames } from './packed.ts'
import { sharedWords } from './shared.ts'
import { HASH_START, hashedOn, hashOf, slotOf } from './text-hash.ts'

// `!` on an array element in this file: the index is in range by construction.

export interface NameEntry {
  /** The place of the name in the packed list; in canonical form (`canonicalHost`). */
  readonly at: number
  /** True: the name and all below it; false: the name alone. */
  readonly below: boolean
  /** A number above 0, below 2^32. */
  readonly owner: number
}

const DOT = 46

// A slot is four words, so that a probe touches one cache line.
const HASH = 0
/** Where the name stands in the packed list's `bytes`. */
const NAME = 1
/** The owner of the name alone; 0 = none. */
const EXACT = 2
/** The owner of the name and all below it; 0 = none. A slot without either is free. */
const BELOW = 3
const SLOT_WORDS = 4

/** Made by `buildNameIndex`. */
export interface NameIndex {
  /** 2^(32 - shift) slots, half of them free at least. */
  readonly slots: Uint32Array
  readonly bytes: Uint8Array
  readonly shift: number
  /** Labels of the entry that has most. */
  readonly deepest: number
}

/**
 * Where in `slots` the longest entry that covers the canonical name has its owner; -1: none does. At the name itself, an exact entry comes
 * first.
 */
export function findName(index: NameIndex, name: string): number {
  const { slots, deepest } = index
  let found = -1
  let hash = HASH_START
  let labels = 1
  for (let at = name.length - 1; at >= 0; at--) {
    const code = name.charCodeAt(at)
    if (code === DOT) {
      const below = find(index, hash, name, at + 1) + BELOW
      if (slots[below] !== 0) found = below
      if (++labels > deepest) return found
    }
    hash = hashedOn(hash, code)
  }
  const slot = find(index, hash, name, 0)
  if (slots[slot + EXACT] !== 0) return slot + EXACT
  return slots[slot + BELOW] !== 0 ? slot + BELOW : found
}

/** The owner of the entry that was found. */
export function ownerAt({ slots }: NameIndex, found: number): number {
  return slots[found]!
}

/** How long the name of the entry is that was found. */
export function lengthAt({ slots, bytes }: NameIndex, found: number): number {
  return bytes[slots[found - (found % SLOT_WORDS) + NAME]!]!
}

/** The slot of the name that begins at `start` of `text`: its own, or the free one where it would go. */
function find({ slots, bytes, shift }: Omit<NameIndex, 'deepest'>, hash: number, text: string, start: number): number {
  const wanted = hash >>> 0
  let slot = slotOf(hash, shift) * SLOT_WORDS
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

/** Of two entries with the same name and `below` the later one stands. */
export function buildNameIndex(names: PackedNames, entries: readonly NameEntry[]): NameIndex {
  const bits = 33 - Math.clz32(entries.length) // more than twice as many slots as names
  const slots = sharedWords(2 ** bits * SLOT_WORDS)
  const { bytes, offsets } = names
  const shift = 32 - bits
  let deepest = 0
  for (const { at, below, owner } of entries) {
    const name = nameAt(names, at)
    const hash = hashOf(name)
    const slot = find({ slots, bytes, shift }, hash, name, 0)
    slots[slot + HASH] = hash
    slots[slot + NAME] = offsets[at]!
    slots[slot + (below ? BELOW : EXACT)] = owner
    deepest = Math.max(deepest, name.split('.').length)
  }
  return { slots, bytes, shift, deepest }
}
