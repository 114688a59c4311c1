/**
 * Group commit: all records that wait become one write and one sync, and each caller hears only after its own record is
 * safe. When the disk fails, callers hear that (`block`) or are answered from a bounded buffer (`continue`), and the
 * writer tries again by itself until it can say, in the log, what was missed.
 */

import { AuditError, errorName } from '../error.ts'
import type { AuditMeter } from '../meter.ts'
import type { Sealer } from '../proof/sealer.ts'
import type { RecordedEvent } from '../record.ts'
import { type Answers, Callers } from './callers.ts'
import { Patience } from './patience.ts'
import { type Prepare, type PrepareOptions, preparing } from './prepare.ts'
import { type Caller, type Pending, Queue, type QueueLimits } from './queue.ts'
import { Retry } from './retry.ts'
import type { Tail } from './tail.ts'
import { Turns, type Work } from './turns.ts'
import type { Written } from './written.ts'

/** Characters of one batch: bounds its memory and how long a record waits behind others. */
const BATCH_CHARACTERS = 1024 * 1024
/** How long the first record of a batch may wait for more of them, as long as more keep coming: a sync costs as much as ten records. */
const GATHER_MS = 2

export interface WriterOptions extends Answers, PrepareOptions {
  readonly tail: Tail
  /** Signs what is written; null where nothing is signed. */
  readonly sealer: Sealer | null
  readonly maxQueued: QueueLimits
  /** A batch that takes longer is treated as failed towards its callers. */
  readonly stallMs: number
  readonly segmentBytes: number
  readonly meter: AuditMeter
  /** Record `sequence` is in the log. */
  readonly wrote: (event: RecordedEvent, sequence: number) => void
  /** Told how far the log is safe. */
  readonly written: Written
}

export class Writer {
  readonly #options: WriterOptions
  readonly #prepare: Prepare
  readonly #queue: Queue
  readonly #callers: Callers
  readonly #patience: Patience
  readonly #turns = new Turns()
  readonly #retry = new Retry()
  #writing: readonly Pending[] = []
  #run: Promise<void> | null = null
  #closed = false
  /** What comes now starts no run of its own: the folder is about to be released. */
  #isFinishing = false

  constructor(options: WriterOptions) {
    this.#options = options
    this.#prepare = preparing(options)
    this.#queue = new Queue(options.maxQueued)
    this.#callers = new Callers(options)
    this.#patience = new Patience(options.stallMs, () => this.#stall())
  }

  get healthy(): boolean {
    return !this.#closed && !this.#patience.isOver && !this.#retry.isWaiting && this.#callers.missed.isNone
  }

