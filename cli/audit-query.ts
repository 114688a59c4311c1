/** `landline audit query DIR`: records by what they say, as a table, JSON or CSV; streams logs of any size. */
import { COLUMNS, csvLine, type Filter, queryLog } from '../audit/query.ts'
import type { AuditRecord } from '../audit/read.ts'
import { parseAddress } from '../rules/address.ts'
import { parseInstant } from '../rules/instant.ts'
import { MEDIA } from '../rules/model.ts'
import { withLog } from './audit-files.ts'
import { EXIT, type ExitCode, type Io, UsageError } from './io.ts'
import type { Flags } from './options.ts'

export type AuditQueryFlags = Flags<'audit query'> & { readonly dir: string }

/** Columns of the table: those that fit on a wide screen. */
const TABLE = COLUMNS.slice(0, 10)
const WIDTHS = [24, 12, 14, 8, 15, 12, 32, 5, 20]

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
  return cells.map((cell, index) => String(cell ?? '-').padEnd(WIDTHS[index] ?? 0)).join(' ')
}

function filterOf(flags: AuditQueryFlags, now: number): Filter {
  const { segment, medium, service, rule, action, ref, source } = flags
  if (medium !== undefined && !MEDIA.some((known) => known === medium))
    throw new UsageError(`--medium ${medium} is none of ${MEDIA.join(', ')}`)
  if (ref !== undefined && !/^[0-9a-f-]{1,36}$/i.test(ref))
    throw new UsageError(`--ref ${ref} is not the beginning of a reference: hexadecimal digits and hyphens`)
  return {
    since: timeOf('since', flags.since, now),
    until: timeOf('until', flags.until, now),
    segment: segment ?? null,
    medium: medium ?? null,
    service: service ?? null,
    rule: rule ?? null,
    action: action ?? null,
    reference: ref?.toLowerCase() ?? null,
    source: addressOf(source),
  }
}

function addressOf(text: string | undefined): string | null {
  if (text === undefined) return null
  const address = parseAddress(text)
  if (address === null) throw new UsageError(`--source ${text} is no address`)
  return address.text
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A time, or how long ago: `90m`, `24h`, `7d`. */
function timeOf(flag: string, text: string | undefined, now: number): number | null {
  if (text === undefined) return null
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return now - Number(count) * (UNIT_MS[unit] ?? 0)
  const time = parseInstant(text)
  if (typeof time === 'string') throw new UsageError(`--${flag}: ${time}`)
  return time
}
