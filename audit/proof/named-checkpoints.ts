/** The log's records name the checkpoints that were signed: what they name must be in the folder's file. */
import { howMany } from '../../rules/words.ts'
import type { Place, Problems } from '../problems.ts'
import type { Checkpoint } from './checkpoint.ts'
import { CHECKPOINTS, readCheckpoints } from './checkpoint-file.ts'

/** A record names a checkpoint soon after it was signed: so many are remembered. */
const RECENT = 1000

/** As records do. */
export function nameOf({ size, root }: Checkpoint): string {
  return `${size} ${root.toString('base64')}`
}

interface Naming {
  readonly place: Place
  readonly sequence: number
}

export class NamedCheckpoints {
  readonly #path: string
  readonly #problems: Problems
  readonly #recent = new Set<string>()
  /** Named by records, and not among the recent. */
  readonly #unmet = new Map<string, Naming>()

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

  /**
   * To be called after the last record; `lastSize`: of the greatest checkpoint that was read, a running proxy may have added others since.
   * Of one that stands in the wrong place of the file, the file tells.
   */
  async tellUnmet(lastSize: number): Promise<void> {
    if (this.#unmet.size === 0) return
    const early: (Naming & { readonly size: number })[] = []
    let greatest = -1
    for await (const entry of readCheckpoints(this.#path)) {
      if (entry.kind !== 'checkpoint') continue
      const { size } = entry.checkpoint
      const isInPlace = size > greatest
      greatest = Math.max(greatest, size)
      const naming = this.#unmet.get(nameOf(entry.checkpoint))
      this.#unmet.delete(nameOf(entry.checkpoint))
      if (naming === undefined) continue
      if (size >= naming.sequence) early.push({ ...naming, size })
      else if (isInPlace && size <= lastSize) this.#tell(naming, size, `and that of ${CHECKPOINTS} does not count`)
    }
    for (const [name, naming] of this.#unmet)
      this.#tell(naming, Number(name.split(' ')[0]), `which is not in ${CHECKPOINTS}`)
    this.#tellEarly(early.toSorted((a, b) => a.sequence - b.sequence))
  }

  /** Once a log was cut and goes on, it names what was signed of it before: that is one finding, however many there are. */
  #tellEarly([first, ...others]: readonly (Naming & { readonly size: number })[]): void {
    if (first === undefined) return
    const before = `and only ${first.sequence - 1} stand before it: the log is not the one that was signed then`
    const more =
      others.length === 0
        ? ''
        : `; ${howMany(others.length, 'later record names such a', 'later records name such a')} checkpoint too`
    this.#tell(first, first.size, before + more)
  }

  #tell({ place, sequence }: Naming, size: number, what: string): void {
    const message = `it names the checkpoint of ${howMany(size, 'record')}, ${what}`
    this.#problems.add('replaced-checkpoint', place, sequence, message)
  }
}
