/**
 * Records that a start of the proxy found behind the last checkpoint, and that are signed since. A crash leaves some; whoever can write
 * the folder can add some. The key says of them that they were there at that start, and nothing of who wrote them: so nothing in them
 * explains what is missing, or hands over to another key.
 */
import type { AuditRecord } from '../read.ts'
import { linesFrom } from '../seek.ts'
import type { LogSegment } from '../segment.ts'
import { parseRecord, readStamp } from '../stamp.ts'

/** Sequence numbers, both ends included. */
export interface AdoptedRange {
  readonly from: number
  readonly through: number
  /** The record that says so. */
  readonly record: number
}

const RECOVERED = Buffer.from('"action":"recovered"')

/** null: the record says of none. */
export function adoptedIn({ event, landline: { facts = {} } }: AuditRecord): AdoptedRange | null {
  const { last_sequence: last, unsigned_records: unsigned } = facts
  if (event.action !== 'recovered' || typeof last !== 'number' || typeof unsigned !== 'number') return null
  const [from, through] = [Math.max(1, last - unsigned + 1), Math.min(last, event.sequence - 1)]
  return from > through ? null : { from, through, record: event.sequence }
}

/** The ranges of a log that is read from its beginning. */
export class Adopted {
  readonly ranges: AdoptedRange[] = []

  /** What a record says; `signed`: so many records are under a checkpoint that is to be trusted, and no longer to be doubted. */
  told(record: AuditRecord, signed: number): AdoptedRange | null {
    const range = adoptedIn(record)
    if (range === null || range.through <= signed) return null
    const doubted = { ...range, from: Math.max(range.from, signed + 1) }
    this.ranges.push(doubted)
    return doubted
  }

  /** The record that found this one unsigned; null: none did. */
  by(sequence: number): number | null {
    return this.ranges.find((range) => isWithin(range, sequence))?.record ?? null
  }
}

/** The same for one record, by looking through those that come after it, up to and with record `through`. */
export async function adopterOf(
  segments: readonly LogSegment[],
  sequence: number,
  through: number,
): Promise<number | null> {
  for await (const lines of linesFrom(segments, sequence + 1)) {
    for (const { bytes } of lines) {
      if ((readStamp(bytes)?.sequence ?? 0) > through) return null
      const record = bytes.includes(RECOVERED) ? parseRecord(bytes) : null
      const range = record?.landline === undefined ? null : adoptedIn(record)
      if (range !== null && isWithin(range, sequence)) return range.record
    }
  }
  return null
}

export function isWithin({ from, through }: AdoptedRange, sequence: number): boolean {
  return sequence >= from && sequence <= through
}
