/**
 * What address management systems export → prefixes, each with the word that says what kind of network it is. NetBox: CSV with the
 * columns `prefix` and `status`; Infoblox: CSV in which each type of object has a header row of its own (`infoblox.ts`); else any
 * CSV with a column of prefixes.
 */
import { parsePrefixes } from '../address.ts'
import { type CsvLine, DELIMITERS, type Delimiter, MAX_CSV_LENGTH, readCsv } from '../file/csv.ts'
import type { Prefix } from '../model.ts'
import { startOf } from '../problems.ts'
import { readObjects } from './infoblox.ts'
import { cellOf, columnName, countLeft, type IpamExport, type IpamSystem, Reading } from './reading.ts'

/** The column that says what kind of network a prefix is, where nobody names another; null: somebody must. */
export const KIND_COLUMNS: Readonly<Record<IpamSystem, string | null>> = {
  netbox: 'role',
  infoblox: null,
  csv: 'segment',
}

const PREFIX_COLUMNS = ['prefix', 'network', 'cidr', 'subnet']

/** The rows of an export, in its order. `column`: by any of its spellings, as columns are compared in lower case without `*`. */
export function readIpam(system: IpamSystem, file: string, text: string, column: string): IpamExport {
  const fault = textFault(text)
  const delimiter = delimiterOf(text)
  const reading = new Reading(system, file, columnName(column), delimiter)
  if (fault !== null) {
    reading.report({ file, line: fault.line, column: 1 }, fault.message)
    return reading
  }
  const { lines, problems } = readCsv(file, text, delimiter)
  for (const problem of problems) reading.problems.push(problem)
  const filled = lines.filter(({ record }) => record.some((cell) => cell !== ''))
  if (system === 'infoblox') readObjects(filled, reading)
  else readTable(filled, reading)
  return reading
}

/** Why a text cannot be read at all. */
function textFault(text: string): { readonly line: number; readonly message: string } | null {
  if (text.length > MAX_CSV_LENGTH)
    return { line: 1, message: `the file is longer than ${MAX_CSV_LENGTH} characters; export it in parts` }
  // What is no UTF-8 was replaced: two kinds of network could have become one.
  const at = text.search(/[\0\uFFFD]/)
  if (at < 0) return null
  const line = text.slice(0, at).split(/\r\n?|\n/).length
  return { line, message: 'these bytes are not UTF-8, so what they say is lost; save the file as "CSV UTF-8"' }
}

/** As the first line has it: spreadsheets write semicolons where the comma stands in numbers. */
function delimiterOf(text: string): Delimiter {
  const [line = ''] = /[^\r\n]*\S[^\r\n]*/.exec(text.slice(0, 65_536)) ?? []
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length)
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ','
}

/** One header, and a prefix in each row. */
function readTable([header, ...lines]: readonly CsvLine[], reading: Reading): void {
  const { system, file } = reading
  if (header === undefined) {
    if (reading.problems.length === 0) reading.report(startOf(file), 'the file is empty; export it again')
    return
  }
  const names = header.record.map(columnName)
  const isNetbox = system === 'netbox'
  const prefixColumn = isNetbox ? 'prefix' : (PREFIX_COLUMNS.find((name) => names.includes(name)) ?? 'prefix')
  const columns = reading.columns(header, {
    [prefixColumn]: isNetbox
      ? 'export the prefixes'
      : `name the column of prefixes one of ${PREFIX_COLUMNS.join(', ')}`,
    ...(isNetbox ? { status: 'export it too: it tells containers, which hold no clients' } : {}),
  })
  if (columns === null) return
  for (const line of lines) {
    const isContainer = isNetbox && cellOf(line, columns, 'status').toLowerCase() === 'container'
    if (isContainer) countLeft(reading.left, 'status container')
    else reading.add(line, columns, prefixColumn, () => prefixesIn(cellOf(line, columns, prefixColumn)))
  }
}

function prefixesIn(cell: string): readonly Prefix[] | string {
  return cell === '' ? 'this line has no prefix; write one, or drop the line' : parsePrefixes(cell)
}
