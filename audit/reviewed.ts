/** How far a log is reviewed, by what its newest records say. */
import { readSegment } from './read.ts'
import { listSegments } from './segment.ts'
import { parseRecord } from './stamp.ts'

const TELLING = [Buffer.from('"action":"sign-off"'), Buffer.from('"action":"checkpoint"')]

/** The last record of an unbroken row of sign-offs; 0: none. Throws ERR_AUDIT_UNREADABLE. */
export async function reviewedThrough(dir: string): Promise<number> {
  for (const segment of (await listSegments(dir)).toReversed()) {
    let reviewed = -1
    for await (const lines of readSegment(segment)) {
      for (const { bytes } of lines) {
        const record = TELLING.some((action) => bytes.includes(action)) ? parseRecord(bytes) : null
        const { from, to, reviewed: told } = record?.landline.facts ?? {}
        if (record?.event.action === 'checkpoint' && typeof told === 'number') reviewed = Math.max(reviewed, told)
        if (record?.event.action === 'sign-off' && Number(from) <= Math.max(reviewed, 0) + 1)
          reviewed = Math.max(reviewed, Number(to))
      }
    }
    if (reviewed >= 0) return reviewed
  }
  return 0
}
