/**
 * How far a receiver has the records: a small file in `ship/`, named for what the receiver is and not for its place in the settings,
 * so that no change of these lends it to another. Where it is in doubt, records are shipped again: what comes twice is told by
 * its number, and what is left out by nothing.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { FOLDER_MODE } from '../disk.ts'
import { errorName } from '../error.ts'
import { makeFolder } from '../folder.ts'
import type { AuditLog } from '../meter.ts'
import { replaceFile } from '../replace.ts'

export const SHIP_FOLDER = 'ship'

export interface CursorOptions {
  /** The audit folder. */
  readonly dir: string
  /** Tells receivers apart. Of a file it says the place in the settings, and no more. */
  readonly name: string
  /** Of the file that the receiver is; null: it is none, and its name says what it is. */
  readonly path: string | null
  /** Of all receivers that are files. */
  readonly paths: readonly string[]
  /** The newest record that there is: a receiver that is new begins after it. */
  readonly newest: number
  readonly log: AuditLog
}

/** Rejects with the system's error where none can be made. */
export async function openCursor(options: CursorOptions): Promise<Cursor> {
  const { dir, name, path, newest, log } = options
  const folder = join(dir, SHIP_FOLDER)
  await makeFolder(folder, FOLDER_MODE)
  const cursor = new Cursor(folder, path === null ? name : fileName(path), path)
  let own = await read(cursor.file)
  if (own === null && path !== null) {
    // As it was named before paths were told apart.
    await rename(join(folder, `${name}.json`), cursor.file).catch(unlessAbsent)
    own = await read(cursor.file)
  }
  const found = own ?? (path === null ? null : await formerFile(folder, options))
  if (found === null) {
    const facts = { target: name, cursor: cursor.file, after: newest }
    log('info', 'audit: a receiver of records is new, and begins with the next one', facts)
    cursor.sequence = newest
  } else if (typeof found === 'number' && found <= newest) cursor.sequence = found
  else {
    const error = typeof found === 'string' ? found : `it says ${found}, and the newest record is ${newest}`
    const facts = { target: name, cursor: cursor.file, error, remedy: REMEDY }
    log('error', 'audit: how far records are shipped cannot be told; all that there are are shipped', facts)
  }
  // Known from the start on: else what is written before the first delivery would be left out after a crash.
  if (own === null) await cursor.keep()
  return cursor
}

const REMEDY =
  'a cursor reads {"sequence": N}, N the last record that the receiver has; to spare it what it has, stop, write that, start'
const NAME = /^file-[0-9a-f]{16}\.json$/

function fileName(path: string): string {
  return `file-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`
}

/** A file that is new stands for one that is in the settings no more: what that one lacked is for the new one. */
async function formerFile(folder: string, { name, path, paths, log }: CursorOptions): Promise<number | null> {
  const inUse = new Set(paths.map((each) => `${fileName(each)}.json`))
  const left = (await readdir(folder)).filter((file) => NAME.test(file) && !inUse.has(file))
  const known = await Promise.all(left.map((file) => read(join(folder, file))))
  const [after] = known.filter((found) => typeof found === 'number').toSorted((a, b) => a - b)
  if (after === undefined) return null
  const facts = { target: name, path, cursors: left, after }
  log('warn', 'audit: a file of records is new, and goes on where one was that is not in the settings any more', facts)
  return after
}

/** A text: what is wrong with it; null: there is none. */
async function read(file: string): Promise<number | string | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    const sequence = typeof value === 'object' && value !== null && 'sequence' in value ? value.sequence : null
    return typeof sequence === 'number' && Number.isInteger(sequence) && sequence >= 0 ? sequence : 'it says no number'
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? null : errorName(error)
  }
}

function unlessAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

export class Cursor {
  /** The newest record that the receiver has. */
  sequence = 0
  readonly file: string
  readonly #folder: string
  readonly #name: string
  readonly #path: string | null

  constructor(folder: string, name: string, path: string | null) {
    this.#folder = folder
    this.#name = `${name}.json`
    this.#path = path
    this.file = join(folder, this.#name)
  }

  /** Rejects with the system's error. */
  async keep(): Promise<void> {
    const { sequence } = this
    const content = this.#path === null ? { sequence } : { sequence, path: this.#path }
    await replaceFile(this.#folder, this.#name, `${JSON.stringify(content)}\n`)
  }
}
