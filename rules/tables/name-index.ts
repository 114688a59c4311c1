/**
 * Name → the number of its longest name, at label boundaries. A look-up reads the name once from the right with a rolling
 * hash and probes an open-addressed table at each label, until nothing is below: its cost does not depend on how many names there are.
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
  /** A bit for each name that has entries below it; some bits of others are set too. 2^(32 - parentShift) of them. */
  readonly parents: Uint32Array
  readonly parentShift: number
}

/**
 * Where in `slots` the longest entry that covers the canonical name has its owner; -1: none does. At the name itself, an exact entry comes
 * first.
 */
export function findName(index: NameIndex, name: string): number {
  const { slots } = index
  let found = -1
  let hash = HASH_START
  for (let at = name.length - 1; at >= 0; at--) {
    const code = name.charCodeAt(at)
    if (code === DOT) {
      const below = find(index, hash, name, at + 1) + BELOW
      if (slots[below] !== 0) found = below
      if (!mayBeParent(index, hash)) return found
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
function find(
  { slots, bytes, shift }: Pick<NameIndex, 'slots' | 'bytes' | 'shift'>,
  hash: number,
  text: string,
  start: number,
): number {
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

function mayBeParent({ parents, parentShift }: Pick<NameIndex, 'parents' | 'parentShift'>, hash: number): boolean {
  const bit = slotOf(hash, parentShift)
  return (parents[bit >>> 5]! & (1 << (bit & 31))) !== 0
}

/** Of two entries with the same name and `below` the later one stands. */
export function buildNameIndex(names: PackedNames, entries: readonly NameEntry[]): NameIndex {
  const bits = 33 - Math.clz32(entries.length) // more than twice as many slots as names
  const slots = sharedWords(2 ** bits * SLOT_WORDS)
  const { bytes, offsets } = names
  const shift = 32 - bits
  for (const { at, below, owner } of entries) {
    const name = nameAt(names, at)
    const hash = hashOf(name)
    const slot = find({ slots, bytes, shift }, hash, name, 0)
    slots[slot + HASH] = hash
    slots[slot + NAME] = offsets[at]!
    slots[slot + (below ? BELOW : EXACT)] = owner
  }
  return { slots, bytes, shift, ...parentsOf(names, entries) }
}

/** So many bits for each parent at least: of the names that are none, at most one in so many seems to be one. */
const BITS_EACH = 16

function parentsOf(names: PackedNames, entries: readonly NameEntry[]): Pick<NameIndex, 'parents' | 'parentShift'> {
  const hashes = new Set<number>()
  for (const { at } of entries) for (const hash of parentHashes(nameAt(names, at))) hashes.add(hash)
  const bits = 32 - Math.clz32((hashes.size * BITS_EACH) | 31)
  const parents = sharedWords(2 ** (bits - 5))
  const parentShift = 32 - bits
  for (const hash of hashes) {
    const bit = slotOf(hash, parentShift)
    parents[bit >>> 5]! |= 1 << (bit & 31)
  }
  return { parents, parentShift }
}

/** Of `us` and `zoom.us` for `meet.zoom.us`. */
function* parentHashes(name: string): Generator<number> {
  let hash = HASH_START
  for (let at = name.length - 1; at >= 0; at--) {
    const code = name.charCodeAt(at)
    if (code === DOT) yield hash
    hash = hashedOn(hash, code)
  }
}
