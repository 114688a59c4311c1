/**
 * Proofs that need nothing but themselves and a checkpoint: that a record is in the log, and that one checkpoint's log is the
 * beginning of another's. Made by reading the log once; where the cache of the tree is sound, only a few lines of it.
 */
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
import { linesFrom } from './seek.ts'
import { type LogSegment, listSegments } from './segment.ts'
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
  for (const blocks of [await readBlocks(dir, size), []]) {
    if (blocks === null) continue
    const proof = await roots(segments, ranges, blocks)
    if (proof !== null && holds(proof)) return proof
  }
  return null
}

/** Null where lines are missing. */
async function roots(
  segments: readonly LogSegment[],
  ranges: readonly Range[],
  blocks: readonly Buffer[],
): Promise<Buffer[] | null> {
  const found: Buffer[] = []
  for (const range of ranges) {
    const root = await rootOf(segments, range, blocks)
    if (root === null) return null
    found.push(root)
  }
  return found
}

/** A range of a proof is a subtree: one that holds a whole block begins with one. */
async function rootOf(
  segments: readonly LogSegment[],
  { from, to }: Range,
  blocks: readonly Buffer[],
): Promise<Buffer | null> {
  const tree = new Frontier()
  if (from % BLOCK === 0) {
    const whole = blocks.slice(from / BLOCK, Math.floor(to / BLOCK))
    for (const block of whole) tree.add(block, BLOCK)
  }
  if (from + tree.size === to) return tree.root()
  for await (const lines of linesFrom(segments, from + tree.size + 1)) {
    for (const { bytes } of lines) {
      tree.add(leafHash(bytes))
      if (from + tree.size === to) return tree.root()
    }
  }
  return null
}
