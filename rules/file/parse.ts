/** Rule-file text → `RuleFile`, or every problem with its place. Reads nothing by itself: the shell hands in all texts. */
import { quoted } from '../address.ts'
import type { Category, Problem, RuleFile } from '../model.ts'
import { sortProblems, startOf, UNREADABLE } from '../problems.ts'
import { IdSpace } from './ids.ts'
import { parseExceptions, parseTests, RESERVED_RULES } from './parse-exceptions.ts'
import { type Ids, parseRules } from './parse-rules.ts'
import { type Files, parseSegments } from './parse-segments.ts'
import { parseServices } from './parse-services.ts'
import { resolvePath } from './paths.ts'
import { casesSchema, includedSchema, ruleFileSchema, type WrittenLists, type WrittenRuleFile } from './schema.ts'
import { fieldOf } from './shape.ts'
import { type Draft, readWritten, type Written } from './written.ts'
import { readYaml } from './yaml-source.ts'

export interface ParsedRules {
  /** Null exactly when one of the problems is an error. */
  readonly file: RuleFile | null
  /** By file, line and column. */
  readonly problems: readonly Problem[]
}

/** The include and segment CSV files that the rule file `text` at `path` names, as seen from where `path` is; [] for what is no YAML. */
export function referencedFiles(path: string, text: string): readonly string[] {
  const { value } = readYaml(path, text)
  const segments = Object.values(fieldOf(value, 'segments') ?? {})
  const names = [fieldOf(value, 'include')].flat().concat(segments.map((segment) => fieldOf(segment, 'file')))
  return [...new Set(names.filter((name) => typeof name === 'string').map((name) => resolvePath(path, name)))]
}

/**
 * The rule file at `main`, whole and checked. `files` has the text of every file by path, null for one that could not be read;
 * `known` the catalogue's services, which the user's replace by id; `now` is in milliseconds since 1970; `cases` are paths
 * of files that add tests.
 */
export function parseRuleFile(
  main: string,
  files: Files,
  known: ReadonlyMap<string, Category>,
  now: number,
  cases: readonly string[] = [],
): ParsedRules {
  const problems: Problem[] = []
  const missing = [main, ...cases].filter((path) => (files.get(path) ?? null) === null)
  if (missing.length > 0) return { file: null, problems: missing.map(unreadable) }
  const text = files.get(main) ?? ''
  const root = readWritten(readYaml(main, text), ruleFileSchema, problems)
  const included = root === null ? [] : readIncluded(root, main, files, problems)
  const parts = [root, ...included].filter((part) => part !== null)
  const ids = idSpaces(known)
  markIncomplete(ids, parts, parts.length <= included.length)
  const segments = parseSegments(parts, files, ids.segments, problems)
  const services = parseServices(parts, ids.services)
  addGroups(parts, ids)
  const rules = parseRules(parts, ids)
  const exceptions = parseExceptions(parts, ids, ids.exceptions, now)
  const more = cases.map((path) => readWritten(readYaml(path, files.get(path) ?? ''), casesSchema, problems))
  const tests = parseTests([...parts, ...more.filter((part) => part !== null)], ids)
  const sorted = sortProblems(problems)
  if (root === null || sorted.some(({ severity }) => severity === 'error')) return { file: null, problems: sorted }
  return { file: { ...settingsOf(root), segments, services, rules, exceptions, tests }, problems: sorted }
}

function unreadable(file: string): Problem {
  const message = `${quoted(file)} ${UNREADABLE}`
  return { severity: 'error', ...startOf(file), message }
}

/** The parts in the included files, null for one that could not be read as such. */
function readIncluded(root: Written<Draft<WrittenRuleFile>>, main: string, files: Files, problems: Problem[]) {
  const seen = new Set([resolvePath('', main)])
  return root.list('include').map((name): Written<Draft<WrittenLists>> | null => {
    const path = resolvePath(main, name.value)
    const text = files.get(path) ?? null
    if (seen.has(path)) name.error(`${quoted(path)} is already read; include a file once`)
    else if (text === null) name.error(`${quoted(path)} ${UNREADABLE}`)
    else {
      seen.add(path)
      return readWritten(readYaml(path, text), includedSchema, problems)
    }
    return null
  })
}

function idSpaces(known: ReadonlyMap<string, Category>): Ids & { readonly exceptions: IdSpace } {
  const services = new IdSpace({ kind: 'service', reserved: ['any', 'none'] })
  for (const id of known.keys()) services.addBuiltIn(id)
  return {
    segments: new IdSpace({ kind: 'segment', reserved: ['unknown'], nameable: ['unknown'] }),
    services,
    rules: new IdSpace({ kind: 'rule', reserved: RESERVED_RULES }),
    exceptions: new IdSpace({ kind: 'exception', reserved: [] }),
  }
}

/** Finds the name spaces from which ids may be missing, as a file or a part of one could not be read. */
function markIncomplete(ids: Ids, parts: readonly Written<Draft<WrittenLists>>[], isFileMissing: boolean): void {
  for (const kind of ['segments', 'services', 'rules'] as const) {
    const isCut = parts.some(({ value }) => {
      if (kind === 'rules' && value.rules?.some((rule) => rule?.id === undefined)) return true
      return isLeftOut(value, kind) || isLeftOut(value, 'groups') || isLeftOut(value.groups, kind)
    })
    if (isFileMissing || isCut) ids[kind].markIncomplete()
  }
}

function isLeftOut(map: object | undefined, key: string): boolean {
  return map !== undefined && key in map && fieldOf(map, key) === undefined
}

function addGroups(parts: readonly Written<Draft<WrittenLists>>[], ids: Ids): void {
  for (const part of parts) {
    const groups = part.get('groups')
    for (const kind of ['segments', 'services'] as const) {
      for (const [id, members, place] of groups?.get(kind)?.entries() ?? []) {
        ids[kind].addGroup(id, members?.items() ?? [], part, place)
      }
    }
  }
  ids.segments.checkGroups()
  ids.services.checkGroups()
}

/** The scalars, with their defaults. */
function settingsOf({ value }: Written<Draft<WrittenRuleFile>>) {
  return {
    name: value.name ?? 'rules',
    // The schema requires it, and found nothing missing.
    unknownClients: value.unknown_clients ?? 'refuse',
    mode: value.mode ?? 'enforce',
    otherwise: value.otherwise ?? 'allow',
    ipLiterals: value.ip_literals ?? 'log',
  }
}
