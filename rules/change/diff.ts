/**
 * Two policies, compared for a reviewer: what was changed, in words, and what that changes in the matrix.
 */

import type { RuleEntry, ServiceEntry } from '../model.ts'
import type { Policy } from '../policy.ts'
import { shortened } from '../words.ts'
import { exceptionInWords, ruleInWords, segmentInWords, serviceInWords, type Words } from './entry-words.ts'
import { type Cell, type Column, cellsAt, columnsOf, NO_SERVICE } from './matrix.ts'

export interface ChangedCell {
  readonly segment: string
  /** Services that neither policy tells apart, with the same change. */
  readonly service: string
  readonly services: readonly string[]
  /** null: there was no such segment or service. */
  readonly before: Cell | null
  readonly after: Cell | null
}

export interface PolicyDiff {
  /** One sentence each, in the order of the rule file. */
  readonly changes: readonly string[]
  readonly cells: readonly ChangedCell[]
}

/** The differences from `before` to `after` as of `at`, in milliseconds since 1970. */
export function diffPolicies(before: Policy, after: Policy, at: number): PolicyDiff {
  return { changes: changesBetween(before, after), cells: diffCells(before, after, at) }
}

/** What was changed, without what that comes to: quick enough for each reload. */
export function changesBetween(before: Policy, after: Policy): readonly string[] {
  return [
    ...diffSettings(before, after),
    ...diffEntries('segment', before.file.segments, after.file.segments, segmentInWords),
    ...diffEntries('service', servicesOf(before), servicesOf(after), serviceInWords),
    ...diffEntries('rule', before.file.rules, after.file.rules, ruleInWords),
    ...diffOrder(before.file.rules, after.file.rules),
    ...diffEntries('exception', before.file.exceptions, after.file.exceptions, exceptionInWords),
  ]
}

/** What stands in a cell, in words: `block by zoom-fixed-only (open: g7-prep)`. */
export function cellInWords(cell: Cell | null): string {
  if (cell === null) return 'not there'
  const open = cell.exceptions.length === 0 ? '' : ` (open: ${cell.exceptions.join(', ')})`
  return `${cell.action} by ${cell.rule}${open}`
}

function diffSettings(before: Policy, after: Policy): readonly string[] {
  const settings = ({ mode, file }: Policy): Words => ({
    name: file.name,
    unknown_clients: file.unknownClients,
    mode,
    otherwise: file.otherwise,
    ip_literals: file.ipLiterals,
  })
  return changedWords(settings(before), settings(after))
}

function servicesOf({ services }: Policy): readonly ServiceEntry[] {
  return [...services.values()].map(({ entry }) => entry)
}

function diffEntries<T extends { readonly id: string }>(
  kind: string,
  before: readonly T[],
  after: readonly T[],
  inWords: (entry: T) => Words,
): readonly string[] {
  const old = new Map(before.map((entry) => [entry.id, entry]))
  const now = new Map(after.map((entry) => [entry.id, entry]))
  const removed = before
    .filter(({ id }) => !now.has(id))
    .map((entry) => `${kind} ${entry.id}: removed (${brief(inWords(entry))})`)
  const others = after.flatMap((entry) => {
    const earlier = old.get(entry.id)
    if (earlier === undefined) return [`${kind} ${entry.id}: added (${brief(inWords(entry))})`]
    return changedWords(inWords(earlier), inWords(entry)).map((change) => `${kind} ${entry.id}: ${change}`)
  })
  return [...removed, ...others]
}

function changedWords(before: Words, after: Words): readonly string[] {
  return Object.keys(after).flatMap((property) => {
    const old = before[property] ?? ''
    const now = after[property] ?? ''
    if (typeof old === 'string' || typeof now === 'string') {
      return old === now ? [] : [`${property} ${old || '(none)'} → ${now || '(none)'}`]
    }
    return [...changedMembers(property, 'added', now, old), ...changedMembers(property, 'removed', old, now)]
  })
}

function changedMembers(property: string, verb: string, some: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others)
  const changed = some.filter((member) => !known.has(member))
  return changed.length === 0 ? [] : [`${property} ${verb}: ${shortened(changed)}`]
}

function brief(words: Words): string {
  const parts = Object.entries(words).filter(([, value]) => value.length > 0)
  return parts
    .map(([property, value]) => `${property} ${typeof value === 'string' ? value : shortened(value)}`)
    .join('; ')
}

/** The rules that changed places among those in both files: the fewest that, moved, make one order the other. */
function diffOrder(before: readonly RuleEntry[], after: readonly RuleEntry[]): readonly string[] {
  const places = new Map(before.map(({ id }, place) => [id, place]))
  const common = after.map(({ id }) => id).filter((id) => places.has(id))
  const kept = new Set(longestAscending(common, (id) => places.get(id) ?? 0))
  return common.flatMap((id, place) => {
    if (kept.has(id)) return []
    const next = common[place + 1]
    return [`rule ${id}: moved, now tried ${next === undefined ? 'last' : `before ${next}`}`]
  })
}

/** A longest subsequence with ascending keys (patience sorting). */
function longestAscending(items: readonly string[], keyOf: (item: string) => number): readonly string[] {
  interface Link {
    readonly item: string
    readonly before: Link | undefined
  }
  const ends: Link[] = []
  for (const item of items) {
    const key = keyOf(item)
    let low = 0
    for (let high = ends.length; low < high; ) {
      const middle = (low + high) >>> 1
      if (keyOf(ends[middle]!.item) < key)
        low = middle + 1 // middle < length
      else high = middle
    }
    ends[low] = { item, before: ends[low - 1] }
  }
  const found: string[] = []
  for (let link = ends.at(-1); link !== undefined; link = link.before) found.push(link.item)
  return found
}

function diffCells(before: Policy, after: Policy, at: number): readonly ChangedCell[] {
  const segments = new Set([...after.segments.keys(), ...before.segments.keys(), 'unknown'])
  const columns = commonColumns(before, after)
  const old = cellsAt(before, at)
  const now = cellsAt(after, at)
  const changed: ChangedCell[] = []
  for (const segment of segments) {
    for (const { label, services } of columns) {
      const service = services[0] ?? NO_SERVICE
      const cells = { before: old(segment, service), after: now(segment, service) }
      if (isSame(cells.before, cells.after)) continue
      changed.push({ segment, service: label, services, ...cells })
    }
  }
  return changed
}

/** Columns within which neither policy tells services apart. */
function commonColumns(before: Policy, after: Policy): readonly Column[] {
  const columns = columnsOf(after)
  const labels = new Map(columns.flatMap(({ label, services }) => services.map((id) => [id, label])))
  const ids = new Set([...columns.flatMap(({ services }) => services), ...before.services.keys()])
  const groups = new Map<string, string[]>()
  for (const id of ids) {
    const key = `${before.services.get(id)?.kind} ${after.services.get(id)?.kind} ${id === NO_SERVICE}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [id])
    else group.push(id)
  }
  return [...groups.values()].map((services) => {
    const label = labels.get(services[0] ?? NO_SERVICE)
    const isWhole = columns.some((column) => column.label === label && column.services.length === services.length)
    return { label: label !== undefined && isWhole ? label : shortened(services), services }
  })
}

function isSame(x: Cell | null, y: Cell | null): boolean {
  return cellInWords(x) === cellInWords(y) && x?.mode === y?.mode
}
