/** `segments` of the rule file: prefixes from the file itself and from CSV files, none in two places. */
import { parsePrefixes, quoted } from '../address.ts'
import type { Medium, Place, Problem, SegmentEntry } from '../model.ts'
import { formatPlace, UNREADABLE } from '../problems.ts'
import { andMorePrefixes, overlaps, type SegmentPrefix } from '../tables/overlaps.ts'
import type { IdSpace } from './ids.ts'
import { resolvePath } from './paths.ts'
import type { WrittenLists, WrittenSegment } from './schema.ts'
import { type PlacedPrefix, readSegmentsCsv } from './segments-csv.ts'
import type { Draft, Written } from './written.ts'

/** What the shell has read, by path; null where it could not. */
export type Files = ReadonlyMap<string, string | null>

type WrittenMap = Written<Draft<WrittenLists>>

/** The segments of all files, in order; their ids are added to `ids`. */
export function parseSegments(
  parts: readonly WrittenMap[],
  files: Files,
  ids: IdSpace,
  problems: Problem[],
): readonly SegmentEntry[] {
  const namedFiles = new Map<string, Place>()
  const all: SegmentPrefix[] = []
  const entries: SegmentEntry[] = []
  for (const part of parts) {
    for (const [id, segment, place] of part.get('segments')?.entries() ?? []) {
      ids.add(id, part, place)
      if (segment === null) continue
      const prefixes = prefixesOf(id, segment, files, namedFiles, problems)
      for (const prefix of prefixes) all.push(prefix)
      entries.push({
        id,
        // Any medium will do where none was readable: the file is refused.
        medium: segment.value.medium ?? ('unknown' satisfies Medium),
        shared: segment.value.shared ?? false,
        prefixes: prefixes.map(({ prefix }) => prefix),
        place,
      })
    }
  }
  reportRepeated(all, problems)
  for (const { inner, outer, count } of overlaps(all)) {
    const where = `${outer.prefix.text} of ${quoted(outer.segment)} at ${formatPlace(outer.place)}`
    const what = `${inner.prefix.text} of segment ${quoted(inner.segment)}${andMorePrefixes(count)} lies inside ${where}`
    problems.push({ severity: 'warning', ...inner.place, message: `${what}; the longer prefix wins there` })
  }
  return entries
}

function prefixesOf(
  segment: string,
  entry: Written<Draft<WrittenSegment>>,
  files: Files,
  namedFiles: Map<string, Place>,
  problems: Problem[],
): readonly SegmentPrefix[] {
  const inline = entry.list('prefixes').flatMap((item) => {
    const found = parsePrefixes(item.value)
    if (typeof found !== 'string') return found.map((prefix) => ({ segment, prefix, place: item.place }))
    item.error(found)
    return []
  })
  const file = entry.get('file')
  const csv = file === null ? null : readFile(file, files, namedFiles, problems)
  const hasKey = 'prefixes' in entry.value || 'file' in entry.value
  if (!hasKey) entry.error(`segment ${quoted(segment)} has no prefixes; add "prefixes" or "file"`, entry.keyPlace)
  else if (entry.hasNone('prefixes') && (entry.hasNone('file') || csv?.length === 0)) {
    entry.warn(`segment ${quoted(segment)} has no prefix: no client is in it`, entry.keyPlace)
  }
  return [...inline, ...(csv ?? []).map((placed) => ({ segment, ...placed }))]
}

/** The prefixes of a CSV file; null, with the reasons reported, where there are none that can be told. */
function readFile(
  name: Written<string>,
  files: Files,
  namedFiles: Map<string, Place>,
  problems: Problem[],
): readonly PlacedPrefix[] | null {
  const path = resolvePath(name.file, name.value)
  const earlier = namedFiles.get(path)
  if (earlier !== undefined) {
    name.error(`${quoted(path)} is already named at ${formatPlace(earlier)}; a prefix belongs to one segment`)
    return null
  }
  namedFiles.set(path, name.place)
  const text = files.get(path) ?? null
  if (text === null) {
    name.error(`${quoted(path)} ${UNREADABLE}`)
    return null
  }
  const csv = readSegmentsCsv(path, text)
  for (const problem of csv.problems) problems.push(problem)
  return csv.problems.length > 0 && csv.prefixes.length === 0 ? null : csv.prefixes
}

/** A prefix in two places would make the longest prefix two. */
function reportRepeated(prefixes: readonly SegmentPrefix[], problems: Problem[]): void {
  const seen = new Map<string, SegmentPrefix>()
  for (const later of prefixes) {
    const { prefix, segment, place } = later
    const earlier = seen.get(prefix.text)
    if (earlier === undefined) {
      seen.set(prefix.text, later)
      continue
    }
    const owner = earlier.segment === segment ? 'this segment' : `segment ${quoted(earlier.segment)}`
    const message = `prefix ${prefix.text} is already in ${owner} at ${formatPlace(earlier.place)}; keep one of the two`
    problems.push({ severity: 'error', ...place, message })
  }
}
