/**
 * Checkpoints that stand in the folder's file after one of as many records or more, as they do once a log was cut and went on: from there
 * on each one does, until the log is as long again. All of such a run are told as one.
 */
import { howMany } from '../../rules/words.ts'
import type { Place, Problems } from '../problems.ts'
import type { Checkpoint } from './checkpoint.ts'

export class Misplaced {
  readonly #problems: Problems
  #run: { readonly size: number; readonly place: Place; readonly after: number; count: number } | null = null

  constructor(problems: Problems) {
    this.#problems = problems
  }

  /** `after`: how many records the greatest one before it covers. */
  add({ size }: Checkpoint, place: Place, after: number): void {
    this.#run ??= { size, place, after, count: 0 }
    this.#run.count++
  }

  /** To be called where the run ends. */
  tell(): void {
    if (this.#run === null) return
    const { size, place, after, count } = this.#run
    this.#run = null
    const others = count === 1 ? '' : `, and so ${count === 2 ? 'does 1' : `do ${count - 1}`} behind it`
    const what = `the checkpoint of ${howMany(size, 'record')} stands after one of ${after}${others}`
    this.#problems.add('replaced-checkpoint', place, size, what)
  }
}
