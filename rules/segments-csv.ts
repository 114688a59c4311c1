/** A segment's CSV file, header `prefix[,description]` → its prefixes, each with its place. Descriptions are for readers of the file. */
import { type CsvError, type Options, parse } from 'csv-parse/sync'
import { parsePrefixes, quoted } from './address.ts'
import type { Place, Prefix, Problem } from './model.ts'
import { didYouMean } from './problems.ts'

/** Longest text read, in UTF-16 units: some millions of prefixes. */
export const MAX_CSV_LENGTH = 64 * 1024 * 1024

export interface PlacedPrefix {
  readonly prefix: Prefix
  readonly place: Place
}

export interface SegmentsCsv {
  readonly prefixes: readonly PlacedPrefix[]
  readonly problems: readonly Problem[]
}

/** What csv-parse gives for a line with the options `info` and `raw`. */
interface Line {
  readonly record: readonly string[]
  /** `lines` is the number of the record's last line. */
  readonly info: { readonly lines: number }
  /** The text since the record before: skipped blank lines stand at its front. */
  readonly raw: string
}

const COLUMNS = ['prefix', 'description']
const HEADER = 'write "prefix" or "prefix,description", with commas'

/** The prefixes of one CSV text, a range as the prefixes that make it up; a bad line is reported and the others are read. */
export function readSegmentsCsv(file: string, text: string): SegmentsCsv {
  const problems: Problem[] = []
  const report = (place: Place, message: string) => problems.push({ severity: 'error', ...place, message })
  const start = { file, line: 1, column: 1 }
  if (text.length > MAX_CSV_LENGTH) {
    report(start, `the file has ${text.length} characters, more than ${MAX_CSV_LENGTH}; split it over several segments`)
    return { prefixes: [], problems }
  }
  const lines = linesOf(text, (error) => report(placeOfError(file, error), quoteFault(error)))
  const [header, ...rows] = lines
  if (header === undefined) {
    if (problems.length === 0) report(start, `the file is empty; its first line is the header: ${HEADER}`)
    return { prefixes: [], problems }
  }
  const column = checkHeader(file, header, report)
  if (column < 0) return { prefixes: [], problems }
  const width = header.record.length
  const prefixes = rows.flatMap((row) => {
    const found = prefixesOf(row, column, width)
    const place = placeOfCell(file, row, column)
    if (typeof found !== 'string') return found.map((prefix) => ({ prefix, place }))
    report(place, found)
    return []
  })
  return { prefixes, problems }
}

function linesOf(text: string, onFault: (error: CsvError) => void): readonly Line[] {
  const options: Options = {
    bom: true,
    info: true,
    raw: true,
    trim: true,
    record_delimiter: '\n',
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      if (error !== undefined) onFault(error)
    },
  }
  // The types of csv-parse do not know of what `info` and `raw` change.
  return parse(text.replace(/\r\n?/g, '\n'), options) as unknown as readonly Line[]
}

/** The index of the prefix column; -1, with the fault reported, if there is none. */
function checkHeader(file: string, header: Line, report: (place: Place, message: string) => void): number {
  header.record.forEach((name, index) => {
    if (COLUMNS.includes(name) && header.record.indexOf(name) === index) return
    const suggestion = didYouMean(name, COLUMNS) || `; ${HEADER}`
    const fault = COLUMNS.includes(name) ? 'is there twice' : `is unknown${suggestion}`
    report(placeOfCell(file, header, index), `column ${quoted(name)} of the header ${fault}`)
  })
  const column = header.record.indexOf('prefix')
  if (column < 0 && header.record.every((name) => COLUMNS.includes(name))) {
    report(placeOfCell(file, header, 0), `the header has no column "prefix"; ${HEADER}`)
  }
  return column
}

function prefixesOf({ record }: Line, column: number, width: number): readonly Prefix[] | string {
  if (record.length > width) {
    return `this line has ${record.length} cells, the header ${width}; put text with commas in double quotes`
  }
  const cell = record[column] ?? ''
  return cell === '' ? 'this line has no prefix; write one, or drop the line' : parsePrefixes(cell)
}

function quoteFault({ code }: CsvError): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a double quote is opened here and never closed; close it'
  return 'a double quote stands inside a cell; put the whole cell in quotes and double the quotes within'
}

function placeOfError(file: string, { lines, raw }: CsvError): Place {
  // Both are there on errors in the text, with the option `raw`.
  return placeOfCell(file, { record: [], info: { lines: Number(lines) }, raw: String(raw ?? '') }, 0)
}

/** Where the cell's first character stands. */
function placeOfCell(file: string, { info, raw }: Line, index: number): Place {
  const text = raw.replace(/\n$/, '')
  let at = /^(?:[^\S\n]*\n)*/.exec(text)?.[0].length ?? 0
  let isQuoted = false
  for (let cells = 0; cells < index && at < text.length; at++) {
    if (text[at] === '"') isQuoted = !isQuoted
    else if (text[at] === ',' && !isQuoted) cells++
  }
  while (text[at] === ' ' || text[at] === '\t') at++
  const after = text.slice(at).split('\n').length - 1
  return { file, line: Math.max(1, info.lines - after), column: at - text.lastIndexOf('\n', at - 1) }
}
