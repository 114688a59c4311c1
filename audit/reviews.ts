/**
 * How far the log is reviewed: up to the last record of an unbroken row of sign-offs. A review of later records that leaves some
 * out counts once these are reviewed together with them. Each record that names a checkpoint carries both numbers as they
 * were at that checkpoint, so that a start need not read the log for them.
 */
import type { RecordedEvent } from './record.ts'
import { linesFrom } from './seek.ts'
import { listSegments } from './segment.ts'
import { parseRecord, readStamp } from './stamp.ts'

/** Of the first `size` records. */
export interface ReviewState {
  /** The last record that is signed off, or purged; 0: none. */
  readonly reviewed: number
  /** Records of traffic behind it; null: not known. */
  readonly unreviewed: number | null
}

export interface ReviewsOptions {
  readonly dir: string
  /** What the log said last, and at which size. */
  readonly start: ReviewState & { readonly size: number }
  /** How many records wait for review. */
  readonly waiting: (records: number) => void
  readonly failed: (error: unknown) => void
}

export class Reviews {
  readonly #options: ReviewsOptions
  #reviewed: number
  /** null while they are counted. */
  #unreviewed: number | null
  /** Since the counting began. */
  #arrived = 0
  #counting: Promise<void> = Promise.resolve()

  constructor(options: ReviewsOptions) {
    this.#options = options
    this.#reviewed = options.start.reviewed
    this.#unreviewed = options.start.unreviewed
  }

  get state(): ReviewState {
    return { reviewed: this.#reviewed, unreviewed: this.#unreviewed }
  }

  /** Catches up with what was recorded behind `start.size`, up to record `last`. */
  async open(last: number): Promise<void> {
    const { dir, start } = this.#options
    for await (const lines of linesFrom(await listSegments(dir), start.size + 1)) {
      for (const { bytes } of lines) {
        const stamp = readStamp(bytes)
        if (stamp !== null && !stamp.isSystem && this.#unreviewed !== null) this.#unreviewed++
        const record = stamp?.isSystem ? parseRecord(bytes) : null
        if (record !== null) this.#move(record.event.action, record.event.outcome, record.landline.facts)
      }
    }
    if (this.#unreviewed === null) this.#count(last)
    else this.#options.waiting(this.#unreviewed)
  }

  /** Record `sequence` is written. */
  wrote(event: RecordedEvent, sequence: number): void {
    if ('verdict' in event || event.action === 'repeat') {
      if (this.#unreviewed === null) this.#arrived++
      else this.#options.waiting(++this.#unreviewed)
    } else if (this.#move(event.action, event.outcome, event.facts)) this.#count(sequence)
  }

  /** Resolves when nothing is being counted. */
  async settled(): Promise<void> {
    await this.#counting
  }

  /** True where it is to be counted anew. */
  #move(action: string, outcome: string, facts: Readonly<Record<string, unknown>> | undefined): boolean {
    const { from, to, through } = facts ?? {}
    const isNext = action === 'sign-off' && Number(from) <= this.#reviewed + 1
    const next = isNext ? Number(to) : action === 'purge' && outcome === 'success' ? Number(through) : 0
    if (!(next > this.#reviewed)) return false
    this.#reviewed = next
    this.#unreviewed = null
    return true
  }

  /** Behind what is reviewed, up to record `last`. */
  #count(last: number): void {
    const from = this.#reviewed + 1
    this.#arrived = 0
    this.#counting = countTraffic(this.#options.dir, from, last).then((count) => {
      if (from !== this.#reviewed + 1) return
      this.#unreviewed = count + this.#arrived
      this.#options.waiting(this.#unreviewed)
    }, this.#options.failed)
  }
}

async function countTraffic(dir: string, from: number, last: number): Promise<number> {
  let count = 0
  for await (const lines of linesFrom(await listSegments(dir), from)) {
    for (const { bytes } of lines) {
      const stamp = readStamp(bytes)
      if (stamp === null || stamp.sequence < from) continue
      if (stamp.sequence > last) return count
      if (!stamp.isSystem) count++
    }
  }
  return count
}
