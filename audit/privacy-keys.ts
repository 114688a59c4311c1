/**
 * The file of the months' keys: JSON that only its owner may read, outside of the log's folder. Each month has a key of its
 * own, so that one can be destroyed without the others. A key is on the disk before the first record that needs it.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import * as z from 'zod'
import { AuditError, errorName } from './error.ts'
import { makeFolderSync, syncFolder } from './folder.ts'
import { isInside, KEY_FOLDER_MODE, KEY_MODE } from './proof/keys.ts'
import { KEY_BYTES, type MonthKey, monthAfter, monthKey, monthOf } from './pseudonym.ts'

const FORMAT = 'landline-privacy-keys/1'
const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/

const schema = z.strictObject({
  format: z.literal(FORMAT),
  /** By month: the secret in base64. */
  months: z.record(z.string().regex(MONTH), z.strictObject({ key: z.base64().length(44), made: z.iso.datetime() })),
  /** Keys that were destroyed, and whether the log was told. */
  destroyed: z.record(
    z.string().regex(MONTH),
    z.strictObject({ at: z.iso.datetime(), by: z.string(), reason: z.string(), recorded: z.boolean() }),
  ),
})
type KeyFile = z.output<typeof schema>

export interface Destruction {
  readonly month: string
  readonly by: string
  readonly reason: string
}

/** Whether others on this machine can read it. */
export function isExposed(path: string): boolean {
  return (statSync(path).mode & 0o077) !== 0
}

/** Throws ERR_AUDIT_PRIVACY where the file would lie inside the folder. */
export function refuseInside(path: string, auditDir: string): void {
  if (!isInside(path, auditDir)) return
  const message = `The privacy key ${path} lies in the audit folder ${auditDir}: whoever copies the log would have it. Set audit.privacy_key to a path elsewhere.`
  throw new AuditError('ERR_AUDIT_PRIVACY', message)
}

/** The keys as a running proxy uses them. Every call that touches the file throws ERR_AUDIT_PRIVACY where it cannot. */
export class PrivacyKeys {
  readonly #path: string
  readonly #keys = new Map<string, MonthKey>()

  /** Makes the file where there is none. */
  constructor(path: string, now: number) {
    this.#path = path
    this.prepare(now)
  }

  /** The key of the time's month, made and written down where there is none yet. */
  at(time: number): MonthKey {
    const month = monthOf(time)
    const known = this.#keys.get(month)
    if (known !== undefined) return known
    this.prepare(time)
    // `prepare` has it, or has thrown.
    return this.#keys.get(month)!
  }

  /** Sees to it that this month's key and the next one's are on the disk, long before the latter is needed. */
  prepare(now: number): void {
    const months = [monthOf(now), monthAfter(monthOf(now))]
    if (months.every((month) => this.#keys.has(month))) return
    const file = readKeyFile(this.#path) ?? { format: FORMAT, months: {}, destroyed: {} }
    const missing = months.filter((month) => file.months[month] === undefined)
    const made = new Date(now).toISOString()
    for (const month of missing) file.months[month] = { key: randomBytes(KEY_BYTES).toString('base64'), made }
    if (missing.length > 0) writeKeyFile(this.#path, file)
    this.#keys.clear()
    for (const month of months) this.#keys.set(month, keyOf(file, month)!)
  }

  /** Destroys the keys of months that ended before `oldest` (milliseconds since 1970): there are to be no records of them any more. */
  expire(oldest: number, now: number): void {
    const file = readKeyFile(this.#path)
    const months = Object.keys(file?.months ?? {}).filter((month) => month < monthOf(oldest))
    for (const month of months)
      destroyMonth(this.#path, { month, by: 'landline', reason: 'the retention is over' }, now)
  }

  /** Destructions of which the log has not been told. */
  untold(): readonly Destruction[] {
    const destroyed = Object.entries(readKeyFile(this.#path)?.destroyed ?? {})
    return destroyed.flatMap(([month, { by, reason, recorded }]) => (recorded ? [] : [{ month, by, reason }]))
  }

  told(month: string): void {
    const file = readKeyFile(this.#path)
    const entry = file?.destroyed[month]
    if (file === null || entry === undefined) return
    file.destroyed[month] = { ...entry, recorded: true }
    writeKeyFile(this.#path, file)
  }
}

/** null: the file has no key of that month. Throws ERR_AUDIT_PRIVACY where there is no such file. */
export function readMonthKey(path: string, month: string): MonthKey | null {
  const file = readKeyFile(path)
  if (file === null) throw new AuditError('ERR_AUDIT_PRIVACY', `There is no privacy key ${path}.`)
  return keyOf(file, month)
}

/** Whether there was a key to destroy. What only the file held is gone then; copies of the file are their keepers' to destroy. */
export function destroyMonth(path: string, { month, by, reason }: Destruction, now: number): boolean {
  const file = readKeyFile(path)
  if (file === null) throw new AuditError('ERR_AUDIT_PRIVACY', `There is no privacy key ${path}.`)
  if (file.months[month] === undefined) return false
  delete file.months[month]
  file.destroyed[month] = { at: new Date(now).toISOString(), by, reason, recorded: false }
  writeKeyFile(path, file)
  return true
}

function keyOf({ months }: KeyFile, month: string): MonthKey | null {
  const entry = months[month]
  return entry === undefined ? null : monthKey(month, Buffer.from(entry.key, 'base64'))
}

/** null: there is none. */
function readKeyFile(path: string): KeyFile | null {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    if (errorName(cause) === 'ENOENT') return null
    const why =
      cause instanceof z.ZodError || cause instanceof SyntaxError ? 'it is no file of such keys' : errorName(cause)
    throw new AuditError('ERR_AUDIT_PRIVACY', `The privacy key ${path} cannot be used: ${why}.`, { cause })
  }
}

/** Whole or not at all, also after a power cut. */
function writeKeyFile(path: string, file: KeyFile): void {
  const folder = dirname(path)
  const aside = `${path}.tmp`
  try {
    makeFolderSync(folder, KEY_FOLDER_MODE)
    writeFileSync(aside, `${JSON.stringify(file, null, 1)}\n`, { mode: KEY_MODE, flush: true })
    renameSync(aside, path)
    syncFolder(folder)
  } catch (cause) {
    throw new AuditError('ERR_AUDIT_PRIVACY', `The privacy key ${path} cannot be written: ${errorName(cause)}.`, {
      cause,
    })
  }
}