  /** Resolves with the record's reference once it is safe. Rejects with AuditError; also with `continue`, where it may not be written as it is. */
  submit(event: RecordedEvent): Promise<string> {
    const { onFailure, references, now } = this.#options
    if (this.#closed) return Promise.reject(new AuditError('ERR_AUDIT_CLOSED', 'The audit log is closed.'))
    const refusal = this.#queue.full ? 'ERR_AUDIT_QUEUE_FULL' : this.#patience.isOver ? 'ERR_AUDIT_STALLED' : null
    if (onFailure === 'block') {
      if (refusal !== null) return Promise.reject(this.#callers.unrecorded(refusal))
      return new Promise((resolve, reject) => this.#enqueue(event, { resolve, reject }))
    }
    if (refusal === 'ERR_AUDIT_QUEUE_FULL') {
      this.#callers.unrecorded(refusal)
      return Promise.resolve(references.next(now()))
    }
    return new Promise((resolve, reject) => {
      const pending = this.#enqueue(event, { resolve, reject })
      if (this.#patience.isOver || this.#callers.missed.isWaiting) this.#callers.answer(pending)
    })
  }

  /** For records that nobody waits for; they are written as soon as that is possible. */
  keep(event: RecordedEvent): void {
    try {
      this.#enqueue(event, null)
    } catch (error) {
      // Without a privacy key there is nothing that could be written.
      const { log, meter } = this.#options
      meter.writeFailed()
      log('error', 'audit: a record is lost', { action: event.action, error: errorName(error) })
    }
  }

  /** Signs what is written where that is due: for times in which no record comes. */
  tick(): void {
    const { sealer, tail } = this.#options
    if (this.#run !== null || this.#retry.isWaiting || this.#closed || !sealer?.isDue(tail)) return
    this.#run = this.#drain()
  }

  /** Signs what is written, due or not. False where that failed, or records cannot be written. */
  async seal(): Promise<boolean> {
    const { sealer, tail } = this.#options
    return this.#between(async () => (await sealer?.seal(tail)) ?? false)
  }

  /** Takes the checkpoints of purged records away. False where records cannot be written. Rejects with the system's error. */
  async prune(through: number): Promise<boolean> {
    return this.#between(async () => {
      await this.#options.sealer?.prune(through)
      return true
    })
  }

  /**
   * Writes what waits, once, and signs it. Resolves with true when that is done or failed, false when the disk hangs. Later records are refused.
   * To be called when what was asked of `seal` and `prune` is over.
   */
  async close(): Promise<boolean> {
    this.#closed = true
    const { promise: hung, resolve } = Promise.withResolvers<false>()
    const timer = setTimeout(() => resolve(false), this.#options.stallMs)
    const finished = await Promise.race([this.#finish(), hung])
    clearTimeout(timer)
    const missed = this.#queue.all()
    this.#queue.clear('none')
    for (const pending of missed) this.#callers.refuse(pending, 'ERR_AUDIT_CLOSED')
    if (missed.length > 0)
      this.#options.log('error', 'audit: closed with records unwritten', { records: missed.length })
    return finished
  }

  async #finish(): Promise<true> {
    while (this.#run !== null) await this.#run
    this.#isFinishing = true
    this.#retry.cancel()
    // Twice, as sealing may find something that belongs on the record.
    for (let again = true, times = 0; again && times < 2; times++) {
      if (this.#hasRecords) await this.#drain()
      const hasFailed = this.#retry.cancel()
      await this.#options.sealer?.seal(this.#options.tail)
      again = this.#hasRecords && !hasFailed
    }
    try {
      await this.#options.tail.close()
    } catch (error) {
      this.#options.log('error', 'audit: the last sync failed', { error: errorName(error) })
    }
    return true
  }

  /** Runs `work` between two batches. False where records cannot be written. */
  #between(work: Work): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false)
    const done = this.#turns.add(work)
    this.#start()
    return done
  }

  #enqueue(event: RecordedEvent, caller: Caller | null): Pending {
    // An orderly stop has the last word.
    if (event.action === 'stop') this.#nameCheckpoints()
    const pending = this.#prepare(event, caller)
    this.#queue.push(pending)
    this.#nameCheckpoints()
    this.#start()
    return pending
  }

  /** Only beside another record: to name a checkpoint makes the log grow, and would ask for the next one. */
  #nameCheckpoints(): void {
    for (const event of this.#options.sealer?.takeNamings() ?? []) this.#queue.push(this.#prepare(event, null))
  }

  #start(): void {
    if (this.#run !== null || this.#retry.isWaiting || this.#isFinishing) return
    this.#run = this.#drain()
  }

  /** Resolves when a whole turn of the event loop has brought no further record, or has taken long enough. */
  #gather(): Promise<void> {
    const until = performance.now() + GATHER_MS
    let gathered = this.#queue.length
    return new Promise((resolve) => {
      const look = () => {
        if (this.#queue.length === gathered || performance.now() >= until) return resolve()
        gathered = this.#queue.length
        setImmediate(look)
      }
      setImmediate(look)
    })
  }

  async #drain(): Promise<void> {
    let fine = true
    do {
      if (this.#hasRecords) {
        await this.#gather()
        fine = await this.#write(this.#take())
      }
      if (fine) await this.#seal()
      if (fine) await this.#turns.run((work) => this.#patience.watch(work))
      else this.#turns.refuse()
    } while (fine && (this.#hasRecords || !this.#turns.isEmpty))
    this.#run = null
  }

  get #hasRecords(): boolean {
    return this.#queue.length > 0 || this.#callers.missed.isWaiting
  }

  async #seal(): Promise<void> {
    const { sealer, tail } = this.#options
    if (!sealer?.isDue(tail)) return
    await this.#patience.watch(() => sealer.seal(tail))
    if (sealer.hasToSign) this.#nameCheckpoints()
  }

  /** The next batch, with the recovery record where that is due. */
  #take(): Pending[] {
    const batch = this.#queue.take(Math.min(BATCH_CHARACTERS, this.#options.segmentBytes))
    const recovery = this.#queue.length > 0 ? null : this.#callers.missed.tell(this.#options.now())
    if (recovery !== null) batch.push(this.#prepare(recovery, null))
    return batch
  }

  /** True when the batch is safe. */
  async #write(batch: readonly Pending[]): Promise<boolean> {
    const { tail, meter, log } = this.#options
    this.#writing = batch
    meter.queued(this.#queue.length + batch.length)
    const start = performance.now()
    try {
      await this.#patience.watch(() => tail.append(batch, batch[0]?.time ?? 0))
    } catch (error) {
      this.#failed(batch, error)
      return false
    } finally {
      this.#writing = []
    }
    meter.synced((performance.now() - start) / 1000)
    this.#options.sealer?.grew()
    this.#options.written.advance(tail.sequence)
    meter.queued(this.#queue.length)
    const told = this.#callers.missed.told()
    if (told !== null) log('info', 'audit: records are written again', { ...told })
    let sequence = tail.sequence - batch.length
    for (const pending of batch) {
      this.#options.wrote(pending.event, ++sequence)
      meter.recorded(pending.event.action)
      this.#callers.answer(pending)
    }
    return true
  }

  #failed(batch: readonly Pending[], error: unknown): void {
    const { onFailure, meter, log, now } = this.#options
    meter.writeFailed()
    const recovery = this.#callers.missed.isTelling ? batch.at(-1) : null
    const trouble = this.#callers.missed.failed(now(), errorName(error))
    const { attempts } = trouble
    // Each failure is counted; a line for each would fill another disk.
    if ((attempts & (attempts - 1)) === 0) log('error', 'audit: records cannot be written', { ...trouble })
    const left = batch.filter((pending) => pending !== recovery && (pending.kept || onFailure === 'continue'))
    this.#queue.putBack(left)
    if (onFailure === 'continue') for (const pending of this.#queue.all()) this.#callers.answer(pending)
    else for (const pending of batch) if (!pending.kept) this.#callers.refuse(pending, 'ERR_AUDIT_WRITE', error)
    meter.queued(this.#queue.length)
    this.#retry.after(attempts, () => this.#start())
  }

  /** The disk hangs: those who wait hear so. */
  #stall(): void {
    const { onFailure, log, stallMs } = this.#options
    log('error', 'audit: the disk does not answer', { stall_ms: stallMs, queued: this.#queue.length })
    const waiting = [...this.#writing, ...this.#queue.all()].filter(({ kept }) => !kept)
    if (onFailure === 'continue') for (const pending of waiting) this.#callers.answer(pending)
    else {
      for (const pending of waiting) this.#callers.refuse(pending, 'ERR_AUDIT_STALLED')
      this.#queue.clear('kept')
    }
  }
}
