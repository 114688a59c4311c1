/**
 * Names to addresses, asked once: the answer is cached for as long as it holds, within bounds, and many requests for
 * one name wait for one query, which has a deadline.
 */

import type { Observer } from '../rules/events.ts'
import type { Address } from '../rules/model.ts'
import { ArrivalMap } from '../rules/tables/arrivals.ts'
import { ProxyError } from './failures.ts'
import type { NameLookup } from './options.ts'
import { codeOf, isNotFound, systemLookup } from './system-names.ts'

const MAX_NAMES = 20_000
/** An answer is used for at least this long, so that a name server that says 0 is not asked for every request. */
const MIN_SECONDS = 1
/** And no longer than this, so that a long-lived wrong answer mends itself. */
const MAX_SECONDS = 300
const NEGATIVE_SECONDS = 2
/** The last part of an answer's time, in which a name that is still asked for is asked about again: nobody waits for it then. */
const REFRESH_PART = 0.2

interface Entry {
  readonly addresses: readonly Address[]
  readonly failure: ProxyError | null
  /** Monotonic milliseconds. */
  readonly until: number
  /** From then on it is asked for again while it is still used. */
  refreshAt: number
}

export interface Resolver {
  /** What is known of the name now, at least one address; null: it is to be asked for. */
  known(name: string): readonly Address[] | null
  /** At least one address, in the order of preference. Rejects with ERR_DNS or ERR_DNS_TIMEOUT. */
  resolve(name: string): Promise<readonly Address[]>
}

export interface ResolverOptions {
  readonly dnsMs: number
  readonly observer: Pick<Observer, 'resolved'>
  readonly lookup?: NameLookup | undefined
  /** Milliseconds; monotonic. */
  readonly now?: () => number
}

export function createResolver({
  dnsMs,
  observer,
  lookup = systemLookup(),
  now = () => performance.now(),
}: ResolverOptions): Resolver {
  const known = new ArrivalMap<string, Entry>()
  const asked = new Map<string, Promise<Entry>>()

  async function ask(name: string): Promise<Entry> {
    const before = performance.now()
    const tell = (result: 'ok' | 'not_found' | 'timeout' | 'error') =>
      observer.resolved(result, (performance.now() - before) / 1000)
    try {
      const { addresses, seconds } = await withDeadline(lookup(name), dnsMs)
      if (addresses.length === 0) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' })
      tell('ok')
      const held = Math.min(Math.max(seconds, MIN_SECONDS), MAX_SECONDS)
      const until = now() + held * 1000
      return { addresses, failure: null, until, refreshAt: until - held * 1000 * REFRESH_PART }
    } catch (cause) {
      const failure = failureOf(cause)
      tell(failure.code === 'ERR_DNS_TIMEOUT' ? 'timeout' : isNotFound(cause) ? 'not_found' : 'error')
      const until = now() + NEGATIVE_SECONDS * 1000
      return { addresses: [], failure, until, refreshAt: until }
    }
  }

  /** The one query for the name, and what is known by it. A good answer stays until a better one comes, or its time is over. */
  function query(name: string): Promise<Entry> {
    const running = asked.get(name)
    if (running !== undefined) return running
    const answer = ask(name).then((entry) => {
      asked.delete(name)
      const before = fresh(name)
      if (entry.failure !== null && before !== null && before.failure === null) {
        before.refreshAt = entry.until // no sooner than it would be asked for again without the good one
        return entry
      }
      known.set(name, entry)
      if (known.size > MAX_NAMES && known.oldest !== null) known.delete(known.oldest[0])
      return entry
    })
    asked.set(name, answer)
    return answer
  }

  function fresh(name: string, at = now()): Entry | null {
    const entry = known.get(name)
    return entry === undefined || entry.until <= at ? null : entry
  }

  return {
    known(name) {
      const at = now()
      const entry = fresh(name, at)
      if (entry === null || entry.failure !== null) return null
      if (entry.refreshAt <= at) void query(name)
      return entry.addresses
    },
    async resolve(name) {
      const entry = fresh(name) ?? (await query(name))
      if (entry.failure !== null) throw entry.failure
      return entry.addresses
    },
  }
}

async function withDeadline<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ProxyError('ERR_DNS_TIMEOUT')), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function failureOf(cause: unknown): ProxyError {
  if (cause instanceof ProxyError) return cause
  return codeOf(cause) === 'ETIMEOUT'
    ? new ProxyError('ERR_DNS_TIMEOUT', { cause })
    : new ProxyError('ERR_DNS', { cause })
}
