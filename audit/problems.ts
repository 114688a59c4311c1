/** What `verify` finds wrong, in the order found; lines of the same kind that follow each other are told as one. */

/** What somebody must have done to the log. `mismatch`: it is not what was signed, and the evidence does not say how. */
export const TAMPERED = [
  'edit',
  'deletion',
  'insertion',
  'reordering',
  'truncation',
  'replaced-checkpoint',
  'swapped-segment',
  'foreign-key',
  'false-sign-off',
  'mismatch',
] as const
/** What is not there, or not yet signed; of an extract: a file, or a checkpoint to hold it against. */
export const INCOMPLETE = [
  'missing-segment',
  'torn',
  'unsigned-tail',
  'purged',
  'missing-file',
  'no-checkpoint',
  'other-version',
] as const
export type ProblemKind = (typeof TAMPERED)[number] | (typeof INCOMPLETE)[number]

export interface Problem {
  readonly kind: ProblemKind
  /** The file's name in the folder, or as it was given. */
  readonly file: string | null
  /** Counts from 1. */
  readonly line: number | null
  readonly sequence: number | null
  readonly message: string
}

export interface Place {
  readonly file: string
  readonly line: number
}

/** A log that is wrong throughout would fill the memory, and tell nobody more. */
const MOST = 1000

export class Problems {
  readonly #list: Problem[] = []
  #count = 0
  #isTampered = false
  /** The last line of the last problem, while the next line may continue it. */
  #end: Place | null = null

  /** Beyond a thousand they are counted only. */
  get list(): readonly Problem[] {
    return this.#list
  }

  get count(): number {
    return this.#count
  }

  get result(): 'fine' | 'tampered' | 'incomplete' {
    if (this.#count === 0) return 'fine'
    return this.#isTampered ? 'tampered' : 'incomplete'
  }

  /** `isRun`: the lines after it, with the same to be said of them, add nothing. */
  add(kind: ProblemKind, place: Place | null, sequence: number | null, message: string, isRun = false): void {
    const last = this.#list.at(-1)
    const continues =
      isRun && last?.kind === kind && this.#end?.file === place?.file && this.#end?.line === (place?.line ?? 0) - 1
    this.#end = isRun ? place : null
    if (continues) return
    this.#count++
    this.#isTampered ||= TAMPERED.some((tampered) => tampered === kind)
    if (this.#list.length >= MOST) return
    this.#list.push({ kind, file: place?.file ?? null, line: place?.line ?? null, sequence, message })
  }
}
