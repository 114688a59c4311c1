/**
 * The tree over the whole log as it grows. Beside the log, `audit.tree` keeps the root of every complete subtree of 1,024
 * lines, so that neither a restart nor a proof has to read them again. It is a cache and no evidence: who uses it compares
 * the root that follows from it with a signed one, and reads the lines themselves where the two differ.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from '../disk.ts'
import { type Frontier, HASH_BYTES } from './merkle.ts'

/** Lines under each hash of the cache: a power of two. */
export const BLOCK = 1024
const CACHE = 'audit.tree'

export class Tree {
  readonly #frontier: Frontier
  /** Blocks that the file holds; null where those before the frontier are not known, and none can be kept. */
  #saved: number | null
  #unsaved: Buffer[] = []
  #isCut = false

  constructor(frontier: Frontier, saved: number | null) {
    this.#frontier = frontier
    this.#saved = saved
  }

  /** Lines. */
  get size(): number {
    return this.#frontier.size
  }

  root(): Buffer {
    return this.#frontier.root()
  }

  add(leaf: Buffer): void {
    const block = this.#frontier.add(leaf, 1, BLOCK)
    if (block !== null && this.#saved !== null) this.#unsaved.push(block)
  }

  /** Writes what is new to the cache, as it comes: not synced. Rejects with the system's error. */
  async save(dir: string, disk: Disk): Promise<void> {
    if (this.#saved === null || (this.#unsaved.length === 0 && this.#isCut)) return
    const file = await disk.open(join(dir, CACHE), 'new')
    try {
      if (!this.#isCut) await file.truncate(this.#saved * HASH_BYTES)
      this.#isCut = true
      const bytes = Buffer.concat(this.#unsaved)
      if ((await file.write(bytes, this.#saved * HASH_BYTES)) < bytes.length) return
      this.#saved += this.#unsaved.length
      this.#unsaved = []
    } finally {
      await file.close()
    }
  }
}

/** The roots of the first blocks of a log of `lines` lines; null where the cache does not have them all. */
export async function readBlocks(dir: string, lines: number): Promise<Buffer[] | null> {
  const count = Math.floor(lines / BLOCK)
  const path = join(dir, CACHE)
  const bytes = count > 0 && existsSync(path) ? await readFile(path) : Buffer.alloc(0)
  if (bytes.length < count * HASH_BYTES) return null
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES))
}
