/** `landline audit verify-export EXTRACT`: is an extract what was taken out of the log, and what does that judgement rest on? */
import { type ExtractVerification, isExtract, verifyExtract } from '../../audit/extract/verify.ts'
import { howMany } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { keysOf, outsideCheckpoints, problemLines, problemTotal, unreadable } from './files.ts'

export interface AuditVerifyExportFlags {
  readonly dir: string
  readonly keys: readonly string[]
  /** Files. */
  readonly checkpoints: readonly string[]
  readonly json: boolean
}

/** 0: intact or consistent, 1: tampered, 2: incomplete. Throws UsageError. */
export async function auditVerifyExport(flags: AuditVerifyExportFlags, io: Io): Promise<ExitCode> {
  const { dir, json } = flags
  const keys = keysOf(flags.keys)
  const outside = await outsideCheckpoints(flags.checkpoints)
  if (!isExtract(dir)) throw new UsageError(`${dir}: no extract there. Name the folder that holds manifest.json`)
  const found = await verifyExtract({ dir, keys, outside }).catch(unreadable(dir))
  if (json) printJson(io, jsonOf(found))
  else for (const line of report(found)) io.print(line)
  if (found.result === 'tampered') return EXIT.wrong
  return found.result === 'incomplete' ? EXIT.incomplete : EXIT.fine
}

function jsonOf({ problemCount, basis, ...found }: ExtractVerification) {
  return {
    ...found,
    problem_count: problemCount,
    basis: {
      key: basis.key,
      key_given: basis.keyGiven,
      checkpoint_from_outside: basis.checkpointFromOutside,
      manifest_key: basis.manifestKey,
      manifest_key_given: basis.manifestKeyGiven,
      record: basis.reference ?? 'unrecorded',
      left_out_between: basis.leftOut,
    },
  }
}

function report({ result, records, problems, problemCount, manifest, basis }: ExtractVerification): string[] {
  const head = [
    ...problemLines(problems, problemCount),
    `${result}: ${howMany(records, 'record')}, ${problemTotal(problemCount)}`,
  ]
  if (manifest === null) return head
  const { by, reason, created, checkpoint, filter } = manifest
  const conditions = Object.entries(filter).filter(([, value]) => value !== null)
  const picked =
    conditions.length === 0 ? 'everything' : conditions.map(([name, value]) => `${name} ${value}`).join(', ')
  const from = basis.checkpointFromOutside ? 'is one that was given' : 'was not given from outside (--checkpoint FILE)'
  return [
    ...head,
    `  taken ${created} by ${by}: ${reason}`,
    `  records of ${checkpoint.origin}, signed by ${keyLine(basis.key, basis.keyGiven)}`,
    `  the checkpoint of ${howMany(checkpoint.size, 'record')} ${from}`,
    `  manifest signed by ${keyLine(basis.manifestKey, basis.manifestKeyGiven)}; ${recordLine(basis.reference)}`,
    `  compared: ${Object.keys(manifest.files).join(', ')}`,
    `  asked for: ${picked}`,
    result === 'tampered'
      ? '  complete? Nothing follows from an extract that is not what was taken out'
      : completeness(basis.leftOut, records, manifest.first_sequence, manifest.last_sequence),
  ]
}

function keyLine(key: string | null, isGiven: boolean): string {
  if (key === null) return 'nobody'
  return `${key}${isGiven ? ' (a key that was given)' : ' (by the word of the extract itself)'}`
}

function recordLine(reference: string | null): string {
  return reference === null ? 'the export is on no record' : `on record in the log as ${reference}`
}

/** What the proof says of records that are not here. */
function completeness(leftOut: number | null, records: number, first: number | null, last: number | null): string {
  if (leftOut === null) return '  complete? That is not known: the extract could not be read to its end'
  if (records === 0) return '  complete? An extract without records proves nothing of what was left out'
  if (leftOut === 0) return `  complete: all records from ${first} to ${last}; nothing between them was left out`
  return `  complete? ${howMany(leftOut, 'record')} between ${first} and ${last} ${leftOut === 1 ? 'is' : 'are'} not here. That the filter left them out is the manifest's word: no proof shows what they say`
}
