/** `landline import SYSTEM FILE`: the export of an address management system → `segments` for a rule file, on standard output. */
import { quoted } from '../../rules/address.ts'
import { MAX_YAML_LENGTH } from '../../rules/file/yaml-source.ts'
import { KIND_COLUMNS, readIpam } from '../../rules/ipam/ipam.ts'
import { parseKindMap } from '../../rules/ipam/kind-map.ts'
import { IPAM_SYSTEMS, type IpamSystem } from '../../rules/ipam/reading.ts'
import { type Imported, toSegments } from '../../rules/ipam/segments.ts'
import { segmentsAsYaml } from '../../rules/ipam/segments-yaml.ts'
import type { Problem } from '../../rules/model.ts'
import { didYouMean, firstProblems, formatProblem, sortProblems, startOf, UNREADABLE } from '../../rules/problems.ts'
import { howMany } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { readText } from './read-files.ts'

export interface ImportFlags {
  readonly system: string
  readonly file: string
  readonly map: readonly string[]
  /** That says what kind of network a prefix is. */
  readonly column: string | undefined
  readonly json: boolean
}

/** Problems of one severity that are told. */
const MOST_PROBLEMS = 100

/** 0: all is imported or left out on purpose; 1: something is wrong, and nothing is printed but what. */
export async function importSegments({ system, file, map, column, json }: ImportFlags, io: Io): Promise<ExitCode> {
  const from = systemOf(system)
  const kinds = parseKindMap(map)
  if (typeof kinds === 'string') throw new UsageError(`--map: ${kinds}`)
  const kindColumn = column ?? KIND_COLUMNS[from]
  if (kindColumn === null)
    throw new UsageError(
      `${from}: --column COLUMN is missing: which column says what kind of network it is, such as EA-Medium, comment or network_view?`,
    )
  const text = await readText(file, 'wait', 'csv')
  const imported = text === null ? unread(file) : toSegments(readIpam(from, file, text, kindColumn), kinds)
  const yaml = json ? null : segmentsAsYaml(imported.segments, `landline import ${from}`, MAX_YAML_LENGTH)
  const all = yaml?.fault ? [...imported.problems, problemOf(file, yaml.fault)] : imported.problems
  const isFine = !all.some(({ severity }) => severity === 'error')
  const problems = firstProblems(sortProblems(all), MOST_PROBLEMS)
  if (yaml === null)
    printJson(io, { segments: isFine ? asJson(imported) : null, left_out: Object.fromEntries(imported.left), problems })
  else {
    for (const problem of problems) io.complain(formatProblem(problem))
    for (const [why, count] of imported.left) io.complain(`${file}: left out: ${howMany(count, 'row')}, ${why}`)
    if (isFine) io.print(yaml.text)
  }
  return isFine ? EXIT.fine : EXIT.wrong
}

function unread(file: string): Imported {
  const fault = { severity: 'error', message: UNREADABLE } as const
  return { segments: [], left: new Map(), problems: [problemOf(file, fault)] }
}

function problemOf(file: string, fault: Pick<Problem, 'severity' | 'message'>): Problem {
  return { ...fault, ...startOf(file) }
}

function systemOf(name: string): IpamSystem {
  const found = IPAM_SYSTEMS.find((system) => system === name)
  if (found !== undefined) return found
  throw new UsageError(`${quoted(name)} is none of ${IPAM_SYSTEMS.join(', ')}${didYouMean(name, IPAM_SYSTEMS)}`)
}

function asJson({ segments }: Imported) {
  return Object.fromEntries(
    segments.map(({ id, medium, shared, prefixes }) => [
      id,
      { medium, shared, prefixes: prefixes.map(({ prefix }) => prefix.text) },
    ]),
  )
}
