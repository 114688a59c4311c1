/**
 * The latest denials, kept for a quarter of an hour so that the client can read what its application did not show. In
 * memory only, bounded, by client address; the record that auditors read is another matter.
 */

import type { Decider } from '../rules/change/past.ts'
import type { Texts } from '../rules/model.ts'
import { Arrivals, type Place, placeOf } from '../rules/tables/arrivals.ts'

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
  const placeForTexts = createShelf()

  const drop = (kept: Kept) => {
    all.remove(kept.place)
    kept.own.remove(kept.ownPlace)
    spare.push(kept)
  }
  const forget = (kept: Kept) => {
    drop(kept)
    if (kept.own.size === 0) clients.delete(kept.client)
  }
  const isFresh = ({ at }: Kept) => at > now() - keepMs
  const forgetStale = () => {
    while (all.oldest !== null && !isFresh(all.oldest.value)) forget(all.oldest.value)
  }
  const freshOf = (client: string) => {
    forgetStale()
    const own = clients.get(client)?.latestFirst() ?? []
    return own.filter(isFresh).map(({ denial }) => denial)
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
      const kept = spare.pop() ?? new Kept(placeForTexts())
      kept.hold(denial, own)
      all.addAt(kept.place)
      own.addAt(kept.ownPlace)
    },
    recent: freshOf,
    find: (client, reference) => freshOf(client).find((denial) => denial.reference === reference) ?? null,
  }
}

/** Of a reference and a host, which are both ASCII; longer ones are kept as texts. */
const TEXT_BYTES = 128
const SLAB_BYTES = 256 * TEXT_BYTES

/** Places for texts, many in one piece of memory. */
function createShelf(): () => Buffer {
  let slab = Buffer.alloc(0)
  let used = 0
  return () => {
    if (used === slab.length) {
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      used = 0
    }
    used += TEXT_BYTES
    return slab.subarray(used - TEXT_BYTES, used)
  }
}

/**
 * A denial, and where it stands in the order of all and in that of its client. Used again for another one when it is forgotten, and its
 * texts are bytes outside of the heap: in a storm, what is made anew for each and lives for a second is what costs the garbage
 * collector most.
 */
class Kept {
  at = 0
  client = ''
  own: Arrivals<Kept> = NONE
  readonly place: Place<Kept>
  readonly ownPlace: Place<Kept>
  readonly #bytes: Buffer
  #referenceEnd = 0
  #hostEnd = 0
  /** Too long for the bytes. */
  #long: Pick<Denial, 'reference' | 'host'> | null = null
  #service = ''
  #segment = ''
  #rule = ''
  #by: Decider = 'rules'
  #reason: Texts | null = null
  #alternative: Texts | null = null

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.place = placeOf(this)
    this.ownPlace = placeOf(this)
  }

  hold(denial: Denial, own: Arrivals<Kept>): void {
    const { reference, host } = denial
    this.own = own
    this.at = denial.at
    this.client = denial.client
    this.#service = denial.service
    this.#segment = denial.segment
    this.#rule = denial.rule
    this.#by = denial.by
    this.#reason = denial.reason
    this.#alternative = denial.alternative
    const isLong = reference.length + host.length > TEXT_BYTES
    this.#long = isLong ? { reference, host } : null
    if (isLong) return
    this.#referenceEnd = this.#bytes.write(reference, 0, 'latin1')
    this.#hostEnd = this.#referenceEnd + this.#bytes.write(host, this.#referenceEnd, 'latin1')
  }

  get denial(): Denial {
    return {
      reference: this.#long?.reference ?? this.#bytes.toString('latin1', 0, this.#referenceEnd),
      at: this.at,
      client: this.client,
      service: this.#service,
      segment: this.#segment,
      rule: this.#rule,
      by: this.#by,
      host: this.#long?.host ?? this.#bytes.toString('latin1', this.#referenceEnd, this.#hostEnd),
      reason: this.#reason,
      alternative: this.#alternative,
    }
  }
}

const NONE = new Arrivals<Kept>()
