/**
 * What address management systems export → prefixes, each with the word that says what kind of network it is. NetBox: CSV with the
 * columns `prefix` and `status`; Infoblox: CSV in which each type of object has a header row of its own, required columns marked
 * with `*`; else any CSV with a column of prefixes.
 */
import { parse } from 'csv-parse/sync'
import { parsePrefix, parsePrefixes, quoted } from './address.ts'
import type { Place, Prefix, Problem } from './model.ts'
import { didYouMean } from './problems.ts'

export const IPAM_SYSTEMS = ['netbox', 'infoblox', 'csv'] as const
export type IpamSystem = (typeof IPAM_SYSTEMS)[number]

export interface IpamRow {
  readonly prefixes: readonly Prefix[]
  /** What `column` says; empty where it says nothing. */
  readonly kind: string
  /** Of plain CSV, where there is such a column: `wired`, … */
  readonly medium: string | null
  readonly shared: boolean
  readonly description: string
  readonly place: Place
}

export interface IpamExport {
  readonly rows: readonly IpamRow[]
  /** Why → how many objects are left out for that. */
  readonly left: ReadonlyMap<string, number>
  readonly problems: readonly Problem[]
}

/** The column that says what kind of network a prefix is, where nobody names another; null: somebody must. */
export const KIND_COLUMNS: Readonly<Record<IpamSystem, string | null>> = {
  netbox: 'role',
  infoblox: null,
  csv: 'segment',
}

const PREFIX_COLUMNS = ['prefix', 'network', 'cidr', 'subnet']
const YES = /^(?:true|yes|y|1)$/i
const MASK = /^\d{1,3}(?:\.\d{1,3}){3}$/

interface Line {
  readonly cells: readonly string[]
  readonly place: Place
}

/** The rows of an export, in its order. `column`: by any of its spellings, as columns are compared in lower case without `*`. */
export function readIpam(system: IpamSystem, file: string, text: string, column: string): IpamExport {
  const reading = new Reading(system, file, column)
  let lines: readonly Line[] = []
  try {
    lines = linesOf(file, text)
  } catch (error) {
    const line = error instanceof Error && 'lines' in error ? Number(error.lines) : 1
    reading.report({ file, line, column: 1 }, `this is no CSV: ${error instanceof Error ? error.message : error}`)
    return reading
  }
  if (system === 'infoblox') readObjects(lines, reading)
  else readTable(lines, reading)
  return reading
}

class Reading implements IpamExport {
  readonly rows: IpamRow[] = []
  readonly left = new Map<string, number>()
  readonly problems: Problem[] = []
  readonly system: IpamSystem
  readonly file: string
  readonly column: string

  constructor(system: IpamSystem, file: string, column: string) {
    this.system = system
    this.file = file
    this.column = columnName(column)
  }

  report(place: Place, message: string): void {
    this.problems.push({ severity: 'error', ...place, message })
  }

  leave(why: string): void {
    this.left.set(why, (this.left.get(why) ?? 0) + 1)
  }

  /** The header's columns, by name; null, with the fault reported, where one that is needed is not among them. */
  columns(header: readonly string[], needed: readonly string[], place: Place): ReadonlyMap<string, number> | null {
    const columns = new Map(header.map((name, index) => [columnName(name), index] as const).reverse())
    const missing = needed.filter((name) => !columns.has(name))
    for (const name of missing) {
      const hint = didYouMean(name, [...columns.keys()])
      const remedy = name === this.column ? '; name the column that tells kinds of network apart with --column' : ''
      this.report(place, `the header has no column ${quoted(name)}${hint}${remedy}`)
    }
    return missing.length === 0 ? columns : null
  }

  add(line: Line, columns: ReadonlyMap<string, number>, found: readonly Prefix[] | string): void {
    const cell = (name: string) => line.cells[columns.get(name) ?? -1] ?? ''
    if (typeof found === 'string') {
      this.report(line.place, found)
      return
    }
    this.rows.push({
      prefixes: found,
      kind: cell(this.column),
      medium: this.system === 'csv' && columns.has('medium') ? cell('medium') : null,
      shared: this.system === 'csv' && YES.test(cell('shared')),
      description: cell('description') || cell('comment'),
      place: line.place,
    })
  }
}

