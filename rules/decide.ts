/**
 * (Policy, Evidence) → Verdict: what the product exists for. Pure, total, and no slower for a longer list of names,
 * prefixes or rules: everything here is a look-up in a table that `compile` made.
 */
import { parseAddress } from './address.ts'
import { isBreakglassId } from './breakglass.ts'
import { isDuring } from './during.ts'
import { decisiveLift, liftOf } from './exceptions.ts'
import type { Address, Evidence, EvidenceKind, Match, Mode, Verdict, VerdictAction } from './model.ts'
import { narrateClient, narrateMatch, narrateRules, narrateVerdict, type Trace } from './narrate.ts'
import { ipv4, isNat64 } from './nat64.ts'
import type { Lift, Named, Policy, Ruling, Seat, Service } from './policy.ts'

/** Strictest last. */
const STRICTNESS: Readonly<Record<VerdictAction, number>> = {
  allow: 0,
  except: 1,
  log: 2,
  'would-block': 3,
  block: 5,
  refuse: 6,
}
/** What would be a block but for break-glass is told before all that would not. */
const LIFTED_BLOCK = 4

const NO_MATCHES: readonly Match[] = Object.freeze([])

/** What an unknown client is told where such are refused, whatever it asks for. The ceiling does not apply: no rule says it. */
const REFUSAL: Ruling = Object.freeze({
  action: 'refuse',
  mode: 'enforce' satisfies Mode,
  rule: 'unknown_clients',
  exception: null,
  reason: null,
  alternative: null,
})

/** The verdict on a request. Each service that the evidence names is judged, and the strictest verdict stands; never throws. */
export function decide(policy: Policy, evidence: Evidence, trace?: Trace): Verdict {
  const { source } = evidence
  const seat = seatOf(policy, source)
  if (trace) narrateClient(seat, source, trace)
  const matches = classify(policy, evidence, trace)
  const verdict =
    seat === policy.unknownSeat && policy.unknownClients === 'refuse'
      ? verdictOf(seat, REFUSAL, serviceOf(policy, matches[0]), matches)
      : strictest(policy, seat, evidence, matches, trace)
  if (trace) narrateVerdict(verdict, trace)
  return verdict
}

function strictest(policy: Policy, seat: Seat, evidence: Evidence, matches: readonly Match[], trace?: Trace): Verdict {
  const { source, at } = evidence
  let ruling = isUnknownAddress(seat, evidence, matches) ? judgeAddress(policy, seat, source, at) : null
  let service: Service | null = null
  for (let index = 0; index < matches.length; index++) {
    const named = serviceOf(policy, matches[index])
    if (named === null || isNamedBefore(matches, index)) continue
    const next = judge(policy, seat, named, source, at)
    if (trace) narrateRules(policy, seat, named, source, at, trace)
    if (ruling !== null && !replaces(next, ruling, service !== null)) continue
    ruling = next
    service = named
  }
  return verdictOf(seat, ruling ?? policy.unjudged, service, matches)
}

/** Where the client sits: in the segment of its longest prefix, or nowhere known. */
export function seatOf(policy: Policy, source: Address | null): Seat {
  return (source === null ? undefined : policy.seats.lookup(source)) ?? policy.unknownSeat
}

/** Whether `x` is stricter than `y`. */
export function isStricter(x: Said, y: Said): boolean {
  return strictnessOf(x) > strictnessOf(y)
}

/**
 * Whether what is said of a service takes the place of what stood, `isOfService` or not. As strict as what is said of a bare address,
 * it says more: what the address is of.
 */
export function replaces(next: Said, standing: Said, isOfService: boolean): boolean {
  return isOfService ? isStricter(next, standing) : !isStricter(standing, next)
}

type Said = Pick<Ruling, 'action' | 'exception'>

function strictnessOf({ action, exception }: Said): number {
  return action === 'except' && exception !== null && isBreakglassId(exception) ? LIFTED_BLOCK : STRICTNESS[action]
}

/** The services that the evidence names, by what; at most one per kind of evidence. */
export function classify(policy: Policy, evidence: Evidence, trace?: Trace): readonly Match[] {
  const { host, address, serverName, httpHost } = evidence
  const { names } = policy
  const byHost = host === null ? undefined : names.lookup(host)
  const byAddress = addressOf(policy, address, byHost)
  const byServerName = saidWithin(policy, serverName)
  const byHttpHost = saidWithin(policy, httpHost)
  if (trace) {
    narrateMatch('host', host, byHost, trace)
    if (byHost?.service !== null) narrateMatch('address', address?.text ?? null, byAddress, trace)
    narrateMatch('sni', serverName, byServerName, trace)
    narrateMatch('http-host', httpHost, byHttpHost, trace)
  }
  if (!byHost && !byAddress && !byServerName && !byHttpHost) return NO_MATCHES
  const matches: Match[] = []
  push(matches, 'host', host, byHost)
  push(matches, 'address', address === null ? null : address.text, byAddress)
  push(matches, 'sni', serverName, byServerName)
  push(matches, 'http-host', httpHost, byHttpHost)
  return matches
}

