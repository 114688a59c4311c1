/** The prefixes of an export, and which kind of network is which segment → `segments` for a rule file. */
import { compareAddresses, quoted } from './address.ts'
import type { IpamExport, IpamRow } from './ipam.ts'
import { MEDIA, type Medium, type Place, type Prefix, type Problem } from './model.ts'
import { overlaps, type SegmentPrefix } from './overlaps.ts'
import { didYouMean, formatPlace } from './problems.ts'
import { howMany } from './words.ts'

/** What a kind of network is here; null: left out. */
export type Target = { readonly segment: string; readonly medium: Medium; readonly shared: boolean } | null

/** By the kind in lower case; `*` is for all others. */
export type KindMap = ReadonlyMap<string, Target>

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

const ANY = '*'
const ID = /^[a-z0-9][a-z0-9._-]{0,63}$/
const MAPPING = /^(.*)=(?:(-)|([^:=]*):([^:=]*)(:shared)?)$/s
const HOW = 'write KIND=SEGMENT:MEDIUM, KIND=SEGMENT:MEDIUM:shared, or KIND=- to leave it out'
/** Places told of one kind that nobody mapped. */
const MOST_KINDS = 50

/** The kinds of `--map`, in any order; or what is wrong with one of them. */
export function parseKindMap(mappings: readonly string[]): KindMap | string {
  const kinds = new Map<string, Target>()
  const segments = new Map<string, string>()
  for (const mapping of mappings) {
    const [, kind, left, segment = '', medium = '', shared] = MAPPING.exec(mapping) ?? []
    if (kind === undefined) return `${quoted(mapping)} is no mapping; ${HOW}`
    const key = kind.trim().toLowerCase()
    if (kinds.has(key)) return `${quoted(kind)} is mapped twice`
    if (left !== undefined) {
      kinds.set(key, null)
      continue
    }
    const fault = segmentFault(segment, medium)
    if (fault !== null) return `${quoted(mapping)}: ${fault}`
    const what = `${medium}${shared ?? ''}`
    const before = segments.get(segment)
    if (before !== undefined && before !== what)
      return `segment ${quoted(segment)} is ${before} in one mapping and ${what} in another`
    segments.set(segment, what)
    kinds.set(key, { segment, medium: medium as Medium, shared: shared !== undefined }) // checked by segmentFault
  }
  return kinds
}

function segmentFault(segment: string, medium: string): string | null {
  if (!ID.test(segment))
    return `${quoted(segment)} is no id; it has 1 to 64 of a-z, 0-9, "-", "_" and ".", and begins with a letter or digit`
  if (segment === 'unknown') return '"unknown" is reserved for clients in no segment; choose another id'
  if (MEDIA.some((one) => one === medium)) return null
  return `${quoted(medium)} is no medium${didYouMean(medium, MEDIA) || `; write one of ${MEDIA.join(', ')}`}`
}

/**
 * Segments by id, problems in the order of the file. With no mapping at all, rows that bring a medium (plain CSV) are taken at their word;
 * any other kind that is not mapped is an error: a network that nobody thought of would be in no segment.
 */
export function toSegments(read: IpamExport, kinds: KindMap): Imported {
  const problems: Problem[] = [...read.problems]
  const left = new Map(read.left)
  const segments = new Map<string, { medium: Medium; shared: boolean; place: Place; prefixes: SegmentPrefix[] }>()
  const descriptions = new Map<SegmentPrefix, string>()
  const unmapped = new Map<string, { place: Place; count: number }>()
  const used = new Set<string>()
  for (const row of read.rows) {
    const target = targetOf(row, kinds, used)
    if (target === undefined) {
      const before = unmapped.get(row.kind)
      unmapped.set(row.kind, { place: before?.place ?? row.place, count: (before?.count ?? 0) + 1 })
    } else if (target === null) left.set(`kind ${quoted(row.kind)}`, (left.get(`kind ${quoted(row.kind)}`) ?? 0) + 1)
    else if (typeof target === 'string') problems.push({ severity: 'error', ...row.place, message: target })
    else {
      const { segment, medium, shared } = target
      const entry = segments.get(segment) ?? { medium, shared, place: row.place, prefixes: [] }
      segments.set(segment, entry)
      if (entry.medium !== medium || entry.shared !== shared) {
        const message = `segment ${quoted(segment)} is another kind of network at ${formatPlace(entry.place)}; give the two different ids`
        problems.push({ severity: 'error', ...row.place, message })
        continue
      }
      for (const prefix of row.prefixes) {
        const placed = { segment, prefix, place: row.place }
        entry.prefixes.push(placed)
        descriptions.set(placed, row.description)
      }
    }
  }
  for (const problem of unmappedKinds(unmapped)) problems.push(problem)
  const all = [...segments.values()].flatMap(({ prefixes }) => prefixes)
  const kept = withoutRepeated(all, problems)
  for (const { inner, outer, count } of overlaps([...kept])) {
    const more = count > 1 ? ` (and ${count - 1} more of its prefixes)` : ''
    const message = `${inner.prefix.text} of ${quoted(inner.segment)}${more} lies inside ${outer.prefix.text} of ${quoted(outer.segment)}; the longer prefix wins there`
    problems.push({ severity: 'warning', ...inner.place, message })
  }
  return {
    segments: [...segments]
      .map(([id, { medium, shared, prefixes }]) => ({
        id,
        medium,
        shared,
        prefixes: prefixes
          .filter((placed) => kept.has(placed))
          .sort((x, y) => compareAddresses(x.prefix.base, y.prefix.base) || x.prefix.length - y.prefix.length)
          .map((placed) => ({ prefix: placed.prefix, description: descriptions.get(placed) ?? '' })),
      }))
      .sort((x, y) => (x.id < y.id ? -1 : 1)),
    left,
    problems: [...problems, ...unusedKinds(kinds, used, read)],
  }
}

