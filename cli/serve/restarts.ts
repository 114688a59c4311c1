/** When a thread that died may start again: at once after the first death, later and later after more, and never after too many. */

const WITHIN_MS = 60_000
/** So many deaths of any threads within a minute are no accident. */
const MOST = 5
const FIRST_WAIT_MS = 100

export class Restarts {
  readonly #now: () => number
  #deaths: number[] = []

  /** `now`: milliseconds, monotonic. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** One died. Milliseconds to wait before another takes its place; null: none may. */
  died(): number | null {
    const at = this.#now()
    this.#deaths = [...this.#deaths.filter((death) => death > at - WITHIN_MS), at]
    const before = this.#deaths.length - 1
    if (before >= MOST) return null
    return before === 0 ? 0 : FIRST_WAIT_MS * 2 ** (before - 1)
  }
}
