/** `landline audit consistency`: prove that one checkpoint's log is the beginning of another's, or check such a proof without the log. */
import { readFileSync } from 'node:fs'
import {
  type Consistency,
  consistencyFaults,
  formatConsistency,
  parseConsistency,
} from '../../audit/proof/consistency.ts'
import type { VerifierKey } from '../../audit/proof/note.ts'
import { proveConsistency } from '../../audit/proof/proof.ts'
import { howMany } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { keysOf, outsideCheckpoints, withLog } from './files.ts'

export interface ConsistencyFlags {
  /** The folder and two files of checkpoints; or one file, a proof. */
  readonly positionals: readonly string[]
  readonly keys: readonly string[]
  readonly json: boolean
}

/** 0: it holds, 1: it does not, 2: lines that it needs are missing. Throws UsageError. */
export async function auditConsistency({ positionals, keys, json }: ConsistencyFlags, io: Io): Promise<ExitCode> {
  const [first = '', older, newer] = positionals
  const given = keysOf(keys)
  if (older === undefined) return check(first, given, json, io)
  if (newer === undefined)
    throw new UsageError('two checkpoints are needed, the older one first; or a proof alone, to check it')
  const [from, to] = [await newest(older), await newest(newer)]
  const hashes = await withLog(first, () => proveConsistency(first, from, to))
  const proof = hashes && { older: from, newer: to, hashes }
  const faults = proof === null ? [] : consistencyFaults(proof, given)
  if (json) printJson(io, { ...jsonOf(proof, faults), proof: proof && formatConsistency(proof) })
  else if (proof !== null && faults.length === 0) io.print(formatConsistency(proof).trimEnd())
  if (proof === null)
    io.complain(
      `${first}: not to be proven from what is here: lines are missing, or the log is not what was signed. "landline audit verify" says which`,
    )
  for (const fault of faults) io.complain(fault)
  return proof === null ? EXIT.incomplete : faults.length > 0 ? EXIT.wrong : EXIT.fine
}

/** The last checkpoint that the file holds. */
async function newest(file: string) {
  const found = await outsideCheckpoints([file])
  return found.reduce((x, y) => (y.checkpoint.size >= x.checkpoint.size ? y : x)).checkpoint
}

function check(file: string, keys: readonly VerifierKey[], json: boolean, io: Io): ExitCode {
  const proof = parseConsistency(readText(file))
  if (proof === null) throw new UsageError(`${file} is no consistency proof as "landline audit consistency" prints it`)
  const faults = consistencyFaults(proof, keys)
  if (json) printJson(io, jsonOf(proof, faults))
  else if (faults.length === 0) {
    const { older, newer } = proof
    io.print(
      `The ${howMany(older.size, 'record of the older checkpoint is', 'records of the older checkpoint are')} the first of the ${newer.size} of the newer one.`,
    )
    if (keys.length === 0) io.print('No key was given, so it is not known who signed them: --key VKEY.')
  }
  for (const fault of faults) io.complain(fault)
  return faults.length > 0 ? EXIT.wrong : EXIT.fine
}

function jsonOf(proof: Consistency | null, faults: readonly string[]) {
  return {
    consistent: proof !== null && faults.length === 0,
    older: proof && { origin: proof.older.origin, size: proof.older.size },
    newer: proof && { origin: proof.newer.origin, size: proof.newer.size },
    faults,
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new UsageError(`${file} cannot be read (${why}); name the proof, or a folder and two checkpoints`)
  }
}
