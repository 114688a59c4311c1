/** `landline audit query`: picks records by what they say. A line is parsed only where its bytes promise a match. */
import type { AuditRecord } from './read.ts'
import { readSegment } from './read.ts'
import { listSegments } from './segment.ts'
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
  readonly action: string | null
  /** What the reference begins with. */
  readonly reference: string | null
  /** Canonical text of an address. */
  readonly source: string | null
}

/** The lines of matching records in their order, in batches, and how many lines were no records. Throws ERR_AUDIT_UNREADABLE. */
export async function* queryLog(
  dir: string,
  filter: Filter,
): AsyncGenerator<{ readonly matches: readonly string[]; readonly illegible: number }> {
  const segments = await listSegments(dir)
  const needles = needlesOf(filter)
  for (const [index, segment] of segments.entries()) {
    // A record is never newer than the reference of a later one; names tell that to the second.
    const next = segments[index + 1]
    if (filter.since !== null && next !== undefined && next.startedAt + 1000 <= filter.since) continue
    for await (const lines of readSegment(segment)) {
      let illegible = 0
      const matches: string[] = []
      for (const { bytes, ended } of lines) {
        if (!ended || !needles.every((needle) => bytes.includes(needle))) continue
        const stamp = readStamp(bytes)
        if (stamp !== null && !isWithin(Date.parse(stamp.time), filter)) continue
        if (stamp !== null && needles.length === 0) {
          matches.push(bytes.toString())
          continue
        }
        const record = stamp === null ? null : parseRecord(bytes)
        if (record === null) illegible++
        else if (fits(record, filter)) matches.push(bytes.toString())
      }
      if (matches.length > 0 || illegible > 0) yield { matches, illegible }
    }
  }
}

function isWithin(time: number, { since, until }: Filter): boolean {
  return (since === null || time >= since) && (until === null || time < until)
}

/** What the line of a match holds, whatever else it does. */
function needlesOf({ segment, medium, service, rule, action, reference, source }: Filter): Buffer[] {
  const given = (before: string, value: string | null) => (value === null ? [] : [`${before}${JSON.stringify(value)}`])
  return [
    ...given('"segment":{"id":', segment),
    ...given('"medium":', medium),
    ...given('"application":', service),
    ...given('"id":', rule),
    ...given('"action":', action),
    ...given('"ip":', source),
    ...(reference === null ? [] : [`"event":{"id":"${reference}`]),
  ].map((text) => Buffer.from(text))
}

function fits(record: AuditRecord, filter: Filter): boolean {
  const { segment, medium, service, rule, action, reference, source } = filter
  return (
    isOr(segment, record.landline.segment?.id) &&
    isOr(medium, record.landline.segment?.medium) &&
    isOr(service, record.network?.application) &&
    isOr(rule, record.rule?.id) &&
    isOr(action, record.event.action) &&
    isOr(source, record.source?.ip) &&
    (reference === null || record.event.id.startsWith(reference))
  )
}

function isOr(wanted: string | null, found: string | null | undefined): boolean {
  return wanted === null || wanted === found
}

/** The columns of a table and of CSV. */
export const COLUMNS: readonly (readonly [name: string, value: (record: AuditRecord) => string | number | null])[] = [
  ['time', (record) => record['@timestamp']],
  ['action', ({ event }) => event.action],
  ['segment', ({ landline }) => landline.segment?.id ?? null],
  ['medium', ({ landline }) => landline.segment?.medium ?? null],
  ['source', ({ source }) => source?.ip ?? null],
  ['service', ({ network }) => network?.application ?? null],
  ['destination', ({ destination }) => destination?.domain ?? destination?.ip ?? null],
  ['port', ({ destination }) => destination?.port ?? null],
  ['rule', ({ rule }) => rule?.id ?? null],
  ['reference', ({ event }) => event.id],
  ['sequence', ({ event }) => event.sequence],
  ['exception', ({ landline }) => landline.exception ?? null],
  ['revision', ({ rule }) => rule?.version ?? null],
  ['reason', ({ event }) => event.reason],
]

/** One line of CSV (RFC 4180). What a spreadsheet would take for a formula is kept from being one by an apostrophe. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return cells
    .map((cell) => {
      const text =
        cell === null ? '' : typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell)
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
    })
    .join(',')
}
