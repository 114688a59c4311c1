/**
 * What stands in a rule file, property by property, in words that can be compared and read.
 */
import type { ExceptionEntry, RuleEntry, SegmentEntry, ServiceCondition, ServiceEntry, Texts } from '../model.ts'
import { duringInWords, instantInWords, listed } from '../words.ts'

/** An entry's properties in words; equal words mean nothing has changed. A list is compared member by member. */
export type Words = Readonly<Record<string, string | readonly string[]>>

export function segmentInWords({ medium, shared, prefixes }: SegmentEntry): Words {
  return { medium, shared: shared ? 'yes' : '', prefixes: prefixes.map(({ text }) => text) }
}

export function serviceInWords(service: ServiceEntry): Words {
  const { name, category, domains, hosts, sharedDomains, sharedHosts, prefixes, ports } = service
  return {
    name,
    category,
    domains,
    hosts,
    'shared names': [...sharedDomains, ...sharedHosts],
    prefixes: prefixes.map(({ text }) => text),
    ports: ports.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)),
  }
}

export function ruleInWords({
  services,
  media,
  segments,
  except,
  action,
  mode,
  during,
  reason,
  alternative,
}: RuleEntry): Words {
  const excepted =
    except === null
      ? []
      : [anyOf('medium', except.media), anyOf('segment', except.segments), anyOf('service', except.services)]
  return {
    for: conditionInWords(services),
    medium: sortedWords(media),
    segment: sortedWords(segments),
    except: excepted.filter((words) => words !== '').join(' with '),
    during: during === null ? '' : duringInWords(during),
    action,
    mode,
    reason: textsInWords(reason),
    alternative: textsInWords(alternative),
  }
}

function conditionInWords(services: ServiceCondition): string {
  if (services.kind === 'any') return 'any service'
  return services.kind === 'services' ? anyOf('service', services.ids) : anyOf('category', services.categories)
}

function anyOf(what: string, list: readonly string[] | null): string {
  return list === null ? '' : `${what} ${sortedWords(list)}`
}

function sortedWords(list: readonly string[] | null): string {
  return list === null ? '' : listed([...new Set(list)].sort(), 'or')
}

function textsInWords(texts: Texts | null): string {
  return Object.entries(texts ?? {})
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([language, text]) => `${language && `${language}: `}"${text}"`)
    .join(', ')
}

export function exceptionInWords({
  rules,
  from,
  segments,
  startsAt,
  expiresAt,
  reason,
  ticket,
  approver,
}: ExceptionEntry): Words {
  return {
    lifts: rules,
    from: from === null ? [] : from.map(({ text }) => text),
    segment: segments ?? [],
    starts: startsAt === null ? '' : instantInWords(startsAt),
    expires: instantInWords(expiresAt),
    reason,
    ticket,
    approver,
  }
}
