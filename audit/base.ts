/**
 * What came before the first line that is still there. Whole segments are purged when they are old enough; the record of
 * that (`purge`) keeps the tree over what is gone, so that what is left can still be checked against any checkpoint.
 */
import { Frontier } from './merkle.ts'
import { strictBase64 } from './note.ts'
import { type AuditRecord, readSegment } from './read.ts'
import { NO_PREVIOUS } from './record.ts'
import type { LogSegment } from './segment.ts'

export interface Base {
  /** Of the records that are gone. */
  readonly frontier: Frontier
  /** Hash of the last line that is gone. */
  readonly prev: string
}

const PURGE = Buffer.from('"action":"purge"')

/**
 * The beginning of a log that is whole, or what the record of the purge says of what is gone: facts `through` (the last
 * purged sequence number), `prev` (base64) and `tree` (base64 each). null: lines are missing that no purge explains.
 */
export async function findBase(segments: readonly LogSegment[]): Promise<Base | null> {
  const first = segments[0]?.first ?? 1
  if (first === 1) return { frontier: new Frontier(), prev: NO_PREVIOUS }
  for (const segment of segments) {
    for await (const lines of readSegment(segment)) {
      for (const { bytes } of lines) {
        const base = bytes.includes(PURGE) ? purged(bytes, first - 1) : null
        if (base !== null) return base
      }
    }
  }
  return null
}

function purged(line: Buffer, through: number): Base | null {
  try {
    const record: AuditRecord = JSON.parse(line.toString())
    const { facts } = record.landline
    if (record.event.action !== 'purge' || facts?.through !== through || !Array.isArray(facts.tree)) return null
    const hashes = facts.tree.map((text) => strictBase64(String(text)) ?? Buffer.alloc(0))
    return { frontier: new Frontier(through, hashes), prev: String(facts.prev) }
  } catch {
    // Whatever it is, it explains nothing.
    return null
  }
}
