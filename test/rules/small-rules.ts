/**
 * Small random rule files, dense enough that rules shadow each other, and a `decide` that does it the slow, obvious way.
 */

import { parsePrefix, prefixContains } from '../../rules/address.ts'
import { compile } from '../../rules/compile.ts'
import { isDuring } from '../../rules/during.ts'
import type { Catalogue } from '../../rules/file/catalog.ts'
import {
  type Category,
  type Evidence,
  MEDIA,
  MODES,
  type Prefix,
  RULE_ACTIONS,
  RULE_MODES,
  type RuleEntry,
  type RuleFile,
  type ServiceEntry,
} from '../../rules/model.ts'
import { sha256 } from '../compiled.ts'
import fc from '../properties.ts'

const PLACE = { file: 'rules.yaml', line: 1, column: 1 }
export const EPOCH = Date.parse('2026-12-02T00:00:00Z')
export const HOUR = 3_600_000
const SEGMENTS = ['a', 'b', 'c', 'unknown']
const SERVICES = ['x', 'y', 'z']
const CATEGORY: Readonly<Record<string, Category>> = { x: 'meeting', y: 'meeting', z: 'webinar' }

export const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

const some = <T>(items: readonly T[]) => fc.subarray([...items], { minLength: 1 })
const optional = <T>(items: readonly T[]) => fc.option(some(items), { freq: 2 })

const anyDuring = fc.record({
  days: fc.integer({ min: 1, max: 127 }),
  fromMinute: fc.integer({ min: 0, max: 23 }).map((hour) => hour * 60),
  toMinute: fc.integer({ min: 1, max: 24 }).map((hour) => hour * 60),
  zone: fc.constantFrom('UTC', 'Asia/Tokyo'),
})
const wholeWeek = fc
  .constantFrom('UTC', 'Asia/Tokyo')
  .map((zone) => ({ days: 127, fromMinute: 0, toMinute: 1440, zone }))

const anyRule = fc.record({
  services: fc.oneof(
    fc.constant({ kind: 'any' as const }),
    some(SERVICES).map((ids) => ({ kind: 'services' as const, ids })),
    some<Category>(['meeting', 'webinar', 'chat-call']).map((categories) => ({
      kind: 'categories' as const,
      categories,
    })),
  ),
  media: optional(MEDIA),
  segments: optional(SEGMENTS),
  except: fc.option(fc.record({ media: optional(MEDIA), segments: optional(SEGMENTS), services: optional(SERVICES) }), {
    freq: 3,
  }),
  action: fc.constantFrom(...RULE_ACTIONS),
  mode: fc.constantFrom(...RULE_MODES),
  during: fc.option(fc.oneof(anyDuring, wholeWeek), { freq: 3 }),
})

const anyException = fc.record({
  rules: some(['r0', 'r1', 'r2', 'r3', 'r4']),
  scope: fc.oneof(
    some(['10.0.0.0/24', '10.0.0.1/32', '10.0.2.0/23', '10.0.9.0/24']).map((texts) => ({
      from: texts.map(prefix),
      segments: null,
    })),
    some(SEGMENTS).map((segments) => ({ from: null, segments })),
  ),
  startsAt: fc.option(fc.integer({ min: 0, max: 100 }).map((hours) => EPOCH + hours * HOUR)),
  expiresAt: fc.integer({ min: -50, max: 150 }).map((hours) => EPOCH + hours * HOUR),
})

