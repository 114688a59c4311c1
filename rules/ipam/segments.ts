/** The prefixes of an export, and which kind of network is which segment → segments, and what is wrong or worth a word. */
import { comparePrefixes, quoted } from '../address.ts'
import type { Medium, Place, Prefix, Problem } from '../model.ts'
import { didYouMean, formatPlace, startOf } from '../problems.ts'
import { type Nested, nested } from '../tables/nesting.ts'
import { andMorePrefixes, overlaps, type SegmentPrefix } from '../tables/overlaps.ts'
import { howMany } from '../words.ts'
import { ANY_KIND, type KindMap, kindKey, segmentFault, type Target } from './kind-map.ts'
import { countLeft, type IpamExport, type IpamRow } from './reading.ts'

export interface ImportedSegment {
  readonly id: string
  readonly medium: Medium
  readonly shared: boolean
  /** In the order of addresses, each once. */
  readonly prefixes: readonly { readonly prefix: Prefix; readonly description: string }[]
}

export interface Imported {
  readonly segments: readonly ImportedSegment[]
  readonly left: ReadonlyMap<string, number>
  readonly problems: readonly Problem[]
}

const YES_OR_NO = /^(?:(true|yes|y|1)|false|no|n|0|)$/i

type Segment = NonNullable<Target>

interface PlacedPrefix extends SegmentPrefix {
  readonly target: Segment
  readonly description: string
}

interface Sorted {
  readonly placed: readonly PlacedPrefix[]
  /** Rows of kinds that are left out. */
  readonly leftOut: readonly IpamRow[]
  readonly problems: readonly Problem[]
}

/**
 * Segments by id, problems in no order. With no mapping at all, rows that bring a medium (plain CSV) are taken at their word;
 * any other kind that is not mapped is an error: a network that nobody thought of would be in no segment. So is an export
 * of which nothing is taken: a rule file without segments refuses everybody.
 */
export function toSegments(read: IpamExport, kinds: KindMap): Imported {
  const { placed, leftOut, problems } = sortRows(read.rows, kinds)
  const first = firstOfEach(placed)
  const kept = [...first.values()]
  const left = new Map(read.left)
  for (const { kind } of leftOut) countLeft(left, `kind ${quoted(kind)}`)
  const all = [
    ...read.problems,
    ...problems,
    ...disagreements(placed),
    ...repetitions(placed, first),
    ...insideOthers(kept),
    ...leftOutInside(kept, leftOut),
    ...unusedKinds(kinds, read),
  ]
  if (kept.length === 0 && !all.some(({ severity }) => severity === 'error'))
    all.push(
      problem(
        'error',
        startOf(read.file),
        'nothing is left to import: the export has no prefix, or all of them are left out',
      ),
    )
  return { segments: segmentsOf(kept), left, problems: all }
}

function sortRows(rows: readonly IpamRow[], kinds: KindMap): Sorted {
  const placed: PlacedPrefix[] = []
  const leftOut: IpamRow[] = []
  const problems: Problem[] = []
  const unmapped = new Map<string, { readonly row: IpamRow; readonly count: number }>()
  for (const row of rows) {
    const target = targetOf(row, kinds)
    if (target === undefined) {
      const key = kindKey(row.kind)
      const before = unmapped.get(key) ?? { row, count: 0 }
      unmapped.set(key, { ...before, count: before.count + 1 })
    } else if (target === null) leftOut.push(row)
    else if (typeof target === 'string') problems.push(problem('error', row.place, target))
    else
      for (const prefix of row.prefixes)
        placed.push({ target, segment: target.segment, prefix, place: row.place, description: row.description })
  }
  for (const { row, count } of unmapped.values())
    problems.push(problem('error', row.place, unmappedKind(row.kind, count)))
  return { placed, leftOut, problems }
}

/** undefined: nobody said what it is; a text: what is wrong with what the row says. */
function targetOf({ kind, medium, shared }: IpamRow, kinds: KindMap): Target | undefined | string {
  if (kinds.size === 0 && medium !== null) {
    const isShared = YES_OR_NO.exec(shared)
    if (isShared === null) return segmentFault(kind, medium) ?? `shared is ${quoted(shared)}; write yes or no`
    // The medium is checked by segmentFault.
    return segmentFault(kind, medium) ?? { segment: kind, medium: medium as Medium, shared: isShared[1] !== undefined }
  }
  const found = kinds.get(kindKey(kind))
  return found === undefined ? kinds.get(ANY_KIND) : found
}

function unmappedKind(kind: string, count: number): string {
  const what = kind === '' ? 'an empty kind' : quoted(kind)
  // What cannot be seen, or is longer than anybody types, is no help on a command line.
  const typed = /^\P{C}{0,80}$/u.test(kind) ? kind : 'KIND'
  const flag = (target: string) => `--map ${shellQuoted(`${typed}=${target}`)}`
  const remedy = `say ${flag('SEGMENT:MEDIUM')}, or ${flag('-')} to leave it out`
  return `${what}, of ${howMany(count, 'prefix', 'prefixes')}, is mapped to no segment; ${remedy}`
}

