/** `landline audit verify DIR`: is the log what was signed, and what does that judgement rest on? */
import { type Verification, verifyLog } from '../../audit/proof/verify.ts'
import { howMany, instantInWords } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { keysOf, outsideCheckpoints, problemLines, problemTotal, withLog } from './files.ts'
import { timeOf } from './filter.ts'

export interface AuditVerifyFlags {
  readonly dir: string
  readonly keys: readonly string[]
  /** Files. */
  readonly checkpoints: readonly string[]
  /** Of those who sign reviews. */
  readonly reviewerKeys?: readonly string[]
  /** When the copy was made. */
  readonly asOf?: string | undefined
  readonly json: boolean
}

/** 0: intact or consistent, 1: tampered, 2: incomplete. Throws UsageError. */
export async function auditVerify(flags: AuditVerifyFlags, io: Io): Promise<ExitCode> {
  const { dir, keys, checkpoints, reviewerKeys = [], json } = flags
  const given = keysOf(keys)
  const reviewers = keysOf(reviewerKeys, 'reviewer-key')
  const outside = await outsideCheckpoints(checkpoints)
  const asOf = pastTime(flags.asOf, io.now())
  const options = { dir, keys: given, outside, reviewers, now: io.now(), asOf }
  const verification = await withLog(dir, () => verifyLog(options))
  if (json) printJson(io, jsonOf(verification))
  else for (const line of report(verification, given.length > 0, outside.length, asOf)) io.print(line)
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

/** Of records that were found unsigned, told in text. */
const MOST_RANGES = 5

/** Throws UsageError. */
function pastTime(text: string | undefined, now: number): number | null {
  const at = timeOf('as-of', text, now)
  if (at !== null && at > now) throw new UsageError(`--as-of ${text} is still to come; say when the copy was made`)
  return at
}

function jsonOf({ problemCount, basis, ...verification }: Verification) {
  return {
    ...verification,
    problem_count: problemCount,
    basis: {
      key: basis.key,
      key_given: basis.keyGiven,
      key_handed_over: basis.keyHandedOver,
      checkpoint_from_outside: basis.outsideSize,
      signed_records: basis.signedSize,
      unsigned_tail: basis.unsignedTail,
      tail_not_proven: basis.tailSigned,
      found_unsigned: basis.adopted,
      purged_through: basis.purgedThrough,
      tallies: basis.tallies,
      open_tallies: basis.openTallies,
      sign_offs: {
        by_given_keys: basis.signOffs.byGiven,
        by_others: basis.signOffs.byOthers,
        other_keys: basis.signOffs.others,
      },
      purged_and_there: basis.leftovers,
    },
  }
}

function report(
  { result, records, checkpoints, problems, problemCount, basis }: Verification,
  isKeyGiven: boolean,
  outside: number,
  asOf: number | null,
): string[] {
  const key = basis.key ?? 'nobody: the log has no checkpoint that fits'
  const purged =
    basis.purgedThrough > 0 ? [`  purged: records 1 to ${basis.purgedThrough}, by a record of the log`] : []
  return [
    ...problemLines(problems, problemCount),
    `${result}: ${howMany(records, 'record')}, ${howMany(checkpoints, 'checkpoint')}, ${problemTotal(problemCount)}`,
    `  signed by ${key}${basis.key === null ? '' : trustOf(basis)}`,
    outsideLine(basis.outsideSize, isKeyGiven, outside),
    tailLine(basis),
    ...(asOf === null ? [] : [`  as of ${instantInWords(asOf)}, when this copy was made by the word of who verifies`]),
    ...adoptedLines(basis),
    ...purged,
    ...talliesLines(basis),
    ...signOffLines(basis),
    ...basis.leftovers.map(
      (file) => `  not judged: ${file}, whose records are purged; the next start of the proxy removes it`,
    ),
  ]
}

/** What is behind a fault may be signed, and is proven by nothing: one bit less or more, and no checkpoint from there on fits. */
function tailLine({ unsignedTail, signedSize, tailSigned }: Verification['basis']): string {
  const tail = howMany(unsignedTail, 'record')
  if (!tailSigned) return `  unsigned: ${tail} at the end, after the ${signedSize} under the newest checkpoint`
  return signedSize === 0
    ? `  not proven: ${tail}; there is no checkpoint that fits`
    : `  not proven: ${tail} after record ${signedSize}, the last that is proven`
}

function adoptedLines({ adopted }: Verification['basis']): string[] {
  if (adopted.length === 0) return []
  const count = adopted.reduce((sum, { from, through }) => sum + through - from + 1, 0)
  const named = adopted
    .slice(-MOST_RANGES)
    .map(({ from, through, record }) => `${rangeOf(from, through)} (record ${record} says so)`)
  const [before, of] =
    adopted.length > MOST_RANGES ? ['the last of them ', ` at ${adopted.length} starts`] : ['', ' at a start']
  return [`  found unsigned${of}, and signed since: ${howMany(count, 'record')}, ${before}${named.join(', ')}`]
}

function rangeOf(from: number, through: number): string {
  return from === through ? `${from}` : `${from} to ${through}`
}

function signOffLines({ signOffs: { byGiven, byOthers, others } }: Verification['basis']): string[] {
  if (byGiven + byOthers === 0) return []
  const known = `  sign-offs: ${byGiven} by reviewers' keys that were given`
  return byOthers === 0
    ? [known]
    : [`${known}, ${byOthers} by others, whose word for it is the log: ${others.join(', ')}`]
}

function talliesLines({ tallies, openTallies }: Verification['basis']): string[] {
  if (tallies === 0 && openTallies.length === 0) return []
  const open = openTallies.length === 0 ? '' : `; not yet named by a record: ${openTallies.join(', ')}`
  return [`  tallies: ${tallies} as the log names them${open}`]
}

function trustOf({ keyGiven, keyHandedOver }: Verification['basis']): string {
  if (keyGiven) return ' (a key that was given)'
  return keyHandedOver ? ' (a key that a given one has handed over to)' : ' (by the word of the folder itself)'
}

function outsideLine(size: number, isKeyGiven: boolean, outside: number): string {
  if (size > 0) return `  from outside: the newest fitting checkpoint that was given covers records 1 to ${size}`
  if (outside === 0) return '  from outside: nothing; give a checkpoint that was kept elsewhere with --checkpoint FILE'
  return isKeyGiven
    ? '  from outside: no checkpoint that fits and is signed by a given key'
    : '  from outside: checkpoints, but no key to judge them by; give it with --key VKEY'
}