/** Whether the port is one of the TCP ports of the service that the host or the address belongs to. */
export function portIsOpenFor(
  policy: Policy,
  { host, address, port }: Pick<Evidence, 'host' | 'address' | 'port'>,
): boolean {
  const byHost = host === null ? undefined : policy.names.lookup(host)
  return hasPort(byHost?.service, port) || hasPort(addressOf(policy, address, byHost)?.service, port)
}

/**
 * What the rules say of a service asked for from a seat: the first rule that matches and is not lifted. A request let through
 * although a rule would have matched has an exception to thank. `source` null: any client, so that only exceptions for its whole segment count.
 */
export function judge(
  policy: Policy,
  seat: Omit<Seat, 'prefix'>,
  service: Service,
  source: Address | null,
  at: number,
): Ruling {
  let lifted: Lift | null = null
  for (const rule of policy.candidates.of(seat.kind, service.kind)) {
    if (rule.entry.during !== null && !isDuring(rule.entry.during, at)) continue
    const lift = liftOf(rule, seat.segment.id, source, at)
    if (lift === null) return settle(rule.ruling, lifted)
    lifted = decisiveLift(lifted, lift)
  }
  const lift = liftOf({ lifts: policy.otherwiseLifts }, seat.segment.id, source, at)
  return lift === null ? settle(policy.otherwise, lifted) : decisiveLift(lifted, lift).ruling
}

/** What is said of a bare address of no service. */
function judgeAddress(policy: Policy, { segment }: Seat, source: Address | null, at: number): Ruling {
  return liftOf({ lifts: policy.ipLiteralsLifts }, segment.id, source, at)?.ruling ?? policy.ipLiterals
}

/** An exception has let the request through, unless another rule blocks it all the same. */
export function settle(ruling: Ruling, lifted: Lift | null): Ruling {
  return lifted === null || ruling.action === 'block' ? ruling : lifted.ruling
}

/** A host known only as shared says as little about a service as the address behind it. */
function addressOf(policy: Policy, address: Address | null, byHost: Named | undefined): Named | undefined {
  return address === null || byHost?.service === null ? undefined : namedBy(policy, address)
}

/** By its own prefixes, or by those of the IPv4 address that is reached by it. */
export function namedBy({ addresses }: Policy, address: Address): Named | undefined {
  return addresses.lookup(address) ?? (isNat64(address) ? addresses.lookup(ipv4(address.d)) : undefined)
}

/** What a tunnel opens with: mostly a name, but an address may stand in its place, and names a service as well. */
function saidWithin(policy: Policy, said: string | null): Named | undefined {
  if (said === null) return undefined
  const named = policy.names.lookup(said)
  const address = named === undefined ? parseAddress(said) : null
  return address === null ? named : namedBy(policy, address)
}

/** A bare address of no service, asked for off the wire. Without a name, an address not known counts as one: absence never allows. */
export function isUnknownAddress({ segment }: Seat, { host }: Evidence, matches: readonly Match[]): boolean {
  return host === null && segment.medium !== 'wired' && matches[0]?.kind !== 'address'
}

function isNamedBefore(matches: readonly Match[], index: number): boolean {
  for (let before = 0; before < index; before++) {
    if (matches[before]!.service === matches[index]!.service) return true // both are below length
  }
  return false
}

function push(matches: Match[], kind: EvidenceKind, value: string | null, named: Named | undefined): void {
  if (value === null || !named?.service) return
  matches.push({ kind, value, match: named.match, service: named.service.id })
}

function hasPort(service: Service | null | undefined, port: number): boolean {
  return service?.ports.some(([first, last]) => first <= port && port <= last) ?? false
}

function serviceOf(policy: Policy, match: Match | undefined): Service | null {
  return match === undefined ? null : (policy.services.get(match.service) ?? null)
}

function verdictOf(
  { segment, prefix }: Seat,
  ruling: Ruling,
  service: Service | null,
  matches: readonly Match[],
): Verdict {
  const { action, mode, rule, exception, reason, alternative } = ruling
  return {
    action,
    mode,
    segment,
    prefix,
    service: service === null ? 'none' : service.id,
    category: service === null ? null : service.category,
    rule,
    exception,
    reason,
    alternative,
    evidence: matches,
  }
}
