/** When what failed is tried again: soon at first, then less and less often. */

const FIRST_MS = 50
const LAST_MS = 1000

export class Retry {
  #timer: NodeJS.Timeout | null = null

  get isWaiting(): boolean {
    return this.#timer !== null
  }

  /** So many attempts have failed so far, one or more. */
  after(attempts: number, again: () => void): void {
    const ms = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempts - 1, 10))
    this.#timer = setTimeout(() => {
      this.#timer = null
      again()
    }, ms)
  }

  /** True where there was one to come. */
  cancel(): boolean {
    if (this.#timer === null) return false
    clearTimeout(this.#timer)
    this.#timer = null
    return true
  }
}
