/**
 * Signs the log's head when that is due: after so many records, so much time, a new segment, at the end. What is signed is
 * on the disk before, and the checkpoint is on the disk before anybody is told. The log then names each checkpoint in a
 * record, so that none can be taken away unnoticed.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from '../disk.ts'
import { errorName } from '../error.ts'
import type { AuditLog } from '../meter.ts'
import type { OwnEvent, RecordedEvent } from '../record.ts'
import { replaceFile } from '../replace.ts'
import type { ReviewState } from '../reviews.ts'
import type { Tail } from '../writing/tail.ts'
import { type Checkpoint, signCheckpoint } from './checkpoint.ts'
import { CHECKPOINTS, checkpointEntry, keyEntry, withoutPurged } from './checkpoint-file.ts'
import type { SigningKey } from './note.ts'
import type { Tree } from './tree.ts'

export interface SealerOptions {
  readonly dir: string
  readonly disk: Disk
  readonly tree: Tree
  readonly key: SigningKey
  readonly origin: string
  /** Signs once `key` has signed what is recorded from here on, the change of keys. */
  readonly successor: { readonly key: SigningKey; readonly origin: string } | null
  /** The newest checkpoint in the file; null where there is none. */
  readonly last: Checkpoint | null
  /** Those that no record names yet. What was reviewed when they were signed is not known any more. */
  readonly unnamed: readonly Checkpoint[]
  /** Bytes of the file, and whether its last `key` is this one. */
  readonly file: { readonly length: number; readonly namesKey: boolean }
  /** Sign after so many records, at the latest after so many seconds. */
  readonly records: number
  readonly seconds: number
  readonly now: () => number
  readonly log: AuditLog
  readonly treeSize: (records: number) => void
  /** A checkpoint stands for all of the log; seconds since 1970. */
  readonly checkpointed: (atSeconds: number) => void
  readonly failed: () => void
  /** How far the log is reviewed. */
  readonly reviews: () => ReviewState
  /** The checkpoint file is not as it was left. */
  readonly onDamage: (file: string, what: string) => void
}

export class Sealer {
  readonly #options: SealerOptions
  #key: SigningKey
  #origin: string
  #successor: SealerOptions['successor']
  /** The record is in the log that says that there is a successor. */
  #isChangeRecorded = false
  /** What was found at the start is not yet in the log. */
  #isHeld = false
  /** The successor has signed nothing yet. */
  #isNew = false
  #last: Checkpoint | null
  #length: number
  #namesKey: boolean
  /** When, at which size and in which segment it was last tried. */
  #tried: { at: number; size: number; file: string | null }
  /** Not yet named by a record of the log. */
  #unnamed: OwnEvent[] = []

  constructor(options: SealerOptions) {
    this.#options = options
    this.#key = options.key
    this.#origin = options.origin
    this.#successor = options.successor
    const { last, unnamed, file, tree, now, treeSize } = options
    this.#last = last
    this.#length = file.length
    this.#namesKey = file.namesKey
    const unsigned = tree.size - (last?.size ?? 0)
    this.#tried = { at: unsigned === 0 ? now() : Number.NEGATIVE_INFINITY, size: tree.size, file: null }
    for (const checkpoint of unnamed) this.#unnamed.push(this.#naming(checkpoint, { file: null, after: null }, null))
    treeSize(tree.size)
  }

