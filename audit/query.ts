/** `landline audit query`: picks records by what they say. A line is parsed only where its bytes promise a match. */
import { isPseudonym } from './pseudonym.ts'
import { type AuditRecord, readSegment } from './read.ts'
import { clientOf } from './render/rendering.ts'
import { type LogSegment, listSegments } from './segment.ts'
import { parseRecord, readStamp } from './stamp.ts'

/** Every condition given must hold; null: not given. */
export interface Filter {
  /** Milliseconds since 1970; from `since` on, before `until`. */
  readonly since: number | null
  readonly until: number | null
  readonly segment: string | null
  readonly medium: string | null
  readonly service: string | null
  readonly rule: string | null
  /** One of them. */
  readonly actions: readonly string[] | null
  /** What the reference begins with. */
  readonly reference: string | null
  /** Canonical text of an address, or a pseudonym. */
  readonly source: string | null
}

/** The lines of matching records in their order, in batches; of how many lines read, and how many were no records. Throws ERR_AUDIT_UNREADABLE. */
export async function* queryLog(
  dir: string,
  filter: Filter,
): AsyncGenerator<{ readonly matches: readonly string[]; readonly illegible: number; readonly read: number }> {
  const segments = await listSegments(dir)
  const judge = matcherOf(filter)
  for (const segment of segments.slice(firstIndexFor(segments, filter))) {
    for await (const lines of readSegment(segment)) {
      let illegible = 0
      const matches: string[] = []
      for (const { bytes, ended } of lines) {
        const found = ended ? judge(bytes) : 'other'
        if (found === 'illegible') illegible++
        if (found === 'match') matches.push(bytes.toString())
      }
      yield { matches, illegible, read: lines.length }
    }
  }
}

/** The first segment that can hold a record of the filter's time: a record is never newer than the reference of a later one. */
export function firstIndexFor(segments: readonly LogSegment[], { since }: Filter): number {
  if (since === null) return 0
  // Names tell the time to the second.
  const index = segments.findIndex((_, at) => (segments[at + 1]?.startedAt ?? Number.POSITIVE_INFINITY) + 1000 > since)
  return Math.max(0, index)
}

/** Judges lines, without their newline. `illegible`: no record, but it holds what is looked for. */
export function matcherOf(filter: Filter): (line: Buffer) => 'match' | 'other' | 'illegible' {
  const needles = needlesOf(filter)
  const isOutside = outsideOf(filter)
  return (line) => {
    if (isOutside(line) || !needles.every((any) => any.some((needle) => line.includes(needle)))) return 'other'
    const stamp = readStamp(line)
    if (stamp === null) return 'illegible'
    if (!isWithin(Date.parse(stamp.time), filter)) return 'other'
    if (needles.length === 0) return 'match'
    const record = parseRecord(line)
    if (record === null) return 'illegible'
    return fits(record, filter) ? 'match' : 'other'
  }
}

const TIME_AT = '{"@timestamp":"'.length
const TIME_LENGTH = '2026-11-23T12:00:00.000Z'.length
/** What lies beyond has more digits, and is told by parsing it. */
const FOUR_DIGITS = [Date.parse('0000-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')] as const

/** By the text of a line's time alone, for most lines of a long log are of another one; false where that does not tell. */
function outsideOf({ since, until }: Filter): (line: Buffer) => boolean {
  const [first, last] = FOUR_DIGITS
  const iso = (at: number | null) => (at === null || at < first || at > last ? null : new Date(at).toISOString())
  const [from, to] = [iso(since), iso(until)]
  if (from === null && to === null) return () => false
  return (line) => {
    const time = line.toString('latin1', TIME_AT, TIME_AT + TIME_LENGTH)
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time)) return false
    return (from !== null && time < from) || (to !== null && time >= to)
  }
}

function isWithin(time: number, { since, until }: Filter): boolean {
  return (since === null || time >= since) && (until === null || time < until)
}

/** What the line of a match holds, whatever else it does: one of each. */
function needlesOf({ segment, medium, service, rule, actions, reference, source }: Filter): Buffer[][] {
  const anyOf = (before: string, values: readonly string[]) =>
    values.map((value) => Buffer.from(`${before}${JSON.stringify(value)}`))
  const given = (before: string, value: string | null) => (value === null ? [] : [anyOf(before, [value])])
  // What most lines do not hold comes first: the others are then not looked for.
  return [
    ...(reference === null ? [] : [[Buffer.from(`"event":{"id":"${reference}`)]]),
    ...given(source !== null && isPseudonym(source) ? '"address":' : '"ip":', source),
    ...given('"id":', rule),
    ...given('"application":', service),
    ...given('"segment":{"id":', segment),
    ...given('"medium":', medium),
    ...(actions === null ? [] : [anyOf('"action":', actions)]),
  ]
}

function fits(record: AuditRecord, filter: Filter): boolean {
  const { segment, medium, service, rule, actions, reference, source } = filter
  return (
    isOr(segment, record.landline.segment?.id) &&
    isOr(medium, record.landline.segment?.medium) &&
    isOr(service, record.network?.application) &&
    isOr(rule, record.rule?.id) &&
    (actions === null || actions.includes(record.event.action)) &&
    isOr(source, clientOf(record)) &&
    (reference === null || record.event.id.startsWith(reference))
  )
}

function isOr(wanted: string | null, found: string | null | undefined): boolean {
  return wanted === null || wanted === found
}
