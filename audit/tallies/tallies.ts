/**
 * Tallies on the disk: rows add up in memory, the open file is made anew every half minute, and when its hour is over a
 * record of the log names it and its hash. Traffic never waits for any of this: on a full disk the tallies wait, within
 * bounds, and what goes beyond them is counted as lost.
 */
import { existsSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { SystemEvent } from '../../rules/events.ts'
import { errorName } from '../error.ts'
import type { AuditLog } from '../meter.ts'
import { everyUnreferenced } from '../proof/evidence.ts'
import { replaceFile } from '../replace.ts'
import { type BookLimits, TallyBook } from './book.ts'
import { contentOf } from './content.ts'
import { listHalfTallies, readTally, sealOf, type TallySeal, tallyName } from './file.ts'
import { HOUR_MS, type TallyRow } from './row.ts'
import { unsealedTallies } from './unsealed.ts'

export interface TalliesOptions {
  /** The audit folder; it is there. */
  readonly dir: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Names a closed file in the log. */
  readonly record: (event: SystemEvent) => Promise<unknown>
  readonly meter: TallyMeter
  readonly log: AuditLog
  readonly limits?: BookLimits
  /** Replaces a file of the folder as a whole. */
  readonly write?: (dir: string, name: string, content: Buffer) => Promise<void>
  /** Calls `tick` every so many milliseconds until the answer is called; an unreferenced timer where none is given. */
  readonly every?: (ms: number, tick: () => void) => () => void
}

export interface TallyMeter {
  /** `overflow`: counted without what was asked for. `lost`: not counted in any file. */
  tallied(as: 'row' | 'overflow' | 'lost', requests: number): void
  failed(): void
}

export interface Tallies {
  /** Never throws. */
  add(rows: readonly TallyRow[]): void
  /** Writes what is due, and closes files whose hour is over. Never rejects. */
  flush(): Promise<void>
  /** Writes and closes all. Never rejects; what could not be written is told in the operator's log. */
  close(): Promise<void>
}

/** A crash loses what was tallied since the last time. */
export const FLUSH_MS = 30_000
/** Hours that wait for room on the disk, and closed files that wait for their record. */
const MOST_WAITING = 4

interface OpenFile {
  readonly name: string
  readonly hour: number
  readonly book: TallyBook
  /** Of what stands on the disk; null: nothing does. */
  seal: TallySeal | null
}

/** A closed file that waits for its record. */
interface Closed {
  readonly seal: TallySeal
  readonly reason: string
}

const CLOSED = 'A tally was closed'
const LEFT_OPEN = 'A tally was left open by a process that did not stop in order'

/** Seals what a crash left, in the background, and takes rows from now on. */
export function openTallies(options: TalliesOptions): Tallies {
  return new TallyKeeper(options)
}

class TallyKeeper implements Tallies {
  readonly #options: TalliesOptions
  readonly #stop: () => void
  #open: OpenFile | null = null
  #over: OpenFile[] = []
  #unrecorded: Closed[] = []
  #lastAt = 0
  #running: Promise<void>
  #isFailing = false
  #closed: Promise<void> | null = null

  constructor(options: TalliesOptions) {
    this.#options = options
    this.#running = this.#recover()
    this.#stop = (options.every ?? everyUnreferenced)(FLUSH_MS, () => void this.flush())
  }

  add(rows: readonly TallyRow[]): void {
    const { meter } = this.#options
    for (const row of rows) {
      const { book } = this.#current()
      const { overflowed, lost } = book
      book.add(row)
      const as = book.lost > lost ? 'lost' : book.overflowed > overflowed ? 'overflow' : 'row'
      meter.tallied(as, row.count)
    }
  }

  flush(): Promise<void> {
    this.#running = this.#running.then(() => this.#flush())
    return this.#running
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#stop()
    await this.flush()
    this.#turn()
    await this.flush()
    for (const file of this.#over) this.#lose(file)
    if (this.#unrecorded.length > 0)
      this.#options.log('error', 'tallies: closed files that no record names; the next start names them', {
        files: this.#unrecorded.map(({ seal }) => seal.file),
      })
  }

  #current(): OpenFile {
    const at = this.#options.now()
    const hour = Math.floor(at / HOUR_MS)
    if (this.#open !== null && this.#open.hour !== hour) this.#turn()
    this.#open ??= { name: this.#nameAt(at), hour, book: new TallyBook(this.#options.limits), seal: null }
    return this.#open
  }

  /** A name that no file has, also where the clock was set back. */
  #nameAt(now: number): string {
    let at = Math.max(now, this.#lastAt + 1000)
    while (existsSync(join(this.#options.dir, tallyName(at)))) at += 1000
    this.#lastAt = at
    return tallyName(at)
  }

  #turn(): void {
    if (this.#open === null) return
    this.#over.push(this.#open)
    this.#open = null
    if (this.#over.length <= MOST_WAITING) return
    const oldest = this.#over.shift()
    if (oldest !== undefined) this.#lose(oldest)
  }

  async #flush(): Promise<void> {
    if (this.#open !== null && this.#open.hour !== Math.floor(this.#options.now() / HOUR_MS)) this.#turn()
    try {
      await this.#recordClosed()
      while (this.#over[0] !== undefined) {
        const file = this.#over[0]
        const seal = await this.#write(file)
        // Others may have been dropped meanwhile, for want of room.
        this.#over = this.#over.filter((one) => one !== file)
        this.#unrecorded.push({ seal, reason: CLOSED })
        await this.#recordClosed()
      }
      if (this.#open !== null && this.#open.seal?.requests !== tallied(this.#open)) await this.#write(this.#open)
      if (this.#isFailing) this.#options.log('info', 'tallies: written again', {})
      this.#isFailing = false
    } catch (error) {
      this.#options.meter.failed()
      if (!this.#isFailing) this.#options.log('warn', 'tallies: cannot be written', { error: errorName(error) })
      this.#isFailing = true
    }
  }

  async #write(file: OpenFile): Promise<TallySeal> {
    const { dir, write = replaceFile } = this.#options
    const { bytes, seal } = await contentOf(file.name, file.book.rows())
    await write(dir, file.name, bytes)
    file.seal = seal
    return seal
  }

  /** In their order, so that only the newest files can be without a record. */
  async #recordClosed(): Promise<void> {
    for (let closed = this.#unrecorded[0]; closed !== undefined; closed = this.#unrecorded[0]) {
      const { seal, reason } = closed
      await this.#options.record({ action: 'tally', outcome: 'success', reason, policy: null, facts: { ...seal } })
      this.#unrecorded.shift()
    }
  }

  /** What stands on the disk is closed as it is. */
  #lose(file: OpenFile): void {
    const requests = tallied(file) - (file.seal?.requests ?? 0)
    if (file.seal !== null) this.#unrecorded.push({ seal: file.seal, reason: CLOSED })
    if (requests === 0) return
    this.#options.meter.tallied('lost', requests)
    this.#options.log('error', 'tallies: requests are in no tally, as it could not be written', { requests })
  }

  async #recover(): Promise<void> {
    const { dir, log } = this.#options
    try {
      for (const name of await listHalfTallies(dir)) await unlink(join(dir, name))
      for (const file of await unsealedTallies(dir)) {
        const seal = sealOf(file.plainName, await readTally(file))
        this.#unrecorded.push({ seal, reason: LEFT_OPEN })
        log('warn', 'tallies: a file that was left open is closed', { ...seal })
      }
      await this.#recordClosed()
    } catch (error) {
      log('error', 'tallies: what a crash left cannot be closed', { error: errorName(error) })
    }
  }
}

function tallied({ book }: OpenFile): number {
  return book.requests - book.lost
}
