/** A simulation for a terminal. */
import type { Change, Seen, Simulation, Undecidable } from '../rules/change/simulation.ts'
import { aligned, howMany, instantInWords } from '../rules/words.ts'
import { oneLine } from './html.ts'
import { CHANGE_WORDS, endInWords, REASON_WORDS, type SimulationReport, talliesInWords } from './simulation.ts'

/** Rows of one table: what comes after them is rare, and `--json` has it. */
const MOST_ROWS = 50

/** Tables of what changes, and below them what the numbers do not tell. */
export function simulationText({ simulation, rules, against, outside }: SimulationReport): string {
  const { from, to, records, rows, illegible, dir } = against
  const span = from === null || to === null ? 'nothing was found' : `${instantInWords(from)} to ${endInWords(to)}`
  const blocks = [
    `${rules.file}: ${rules.name}, mode ${rules.mode}, ${rules.revision}\nagainst ${dir}: ${span}; ${howMany(records, 'record')}, ${howMany(rows, 'row')} of tallies`,
    totalsText(simulation),
    ...(['newly_blocked', 'newly_allowed', 'changed_rule'] as const).map((kind) =>
      section(
        CHANGE_WORDS[kind],
        simulation.changes.filter(({ change }) => change === kind).map(changeRow),
        CHANGE_HEAD,
      ),
    ),
    section('undecidable', simulation.undecidable.map(undecidableRow), UNDECIDABLE_HEAD),
    reasonsText(simulation.undecidable),
    talliesInWords(simulation),
    `NOT IN THESE NUMBERS\n${outside.map((sentence) => `- ${sentence}`).join('\n')}`,
    illegible === 0
      ? null
      : `${howMany(illegible, 'line is neither a record nor a row', 'lines are neither records nor rows')}: see landline audit verify ${dir}`,
  ]
  return `${blocks.filter((block) => block !== null).join('\n\n')}\n`
}

function totalsText({ totals }: Simulation): string {
  const changed = totals.changed_rule === 0 ? '' : `, of these ${totals.changed_rule} by another rule or action`
  return table([
    ['requests', String(totals.requests)],
    ['newly blocked', String(totals.newly_blocked)],
    ['newly allowed', String(totals.newly_allowed)],
    ['unchanged', `${totals.unchanged}${changed}`],
    ['undecidable', String(totals.undecidable)],
  ])
}

const SEEN_HEAD = ['requests', 'clients', 'first', 'last', 'hosts', 'references']
const CHANGE_HEAD = ['segment', 'medium', 'service', 'before', 'after', ...SEEN_HEAD]
const UNDECIDABLE_HEAD = ['segment', 'medium', 'service', 'before', 'why', ...SEEN_HEAD]

function changeRow({ before, after, ...seen }: Change): string[] {
  return [
    moved(before.segment, after.segment),
    moved(before.medium, after.medium),
    moved(before.service, after.service),
    `${before.action} by ${before.exception ?? before.rule}`,
    `${after.action} by ${after.exception ?? after.rule}`,
    ...seenCells(seen),
  ]
}

function undecidableRow({ before, reason, ...seen }: Undecidable): string[] {
  const { segment, medium, service, action, rule } = before
  return [segment, medium, service, `${action} by ${rule}`, reason, ...seenCells(seen)]
}

/** What changes its place is told with both. */
export function moved(before: string, after: string): string {
  return before === after ? before : `${before} → ${after}`
}

/** How many clients, as far as it is told. */
export function clientsInWords({ clients, clientsAtLeast, tallied, requests }: Seen): string {
  if (tallied === requests) return 'not told'
  return `${clientsAtLeast ? 'at least ' : ''}${clients}${tallied > 0 ? ' and more' : ''}`
}

function seenCells(seen: Seen): string[] {
  const { requests, first, last, hosts, references } = seen
  return [
    String(requests),
    clientsInWords(seen),
    instantInWords(first),
    endInWords(last),
    hosts.slice(0, 2).join(' ') || '-',
    references[0] ?? '-',
  ]
}

function section(title: string, rows: readonly (readonly string[])[], head: readonly string[]): string | null {
  if (rows.length === 0) return null
  const more = rows.length > MOST_ROWS ? `\n… and ${howMany(rows.length - MOST_ROWS, 'more row')}; --json has all` : ''
  return `${title.toUpperCase()}\n${table([head, ...rows.slice(0, MOST_ROWS)])}${more}`
}

function reasonsText(undecidable: Simulation['undecidable']): string | null {
  const reasons = [...new Set(undecidable.map(({ reason }) => reason))]
  if (reasons.length === 0) return null
  return reasons.map((reason) => `${reason}: ${REASON_WORDS[reason]}`).join('\n')
}

function table(rows: readonly (readonly string[])[]): string {
  return aligned(rows.map((row) => row.map(oneLine))).join('\n')
}
