/**
 * Holds the log against what was signed: the checkpoints in its folder, in their order, and those that were kept elsewhere.
 * Each is compared with the tree at the moment when the tree has as many lines.
 */

import { howMany } from '../rules/words.ts'
import type { Checkpoint } from './checkpoint.ts'
import { isOriginOf } from './checkpoint.ts'
import { CHECKPOINTS, type Entry, readCheckpoints } from './checkpoint-file.ts'
import { FileKeys } from './file-keys.ts'
import type { Frontier } from './merkle.ts'
import { NamedCheckpoints, nameOf } from './named-checkpoints.ts'
import { checkSignature, isSameKey, type VerifierKey } from './note.ts'
import type { Place, Problems } from './problems.ts'
import type { AuditRecord } from './read.ts'

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

/** A checkpoint that the log is held against. */
interface Signed {
  readonly checkpoint: Checkpoint
  readonly place: Place
  /** Whose signature it has: a key that was given, or one that only the folder names. */
  readonly by: 'given' | 'named'
  readonly isOutside: boolean
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
  readonly #fileKeys: FileKeys
  /** Told by records, and not yet under a checkpoint of the old key. */
  #handovers: { readonly before: string; readonly key: string }[] = []
  /** Keys that a given one has handed over to. */
  readonly #heirs = new Set<string>()
  readonly #names: NamedCheckpoints
  #lastSize = -1
  /** A purge takes the checkpoints of fewer records away. */
  #purgedSize = 0
  #isBroken = false
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
  /** The newest of them that was kept elsewhere and is signed by a given key; 0: none. */
  outsideSize = 0
  /** Who signed the newest. */
  signer: VerifierKey | null = null

