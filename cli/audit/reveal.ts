/** `landline audit reveal DIR REF|PSEUDONYM`: the address behind a pseudonym; on record before it is told. */
import { AuditError } from '../../audit/error.ts'
import { readMonthKey } from '../../audit/privacy-keys.ts'
import { type Client, isPseudonym, openSealed } from '../../audit/pseudonym.ts'
import { queryLog } from '../../audit/query.ts'
import type { AuditRecord } from '../../audit/read.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import type { Flags } from '../options.ts'
import { withLog } from './files.ts'
import { ANY } from './filter.ts'
import { type Recording, type Revealed, textOf } from './recording.ts'

export type AuditRevealFlags = Flags<'audit reveal'> & { readonly dir: string; readonly wanted: string }

const REFERENCE = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * 0: revealed, 1: there is no such record, or what is sealed in it does not fit, 2: the month's key is gone. Throws UsageError;
 * rejects with AdminError where the proxy does not answer, or says no.
 */
export async function auditReveal(flags: AuditRevealFlags, recording: Recording, io: Io): Promise<ExitCode> {
  const { dir, wanted, json = false, 'privacy-key': path } = flags
  const about = { by: textOf('by', flags.by ?? recording.user), reason: textOf('reason', flags.reason) }
  const record = await withLog(dir, () => find(dir, wanted.toLowerCase()))
  const pseudonym = record?.source?.address
  const sealed = record?.landline.client?.sealed
  if (record === null || pseudonym === undefined || sealed === undefined) {
    io.complain(`${wanted}: ${record === null ? `no such record in ${dir}` : 'its record holds no pseudonym'}`)
    return EXIT.wrong
  }
  const revealed = { ...about, reference: record.event.id, pseudonym }
  const told = await open({ ...revealed, sealed }, path, recording)
  if (typeof told === 'string') {
    io.complain(`${wanted}: ${REFUSALS[told]}`)
    return told === 'no key' ? EXIT.incomplete : EXIT.wrong
  }
  const reference = told.record
  if (json) printJson(io, jsonOf(revealed, told.client, reference))
  else for (const line of report(revealed, told.client, reference)) io.print(line)
  return EXIT.fine
}

const REFUSALS = {
  'no key': 'the key of its month is not in that file. Where it was destroyed, nobody can reveal it any more',
  'no fit': 'not sealed by the key of its month in that file, or changed since',
} as const

async function find(dir: string, wanted: string): Promise<AuditRecord | null> {
  if (!isPseudonym(wanted) && !REFERENCE.test(wanted))
    throw new UsageError(`${wanted} is neither a whole reference nor a pseudonym (client-2026-11-…)`)
  const filter = isPseudonym(wanted) ? { ...ANY, source: wanted } : { ...ANY, reference: wanted }
  for await (const { matches } of queryLog(dir, filter)) {
    const [first] = matches
    if (first !== undefined) return JSON.parse(first)
  }
  return null
}

interface Told {
  readonly client: Client
  readonly record: string | null
}

/** By the key file that was given, else by the proxy. */
async function open(
  about: Revealed & { readonly sealed: string },
  path: string | undefined,
  recording: Recording,
): Promise<Told | keyof typeof REFUSALS> {
  const { sealed, ...revealed } = about
  if (path === undefined) {
    if (recording.opened !== null) return recording.opened(about)
    throw new UsageError("on a copy --privacy-key FILE is needed: the months' keys")
  }
  const client = opened(path, about.pseudonym, sealed)
  return typeof client === 'string' ? client : { client, record: await recording.revealed(revealed) }
}

function opened(path: string, pseudonym: string, sealed: string) {
  try {
    return openSealed((month) => readMonthKey(path, month), pseudonym, sealed)
  } catch (error) {
    if (error instanceof AuditError) throw new UsageError(error.message)
    throw error
  }
}

function jsonOf({ reference, pseudonym }: Revealed, { ip: address, port, path }: Client, record: string | null) {
  return { reference, pseudonym, address, port, path, record: record ?? 'unrecorded' }
}

function report({ reference, pseudonym }: Revealed, { ip, port, path }: Client, record: string | null): string[] {
  const way = path.length === 0 ? '' : `, by way of ${path.join(', ')}`
  return [
    `${pseudonym} is ${ip}`,
    `  of record ${reference}: port ${port ?? '-'}${way}`,
    `  ${record === null ? 'unrecorded: this folder is a copy, no running proxy was told' : `on record as ${record}`}`,
  ]
}
