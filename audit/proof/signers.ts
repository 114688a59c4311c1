/**
 * Who signed a checkpoint, and whether that may be believed: by a key that was given, by one that such a key has handed over to, or by one
 * that only the folder names.
 */
import { howMany } from '../../rules/words.ts'
import type { Place, Problems } from '../problems.ts'
import { type AdoptedRange, isWithin } from './adopted.ts'
import { type Checkpoint, isOriginOf } from './checkpoint.ts'
import { CHECKPOINTS } from './checkpoint-file.ts'
import { FileKeys } from './file-keys.ts'
import { checkSignature, isSameKey, type VerifierKey } from './note.ts'

/** A checkpoint that the log is held against. */
export interface Signed {
  readonly checkpoint: Checkpoint
  readonly place: Place
  /** Whose signature it has: a key that was given, or one that only the folder names. */
  readonly by: 'given' | 'named'
  readonly isOutside: boolean
}

export class Signers {
  readonly #given: readonly VerifierKey[]
  readonly #problems: Problems
  /** Those that the folder's checkpoint file names. */
  readonly file: FileKeys
  /** Told by records, and not yet under a checkpoint of the old key. */
  #handovers: { readonly before: string; readonly key: string; readonly sequence: number }[] = []
  /** Keys that a given one has handed over to. */
  readonly #heirs = new Set<string>()

  constructor(given: readonly VerifierKey[], problems: Problems) {
    this.#given = given
    this.#problems = problems
    this.file = new FileKeys(problems)
  }

  /** null: neither given nor named. */
  of({ note }: Checkpoint): VerifierKey | null {
    const known = [...this.#given, ...this.file.all]
    return known.find((key) => note.signatures.some((signature) => isSameKey(signature, key))) ?? null
  }

  /** null, and a problem, where the signature is not good. */
  accept(checkpoint: Checkpoint, place: Place, isOutside: boolean): Signed | null {
    const key = this.of(checkpoint)
    const problems = this.#problems
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
    if (!isOutside && this.file.newest?.text !== key.text) {
      const what = `the checkpoint of ${howMany(size, 'record')} is signed by ${key.name}+${key.id}, which ${CHECKPOINTS} does not name before it`
      problems.add('replaced-checkpoint', place, size, what)
      return null
    }
    const isGiven = this.#given.some(({ text }) => text === key.text) || this.#heirs.has(key.text)
    return { checkpoint, place, by: isGiven ? 'given' : 'named', isOutside }
  }

  /** Whether a key that was given has signed it. */
  isByGiven({ note }: Checkpoint): boolean {
    return this.#given.some((key) => checkSignature(note, key) === 'good')
  }

  /** Records name the keys that sign: one that none of them names is not the log's own. */
  isAnnounced({ checkpoint, place, by }: Signed): boolean {
    const key = this.of(checkpoint)
    if (by === 'given' || key === null || this.file.isTold(key)) return true
    const what = `the checkpoint of ${howMany(checkpoint.size, 'record')} is signed by ${key.name}+${key.id}; no record before it says that this key signs`
    this.#problems.add('foreign-key', place, checkpoint.size, what)
    return false
  }

  /** Record `sequence` says that the key `before` hands over to `key`. */
  handsOver(before: string, key: string, sequence: number): void {
    this.#handovers.push({ before, key, sequence })
  }

  /** What these records say of that counts for nothing. */
  doubt(range: AdoptedRange): void {
    this.#handovers = this.#handovers.filter(({ sequence }) => !isWithin(range, sequence))
  }

  /** What a trusted key has signed of a change of keys makes the next one trusted. */
  inherit(signer: string | undefined): void {
    for (const { before, key } of this.#handovers) if (before === signer) this.#heirs.add(key)
    this.#handovers = this.#handovers.filter(({ before }) => before !== signer)
  }

  /** Whether a given key has handed over to it. */
  isHeir({ text }: VerifierKey): boolean {
    return this.#heirs.has(text)
  }
}
