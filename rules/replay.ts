/**
 * What another rule file would have made of a past request. Where it is not told from which address, when exactly or to which
 * address it went, every situation is judged that it may have been: they agree, or the request is undecidable. Never guessed.
 */
import { isBreakglassId } from './breakglass.ts'
import { decide, portIsOpenFor } from './decide.ts'
import type { Address, Evidence, Medium, VerdictAction } from './model.ts'
import type { Past, PastAsked, Reason } from './past.ts'
import type { Policy } from './policy.ts'
import { type Clients, clientsBetween, type Destinations, destinationsBetween, instantsWithin } from './situations.ts'

export interface Foreseen {
  readonly segment: string
  readonly medium: Medium
  readonly service: string
  readonly action: VerdictAction
  /** Of several situations that come to the same action: `a or b`. */
  readonly rule: string
  readonly exception: string | null
}

export type Replay = (past: Past) => Foreseen | Reason

const HOUR_MS = 3_600_000
/** Hours whose instants are remembered. */
const MOST_HOURS = 10_000

/** `rulesOf`: the rules of a revision; null where they are not known. They are asked for once. */
export function createReplay(policy: Policy, rulesOf: (revision: string) => Policy | null): Replay {
  const revisions = new Map<string, Between | null>()
  const between = (revision: string): Between | null => {
    const known = revisions.get(revision)
    if (known !== undefined) return known
    const before = rulesOf(revision)
    const made = before === null ? null : new Between(before, policy)
    revisions.set(revision, made)
    return made
  }
  const instants = hourly((from, to) => instantsWithin(policy, from, to))
  return (past) => replay(policy, past, () => between(past.was.revision), instants(past.from, past.to))
}

/** Two rule files, and what lies between them; worked out when first needed. */
class Between {
  readonly before: Policy
  readonly #after: Policy
  #clients: Clients | null = null
  #destinations: Destinations | null = null
  #sameServices: boolean | null = null

  constructor(before: Policy, after: Policy) {
    this.before = before
    this.#after = after
  }

  get clients(): Clients {
    this.#clients ??= clientsBetween(this.before, this.#after)
    return this.#clients
  }

  get destinations(): Destinations {
    this.#destinations ??= destinationsBetween(this.before, this.#after)
    return this.#destinations
  }

  /** Whether both know the same services by the same names, prefixes and ports. */
  get sameServices(): boolean {
    this.#sameServices ??= servicesOf(this.before) === servicesOf(this.#after)
    return this.#sameServices
  }
}

function servicesOf({ services }: Policy): string {
  return JSON.stringify(
    [...services.values()]
      .map(({ entry: { id, domains, hosts, prefixes, ports } }) => [
        id,
        domains,
        hosts,
        prefixes.map((p) => p.text),
        ports,
      ])
      .sort((x, y) => (String(x[0]) < String(y[0]) ? -1 : 1)),
  )
}

function replay(
  policy: Policy,
  past: Past,
  between: () => Between | null,
  times: readonly number[],
): Foreseen | Reason {
  const { asked, was } = past
  if (asked === 'overflow') return 'overflow'
  const clients = clientsOf(policy, past, between)
  if (typeof clients === 'string') return clients
  if (asked === 'hidden') return replayHidden(policy, past, clients, between)
  const verdict = judged(policy, asked, { clients, times, destinations: destinationsOf(asked, between) })
  if (typeof verdict === 'string') return verdict
  const isDenied = verdict.action === 'block' || verdict.action === 'refuse'
  if (isDenied && was.exception !== null && isBreakglassId(was.exception)) return 'breakglass'
  if (isDenied || was.by === 'rules') return verdict
  // Whether an address would then have stood in the way was not tried.
  return was.by === 'port' && portIsOpenFor(policy, asked) ? 'port' : { ...verdict, action: 'refuse' }
}

/** What each part of a request may have been. */
interface Situations {
  readonly clients: readonly (Address | null)[]
  readonly times: readonly number[]
  readonly destinations: readonly (Address | null)[]
}

