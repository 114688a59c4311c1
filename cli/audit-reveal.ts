/** `landline audit reveal DIR REF|PSEUDONYM`: the address behind a pseudonym; on record before it is told. */
import { AuditError } from '../audit/error.ts'
import { readMonthKey } from '../audit/privacy-keys.ts'
import { type Client, isPseudonym, pseudonymOf, unsealClient } from '../audit/pseudonym.ts'
import { queryLog } from '../audit/query.ts'
import type { AuditRecord } from '../audit/read.ts'
import { withLog } from './audit-files.ts'
import { ANY } from './audit-filter.ts'
import { type Recording, textOf } from './audit-recording.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from './io.ts'
import type { Flags } from './options.ts'

export type AuditRevealFlags = Flags<'audit reveal'> & { readonly dir: string; readonly wanted: string }

const REFERENCE = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** 0: revealed, 1: there is no such record, or what is sealed in it does not fit, 2: the month's key is gone. Throws UsageError; rejects with AdminError. */
export async function auditReveal(flags: AuditRevealFlags, recording: Recording, io: Io): Promise<ExitCode> {
  const { dir, wanted, json = false } = flags
  const about = { by: textOf('by', flags.by), reason: textOf('reason', flags.reason) }
  const record = await withLog(dir, () => find(dir, wanted.toLowerCase()))
  const pseudonym = record?.source?.address
  const sealed = record?.landline.client?.sealed
  if (record === null) io.complain(`${wanted}: no such record in ${dir}`)
  else if (pseudonym === undefined || sealed === undefined) io.complain(`${wanted}: its record holds no pseudonym`)
  if (record === null || pseudonym === undefined || sealed === undefined) return EXIT.wrong
  const month = pseudonym.slice('client-'.length, 'client-2026-11'.length)
  const key = keyOf(flags['privacy-key'] ?? '', month)
  if (key === null) {
    io.complain(
      `${wanted}: the key of ${month} is not in that file. Where it was destroyed, nobody can reveal it any more`,
    )
    return EXIT.incomplete
  }
  const client = unsealClient(key, sealed)
  if (client === null || pseudonymOf(key, client.ip) !== pseudonym) {
    io.complain(`${wanted}: not sealed by the key of ${month} in that file, or changed since`)
    return EXIT.wrong
  }
  const reference = await recording.revealed({ ...about, reference: record.event.id, pseudonym })
  tell(record, client, reference, json, io)
  return EXIT.fine
}

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

function keyOf(path: string, month: string) {
  try {
    return readMonthKey(path, month)
  } catch (error) {
    if (error instanceof AuditError) throw new UsageError(error.message)
    throw error
  }
}

function tell({ event, source }: AuditRecord, client: Client, recorded: string | null, json: boolean, io: Io): void {
  const { ip, port, path } = client
  if (json) {
    const record = recorded ?? 'unrecorded'
    printJson(io, { reference: event.id, pseudonym: source?.address, address: ip, port, path, record })
    return
  }
  io.print(`${source?.address} is ${ip}`)
  io.print(`  of record ${event.id}: port ${port ?? '-'}${path.length === 0 ? '' : `, by way of ${path.join(', ')}`}`)
  io.print(
    `  ${recorded === null ? 'unrecorded: this folder is a copy, no running proxy was told' : `on record as ${recorded}`}`,
  )
}
