/** `landline audit sign-off [DIR]`: a reviewer says, by their own key, which records they have looked at and what came of it. */
import { writeFileSync } from 'node:fs'
import { AuditError } from '../../audit/error.ts'
import { type Checkpoint, parseCheckpoint } from '../../audit/proof/checkpoint.ts'
import { CHECKPOINTS } from '../../audit/proof/checkpoint-file.ts'
import { loadPrivateKey } from '../../audit/proof/keys.ts'
import { newestCheckpoint } from '../../audit/proof/look-up.ts'
import type { SigningKey } from '../../audit/proof/note.ts'
import { type Statement, signStatement, VERDICTS } from '../../audit/proof/sign-off.ts'
import { reviewedThrough } from '../../audit/reviewed.ts'
import { findTime } from '../../audit/seek.ts'
import { listSegments } from '../../audit/segment.ts'
import { parseInstant } from '../../rules/instant.ts'
import { howMany } from '../../rules/words.ts'
import type { ReviewAnswer, SignOffAnswer } from '../api/sign-off.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import type { Flags } from '../options.ts'
import { type AdminClient, openAdminClient } from '../running/admin-client.ts'
import { CLIENT_VARIABLES } from '../settings/variables.ts'
import { withLog } from './files.ts'
import { textOf, unrecorded } from './recording.ts'

/** `dir` undefined: the running proxy's own. */
export type AuditSignOffFlags = Flags<'audit sign-off'> & { readonly dir: string | undefined }

const WAIT = 'Wait for the next one that the proxy signs (audit.checkpoint; every 60 seconds where nothing else is set)'

/** What is there to be reviewed. */
interface Log {
  /** null: nothing is signed. */
  readonly checkpoint: Checkpoint | null
  readonly reviewed: number
}

/** 0: signed, and on record where a proxy was told; 2: no checkpoint covers that. Throws UsageError; rejects with AdminError. */
export async function auditSignOff(
  flags: AuditSignOffFlags,
  env: Readonly<Record<string, string | undefined>>,
  io: Io,
): Promise<ExitCode> {
  const { dir, out, json = false } = flags
  const reviewer = textOf('reviewer', flags.reviewer)
  const key = keyOf(flags.key ?? '', reviewer)
  const about = { reviewer, note: textOf('note', flags.note), verdict: verdictOf(flags.verdict) }
  const role = flags.role === undefined ? null : textOf('role', flags.role)
  const client = await clientFor(flags, env, io)
  const log = await stateOf(dir, client)
  const { checkpoint } = log
  if (checkpoint === null) {
    io.complain(`nothing to sign off: there is no checkpoint. ${WAIT}; a copy of a log needs its ${CHECKPOINTS}`)
    return EXIT.incomplete
  }
  const asked = flags.range ?? '..'
  const range = await rangeOf(asked, { ...log, checkpoint }, dir)
  const refusal = refusalOf(range, asked, checkpoint.size, log.reviewed)
  if (refusal !== null) {
    io.complain(refusal)
    return EXIT.incomplete
  }
  const { origin, size, root } = checkpoint
  const time = new Date(io.now()).toISOString()
  const statement = { origin, size, root: root.toString('base64'), ...range, ...about, role, time }
  const text = signStatement(statement, key)
  if (out !== undefined) writeFileSync(out, text)
  const record = client && (await recorded(client, text, key))
  if (json) printJson(io, { ...statement, key: key.verifier.text, statement: text, record: record ?? 'unrecorded' })
  else for (const line of report(statement, key, text, record)) io.print(line)
  return EXIT.fine
}

/** By way of the proxy where anything says who asks it or where it is, and where no folder is named. Throws UsageError. */
async function clientFor(
  flags: AuditSignOffFlags,
  env: Readonly<Record<string, string | undefined>>,
  io: Io,
): Promise<AdminClient | null> {
  const { dir, user, admin, config } = flags
  const isNamed = [user, env[CLIENT_VARIABLES.user] || undefined, admin, config].some((given) => given !== undefined)
  if (isNamed || dir === undefined) return openAdminClient(flags, env, io)
  unrecorded(dir)
  return null
}

