/**
 * The files of the log: `audit-20261123T091407Z-000000000042.jsonl`, where 42 is the first record's sequence number and
 * the time is its reference's. Names therefore sort as the records do, also by a plain `ls`.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface LogSegment {
  readonly name: string
  readonly path: string
  /** Sequence number of its first record. */
  readonly first: number
  /** Milliseconds since 1970, to the second. */
  readonly startedAt: number
  /** A closed segment may be kept as `.jsonl.gz`. */
  readonly compressed: boolean
}

const NAME = /^audit-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(\d{12,})\.jsonl(\.gz)?$/

export const DAY_MS = 86_400_000

/** When the UTC day of a time is over: each segment holds records of one. */
export function endOfDay(at: number): number {
  return (Math.floor(at / DAY_MS) + 1) * DAY_MS
}

export function segmentName(at: number, first: number): string {
  return `audit-${fileTime(at).slice(0, 15)}Z-${String(first).padStart(12, '0')}.jsonl`
}

/** `20261123T091407123Z`: a time as file names carry it. */
export function fileTime(at: number): string {
  return new Date(at).toISOString().replace(/[-:.]/g, '')
}

/** The segments of a folder in the order of their records. A segment that is there both plain and compressed counts once, plain. */
export async function listSegments(dir: string): Promise<LogSegment[]> {
  const segments = new Map<string, LogSegment>()
  for (const name of await readdir(dir)) {
    const segment = parseSegmentName(dir, name)
    if (segment === null) continue
    const plain = plainName(name)
    if (!segments.get(plain) || !segment.compressed) segments.set(plain, segment)
  }
  return [...segments.values()].sort((a, b) => a.first - b.first || (a.name < b.name ? -1 : 1))
}

/** What the segment was called before it was compressed: records name it so. */
export function plainName(name: string): string {
  return name.replace(/\.gz$/, '')
}

function parseSegmentName(dir: string, name: string): LogSegment | null {
  const parts = NAME.exec(name)
  if (parts === null) return null
  const [year, month, day, hour, minute, second, first] = parts.slice(1).map(Number)
  if (year === undefined || month === undefined || first === undefined) return null
  const startedAt = Date.UTC(year, month - 1, day, hour, minute, second)
  return { name, path: join(dir, name), first, startedAt, compressed: parts[8] !== undefined }
}
