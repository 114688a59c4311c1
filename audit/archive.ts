/**
 * Every rules revision that ran, beside the log in `rules/<hex>.json`: enough to run it again, and to show an auditor a
 * rule's text as it stood. `rules/last-good.json` names the newest of them. All writes are atomic.
 */
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FOLDER_MODE } from './disk.ts'
import { AuditError, errorName } from './error.ts'
import { makeFolder } from './folder.ts'
import { replaceFile } from './replace.ts'

/** A revision as it was loaded: the texts, not what was made of them. */
export interface RulesRevision {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly revision: string
  /** The rule file among `files`. */
  readonly main: string
  /** Text by path: the rule file, all it includes, its segment files. */
  readonly files: Readonly<Record<string, string>>
  /** Text by file name: the catalogue in use. */
  readonly catalogue: Readonly<Record<string, string>>
}

export interface ArchivedRevision extends RulesRevision {
  /** When it first ran; ISO 8601. */
  readonly archivedAt: string
}

export const RULES_FOLDER = 'rules'
const LAST_GOOD = 'last-good.json'
const REVISION = /^sha256:([0-9a-f]{64})$/

/** Archives a revision, unless it is there already; one that `runs` becomes the last good one. Rejects with ERR_AUDIT_ARCHIVE. */
export async function archiveRevision(dir: string, rules: RulesRevision, now: number, runs = true): Promise<void> {
  const name = fileName(rules.revision)
  const folder = join(dir, RULES_FOLDER)
  try {
    await makeFolder(folder, FOLDER_MODE)
    const { revision, main, files, catalogue } = rules
    const archived: ArchivedRevision = { revision, archivedAt: new Date(now).toISOString(), main, files, catalogue }
    if (!(await exists(join(folder, name)))) await replaceFile(folder, name, jsonOf(archived))
    if (runs) await replaceFile(folder, LAST_GOOD, jsonOf({ revision }))
  } catch (cause) {
    const message = `The rules ${rules.revision} cannot be archived in ${folder}: ${errorName(cause)}`
    throw new AuditError('ERR_AUDIT_ARCHIVE', message, { cause })
  }
}

/** The revision that ran last; null where none was archived. Rejects with ERR_AUDIT_ARCHIVE where it cannot be read back. */
export async function readLastGood(dir: string): Promise<ArchivedRevision | null> {
  const path = join(dir, RULES_FOLDER, LAST_GOOD)
  if (!(await exists(path))) return null
  const pointer = readJson(path)
  if (typeof pointer.revision !== 'string') throw damaged(path, 'it names no revision')
  return readRevision(dir, pointer.revision)
}

/** An archived revision. Rejects with ERR_AUDIT_ARCHIVE where it is not there or not whole. */
export async function readRevision(dir: string, revision: string): Promise<ArchivedRevision> {
  return readRevisionSync(dir, revision)
}

/** For those who find out which one they need while they read on. Throws ERR_AUDIT_ARCHIVE where it is not there or not whole. */
export function readRevisionSync(dir: string, revision: string): ArchivedRevision {
  const path = join(dir, RULES_FOLDER, fileName(revision))
  const value = readJson(path)
  const { archivedAt, main, files, catalogue } = value
  const whole = typeof archivedAt === 'string' && typeof main === 'string' && isTexts(files) && isTexts(catalogue)
  if (!whole || value.revision !== revision) throw damaged(path, `it does not hold the revision ${revision}`)
  return { revision, archivedAt, main, files, catalogue }
}

function fileName(revision: string): string {
  const hex = REVISION.exec(revision)?.[1]
  if (hex === undefined)
    throw new AuditError('ERR_AUDIT_ARCHIVE', `'${revision}' is no revision: sha256: and 64 digits`)
  return `${hex}.json`
}

function jsonOf(value: object): string {
  return `${JSON.stringify(value, null, 1)}\n`
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}

function readJson(path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch (cause) {
    throw damaged(path, errorName(cause), cause)
  }
}

function damaged(path: string, why: string, cause?: unknown): AuditError {
  return new AuditError('ERR_AUDIT_ARCHIVE', `${path} cannot be used: ${why}`, { cause })
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string')
}
