/**
 * The Merkle tree of RFC 6962 §2.1 over the log's lines (without their newlines): its root says what every line is, and a
 * proof of a few hashes says that one line is among them. Memory grows with the logarithm of the log.
 */
import { hash } from 'node:crypto'

export const HASH_BYTES = 32

/** Leaves `from` to `to`, the latter excluded. */
export interface Range {
  readonly from: number
  readonly to: number
}

let leafScratch = Buffer.alloc(64 * 1024)
const nodeScratch = Buffer.alloc(1 + 2 * HASH_BYTES, 1)

/** SHA-256 over a zero byte and the line. */
export function leafHash(line: Uint8Array): Buffer {
  if (line.length >= leafScratch.length) leafScratch = Buffer.alloc(line.length * 2)
  leafScratch.set(line, 1)
  return sha256(leafScratch.subarray(0, line.length + 1))
}

/** SHA-256 over a one byte and the roots of two subtrees that follow each other. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeScratch.set(left, 1)
  nodeScratch.set(right, 1 + HASH_BYTES)
  return sha256(nodeScratch)
}

/** By way of a string: to ask for a buffer costs three times as much (bench/audit.ts). */
function sha256(bytes: Uint8Array | string): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'binary')
}

/** A tree that only grows: of all that it has seen it keeps the roots of its complete subtrees, the largest first. */
export class Frontier {
  readonly #hashes: Buffer[]
  #size: number

  /** Goes on where another left off. Throws a RangeError where the hashes cannot be those of a tree of that size. */
  constructor(size = 0, hashes: readonly Buffer[] = []) {
    const fits = Number.isSafeInteger(size) && size >= 0 && hashes.every(({ length }) => length === HASH_BYTES)
    if (!fits || hashes.length !== completeSubtrees(size))
      throw new RangeError(`${hashes.length} hashes are not those of a tree of ${size} lines`)
    this.#size = size
    this.#hashes = [...hashes]
  }

  /** Leaves so far. */
  get size(): number {
    return this.#size
  }

  get hashes(): readonly Buffer[] {
    return this.#hashes
  }

  /**
   * Appends a leaf, or the root of a complete subtree of `leaves` leaves (a power of two that divides the size). Returns
   * the root of the complete subtree of `wanted` leaves that this ended, or null.
   */
  add(added: Buffer, leaves = 1, wanted = 0): Buffer | null {
    let ended = leaves === wanted ? added : null
    let last = added
    let width = leaves
    for (let count = this.#size / leaves; count % 2 === 1; count = Math.floor(count / 2)) {
      // Never absent: each set bit of the size has its hash.
      last = nodeHash(this.#hashes.pop()!, last)
      width *= 2
      if (width === wanted) ended = last
    }
    this.#hashes.push(last)
    this.#size += leaves
    return ended
  }

  /** The tree of the first `size` leaves, where its subtrees are among those that are kept; else null. */
  beginning(size: number): Frontier | null {
    let left = size
    let count = 0
    let leaves = this.#size
    for (; left > 0 && leaves > 0; count++) {
      const width = 2 ** Math.floor(Math.log2(leaves))
      if (width > left) return null
      left -= width
      leaves -= width
    }
    return left === 0 ? new Frontier(size, this.#hashes.slice(0, count)) : null
  }

  /** Of no leaves at all: the hash of nothing. */
  root(): Buffer {
    const [last, ...before] = this.#hashes.toReversed()
    if (last === undefined) return sha256('')
    return before.reduce((right, left) => nodeHash(left, right), last)
  }
}

function completeSubtrees(size: number): number {
  return size.toString(2).replaceAll('0', '').length
}

/** The subtrees whose roots are the audit path of leaf `index` in a tree of `size` leaves, in the path's order (RFC 6962 §2.1.1). */
export function inclusionRanges(index: number, size: number): Range[] {
  return path(index, { from: 0, to: size })
}

function path(index: number, { from, to }: Range): Range[] {
  if (to - from <= 1) return []
  const middle = from + largestPowerBelow(to - from)
  const [left, right] = [
    { from, to: middle },
    { from: middle, to },
  ]
  return index < middle ? [...path(index, left), right] : [...path(index, right), left]
}

/** The subtrees whose roots prove that the tree of `older` leaves is the beginning of that of `size` (RFC 6962 §2.1.2). */
export function consistencyRanges(older: number, size: number): Range[] {
  return older === 0 ? [] : subproof(older, { from: 0, to: size }, true)
}

function subproof(older: number, { from, to }: Range, known: boolean): Range[] {
  if (older === to) return known ? [] : [{ from, to }]
  const middle = from + largestPowerBelow(to - from)
  const [left, right] = [
    { from, to: middle },
    { from: middle, to },
  ]
  return older <= middle ? [...subproof(older, left, known), right] : [...subproof(older, right, false), left]
}

function largestPowerBelow(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}

/** What is to be proven of a tree, against its root. */
interface Tree {
  readonly size: number
  readonly root: Uint8Array
}

/** Whether the proof shows `leaf` to be leaf `index` of the tree (RFC 9162 §2.1.3.2). */
export function verifyInclusion(leaf: Buffer, index: number, tree: Tree, proof: readonly Buffer[]): boolean {
  if (index < 0 || index >= tree.size) return false
  let at = index
  let last = tree.size - 1
  let root = leaf
  for (const step of proof) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      root = nodeHash(step, root)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else root = nodeHash(root, step)
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return last === 0 && root.equals(tree.root)
}

/** Whether the proof shows the older tree to be the beginning of the newer (RFC 9162 §2.1.4.2). */
export function verifyConsistency(older: Tree, newer: Tree, proof: readonly Buffer[]): boolean {
  if (older.size > newer.size) return false
  if (older.size === newer.size) return proof.length === 0 && Buffer.compare(older.root, newer.root) === 0
  if (older.size === 0) return proof.length === 0 && Buffer.compare(older.root, new Frontier().root()) === 0
  const isComplete = completeSubtrees(older.size) === 1
  const [first, ...steps] = isComplete ? [Buffer.from(older.root), ...proof] : proof
  if (first === undefined) return false
  let at = older.size - 1
  let last = newer.size - 1
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  let olderRoot = first
  let newerRoot = first
  for (const step of steps) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      olderRoot = nodeHash(step, olderRoot)
      newerRoot = nodeHash(step, newerRoot)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else newerRoot = nodeHash(newerRoot, step)
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return last === 0 && olderRoot.equals(older.root) && newerRoot.equals(newer.root)
}
