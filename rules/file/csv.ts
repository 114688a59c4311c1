/** CSV text (RFC 4180) → its lines, every fault and where each cell stands: the only reader of CSV in Landline. */
import { type CsvError, type Options, parse } from 'csv-parse/sync'
import type { Place, Problem } from '../model.ts'

/** Longest text read, in UTF-16 units: some millions of prefixes. */
export const MAX_CSV_LENGTH = 64 * 1024 * 1024

export const DELIMITERS = [',', ';', '\t'] as const
export type Delimiter = (typeof DELIMITERS)[number]

/** What csv-parse gives for a line with the options `info` and `raw`. */
export interface CsvLine {
  readonly record: readonly string[]
  /** `lines` is the number of the record's last line. */
  readonly info: { readonly lines: number }
  /** The text since the record before: skipped blank lines stand at its front. */
  readonly raw: string
}

/** The lines that can be read, empty ones left out, with any kind of line ends, mixed too; and what is wrong with the others. */
export function readCsv(file: string, text: string, delimiter: Delimiter) {
  const problems: Problem[] = []
  const options: Options = {
    bom: true,
    delimiter,
    info: true,
    raw: true,
    trim: true,
    record_delimiter: '\n',
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      if (error !== undefined)
        problems.push({ severity: 'error', ...placeOfError(file, error), message: quoteFault(error) })
    },
  }
  // The types of csv-parse do not know of what `info` and `raw` change.
  const lines = parse(text.replace(/\r\n?/g, '\n'), options) as unknown as readonly CsvLine[]
  return { lines, problems }
}

/** Where the cell's first character stands. */
export function placeOfCell(file: string, { info, raw }: CsvLine, index: number, delimiter: Delimiter): Place {
  const text = raw.replace(/\n$/, '')
  let at = /^(?:[^\S\n]*\n)*/.exec(text)?.[0].length ?? 0
  let isQuoted = false
  for (let cells = 0; cells < index && at < text.length; at++) {
    if (text[at] === '"') isQuoted = !isQuoted
    else if (text[at] === delimiter && !isQuoted) cells++
  }
  while (text[at] === ' ' || (text[at] === '\t' && delimiter !== '\t')) at++
  const after = text.slice(at).split('\n').length - 1
  return { file, line: Math.max(1, info.lines - after), column: at - text.lastIndexOf('\n', at - 1) }
}

/** What is wrong with a line of more cells than its header, most often for a comma in a text; null where the rest is empty. */
export function tooManyCells({ record }: CsvLine, width: number): string | null {
  if (record.findLastIndex((cell) => cell !== '') < width) return null
  return `this line has ${record.length} cells, the header ${width}; put text with commas in double quotes`
}

function quoteFault({ code }: CsvError): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a double quote is opened here and never closed; close it'
  return 'a double quote stands inside a cell; put the whole cell in quotes and double the quotes within'
}

function placeOfError(file: string, { lines, raw }: CsvError): Place {
  // Both are there on errors in the text, with the option `raw`.
  return placeOfCell(file, { record: [], info: { lines: Number(lines) }, raw: String(raw ?? '') }, 0, ',')
}
