/**
 * The latest denials, kept for a quarter of an hour so that the client can read what its application did not show. In
 * memory only, bounded, by client address; the record that auditors read is another matter.
 */
import { Arrivals, type Place, placeOf } from '../rules/arrivals.ts'
import type { Texts } from '../rules/model.ts'
import type { Decider } from '../rules/past.ts'

export interface Denial {
  /** `event.id` of the record. */
  readonly reference: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** The client's address, canonical. */
  readonly client: string
  /** Id; `none` where no service was named. */
  readonly service: string
  readonly segment: string
  readonly rule: string
  readonly by: Decider
  /** What was asked for, without path. */
  readonly host: string
  readonly reason: Texts | null
  readonly alternative: Texts | null
}

export interface Denials {
  /** Each record is remembered once: a repeat shares that of the first. */
  remember(denial: Denial): void
  /** Those of the client, the latest first. */
  recent(client: string): readonly Denial[]
  /** Of the client; null where it has none of that reference. */
  find(client: string, reference: string): Denial | null
}

export interface DenialsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly keepMs?: number
  /** Enough for an address that many people share; one client's storm does not push out the others'. */
  readonly mostPerClient?: number
  readonly most?: number
}

export function createDenials(options: DenialsOptions): Denials {
  const { now, keepMs = 15 * 60_000, mostPerClient = 1000, most = 20_000 } = options
  const all = new Arrivals<Kept>()
  // There is no table of references: a storm brings thousands of denials, and few are ever asked for.
  const clients = new Map<string, Arrivals<Kept>>()
  /** At most `most` are ever made. */
  const spare: Kept[] = []

  const drop = (kept: Kept) => {
    all.remove(kept.place)
    kept.own.remove(kept.ownPlace)
    spare.push(kept)
  }
  const forget = (kept: Kept) => {
    drop(kept)
    if (kept.own.size === 0) clients.delete(kept.denial.client)
  }
  const isFresh = ({ at }: Denial) => at > now() - keepMs
  const forgetStale = () => {
    while (all.oldest !== null && !isFresh(all.oldest.value.denial)) forget(all.oldest.value)
  }
  const freshOf = (client: string) => {
    forgetStale()
    const own = clients.get(client)?.latestFirst() ?? []
    return own.map(({ denial }) => denial).filter(isFresh)
  }

  return {
    remember(denial) {
      forgetStale()
      if (all.size >= most && all.oldest !== null) forget(all.oldest.value)
      let own = clients.get(denial.client)
      if (own === undefined) {
        own = new Arrivals<Kept>()
        clients.set(denial.client, own)
      } else if (own.size >= mostPerClient && own.oldest !== null) drop(own.oldest.value)
      const kept = spare.pop() ?? new Kept()
      kept.hold(denial, own)
      all.addAt(kept.place)
      own.addAt(kept.ownPlace)
    },
    // Copies, as what is kept is used again.
    recent: (client) => freshOf(client).map((denial) => ({ ...denial })),
    find(client, reference) {
      const found = freshOf(client).find((denial) => denial.reference === reference)
      return found === undefined ? null : { ...found }
    },
  }
}

/**
 * A denial, and where it stands in the order of all and in that of its client. Used again for another one when it is forgotten: in a
 * storm, what is made anew for each and lives for a second is what costs the garbage collector most.
 */
class Kept {
  readonly denial: { -readonly [Name in keyof Denial]: Denial[Name] } = {
    reference: '',
    at: 0,
    client: '',
    service: '',
    segment: '',
    rule: '',
    by: 'rules',
    host: '',
    reason: null,
    alternative: null,
  }
  own: Arrivals<Kept> = NONE
  readonly place: Place<Kept>
  readonly ownPlace: Place<Kept>

  constructor() {
    this.place = placeOf(this)
    this.ownPlace = placeOf(this)
  }

  hold(denial: Denial, own: Arrivals<Kept>): void {
    const held = this.denial
    held.reference = denial.reference
    held.at = denial.at
    held.client = denial.client
    held.service = denial.service
    held.segment = denial.segment
    held.rule = denial.rule
    held.by = denial.by
    held.host = onItsOwn(denial.host)
    held.reason = denial.reason
    held.alternative = denial.alternative
    this.own = own
  }
}

const NONE = new Arrivals<Kept>()

/** A part of a longer text keeps all of that. */
function onItsOwn(text: string): string {
  return Buffer.from(text).toString()
}
