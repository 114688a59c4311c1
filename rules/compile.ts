/**
 * RuleFile → Policy: frozen tables and a revision. All slow work happens here, so that `decide` only looks up.
 */
import { withoutAliases } from './aliases.ts'
import { canonicalRules, compareText } from './canonical.ts'
import type { Catalogue } from './catalog.ts'
import { buildCandidates, conditionsOf, segmentKindsOf, serviceKindsOf } from './conditions.ts'
import type { ExceptionEntry, Mode, RuleAction, RuleEntry, RuleFile, ServiceEntry, Texts } from './model.ts'
import { buildNameTable, type NameEntry } from './name-table.ts'
import type { Exception, Named, Policy, Rule, Ruling, Seat, Service } from './policy.ts'
import { buildPrefixTable } from './prefix-table.ts'

export interface CompileOptions {
  /** The SHA-256 of UTF-8 text, in hexadecimal digits. */
  readonly sha256: (text: string) => string
  /** Forces the ceiling down to `monitor`. */
  readonly monitor?: boolean
}

const TRUE = true as const

/** Cannot fail: what could be wrong with a rule file was found when it was parsed. About 1 s for 100,000 prefixes and names. */
export function compile(written: RuleFile, catalogue: Catalogue, { sha256, monitor = false }: CompileOptions): Policy {
  const file = withoutAliases(written, catalogue.aliases)
  const mode = monitor ? 'monitor' : file.mode
  const exceptions = file.exceptions.map(compileException).sort((x, y) => compareText(x.entry.id, y.entry.id))
  const rules = file.rules.map((entry) => compileRule(entry, exceptions, mode))
  const services = compileServices(file, catalogue)
  const { unknownSeat, seats, perSegment } = compileSeats(file)
  const texts = { reason: null, alternative: null }
  const policy: Policy = {
    name: file.name,
    revision: `sha256:${sha256(`${canonicalRules(file, mode)}\n${catalogue.canonical}`)}`,
    mode,
    unknownClients: file.unknownClients,
    segments: new Map(file.segments.map((segment) => [segment.id, segment])),
    services,
    rules: Object.freeze(rules),
    exceptions: Object.freeze(exceptions),
    otherwise: rulingOf(file.otherwise, mode, 'otherwise', texts),
    ipLiterals: rulingOf(file.ipLiterals, mode, 'ip_literals', texts),
    unjudged: rulingOf('allow', mode, 'none', texts),
    file,
    seats,
    unknownSeat,
    names: compileNames(services.values()),
    addresses: compileAddresses(services.values()),
    candidates: buildCandidates(rules, [unknownSeat, ...perSegment], services.values()),
  }
  return Object.freeze(policy)
}

function compileException(entry: ExceptionEntry): Exception {
  const { from, segments } = entry
  return Object.freeze({
    entry,
    sources: from && buildPrefixTable(from.map((prefix) => [prefix, TRUE] as const)),
    segments: segments && new Set(segments),
  })
}

function compileRule(entry: RuleEntry, exceptions: readonly Exception[], ceiling: Mode): Rule {
  const mode = ceiling === 'monitor' || entry.mode === 'monitor' ? 'monitor' : 'enforce'
  const ruling = rulingOf(entry.action, mode, entry.id, entry)
  const lifts = exceptions
    .filter((exception) => exception.entry.rules.includes(entry.id))
    .map((exception) => ({
      exception,
      ruling: Object.freeze({ ...ruling, action: 'except' as const, exception: exception.entry.id }),
    }))
  return Object.freeze({ ...conditionsOf(entry), ruling, lifts })
}

function rulingOf(
  action: RuleAction,
  mode: Mode,
  rule: string,
  { reason, alternative }: { readonly reason: Texts | null; readonly alternative: Texts | null },
): Ruling {
  const isSpared = action === 'block' && mode === 'monitor'
  return Object.freeze({ action: isSpared ? 'would-block' : action, mode, rule, exception: null, reason, alternative })
}

/** A user's service stands in for the catalogue's of the same id as a whole. */
function compileServices(file: RuleFile, catalogue: Catalogue): ReadonlyMap<string, Service> {
  const entries = new Map([...catalogue.services, ...file.services].map((entry) => [entry.id, entry]))
  const kinds = serviceKindsOf([...entries.values()], file.rules)
  const services = new Map<string, Service>()
  for (const entry of entries.values()) {
    const { id, name, category, ports } = entry
    services.set(id, Object.freeze({ id, name, category, ports, entry, kind: kinds.get(id)! })) // `kinds` has every id
  }
  return services
}

function compileSeats(file: RuleFile) {
  const unknown = Object.freeze({ id: 'unknown', medium: 'unknown', shared: false } as const)
  const kinds = segmentKindsOf([unknown, ...file.segments], file.rules, file.exceptions)
  const kindOf = (id: string) => kinds.get(id)! // `kinds` has every id
  const perSegment = file.segments.map(({ id, medium, shared }) => ({
    segment: Object.freeze({ id, medium, shared }),
    kind: kindOf(id),
  }))
  const seats = file.segments.flatMap(({ prefixes }, index) => {
    const place = perSegment[index]! // one for each segment
    return prefixes.map((prefix) => [prefix, Object.freeze({ ...place, prefix: prefix.text })] as const)
  })
  const unknownSeat: Seat = Object.freeze({ segment: unknown, prefix: null, kind: kindOf('unknown') })
  return { unknownSeat, perSegment, seats: buildPrefixTable(seats) }
}

interface Claim extends NameEntry<Named> {
  /** Of two claims to one name a user's has it, before a built-in one. */
  readonly isUsers: boolean
}

function compileNames(services: Iterable<Service>) {
  const claims = { exact: new Map<string, Claim>(), below: new Map<string, Claim>() }
  const claim = (names: readonly string[], below: boolean, service: Service | null, entry: ServiceEntry) => {
    const isUsers = entry.origin === 'rules'
    const claimed = below ? claims.below : claims.exact
    for (const name of names) {
      if (claimed.has(name) && !isUsers) continue
      claimed.set(name, { name, below, isUsers, value: Object.freeze({ service, match: name }) })
    }
  }
  for (const service of services) {
    const { entry } = service
    claim(entry.domains, true, service, entry)
    claim(entry.hosts, false, service, entry)
    claim(entry.sharedDomains, true, null, entry)
    claim(entry.sharedHosts, false, null, entry)
  }
  // In the table the name alone comes before the name with all below it: a built-in host would hide a user's domain.
  const exact = [...claims.exact.values()].filter(({ name }) => !claims.below.get(name)?.isUsers)
  return buildNameTable([...claims.below.values(), ...exact])
}

/** The catalogue's first: of two values for the same prefix the table keeps the later one. */
function compileAddresses(services: Iterable<Service>) {
  const ordered = [...services].sort((x, y) => Number(x.entry.origin === 'rules') - Number(y.entry.origin === 'rules'))
  return buildPrefixTable(
    ordered.flatMap((service) =>
      service.entry.prefixes.map((prefix) => [prefix, Object.freeze({ service, match: prefix.text })] as const),
    ),
  )
}
