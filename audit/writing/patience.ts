/** How long the disk may take. A call that hangs cannot be taken back, but nobody need wait for it. */
export class Patience {
  #isOver = false
  readonly #ms: number
  readonly #lost: () => void

  /** `lost` is told as it ends, once for each piece of work. */
  constructor(ms: number, lost: () => void) {
    this.#ms = ms
    this.#lost = lost
  }

  /** The disk has taken longer, and has not answered yet. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Settles as the work does, however long that takes. One piece of work at a time. */
  async watch<T>(work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.#isOver = true
      this.#lost()
    }, this.#ms)
    try {
      return await work()
    } finally {
      clearTimeout(timer)
      this.#isOver = false
    }
  }
}
