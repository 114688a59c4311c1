/**
 * A matrix on paper and in files: text for a terminal, CSV for a spreadsheet, HTML to print and sign.
 */

import type { ExceptionEntry, Segment } from '../model.ts'
import { aligned, clientsInWords, duringInWords, instantInWords } from '../words.ts'
import type { Cell, Column, Matrix, TimedRule } from './matrix.ts'

/** One line for each segment and column, in columns. */
export function matrixText(matrix: Matrix): string {
  const head = ['segment', 'medium', 'service', 'action', 'rule', 'open exceptions']
  const rows = [...rowsOf(matrix)].map(({ segment, column, cell }) => [
    segment.id,
    segment.medium,
    column.label,
    cell.action,
    cell.rule,
    cell.exceptions.join(', ') || '-',
  ])
  const title = `${matrix.name} at ${instantInWords(matrix.at)}, mode ${matrix.mode}, ${matrix.revision}`
  const notes = [...matrix.exceptions.map(exceptionLine), ...matrix.timed.map(timedLine)]
  return `${title}\n\n${aligned([head, ...rows])
    .map((line) => `${line}\n`)
    .join('')}${notes.map((note) => `\n${note}`).join('')}\n`
}

/** One record for each segment and service (RFC 4180, but for LF at the end of lines). No cell is a formula to a spreadsheet. */
export function matrixCSV(matrix: Matrix): string {
  const lines = ['segment,medium,service,action,mode,rule,exceptions']
  for (const { segment, column, cell } of rowsOf(matrix)) {
    for (const service of column.services) {
      const fields = [segment.id, segment.medium, service, cell.action, cell.mode, cell.rule, cell.exceptions.join(' ')]
      lines.push(fields.map(csvCell).join(','))
    }
  }
  return `${lines.join('\n')}\n`
}

/** A page of its own, without scripts or anything loaded; prints on paper, with room to sign. */
export function matrixHTML(matrix: Matrix): string {
  const { name, revision, mode, at, segments, services, cells, exceptions, timed } = matrix
  const head = services.map(
    (column) => `<th scope="col" title="${escaped(column.services.join(', '))}">${escaped(column.label)}</th>`,
  )
  const rows = segments.map((segment, index) => {
    const row = (cells[index] ?? []).map(htmlCell).join('')
    return `<tr><th scope="row">${escaped(segment.id)}<small>${segment.medium}${segment.shared ? ', shared' : ''}</small></th>${row}</tr>`
  })
  const groups = services.filter((column) => column.label !== column.services.join(', ') && column.services.length > 1)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(name)}: segments and services</title>
<style>${STYLE}</style></head><body>
<h1>${escaped(name)}: what each segment may use</h1>
<p>As of ${instantInWords(at)} · mode ${mode} · revision <code>${escaped(revision)}</code></p>
<table><thead><tr><th scope="col">segment</th>${head.join('')}</tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
${htmlList('Open exceptions', exceptions.map(exceptionLine))}
${htmlList('Rules that hold at certain times', timed.map(timedLine))}
${htmlList(
  'Services',
  groups.map((column) => `${column.label}: ${column.services.join(', ')}`),
)}
<p class="sign">Reviewed by <span></span> on <span></span></p>
</body></html>
`
}

/** A field of a CSV record: quoted where it must be, and with an apostrophe before what a spreadsheet would take for a formula. */
export function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

const STYLE = `body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#111}table{border-collapse:collapse}
th,td{border:1px solid #999;padding:.3em .6em;text-align:left;vertical-align:top}thead{display:table-header-group}tr{break-inside:avoid}
small{display:block;font-weight:400;color:#444}.block,.refuse{background:#f6c9c9}.would-block{background:#fbe3c0}.log{background:#fdf3c4}
.except{background:#d8e6fb}.sign{margin-top:4em}.sign span{display:inline-block;width:16em;border-bottom:1px solid #111}
@media print{body{margin:0;-webkit-print-color-adjust:exact;print-color-adjust:exact}}`

function* rowsOf(matrix: Matrix): Generator<{ segment: Segment; column: Column; cell: Cell }> {
  for (const [row, segment] of matrix.segments.entries()) {
    for (const [index, column] of matrix.services.entries()) {
      const cell = matrix.cells[row]?.[index]
      if (cell !== undefined) yield { segment, column, cell }
    }
  }
}

function exceptionLine(entry: ExceptionEntry): string {
  const { id, rules, ticket, approver, expiresAt, reason } = entry
  return `${id}: for ${clientsInWords(entry)}, lifts ${rules.join(', ')} until ${instantInWords(expiresAt)}; ${reason}; ${ticket}, approved by ${approver}`
}

function timedLine({ id, during, holds }: TimedRule): string {
  return `${id}: holds ${duringInWords(during)}, so ${holds ? 'also' : 'not'} at the time of this page`
}

function htmlCell({ action, rule, exceptions }: Cell): string {
  const open = exceptions.length === 0 ? '' : `<small>open: ${escaped(exceptions.join(', '))}</small>`
  return `<td class="${action}">${action}<small>${escaped(rule)}</small>${open}</td>`
}

function htmlList(title: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  return `<h2>${title}</h2><ul>${items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
