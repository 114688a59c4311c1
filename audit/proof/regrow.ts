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
  /** Where the log is not what was signed: by which checkpoint, and the root of as many lines; null where there are fewer. */
  readonly broken: { readonly signed: Checkpoint; readonly root: string | null } | null
}

/**
 * Reads what came after the last block that the cache has; all of the log where the cache does not lead to the signed roots. `signed`: each
 * counts, as one that another has signed says nothing of ours.
 */
export async function regrow(dir: string, signed: readonly Checkpoint[]): Promise<Regrown> {
  const segments = await listSegments(dir)
  const inOrder = signed.toSorted((a, b) => a.size - b.size)
  const [shortest] = inOrder
  const blocks = shortest === undefined ? null : await readBlocks(dir, shortest.size)
  if (blocks !== null) {
    const frontier = new Frontier()
    for (const block of blocks) frontier.add(block, BLOCK)
    const tree = new Tree(frontier, blocks.length)
    const broken = await grow(tree, linesFrom(segments, tree.size + 1), inOrder)
    if (broken === null) return { tree, broken }
  }
  const base: Base | null = await findBase(segments)
  const tree = new Tree(base?.frontier ?? new Frontier(), base === null || base.frontier.size > 0 ? null : 0)
  return { tree, broken: await grow(tree, linesFrom(base?.segments ?? segments, 1), inOrder) }
}

/** Adds the lines; what the root was at the first of these sizes where it is another one; null: none is. */
async function grow(
  tree: Tree,
  batches: AsyncIterable<readonly LogLine[]>,
  signed: readonly Checkpoint[],
): Promise<Regrown['broken']> {
  let broken: Regrown['broken'] = null
  let left = signed
  const compare = () => {
    for (let next = left[0]; next?.size === tree.size; next = left[0]) {
      const root = tree.root()
      if (!root.equals(next.root)) broken ??= { signed: next, root: root.toString('base64') }
      left = left.slice(1)
    }
  }
  compare()
  for await (const lines of batches) {
    for (const { bytes, ended } of lines) {
      if (!ended) continue
      tree.add(leafHash(bytes))
      compare()
    }
  }
  const [unmet] = left
  return broken ?? (unmet === undefined ? null : { signed: unmet, root: null })
}