function judged(policy: Policy, asked: PastAsked, { clients, times, destinations }: Situations): Foreseen | Reason {
  const { host, port, serverName, httpHost } = asked
  const at = (source: Address | null, time: number, address: Address | null) =>
    decide(policy, { source, at: time, host, address, port, serverName, httpHost })
  const [client = null] = clients
  const [time = 0] = times
  const [destination = null] = destinations
  if (clients.length === 1 && times.length === 1 && destinations.length === 1)
    return foreseen([at(client, time, destination)])
  const byClient = clients.map((one) => at(one, time, destination))
  if (differ(byClient)) return differInSegment(byClient) ? 'client-segment' : 'client-exception'
  if (differ(times.map((one) => at(client, one, destination)))) return 'hour'
  if (differ(destinations.map((one) => at(client, time, one)))) return 'destination-address'
  const all = clients.flatMap((one) => times.flatMap((when) => destinations.map((to) => at(one, when, to))))
  return differ(all) ? 'hour' : foreseen(all)
}

/** The addresses that the client may have had, as far as they matter. */
function clientsOf(
  policy: Policy,
  { source, segment, prefix }: Past,
  between: () => Between | null,
): readonly (Address | null)[] | Reason {
  if (source === null) {
    const clients = between()?.clients(segment, prefix)
    if (clients === undefined) return 'rules-not-archived'
    return clients.length === 0 ? 'client-segment' : clients
  }
  if (segment !== 'unknown' || policy.seats.lookup(source) === undefined) return [source]
  // In a segment of then, and unknown all the same: it was not the client's own address.
  const before = between()?.before
  if (before === undefined) return 'rules-not-archived'
  return before.seats.lookup(source) === undefined ? [source] : [null]
}

function destinationsOf(
  { address, held, host }: PastAsked,
  between: () => Between | null,
): readonly (Address | null)[] {
  if (address !== null || held === 'unseen') return [address]
  const all = between()?.destinations(held) ?? [null]
  // A bare address is always known to have been one.
  return host === null ? all.filter((one) => one !== null) : all
}

/** It was no conferencing then. It matters where the client is refused whatever it asks for, or where the file now knows of more. */
function replayHidden(
  policy: Policy,
  { from, was }: Past,
  clients: readonly (Address | null)[],
  between: () => Between | null,
): Foreseen | Reason {
  const nothing: Omit<Evidence, 'source'> = {
    at: from,
    host: '',
    address: null,
    port: 0,
    serverName: null,
    httpHost: null,
  }
  const verdicts = clients.map((source) => decide(policy, { ...nothing, source }))
  if (verdicts.every(({ action }) => action === 'refuse')) return foreseen(verdicts)
  const isStill = was.by === 'guard' || (was.by === 'port' && between()?.sameServices)
  return isStill ? { ...foreseen(verdicts), action: 'refuse' } : 'destination-not-recorded'
}

type Verdicts = readonly ReturnType<typeof decide>[]

function differ(verdicts: Verdicts): boolean {
  return verdicts.some(({ action }) => action !== verdicts[0]?.action)
}

function differInSegment(verdicts: Verdicts): boolean {
  return verdicts.some(({ segment }) => segment.id !== verdicts[0]?.segment.id)
}

function foreseen(verdicts: Verdicts): Foreseen {
  const [first] = verdicts
  if (first === undefined) throw new RangeError('a request has at least one situation')
  const { segment, service, action, exception } = first
  const rule = verdicts.length === 1 ? first.rule : [...new Set(verdicts.map((verdict) => verdict.rule))].join(' or ')
  return { segment: segment.id, medium: segment.medium, service, action, rule, exception }
}

function hourly(
  compute: (from: number, to: number) => readonly number[],
): (from: number, to: number) => readonly number[] {
  const known = new Map<number, readonly number[]>()
  return (from, to) => {
    if (from === to) return [from]
    if (to - from !== HOUR_MS - 1) return compute(from, to)
    const instants = known.get(from) ?? compute(from, to)
    if (known.size >= MOST_HOURS) known.clear()
    known.set(from, instants)
    return instants
  }
}
