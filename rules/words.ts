/**
 * Parts of the rules in the words that people read: in steps, differences and reports.
 */
import type { During, ExceptionEntry } from './model.ts'

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

/** `a`, `a or b`, `a, b or c`. */
export function listed(words: Iterable<string>, conjunction: 'and' | 'or'): string {
  const all = [...words]
  const last = all.pop() ?? 'none'
  return all.length === 0 ? last : `${all.join(', ')} ${conjunction} ${last}`
}

/** `1 record`, `2 records`, `0 records`. */
export function howMany(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** Lines in which each column is as wide as its widest cell. */
export function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const cells of rows)
    for (const [column, cell] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** A list of more than six is cut. */
export function shortened(list: readonly string[]): string {
  return list.length <= 6 ? listed(list, 'and') : listed([...list.slice(0, 5), `${list.length - 5} more`], 'and')
}

/** Whom an exception is for: its prefixes (`10.20.5.0/24`; where they are many, how many), or `segment wifi`. */
export function clientsInWords({ from, segments }: Pick<ExceptionEntry, 'from' | 'segments'>): string {
  if (from !== null)
    return from.length > 6
      ? `${from.length} prefixes`
      : listed(
          from.map(({ text }) => text),
          'and',
        )
  const names = segments ?? []
  return `${names.length === 1 ? 'segment' : 'segments'} ${shortened(names)}`
}

/** `mon-fri 08:00-18:00 Europe/Berlin`. */
export function duringInWords({ days, fromMinute, toMinute, zone }: During): string {
  return `${daysInWords(days)} ${clock(fromMinute)}-${clock(toMinute)} ${zone}`
}

/** `2026-12-31T17:00:00Z`; an instant that no calendar has as its number. */
export function instantInWords(at: number): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString().replace('.000Z', 'Z')
}

function daysInWords(days: number): string {
  const runs: string[] = []
  for (let first = 0; first < 7; first++) {
    if (!isDay(days, first)) continue
    let last = first
    while (isDay(days, last + 1)) last++
    runs.push(last === first ? `${DAYS[first]}` : `${DAYS[first]}-${DAYS[last]}`)
    first = last
  }
  return runs.join(',')
}

function isDay(days: number, day: number): boolean {
  return day < 7 && (days & (1 << day)) !== 0
}

function clock(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`
}
