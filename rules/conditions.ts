/**
 * Which rules speak of a request, whatever the time: their conditions on service, medium and segment, weighed once per
 * class of segments and class of services.
 */
import { kindsOf, membersByKind } from './kinds.ts'
import type { Category, ExceptionEntry, Medium, RuleEntry, Segment } from './model.ts'
import type { Candidates, Rule, Service } from './policy.ts'

/** The condition that keeps a rule from a request. */
export type Miss = 'off' | 'service' | 'medium' | 'segment' | 'except'

interface Asked {
  readonly id: string
  readonly category: Category
}

/** The first condition that does not hold; null when all do. Times and exceptions are not looked at. */
export function missOf(rule: Omit<Rule, 'ruling' | 'lifts'>, { id, medium }: Segment, service: Asked): Miss | null {
  const { services, categories, media, segments, except } = rule
  if (rule.entry.mode === 'off') return 'off'
  if (services !== null && !services.has(service.id)) return 'service'
  if (categories !== null && !categories.has(service.category)) return 'service'
  if (media !== null && !media.has(medium)) return 'medium'
  if (segments !== null && !segments.has(id)) return 'segment'
  if (except === null) return null
  const isOutside =
    (except.media !== null && !except.media.has(medium)) ||
    (except.segments !== null && !except.segments.has(id)) ||
    (except.services !== null && !except.services.has(service.id))
  return isOutside ? null : 'except'
}

/** The conditions of an entry, as sets. */
export function conditionsOf(entry: RuleEntry): Omit<Rule, 'ruling' | 'lifts'> {
  const { services, except } = entry
  return {
    entry,
    services: services.kind === 'services' ? new Set(services.ids) : null,
    categories: services.kind === 'categories' ? new Set(services.categories) : null,
    media: setOf(entry.media),
    segments: setOf(entry.segments),
    except: except && {
      media: setOf(except.media),
      segments: setOf(except.segments),
      services: setOf(except.services),
    },
  }
}

function setOf<T>(list: readonly T[] | null): ReadonlySet<T> | null {
  return list && new Set(list)
}

/** The classes of segments: of one medium, and named together or not at all by every rule and exception. */
export function segmentKindsOf(
  segments: readonly { readonly id: string; readonly medium: Medium }[],
  rules: readonly RuleEntry[],
  exceptions: readonly ExceptionEntry[],
): ReadonlyMap<string, number> {
  const media = new Map(segments.map(({ id, medium }) => [id, medium]))
  const named = [
    ...rules.flatMap((rule) => [rule.segments, rule.except?.segments]),
    ...exceptions.map((e) => e.segments),
  ]
  return kindsOf(media.keys(), (id) => media.get(id) ?? 'unknown', named.filter(isGiven))
}

/** The classes of services: of one category, and named together or not at all by every rule. */
export function serviceKindsOf(services: readonly Asked[], rules: readonly RuleEntry[]): ReadonlyMap<string, number> {
  const categories = new Map(services.map(({ id, category }) => [id, category]))
  const named = rules.flatMap((rule) => [
    rule.services.kind === 'services' ? rule.services.ids : null,
    rule.except?.services,
  ])
  return kindsOf(categories.keys(), (id) => categories.get(id) ?? '', named.filter(isGiven))
}

function isGiven(list: readonly string[] | null | undefined): list is readonly string[] {
  return list !== null && list !== undefined
}

/** See `Candidates`. */
export function buildCandidates(
  rules: readonly Rule[],
  segments: Iterable<{ readonly segment: Segment; readonly kind: number }>,
  services: Iterable<Service>,
): Candidates {
  const seats = membersByKind(segments, ({ kind }) => kind)
  const segmentKinds = seats.map((peers) => peers.map(({ segment }) => segment))
  const serviceKinds = membersByKind(services, ({ kind }) => kind)
  const lists = new Array<readonly Rule[] | undefined>(segmentKinds.length * serviceKinds.length)
  const of = (segmentKind: number, serviceKind: number) => {
    const cell = segmentKind * serviceKinds.length + serviceKind
    const known = lists[cell]
    if (known !== undefined) return known
    const list = matching(rules, segmentKinds[segmentKind]?.[0], serviceKinds[serviceKind]?.[0])
    lists[cell] = list
    return list
  }
  return { segmentKinds, serviceKinds, of }
}

/** Ends with the first rule that matches at any time and that nothing lifts. */
function matching(rules: readonly Rule[], segment?: Segment, service?: Service): readonly Rule[] {
  const list: Rule[] = []
  if (segment === undefined || service === undefined) return list
  for (const rule of rules) {
    if (missOf(rule, segment, service) !== null) continue
    list.push(rule)
    if (rule.entry.during === null && rule.lifts.length === 0) break
  }
  return list
}
