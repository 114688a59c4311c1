/** `rules` of the rule file: conditions with their groups expanded, texts by language, times of day. */
import { quoted } from '../address.ts'
import type { During, RuleEntry, ServiceCondition, Texts } from '../model.ts'
import { didYouMean } from '../problems.ts'
import type { IdSpace } from './ids.ts'
import type { WrittenDuring, WrittenLists, WrittenRule, WrittenTexts } from './schema.ts'
import type { Draft, Written } from './written.ts'

/** The name spaces of one rule file. */
export interface Ids {
  readonly segments: IdSpace
  readonly services: IdSpace
  readonly rules: IdSpace
}

type WrittenRuleEntry = Written<Draft<WrittenRule>>

/** The rules of all files, in order; their ids are added to `ids.rules`. */
export function parseRules(parts: readonly Written<Draft<WrittenLists>>[], ids: Ids): readonly RuleEntry[] {
  return parts.flatMap((part) => part.list('rules')).map((rule) => parseRule(rule, ids))
}

function parseRule(rule: WrittenRuleEntry, ids: Ids): RuleEntry {
  const id = rule.get('id')
  if (id !== null) ids.rules.add(id.value, id, id.place)
  const during = rule.get('during')
  return {
    id: id?.value ?? '',
    services: servicesOf(rule, ids),
    media: unique(rule.list('medium')),
    segments: namesOf(rule.list('segment'), ids.segments),
    except: exceptOf(rule, ids),
    // `allow` only ever stands in for an action that was not readable: the file is refused.
    action: rule.value.action ?? 'allow',
    mode: rule.value.mode ?? 'enforce',
    reason: textsOf(rule.get('reason')),
    alternative: textsOf(rule.get('alternative')),
    during: during === null ? null : parseDuring(during),
    place: rule.place,
  }
}

function servicesOf(rule: WrittenRuleEntry, ids: Ids): ServiceCondition {
  const services = rule.list('service')
  const hasService = 'service' in rule.value
  const hasCategory = 'category' in rule.value
  if (hasService && hasCategory) rule.error('a rule has "service" or "category", not both; drop one')
  if (!hasService && !hasCategory)
    rule.error('a rule has "service" or "category"; add one, "service: any" for every service')
  if (hasCategory) return { kind: 'categories', categories: unique(rule.list('category')) ?? [] }
  const any = services.find(({ value }) => value === 'any')
  if (any === undefined) return { kind: 'services', ids: ids.services.resolve(services) }
  if (services.length > 1) any.error('"any" stands for every service; drop it, or the others')
  return { kind: 'any' }
}

function exceptOf(rule: WrittenRuleEntry, ids: Ids): RuleEntry['except'] {
  const except = rule.get('except')
  if (except === null) return null
  if (Object.keys(except.value).length === 0)
    except.error('"except" names nothing; add medium, segment or service, or drop it')
  return {
    media: unique(except.list('medium')),
    segments: namesOf(except.list('segment'), ids.segments),
    services: namesOf(except.list('service'), ids.services),
  }
}

/** null where the key was not given. */
export function namesOf(names: readonly Written<string>[], ids: IdSpace): readonly string[] | null {
  return names.length === 0 ? null : ids.resolve(names)
}

function unique<V>(items: readonly Written<V>[]): readonly V[] | null {
  return items.length === 0 ? null : [...new Set(items.map(({ value }) => value))]
}

function textsOf(texts: Written<Draft<WrittenTexts>> | null): Texts | null {
  if (texts === null) return null
  if (typeof texts.value === 'string') return { '': texts.value }
  const byLanguage = new Map<string, string>()
  for (const [tag, text, place] of texts.entries()) {
    if (text === null) continue
    const language = canonicalLanguage(tag)
    if (language === null)
      texts.error(`${quoted(tag)} is no language tag (RFC 5646); write one such as en or de-CH`, place)
    else if (byLanguage.has(language))
      texts.error(`language ${quoted(language)} is already there; keep one text`, place)
    // The other kind of `texts`, plain text, went above.
    else byLanguage.set(language, String(text.value))
  }
  if (texts.entries().length === 0)
    texts.error('there is no text; write one for a language, as in { en: "…" }, or drop the key')
  return Object.fromEntries(byLanguage)
}

function canonicalLanguage(tag: string): string | null {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? null
  } catch {
    return null // a RangeError is its only answer for a bad tag
  }
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const EVERY_DAY = 127
const DAY_MINUTES = 24 * 60

function parseDuring(during: Written<Draft<WrittenDuring>>): During {
  const { days, hours } = during.value
  const zone = during.get('zone')
  if (zone !== null && !isZone(zone.value)) {
    const suggestion = didYouMean(zone.value, Intl.supportedValuesOf('timeZone')) || '; write one such as Europe/Berlin'
    zone.error(`unknown time zone ${quoted(zone.value)}${suggestion}`)
  }
  if (!('days' in during.value) && !('hours' in during.value))
    during.error('"during" names no time; add days or hours, or drop it')
  const [fromMinute = 0, toMinute = DAY_MINUTES] = hours?.split('-').map(minuteOf) ?? []
  if (hours !== undefined && fromMinute === toMinute) {
    during.get('hours')?.error(`${quoted(hours)} starts where it ends; write 00:00-24:00 for the whole day`)
  }
  return {
    days: days === undefined ? EVERY_DAY : during.list('days').reduce((bits, item) => bits | daysOf(item.value), 0),
    fromMinute,
    // Midnight as the end of the day it starts on.
    toMinute: toMinute === 0 ? DAY_MINUTES : toMinute,
    zone: zone?.value ?? 'UTC',
  }
}

function minuteOf(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number)
  return hour * 60 + minute
}

/** The bits of `mon-fri`, `sat,sun` or `fri-mon`. */
function daysOf(text: string): number {
  let bits = 0
  for (const span of text.split(',')) {
    const [first = '', last = first] = span.split('-')
    const start = DAYS.indexOf(first)
    const count = (DAYS.indexOf(last) - start + 7) % 7
    for (let day = 0; day <= count; day++) bits |= 1 << ((start + day) % 7)
  }
  return bits
}

/** Whether the runtime's time zone data has it. Offsets such as +02:00 know no daylight saving and are no zones. */
function isZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== null
  } catch {
    return false // a RangeError is its only answer for an unknown zone
  }
}
