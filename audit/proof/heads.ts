/**
 * Holds the log against what was signed: the checkpoints in its folder, in their order, and those that were kept elsewhere.
 * Each is compared with the tree at the moment when the tree has as many lines.
 */

import { howMany } from '../../rules/words.ts'
import type { Place, Problems } from '../problems.ts'
import type { AuditRecord } from '../read.ts'
import { Adopted, isWithin } from './adopted.ts'
import type { Checkpoint } from './checkpoint.ts'
import { CHECKPOINTS, type Entry, readCheckpoints } from './checkpoint-file.ts'
import type { Frontier } from './merkle.ts'
import { Misplaced } from './misplaced.ts'
import { NamedCheckpoints, nameOf } from './named-checkpoints.ts'
import type { VerifierKey } from './note.ts'
import { type Signed, Signers } from './signers.ts'

/** A checkpoint that was kept elsewhere, and where it was read. */
export interface OutsideCheckpoint extends Place {
  readonly checkpoint: Checkpoint
}

export interface HeadsOptions {
  /** Of the checkpoint file. */
  readonly path: string
  /** How much of it is read: what a running proxy adds meanwhile covers lines that were not there yet. */
  readonly bytes: number
  /** Given by who verifies; none: the folder's own word is taken. */
  readonly keys: readonly VerifierKey[]
  readonly outside: readonly OutsideCheckpoint[]
  readonly problems: Problems
}

/** The tree as it stands, and where. */
export interface Head {
  readonly size: number
  readonly root: () => Buffer
  /** The last line. */
  readonly place: Place | null
  readonly sequence: number
  readonly faults: number
}

export class Heads {
  readonly #options: HeadsOptions
  readonly #entries: AsyncGenerator<Entry>
  #next: Signed | null = null
  #outside: OutsideCheckpoint[]
  /** Kept elsewhere, of records that are purged: the log cannot be held against them any more. */
  readonly #purged: OutsideCheckpoint[] = []
  /** By size and root: kept elsewhere, and not yet found in the folder. */
  readonly #notInFolder = new Map<string, OutsideCheckpoint>()
  readonly #signers: Signers
  readonly #names: NamedCheckpoints
  readonly #misplaced: Misplaced
  readonly adopted = new Adopted()
  #lastSize = -1
  /** A purge takes the checkpoints of fewer records away. */
  #purgedSize = 0
  #isBroken = false
  /** More records were signed than there are. */
  #isCut = false
  #pending: { readonly head: Head; readonly signed: Signed } | null = null
  #goodFaults = 0
  #outsideGood = 0
  /** Signed by a key that was not given, beyond all that a given one signed. */
  #foreign: Signed | null = null
  isTorn = false
  /** Checkpoints that the log fits. */
  checked = 0
  /** The newest of them; 0: none. */
  goodSize = 0
  /** The newest of them that is signed by a given key, where any is given. */
  #trustedSize = 0
  /** The newest of them that was kept elsewhere and is signed by a given key; 0: none. */
  outsideSize = 0
  /** Who signed the newest. */
  signer: VerifierKey | null = null

  constructor(options: HeadsOptions) {
    this.#options = options
    this.#entries = readCheckpoints(options.path, options.bytes)
    this.#signers = new Signers(options.keys, options.problems)
    this.#names = new NamedCheckpoints(options.path, options.problems)
    this.#misplaced = new Misplaced(options.problems)
    this.#outside = options.outside.toSorted((a, b) => a.checkpoint.size - b.checkpoint.size)
    for (const one of options.outside) this.#notInFolder.set(nameOf(one.checkpoint), one)
  }

  /** To be called once, before anything else: the tree begins with lines that are no longer there. */
  async open(purged: Frontier): Promise<void> {
    const { size } = purged
    this.#purgedSize = size
    await this.#advance()
    for (; this.#next !== null && this.#next.checkpoint.size < size; await this.#advance())
      this.#names.expect(this.#next.checkpoint)
    const gone = this.#outside.filter(({ checkpoint }) => checkpoint.size < size)
    this.#outside = this.#outside.slice(gone.length)
    for (const one of gone) {
      this.#notInFolder.delete(nameOf(one.checkpoint))
      this.#meetPurged(one, purged)
    }
  }

  /** Of what is gone the tree keeps some roots: a checkpoint over just so many lines can be compared, another one cannot. */
  #meetPurged(one: OutsideCheckpoint, purged: Frontier): void {
    const part = purged.beginning(one.checkpoint.size)
    if (part === null) {
      this.#purged.push(one)
      return
    }
    const signed = this.#signers.accept(one.checkpoint, one, true)
    const place = { file: one.file, line: one.line }
    const head = { size: part.size, root: () => part.root(), place, sequence: part.size, faults: 0 }
    if (signed !== null) this.#compare(signed, head)
  }

