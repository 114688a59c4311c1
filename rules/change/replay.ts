/**
 * What another rule file would have made of a past request. Where it is not told from which address, when exactly or to which
 * address it went, every situation is judged that it may have been: they agree, or the request is undecidable. Never guessed.
 */
import { isBreakglassId } from '../breakglass.ts'
import { decide } from '../decide.ts'
import type { Address, Evidence } from '../model.ts'
import type { Policy } from '../policy.ts'
import { type Foreseen, foresee, foreseen } from './foresee.ts'
import type { Past, PastAsked, Reason } from './past.ts'
import { hasPassed, type PortRanges, portIsOpen, portIsOpened } from './ports.ts'
import { type Clients, clientsBetween, type Destinations, destinationsBetween, instantsWithin } from './situations.ts'

export type Replay = (past: Past) => Foreseen | Reason

const HOUR_MS = 3_600_000
/** Hours whose instants are remembered. */
const MOST_HOURS = 10_000

/** What stands in a request's way beside the rules, as far as it is known. */
export interface Barriers {
  /** The ports that CONNECT may open whatever it asks for; null: not known. */
  readonly listed: PortRanges | null
  /** Whether an address is dialled only where the server's settings say so. */
  readonly isGuarded: (address: Address, port: number) => boolean
}

/** `rulesOf`: the rules of a revision; null where they are not known. They are asked for once. */
export function createReplay(policy: Policy, rulesOf: (revision: string) => Policy | null, barriers: Barriers): Replay {
  const revisions = new Map<string, Between | null>()
  const between = (revision: string): Between | null => {
    const known = revisions.get(revision)
    if (known !== undefined) return known
    const before = rulesOf(revision)
    const made = before === null ? null : new Between(before, policy)
    revisions.set(revision, made)
    return made
  }
  return (past) => replay(policy, past, barriers, () => between(past.was.revision))
}

/** Two rule files, and what lies between them; worked out when first needed. */
class Between {
  readonly before: Policy
  /** The instants within an hour at which either says something else than just before. */
  readonly instants: (from: number, to: number) => readonly number[]
  readonly #after: Policy
  #clients: Clients | null = null
  #destinations: Destinations | null = null
  #sameServices: boolean | null = null

  constructor(before: Policy, after: Policy) {
    this.before = before
    this.#after = after
    this.instants = hourly((from, to) => instantsWithin([before, after], from, to))
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
      .map(({ entry: { id, domains, hosts, sharedDomains, sharedHosts, prefixes, ports } }) => [
        id,
        domains,
        hosts,
        sharedDomains,
        sharedHosts,
        prefixes.map((p) => p.text),
        ports,
      ])
      .sort((x, y) => (String(x[0]) < String(y[0]) ? -1 : 1)),
  )
}

function replay(
  policy: Policy,
  past: Past,
  { listed, isGuarded }: Barriers,
  between: () => Between | null,
): Foreseen | Reason {
  const { asked, was } = past
  if (asked === 'overflow') return 'overflow'
  const clients = clientsOf(policy, past, between)
  if (typeof clients === 'string') return clients
  if (asked === 'hidden') return replayHidden(policy, past, clients, between)
  const before = () => between()?.before ?? null
  const destinations = destinationsOf(asked, between)
  const situations = { clients, times: timesOf(policy, past, between), destinations }
  const verdict = foresee(policy, before, asked, was, situations)
  if (typeof verdict === 'string') return verdict
  const isDenied = verdict.action === 'block' || verdict.action === 'refuse'
  if (isDenied && was.exception !== null && isBreakglassId(was.exception)) return 'breakglass'
  if (isDenied) return verdict
  if (was.by === 'guard') return refused(verdict)
  const request = { asked, was, destinations }
  if (was.by === 'port') {
    // Whether an address would then have stood in the way was not tried.
    return between()?.sameServices || portIsOpened(policy, request) === false ? refused(verdict) : 'port'
  }
  const isOpen = portIsOpen(policy, before, listed, request)
  if (isOpen === null) return 'port'
  if (!isOpen) return refused(verdict)
  const isUntried = asked.address !== null && !hasPassed(was) && isGuarded(asked.address, asked.port ?? 0)
  return isUntried ? 'guard' : verdict
}

/** By the guard or the list of ports, whatever the rules say: what they say is told with it. */
function refused(verdict: Foreseen): Foreseen {
  return { ...verdict, action: 'refuse' }
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

function timesOf(policy: Policy, { from, to }: Past, between: () => Between | null): readonly number[] {
  if (from === to) return [from]
  return between()?.instants(from, to) ?? instantsWithin([policy], from, to)
}

function destinationsOf({ address, held }: PastAsked, between: () => Between | null): readonly (Address | null)[] {
  if (address !== null || held === 'unseen') return [address]
  // Without a name, null stands for an address of no service as well.
  return between()?.destinations(held) ?? [null]
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
  return isStill ? refused(foreseen(verdicts)) : 'destination-not-recorded'
}

function hourly(
  compute: (from: number, to: number) => readonly number[],
): (from: number, to: number) => readonly number[] {
  const known = new Map<number, readonly number[]>()
  return (from, to) => {
    if (to - from !== HOUR_MS - 1) return compute(from, to)
    const instants = known.get(from) ?? compute(from, to)
    if (known.size >= MOST_HOURS) known.clear()
    known.set(from, instants)
    return instants
  }
}
