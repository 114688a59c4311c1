/**
 * Segment × service at one instant: what the rules do, by which rule, and which exceptions are open. What auditors sign.
 */
import { addressAfter, prefixContains, prefixEnd } from '../address.ts'
import { judge, seatOf } from '../decide.ts'
import { isDuring } from '../during.ts'
import { isFor, isInForce } from '../exceptions.ts'
import { CATEGORIES, type During, type ExceptionEntry, type Mode, type Segment, type VerdictAction } from '../model.ts'
import type { Exception, Policy, Ruling, Service } from '../policy.ts'

/** The service of a bare address that belongs to none. */
export const NO_SERVICE = 'none'

export interface Cell {
  /** For a client of the segment whom no exception by address is for. */
  readonly action: VerdictAction
  readonly mode: Mode
  readonly rule: string
  /** The exceptions open here, for the segment or for addresses in it. */
  readonly exceptions: readonly string[]
}

/** Services that no rule tells apart. */
export interface Column {
  readonly label: string
  readonly services: readonly string[]
}

export interface Matrix {
  readonly name: string
  readonly revision: string
  readonly mode: Mode
  /** Milliseconds since 1970. */
  readonly at: number
  /** In the order of the file, then the unknown clients'. */
  readonly segments: readonly Segment[]
  /** The last is the bare address of no service. */
  readonly services: readonly Column[]
  /** By segment, then by service. */
  readonly cells: readonly (readonly Cell[])[]
  /** The exceptions that stand in a cell. */
  readonly exceptions: readonly ExceptionEntry[]
  /** Rules that hold at certain times only: at another, cells may differ. */
  readonly timed: readonly TimedRule[]
}

export interface TimedRule {
  readonly id: string
  readonly during: During
  /** Whether it holds at the matrix's instant. */
  readonly holds: boolean
}

/** The matrix as of `at`, in milliseconds since 1970. */
export function matrix(policy: Policy, at: number): Matrix {
  const segments = [...policy.segments.values()].map(({ id, medium, shared }) => ({ id, medium, shared }))
  segments.push({ ...policy.unknownSeat.segment })
  const services = columnsOf(policy)
  const cellOf = cellsAt(policy, at)
  const cells = segments.map(({ id }) => services.map((column) => cellOf(id, column.services[0] ?? NO_SERVICE)))
  const open = new Set(cells.flatMap((row) => row.flatMap((cell) => cell?.exceptions ?? [])))
  return {
    name: policy.name,
    revision: policy.revision,
    mode: policy.mode,
    at,
    segments,
    services,
    cells: cells.map((row) => row.filter((cell) => cell !== null)), // every segment and service is the policy's own
    exceptions: policy.exceptions.map(({ entry }) => entry).filter(({ id }) => open.has(id)),
    timed: policy.rules.flatMap(({ entry: { id, during, mode } }) =>
      during === null || mode === 'off' ? [] : [{ id, during, holds: isDuring(during, at) }],
    ),
  }
}

/** What stands in the cell of a segment's and a service's id; null where the policy lacks one of them. */
export function cellsAt(policy: Policy, at: number): (segment: string, service: string) => Cell | null {
  const inForce = policy.exceptions.filter((exception) => isInForce(exception, at))
  const seats = new Map(
    policy.candidates.segmentKinds.flatMap((peers, kind) => peers.map((segment) => [segment.id, { segment, kind }])),
  )
  const touched = new Map(inForce.map((exception) => [exception, segmentsTouched(policy, exception)]))
  const openIn = memo((segment: string) => inForce.filter((exception) => touched.get(exception)?.has(segment)))
  return (segmentId, serviceId) => {
    const seat = seats.get(segmentId)
    const service = serviceId === NO_SERVICE ? null : policy.services.get(serviceId)
    if (seat === undefined || service === undefined) return null
    const { segment, kind } = seat
    if (segment.id === 'unknown' && policy.unknownClients === 'refuse') return REFUSED
    if (service === null) return cellOf(segment.medium === 'wired' ? policy.unjudged : policy.ipLiterals, [])
    const ruling = judge(policy, seat, service, null, at)
    const open = openIn(segmentId)
    return cellOf(ruling, open.length === 0 ? [] : liftersOf(policy, kind, service, open, segmentId, at))
  }
}

