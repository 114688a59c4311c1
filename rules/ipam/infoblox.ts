/** The export of Infoblox: rows of many types, each type with a header row, as in `header-network,address*,netmask*` and `network,10.20.0.0,255.255.0.0`. */
import { parsePrefix, quoted } from '../address.ts'
import type { CsvLine } from '../file/csv.ts'
import type { Prefix } from '../model.ts'
import { startOf } from '../problems.ts'
import { type Columns, cellOf, columnName, countLeft, type Reading } from './reading.ts'

/** Of the types that hold clients, the column that makes up a prefix together with `address`. */
const LENGTH_COLUMNS: ReadonlyMap<string, string> = new Map([
  ['network', 'netmask'],
  ['ipv6network', 'cidr'],
])
const HEADER = 'header-'
const MASK = /^\d{1,3}(?:\.\d{1,3}){3}$/
const EXPORT = 'export the networks with all columns'

/** Takes the networks; rows of other types are left out. */
export function readObjects(lines: readonly CsvLine[], reading: Reading): void {
  const headers = new Map<string, Columns | null>()
  if (!lines.some((line) => typeOf(line).startsWith(HEADER))) {
    const message = 'no header row such as "header-network,address*,netmask*"; export it as Infoblox CSV'
    reading.report(startOf(reading.file), message)
    return
  }
  for (const line of lines) {
    const type = typeOf(line)
    const described = type.startsWith(HEADER) ? type.slice(HEADER.length) : null
    const lengthColumn = LENGTH_COLUMNS.get(described ?? type)
    if (lengthColumn === undefined) {
      if (described === null) countLeft(reading.left, `type ${quoted(type)}`)
    } else if (described !== null)
      headers.set(described, reading.columns(line, { address: EXPORT, [lengthColumn]: EXPORT }))
    else takeNetwork(line, type, lengthColumn, headers.get(type), reading)
  }
}

/** `columns`: null where the header was bad, undefined where there was none. */
function takeNetwork(
  line: CsvLine,
  type: string,
  lengthColumn: string,
  columns: Columns | null | undefined,
  reading: Reading,
): void {
  if (columns === null) return
  if (columns === undefined)
    reading.report(reading.placeOf(line, 0), `no row "header-${type}" comes before this one; export it again, whole`)
  else
    reading.add(line, columns, 'address', () =>
      networkOf(cellOf(line, columns, 'address'), cellOf(line, columns, lengthColumn)),
    )
}

function typeOf({ record }: CsvLine): string {
  return columnName(record[0] ?? '')
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