async function stateOf(dir: string | undefined, client: AdminClient | null): Promise<Log> {
  if (client !== null) {
    // The shape is that of our own API.
    const { reviewed, checkpoint } = (await client.call('GET', '/api/v1/sign-off')) as ReviewAnswer
    return { reviewed, checkpoint: checkpoint === null ? null : parseCheckpoint(checkpoint) }
  }
  const folder = dir ?? ''
  return withLog(folder, async () => {
    const newest = await newestCheckpoint(folder, [])
    return { checkpoint: newest?.checkpoint ?? null, reviewed: await reviewedThrough(folder) }
  })
}

async function recorded(client: AdminClient, statement: string, key: SigningKey): Promise<string> {
  const answer = await client.call('POST', '/api/v1/sign-off', { statement, key: key.verifier.text })
  return (answer as SignOffAnswer).record
}

/** Throws UsageError. */
async function rangeOf(
  text: string,
  { checkpoint, reviewed }: Log & { readonly checkpoint: Checkpoint },
  dir: string | undefined,
): Promise<Pick<Statement, 'from' | 'to'>> {
  const parts = text.split('..')
  const [first = '', last = ''] = parts
  if (parts.length !== 2) throw new UsageError(`--range ${text}: write FROM..TO, two sequence numbers or two times`)
  if (isCount(first) && isCount(last) && Number(first) > Number(last))
    throw new UsageError(`--range ${text} ends before it begins; write FROM..TO`)
  const from = first === '' ? reviewed + 1 : await sequenceOf(first, dir)
  // Up to and without the first record of that time.
  const to = last === '' ? checkpoint.size : isCount(last) ? Number(last) : (await sequenceOf(last, dir)) - 1
  return { from, to: isCount(last) ? to : Math.min(to, checkpoint.size) }
}

/** Why there is nothing to sign, and what to do; null: there is. */
function refusalOf(
  { from, to }: Pick<Statement, 'from' | 'to'>,
  text: string,
  size: number,
  reviewed: number,
): string | null {
  const newest = `the newest checkpoint covers ${size === 1 ? 'record 1' : `records 1 to ${size}`}`
  const isOpen = text.startsWith('..')
  if (isOpen && from > size)
    return `nothing to sign off: ${newest}, and all of them are signed off. ${WAIT}, or name them again with --range 1..${size}`
  if (Math.max(from, to) > size) {
    const first = from > size ? reviewed + 1 : from
    const offer = first > size ? '' : `, or sign off what it covers with --range ${first}..${size}`
    return `--range ${text}: ${newest}, and not record ${to > size ? to : from}. ${WAIT}${offer}`
  }
  if (from <= to) return null
  return isOpen
    ? `--range ${text}: records 1 to ${reviewed} are signed off; to sign off again, name the first one too: FROM..TO`
    : `--range ${text}: no record is of that time; ${newest}`
}

async function sequenceOf(text: string, dir: string | undefined): Promise<number> {
  if (isCount(text)) return Number(text)
  const at = parseInstant(text)
  if (typeof at === 'string')
    throw new UsageError(`--range: ${text} is neither a sequence number nor a time such as 2026-12-01T00:00:00Z`)
  if (dir === undefined) throw new UsageError('--range: times need the folder; name DIR, or write sequence numbers')
  return findTime(await listSegments(dir), at)
}

function isCount(text: string): boolean {
  return /^[1-9]\d{0,14}$/.test(text)
}

function keyOf(file: string, reviewer: string): SigningKey {
  try {
    return loadPrivateKey(file, reviewer)
  } catch (error) {
    if (error instanceof AuditError) throw new UsageError(`--key: ${error.message}`)
    throw error
  }
}

function verdictOf(text: string = VERDICTS[0]): Statement['verdict'] {
  const verdict = VERDICTS.find((word) => word === text)
  if (verdict === undefined) throw new UsageError(`--verdict ${text} is none of ${VERDICTS.join(', ')}`)
  return verdict
}

function report(
  { from, to, size, verdict, reviewer }: Statement,
  key: SigningKey,
  text: string,
  record: string | null,
): string[] {
  return [
    `records ${from} to ${to} signed off as ${verdict} by ${reviewer}, at the checkpoint of ${howMany(size, 'record')}`,
    `  signed by ${key.verifier.text}`,
    `  ${record === null ? 'unrecorded: this folder is a copy, no running proxy was told' : `on record as ${record}`}`,
    '',
    text.trimEnd(),
  ]
}
