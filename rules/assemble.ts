/** Blueprint → Policy: the part of compiling that every thread does for itself. It costs by the segment, service and rule, not by the prefix or name. */
import type { Blueprint, PackedSegment, PackedService } from './blueprint.ts'
import { compareText } from './canonical.ts'
import { buildCandidates, conditionsOf, segmentKindsOf, serviceKindsOf } from './conditions.ts'
import type {
  ExceptionEntry,
  Mode,
  RuleAction,
  RuleEntry,
  RuleFile,
  SegmentEntry,
  ServiceEntry,
  Texts,
} from './model.ts'
import type { Exception, Policy, Rule, Ruling, Seat, Service } from './policy.ts'
import { nameLookup, seatLookup, serviceLookup } from './tables/look-ups.ts'
import { namesIn, prefixesIn } from './tables/packed.ts'
import { buildPrefixTable } from './tables/prefix-table.ts'

const TRUE = true as const
const NO_LIFTS = Object.freeze([])

/** What the blueprint was drawn from, with its lists as they are. */
export interface Entries {
  readonly file: RuleFile
  readonly services: readonly ServiceEntry[]
}

/** `entries`, where they are at hand; else their long lists are unpacked by whoever asks for one. */
export function assemble(blueprint: Blueprint, entries: Entries = unpack(blueprint)): Policy {
  const { revision, mode } = blueprint
  const { file } = entries
  const exceptions = file.exceptions.map(compileException).sort((x, y) => compareText(x.entry.id, y.entry.id))
  const rules = file.rules.map((entry) => compileRule(entry, exceptions, mode))
  const services = compileServices(entries)
  const { unknownSeat, perSegment } = compileSegments(file)
  const texts = { reason: null, alternative: null }
  const policy: Policy = {
    name: file.name,
    revision,
    mode,
    unknownClients: file.unknownClients,
    segments: new Map(file.segments.map((segment) => [segment.id, segment])),
    services: new Map(services.map((service) => [service.id, service])),
    rules: Object.freeze(rules),
    exceptions: Object.freeze(exceptions),
    otherwise: rulingOf(file.otherwise, mode, 'otherwise', texts),
    ipLiterals: rulingOf(file.ipLiterals, mode, 'ip_literals', texts),
    otherwiseLifts: NO_LIFTS,
    ipLiteralsLifts: NO_LIFTS,
    unjudged: rulingOf('allow', mode, 'none', texts),
    file,
    blueprint,
    seats: seatLookup(blueprint.seats, perSegment),
    unknownSeat,
    names: nameLookup(blueprint.names.index, services),
    addresses: serviceLookup(blueprint.addresses, services),
    candidates: buildCandidates(rules, [unknownSeat, ...perSegment], services),
  }
  return Object.freeze(policy)
}

function unpack(blueprint: Blueprint): Entries {
  const services = blueprint.services.map((service) => unpackService(service, blueprint))
  const segments = blueprint.file.segments.map((segment) => unpackSegment(segment, blueprint))
  const own = blueprint.file.services.flatMap((place) => services[place] ?? [])
  return { file: { ...blueprint.file, segments, services: own }, services }
}

/** The list is made anew each time that it is asked for: held, it would be what the blueprint spares. */
function unpackSegment(segment: PackedSegment, { seats }: Blueprint): SegmentEntry {
  return {
    ...segment,
    get prefixes() {
      return prefixesIn(seats.list, segment.prefixes)
    },
  }
}

function unpackService(service: PackedService, { addresses, names }: Blueprint): ServiceEntry {
  return {
    ...service,
    get domains() {
      return namesIn(names.list, service.domains)
    },
    get hosts() {
      return namesIn(names.list, service.hosts)
    },
    get sharedDomains() {
      return namesIn(names.list, service.sharedDomains)
    },
    get sharedHosts() {
      return namesIn(names.list, service.sharedHosts)
    },
    get prefixes() {
      return prefixesIn(addresses.list, service.prefixes)
    },
  }
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
      isBreakglass: false,
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

function compileServices({ file, services }: Entries): readonly Service[] {
  const kinds = serviceKindsOf(services, file.rules)
  return services.map((entry) => {
    const { id, name, category, ports } = entry
    return Object.freeze({ id, name, category, ports, entry, kind: kinds.get(id)! }) // `kinds` has every id
  })
}

function compileSegments(file: RuleFile) {
  const unknown = Object.freeze({ id: 'unknown', medium: 'unknown', shared: false } as const)
  const kinds = segmentKindsOf([unknown, ...file.segments], file.rules, file.exceptions)
  const kindOf = (id: string) => kinds.get(id)! // `kinds` has every id
  const perSegment = file.segments.map(({ id, medium, shared }) => ({
    segment: Object.freeze({ id, medium, shared }),
    kind: kindOf(id),
  }))
  const unknownSeat: Seat = Object.freeze({ segment: unknown, prefix: null, kind: kindOf('unknown') })
  return { unknownSeat, perSegment }
}