  /** The size at which the tree is to be shown. */
  get nextSize(): number {
    return Math.min(
      this.#next?.checkpoint.size ?? Number.POSITIVE_INFINITY,
      this.#outside[0]?.checkpoint.size ?? Number.POSITIVE_INFINITY,
    )
  }

  async meet(head: Head): Promise<void> {
    while (this.#next?.checkpoint.size === head.size) {
      if (this.#signers.isAnnounced(this.#next)) this.#compare(this.#next, head)
      await this.#advance()
    }
    // By now all keys are read that the folder names up to here.
    const met = this.#outside.filter(({ checkpoint }) => checkpoint.size === head.size)
    this.#outside = this.#outside.slice(met.length)
    for (const one of met) {
      const signed = this.#signers.accept(one.checkpoint, one, true)
      if (signed !== null) this.#compare(signed, head)
    }
  }

  /** To be called after each line that follows: what is wrong with the line after a checkpoint may explain the checkpoint. */
  settle(faults: number): void {
    if (this.#pending === null) return
    const { head, signed } = this.#pending
    this.#pending = null
    if (faults > this.#goodFaults) return
    this.#tellMismatch(head, signed)
  }

  get isUnsettled(): boolean {
    return this.#pending !== null
  }

  /** What a record says of keys and checkpoints. */
  told(record: AuditRecord, place: Place, faults: number): void {
    const {
      event,
      landline: { facts = {} },
    } = record
    if (typeof facts.key === 'string') this.#signers.file.told(facts.key)
    if (event.action === 'key-changed' && facts.handed_over === true)
      this.#signers.handsOver(String(facts.before), String(facts.key), event.sequence)
    const adopted = this.adopted.told(record, this.#trustedSize)
    if (adopted !== null) this.#signers.doubt(adopted)
    // Once lines are missing or too many, a checkpoint is met too late or too early to be compared.
    const isKept = !(Number(facts.size) < this.#purgedSize)
    if (event.action === 'checkpoint' && faults === 0 && isKept)
      this.#names.named(`${facts.size} ${facts.root}`, place, event.sequence)
    if (event.action === 'recovered' && typeof facts.signed_size === 'number' && typeof facts.epoch === 'string') {
      const what = `the proxy found at its start that the log was not what it had signed (${howMany(facts.signed_size, 'record')})`
      this.#options.problems.add(facts.found_root === null ? 'truncation' : 'mismatch', place, event.sequence, what)
    }
  }

  /** What was signed and is not there. */
  async end(head: Head): Promise<void> {
    const { problems } = this.#options
    this.settle(head.faults)
    let beyond: Signed | null = null
    for (; this.#next !== null; await this.#advance())
      if (this.#next.checkpoint.size > head.sequence) beyond = this.#next
    for (const one of this.#outside) {
      const signed = this.#signers.accept(one.checkpoint, one, true)
      if (signed !== null && one.checkpoint.size > head.sequence) beyond = signed
    }
    if (beyond !== null) {
      this.#isCut = true
      const { checkpoint, place } = beyond
      const what = `${howMany(checkpoint.size, 'record was', 'records were')} signed (${place.file}:${place.line}), the log ends with ${head.sequence}`
      problems.add('truncation', head.place, head.sequence, what)
    }
    for (const { checkpoint, file, line } of this.#notInFolder.values()) {
      const what = `the checkpoint of ${howMany(checkpoint.size, 'record')} that was kept elsewhere is not in the folder's ${CHECKPOINTS}`
      problems.add('replaced-checkpoint', { file, line }, checkpoint.size, what)
    }
    await this.#names.tellUnmet(this.#lastSize)
    this.#signers.file.tellIdle()
    this.#tellContradicted()
    this.#tellPurged()
    if (this.#foreign === null) return
    const { checkpoint, place } = this.#foreign
    const [signature] = checkpoint.note.signatures
    const what = `the checkpoint of ${howMany(checkpoint.size, 'record')} is signed by ${signature?.name}+${signature?.id}, a key that was not given. If the key was changed (a record key-changed says so), give the new one too`
    problems.add('foreign-key', place, checkpoint.size, what)
  }

  /** A start that finds records unsigned which a checkpoint from outside covers has not found what was signed. */
  #tellContradicted(): void {
    for (const { checkpoint, file, line } of this.#options.outside) {
      const { size } = checkpoint
      const range = this.adopted.ranges.find((each) => isWithin(each, size))
      if (range === undefined || !this.#signers.isByGiven(checkpoint)) continue
      const what = `the checkpoint of ${howMany(size, 'record')} that was kept elsewhere is signed, and a start found records ${range.from} to ${range.through} unsigned (record ${range.record}): they are not those that were signed, or their checkpoints were taken away`
      this.#options.problems.add('replaced-checkpoint', { file, line }, size, what)
    }
  }

  /** Only where no other one from outside was of use: a drawer full of old ones beside a new one is nothing to worry about. */
  #tellPurged(): void {
    const last = this.#purged.at(-1)
    if (last === undefined || this.#outsideGood > 0) return
    const { size } = last.checkpoint
    const what = `the checkpoint of ${howMany(size, 'record')} that was kept elsewhere covers none that is still there: they are purged. Nothing here can be held against it; give a newer one`
    this.#options.problems.add('purged', last, size, what)
  }

  #compare(signed: Signed, head: Head): void {
    const { checkpoint, by, isOutside } = signed
    if (!isOutside) this.#names.expect(checkpoint)
    if (!head.root().equals(checkpoint.root)) {
      if (!this.#isBroken || (isOutside && this.goodSize === head.size)) this.#pending ??= { head, signed }
      this.#isBroken = true
      return
    }
    if (!isOutside || this.#notInFolder.has(nameOf(checkpoint))) this.checked++
    this.goodSize = checkpoint.size
    if (by === 'given' || this.#options.keys.length === 0) this.#trustedSize = checkpoint.size
    this.#goodFaults = head.faults
    if (isOutside) this.#outsideGood = checkpoint.size
    if (isOutside && by === 'given') this.outsideSize = checkpoint.size
    if (by === 'given') this.#foreign = null
    else if (this.#options.keys.length > 0) this.#foreign ??= signed
    this.signer = this.#signers.of(checkpoint)
    if (by === 'given' && !this.#isBroken) this.#signers.inherit(this.signer?.text)
  }

  /** Whether more was signed than the newest fitting checkpoint covers. To be asked after the end. */
  get hasMore(): boolean {
    return this.#lastSize > this.goodSize || this.#isCut
  }

  /** Whether a given key has handed over to the one that signed the newest checkpoint. */
  get isInherited(): boolean {
    return this.signer !== null && this.#signers.isHeir(this.signer)
  }

  #tellMismatch(head: Head, { checkpoint, place, isOutside }: Signed): void {
    // Where the folder's own checkpoints fit and one from outside does not, they prove nothing.
    const from = (isOutside ? this.#outsideGood : this.goodSize) + 1
    const isOne = from === checkpoint.size
    const what = isOne ? `record ${from} is` : `records ${from} to ${checkpoint.size} are`
    const message = `${what} not what was signed (${place.file}:${place.line})`
    this.#options.problems.add(isOne ? 'edit' : 'mismatch', head.place, head.sequence, message)
  }

  /** Goes on to the next checkpoint in the folder that can be compared. */
  async #advance(): Promise<void> {
    const { problems } = this.#options
    this.#next = null
    while (this.#next === null) {
      const { value: entry, done } = await this.#entries.next()
      if (done) return this.#misplaced.tell()
      const place = { file: CHECKPOINTS, line: entry.line }
      if (entry.kind === 'torn') this.isTorn = true
      else if (entry.kind === 'damaged')
        problems.add('replaced-checkpoint', place, null, 'is neither a checkpoint nor a key')
      else if (entry.kind === 'key') this.#signers.file.add(entry.key, place)
      else {
        this.#notInFolder.delete(nameOf(entry.checkpoint))
        if (entry.checkpoint.size <= this.#lastSize) {
          this.#misplaced.add(entry.checkpoint, place, this.#lastSize)
          continue
        }
        this.#misplaced.tell()
        this.#signers.file.hasSigned()
        this.#lastSize = entry.checkpoint.size
        this.#next = this.#signers.accept(entry.checkpoint, place, false)
      }
    }
  }
}
