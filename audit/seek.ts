/**
 * Finds a record without reading what comes before it: segments are named for their first record, and inside one both
 * references and sequence numbers grow, so that bisection finds a line. No index is kept.
 */
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { type LogLine, readSegment, type Start } from './read.ts'
import type { LogSegment } from './segment.ts'
import { readStamp, type Stamp } from './stamp.ts'
import { referenceTime } from './uuid.ts'

const NEWLINE = 10
/** Below this, reading on is quicker than bisecting on. */
const NEAR_BYTES = 64 * 1024
/** A line is no longer than this (audit/read.ts). */
const MOST_LINE_BYTES = 1024 * 1024

const BEGINNING: Start = { offset: 0, line: 1 }

/** The whole lines from a sequence number on, told by the segments' names and the lines' places in them. */
export async function* linesFrom(
  segments: readonly LogSegment[],
  sequence: number,
): AsyncGenerator<readonly LogLine[]> {
  const index = Math.max(
    0,
    segments.findLastIndex(({ first }) => first <= sequence),
  )
  for (const segment of segments.slice(index)) {
    const start = segment.first >= sequence ? BEGINNING : await seek(segment, (stamp) => stamp.sequence < sequence)
    for await (const lines of readSegment(segment, start)) {
      const wanted = lines.filter(({ line, ended }) => ended && segment.first + line - 1 >= sequence)
      if (wanted.length > 0) yield wanted
    }
  }
}

/** The sequence number of the record with this reference; null where there is none. */
export async function findSequence(segments: readonly LogSegment[], reference: string): Promise<number | null> {
  const time = referenceTime(reference)
  const second = Math.floor(time / 1000) * 1000
  // Several segments may begin in the same second; the one before them may end in it.
  const last = segments.findLastIndex(({ startedAt }) => startedAt <= time)
  for (let index = last; index >= 0; index--) {
    const segment = segments[index]
    if (segment === undefined) break
    const start = await seek(segment, ({ id }) => id < reference)
    const found = await findIn(segment, reference, start)
    if (found !== null) return found
    if (segment.startedAt < second) break
  }
  return null
}

async function findIn(segment: LogSegment, reference: string, start: Start): Promise<number | null> {
  const wanted = Buffer.from(`"id":"${reference}"`)
  for await (const lines of readSegment(segment, start)) {
    for (const { bytes } of lines) {
      const stamp = bytes.includes(wanted) ? readStamp(bytes) : null
      if (stamp?.id === reference) return stamp.sequence
    }
    const last = lines.at(-1)
    if (last !== undefined && (readStamp(last.bytes)?.id ?? '') > reference) return null
  }
  return null
}

/** The sequence number of the first record from a time on; one more than the last where there is none. Times are those of references. */
export async function findTime(segments: readonly LogSegment[], at: number): Promise<number> {
  let next = segments[0]?.first ?? 1
  // Names tell the time to the second; several segments may begin in the same.
  const from = segments.findLastIndex(({ startedAt }) => startedAt + 1000 <= at)
  for (const segment of segments.slice(Math.max(0, from))) {
    for await (const lines of readSegment(segment, await seek(segment, ({ id }) => referenceTime(id) < at))) {
      for (const { bytes } of lines) {
        const stamp = readStamp(bytes)
        if (stamp === null) continue
        if (referenceTime(stamp.id) >= at) return stamp.sequence
        next = stamp.sequence + 1
      }
    }
  }
  return next
}

/** A place not far before the first line that is not `before` what is wanted; the beginning where lines cannot be read. */
async function seek(segment: LogSegment, before: (stamp: Stamp) => boolean): Promise<Start> {
  if (segment.compressed || !existsSync(segment.path)) return BEGINNING
  await using file = await open(segment.path)
  let from = BEGINNING
  let to = (await file.stat()).size
  const window = Buffer.alloc(MOST_LINE_BYTES)
  while (to - from.offset > NEAR_BYTES) {
    const middle = Math.floor((from.offset + to) / 2)
    let filled = 0
    let start = -1
    let end = -1
    for (let bytes = NEAR_BYTES / 4; end === -1 && bytes <= MOST_LINE_BYTES; bytes *= 4) {
      filled = (await file.read(window, 0, bytes, middle)).bytesRead
      start = window.subarray(0, filled).indexOf(NEWLINE) + 1
      end = start === 0 ? -1 : window.subarray(0, filled).indexOf(NEWLINE, start)
      if (filled < bytes) break
    }
    const stamp = end === -1 ? null : readStamp(window.subarray(start, end))
    if (stamp === null) return end === -1 && middle + filled >= to ? from : BEGINNING
    if (before(stamp)) from = { offset: middle + start, line: stamp.sequence - segment.first + 1 }
    else to = middle
  }
  return from
}
