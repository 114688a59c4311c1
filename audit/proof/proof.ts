/**
 * Proofs that need nothing but themselves and a checkpoint: that a record is in the log, and that one checkpoint's log is the
 * beginning of another's. Made by reading the log once; where the cache of the tree is sound, only a few lines of it.
 */

import { linesFrom } from '../seek.ts'
import { type LogSegment, listSegments } from '../segment.ts'
import { findBase } from './base.ts'
import type { Checkpoint } from './checkpoint.ts'
import {
  consistencyRanges,
  Frontier,
  inclusionRanges,
  leafHash,
  type Range,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts'
import { BLOCK, readBlocks } from './tree.ts'

/** That record `sequence`, with these bytes, is in the log of the checkpoint; null where that is not so, or lines are missing. */
export async function proveInclusion(
  dir: string,
  line: Buffer,
  sequence: number,
  { size, root }: Checkpoint,
): Promise<readonly Buffer[] | null> {
  if (sequence < 1 || sequence > size) return null
  const leaf = leafHash(line)
  const holds = (proof: readonly Buffer[]) => verifyInclusion(leaf, sequence - 1, { size, root }, proof)
  return prove(dir, inclusionRanges(sequence - 1, size), size, holds)
}

/** That the log of the older checkpoint is the beginning of that of the newer one; null where it is not, or lines are missing. */
export async function proveConsistency(
  dir: string,
  older: Checkpoint,
  newer: Checkpoint,
): Promise<readonly Buffer[] | null> {
  if (older.size > newer.size) return null
  const holds = (proof: readonly Buffer[]) => verifyConsistency(older, newer, proof)
  return prove(dir, consistencyRanges(older.size, newer.size), newer.size, holds)
}

/** As c2sp.org/tlog-proof: the index, the hashes, the checkpoint. */
export function formatInclusion(sequence: number, proof: readonly Buffer[], { text }: Checkpoint): string {
  const hashes = proof.map((hash) => `${hash.toString('base64')}\n`).join('')
  return `c2sp.org/tlog-proof@v1\nindex ${sequence - 1}\n${hashes}\n${text}`
}

async function prove(
  dir: string,
  ranges: readonly Range[],
  size: number,
  holds: (proof: readonly Buffer[]) => boolean,
): Promise<readonly Buffer[] | null> {
  const segments = await listSegments(dir)
  const base = await findBase(segments)
  if (base === null) return null
  for (const blocks of [await readBlocks(dir, size), []]) {
    if (blocks === null) continue
    const proof = await roots(ranges, blocks, base.frontier, new Leaves(base.segments, base.frontier.size))
    if (proof !== null && holds(proof)) return proof
  }
  return null
}

/** Null where lines are missing. */
async function roots(
  ranges: readonly Range[],
  blocks: readonly Buffer[],
  purged: Frontier,
  leaves: Leaves,
): Promise<Buffer[] | null> {
  const known = new Map([...subtreesOf(purged)].map((subtree) => [subtree.from, subtree]))
  const found: Buffer[] = []
  for (const { from, to } of ranges) {
    const tree = new Frontier()
    // A range of a proof is a subtree: one that holds a whole block begins with one.
    if (from % BLOCK === 0)
      for (const block of blocks.slice(from / BLOCK, Math.floor(to / BLOCK))) tree.add(block, BLOCK)
    for (let subtree = known.get(from + tree.size); subtree !== undefined; subtree = known.get(from + tree.size)) {
      if (from + tree.size + subtree.leaves > to) break
      tree.add(subtree.hash, subtree.leaves)
    }
    if (from + tree.size < to) for await (const leaf of leaves.between(from + tree.size, to)) tree.add(leaf)
    if (from + tree.size !== to) return null
    found.push(tree.root())
  }
  return found
}

interface Subtree {
  readonly from: number
  readonly leaves: number
  readonly hash: Buffer
}

/** The complete subtrees of a tree, the largest first. */
export function* subtreesOf({ size, hashes }: Frontier): Generator<Subtree> {
  let from = 0
  for (const hash of hashes) {
    let leaves = 1
    while (from + leaves * 2 <= size) leaves *= 2
    yield { from, leaves, hash }
    from += leaves
  }
}

/** The leaves of the lines that are there. */
class Leaves {
  readonly #segments: readonly LogSegment[]
  readonly #first: number
  /** Most ranges of a proof lie in the record's own block, whose lines are then read once. */
  readonly #blocks = new Map<number, readonly Buffer[]>()

  /** `first`: the first leaf that is there. */
  constructor(segments: readonly LogSegment[], first: number) {
    this.#segments = segments
    this.#first = first
  }

  async *between(from: number, to: number): AsyncGenerator<Buffer> {
    if (from < this.#first) return
    const block = Math.floor(from / BLOCK)
    if (to > (block + 1) * BLOCK) return yield* this.#read(from, to)
    const start = Math.max(block * BLOCK, this.#first)
    const known = this.#blocks.get(block) ?? (await Array.fromAsync(this.#read(start, (block + 1) * BLOCK)))
    this.#blocks.set(block, known)
    yield* known.slice(from - start, to - start)
  }

  async *#read(from: number, to: number): AsyncGenerator<Buffer> {
    let at = from
    for await (const lines of linesFrom(this.#segments, from + 1)) {
      for (const { bytes } of lines) {
        if (at++ >= to) return
        yield leafHash(bytes)
      }
    }
  }
}
