/**
 * The latest denials, kept for a quarter of an hour so that the client can read what its application did not show. In
 * memory only, bounded, by client address; the record that auditors read is another matter.
 */
import type { Texts } from '../rules/model.ts'

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
  /** What was asked for, without path. */
  readonly host: string
  readonly reason: Texts | null
  readonly alternative: Texts | null
}

export interface Denials {
  /** Remembers it; the same reference again (a repeat that shares its record) only brings it up to date. */
  remember(denial: Denial): void
  /** Those of the client, the latest first. */
  recent(client: string): readonly Denial[]
  byReference(reference: string): Denial | null
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
  // A Map gives its keys in the order of insertion: the first is the oldest, here and in each client's part.
  const all = new Map<string, Denial>()
  const clients = new Map<string, Map<string, Denial>>()

  const forget = (denial: Denial) => {
    all.delete(denial.reference)
    const own = clients.get(denial.client)
    own?.delete(denial.reference)
    if (own?.size === 0) clients.delete(denial.client)
  }
  const forgetOldest = (table: ReadonlyMap<string, Denial> | undefined) => {
    for (const oldest of table?.values() ?? []) return forget(oldest)
  }
  const isFresh = ({ at }: Denial) => at > now() - keepMs
  const forgetStale = () => {
    for (const denial of all.values()) {
      if (isFresh(denial)) return
      forget(denial)
    }
  }

  return {
    remember(denial) {
      const before = all.get(denial.reference)
      if (before) forget(before)
      forgetStale()
      if (all.size >= most) forgetOldest(all)
      if ((clients.get(denial.client)?.size ?? 0) >= mostPerClient) forgetOldest(clients.get(denial.client))
      all.set(denial.reference, denial)
      const own = clients.get(denial.client)
      if (own) own.set(denial.reference, denial)
      else clients.set(denial.client, new Map([[denial.reference, denial]]))
    },
    recent(client) {
      forgetStale()
      return [...(clients.get(client)?.values() ?? [])].filter(isFresh).reverse()
    },
    byReference(reference) {
      const denial = all.get(reference)
      return denial && isFresh(denial) ? denial : null
    },
  }
}