  /** Whether there is something to sign, or to say that nothing has changed. */
  isDue({ files: { file } }: Tail): boolean {
    if (this.#isHeld) return false
    const { tree, records, seconds, now } = this.#options
    const waited = now() - this.#tried.at
    if (waited >= seconds * 1000 || waited < 0 || this.#isToBeSucceeded || this.#isNew) return true
    if (tree.size === this.#tried.size) return false
    return tree.size - this.#tried.size >= records || (this.#tried.file !== null && file !== this.#tried.file)
  }

  /**
   * Signs the tree as it is, unless that is signed already. A failure is told and counted, and tried again when due: then
   * false.
   */
  async seal(tail: Tail): Promise<boolean> {
    if (this.#isHeld) return false
    const { tree, now, log, checkpointed, failed } = this.#options
    this.#tried = { at: now(), size: tree.size, file: tail.files.file }
    try {
      if (tree.size !== (this.#last?.size ?? 0)) await this.#sign(tail)
      if (this.#isToBeSucceeded) await this.#succeed()
      if (this.#last !== null) checkpointed(now() / 1000)
      return true
    } catch (error) {
      failed()
      log('error', 'audit: no checkpoint could be written', { error: errorName(error), size: tree.size })
      return false
    }
  }

  /** Takes the checkpoints of purged records out of the file. Rejects with the system's error. */
  async prune(through: number): Promise<void> {
    const { dir, onDamage } = this.#options
    const path = join(dir, CHECKPOINTS)
    const size = (await stat(path)).size
    if (size !== this.#length) onDamage(CHECKPOINTS, `it has ${size} bytes, of ${this.#length} written`)
    const left = await withoutPurged(path, through)
    if (left === null || left.length === size) return
    await replaceFile(dir, CHECKPOINTS, left).finally(async () => {
      this.#length = (await stat(path)).size // the new one also where only its name could not be synced
    })
  }

  /** Says in the file who signs, before the first checkpoint does. */
  async introduce(): Promise<void> {
    if (this.#namesKey) return
    try {
      await this.#append('')
    } catch (error) {
      this.#options.log('error', 'audit: the key cannot be written down', { error: errorName(error) })
    }
  }

  /** The records that name the checkpoints since the last call. */
  takeNamings(): OwnEvent[] {
    return this.#unnamed.splice(0)
  }

  /** Signs nothing until a record `recovered` is in the log: what it found unsigned would else be signed without a word. */
  hold(): void {
    this.#isHeld = true
  }

  /** A successor signs at once, beside a record that names what the old key has signed last: only then is it its turn. */
  get hasToSign(): boolean {
    return this.#isNew
  }

  /** To be told of each record that is in the log. */
  wrote({ action }: RecordedEvent): void {
    if (action === 'key-changed') this.#isChangeRecorded = true
    if (action === 'recovered') this.#isHeld = false
  }

  /** To be told after each batch. */
  grew(): void {
    this.#options.treeSize(this.#options.tree.size)
  }

  get #isToBeSucceeded(): boolean {
    return this.#successor !== null && this.#isChangeRecorded
  }

  /** The old key has signed that there is a new one: who trusts the one can trust the other. */
  async #succeed(): Promise<void> {
    if (this.#successor === null) return
    this.#key = this.#successor.key
    this.#origin = this.#successor.origin
    this.#successor = null
    this.#namesKey = false
    this.#isNew = true
    await this.introduce()
  }

  async #sign(tail: Tail): Promise<void> {
    const { dir, disk, tree, log, reviews } = this.#options
    const files = tail.files
    await tail.sync()
    const checkpoint = signCheckpoint(this.#origin, tree.size, tree.root(), this.#key)
    await this.#append(checkpointEntry(checkpoint))
    this.#last = checkpoint
    if (this.#isNew) log('info', 'audit: the old key has handed over to the new one', { key: this.#key.verifier.text })
    this.#isNew = false
    this.#unnamed.push(this.#naming(checkpoint, files, reviews()))
    log('info', 'audit: checkpoint', { size: checkpoint.size, note: checkpoint.text })
    try {
      await tree.save(dir, disk)
    } catch (error) {
      log('warn', 'audit: the cache of the tree cannot be written', { error: errorName(error) })
    }
  }

  async #append(entry: string): Promise<void> {
    const { dir, disk, onDamage } = this.#options
    const bytes = Buffer.from((this.#namesKey ? '' : keyEntry(this.#key.verifier)) + entry)
    const file = await disk.open(join(dir, CHECKPOINTS), 'new')
    try {
      const size = await file.size()
      if (size !== this.#length) onDamage(CHECKPOINTS, `it has ${size} bytes, of ${this.#length} written`)
      if ((await file.write(bytes, size)) < bytes.length) {
        await file.truncate(size)
        throw new Error('the disk took only a part')
      }
      await file.datasync()
      if (size === 0) await disk.syncFolder(dir)
      this.#length = size + bytes.length
      this.#namesKey = true
    } finally {
      await file.close()
    }
  }

  #naming({ size, root }: Checkpoint, { file, after }: Tail['files'], reviews: ReviewState | null): OwnEvent {
    const facts = { size, root: root.toString('base64'), key: this.#key.verifier.text, file, after, ...reviews }
    return { action: 'checkpoint', outcome: 'success', reason: 'The records so far are signed', policy: null, facts }
  }
}