/** undefined: nobody said what it is; a text: what is wrong with what the row says. */
function targetOf({ kind, medium, shared }: IpamRow, kinds: KindMap, used: Set<string>): Target | undefined | string {
  if (kinds.size === 0 && medium !== null)
    return segmentFault(kind, medium) ?? { segment: kind, medium: medium as Medium, shared } // checked by segmentFault
  const key = kind.toLowerCase()
  const found = kinds.has(key) ? key : ANY
  used.add(found)
  return kinds.get(found)
}

function* unmappedKinds(unmapped: ReadonlyMap<string, { readonly place: Place; readonly count: number }>) {
  const error = (place: Place, message: string): Problem => ({ severity: 'error', ...place, message })
  for (const [kind, { place, count }] of [...unmapped].slice(0, MOST_KINDS)) {
    const flag = `--map ${shellQuoted(`${kind}=SEGMENT:MEDIUM`)}`
    const what = kind === '' ? 'no kind of network' : quoted(kind)
    yield error(
      place,
      `${what}, of ${howMany(count, 'prefix', 'prefixes')}, is mapped to no segment; say ${flag}, or =- to leave it out`,
    )
  }
  const [, next] = [...unmapped].slice(MOST_KINDS - 1)
  if (next !== undefined)
    yield error(
      next[1].place,
      `${unmapped.size - MOST_KINDS} more kinds are mapped to no segment; --map '*=-' leaves out all others`,
    )
}

/** A prefix that stands in the export twice counts once; of two segments it is an error. */
function withoutRepeated(all: readonly SegmentPrefix[], problems: Problem[]): ReadonlySet<SegmentPrefix> {
  const first = new Map<string, SegmentPrefix>()
  for (const later of all) {
    const earlier = first.get(later.prefix.text)
    if (earlier === undefined) {
      first.set(later.prefix.text, later)
      continue
    }
    const where = `${quoted(earlier.segment)} at ${formatPlace(earlier.place)}`
    problems.push(
      earlier.segment === later.segment
        ? {
            severity: 'warning',
            ...later.place,
            message: `${later.prefix.text} is in ${where} already; it is taken once`,
          }
        : {
            severity: 'error',
            ...later.place,
            message: `${later.prefix.text} is in ${quoted(later.segment)} and in ${where}; only one can be right`,
          },
    )
  }
  return new Set(first.values())
}

/** A mapping for which there is nothing is a slip, most often. */
function unusedKinds(kinds: KindMap, used: ReadonlySet<string>, { rows }: IpamExport): Problem[] {
  const known = [...new Set(rows.map(({ kind }) => kind))]
  const place = rows[0]?.place
  if (place === undefined) return []
  return [...kinds.keys()]
    .filter((kind) => !used.has(kind) && kind !== ANY)
    .map((kind) => ({
      severity: 'warning' as const,
      ...{ ...place, line: 1, column: 1 },
      message: `no prefix is of the kind ${quoted(kind)} that --map names${didYouMean(kind, known)}`,
    }))
}

/** As a shell takes it as one word. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** YAML for `include`: the same segments are the same text, so that what changed in the export is what changes in git. */
export function segmentsAsYaml(segments: readonly ImportedSegment[], madeBy: string): string {
  const lines = [
    `# Made by ${oneLine(madeBy)}: change it there, and import again.`,
    segments.length === 0 ? 'segments: {}' : 'segments:',
  ]
  for (const { id, medium, shared, prefixes } of segments) {
    // An id such as 2020 or no would be something else than text.
    lines.push(`  ${/^[a-z][a-z-]+$/.test(id) && !YAML_WORDS.has(id) ? id : `"${id}"`}:`, `    medium: ${medium}`)
    if (shared) lines.push('    shared: true')
    lines.push('    prefixes:')
    for (const { prefix, description } of prefixes) {
      const text = prefix.text.includes(':') ? `"${prefix.text}"` : prefix.text
      lines.push(`      - ${text}${description === '' ? '' : ` # ${oneLine(description)}`}`)
    }
  }
  return lines.join('\n')
}

const YAML_WORDS: ReadonlySet<string> = new Set(['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n'])
const MOST_OF_LINE = 120

function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return line.length > MOST_OF_LINE ? `${line.slice(0, MOST_OF_LINE - 1)}…` : line
}
