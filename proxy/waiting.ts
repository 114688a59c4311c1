/** The clients' connections that wait for a request. Where all places are taken, who has waited the longest gives theirs. */
import { Arrivals, type Place } from '../rules/tables/arrivals.ts'

/** So long a client may be left to think before its next request; from then on, its place may go to another. */
const PATIENCE_MS = 5000

export interface Waiter {
  readonly place: Place<Waiter>
  /** When the wait began, by `performance.now()`. */
  readonly waitingSince: number
  /** Close at once, and wait no more. */
  giveWay(): void
}

export class Waiting {
  /** In the order in which the waits began. */
  #waiters = new Arrivals<Waiter>()

  add({ place }: Waiter): void {
    this.#waiters.addAt(place)
  }

  remove({ place }: Waiter): void {
    this.#waiters.remove(place)
  }

  /** Has the one give way that has waited the longest; false where none has waited for long. */
  makeRoom(): boolean {
    const longest = this.#waiters.oldest?.value
    if (longest === undefined || performance.now() - longest.waitingSince < PATIENCE_MS) return false
    longest.giveWay()
    return true
  }
}
