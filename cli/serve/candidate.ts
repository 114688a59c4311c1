/** A candidate: rules read, compiled and tested beside those in force, and why they may or may not take over. */
import { changesBetween } from '../../rules/change/diff.ts'
import { runTests } from '../../rules/change/policy-tests.ts'
import type { Problem } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import { formatPlace, formatProblem } from '../../rules/problems.ts'
import { compileSources, readSources, type Sources } from '../rules/load.ts'
import { sameStates, statesOf } from '../rules/read-files.ts'

/** What a record or a log line quotes of a longer list. */
export const MAX_LINES = 50
/** How often files that change while they are read are read again at once. */
const MAX_READS = 3

export interface Candidate {
  /** null: it may not take over. */
  readonly policy: Policy | null
  readonly problems: readonly string[]
  readonly sources: Sources
  /** Of what was read; null where it could not be compiled. */
  readonly revision: string | null
  /** What differs from the rules before, in words; empty where they mean the same, or may not take over. */
  readonly changes: readonly string[]
}

export interface CandidateOptions {
  readonly main: string
  readonly catalogueDir: string | undefined
  /** Force the ceiling `monitor`. */
  readonly monitor: boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/**
 * Read, compile and test, in this thread; nothing is in force by this. Files that are swapped while they are read could be halves of two
 * versions that fit together by chance: such a set never takes over.
 */
export async function readHere(
  { main, catalogueDir, monitor, now }: CandidateOptions,
  before: Policy | null,
): Promise<Candidate> {
  for (let reads = 1; ; reads++) {
    const sources = await readSources(main, catalogueDir, [], 'refuse')
    const states = sources.states ?? new Map()
    if (sameStates(states, await statesOf(states.keys()))) return testCandidate(sources, monitor, now(), before)
    if (reads < MAX_READS) continue
    const problem = `${main}: the files were changed while they were read; they are read again once they stand still`
    return { policy: null, problems: [problem], sources, revision: null, changes: [] }
  }
}

/** Compile and test texts that are at hand, such as archived ones. */
export function testCandidate(
  sources: Sources,
  monitor: boolean,
  now: number,
  before: Policy | null = null,
): Candidate {
  const { policy, problems } = compileSources(sources, { monitor, now })
  const told = problems.filter(isError).map(formatProblem)
  if (policy === null) return { policy: null, problems: told, sources, revision: null, changes: [] }
  // The tests are of the file; what `--monitor` makes of its blocks at this start is not their matter.
  const asWritten = monitor ? (compileSources(sources, { monitor: false, now }).policy ?? policy) : policy
  const { failures } = runTests(asWritten, asWritten.file.tests, now)
  const failed = failures.map(({ place, message }) => `${formatPlace(place)}: ${message}`)
  const { revision } = policy
  if (failed.length > 0) return { policy: null, problems: failed, sources, revision, changes: [] }
  const isOther = before !== null && before.revision !== revision
  return {
    policy,
    problems: [],
    sources,
    revision,
    changes: isOther ? quotedLines(changesBetween(before, policy)) : [],
  }
}

/** The first lines of a list, and how many more there are. */
export function quotedLines(lines: readonly string[]): readonly string[] {
  if (lines.length <= MAX_LINES) return lines
  return [...lines.slice(0, MAX_LINES - 1), `… and ${lines.length - MAX_LINES + 1} more`]
}

function isError({ severity }: Problem): boolean {
  return severity === 'error'
}
