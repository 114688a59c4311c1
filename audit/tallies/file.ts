/**
 * The tallies' files: `tally-20261123T091407Z.jsonl`, named for when they were begun. Each holds the rows of one hour of one
 * process; once it is closed, a record of the log names its hash, and it never changes again.
 */
import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { AuditError, errorName } from '../error.ts'
import { ASIDE } from '../replace.ts'
import { fileTime } from '../segment.ts'
import { parseRow, type TallyRow } from './row.ts'

export interface TallyFile {
  /** In the folder. */
  readonly name: string
  /** The name while it was written, without `.gz`: what records call it. */
  readonly plainName: string
  readonly path: string
  /** Milliseconds since 1970, to the second. */
  readonly startedAt: number
  readonly compressed: boolean
}

const NAME = /^tally-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.jsonl(\.gz)?$/
const HALF = /^tally-\d{8}T\d{6}Z\.jsonl/

export function tallyName(at: number): string {
  return `tally-${fileTime(at).slice(0, 15)}Z.jsonl`
}

/** The tallies of a folder, oldest first. One that is there both plain and compressed counts once, plain. */
export async function listTallies(dir: string): Promise<TallyFile[]> {
  const files = new Map<string, TallyFile>()
  for (const name of await readdir(dir)) {
    const parts = NAME.exec(name)
    if (parts === null) continue
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number)
    const startedAt = Date.UTC(year, month - 1, day, hour, minute, second)
    const compressed = parts[7] !== undefined
    const plainName = name.replace(/\.gz$/, '')
    if (!files.has(plainName) || !compressed)
      files.set(plainName, { name, plainName, path: join(dir, name), startedAt, compressed })
  }
  return [...files.values()].sort((a, b) => (a.plainName < b.plainName ? -1 : 1))
}

/** What a crash left of a file that was being written: names in the folder. */
export async function listHalfTallies(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => HALF.test(name) && name.endsWith(ASIDE))
}

/** The plain content. Throws ERR_AUDIT_UNREADABLE. */
export async function readTally({ path, name, compressed }: TallyFile): Promise<Buffer> {
  try {
    const bytes = await readFile(path)
    return compressed ? await promisify(gunzip)(bytes, { maxOutputLength: MOST_BYTES }) : bytes
  } catch (cause) {
    throw new AuditError('ERR_AUDIT_UNREADABLE', `${name} cannot be read: ${errorName(cause)}`, { cause })
  }
}

/** Far above what the bounds on rows allow. */
const MOST_BYTES = 256 * 1024 * 1024

/** Row by row; null for a line that is none. Throws ERR_AUDIT_UNREADABLE. */
export async function* readRows(file: TallyFile): AsyncGenerator<TallyRow | null> {
  const lines = createInterface({ input: Readable.from([await readTally(file)]), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) yield parseRow(line)
}

/** What a record says of a closed tally, and what it is held against later. */
export interface TallySeal {
  /** Its plain name. */
  readonly file: string
  readonly rows: number
  readonly requests: number
  /** Bytes. */
  readonly size: number
  /** Hexadecimal digits. */
  readonly sha256: string
}

/** Of a file that is there. */
export function sealOf(file: string, content: Buffer): TallySeal {
  const rows = content.toString().split('\n').slice(0, -1)
  const requests = rows.reduce((sum, line) => sum + (parseRow(line)?.count ?? 0), 0)
  return { file, rows: rows.length, requests, size: content.length, sha256: hash('sha256', content, 'hex') }
}
