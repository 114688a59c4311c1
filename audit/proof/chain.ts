/**
 * Follows the chain: each record has the next sequence number and names the hash of the line before it. Where that does not
 * hold, what comes later tells whether a line was edited, taken out, put in or moved.
 */
import { hash } from 'node:crypto'
import type { Place, Problems } from '../problems.ts'
import { type LogSegment, plainName } from '../segment.ts'
import type { Stamp } from '../stamp.ts'
import { referenceTime } from '../uuid.ts'

interface Line {
  readonly place: Place
  readonly sequence: number
  readonly hash: string
}

/** Sequence numbers that are not where they belong; both ends included. */
interface Gap {
  readonly from: number
  readonly to: number
  readonly place: Place
}

/** A gap between two files: the first of them was cut, or others are missing. */
interface FileGap extends Gap {
  readonly before: string
}

/** A log with more gaps is beyond telling moved lines from lost ones. */
const MOST_GAPS = 1000

export class Chain {
  readonly #problems: Problems
  readonly #firsts: ReadonlySet<number>
  /** null: whatever comes next is taken as it is. */
  #expected: number | null
  /** Hash of the line before; null: not known. */
  #prev: string | null
  #last: Line | null = null
  /** Does not name the hash of the line before it: the line after it tells which of the two was edited. */
  #suspect: { readonly before: Line | null; readonly line: Line } | null = null
  /** A line of the same number as the last one: which of the two is genuine, the next one says. */
  #rival: Line | null = null
  /** Lines that are no records, until a record tells whether they stand in the place of some. */
  #illegible: Place[] = []
  #gaps: Gap[] = []
  #fileGaps: FileGap[] = []
  #segment: LogSegment | null = null
  #before: LogSegment | null = null
  #isFileStart = false
  #isOutOfPlace = false
  /** Goes up with each thing that is wrong, also while it is not yet clear what it is. */
  faults: number
  /** Lines that are in no file. */
  missing = 0
  /** The greatest sequence number seen. */
  sequence = 0

  /** `start`: what the first line must follow; null: not known. */
  constructor(
    problems: Problems,
    segments: readonly LogSegment[],
    start: { readonly sequence: number; readonly prev: string } | null,
  ) {
    this.#problems = problems
    this.#firsts = new Set(segments.map(({ first }) => first))
    this.faults = start === null ? 1 : 0
    this.#expected = start === null ? null : start.sequence + 1
    this.#prev = start?.prev ?? null
    this.sequence = start?.sequence ?? 0
  }

