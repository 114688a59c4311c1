/** An export while it is read: its headers, the rows taken, what is left out, and what is wrong. */
import { quoted } from '../address.ts'
import { type CsvLine, type Delimiter, placeOfCell, tooManyCells } from '../file/csv.ts'
import type { Place, Prefix, Problem } from '../model.ts'
import { didYouMean } from '../problems.ts'

export const IPAM_SYSTEMS = ['netbox', 'infoblox', 'csv'] as const
export type IpamSystem = (typeof IPAM_SYSTEMS)[number]

export interface IpamRow {
  readonly prefixes: readonly Prefix[]
  /** What `column` says; empty where it says nothing. */
  readonly kind: string
  /** Of plain CSV, where there is such a column: `wired`, … */
  readonly medium: string | null
  /** Beside the medium: yes or no, and empty for no. */
  readonly shared: string
  readonly description: string
  readonly place: Place
}

export interface IpamExport {
  readonly file: string
  readonly rows: readonly IpamRow[]
  /** Why → how many objects are left out for that. */
  readonly left: ReadonlyMap<string, number>
  readonly problems: readonly Problem[]
}

/** Reasons told apart of why something is left out. */
const MOST_REASONS = 50

/** What one header says of the lines below it. */
export interface Columns {
  readonly byName: ReadonlyMap<string, number>
  readonly width: number
}

/** What has been read so far. */
export class Reading implements IpamExport {
  readonly rows: IpamRow[] = []
  readonly left = new Map<string, number>()
  readonly problems: Problem[] = []
  readonly system: IpamSystem
  readonly file: string
  /** That says the kind. */
  readonly column: string
  readonly #delimiter: Delimiter

  constructor(system: IpamSystem, file: string, column: string, delimiter: Delimiter) {
    this.system = system
    this.file = file
    this.column = column
    this.#delimiter = delimiter
  }

  report(place: Place, message: string): void {
    this.problems.push({ severity: 'error', ...place, message })
  }

  /** A header's columns; null, with the fault reported, where one that is needed is not among them, or one that counts is there twice. */
  columns(header: CsvLine, needed: Readonly<Record<string, string>>): Columns | null {
    const names = header.record.map(columnName)
    const remedies = { ...needed, [this.column]: 'name the column that tells kinds of network apart with --column' }
    const faults = Object.entries(remedies).flatMap(([name, remedy]) => {
      const hint = didYouMean(name, names)
      return names.includes(name) ? [] : [`the header has no column ${quoted(name)}${hint}; ${remedy}`]
    })
    for (const name of new Set([...Object.keys(remedies), 'medium', 'shared'])) {
      if (names.indexOf(name) !== names.lastIndexOf(name))
        faults.push(`column ${quoted(name)} of the header is there twice; drop one of the two`)
    }
    for (const fault of faults) this.report(this.placeOf(header, 0), fault)
    if (faults.length > 0) return null
    return { byName: new Map(names.map((name, index) => [name, index])), width: names.length }
  }

  /** Takes a line whose cell `name` says the prefixes, as `prefixesOf` reads them. */
  add(line: CsvLine, columns: Columns, name: string, prefixesOf: () => readonly Prefix[] | string): void {
    const cell = (name: string) => cellOf(line, columns, name)
    const place = this.placeOf(line, columns.byName.get(name) ?? 0)
    const fault = tooManyCells(line, columns.width)
    const prefixes = fault ?? prefixesOf()
    if (typeof prefixes === 'string') {
      this.report(place, prefixes)
      return
    }
    this.rows.push({
      prefixes,
      kind: cell(this.column),
      medium: this.system === 'csv' && columns.byName.has('medium') ? cell('medium') : null,
      shared: this.system === 'csv' ? cell('shared') : '',
      description: cell('description') || cell('comment'),
      place,
    })
  }

  placeOf(line: CsvLine, index: number): Place {
    return placeOfCell(this.file, line, index, this.#delimiter)
  }
}

/** Adds one to what is left out for that reason; what has too many reasons is counted together. */
export function countLeft(left: Map<string, number>, why: string): void {
  const key = left.has(why) || left.size < MOST_REASONS ? why : 'for other reasons'
  left.set(key, (left.get(key) ?? 0) + 1)
}

/** '' where the line or its header has no such cell. */
export function cellOf({ record }: CsvLine, { byName }: Columns, name: string): string {
  return record[byName.get(name) ?? -1] ?? ''
}

export function columnName(cell: string): string {
  return cell.trim().replace(/\*$/, '').toLowerCase()
}
