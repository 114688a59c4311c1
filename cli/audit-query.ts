/** `landline audit query DIR`: records by what they say, as a table, JSON or CSV; streams logs of any size. */
import { type Filter, queryLog } from '../audit/query.ts'
import type { AuditRecord } from '../audit/read.ts'
import { COLUMNS, csvLine } from '../audit/render/csv.ts'
import { withLog } from './audit-files.ts'
import { filterOf } from './audit-filter.ts'
import { EXIT, type ExitCode, type Io } from './io.ts'
import type { Flags } from './options.ts'

export type AuditQueryFlags = Flags<'audit query'> & { readonly dir: string }

/** Columns of the table: those that fit on a wide screen. */
const TABLE: typeof COLUMNS = [...COLUMNS.slice(0, 10), ['says', sayingOf]]
const WIDTHS = [24, 12, 14, 8, 15, 12, 32, 5, 20]
/** The longest fact that a line of the table quotes, in characters. */
const LONGEST_FACT = 120

/** Always 0, whatever was found. Throws UsageError. */
export async function auditQuery(flags: AuditQueryFlags, io: Io): Promise<ExitCode> {
  const { dir, csv = false, json = false } = flags
  const filter = filterOf(flags, io.now())
  const illegible = await withLog(dir, () => (json ? printArray(dir, filter, io) : printRows(dir, filter, csv, io)))
  if (illegible > 0) io.complain(`${illegible} lines are no records: see landline audit verify ${dir}`)
  return EXIT.fine
}

/** One JSON value, an array, whose items are the records' very lines. */
async function printArray(dir: string, filter: Filter, io: Io): Promise<number> {
  let illegible = 0
  let before = '['
  for await (const batch of queryLog(dir, filter)) {
    illegible += batch.illegible
    if (batch.matches.length === 0) continue
    io.print(before + batch.matches.join(',\n'))
    before = ','
    await io.drained?.()
  }
  io.print(before === '[' ? '[]' : ']')
  return illegible
}

async function printRows(dir: string, filter: Filter, isCsv: boolean, io: Io): Promise<number> {
  const columns = isCsv ? COLUMNS : TABLE
  const format = isCsv ? csvLine : tableLine
  let illegible = 0
  io.print(format(columns.map(([name]) => name)))
  for await (const batch of queryLog(dir, filter)) {
    illegible += batch.illegible
    const rows = batch.matches.map((text) => {
      const record: AuditRecord = JSON.parse(text)
      return format(columns.map(([, value]) => value(record)))
    })
    if (rows.length > 0) io.print(rows.join('\n'))
    await io.drained?.()
  }
  return illegible
}

function tableLine(cells: readonly (string | number | null)[]): string {
  return cells
    .map((cell, index) => String(cell ?? '-').padEnd(WIDTHS[index] ?? 0))
    .join(' ')
    .trimEnd()
}

/** What a record of the system says, who did it and why: it has no client, service or destination to show. */
function sayingOf({ event, landline }: AuditRecord): string {
  if (landline.segment !== undefined) return ''
  const said = { reason: event.reason, ...landline.facts }
  return Object.entries(said)
    .flatMap(([name, value]) => {
      const text = typeof value === 'object' ? '' : JSON.stringify(value)
      return text === '' || text.length > LONGEST_FACT ? [] : [`${name}=${text}`]
    })
    .join(' ')
}
