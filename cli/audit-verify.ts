/** `landline audit verify DIR`: is the log what was signed, and what does that judgement rest on? */
import { type Verification, verifyLog } from '../audit/verify.ts'
import { keysOf, outsideCheckpoints, problemLines, withLog } from './audit-files.ts'
import { EXIT, type ExitCode, type Io, printJson } from './io.ts'

export interface AuditVerifyFlags {
  readonly dir: string
  readonly keys: readonly string[]
  /** Files. */
  readonly checkpoints: readonly string[]
  readonly json: boolean
}

/** 0: intact or consistent, 1: tampered, 2: incomplete. Throws UsageError. */
export async function auditVerify({ dir, keys, checkpoints, json }: AuditVerifyFlags, io: Io): Promise<ExitCode> {
  const given = keysOf(keys)
  const outside = await outsideCheckpoints(checkpoints)
  const verification = await withLog(dir, () => verifyLog({ dir, keys: given, outside, now: io.now() }))
  if (json) printJson(io, jsonOf(verification))
  else for (const line of report(verification, given.length > 0, outside.length)) io.print(line)
  switch (verification.result) {
    case 'tampered':
      return EXIT.wrong
    case 'incomplete':
      return EXIT.incomplete
    case 'intact':
    case 'consistent':
      return EXIT.fine
  }
}

function jsonOf({ problemCount, basis, ...verification }: Verification) {
  return {
    ...verification,
    problem_count: problemCount,
    basis: {
      key: basis.key,
      key_given: basis.keyGiven,
      checkpoint_from_outside: basis.outsideSize,
      signed_records: basis.signedSize,
      unsigned_tail: basis.unsignedTail,
      purged_through: basis.purgedThrough,
      tallies: basis.tallies,
      open_tallies: basis.openTallies,
      purged_and_there: basis.leftovers,
    },
  }
}

function report(
  { result, records, checkpoints, problems, problemCount, basis }: Verification,
  isKeyGiven: boolean,
  outside: number,
): string[] {
  const key = basis.key ?? 'nobody: the log has no checkpoint that fits'
  const purged =
    basis.purgedThrough > 0 ? [`  purged: records 1 to ${basis.purgedThrough}, by a record of the log`] : []
  return [
    ...problemLines(problems, problemCount),
    `${result}: ${records} records, ${checkpoints} checkpoints, ${problemCount} problems`,
    `  signed by ${key}${basis.key === null ? '' : basis.keyGiven ? ' (a key that was given)' : ' (by the word of the folder itself)'}`,
    outsideLine(basis.outsideSize, isKeyGiven, outside),
    `  unsigned: ${basis.unsignedTail} records at the end, after the ${basis.signedSize} under the newest checkpoint`,
    ...purged,
    ...talliesLines(basis),
    ...basis.leftovers.map(
      (file) => `  not judged: ${file}, whose records are purged; the next start of the proxy removes it`,
    ),
  ]
}

function talliesLines({ tallies, openTallies }: Verification['basis']): string[] {
  if (tallies === 0 && openTallies.length === 0) return []
  const open = openTallies.length === 0 ? '' : `; not yet named by a record: ${openTallies.join(', ')}`
  return [`  tallies: ${tallies} as the log names them${open}`]
}

function outsideLine(size: number, isKeyGiven: boolean, outside: number): string {
  if (size > 0) return `  from outside: the newest fitting checkpoint that was given covers records 1 to ${size}`
  if (outside === 0) return '  from outside: nothing; give a checkpoint that was kept elsewhere with --checkpoint FILE'
  return isKeyGiven
    ? '  from outside: no checkpoint that fits and is signed by a given key'
    : '  from outside: checkpoints, but no key to judge them by; give it with --key VKEY'
}