  constructor(options: HeadsOptions) {
    this.#options = options
    this.#entries = readCheckpoints(options.path, options.bytes)
    this.#fileKeys = new FileKeys(options.problems)
    this.#names = new NamedCheckpoints(options.path, options.problems)
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
    const signed = this.#accept(one.checkpoint, one, true)
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
      if (this.#isAnnounced(this.#next)) this.#compare(this.#next, head)
      await this.#advance()
    }
    // By now all keys are read that the folder names up to here.
    const met = this.#outside.filter(({ checkpoint }) => checkpoint.size === head.size)
    this.#outside = this.#outside.slice(met.length)
    for (const one of met) {
      const signed = this.#accept(one.checkpoint, one, true)
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
  told({ event, landline: { facts = {} } }: AuditRecord, place: Place, faults: number): void {
    if (typeof facts.key === 'string') this.#fileKeys.told(facts.key)
    if (event.action === 'key-changed' && facts.handed_over === true)
      this.#handovers.push({ before: String(facts.before), key: String(facts.key) })
    // Once lines are missing or too many, a checkpoint is met too late or too early to be compared.
    const isKept = Number(facts.size) >= this.#purgedSize
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
      const signed = this.#accept(one.checkpoint, one, true)
      if (signed !== null && one.checkpoint.size > head.sequence) beyond = signed
    }
    if (beyond !== null) {
      const { checkpoint, place } = beyond
      const what = `${howMany(checkpoint.size, 'record was', 'records were')} signed (${place.file}:${place.line}), the log ends with ${head.sequence}`
      problems.add('truncation', head.place, head.sequence, what)
    }
    for (const { checkpoint, file, line } of this.#notInFolder.values()) {
      const what = `the checkpoint of ${howMany(checkpoint.size, 'record')} that was kept elsewhere is not in the folder's ${CHECKPOINTS}`
      problems.add('replaced-checkpoint', { file, line }, checkpoint.size, what)
    }
    await this.#names.tellUnmet(this.#lastSize)
    this.#fileKeys.tellIdle()
    this.#tellPurged()
    if (this.#foreign === null) return
    const { checkpoint, place } = this.#foreign
    const [signature] = checkpoint.note.signatures
    const what = `the checkpoint of ${howMany(checkpoint.size, 'record')} is signed by ${signature?.name}+${signature?.id}, a key that was not given. If the key was changed (a record key-changed says so), give the new one too`
    problems.add('foreign-key', place, checkpoint.size, what)
  }

  /** Only where no other one from outside was of use: a drawer full of old ones beside a new one is nothing to worry about. */
  #tellPurged(): void {
    const last = this.#purged.at(-1)
    if (last === undefined || this.#outsideGood > 0) return
    const { size } = last.checkpoint
    const what = `the checkpoint of ${howMany(size, 'record')} that was kept elsewhere covers none that is still there: they are purged. Nothing here can be held against it; give a newer one`
    this.#options.problems.add('purged', last, size, what)
  }

  /** Records name the keys that sign: one that none of them names is not the log's own. */
  #isAnnounced({ checkpoint, place, by }: Signed): boolean {
    const key = this.#keyOf(checkpoint)
    if (by === 'given' || key === null || this.#fileKeys.isTold(key)) return true
    const what = `the checkpoint of ${howMany(checkpoint.size, 'record')} is signed by ${key.name}+${key.id}; no record before it says that this key signs`
    this.#options.problems.add('foreign-key', place, checkpoint.size, what)
    return false
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
    this.#goodFaults = head.faults
    if (isOutside) this.#outsideGood = checkpoint.size
    if (isOutside && by === 'given') this.outsideSize = checkpoint.size
    if (by === 'given') this.#foreign = null
    else if (this.#options.keys.length > 0) this.#foreign ??= signed
    this.signer = this.#keyOf(checkpoint)
    if (by === 'given' && !this.#isBroken) this.#inherit(this.signer?.text)
  }

  /** What a trusted key has signed of a change of keys makes the next one trusted. */
  #inherit(signer: string | undefined): void {
    for (const { before, key } of this.#handovers) if (before === signer) this.#heirs.add(key)
    this.#handovers = this.#handovers.filter(({ before }) => before !== signer)
  }

  /** Whether a given key has handed over to the one that signed the newest checkpoint. */
  get isInherited(): boolean {
    return this.signer !== null && this.#heirs.has(this.signer.text)
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
      if (done) return
      const place = { file: CHECKPOINTS, line: entry.line }
      if (entry.kind === 'torn') this.isTorn = true
      else if (entry.kind === 'damaged')
        problems.add('replaced-checkpoint', place, null, 'is neither a checkpoint nor a key')
      else if (entry.kind === 'key') this.#fileKeys.add(entry.key, place)
      else if (entry.checkpoint.size <= this.#lastSize) {
        const what = `the checkpoint of ${howMany(entry.checkpoint.size, 'record')} stands after one of ${this.#lastSize}`
        problems.add('replaced-checkpoint', place, entry.checkpoint.size, what)
      } else {
        this.#fileKeys.hasSigned()
        this.#lastSize = entry.checkpoint.size
        this.#notInFolder.delete(nameOf(entry.checkpoint))
        this.#next = this.#accept(entry.checkpoint, place, false)
      }
    }
  }

  /** null, and a problem, where the signature is not good. */
  #accept(checkpoint: Checkpoint, place: Place, isOutside: boolean): Signed | null {
    const key = this.#keyOf(checkpoint)
    const { problems, keys } = this.#options
    const { size, note, origin } = checkpoint
    if (key === null) {
      const [signature] = note.signatures
      const what = `the checkpoint of ${howMany(size, 'record')} is signed by ${signature?.name}+${signature?.id}, which neither was given nor is named in ${CHECKPOINTS}`
      problems.add('foreign-key', place, size, what)
      return null
    }
    if (checkSignature(note, key) !== 'good' || !isOriginOf(origin, key.name)) {
      problems.add(
        'replaced-checkpoint',
        place,
        size,
        `the checkpoint of ${howMany(size, 'record')} does not fit its signature`,
      )
      return null
    }
    if (!isOutside && this.#fileKeys.newest?.text !== key.text) {
      const what = `the checkpoint of ${howMany(size, 'record')} is signed by ${key.name}+${key.id}, which ${CHECKPOINTS} does not name before it`
      problems.add('replaced-checkpoint', place, size, what)
      return null
    }
    const isGiven = keys.some(({ text }) => text === key.text) || this.#heirs.has(key.text)
    return { checkpoint, place, by: isGiven ? 'given' : 'named', isOutside }
  }

  #keyOf({ note }: Checkpoint): VerifierKey | null {
    const known = [...this.#options.keys, ...this.#fileKeys.all]
    return known.find((key) => note.signatures.some((signature) => isSameKey(signature, key))) ?? null
  }
}
