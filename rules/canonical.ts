/**
 * The canonical text of the rules: all that can change what is decided or said, and nothing else, in one form. Two files
 * that mean the same give the same text, so its hash, the revision, pins every verdict.
 */
import {
  CATEGORIES,
  type During,
  type ExceptionEntry,
  MEDIA,
  type Mode,
  type RuleEntry,
  type RuleFile,
  type SegmentEntry,
  type ServiceCondition,
  type ServiceEntry,
  type Texts,
} from './model.ts'

const EVERY_DAY = 127
const DAY_MINUTES = 24 * 60

/** JSON. `mode` is the ceiling in force, which a flag may have lowered. Tests, places and rules that are off leave no trace. */
export function canonicalRules(file: RuleFile, mode: Mode): string {
  const active = file.rules.filter((rule) => rule.mode !== 'off')
  const ids = new Set(active.map(({ id }) => id))
  return JSON.stringify({
    version: 1,
    name: file.name,
    mode,
    unknownClients: file.unknownClients,
    otherwise: file.otherwise,
    ipLiterals: file.ipLiterals,
    segments: byId(file.segments).map(canonicalSegment),
    services: byId(file.services).map(canonicalService),
    rules: active.map(canonicalRule),
    exceptions: byId(file.exceptions)
      .map((exception) => canonicalException(exception, ids))
      .filter(({ rules }) => rules.length > 0),
  })
}

/** By UTF-16 code units: the same everywhere, unlike a locale's order. */
export function compareText(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0
}

function byId<T extends { readonly id: string }>(entries: readonly T[]): readonly T[] {
  return [...entries].sort((x, y) => compareText(x.id, y.id))
}

function asSet<T extends string>(list: readonly T[]): readonly T[] {
  return [...new Set(list)].sort(compareText)
}

function canonicalSegment({ id, medium, shared, prefixes }: SegmentEntry) {
  return { id, medium, shared, prefixes: asSet(prefixes.map(({ text }) => text)) }
}

function canonicalService(service: ServiceEntry) {
  const { id, name, category, domains, hosts, sharedDomains, sharedHosts, prefixes, ports } = service
  return {
    id,
    name,
    category,
    domains: asSet(domains),
    hosts: asSet(hosts),
    sharedDomains: asSet(sharedDomains),
    sharedHosts: asSet(sharedHosts),
    prefixes: asSet(prefixes.map(({ text }) => text)),
    ports: mergedPorts(ports),
  }
}

/** Ascending, without overlaps or neighbours: `[80, 81-90]` is `80-90`. */
function mergedPorts(ports: ServiceEntry['ports']): ServiceEntry['ports'] {
  const merged: [number, number][] = []
  for (const [first, last] of [...ports].sort((x, y) => x[0] - y[0] || x[1] - y[1])) {
    const open = merged.at(-1)
    if (open !== undefined && first <= open[1] + 1) open[1] = Math.max(open[1], last)
    else merged.push([first, last])
  }
  return merged
}

function canonicalRule(rule: RuleEntry) {
  const { id, services, media, segments, except, action, mode, reason, alternative, during } = rule
  return {
    id,
    services: canonicalServices(services),
    media: canonicalMedia(media),
    segments: segments && asSet(segments),
    except: except && {
      media: canonicalMedia(except.media),
      segments: except.segments && asSet(except.segments),
      services: except.services && asSet(except.services),
    },
    action,
    mode,
    reason: canonicalTexts(reason),
    alternative: canonicalTexts(alternative),
    during: canonicalDuring(during),
  }
}

/** All four categories are any service. */
function canonicalServices(services: ServiceCondition): ServiceCondition {
  if (services.kind === 'any') return { kind: 'any' }
  if (services.kind === 'services') return { kind: 'services', ids: asSet(services.ids) }
  const categories = asSet(services.categories)
  return categories.length === CATEGORIES.length ? { kind: 'any' } : { kind: 'categories', categories }
}

/** All media are no condition. */
function canonicalMedia(media: RuleEntry['media']): RuleEntry['media'] {
  const set = media && asSet(media)
  return set?.length === MEDIA.length ? null : set
}

function canonicalTexts(texts: Texts | null): readonly (readonly [string, string])[] | null {
  return texts && Object.entries(texts).sort(([x], [y]) => compareText(x, y))
}

/** Every minute of the week is no condition. A zone's name is the same in either case (ECMA-402 §6.5). */
function canonicalDuring(during: During | null): During | null {
  if (during === null) return null
  const { days, fromMinute, toMinute, zone } = during
  const isWholeDay = toMinute - fromMinute === DAY_MINUTES || toMinute === fromMinute
  return days === EVERY_DAY && isWholeDay ? null : { days, fromMinute, toMinute, zone: zone.toLowerCase() }
}

/** `active`: the ids of rules that are not off; lifting another changes nothing. */
function canonicalException(exception: ExceptionEntry, active: ReadonlySet<string>) {
  const { id, rules, from, segments, startsAt, expiresAt, reason, ticket, approver } = exception
  return {
    id,
    rules: asSet(rules).filter((rule) => active.has(rule)),
    from: from && asSet(from.map(({ text }) => text)),
    segments: segments && asSet(segments),
    startsAt,
    expiresAt,
    reason,
    ticket,
    approver,
  }
}
