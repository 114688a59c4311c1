/** What `--map` says: which kind of network is which segment. */
import { quoted } from '../address.ts'
import { ID, MEDIA, type Medium } from '../model.ts'
import { didYouMean } from '../problems.ts'

/** What a kind of network is here; null: left out. */
export type Target = { readonly segment: string; readonly medium: Medium; readonly shared: boolean } | null

/** By `kindKey`. */
export type KindMap = ReadonlyMap<string, Target>

/** The kind that stands for all others. */
export const ANY_KIND = '*'
const MAPPING = /^(.*)=(?:(-)|([^:=]*):([^:=]*)(:shared)?)$/s
const HOW = 'write KIND=SEGMENT:MEDIUM, KIND=SEGMENT:MEDIUM:shared, or KIND=- to leave it out'

/** The kinds of `--map`, in any order; or what is wrong with one of them. */
export function parseKindMap(mappings: readonly string[]): KindMap | string {
  const kinds = new Map<string, Target>()
  const segments = new Map<string, string>()
  for (const mapping of mappings) {
    const [, kind, left, segment = '', medium = '', shared] = MAPPING.exec(mapping) ?? []
    if (kind === undefined) return `${quoted(mapping)} is no mapping; ${HOW}`
    const key = kindKey(kind)
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

/** The same for whatever is taken as the same kind: upper and lower case, and letters with their marks in one piece or two. */
export function kindKey(kind: string): string {
  return kind.trim().normalize('NFC').toLowerCase()
}

/** What is wrong with the id of a segment and its medium; null where nothing is. */
export function segmentFault(segment: string, medium: string): string | null {
  if (!ID.test(segment))
    return `${quoted(segment)} is no id; it has 1 to 64 of a-z, 0-9, "-", "_" and ".", and begins with a letter or digit`
  if (segment === 'unknown') return '"unknown" is reserved for clients in no segment; choose another id'
  if (MEDIA.some((one) => one === medium)) return null
  return `${quoted(medium)} is no medium${didYouMean(medium, MEDIA) || `; write one of ${MEDIA.join(', ')}`}`
}
