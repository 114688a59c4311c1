/**
 * Brings the records of the log to a receiver, in order, behind the log's own back: it reads the files, as far as they are safe,
 * and keeps a cursor that moves only when the receiver has what was sent. A receiver that is slow or away costs the proxy
 * one batch of memory and loses nothing; it gets all once it is there again, also after a restart.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { errorName } from '../error.ts'
import type { AuditLog } from '../meter.ts'
import type { LogLine } from '../read.ts'
import { linesFrom } from '../seek.ts'
import { listSegments } from '../segment.ts'
import { parseRecord } from '../stamp.ts'
import type { Written } from '../writing/written.ts'
import { type Cursor, openCursor } from './cursor.ts'
import type { Sink } from './sink.ts'

export interface ShipperOptions {
  /** The audit folder; the cursor lies in `ship/` below it. */
  readonly dir: string
  /** Tells receivers apart: a label of the metrics. */
  readonly name: string
  /** Of the file that the receiver is, and of all those that are files: what cursors are told apart by. */
  readonly path?: string | null
  readonly paths?: readonly string[]
  readonly sink: Sink
  readonly written: Written
  readonly meter: ShipMeter
  readonly log: AuditLog
  readonly firstRetryMs?: number
}

export interface ShipMeter {
  shipped(target: string, records: number): void
  failed(target: string): void
  /** Records that are safe in the log and not yet with the receiver. */
  behind(target: string, records: number): void
}

export interface Shipper {
  /** Delivers what is left, for as long as `graceMs`, and ends. */
  close(graceMs: number): Promise<void>
}

const MOST_RECORDS = 2000
const MOST_BYTES = 2 * 1024 * 1024
/** Records that come one by one go together, so that a receiver sees a connection a second at most. */
const PAUSE_MS = 1000
const FIRST_RETRY_MS = 1000
/** What takes longer than this to be given up is not waited for. */
const HANGS_MS = 1000
const LAST_RETRY_MS = 60_000

/** A receiver without a cursor begins with what comes next. Rejects with the system's error where a cursor cannot be made. */
export async function startShipper(options: ShipperOptions): Promise<Shipper> {
  const { dir, name, path = null, paths = [], written, log } = options
  const cursor = await openCursor({ dir, name, path, paths, newest: written.sequence, log })
  const stopping = new AbortController()
  const giveUp = new AbortController()
  const running = new Run(options, cursor, stopping.signal, giveUp.signal).run()
  return {
    async close(graceMs) {
      stopping.abort()
      const timer = setTimeout(() => giveUp.abort(), graceMs)
      // A call to a disk that hangs ends for no signal; the system closes what it holds when the process ends.
      const hung = new AbortController()
      const late = wait(graceMs + HANGS_MS, false, { signal: hung.signal }).catch(() => true)
      const hasEnded = await Promise.race([running.then(() => true), late])
      hung.abort()
      clearTimeout(timer)
      if (hasEnded) await options.sink.close()
    },
  }
}

class Run {
  readonly #options: ShipperOptions
  readonly #cursor: Cursor
  readonly #stopping: AbortSignal
  readonly #giveUp: AbortSignal
  #lines: AsyncIterator<readonly LogLine[]> | null = null
  /** Read, and not yet part of a batch; the first of them is the cursor's + 1 + those in the batch. */
  #read: readonly LogLine[] = []
  /** The newest record that was safe when the files were opened: what was read of later ones may have been taken back since. */
  #safe = 0
  #failures = 0

