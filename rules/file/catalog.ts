/**
 * The catalogue of conferencing services: the files of rules/catalog/ (or of `--catalog DIR`) → service entries.
 * What is matched and what is deliberately not is told in docs/catalogue.md.
 */
import type * as z from 'zod'
import { parsePrefix, quoted } from '../address.ts'
import { canonicalHost } from '../host.ts'
import type { Place, Prefix, Problem, ServiceEntry } from '../model.ts'
import { sortProblems, startOf } from '../problems.ts'
import { lookAlikesSchema, type ServiceFile, serviceSchema, sourcesSchema } from './catalog-schema.ts'
import { shapeFaults } from './shape.ts'
import { type Path, readYaml } from './yaml-source.ts'

export interface Catalogue {
  /** In the order of their ids. */
  readonly services: readonly ServiceEntry[]
  /** Other name of a service → its id; no alias is an id. */
  readonly aliases: ReadonlyMap<string, string>
  /** JSON text of everything here that can change a verdict or open a port: the same whatever the order in files. */
  readonly canonical: string
}

const SOURCES_FILE = 'sources.yaml'
const LOOK_ALIKES_FILE = 'look-alikes.yaml'
/** Words that stand for something else where a service's id can stand. */
const RESERVED_IDS = new Set(['any', 'none', 'other'])

/** What has been claimed so far, over all files: each thing belongs to one service only. */
interface Claims {
  readonly ids: Map<string, string>
  readonly names: Map<string, { readonly service: string; readonly shared: boolean }>
  readonly prefixes: Map<string, string>
}

/** A file that fits its schema. */
interface Checked<T> {
  readonly file: string
  readonly value: T
  /** Adds an error at what `path` leads to. */
  readonly report: (path: Path, message: string) => void
}
type Service = Checked<ServiceFile>

/**
 * Reads a catalogue folder, given as file name → text of its *.yaml files: one per service, named by its id, `sources.yaml`,
 * and `look-alikes.yaml` if there is one. All problems are reported at once; with an error among them the catalogue is null.
 */
export function readCatalogue(files: ReadonlyMap<string, string>): {
  readonly catalogue: Catalogue | null
  readonly problems: readonly Problem[]
} {
  const problems: Problem[] = []
  const read = <S extends z.ZodType>(file: string, schema: S) => readFile(file, files.get(file), schema, problems)

  const sources = read(SOURCES_FILE, sourcesSchema)
  const lookAlikes = files.has(LOOK_ALIKES_FILE) ? read(LOOK_ALIKES_FILE, lookAlikesSchema) : null
  const services: Service[] = []
  for (const file of files.keys()) {
    if (file === SOURCES_FILE || file === LOOK_ALIKES_FILE) continue
    const service = read(file, serviceSchema)
    if (service !== null) services.push(service)
  }
  services.sort((x, y) => compareText(x.value.id, y.value.id))
  if (sources !== null) {
    const known = new Set(Object.keys(sources.value))
    for (const checked of lookAlikes === null ? services : [...services, lookAlikes]) checkSources(checked, known)
  }
  const claims: Claims = { ids: new Map(), names: new Map(), prefixes: new Map() }
  const entries = services.map((service) => readService(service, claims))
  const aliases = readAliases(services, claims)
  const isSound = problems.every(({ severity }) => severity !== 'error')
  const catalogue = isSound ? { services: entries, aliases, canonical: canonicalText(entries, aliases) } : null
  return { catalogue, problems: sortProblems(problems) }
}

/** The file as its schema gives it; null, with the reasons added to `problems`, where it does not fit or is not there. */
function readFile<S extends z.ZodType>(
  file: string,
  text: string | undefined,
  schema: S,
  problems: Problem[],
): Checked<z.output<S>> | null {
  const add = (place: Place, message: string) => problems.push({ severity: 'error', ...place, message })
  if (text === undefined) {
    add(startOf(file), `${file} is missing; add it to the folder of the catalogue`)
    return null
  }
  const source = readYaml(file, text)
  problems.push(...source.problems)
  if (source.value === undefined) return null
  const { success, data } = schema.safeParse(source.value)
  if (success) return { file, value: data, report: (path, message) => add(source.placeOf(path), message) }
  for (const { path, of, message } of shapeFaults(source.value, schema)) add(source.placeOf(path, of), message)
  return null
}

function readService(service: Service, claims: Claims): ServiceEntry {
  const { value, file, report } = service
  if (file !== `${value.id}.yaml`)
    report(['id'], `the file of service "${value.id}" is ${value.id}.yaml; rename one of the two`)
  if (RESERVED_IDS.has(value.id)) report(['id'], `"${value.id}" is a reserved word; choose another id`)
  claims.ids.set(value.id, value.id)
  const name = (path: Path, text: string, shared: boolean) => checkName(service, path, text, shared, claims)
  const domains = value.domains.map((domain, at) => name(['domains', at, 'name'], domain.name, false))
  const hosts = value.hosts.map((host, at) => name(['hosts', at, 'name'], host.name, false))
  const shared = value.shared.map(({ domain, host }, at) => ({
    // The schema lets exactly one of the two through.
    name: name(['shared', at, domain === undefined ? 'host' : 'domain'], domain ?? host ?? '', true),
    below: domain !== undefined,
  }))
  return {
    id: value.id,
    name: value.name,
    category: value.category,
    domains,
    hosts,
    sharedDomains: shared.filter(({ below }) => below).map(({ name }) => name),
    sharedHosts: shared.filter(({ below }) => !below).map(({ name }) => name),
    prefixes: readPrefixes(service, claims),
    ports: readPorts(service),
    origin: 'catalogue',
  }
}

