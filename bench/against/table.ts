/** A report as tables: Markdown that is also easy to read as it is. */
import { type Finding, type Line, type Report, standing } from './report.ts'
import type { Summary } from './statistics.ts'

/** Columns padded to the same width; all but the first are figures, to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((text, column) => Math.max(3, ...[text, ...rows.map((row) => row[column] ?? '')].map(width)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, column) => padded(text, widths[column] ?? 0, column > 0)).join(' | ')} |`
  const rule = `| ${widths.map((wide, column) => (column > 0 ? `${'-'.repeat(wide - 1)}:` : '-'.repeat(wide))).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

export function findingsTable(findings: readonly Finding[]): string {
  const rows = findings.map((finding) => [
    finding.measure,
    finding.against,
    `${figure(finding.value.median)}${finding.unit && ` ${finding.unit}`}`,
    spread(finding.value),
    figure(finding.bound),
    figure(finding.goal),
    { goal: 'goal reached', bound: 'within bound', missed: 'missed' }[standing(finding)],
  ])
  return table(['measure', 'against', 'value', 'rounds', 'bound', 'goal', ''], rows)
}

/** One line of the comparison: every contender under one load. */
export function lineTable({ unit, measured }: Line): string {
  const rows = measured.map(({ contender, perCpuSecond, busy, p50, p99, ratio, failures }) => [
    contender,
    figure(perCpuSecond.median),
    spread(perCpuSecond),
    ratio === null ? '1' : figure(ratio.median),
    ratio === null ? '' : spread(ratio),
    `${Math.round(busy * 100)} %`,
    Number.isNaN(p50) ? '' : `${figure(p50)} / ${figure(p99)}`,
    String(failures),
  ])
  const head = [`${unit} per CPU-second`, 'median', 'rounds', 'Landline is', 'rounds', 'busy', 'ms p50 / p99', 'failed']
  return table(head, rows)
}

/** All of it, for a terminal. */
export function reportInWords({ lines, findings, left }: Report): string {
  const tables = lines.map((line) => `${line.title}\n${lineTable(line)}`)
  const remarks = findings.flatMap(({ measure, remark }) => (remark === null ? [] : [`${measure}: ${remark}`]))
  return [...tables, findingsTable(findings), [...new Set(remarks), ...left].join('\n')]
    .filter((part) => part !== '')
    .join('\n\n')
}

export function figure(value: number): string {
  if (Number.isNaN(value)) return '–'
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 10 ? 1 : 2).replace(/\.?0+$/, '')
}

function spread({ least, most, rounds }: Summary): string {
  return rounds < 2 ? '' : `${figure(least)} – ${figure(most)}`
}

function padded(text: string, wide: number, isFigure: boolean): string {
  const space = ' '.repeat(Math.max(0, wide - width(text)))
  return isFigure ? space + text : text + space
}

function width(text: string): number {
  return [...text].length
}
