/** `landline audit query DIR`: records by what they say, as a table, JSON or CSV; streams logs of any size. */
import { queryLog } from '../../audit/query.ts'
import type { AuditRecord } from '../../audit/read.ts'
import { COLUMNS, csvLine } from '../../audit/render/csv.ts'
import { visible } from '../../rules/hidden.ts'
import { howMany } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io } from '../io.ts'
import type { Flags } from '../options.ts'
import { withLog } from './files.ts'
import { filterOf, nothingMatched, withoutAlias } from './filter.ts'

export type AuditQueryFlags = Flags<'audit query'> & { readonly dir: string }

/** Columns of the table: those that fit on a wide screen. */
const TABLE: typeof COLUMNS = [...COLUMNS.slice(0, 10), ['says', sayingOf]]
const LEAST_WIDTHS = [24, 16, 14, 8, 15, 12, 32, 5, 20]
/** A pseudonym has 47 characters; a longer host name makes only its own line longer. */
const MOST_WIDTH = 48
/** So many rows wait until the widths are known; the rest streams. */
const MEASURED_ROWS = 100
/** The longest fact that a line of the table quotes, in characters; of a list, so much is quoted. */
const LONGEST_FACT = 120

type Row = readonly (string | number | null)[]

/** Always 0, whatever was found. Throws UsageError. */
export async function auditQuery(flags: AuditQueryFlags, io: Io): Promise<ExitCode> {
  const { dir, csv = false, json = false } = flags
  const filter = await withoutAlias(filterOf(flags, io.now()), io)
  const count: Count = { read: 0, matches: 0, illegible: 0 }
  const found = counted(queryLog(dir, filter), count)
  await withLog(dir, () => (json ? printArray(found, io) : printRows(found, csv, io)))
  const { read, matches, illegible } = count
  if (matches === 0) io.complain(await nothingMatched(`no record of ${read}`, filter))
  if (illegible > 0)
    io.complain(`${howMany(illegible, 'line is no record', 'lines are no records')}: see landline audit verify ${dir}`)
  return EXIT.fine
}

interface Count {
  read: number
  matches: number
  illegible: number
}

async function* counted(batches: ReturnType<typeof queryLog>, count: Count): AsyncGenerator<readonly string[]> {
  for await (const { matches, illegible, read } of batches) {
    count.read += read
    count.matches += matches.length
    count.illegible += illegible
    if (matches.length > 0) yield matches
  }
}

/** One JSON value, an array, whose items are the records' very lines. */
async function printArray(found: AsyncIterable<readonly string[]>, io: Io): Promise<void> {
  let before = '['
  for await (const matches of found) {
    io.print(before + matches.join(',\n'))
    before = ','
    await io.drained?.()
  }
  io.print(before === '[' ? '[]' : ']')
}

async function printRows(found: AsyncIterable<readonly string[]>, isCsv: boolean, io: Io): Promise<void> {
  const columns = isCsv ? COLUMNS : TABLE
  let format = isCsv ? csvLine : null
  let rows: Row[] = [columns.map(([name]) => name)]
  for await (const matches of found) {
    for (const text of matches) {
      const record: AuditRecord = JSON.parse(text)
      rows.push(columns.map(([, value]) => value(record)))
    }
    if (format === null && rows.length <= MEASURED_ROWS) continue
    format ??= tableOf(rows)
    io.print(visible(rows.map(format).join('\n')))
    rows = []
    await io.drained?.()
  }
  if (rows.length > 0) io.print(visible(rows.map(format ?? tableOf(rows)).join('\n')))
}

/** Columns as wide as what the first rows hold: pseudonyms and IPv6 are far longer than most addresses. */
function tableOf(rows: readonly Row[]): (row: Row) => string {
  const widths = LEAST_WIDTHS.map((least, column) => {
    const longest = rows.reduce((most, row) => Math.max(most, textOf(row[column]).length), least)
    return Math.min(longest, MOST_WIDTH)
  })
  return (row) =>
    row
      .map((cell, column) => textOf(cell).padEnd(widths[column] ?? 0))
      .join(' ')
      .trimEnd()
}

function textOf(cell: Row[number] | undefined): string {
  return String(cell ?? '-')
}

/** What a record of the system says, who did it and why: it has no client, service or destination to show. */
function sayingOf({ event, landline }: AuditRecord): string {
  if (landline.segment !== undefined) return ''
  const said = { reason: event.reason, ...landline.facts }
  return Object.entries(said)
    .flatMap(([name, value]) => {
      const text = typeof value === 'object' ? listText(value ?? []) : JSON.stringify(value)
      return text === '' || text.length > LONGEST_FACT ? [] : [`${name}=${text}`]
    })
    .join(' ')
}

/** What changed, or what is wrong: as much of it as fits. */
function listText(texts: readonly string[]): string {
  const whole = texts.join('; ')
  const cutAt = (end: number) => JSON.stringify(end < whole.length ? `${whole.slice(0, end)}…` : whole)
  let end = Math.min(whole.length, LONGEST_FACT)
  while (cutAt(end).length > LONGEST_FACT) end--
  return end === 0 ? '' : cutAt(end)
}