/** Reports a name that is not canonical, is a whole top-level domain, or is spoken for; gives it back as written. */
function checkName(service: Service, path: Path, text: string, shared: boolean, claims: Claims): string {
  const { value, report } = service
  const host = canonicalHost(text)
  if (host.kind === 'invalid') report(path, host.message)
  else if (host.kind === 'address') report(path, `${quoted(text)} is an address; list it under prefixes`)
  else if (host.name !== text) report(path, `${quoted(text)} is not in canonical form; write ${host.name}`)
  else if (!text.includes('.')) report(path, `${quoted(text)} is a whole top-level domain; write a name below it`)
  const taken = claims.names.get(text)
  if (taken === undefined) claims.names.set(text, { service: value.id, shared })
  else if (taken.service === value.id)
    report(path, `${quoted(text)} stands twice in this file; a name is a domain, a host or shared: remove the others`)
  // Many services may share a name; but a name is one service's own, or shared, never both.
  else if (!(shared && taken.shared))
    report(
      path,
      `${quoted(text)} is ${taken.shared ? 'shared' : 'matched'} in ${taken.service}.yaml; a name has one meaning: keep one of the two`,
    )
  return text
}

/** The prefixes of the lists that are matched. */
function readPrefixes({ value, report }: Service, claims: Claims): readonly Prefix[] {
  const matched: Prefix[] = []
  for (const [at, { basis, list, ...rest }] of value.prefixes.entries()) {
    if (rest.matched && basis === 'historical')
      report(['prefixes', at, 'matched'], 'historical ranges may belong to anyone today; set matched to false')
    if (!rest.matched && rest.note === undefined)
      report(['prefixes', at], 'a list that is not matched needs a note that says why; add note')
    for (const [index, text] of list.entries()) {
      const path = ['prefixes', at, 'list', index]
      const prefix = parsePrefix(text)
      if (typeof prefix === 'string') report(path, prefix)
      else if (rest.matched) {
        const taken = claims.prefixes.get(prefix.text)
        if (taken !== undefined) report(path, `${prefix.text} is matched in ${taken}.yaml already; keep one of the two`)
        claims.prefixes.set(prefix.text, value.id)
        matched.push(prefix)
      }
    }
  }
  return matched
}

/** TCP ports as sorted pairs that neither meet nor overlap. UDP never enters a proxy, and `lan` ports never ask for one. */
function readPorts({ value, report }: Service): ServiceEntry['ports'] {
  const pairs: [first: number, last: number][] = []
  for (const [at, { proto, ports, lan }] of value.ports.entries())
    for (const [index, port] of ports.entries()) {
      const [first = Number.NaN, last = first] = /^\d+(-\d+)?$/.test(`${port}`) ? `${port}`.split('-').map(Number) : []
      if (!(first >= 1 && first <= last && last <= 65535))
        report(
          ['ports', at, 'ports', index],
          `${quoted(String(port))} is no port; write a number from 1 to 65535 or a range a-b`,
        )
      else if (proto !== 'udp' && !lan) pairs.push([first, last])
    }
  const merged: [first: number, last: number][] = []
  for (const [first, last] of pairs.sort((x, y) => x[0] - y[0])) {
    const previous = merged.at(-1)
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last)
    else merged.push([first, last])
  }
  return merged
}

function readAliases(services: readonly Service[], { ids }: Claims): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>()
  for (const { value, report } of services)
    for (const [at, alias] of value.aliases.entries()) {
      const taken = ids.get(alias) ?? aliases.get(alias)
      if (taken !== undefined) report(['aliases', at], `"${alias}" stands for ${taken} already; remove one of the two`)
      else if (RESERVED_IDS.has(alias)) report(['aliases', at], `"${alias}" is a reserved word; choose another alias`)
      aliases.set(alias, value.id)
    }
  return aliases
}

/** Reports every id under a `sources` key, however deep, that sources.yaml does not have. */
function checkSources({ value, report }: Checked<unknown>, known: ReadonlySet<string>): void {
  const visit = (node: unknown, path: Path): void => {
    if (typeof node === 'string') {
      if (path.at(-2) === 'sources' && !known.has(node))
        report(path, `source ${quoted(node)} is not in ${SOURCES_FILE}; add it there or correct the id`)
    } else if (typeof node === 'object' && node !== null)
      for (const [key, below] of Object.entries(node)) visit(below, [...path, Array.isArray(node) ? Number(key) : key])
  }
  visit(value, [])
}

function canonicalText(services: readonly ServiceEntry[], aliases: ReadonlyMap<string, string>): string {
  const rows = services.map(({ id, category, domains, hosts, sharedDomains, sharedHosts, prefixes, ports }) => ({
    id,
    category,
    domains: domains.toSorted(),
    hosts: hosts.toSorted(),
    sharedDomains: sharedDomains.toSorted(),
    sharedHosts: sharedHosts.toSorted(),
    prefixes: prefixes.map(({ text }) => text).toSorted(),
    ports,
  }))
  return JSON.stringify({ services: rows, aliases: [...aliases].sort() })
}

/** By code unit, so that it is the same in every locale. */
function compareText(x: string, y: string): number {
  if (x === y) return 0
  return x < y ? -1 : 1
}
