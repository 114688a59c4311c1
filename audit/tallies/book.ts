/**
 * Rows that add up, within bounds: a client that asks for a million sub-domains of a service makes no million rows. What has
 * no room is counted without what was asked for, by segment, service and rule; these come from the rule file.
 */
import type { TallyRow } from './row.ts'

export interface BookLimits {
  /** Rows with what was asked for, and as many without. */
  readonly rows: number
  /** Of one segment, service and rule: so that one client cannot take the room of all. */
  readonly perGroup: number
}

export const BOOK_LIMITS: BookLimits = { rows: 20_000, perGroup: 1000 }

interface Group {
  /** Rows with what was asked for. */
  rows: number
  overflow: Counted | null
}

interface Counted {
  readonly row: TallyRow
  count: number
}

export class TallyBook {
  readonly #limits: BookLimits
  readonly #rows = new Map<string, Counted>()
  readonly #groups = new Map<string, Group>()
  #overflows = 0
  /** Requests, those without a row included. */
  requests = 0
  /** Requests in rows without what was asked for. */
  overflowed = 0
  /** Requests for which there was no room at all. */
  lost = 0

  constructor(limits: BookLimits = BOOK_LIMITS) {
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.requests === 0
  }

  /** Adds the row's count to the row of the same kind. */
  add(row: TallyRow): void {
    const { hour, segment, service, rule, mode, revision, asked, count } = row
    this.requests += count
    const group = `${hour} ${segment} ${service} ${rule} ${mode} ${revision}`
    if (asked === null) {
      this.#overflow(this.#groupOf(group), row)
      return
    }
    const { host, port, serverName, httpHost, prefix } = asked
    const key = `${group} ${host} ${port} ${serverName} ${httpHost} ${prefix}`
    const known = this.#rows.get(key)
    if (known !== undefined) {
      known.count += count
      return
    }
    const peers = this.#groupOf(group)
    if (peers === null || peers.rows >= this.#limits.perGroup || this.#rows.size >= this.#limits.rows) {
      this.#overflow(peers, row)
      return
    }
    peers.rows++
    this.#rows.set(key, { row, count })
  }

  /** All rows. */
  *rows(): Generator<TallyRow> {
    for (const { row, count } of this.#rows.values()) yield { ...row, count }
    for (const { overflow } of this.#groups.values())
      if (overflow !== null) yield { ...overflow.row, asked: null, count: overflow.count }
  }

  /** All rows; the book is empty then. */
  take(): TallyRow[] {
    const rows = [...this.rows()]
    this.#rows.clear()
    this.#groups.clear()
    this.#overflows = 0
    this.requests = 0
    this.overflowed = 0
    this.lost = 0
    return rows
  }

  /** null: there are too many. */
  #groupOf(key: string): Group | null {
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    // One group holds a row at least, of either kind.
    if (this.#groups.size >= 2 * this.#limits.rows) return null
    const group = { rows: 0, overflow: null }
    this.#groups.set(key, group)
    return group
  }

  #overflow(group: Group | null, row: TallyRow): void {
    if (group?.overflow) group.overflow.count += row.count
    else if (group === null || this.#overflows >= this.#limits.rows) {
      this.lost += row.count
      return
    } else {
      group.overflow = { row, count: row.count }
      this.#overflows++
    }
    this.overflowed += row.count
  }
}