  constructor(options: ShipperOptions, cursor: Cursor, stopping: AbortSignal, giveUp: AbortSignal) {
    this.#options = options
    this.#cursor = cursor
    this.#stopping = stopping
    this.#giveUp = giveUp
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { written } = this.#options
    void this.#tellBehind()
    for (;;) {
      try {
        await written.beyond(this.#cursor.sequence, this.#stopping)
      } catch {
        if (written.sequence <= this.#cursor.sequence || this.#giveUp.aborted) return
      }
      try {
        const isFull = await this.#ship()
        if (!isFull) await pause(PAUSE_MS, this.#stopping)
      } catch (error) {
        if (this.#giveUp.aborted) return
        await this.#failed(error)
      }
    }
  }

  /** Also while a batch waits: of a receiver that keeps it waiting for ever nothing else tells. Never rejects. */
  async #tellBehind(): Promise<void> {
    const { written, meter, name } = this.#options
    while (!this.#stopping.aborted) {
      const newest = written.sequence
      meter.behind(name, newest - this.#cursor.sequence)
      await written.beyond(newest, this.#stopping).catch(() => {})
    }
  }

  /** One batch. Resolves with whether more waits. */
  async #ship(): Promise<boolean> {
    const { sink, meter, name, log } = this.#options
    const batch = await this.#batch()
    if (batch.length === 0) return false
    try {
      await sink.deliver(
        batch.map(({ bytes }) => bytes),
        this.#giveUp,
      )
    } catch (error) {
      this.#lines = null // it comes again
      this.#read = []
      throw error
    }
    this.#tellOfDamage(batch)
    this.#cursor.sequence += batch.length
    meter.shipped(name, batch.length)
    meter.behind(name, this.#options.written.sequence - this.#cursor.sequence)
    if (this.#failures > 0) log('info', 'audit: records are shipped again', { target: name, failures: this.#failures })
    this.#failures = 0
    await this.#cursor.keep().catch((error: unknown) => {
      // It is known in memory; after a crash now, some records come twice.
      log('warn', 'audit: how far records are shipped cannot be kept', { target: name, error: errorName(error) })
    })
    return this.#options.written.sequence > this.#cursor.sequence
  }

  /** Once for a batch: it has been taken, and does not come again. */
  #tellOfDamage(batch: readonly LogLine[]): void {
    const damaged = batch.filter(({ bytes }) => parseRecord(bytes) === null)
    const [first] = damaged
    if (first === undefined) return
    const { log, name } = this.#options
    const record = this.#cursor.sequence + batch.indexOf(first) + 1
    const { file, line } = first
    const remedy = 'landline audit verify DIR tells all that is damaged; compare with other copies'
    const facts = { target: name, file, line, record, damaged: damaged.length, remedy }
    log('error', 'audit: a record that is damaged was shipped as it stands', facts)
  }

  async #batch(): Promise<readonly LogLine[]> {
    const most = Math.min(MOST_RECORDS, this.#options.written.sequence - this.#cursor.sequence)
    const batch: LogLine[] = []
    let bytes = 0
    while (batch.length < most) {
      if (this.#read.length === 0 && !(await this.#readOn(batch.length))) break
      const next = this.#read[0]
      if (next === undefined || (bytes > 0 && bytes + next.bytes.length > MOST_BYTES)) break
      this.#read = this.#read.slice(1)
      batch.push(next)
      bytes += next.bytes.length
    }
    return batch
  }

  /** More lines of the files; `taken` of them are in the batch already. False: the files have no more. */
  async #readOn(taken: number): Promise<boolean> {
    const isNew = this.#lines === null
    this.#lines ??= await this.#open(taken)
    const { value, done } = await this.#lines.next()
    const left = this.#safe - this.#cursor.sequence - taken
    if (done !== true && left > 0) {
      this.#read = value.slice(0, left)
      return true
    }
    this.#lines = null
    // What was read to its end may have grown since; what was opened just now has not.
    return isNew ? false : this.#readOn(taken)
  }

  async #open(taken: number): Promise<AsyncIterator<readonly LogLine[]>> {
    const { dir, log, name } = this.#options
    this.#safe = this.#options.written.sequence
    const segments = await listSegments(dir)
    const next = this.#cursor.sequence + taken + 1
    const first = segments[0]?.first ?? next
    if (taken === 0 && first > next) {
      log('error', 'audit: records were purged before they were shipped', { target: name, records: first - next })
      this.#cursor.sequence = first - 1
    }
    return linesFrom(segments, this.#cursor.sequence + taken + 1)[Symbol.asyncIterator]()
  }

  async #failed(error: unknown): Promise<void> {
    const { meter, log, name, firstRetryMs = FIRST_RETRY_MS } = this.#options
    meter.failed(name)
    this.#failures++
    // Each failure is counted; a line for each would drown the log.
    if ((this.#failures & (this.#failures - 1)) === 0)
      log('warn', 'audit: records cannot be shipped', {
        target: name,
        error: error instanceof Error ? error.message : String(error),
        failures: this.#failures,
        behind: this.#options.written.sequence - this.#cursor.sequence,
      })
    await pause(Math.min(LAST_RETRY_MS, firstRetryMs * 2 ** Math.min(this.#failures - 1, 10)), this.#stopping)
    // At the end there is one more try, not a loop of them.
    if (this.#stopping.aborted) await pause(firstRetryMs, this.#giveUp)
  }
}

/** Cut short by the signal. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await wait(milliseconds, undefined, { signal, ref: false }).catch(() => {})
}
