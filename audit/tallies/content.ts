/** What a tally's file holds, made a piece at a time: the most rows that there can be take a tenth of a second, for which no request is to wait. */
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { TallySeal } from './file.ts'
import { type TallyRow, writeRow } from './row.ts'

/** Less than a millisecond's work. */
const ROWS_AT_ONCE = 200

export interface TallyContent {
  readonly bytes: Buffer
  readonly seal: TallySeal
}

/** Each row as it is when its turn comes; rows may be added meanwhile. `pause` is what lies between two pieces. */
export async function contentOf(
  file: string,
  rows: Iterable<TallyRow>,
  pause: () => Promise<unknown> = setImmediate,
): Promise<TallyContent> {
  const digest = createHash('sha256')
  const pieces: Buffer[] = []
  let [text, count, requests] = ['', 0, 0]
  const cut = () => {
    const piece = Buffer.from(text)
    digest.update(piece)
    pieces.push(piece)
    text = ''
  }
  for (const row of rows) {
    text += writeRow(row)
    requests += row.count
    if (++count % ROWS_AT_ONCE !== 0) continue
    cut()
    await pause()
  }
  cut()
  const bytes = Buffer.concat(pieces)
  return { bytes, seal: { file, rows: count, requests, size: bytes.length, sha256: digest.digest('hex') } }
}