function linesOf(file: string, text: string): readonly Line[] {
  const options = { bom: true, info: true, trim: true, relax_column_count: true, skip_empty_lines: true } as const
  // The types of csv-parse do not know of what `info` changes.
  const lines = parse(text, options) as unknown as readonly {
    readonly record: readonly string[]
    readonly info: { readonly lines: number }
  }[]
  return lines.map(({ record, info }) => ({ cells: record, place: { file, line: info.lines, column: 1 } }))
}

/** One header, and a prefix in each row. */
function readTable([header, ...lines]: readonly Line[], reading: Reading): void {
  const { system, file, column } = reading
  if (header === undefined) {
    reading.report({ file, line: 1, column: 1 }, 'the file is empty')
    return
  }
  const names = header.cells.map(columnName)
  const prefixColumn =
    system === 'netbox' ? 'prefix' : (PREFIX_COLUMNS.find((name) => names.includes(name)) ?? 'prefix')
  const columns = reading.columns(header.cells, [prefixColumn, column], header.place)
  if (columns === null) return
  for (const line of lines) {
    const cell = (name: string) => line.cells[columns.get(name) ?? -1] ?? ''
    // A container holds other prefixes, and no clients.
    if (system === 'netbox' && cell('status').toLowerCase() === 'container') reading.leave('status container')
    else if (cell(prefixColumn) === '') reading.leave('no prefix')
    else reading.add(line, columns, parsePrefixes(cell(prefixColumn)))
  }
}

/** Rows of many types, each type with a header row: `header-network,address*,netmask*,…`, then `network,10.20.0.0,255.255.0.0,…`. */
function readObjects(lines: readonly Line[], reading: Reading): void {
  const headers = new Map<string, ReadonlyMap<string, number> | null>()
  for (const line of lines) {
    const type = columnName(line.cells[0] ?? '')
    if (type.startsWith('header-')) {
      const needed = NETWORK_COLUMNS[type.slice('header-'.length)]
      const columns = needed === undefined ? null : reading.columns(line.cells, [...needed, reading.column], line.place)
      headers.set(type.slice('header-'.length), columns)
      continue
    }
    const [address = '', length = ''] = NETWORK_COLUMNS[type] ?? []
    const columns = headers.get(type)
    if (address === '') reading.leave(`type ${quoted(type)}`)
    else if (columns === undefined) reading.report(line.place, `no row "header-${type}" comes before this one`)
    else if (columns !== null) {
      const cell = (name: string) => line.cells[columns.get(name) ?? -1] ?? ''
      reading.add(line, columns, networkOf(cell(address), cell(length)))
    }
  }
  if (headers.size === 0)
    reading.report(
      { file: reading.file, line: 1, column: 1 },
      'no header row such as "header-network,address*,netmask*"',
    )
}

/** Of the types that hold clients, the columns that make up the prefix. */
const NETWORK_COLUMNS: Readonly<Record<string, readonly [address: string, length: string]>> = {
  network: ['address', 'netmask'],
  ipv6network: ['address', 'cidr'],
}

function networkOf(address: string, length: string): readonly Prefix[] | string {
  const bits = MASK.test(length) ? maskBits(length) : length.replace(/^\//, '')
  if (bits === null) return `${quoted(length)} is no netmask; its ones come before its zeros`
  const prefix = parsePrefix(`${address}/${bits}`)
  return typeof prefix === 'string' ? prefix : [prefix]
}

function maskBits(mask: string): number | null {
  const octets = mask.split('.').map(Number)
  const bits = octets.map((octet) => octet.toString(2).padStart(8, '0')).join('')
  return octets.every((octet) => octet <= 255) && /^1*0*$/.test(bits) ? bits.replaceAll('0', '').length : null
}

function columnName(cell: string): string {
  return cell.trim().replace(/\*$/, '').toLowerCase()
}
