/**
 * Whether the proxy ran at a time, as far as records tell: from a `start` to a `stop`, or to the last record before a start that
 * found no stop.
 */
import { isLive } from './lock.ts'
import type { LogLine } from './read.ts'
import { linesFrom } from './seek.ts'
import type { LogSegment } from './segment.ts'
import { parseRecord, readStamp, type Stamp } from './stamp.ts'

/** A record, by its time (ISO 8601) and reference. */
export interface Moment {
  readonly time: string
  readonly record: string
}

export type RunState =
  | { readonly kind: 'running' }
  /** From a `stop` to the next `start`; null: none follows. */
  | { readonly kind: 'stopped'; readonly since: Moment; readonly until: Moment | null }
  /** It ended without a stop, at some time after its last record, `since`. */
  | { readonly kind: 'crashed'; readonly since: Moment; readonly until: Moment | null }
  /** The log ends with `since`, and nothing writes it now. */
  | { readonly kind: 'untold'; readonly since: Moment }

/** What ended a run before another began: a `stop`, or a `recovered` that found none. */
export type Ending = { readonly by: 'stop'; readonly at: Moment } | { readonly by: 'crash'; readonly last: number }

const START = Buffer.from('"action":"start"')
const STOP = Buffer.from('"action":"stop"')
const RECOVERED = Buffer.from('"action":"recovered"')
/** What a start may write before it says what it found. */
const FIRST_WORDS = [Buffer.from('"action":"checkpoint"'), Buffer.from('"action":"key-changed"')]

export function isStart({ isSystem }: Stamp, line: Buffer): boolean {
  return isSystem && line.includes(START)
}

/** null: the record ends no run. */
export function endingOf(stamp: Stamp, line: Buffer): Ending | null {
  if (!stamp.isSystem) return null
  if (line.includes(STOP)) return { by: 'stop', at: momentOf(stamp) }
  if (!line.includes(RECOVERED)) return null
  // Those of a running proxy, about a full disk say, name no last record.
  const last = parseRecord(line)?.landline.facts?.last_sequence
  return typeof last === 'number' ? { by: 'crash', last } : null
}

export function momentOf({ time, id }: Stamp): Moment {
  return { time, record: id }
}

/** `last`: the last record up to the time that is asked about; `ending`: what ended the run before it, if no start followed. Throws ERR_AUDIT_UNREADABLE. */
export async function runStateAfter(
  dir: string,
  segments: readonly LogSegment[],
  last: Stamp,
  ending: Ending | null,
): Promise<RunState> {
  let found = ending
  for await (const { line, stamp } of recordsFrom(segments, last.sequence + 1)) {
    if (isStart(stamp, line)) return stateOf(segments, last, found, momentOf(stamp))
    if (found !== null) continue
    if (stamp.isSystem && FIRST_WORDS.some((words) => line.includes(words))) continue
    found = endingOf(stamp, line)
    // A stop too was written by a proxy that ran until then.
    if (found?.by !== 'crash') return { kind: 'running' }
  }
  if (found !== null) return stateOf(segments, last, found, null)
  return isLive(dir) ? { kind: 'running' } : { kind: 'untold', since: momentOf(last) }
}

/** `found` null: a start without any word of what was before. */
async function stateOf(
  segments: readonly LogSegment[],
  last: Stamp,
  found: Ending | null,
  until: Moment | null,
): Promise<RunState> {
  if (found?.by === 'stop') return { kind: 'stopped', since: found.at, until }
  const stamp = found === null ? last : ((await firstFrom(segments, found.last)) ?? last)
  return { kind: 'crashed', since: momentOf(stamp), until }
}

async function firstFrom(segments: readonly LogSegment[], sequence: number): Promise<Stamp | null> {
  for await (const { stamp } of recordsFrom(segments, sequence)) return stamp
  return null
}

async function* recordsFrom(
  segments: readonly LogSegment[],
  sequence: number,
): AsyncGenerator<{ readonly line: Buffer; readonly stamp: Stamp }> {
  for await (const lines of linesFrom(segments, sequence)) yield* stamped(lines)
}

function* stamped(lines: readonly LogLine[]) {
  for (const { bytes: line } of lines) {
    const stamp = readStamp(line)
    if (stamp !== null) yield { line, stamp }
  }
}
