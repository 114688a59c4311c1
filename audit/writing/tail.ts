/**
 * The open end of the log: whole batches of lines go on in one write and one sync, or not at all. After a failure the file
 * is opened anew, checked and cut back to what is known to be safe: a failed sync may have thrown away what it was given.
 */
import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { Disk, DiskFile } from '../disk.ts'
import { leafHash } from '../proof/merkle.ts'
import type { Tree } from '../proof/tree.ts'
import { LINE_END, type Pieces } from '../record.ts'
import { DAY_MS, segmentName } from '../segment.ts'
import type { LogEnd } from './recover.ts'

export interface TailOptions {
  readonly dir: string
  readonly disk: Disk
  /** `fsync`: on the disk; `write`: handed to the system. */
  readonly sync: 'fsync' | 'write'
  readonly segmentBytes: number
  readonly end: LogEnd
  /** Grows with what is appended; null where nothing is signed. */
  readonly tree: Tree | null
  /** A segment no longer holds what was written to it; the log goes on in a new one, the damaged file stays as it is. */
  readonly onDamage: (file: string, what: string) => void
}

interface OpenSegment {
  readonly name: string
  readonly path: string
  /** Of its records, in days since 1970 (UTC): each segment has one. */
  readonly day: number
  /** Bytes known to be safe, and those of the last line among them. */
  length: number
  lastLine: number
}

export class Tail {
  readonly #options: TailOptions
  #segment: OpenSegment | null = null
  #before: string | null = null
  #file: DiskFile | null = null
  /** Why the file must be looked at before the next write: it may be half written, or others may have touched it. */
  #doubt: 'half written' | 'others' | null = null
  #sequence: number
  #prev: string
  #buffer = Buffer.allocUnsafe(64 * 1024)

  constructor(options: TailOptions) {
    this.#options = options
    const { sequence, prev, segment: last } = options.end
    this.#sequence = sequence
    this.#prev = prev
    if (last === null) return
    const { name, path, startedAt } = last.segment
    this.#segment = { name, path, day: Math.floor(startedAt / DAY_MS), length: last.length, lastLine: last.lastLine }
    this.#doubt = 'others'
  }

