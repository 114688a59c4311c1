/** At a start: the tree over what the log holds now, and whether that still is what was signed. */

import type { LogLine } from '../read.ts'
import { linesFrom } from '../seek.ts'
import { listSegments } from '../segment.ts'
import { type Base, findBase } from './base.ts'
import type { Checkpoint } from './checkpoint.ts'
import { Frontier, leafHash } from './merkle.ts'
import { BLOCK, readBlocks, Tree } from './tree.ts'

export interface Regrown {
  readonly tree: Tree
  /** Where the log is not what was signed: the root of as many lines as were, or null where there are fewer. */
  readonly broken: { readonly root: string | null } | null
}

/** Reads what came after the last block that the cache has; all of the log where the cache does not lead to the signed root. */
export async function regrow(dir: string, signed: Checkpoint | null): Promise<Regrown> {
  const segments = await listSegments(dir)
  const blocks = signed === null ? null : await readBlocks(dir, signed.size)
  if (blocks !== null) {
    const frontier = new Frontier()
    for (const block of blocks) frontier.add(block, BLOCK)
    const tree = new Tree(frontier, blocks.length)
    if ((await grow(tree, linesFrom(segments, tree.size + 1), signed))?.matches) return { tree, broken: null }
  }
  const base: Base | null = await findBase(segments)
  const tree = new Tree(base?.frontier ?? new Frontier(), base === null || base.frontier.size > 0 ? null : 0)
  const met = await grow(tree, linesFrom(base?.segments ?? segments, 1), signed)
  return { tree, broken: signed === null || met?.matches ? null : { root: met?.root.toString('base64') ?? null } }
}

/** Adds the lines; what the root was at the signed size, or null where that was not reached. */
async function grow(
  tree: Tree,
  batches: AsyncIterable<readonly LogLine[]>,
  signed: Checkpoint | null,
): Promise<{ readonly matches: boolean; readonly root: Buffer } | null> {
  let met: { matches: boolean; root: Buffer } | null = null
  const compare = () => {
    if (tree.size !== signed?.size) return
    const root = tree.root()
    met = { matches: root.equals(signed.root), root }
  }
  compare()
  for await (const lines of batches) {
    for (const { bytes, ended } of lines) {
      if (!ended) continue
      tree.add(leafHash(bytes))
      compare()
    }
  }
  return met
}
