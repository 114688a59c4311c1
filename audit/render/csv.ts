/** Records as CSV (RFC 4180), safe to open in a spreadsheet. */
import type { AuditRecord } from '../read.ts'
import { clientOf, type Rendering } from './rendering.ts'

type Cell = string | number | null

/** The columns of a table (the first ten) and of CSV. New ones are added at the end: who reads by place goes on reading. */
export const COLUMNS: readonly (readonly [name: string, value: (record: AuditRecord) => Cell])[] = [
  ['time', (record) => record['@timestamp']],
  ['action', ({ event }) => event.action],
  ['segment', ({ landline }) => landline.segment?.id ?? null],
  ['medium', ({ landline }) => landline.segment?.medium ?? null],
  ['source', clientOf],
  ['service', ({ network }) => network?.application ?? null],
  ['destination', ({ destination }) => destination?.domain ?? destination?.ip ?? null],
  ['port', ({ destination }) => destination?.port ?? null],
  ['rule', ({ rule }) => rule?.id ?? null],
  ['reference', ({ event }) => event.id],
  ['sequence', ({ event }) => event.sequence],
  ['exception', ({ landline }) => landline.exception ?? null],
  ['revision', ({ rule }) => rule?.version ?? null],
  ['reason', ({ event }) => event.reason],
  ['outcome', ({ event }) => event.outcome],
  ['mode', ({ landline }) => landline.mode ?? null],
  ['method', ({ http }) => http?.request.method ?? null],
  ['source_port', ({ source }) => source?.port ?? null],
  ['destination_ip', ({ destination }) => destination?.ip ?? null],
  ['sent_bytes', ({ source }) => source?.bytes ?? null],
  ['received_bytes', ({ destination }) => destination?.bytes ?? null],
  ['duration_ms', ({ event }) => (event.duration === undefined ? null : event.duration / 1e6)],
  ['exchange', ({ landline }) => landline.exchange ?? null],
  ['observer', ({ observer }) => observer.name],
  ['facts', ({ landline }) => jsonOrNull(landline.facts ?? landline.repeat)],
]

/** What a spreadsheet takes for the beginning of a formula, in its full-width forms too. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/
const QUOTED = /[",\r\n]/

/** One line, without its end. An apostrophe keeps text from being taken for a formula; numbers stay numbers. */
export function csvLine(cells: readonly Cell[]): string {
  return cells
    .map((cell) => {
      const text = cell === null ? '' : typeof cell === 'string' && FORMULA.test(cell) ? `'${cell}` : String(cell)
      return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text
    })
    .join(',')
}

export const csvRendering: Rendering = {
  format: 'csv',
  version: 1,
  file: 'records.csv',
  head: `${csvLine(COLUMNS.map(([name]) => name))}\r\n`,
  render: (record) => `${csvLine(COLUMNS.map(([, value]) => value(record)))}\r\n`,
}

function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value)
}
