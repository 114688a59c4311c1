/**
 * What came before the first line that is still there. Whole segments are purged when they are old enough; the record of
 * that (`purge`) keeps the tree over what is gone, so that what is left can still be checked against any checkpoint.
 */

import { type AuditRecord, type LogLine, readSegment } from '../read.ts'
import { NO_PREVIOUS } from '../record.ts'
import type { LogSegment } from '../segment.ts'
import { readStamp } from '../stamp.ts'
import { Frontier } from './merkle.ts'
import { strictBase64 } from './note.ts'

export interface Base {
  /** Of the records that are gone. */
  readonly frontier: Frontier
  /** Hash of the last line that is gone. */
  readonly prev: string
  /** What is left of the log. */
  readonly segments: readonly LogSegment[]
  /** Segments that are purged by the record, and still there: the purge was interrupted, or somebody put them back. */
  readonly leftovers: readonly LogSegment[]
  /** The record that says so, and its line: it counts only under a checkpoint. 0: nothing was purged. */
  readonly sequence: number
  readonly line: Buffer
}

const PURGE = Buffer.from('"action":"purge"')

/**
 * The beginning of a log that is whole, or what the record of a purge says of what is gone: facts `through` (the last purged
 * sequence number), `prev` (base64) and `tree` (base64 each). null: lines are missing that no purge explains.
 */
export async function findBase(segments: readonly LogSegment[]): Promise<Base | null> {
  const first = segments[0]?.first ?? 1
  if (first === 1)
    return { frontier: new Frontier(), prev: NO_PREVIOUS, segments, leftovers: [], sequence: 0, line: Buffer.alloc(0) }
  let interrupted: Base | null = null
  // The last purge was recorded not long ago: from the end it is soon found.
  for (const segment of segments.toReversed()) {
    const found = await purgesIn(segment, segments)
    const done = found.findLast(({ leftovers }) => leftovers.length === 0)
    if (done !== undefined) return done
    interrupted ??= found.at(-1) ?? null
  }
  return interrupted
}

async function purgesIn(segment: LogSegment, segments: readonly LogSegment[]): Promise<Base[]> {
  const found: Base[] = []
  for await (const lines of readSegment(segment)) {
    for (const line of lines) {
      const base = line.bytes.includes(PURGE) ? purged(line, segment, segments) : null
      if (base !== null) found.push(base)
    }
  }
  return found
}

/** Only what stands in its place: anybody can write a line that gives itself the number of a signed record. */
function purged({ bytes, line, ended }: LogLine, { first }: LogSegment, segments: readonly LogSegment[]): Base | null {
  const stamp = ended ? readStamp(bytes) : null
  if (!stamp?.isSystem || stamp.sequence !== first + line - 1) return null
  try {
    const record: AuditRecord = JSON.parse(bytes.toString())
    const { through, prev, tree } = record.landline.facts ?? {}
    const index = segments.findIndex(({ first }) => first - 1 === through)
    if (record.event.action !== 'purge' || index === -1 || !Array.isArray(tree)) return null
    if (record.event.sequence !== stamp.sequence || first <= Number(through)) return null
    const hashes = tree.map((text) => strictBase64(String(text)) ?? Buffer.alloc(0))
    const frontier = new Frontier(Number(through), hashes)
    const [leftovers, rest] = [segments.slice(0, index), segments.slice(index)]
    return { frontier, prev: String(prev), segments: rest, leftovers, sequence: stamp.sequence, line: bytes }
  } catch {
    // Whatever it is, it explains nothing.
    return null
  }
}

/** The facts by which a purge explains itself. */
export function purgeFacts(
  { size, hashes }: Frontier,
  prev: string,
): { readonly through: number; readonly prev: string; readonly tree: readonly string[] } {
  return { through: size, prev, tree: hashes.map((hash) => hash.toString('base64')) }
}
