/** What is done between two batches, when nothing else writes: each piece of work waits for its turn. */

export type Work = () => Promise<boolean>

interface Turn {
  readonly work: Work
  readonly resolve: (done: boolean) => void
  readonly reject: (error: unknown) => void
}

export class Turns {
  #waiting: Turn[] = []

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Resolves with what the work does, or with false where it never had its turn. Rejects as the work does. */
  add(work: Work): Promise<boolean> {
    return new Promise((resolve, reject) => this.#waiting.push({ work, resolve, reject }))
  }

  /** All that wait, one after the other, by way of `each`. */
  async run(each: (work: Work) => Promise<boolean>): Promise<void> {
    for (const { work, resolve, reject } of this.#waiting.splice(0)) await each(work).then(resolve, reject)
  }

  /** Nothing that waits will be done. */
  refuse(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(false)
  }
}
