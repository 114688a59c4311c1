/**
 * Those that are open now. They come and go by the thousand, and a `Set` would keep them longer: when it has taken many away it
 * moves to a new table, and the old one, once it has lived long enough to be collected seldom, holds all that were in it.
 */

/** Knows its place in the one roster that it is in. */
export interface Member {
  /** -1: in none. */
  place: number
}

export class Roster<T extends Member> {
  #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    member.place = this.#members.push(member) - 1
  }

  /** One that is not in it stays out. */
  remove(member: T): void {
    const { place } = member
    if (place === -1) return
    member.place = -1
    const last = this.#members.pop()
    if (last === undefined || last === member) return
    this.#members[place] = last
    last.place = place
  }

  /** Those that are in it now, in no order, whoever comes and goes while they are gone through. */
  all(): readonly T[] {
    return [...this.#members]
  }
}
