/** Adds up what another rule file would have made of past requests: what changes, for whom, how often; and what cannot be told. */

import type { Medium, VerdictAction } from '../model.ts'
import type { Foreseen } from './foresee.ts'
import type { Past, PastVerdict, Reason } from './past.ts'

export const CHANGES = ['newly_blocked', 'newly_allowed', 'changed_rule'] as const
export type ChangeKind = (typeof CHANGES)[number]

export interface Totals {
  readonly requests: number
  readonly newly_blocked: number
  readonly newly_allowed: number
  /** Let through, or not, as before; those that another rule or action decides included. */
  readonly unchanged: number
  readonly undecidable: number
  /** Of the unchanged. */
  readonly changed_rule: number
}

/** Where the requests of a group came from and went. */
interface Cell {
  readonly segment: string
  readonly medium: Medium
  readonly service: string
  readonly rule: string
}

export interface Seen {
  readonly requests: number
  /** Distinct addresses, or pseudonyms, in records; a tally tells of none. */
  readonly clients: number
  /** There were more clients than are counted. */
  readonly clientsAtLeast: boolean
  /** Of the requests, those in tallies. */
  readonly tallied: number
  /** Milliseconds since 1970; of a tally, the hour's begin and end. */
  readonly first: number
  readonly last: number
  /** Of some of the records. */
  readonly references: readonly string[]
  /** The hosts most asked for. */
  readonly hosts: readonly string[]
}

export interface Change extends Seen {
  readonly change: ChangeKind
  readonly before: Cell & { readonly action: PastVerdict['action']; readonly exception: string | null }
  readonly after: Foreseen
}

export interface Undecidable extends Seen {
  readonly reason: Reason
  readonly before: Cell & { readonly action: PastVerdict['action'] }
}

/** What the new rules would make of all that was replayed: the predicted matrix. */
export interface Predicted extends Cell {
  readonly action: VerdictAction
  readonly requests: number
}

export interface Simulation {
  readonly totals: Totals
  /** Newly blocked first, and of each kind the most frequent. */
  readonly changes: readonly Change[]
  readonly undecidable: readonly Undecidable[]
  readonly cells: readonly Predicted[]
}

/** Where a request is told: the record's reference, or null for a tally; and what tells its client from others. */
export interface Witness {
  readonly reference: string | null
  readonly client: string | null
}

const MOST_CLIENTS = 50_000
const MOST_HOSTS = 500
const SHOWN_HOSTS = 5
const SHOWN_REFERENCES = 3

export class SimulationBuilder {
  readonly #changes = new Map<string, { readonly of: Omit<Change, keyof Seen>; readonly seen: Sightings }>()
  readonly #undecidable = new Map<string, { readonly of: Omit<Undecidable, keyof Seen>; readonly seen: Sightings }>()
  readonly #cells = new Map<string, { readonly cell: Omit<Predicted, 'requests'>; requests: number }>()
  readonly #totals = { requests: 0, newly_blocked: 0, newly_allowed: 0, unchanged: 0, undecidable: 0, changed_rule: 0 }

  add(past: Past, outcome: Foreseen | Reason, witness: Witness): void {
    this.#totals.requests += past.count
    if (typeof outcome === 'string') this.#addUndecidable(past, outcome, witness)
    else this.#addForeseen(past, outcome, witness)
  }

