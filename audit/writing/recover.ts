/**
 * Where the log ends. After a kill or a power cut its last bytes may be half a line, or blocks that never reached the disk:
 * these were acknowledged to nobody. They are set aside, never thrown away, and never in silence.
 */
import { hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { FILE_MODE, realDisk } from '../disk.ts'
import { type LogLine, readSegment } from '../read.ts'
import { NO_PREVIOUS } from '../record.ts'
import { fileTime, type LogSegment, listSegments } from '../segment.ts'

const NEWLINE = 10
const REFERENCE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** More than one batch of the writer holds: what is torn lies within. */
const WINDOW_BYTES = 4 * 1024 * 1024

export interface LogEnd {
  /** Of the last record; 0 before the first. */
  readonly sequence: number
  /** Its reference; null before the first. */
  readonly reference: string | null
  /** Its `@timestamp`, in milliseconds since 1970; null before the first. */
  readonly at: number | null
  /** Base64 SHA-256 of its line: the `prev` of the next. */
  readonly prev: string
  /** The segment to go on with; null where a new one must be started. */
  readonly segment: { readonly segment: LogSegment; readonly length: number; readonly lastLine: number } | null
  /** What lies behind the last good record. */
  readonly torn: readonly Torn[]
}

/** Bytes at the end of a segment that are no record. */
export interface Torn {
  readonly segment: LogSegment
  readonly from: number
  readonly bytes: number
}

interface LastRecord {
  readonly sequence: number
  readonly reference: string
  readonly at: number
  /** The hash that it names as the line before it, and its own. */
  readonly names: string
  readonly hash: string
  readonly start: number
  /** Where the next line begins. */
  readonly end: number
}

/** Finds the last record that is whole and chained to the one before it. Reads only the ends of files; changes nothing. */
export async function findEnd(dir: string): Promise<LogEnd> {
  const segments = await listSegments(dir)
  const torn: Torn[] = []
  for (const [index, segment] of [...segments.entries()].reverse()) {
    if (segment.compressed) {
      const line = await lastLine(segment)
      const last = line === null ? null : parseRecord(line.bytes, 0, line.bytes.length + 1)
      if (last !== null) return { ...identity(last), segment: null, torn }
      continue
    }
    const { last, size } = await lastGood(segment, () => hashBefore(segments.slice(0, index), segment.first))
    if (last === null) {
      torn.push({ segment, from: 0, bytes: size })
      continue
    }
    if (last.end < size) torn.push({ segment, from: last.end, bytes: size - last.end })
    return { ...identity(last), segment: { segment, length: last.end, lastLine: last.end - last.start }, torn }
  }
  return { sequence: 0, reference: null, at: null, prev: NO_PREVIOUS, segment: null, torn }
}

function identity({
  sequence,
  reference,
  at,
  hash,
}: LastRecord): Pick<LogEnd, 'sequence' | 'reference' | 'at' | 'prev'> {
  return { sequence, reference, at, prev: hash }
}

/** Moves torn bytes into `torn-<time>.bin` beside the log; resolves with the file names. A segment without a record goes. */
export async function setAside(dir: string, torn: readonly Torn[], at: number): Promise<string[]> {
  const names: string[] = []
  for (const { segment, from, bytes } of torn) {
    if (bytes === 0) await unlink(segment.path)
    else names.push(await moveAside(dir, segment, from, bytes, at))
  }
  if (torn.length > 0) await realDisk.syncFolder(dir)
  return names
}

async function moveAside(dir: string, segment: LogSegment, from: number, bytes: number, at: number): Promise<string> {
  let time = at
  while (existsSync(join(dir, tornName(time)))) time++
  const path = join(dir, tornName(time))
  if (from === 0) {
    await rename(segment.path, path)
    return tornName(time)
  }
  await using log = await open(segment.path, 'r+')
  const torn = await readRange(log, from, from + bytes)
  await using aside = await open(path, 'wx', FILE_MODE)
  await aside.writeFile(torn)
  await aside.sync()
  // Only once the copy is safe; a crash in between leaves two copies, not none.
  await realDisk.syncFolder(dir)
  await log.truncate(from)
  await log.sync()
  return tornName(time)
}

function tornName(at: number): string {
  return `torn-${fileTime(at)}.bin`
}

/** `before`: the hash that the segment's first record must name; null where that cannot be known (purged). */
async function lastGood(
  { path, first }: LogSegment,
  before: () => Promise<string | null>,
): Promise<{ last: LastRecord | null; size: number }> {
  await using file = await open(path)
  const { size } = await file.stat()
  for (let window = WINDOW_BYTES; ; window *= 8) {
    const from = Math.max(0, size - window)
    const found = searchBack(await readRange(file, from, size), from === 0)
    if (found === 'further back') continue
    if (found === null) return { last: null, size }
    const last = { ...found, start: found.start + from, end: found.end + from }
    if (last.start > 0) return { last, size }
    const expected = await before()
    const good = last.sequence === first && (expected === null || expected === last.names)
    return { last: good ? last : null, size }
  }
}

/**
 * From the end of `bytes`, the last record that names the hash of the line before it; of the file's first line, that is
 * left to the caller. `whole`: the file begins here.
 */
function searchBack(bytes: Buffer, whole: boolean): LastRecord | 'further back' | null {
  let end = bytes.lastIndexOf(NEWLINE) + 1
  while (end > 0) {
    const start = lineStart(bytes, end)
    const before = lineStart(bytes, start)
    if (before === 0 && !whole) return 'further back'
    const record = parseRecord(bytes, start, end)
    if (record !== null && (start === 0 || sha256(bytes.subarray(before, start - 1)) === record.names)) return record
    end = start
  }
  return whole ? null : 'further back'
}

/** Where the line begins that ends before `end` (which is behind its newline). */
function lineStart(bytes: Buffer, end: number): number {
  return end < 2 ? 0 : bytes.lastIndexOf(NEWLINE, end - 2) + 1
}

function parseRecord(bytes: Buffer, start: number, end: number): LastRecord | null {
  const line = bytes.subarray(start, end - 1)
  const record = parseObject(line)
  const { id, sequence } = member(record, 'event')
  const { prev } = member(record, 'landline')
  if (typeof id !== 'string' || !REFERENCE.test(id) || typeof prev !== 'string') return null
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence)) return null
  const at = Date.parse(String(record['@timestamp']))
  return { sequence, reference: id, at, names: prev, hash: sha256(line), start, end }
}

function parseObject(line: Buffer): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(line.toString()))
  } catch {
    return {}
  }
}

function member(object: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  return asObject(object[name])
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** The hash of the last line before a segment; that of no line at all before record 1; null where the line is gone. */
async function hashBefore(earlier: readonly LogSegment[], first: number): Promise<string | null> {
  for (const segment of earlier.toReversed()) {
    const line = await lastLine(segment)
    if (line !== null) return sha256(line.bytes)
  }
  return first === 1 ? NO_PREVIOUS : null
}

async function lastLine(segment: LogSegment): Promise<LogLine | null> {
  let last: LogLine | null = null
  for await (const lines of readSegment(segment)) last = lines.findLast(({ ended }) => ended) ?? last
  return last
}

async function readRange(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc(to - from)
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, from + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64')
}
