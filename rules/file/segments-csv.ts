/** A segment's CSV file, header `prefix[,description]` → its prefixes, each with its place. Descriptions are for readers of the file. */
import { parsePrefixes, quoted } from '../address.ts'
import type { Place, Prefix, Problem } from '../model.ts'
import { didYouMean, startOf } from '../problems.ts'
import { type CsvLine, MAX_CSV_LENGTH, placeOfCell, readCsv, tooManyCells } from './csv.ts'

export interface PlacedPrefix {
  readonly prefix: Prefix
  readonly place: Place
}

export interface SegmentsCsv {
  readonly prefixes: readonly PlacedPrefix[]
  readonly problems: readonly Problem[]
}

const COLUMNS = ['prefix', 'description']
const HEADER = 'write "prefix" or "prefix,description", with commas'

/** The prefixes of one CSV text, a range as the prefixes that make it up; a bad line is reported and the others are read. */
export function readSegmentsCsv(file: string, text: string): SegmentsCsv {
  const problems: Problem[] = []
  const report = (place: Place, message: string) => problems.push({ severity: 'error', ...place, message })
  const start = startOf(file)
  if (text.length > MAX_CSV_LENGTH) {
    report(start, `the file has more than ${MAX_CSV_LENGTH} characters; split it over several segments`)
    return { prefixes: [], problems }
  }
  const read = readCsv(file, text, ',')
  for (const problem of read.problems) problems.push(problem)
  const [header, ...rows] = read.lines
  if (header === undefined) {
    if (problems.length === 0) report(start, `the file is empty; its first line is the header: ${HEADER}`)
    return { prefixes: [], problems }
  }
  const column = checkHeader(file, header, report)
  if (column < 0) return { prefixes: [], problems }
  const width = header.record.length
  const prefixes = rows.flatMap((row) => {
    const found = prefixesOf(row, column, width)
    const place = placeOfCell(file, row, column, ',')
    if (typeof found !== 'string') return found.map((prefix) => ({ prefix, place }))
    report(place, found)
    return []
  })
  return { prefixes, problems }
}

/** The index of the prefix column; -1, with the fault reported, if there is none. */
function checkHeader(file: string, header: CsvLine, report: (place: Place, message: string) => void): number {
  header.record.forEach((name, index) => {
    if (COLUMNS.includes(name) && header.record.indexOf(name) === index) return
    const suggestion = didYouMean(name, COLUMNS) || `; ${HEADER}`
    const fault = COLUMNS.includes(name) ? 'is there twice' : `is unknown${suggestion}`
    report(placeOfCell(file, header, index, ','), `column ${quoted(name)} of the header ${fault}`)
  })
  const column = header.record.indexOf('prefix')
  if (column < 0 && header.record.every((name) => COLUMNS.includes(name))) {
    report(placeOfCell(file, header, 0, ','), `the header has no column "prefix"; ${HEADER}`)
  }
  return column
}

function prefixesOf(line: CsvLine, column: number, width: number): readonly Prefix[] | string {
  const fault = tooManyCells(line, width)
  if (fault !== null) return fault
  const cell = line.record[column] ?? ''
  return cell === '' ? 'this line has no prefix; write one, or drop the line' : parsePrefixes(cell)
}