  build(): Simulation {
    const order = (x: Change) => CHANGES.indexOf(x.change)
    return {
      totals: { ...this.#totals },
      changes: [...this.#changes.values()]
        .map(({ of, seen }) => ({ ...of, ...seen.told() }))
        .sort((x, y) => order(x) - order(y) || y.requests - x.requests),
      undecidable: [...this.#undecidable.values()]
        .map(({ of, seen }) => ({ ...of, ...seen.told() }))
        .sort((x, y) => y.requests - x.requests),
      cells: [...this.#cells.values()]
        .map(({ cell, requests }) => ({ ...cell, requests }))
        .sort((x, y) => compare(x.segment, y.segment) || compare(x.service, y.service) || y.requests - x.requests),
    }
  }

  #addUndecidable(past: Past, reason: Reason, witness: Witness): void {
    this.#totals.undecidable += past.count
    const { segment, medium, was } = past
    const { action, rule, service } = was
    const key = `${reason} ${segment} ${service} ${action} ${rule}`
    let group = this.#undecidable.get(key)
    if (group === undefined) {
      group = { of: { reason, before: { segment, medium, service, rule, action } }, seen: new Sightings() }
      this.#undecidable.set(key, group)
    }
    group.seen.add(past, witness)
  }

  #addForeseen(past: Past, after: Foreseen, witness: Witness): void {
    this.#count(after, past.count)
    const change = changeOf(past.was, after)
    if (change === 'newly_blocked' || change === 'newly_allowed') this.#totals[change] += past.count
    else this.#totals.unchanged += past.count
    if (change === null) return
    if (change === 'changed_rule') this.#totals.changed_rule += past.count
    const { segment, medium, was } = past
    const { action, rule, service, exception } = was
    const key = `${segment} ${service} ${action} ${rule} ${exception} ${keyOf(after)} ${after.exception}`
    let group = this.#changes.get(key)
    if (group === undefined) {
      const before = { segment, medium, service, rule, action, exception }
      group = { of: { change, before, after }, seen: new Sightings() }
      this.#changes.set(key, group)
    }
    group.seen.add(past, witness)
  }

  #count(after: Foreseen, requests: number): void {
    const key = keyOf(after)
    const known = this.#cells.get(key)
    if (known !== undefined) {
      known.requests += requests
      return
    }
    const { segment, medium, service, action, rule } = after
    this.#cells.set(key, { cell: { segment, medium, service, action, rule }, requests })
  }
}

function keyOf({ segment, service, action, rule }: Foreseen): string {
  return `${segment} ${service} ${action} ${rule}`
}

/** null: the same rule does the same. */
function changeOf(was: PastVerdict, after: Foreseen): ChangeKind | null {
  const isDenied = isDenial(after.action)
  if (isDenial(was.action) !== isDenied) return isDenied ? 'newly_blocked' : 'newly_allowed'
  if (was.by !== 'rules') return null
  const action = was.action === 'sever' ? 'block' : was.action
  // Of several rules that may decide, the one of then may be it: no change that could be told.
  const isSameRule = after.rule.split(' or ').includes(was.rule)
  const isSame = action === after.action && isSameRule && was.exception === after.exception
  return isSame ? null : 'changed_rule'
}

function isDenial(action: PastVerdict['action']): boolean {
  return action === 'block' || action === 'refuse' || action === 'sever'
}

/** What is kept of the requests of one group, within bounds. */
class Sightings {
  #requests = 0
  #tallied = 0
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY
  readonly #clients = new Set<string>()
  #isMore = false
  readonly #references: string[] = []
  readonly #hosts = new Map<string, number>()

  add({ count, from, to, asked }: Past, { reference, client }: Witness): void {
    this.#requests += count
    this.#first = Math.min(this.#first, from)
    this.#last = Math.max(this.#last, to)
    if (reference === null) this.#tallied += count
    else if (this.#references.length < SHOWN_REFERENCES) this.#references.push(reference)
    if (client !== null && this.#clients.size < MOST_CLIENTS) this.#clients.add(client)
    else if (client !== null) this.#isMore ||= !this.#clients.has(client)
    const host = typeof asked === 'string' ? null : (asked.host ?? asked.address?.text ?? null)
    if (host !== null && (this.#hosts.size < MOST_HOSTS || this.#hosts.has(host)))
      this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + count)
  }

  told(): Seen {
    const hosts = [...this.#hosts].sort(([x, a], [y, b]) => b - a || compare(x, y))
    return {
      requests: this.#requests,
      clients: this.#clients.size,
      clientsAtLeast: this.#isMore,
      tallied: this.#tallied,
      first: this.#first,
      last: this.#last,
      references: this.#references,
      hosts: hosts.slice(0, SHOWN_HOSTS).map(([host]) => host),
    }
  }
}

function compare(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0
}