  /**
   * Appends the lines of one UTC day; `at` is the time of the first. Resolves when they are as safe as `sync` promises.
   * Rejects with the system's error; then none of them is in the log, and the same lines may be given again.
   */
  async append(lines: readonly Pieces[], at: number): Promise<void> {
    const { bytes, leaves, lastLine, prev } = this.#assemble(lines)
    try {
      if (this.#doubt !== null) await this.#examine(this.#doubt === 'half written')
      const { file, segment } = await this.#room(bytes.length, at)
      await writeAll(file, bytes, segment.length)
      if (this.#options.sync === 'fsync') await file.datasync()
      segment.length += bytes.length
      segment.lastLine = lastLine
    } catch (error) {
      this.#doubt = 'half written'
      // At once where it can be: nobody should read what was refused. Before the next write it is made sure of.
      if (this.#file !== null && this.#segment !== null) await quietly(this.#file.truncate(this.#segment.length))
      throw error
    }
    this.#sequence += lines.length
    this.#prev = prev
    for (const leaf of leaves) this.#options.tree?.add(leaf)
  }

  /** The newest record's sequence number. */
  get sequence(): number {
    return this.#sequence
  }

  /** The open segment's file name, and that of the one that it follows, where this process began it. */
  get files(): { readonly file: string | null; readonly after: string | null } {
    return { file: this.#segment?.name ?? null, after: this.#before }
  }

  /** Resolves when all that was appended is on the disk, whatever `sync` promises. Rejects with the system's error. */
  async sync(): Promise<void> {
    if (this.#options.sync === 'write') await this.#file?.datasync()
  }

  /** The next append looks first whether the file still is what was written: somebody may have removed or changed it. */
  suspect(): void {
    this.#doubt ??= 'others'
  }

  /** Syncs and closes. Rejects with the system's error. */
  async close(): Promise<void> {
    const file = this.#file
    this.#file = null
    if (file === null) return
    try {
      await file.datasync()
    } finally {
      await file.close()
    }
  }

  #assemble(lines: readonly Pieces[]): { bytes: Buffer; leaves: readonly Buffer[]; lastLine: number; prev: string } {
    const leaves: Buffer[] = []
    let offset = 0
    let lastLine = 0
    let sequence = this.#sequence
    let prev = this.#prev
    for (const { head, tail } of lines) {
      const text = head + ++sequence + tail + prev + LINE_END
      // A UTF-16 unit takes three bytes of UTF-8 at most.
      if (offset + text.length * 3 > this.#buffer.length) this.#grow(offset, text.length * 3)
      lastLine = this.#buffer.write(text, offset)
      const line = this.#buffer.subarray(offset, offset + lastLine - 1)
      prev = hash('sha256', line, 'base64')
      if (this.#options.tree !== null) leaves.push(leafHash(line))
      offset += lastLine
    }
    return { bytes: this.#buffer.subarray(0, offset), leaves, lastLine, prev }
  }

  #grow(used: number, needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + needed))
    this.#buffer.copy(larger, 0, 0, used)
    this.#buffer = larger
  }

  /** The segment that takes `bytes` more: the open one, or a new one where that is full or of another day. */
  async #room(bytes: number, at: number): Promise<{ file: DiskFile; segment: OpenSegment }> {
    const { dir, disk, segmentBytes } = this.#options
    const full = this.#segment !== null && this.#segment.length > 0 && this.#segment.length + bytes > segmentBytes
    const day = Math.floor(at / DAY_MS)
    if (this.#file !== null && this.#segment?.day === day && !full) return { file: this.#file, segment: this.#segment }

    // What the next segment builds on must not be lost after it.
    await this.#file?.datasync()
    const name = segmentName(at, this.#sequence + 1)
    const segment = { name, path: join(dir, name), day, length: 0, lastLine: 0 }
    const file = await disk.open(segment.path, 'new')
    try {
      if ((await file.size()) > 0) throw new Error(`${name} should be new, but is not empty: move it away`)
      await disk.syncFolder(dir)
    } catch (error) {
      await quietly(file.close())
      throw error
    }
    if (this.#file !== null) await quietly(this.#file.close())
    this.#before = this.#segment?.name ?? null
    this.#segment = segment
    this.#file = file
    return { file, segment }
  }

  /** `own`: what stands behind the safe length is our own failed write, and may go. */
  async #examine(own: boolean): Promise<void> {
    if (this.#file !== null) await quietly(this.#file.close())
    this.#file = null
    const segment = this.#segment
    if (segment !== null) {
      const file = await this.#reopen(segment)
      const damage = file === null ? 'it is gone' : await this.#damage(file, segment, own).catch(closing(file))
      if (damage === null) this.#file = file
      else {
        this.#segment = null
        if (file !== null) await quietly(file.close())
        this.#options.onDamage(segment.name, damage)
      }
    }
    this.#doubt = null
  }

  async #reopen({ path }: OpenSegment): Promise<DiskFile | null> {
    try {
      return await this.#options.disk.open(path, 'existing')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
      throw error
    }
  }

  async #damage(file: DiskFile, { length, lastLine }: OpenSegment, own: boolean): Promise<string | null> {
    const size = await file.size()
    if (size < length) return `it has ${size} bytes, of ${length} written`
    if (size > length && !own) return `somebody added ${size - length} bytes to it`
    if (size > length) await file.truncate(length)
    if (lastLine === 0) return null
    const line = Buffer.alloc(lastLine - 1)
    await file.read(line, length - lastLine)
    return hash('sha256', line, 'base64') === this.#prev ? null : 'its last record is not the one written'
  }
}

/** Rejects with the system's error; a part may then be written. */
export async function writeAll(file: DiskFile, bytes: Buffer, position: number): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const count = await file.write(bytes.subarray(written), position + written)
    if (count === 0) throw new Error('the system wrote nothing and named no error')
    written += count
  }
}

/** For clean-up after a failure that is already on its way to the caller. */
async function quietly(work: Promise<void>): Promise<void> {
  await work.catch(() => {})
}

function closing(file: DiskFile): (error: unknown) => Promise<never> {
  return async (error) => {
    await quietly(file.close())
    throw error
  }
}
