/**
 * The way to a verdict in plain words, for `explain`. Apart from `decide`, which would be slower and harder to read if it told
 * its own story; both ask the same questions of the same rules, and a test holds them together.
 */
import { type Miss, missOf } from './conditions.ts'
import { isDuring } from './during.ts'
import { isFor, isInForce, liftOf } from './exceptions.ts'
import type { Address, EvidenceKind, Verdict } from './model.ts'
import type { Exception, Lift, Named, Policy, Rule, Ruling, Seat, Service } from './policy.ts'
import { duringInWords, instantInWords, listed } from './words.ts'

/** Receives the steps to a verdict, in plain words. */
export type Trace = (step: string) => void

const SPOKEN: Readonly<Record<EvidenceKind, string>> = { host: '', address: '', sni: 'SNI ', 'http-host': 'HTTP Host ' }

export function narrateClient({ segment, prefix }: Seat, source: Address | null, tell: Trace): void {
  if (prefix === null || source === null) tell(`${textOf(source)} is in no segment: unknown`)
  else tell(`${source.text} is in segment ${segment.id} (${segment.medium}) by ${prefix}`)
}

function textOf(source: Address | null): string {
  return source?.text ?? 'the client'
}

export function narrateMatch(kind: EvidenceKind, value: string | null, named: Named | undefined, tell: Trace): void {
  if (value === null) return
  const what = `${SPOKEN[kind]}${value}`
  if (named === undefined) tell(`${what} is of no service`)
  else if (named.service !== null) tell(`${what} is ${named.service.id} by ${named.match}`)
  else if (kind === 'host') tell(`${what} is shared by ${named.match}: neither it nor its address names a service`)
  else tell(`${what} is shared by ${named.match}: it names no service`)
}

/** Every rule up to the one that decides, and why it matches or not. */
export function narrateRules(
  policy: Policy,
  seat: Seat,
  service: Service,
  source: Address | null,
  at: number,
  tell: Trace,
): void {
  let lifted: Lift | null = null
  let ruling = policy.otherwise
  for (const rule of policy.rules) {
    const { id, during } = rule.entry
    const miss = missOf(rule, seat.segment, service)
    if (miss !== null) {
      tell(`rule ${id}: ${missInWords(miss, rule, seat, service)} → no match`)
      continue
    }
    if (during !== null && !isDuring(during, at)) {
      tell(`rule ${id}: ${instantInWords(at)} is not within ${duringInWords(during)} → no match`)
      continue
    }
    const lift = liftOf(rule, seat.segment.id, source, at)
    for (const { exception } of rule.lifts) tell(liftInWords(exception, id, seat, source, at))
    if (lift === null) {
      tell(`rule ${id}: ${matchInWords(rule, seat, service)} → ${rulingInWords(rule.ruling)}`)
      ruling = rule.ruling
      break
    }
    tell(`rule ${id}: ${matchInWords(rule, seat, service)}, but lifted → no match`)
    lifted ??= lift
  }
  if (ruling === policy.otherwise) tell(`no rule is left for ${service.id}: otherwise → ${rulingInWords(ruling)}`)
  narrateLifted(lifted, ruling, tell)
}

export function narrateVerdict({ action, rule, exception, service, evidence }: Verdict, tell: Trace): void {
  if (rule === 'unknown_clients') tell('unknown clients are refused: unknown_clients → refuse')
  else if (rule === 'none') tell('traffic of no service is not judged → allow')
  else if (rule === 'ip_literals')
    tell(`a bare address of no service, not from a wired segment: ip_literals → ${action}`)
  const services = new Set(evidence.map((match) => match.service))
  const isContest = services.size > 1 || (evidence.length > 0 && rule === 'ip_literals')
  if (isContest && action !== 'refuse')
    tell(`the strictest verdict stands: ${service}, ${action} by ${exception ?? rule}`)
}

function narrateLifted(lifted: Lift | null, { action }: Ruling, tell: Trace): void {
  if (lifted === null) return
  const { exception, rule } = lifted.ruling
  if (action === 'block') tell(`exception ${exception} does not lift that → block`)
  else tell(`let through where ${rule} would have matched: exception ${exception} → except`)
}

function missInWords(miss: Miss, rule: Rule, { segment }: Seat, service: Service): string {
  const { services, categories, media, segments } = rule
  switch (miss) {
    case 'off':
      return 'is off'
    case 'service':
      return services === null
        ? `category is ${service.category}, not ${listed(categories ?? [], 'or')}`
        : `service is ${service.id}, not ${listed(services, 'or')}`
    case 'medium':
      return `medium is ${segment.medium}, not ${listed(media ?? [], 'or')}`
    case 'segment':
      return `segment is ${segment.id}, not ${listed(segments ?? [], 'or')}`
    case 'except':
      return `${factsInWords(rule.except, segment, service)}, which is excepted`
  }
}

function matchInWords(rule: Rule, { segment }: Seat, service: Service): string {
  const { services, categories, media, segments, except } = rule
  const facts = factsInWords({ services: services ?? categories, media, segments }, segment, service)
  const during = rule.entry.during === null ? '' : `, within ${duringInWords(rule.entry.during)}`
  const excepted = except === null ? '' : `, ${factsInWords(except, segment, service)}, not excepted`
  return `${facts || 'any service'}${during}${excepted}`
}

/** The facts that the given conditions ask for. */
function factsInWords(
  given: { readonly [Fact in 'media' | 'segments' | 'services']: ReadonlySet<string> | null } | null,
  segment: Seat['segment'],
  service: Service,
): string {
  const facts: string[] = []
  if (given?.services)
    facts.push(given.services.has(service.id) ? `service is ${service.id}` : `category is ${service.category}`)
  if (given?.media) facts.push(`medium is ${segment.medium}`)
  if (given?.segments) facts.push(`segment is ${segment.id}`)
  return facts.join(', ')
}

function liftInWords(
  exception: Exception,
  rule: string,
  { segment }: Seat,
  source: Address | null,
  at: number,
): string {
  const { id, startsAt, expiresAt, from } = exception.entry
  const start = `exception ${id}:`
  if (!isFor(exception, segment.id, source)) {
    const scope = from === null ? [...(exception.segments ?? [])] : from.map(({ text }) => text)
    const who = from === null ? `segment ${segment.id}` : textOf(source)
    return `${start} ${who} is not in ${listed(scope, 'or')} → does not lift ${rule}`
  }
  if (isInForce(exception, at)) return `${start} in force until ${instantInWords(expiresAt)} → lifts ${rule}`
  if (startsAt !== null && at < startsAt)
    return `${start} starts only at ${instantInWords(startsAt)} → does not lift ${rule}`
  return `${start} ended at ${instantInWords(expiresAt)} → does not lift ${rule}`
}

function rulingInWords({ action, mode }: Ruling): string {
  return action === 'would-block' ? `would-block (mode ${mode})` : action
}