  beginSegment(segment: LogSegment): void {
    this.#before = this.#segment
    this.#segment = segment
    this.#isFileStart = true
    if (this.#isOutOfPlace) this.#forget()
    this.#isOutOfPlace = false
  }

  /** The rest of the segment cannot be read. */
  breakOff(): void {
    this.faults++
    this.#forget()
    this.#isOutOfPlace = true
  }

  illegible(place: Place): void {
    this.faults++
    this.#isFileStart = false
    this.#illegible.push(place)
    this.#prev = null
  }

  add(stamp: Stamp, bytes: Buffer, place: Place): void {
    const { sequence } = stamp
    const line = { place, sequence, hash: hash('sha256', bytes, 'base64') }
    if (this.#isFileStart) this.#meetFile(stamp, place)
    this.#isFileStart = false
    if (this.#illegible.length > 0) this.#judgeIllegible(sequence)
    if (this.#expected === null || sequence === this.#expected) this.#follow(stamp, line)
    else if (sequence > this.#expected) this.#skip(line)
    else this.#turnBack(line)
    if (sequence > this.sequence) this.sequence = sequence
  }

  /** A record says which file the open one follows. */
  follows(file: unknown, after: unknown): void {
    const found = this.#fileGaps.find((gap) => plainName(gap.place.file) === file && typeof after === 'string')
    if (found === undefined) return
    this.#fileGaps = this.#fileGaps.filter((gap) => gap !== found)
    this.#tellFileGap(found, after === plainName(found.before))
  }

  /** What nothing that followed has explained. */
  end(): void {
    this.#settle()
    for (const place of this.#illegible) this.#problems.add('edit', place, null, 'is no record', true)
    for (const gap of this.#fileGaps) this.#tellFileGap(gap, false)
    for (const { from, to, place } of this.#gaps)
      this.#problems.add('deletion', place, from, `${records(from, to)} should stand before this line`)
  }

  #forget(): void {
    this.#settle()
    this.#expected = null
    this.#prev = null
  }

  #meetFile({ sequence, id }: Stamp, place: Place): void {
    const segment = this.#segment
    if (segment === null) return
    if (sequence !== segment.first && this.#firsts.has(sequence)) {
      this.faults++
      const what = `is named for record ${segment.first} and begins with record ${sequence}: the content of another file`
      this.#problems.add('swapped-segment', place, sequence, what)
      this.#forget()
      this.#isOutOfPlace = true
      return
    }
    const isNamed = sequence === segment.first && Math.floor(referenceTime(id) / 1000) * 1000 === segment.startedAt
    const isCut = segment.first === this.#expected && sequence > segment.first
    if (!isNamed && !isCut) {
      this.faults++
      this.#problems.add('mismatch', place, sequence, 'its first record is not the one that the file is named for')
    }
    if (this.#expected === null || sequence <= this.#expected || isCut || this.#illegible.length > 0) return
    const before = this.#before?.name ?? ''
    const gap = { from: this.#expected, to: sequence - 1, place, before }
    this.faults++
    this.missing += sequence - this.#expected
    this.#fileGaps.push(gap)
    this.#forget()
  }

  #judgeIllegible(sequence: number): void {
    const count = this.#illegible.length
    const isInPlace = this.#expected !== null && sequence >= this.#expected + count
    for (const [index, place] of this.#illegible.entries()) {
      const at = isInPlace && this.#expected !== null ? this.#expected + index : null
      if (at !== null) this.#problems.add('edit', place, at, 'is no record', true)
      else this.#problems.add('insertion', place, null, 'is no record, and none is missing here', true)
    }
    if (isInPlace && this.#expected !== null) this.#expected += count
    this.#illegible = []
  }

  #follow({ prev }: Stamp, line: Line): void {
    const isChained = this.#prev === null || prev === this.#prev
    if (this.#suspect !== null) {
      this.#tellEdit(isChained ? (this.#suspect.before ?? this.#suspect.line) : this.#suspect.line)
      this.#suspect = null
    } else if (!isChained) this.#breakAt(prev, line)
    this.#tellRival()
    this.#last = line
    this.#prev = line.hash
    this.#expected = line.sequence + 1
  }

  #breakAt(prev: string, line: Line): void {
    this.faults++
    if (this.#rival?.hash === prev && this.#last !== null) {
      this.#rival = this.#last
    } else this.#suspect = { before: this.#last, line }
  }

  #skip(line: Line): void {
    this.faults++
    // Not null: the caller has compared it.
    const from = this.#expected ?? 0
    if (this.#gaps.length < MOST_GAPS) this.#gaps.push({ from, to: line.sequence - 1, place: line.place })
    this.#settle()
    this.#last = line
    this.#prev = line.hash
    this.#expected = line.sequence + 1
  }

  #turnBack(line: Line): void {
    this.faults++
    const { sequence, place } = line
    const gap = this.#gaps.find(({ from, to }) => from <= sequence && sequence <= to)
    if (gap !== undefined) {
      const parts = [
        { ...gap, to: sequence - 1 },
        { ...gap, from: sequence + 1 },
      ].filter(({ from, to }) => from <= to)
      this.#gaps = [...this.#gaps.filter((other) => other !== gap), ...parts]
      this.#problems.add('reordering', place, sequence, `record ${sequence} stands after later ones`, true)
      return
    }
    if (sequence === this.#last?.sequence && this.#rival === null) this.#rival = line
    else this.#problems.add('insertion', place, sequence, `record ${sequence} has been there before`, true)
  }

  #tellRival(): void {
    if (this.#rival === null) return
    const { place, sequence } = this.#rival
    this.#problems.add('insertion', place, sequence, `record ${sequence} is there twice; this one is not chained`)
    this.#rival = null
  }

  #settle(): void {
    if (this.#suspect !== null) this.#tellEdit(this.#suspect.before ?? this.#suspect.line)
    this.#suspect = null
    this.#tellRival()
  }

  #tellEdit({ place, sequence }: Line): void {
    this.#problems.add('edit', place, sequence, `record ${sequence} is not what the record after it was chained to`)
  }

  #tellFileGap({ from, to, place, before }: FileGap, isCut: boolean): void {
    if (isCut) this.#problems.add('deletion', place, from, `${records(from, to)} were cut off the end of ${before}`)
    else
      this.#problems.add(
        'missing-segment',
        place,
        from,
        `${records(from, to)} are missing before this file: a file that is not here, or the end of the one before it`,
      )
  }
}

function records(from: number, to: number): string {
  return from === to ? `record ${from}` : `records ${from} to ${to}`
}
