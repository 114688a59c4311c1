/** `landline diff`: what differs between two rule files, in words and in changed cells of the matrix. */
import { cellInWords, diffPolicies } from '../../rules/change/diff.ts'
import { sortProblems } from '../../rules/problems.ts'
import { EXIT, type ExitCode, type Io, printJson } from '../io.ts'
import { timeOf } from './explain.ts'
import { loadPolicy, tellProblems } from './load.ts'

export interface DiffFlags {
  readonly before: string
  readonly after: string
  readonly at: string | undefined
  readonly catalogue: string | undefined
  readonly json: boolean
}

/** 0: compared, whatever was found; 1: one of the files is bad. */
export async function diff({ before, after, at, catalogue, json }: DiffFlags, io: Io): Promise<ExitCode> {
  const time = timeOf(at, io.now())
  const load = (file: string) => loadPolicy(file, { monitor: false, now: io.now() }, catalogue)
  const loaded = [await load(before), await load(after)] as const
  const [{ policy: old }, { policy: next }] = loaded
  if (old === null || next === null) {
    const refused = loaded.filter(({ policy }) => policy === null).flatMap(({ problems }) => problems)
    tellProblems(sortProblems(refused), json, io)
    return EXIT.wrong
  }
  const { changes, cells } = diffPolicies(old, next, time)
  const same = old.revision === next.revision
  if (json) {
    const revisions = { before: old.revision, after: next.revision }
    printJson(io, { same, revisions, at: new Date(time).toISOString(), changes, cells })
    return EXIT.fine
  }
  if (same && changes.length === 0) io.print(`no difference: both are ${old.revision}`)
  // A rule that is off, or another way to say the same.
  else if (same) io.print(`written differently, with the same meaning: both are ${old.revision}`)
  for (const change of changes) io.print(change)
  if (cells.length > 0) io.print(`\nsegment and service: before → after, as of ${new Date(time).toISOString()}`)
  for (const cell of cells)
    io.print(`${cell.segment} ${cell.service}: ${cellInWords(cell.before)} → ${cellInWords(cell.after)}`)
  return EXIT.fine
}
