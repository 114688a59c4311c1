/**
 * Closed segments and tallies become `.jsonl.gz`: written aside, synced, read back and compared before the plain file goes. A crash at
 * any point leaves the records in one whole file at least; the next run goes on from there.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { Disk, DiskFile } from '../disk.ts'
import { AuditError } from '../error.ts'
import { readBytes } from '../read.ts'
import { DAY_MS, endOfDay, type LogSegment, listSegments } from '../segment.ts'
import { listTallies } from '../tallies/file.ts'
import { HOUR_MS } from '../tallies/row.ts'
import { writeAll } from '../writing/tail.ts'
import type { Pace } from './pace.ts'

const UNFINISHED = /^(?:audit|tally)-.*\.jsonl\.gz\.part$/

/** Removes what an interrupted compression left. Rejects with the system's error. */
export async function removeUnfinished(dir: string, disk: Disk): Promise<void> {
  for (const name of await readdir(dir)) if (UNFINISHED.test(name)) await disk.remove(join(dir, name))
}

/** A file that never changes again. */
export type Closed = Pick<LogSegment, 'name' | 'path'>

/** Plain segments and tallies that were closed more than a day ago; the newest of each, which may be open, is never among them. */
export async function compressible(dir: string, now: number): Promise<Closed[]> {
  const segments = (await listSegments(dir)).slice(0, -1).filter(({ startedAt }) => endOfDay(startedAt) + DAY_MS <= now)
  const tallies = (await listTallies(dir)).slice(0, -1).filter(({ startedAt }) => startedAt + HOUR_MS + DAY_MS <= now)
  return [...segments, ...tallies].filter(({ compressed }) => !compressed)
}

/**
 * Puts the compressed file in the place of the plain one. Rejects with the system's error, and with ERR_AUDIT_UNREADABLE where
 * the two do not hold the same: then the plain one stays.
 */
export async function compressSegment(plain: Closed, disk: Disk, pace: Pace): Promise<void> {
  const folder = dirname(plain.path)
  const wanted = await contentHash(plain, false, pace)
  const target = `${plain.path}.gz`
  if (!existsSync(target)) {
    const part = `${target}.part`
    await writeCompressed(plain, part, disk, pace)
    await expectSame(wanted, part, pace)
    await disk.rename(part, target)
    await disk.syncFolder(folder)
  }
  // Also where an earlier run had come as far as this.
  else await expectSame(wanted, target, pace)
  await disk.remove(plain.path)
  await disk.syncFolder(folder)
}

async function writeCompressed(plain: Closed, part: string, disk: Disk, pace: Pace): Promise<void> {
  const file = await disk.open(part, 'new')
  try {
    await file.truncate(0)
    await fill(file, plain, pace)
    await file.datasync()
  } finally {
    await file.close()
  }
}

async function fill(file: DiskFile, plain: Closed, pace: Pace): Promise<void> {
  let position = 0
  // A failure reaches the loop through the stream that it reads.
  for await (const chunk of pipeline(
    readBytes({ ...plain, first: 1, startedAt: 0, compressed: false }),
    createGzip(),
    () => {},
  )) {
    await writeAll(file, chunk, position)
    position += chunk.length
    await pace()
  }
}

async function expectSame(wanted: string, path: string, pace: Pace): Promise<void> {
  const found = await contentHash({ name: basename(path), path }, true, pace)
  if (found === wanted) return
  const message = `${basename(path)} does not hold what the plain file beside it holds: look at both, and move one away`
  throw new AuditError('ERR_AUDIT_UNREADABLE', message)
}

async function contentHash(file: Closed, compressed: boolean, pace: Pace): Promise<string> {
  const hash = createHash('sha256')
  for await (const bytes of readBytes({ ...file, first: 1, startedAt: 0, compressed })) {
    hash.update(bytes)
    await pace()
  }
  return hash.digest('hex')
}
