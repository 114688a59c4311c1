/** The log's records name the checkpoints that were signed: what they name must be in the folder's file. */
import { howMany } from '../rules/words.ts'
import type { Checkpoint } from './checkpoint.ts'
import { CHECKPOINTS, readCheckpoints } from './checkpoint-file.ts'
import type { Place, Problems } from './problems.ts'

/** A record names a checkpoint soon after it was signed: so many are remembered. */
const RECENT = 1000

/** As records do. */
export function nameOf({ size, root }: Checkpoint): string {
  return `${size} ${root.toString('base64')}`
}

export class NamedCheckpoints {
  readonly #path: string
  readonly #problems: Problems
  readonly #recent = new Set<string>()
  /** Named by records, and not among the recent. */
  readonly #unmet = new Map<string, { readonly place: Place; readonly sequence: number }>()

  /** `path`: of the checkpoint file. */
  constructor(path: string, problems: Problems) {
    this.#path = path
    this.#problems = problems
  }

  /** It is in the file: the next records may name it. */
  expect(checkpoint: Checkpoint): void {
    this.#recent.add(nameOf(checkpoint))
    const [oldest] = this.#recent
    if (oldest !== undefined && this.#recent.size > RECENT) this.#recent.delete(oldest)
  }

  /** The record at `place` names it. */
  named(name: string, place: Place, sequence: number): void {
    if (!this.#recent.has(name) && this.#unmet.size < RECENT) this.#unmet.set(name, { place, sequence })
  }

  /** Those that are not in the file: unless a running proxy has added them since it was measured, behind the one of `lastSize` records. */
  async tellUnmet(lastSize: number): Promise<void> {
    if (this.#unmet.size === 0) return
    for await (const entry of readCheckpoints(this.#path))
      if (entry.kind === 'checkpoint' && entry.checkpoint.size > lastSize) this.#unmet.delete(nameOf(entry.checkpoint))
    for (const [name, { place, sequence }] of this.#unmet) {
      const [size] = name.split(' ')
      const what = `it names a checkpoint of ${howMany(Number(size), 'record')} that is not in ${CHECKPOINTS}`
      this.#problems.add('replaced-checkpoint', place, sequence, what)
    }
  }
}
