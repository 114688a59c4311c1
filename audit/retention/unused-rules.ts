/** Archived rules revisions that no record names any more: they go with the last records that did. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { RULES_FOLDER, readLastGood } from '../archive.ts'
import { readBytes } from '../read.ts'
import type { LogSegment } from '../segment.ts'
import type { Pace } from './pace.ts'

const REVISION_FILE = /^([0-9a-f]{64})\.json$/
const HEX_BYTES = 64
/** What is left over goes with the next purge. */
const MOST = 32

/** File names of revisions that were archived before a time, are not the one in force, and stand in none of the segments. */
export async function unusedRules(
  dir: string,
  segments: readonly LogSegment[],
  before: number,
  pace: Pace,
): Promise<string[]> {
  let unused = await archivedBefore(dir, before)
  for (const segment of segments) {
    let end = Buffer.alloc(0)
    if (unused.length === 0) break
    for await (const bytes of readBytes(segment)) {
      // A name may lie across two reads.
      const window = Buffer.concat([end, bytes])
      unused = unused.filter((name) => !window.includes(name.slice(0, HEX_BYTES)))
      end = window.subarray(-HEX_BYTES)
      await pace()
      if (unused.length === 0) break
    }
  }
  return unused
}

async function archivedBefore(dir: string, before: number): Promise<string[]> {
  const folder = join(dir, RULES_FOLDER)
  const names = (await readdir(folder).catch(() => [])).filter((name) => REVISION_FILE.test(name))
  const inForce = `${(await readLastGood(dir))?.revision.slice(-HEX_BYTES)}.json`
  const old: string[] = []
  for (const name of names) {
    if (name !== inForce && (await stat(join(folder, name))).mtimeMs < before) old.push(name)
    if (old.length === MOST) break
  }
  return old
}