/** Segment a is 10.0.0.0/24 but for 10.0.0.0/30 of b; c is 10.0.3.0/24; the rest is unknown. */
export const anyRuleFile: fc.Arbitrary<RuleFile> = fc
  .record({
    unknownClients: fc.constantFrom('refuse' as const, 'classify' as const),
    mode: fc.constantFrom(...MODES),
    otherwise: fc.constantFrom(...RULE_ACTIONS),
    ipLiterals: fc.constantFrom(...RULE_ACTIONS),
    media: fc.array(fc.constantFrom(...MEDIA), { minLength: 3, maxLength: 3 }),
    rules: fc.array(anyRule, { maxLength: 5 }),
    exceptions: fc.array(anyException, { maxLength: 3 }),
  })
  .map(({ media, rules, exceptions, ...settings }) => ({
    ...settings,
    name: 'small',
    segments: [['10.0.0.0/24'], ['10.0.0.0/30', '10.0.1.0/24'], ['10.0.3.0/24']].map((texts, index) => ({
      id: SEGMENTS[index] ?? '',
      medium: media[index] ?? 'unknown',
      shared: false,
      prefixes: texts.map(prefix),
      place: PLACE,
    })),
    services: [],
    rules: rules.map((rule, index) => ({ ...rule, id: `r${index}`, reason: null, alternative: null, place: PLACE })),
    exceptions: exceptions.map(({ scope, ...rest }, index) => ({
      ...rest,
      ...scope,
      id: `e${index}`,
      reason: 'r',
      ticket: 't',
      approver: 'a',
      place: PLACE,
    })),
    tests: [],
  }))

const services: readonly ServiceEntry[] = SERVICES.map((id, index) => ({
  id,
  name: id,
  category: CATEGORY[id] ?? 'meeting',
  domains: [`${id}.example`],
  hosts: [],
  sharedDomains: [],
  sharedHosts: [],
  prefixes: [prefix(`192.0.2.${index * 16}/28`)],
  ports: [],
  origin: 'catalogue',
}))

export const smallCatalogue: Catalogue = { services, aliases: new Map(), canonical: '' }

export const compileSmall = (file: RuleFile) => compile(file, smallCatalogue, { sha256 })

export const SOURCES = ['10.0.0.1', '10.0.0.9', '10.0.1.1', '10.0.3.1', '10.0.9.1'].map((text) => prefix(text).base)

export function asking(source: Evidence['source'], host: string | null, at: number): Evidence {
  return { source, at, host, address: null, port: 443, serverName: null, httpHost: null }
}

/** `action rule exception` for a request for `service`.example, by reading the contract aloud. */
export function slowly(file: RuleFile, { source, at }: Evidence, service: string): string {
  const inside = (list: readonly Prefix[]) =>
    list.filter((candidate) => source !== null && prefixContains(candidate, source))
  const seats = file.segments.flatMap(({ id, medium, prefixes }) =>
    inside(prefixes).map(({ length }) => ({ id, medium, length })),
  )
  const seat = seats.sort((x, y) => y.length - x.length)[0]
  if (seat === undefined && file.unknownClients === 'refuse') return 'refuse unknown_clients '
  const { id: segment, medium } = seat ?? { id: 'unknown', medium: 'unknown' as const }
  const has = <T>(list: readonly T[] | null, item: T) => list === null || list.includes(item)
  const matches = ({ services: asked, media, segments, except, during, mode }: RuleEntry) =>
    mode !== 'off' &&
    (asked.kind === 'any' ||
      (asked.kind === 'services'
        ? asked.ids.includes(service)
        : asked.categories.includes(CATEGORY[service] ?? 'meeting'))) &&
    has(media, medium) &&
    has(segments, segment) &&
    !(except && has(except.media, medium) && has(except.segments, segment) && has(except.services, service)) &&
    (during === null || isDuring(during, at))
  const lifter = (rule: RuleEntry) =>
    file.exceptions.find(
      ({ rules, from, segments, startsAt, expiresAt }) =>
        rules.includes(rule.id) &&
        (startsAt ?? Number.NEGATIVE_INFINITY) <= at &&
        at < expiresAt &&
        (from === null ? has(segments, segment) : inside(from).length > 0),
    )
  const matching = file.rules.filter(matches)
  const decider = matching.find((rule) => lifter(rule) === undefined)
  const lifted = matching.find((rule) => lifter(rule) !== undefined)
  const isUsed = lifted !== undefined && (decider === undefined || matching.indexOf(lifted) < matching.indexOf(decider))
  const action = decider?.action ?? file.otherwise
  const isMonitored = file.mode === 'monitor' || decider?.mode === 'monitor'
  const settled = action === 'block' && isMonitored ? 'would-block' : action
  if (isUsed && settled !== 'block') return `except ${lifted.id} ${lifter(lifted)?.id}`
  return `${settled} ${decider?.id ?? 'otherwise'} `
}
