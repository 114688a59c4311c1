/** `services` of the rule file: names and addresses in their canonical form, none in two services. */
import { parsePrefixes, quoted } from '../address.ts'
import { canonicalHost } from '../host.ts'
import type { Place, Prefix, ServiceEntry } from '../model.ts'
import { formatPlace } from '../problems.ts'
import type { IdSpace } from './ids.ts'
import type { WrittenLists, WrittenService } from './schema.ts'
import type { Draft, Written } from './written.ts'

/** Who has a name or prefix, and where it says so. */
type Owners = Map<string, { readonly service: string; readonly place: Place }>

/** The user's services of all files, in order; their ids are added to `ids`. */
export function parseServices(parts: readonly Written<Draft<WrittenLists>>[], ids: IdSpace): readonly ServiceEntry[] {
  const owners: Owners = new Map()
  const entries: ServiceEntry[] = []
  for (const part of parts) {
    for (const [id, service, place] of part.get('services')?.entries() ?? []) {
      ids.add(id, part, place)
      if (service !== null) entries.push(parseService(id, service, owners))
    }
  }
  return entries
}

function parseService(id: string, service: Written<Draft<WrittenService>>, owners: Owners): ServiceEntry {
  const { name, category } = service.value
  const entry: ServiceEntry = {
    id,
    name: name ?? id,
    // Any category will do where none was readable: the file is refused.
    category: category ?? 'meeting',
    domains: namesOf(id, service.list('domains'), owners),
    hosts: namesOf(id, service.list('hosts'), owners),
    sharedDomains: [],
    sharedHosts: [],
    prefixes: prefixesOf(id, service.list('prefixes'), owners),
    ports: service.list('ports').flatMap(portsOf),
    origin: 'rules',
  }
  const lists = ['domains', 'hosts', 'prefixes'] as const
  if (lists.every((key) => service.hasNone(key))) {
    service.warn(`service ${quoted(id)} has no domain, host or prefix: no request is for it`, service.keyPlace)
  }
  return entry
}

function namesOf(service: string, items: readonly Written<string>[], owners: Owners): readonly string[] {
  const names = new Set<string>()
  for (const item of items) {
    const host = canonicalHost(item.value)
    if (host.kind === 'name') {
      if (isFree(host.name, service, item, owners)) names.add(host.name)
    } else if (host.kind === 'address') item.error(`${quoted(item.value)} is an address; write it under "prefixes"`)
    else if (/^\*?\./.test(item.value)) {
      const rest = quoted(item.value.replace(/^\*?\./, ''))
      item.error(`${quoted(item.value)} is no host; write ${rest} under "domains", which covers all names below it`)
    } else item.error(host.message)
  }
  return [...names]
}

function prefixesOf(service: string, items: readonly Written<string>[], owners: Owners): readonly Prefix[] {
  const prefixes = new Map<string, Prefix>()
  for (const item of items) {
    const found = parsePrefixes(item.value)
    if (typeof found === 'string') item.error(found)
    else {
      for (const prefix of found) if (isFree(prefix.text, service, item, owners)) prefixes.set(prefix.text, prefix)
    }
  }
  return [...prefixes.values()]
}

/** Whether no other service has this name or prefix; one that has is reported. */
function isFree(name: string, service: string, item: Written<string>, owners: Owners): boolean {
  const owner = owners.get(name)
  if (owner === undefined) {
    owners.set(name, { service, place: item.place })
    return true
  }
  if (owner.service === service) return true
  item.error(
    `${quoted(name)} is already in service ${quoted(owner.service)} at ${formatPlace(owner.place)}; keep one of the two`,
  )
  return false
}

function portsOf(item: Written<string | number>): readonly (readonly [number, number])[] {
  const [first = 0, last = first] = String(item.value).split('-').map(Number)
  if (first >= 1 && last <= 65535 && first <= last) return [[first, last]]
  item.error(
    `${quoted(String(item.value))} is no range of ports; write two numbers from 1 to 65535, the lower one first`,
  )
  return []
}
