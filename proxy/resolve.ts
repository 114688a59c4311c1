/**
 * Names to addresses, asked once: the answer is cached for as long as it holds, within bounds, and many requests for
 * one name wait for one query, which has a deadline.
 */
import type { Observer } from '../rules/events.ts'
import type { Address } from '../rules/model.ts'
import { ProxyError } from './failures.ts'
import type { NameLookup } from './options.ts'
import { codeOf, isNotFound, systemLookup } from './system-names.ts'

const MAX_NAMES = 20_000
/** An answer is used for at least this long, so that a name server that says 0 is not asked for every request. */
const MIN_SECONDS = 1
/** And no longer than this, so that a long-lived wrong answer mends itself. */
const MAX_SECONDS = 300
const NEGATIVE_SECONDS = 2

interface Entry {
  readonly addresses: readonly Address[]
  readonly failure: ProxyError | null
  /** Monotonic milliseconds. */
  readonly until: number
}

export interface Resolver {
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
  const known = new Map<string, Entry>()
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
      return { addresses, failure: null, until: now() + held * 1000 }
    } catch (cause) {
      const failure = failureOf(cause)
      tell(failure.code === 'ERR_DNS_TIMEOUT' ? 'timeout' : isNotFound(cause) ? 'not_found' : 'error')
      return { addresses: [], failure, until: now() + NEGATIVE_SECONDS * 1000 }
    }
  }

  return {
    async resolve(name) {
      let entry = known.get(name)
      if (entry === undefined || entry.until <= now()) {
        let query = asked.get(name)
        if (query === undefined) {
          query = ask(name).finally(() => asked.delete(name))
          asked.set(name, query)
        }
        entry = await query
        known.delete(name)
        known.set(name, entry)
        if (known.size > MAX_NAMES) known.delete(known.keys().next().value ?? name)
      }
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