/** As a shell takes it as one word. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** By prefix; a prefix that stands in the export twice counts once. */
function firstOfEach(placed: readonly PlacedPrefix[]): ReadonlyMap<string, PlacedPrefix> {
  const first = new Map<string, PlacedPrefix>()
  for (const one of placed) if (!first.has(one.prefix.text)) first.set(one.prefix.text, one)
  return first
}

function* repetitions(placed: readonly PlacedPrefix[], first: ReadonlyMap<string, PlacedPrefix>): Generator<Problem> {
  for (const later of placed) {
    const earlier = first.get(later.prefix.text)
    if (earlier === undefined || earlier === later) continue
    const where = `${quoted(earlier.segment)} at ${formatPlace(earlier.place)}`
    yield earlier.segment === later.segment
      ? problem('warning', later.place, `${later.prefix.text} is in ${where} already; it is taken once`)
      : problem(
          'error',
          later.place,
          `${later.prefix.text} is in ${quoted(later.segment)} and in ${where}; only one can be right: of several VRFs or network views, export one`,
        )
  }
}

/** Only where rows bring their own media: of mappings it is checked before. */
function* disagreements(placed: readonly PlacedPrefix[]): Generator<Problem> {
  const first = new Map<string, PlacedPrefix>()
  for (const one of placed) {
    const earlier = first.get(one.segment) ?? one
    first.set(one.segment, earlier)
    if (earlier.target.medium === one.target.medium && earlier.target.shared === one.target.shared) continue
    const message = `segment ${quoted(one.segment)} is another kind of network at ${formatPlace(earlier.place)}; give the two different ids`
    yield problem('error', one.place, message)
  }
}

function* insideOthers(kept: readonly PlacedPrefix[]): Generator<Problem> {
  for (const { inner, outer, count } of overlaps(kept)) {
    const what = `${inner.prefix.text} of ${quoted(inner.segment)}${andMorePrefixes(count)}`
    const message = `${what} lies inside ${outer.prefix.text} of ${quoted(outer.segment)}; the longer prefix wins there`
    yield problem('warning', inner.place, message)
  }
}

/** What is left out inside what is taken is not gone: its clients are in the segment around it. Each kind and segment once. */
function* leftOutInside(kept: readonly PlacedPrefix[], leftOut: readonly IpamRow[]): Generator<Problem> {
  const left = new Map(leftOut.flatMap((row) => row.prefixes.map((prefix) => [prefix.text, { prefix, row }] as const)))
  const found = new Map<string, { row: IpamRow; prefix: Prefix; outer: PlacedPrefix; count: number }>()
  for (const { item, within } of nested([...kept.map(asOuter), ...left.values()])) {
    const outer = 'row' in item ? nearestKept(within) : null
    if (!('row' in item) || outer === null) continue
    const pair = `${outer.segment} ${kindKey(item.row.kind)}` // ids have no spaces
    const first = found.get(pair) ?? { ...item, outer, count: 0 }
    found.set(pair, { ...first, count: first.count + 1 })
  }
  for (const { row, prefix, outer, count } of found.values()) {
    const what = `${prefix.text} of kind ${quoted(row.kind)}${andMorePrefixes(count)}`
    const where = `${outer.prefix.text} of ${quoted(outer.segment)}`
    const message = `${what} is left out, but lies inside ${where}, and so counts as that; map it to a segment of its own`
    yield problem('warning', row.place, message)
  }
}

type Outer = { readonly prefix: Prefix; readonly outer: PlacedPrefix }

function asOuter(outer: PlacedPrefix): Outer {
  return { prefix: outer.prefix, outer }
}

function nearestKept(within: Nested<Outer | { readonly prefix: Prefix; readonly row: IpamRow }> | null) {
  for (let around = within; around !== null; around = around.within)
    if ('outer' in around.item) return around.item.outer
  return null
}

/** A mapping for which there is nothing is a slip, most often. */
function* unusedKinds(kinds: KindMap, read: IpamExport): Generator<Problem> {
  const known = new Map(read.rows.map(({ kind }) => [kindKey(kind), kind]))
  if (known.size === 0) return
  for (const kind of kinds.keys()) {
    if (kind === ANY_KIND || known.has(kind)) continue
    const hint = didYouMean(kind, known.values())
    yield problem('warning', startOf(read.file), `no prefix is of the kind ${quoted(kind)} that --map names${hint}`)
  }
}

function segmentsOf(kept: readonly PlacedPrefix[]): readonly ImportedSegment[] {
  const segments = new Map<string, PlacedPrefix[]>()
  for (const one of kept.toSorted((x, y) => comparePrefixes(x.prefix, y.prefix))) {
    const prefixes = segments.get(one.segment) ?? []
    segments.set(one.segment, prefixes)
    prefixes.push(one)
  }
  return [...segments]
    .map(([id, prefixes]) => {
      const { medium, shared } = prefixes[0]!.target // a segment is made with its first
      return { id, medium, shared, prefixes: prefixes.map(({ prefix, description }) => ({ prefix, description })) }
    })
    .sort((x, y) => (x.id < y.id ? -1 : 1))
}

function problem(severity: Problem['severity'], place: Place, message: string): Problem {
  return { severity, ...place, message }
}