/** One column for each class of services: those that rules name, then the rest by category. */
export function columnsOf({ candidates, rules }: Policy): readonly Column[] {
  const named = new Set(rules.flatMap(({ services, except }) => [...(services ?? []), ...(except?.services ?? [])]))
  const kinds = candidates.serviceKinds.map((peers) => ({ peers, isNamed: peers.some(({ id }) => named.has(id)) }))
  const rank = ({ peers, isNamed }: (typeof kinds)[number]) =>
    isNamed ? -1 : CATEGORIES.indexOf(peers[0]?.category ?? 'meeting')
  kinds.sort((x, y) => rank(x) - rank(y))
  const categories = new Set(
    kinds.filter(({ isNamed }) => isNamed).flatMap(({ peers }) => peers.map((s) => s.category)),
  )
  const columns = kinds.map(({ peers, isNamed }) => ({
    label: isNamed || peers.length === 1 ? idsInWords(peers) : restInWords(peers, categories.has(peers[0]!.category)), // no class is empty
    services: peers.map(({ id }) => id),
  }))
  return [...columns, { label: 'bare address', services: [NO_SERVICE] }]
}

function idsInWords(services: readonly Service[]): string {
  const ids = services.map(({ id }) => id)
  return ids.length <= 4 ? ids.join(', ') : `${ids.slice(0, 3).join(', ')} and ${ids.length - 3} more`
}

function restInWords(services: readonly Service[], isRest: boolean): string {
  return `${isRest ? 'other ' : ''}${services[0]?.category} (${services.length})`
}

const REFUSED: Cell = Object.freeze({ action: 'refuse', mode: 'enforce', rule: 'unknown_clients', exceptions: [] })

function cellOf({ action, mode, rule }: Ruling, exceptions: readonly string[]): Cell {
  return { action, mode, rule, exceptions }
}

/** The ids of the exceptions that lift a rule for the cell's clients, or for some of them. */
function liftersOf(
  policy: Policy,
  segmentKind: number,
  service: Service,
  open: readonly Exception[],
  segment: string,
  at: number,
): readonly string[] {
  const lifters = new Set<string>()
  // Whom the rules before have let past; null: everyone.
  let passed: readonly Exception[] | null = null
  for (const { entry, lifts } of policy.candidates.of(segmentKind, service.kind)) {
    if (entry.during !== null && !isDuring(entry.during, at)) continue
    const here = lifts
      .map(({ exception }) => exception)
      .filter((exception) => open.includes(exception) && (passed?.some((other) => meet(exception, other)) ?? true))
    for (const exception of here) lifters.add(exception.entry.id)
    if (here.length === 0) break
    // Where no exception is for the whole segment, the rule decides for the rest of it.
    if (!here.some((exception) => isFor(exception, segment, null))) passed = here
  }
  return [...lifters]
}

/** Whether both may be for one client. */
function meet({ entry: { from: some } }: Exception, { entry: { from: others } }: Exception): boolean {
  if (some === null || others === null) return true
  return some.some((x) => others.some((y) => prefixContains(x, y.base) || prefixContains(y, x.base)))
}

/** The segments in which a client could sit whom the exception is for. */
function segmentsTouched(policy: Policy, { segments, entry: { from } }: Exception): ReadonlySet<string> {
  if (from === null) return segments ?? new Set()
  const prefixes = [...policy.segments.values()].flatMap((segment) => segment.prefixes)
  const touched = new Set<string>()
  for (const scope of from) {
    // Only where a prefix begins, and just after one ends, can the seat of an address be another than its neighbour's.
    const inside = prefixes.filter(({ base }) => prefixContains(scope, base))
    for (const address of [scope.base, ...inside.flatMap((prefix) => [prefix.base, addressAfter(prefixEnd(prefix))])]) {
      if (address !== null && prefixContains(scope, address)) touched.add(seatOf(policy, address).segment.id)
    }
  }
  return touched
}

function memo<V>(compute: (key: string) => V): (key: string) => V {
  const known = new Map<string, V>()
  return (key) => {
    const value = known.get(key) ?? compute(key)
    known.set(key, value)
    return value
  }
}
