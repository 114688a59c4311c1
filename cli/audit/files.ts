/** What the audit commands are given to judge by: public keys, and checkpoints that were kept elsewhere. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AuditError } from '../../audit/error.ts'
import type { Problem } from '../../audit/problems.ts'
import { parseCheckpoint } from '../../audit/proof/checkpoint.ts'
import { CHECKPOINTS, readCheckpoints } from '../../audit/proof/checkpoint-file.ts'
import type { OutsideCheckpoint } from '../../audit/proof/heads.ts'
import { parseVerifierKey, type VerifierKey } from '../../audit/proof/note.ts'
import { isLog } from '../../audit/proof/verify.ts'
import { quoted } from '../../rules/address.ts'
import { howMany } from '../../rules/words.ts'
import { UsageError } from '../io.ts'

/** Throws UsageError. */
export function keysOf(texts: readonly string[], flag = 'key'): VerifierKey[] {
  return texts.map((text) => {
    const key = parseVerifierKey(text.trim())
    if (key !== null) return key
    throw new UsageError(
      `--${flag} ${quoted(text)} is no public key: it reads NAME+ID+BASE64, as the proxy prints it when it starts`,
    )
  })
}

/**
 * The checkpoints of the files: a single one, a copy of checkpoints.txt, or lines of the operator's log, which quote them in
 * `note`. Throws UsageError.
 */
export async function outsideCheckpoints(files: readonly string[]): Promise<OutsideCheckpoint[]> {
  const all: OutsideCheckpoint[] = []
  for (const file of files) {
    const found = await readOutside(file)
    if (found.length === 0)
      throw new UsageError(
        `${file}: no checkpoint in it. It is a copy from ${CHECKPOINTS}, or the log that the proxy prints`,
      )
    all.push(...found)
  }
  return all
}

async function readOutside(file: string): Promise<OutsideCheckpoint[]> {
  const text = readText(file)
  if (text.trimStart().startsWith('{')) return quotedCheckpoints(file, text)
  const single = parseCheckpoint(text)
  if (single !== null) return [{ checkpoint: single, file, line: 1 }]
  const found: OutsideCheckpoint[] = []
  for await (const entry of readCheckpoints(file)) {
    if (entry.kind === 'checkpoint') found.push({ checkpoint: entry.checkpoint, file, line: entry.line })
    if (entry.kind === 'damaged') throw new UsageError(`${file}:${entry.line} is neither a checkpoint nor a key`)
  }
  return found
}

function quotedCheckpoints(file: string, text: string): OutsideCheckpoint[] {
  return text.split('\n').flatMap((line, index) => {
    const note = line.includes('"note"') ? noteOf(line) : null
    const checkpoint = note === null ? null : parseCheckpoint(note)
    return checkpoint === null ? [] : [{ checkpoint, file, line: index + 1 }]
  })
}

function noteOf(line: string): string | null {
  try {
    const { note } = JSON.parse(line)
    return typeof note === 'string' ? note : null
  } catch {
    return null
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
}

/** The keys that the folder itself names. */
export async function knownKeys(dir: string): Promise<VerifierKey[]> {
  const keys: VerifierKey[] = []
  for await (const entry of readCheckpoints(join(dir, CHECKPOINTS))) if (entry.kind === 'key') keys.push(entry.key)
  return keys
}

/** One line for each problem, with its place. */
export function problemLines(problems: readonly Problem[], count: number): string[] {
  const found = problems.map(({ kind, file, line, sequence, message }) => {
    const place = file === null ? '' : `${file}:${line}: `
    return `${place}${kind}${sequence === null ? '' : ` (record ${sequence})`}: ${message}`
  })
  return count > problems.length ? [...found, `… and ${problemTotal(count - problems.length, 'more ')}`] : found
}

export function problemTotal(count: number, more = ''): string {
  return howMany(count, `${more}problem`)
}

/** What cannot be read at all is a mistake in the call. Throws UsageError. */
export function unreadable(dir: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof AuditError) throw new UsageError(error.message)
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR')
      throw new UsageError(`${dir} is a file; name the folder that holds it`)
    if (error instanceof Error && 'syscall' in error) throw new UsageError(`${dir}: ${error.message}`)
    throw error
  }
}

/** Runs `use` on a folder that holds a log; what cannot be read at all is a mistake in the call. Throws UsageError. */
export async function withLog<T>(dir: string, use: () => Promise<T>): Promise<T> {
  try {
    if (await isLog(dir)) return await use()
  } catch (error) {
    unreadable(dir)(error)
  }
  throw new UsageError(
    `${dir}: no audit log there. Name the folder that holds audit-*.jsonl (audit.dir in the server file)`,
  )
}
