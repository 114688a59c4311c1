/**
 * A `Policy` is a rule file made ready to decide by: look-up tables, and for each rule what it will say, worked out
 * beforehand. Types only; `compile` makes one, `decide` reads it. It never changes once made.
 */
import type { Blueprint } from './blueprint.ts'
import type {
  AddressLookup,
  Category,
  ExceptionEntry,
  Medium,
  Mode,
  NameLookup,
  RuleEntry,
  RuleFile,
  Segment,
  SegmentEntry,
  ServiceEntry,
  Texts,
  VerdictAction,
} from './model.ts'

export interface Policy {
  readonly name: string
  /** `sha256:` and 64 hexadecimal digits, over the canonical rules and the catalogue. */
  readonly revision: string
  /** The ceiling: that of the file, or monitor when forced. */
  readonly mode: Mode
  readonly unknownClients: RuleFile['unknownClients']
  /** Without `unknown`, which no file can declare. */
  readonly segments: ReadonlyMap<string, SegmentEntry>
  /** The catalogue's and the rule file's, by id. */
  readonly services: ReadonlyMap<string, Service>
  /** In the order in which they are tried; those that are off included. */
  readonly rules: readonly Rule[]
  /** By id, which is also the order in which they are tried: unlike rules, they have no order in the file. */
  readonly exceptions: readonly Exception[]
  readonly otherwise: Ruling
  readonly ipLiterals: Ruling
  /** What takes the place of the two above while it is in force: break-glass, and nothing that a rule file can say. */
  readonly otherwiseLifts: readonly Lift[]
  readonly ipLiteralsLifts: readonly Lift[]
  /** What is said of traffic of no service. */
  readonly unjudged: Ruling
  /** What the policy was made from, its tests included. */
  readonly file: RuleFile
  /** The same as plain data, from which another thread puts this policy together. */
  readonly blueprint: Blueprint

  readonly seats: AddressLookup<Seat>
  /** The seat of a client in no segment. */
  readonly unknownSeat: Seat
  readonly names: NameLookup<Named>
  readonly addresses: AddressLookup<Named>
  readonly candidates: Candidates
}

/** Where a client sits, as the longest prefix of its address says. */
export interface Seat {
  readonly segment: Segment
  /** null for the unknown client. */
  readonly prefix: string | null
  /** The number of the segment's class: segments of one class are the same to every rule and exception. */
  readonly kind: number
}

export interface Service {
  readonly id: string
  readonly name: string
  readonly category: Category
  readonly ports: ServiceEntry['ports']
  readonly entry: ServiceEntry
  /** The number of the service's class: services of one class are the same to every rule. */
  readonly kind: number
}

/** What a name or prefix stands for. */
export interface Named {
  /** null: shared by several things, so it names none. */
  readonly service: Service | null
  /** The name or prefix itself, `zoom.us`, `3.7.35.0/25`. */
  readonly match: string
}

/** What a rule has to say about a request: the part of a verdict that does not depend on the request. */
export interface Ruling {
  readonly action: VerdictAction
  readonly mode: Mode
  readonly rule: string
  readonly exception: string | null
  readonly reason: Texts | null
  readonly alternative: Texts | null
}

export interface Rule {
  readonly entry: RuleEntry
  /** The conditions that hold or not whatever the time; null: not given. */
  readonly services: ReadonlySet<string> | null
  readonly categories: ReadonlySet<Category> | null
  readonly media: ReadonlySet<Medium> | null
  readonly segments: ReadonlySet<string> | null
  readonly except: {
    readonly media: ReadonlySet<Medium> | null
    readonly segments: ReadonlySet<string> | null
    readonly services: ReadonlySet<string> | null
  } | null
  readonly ruling: Ruling
  /** The exceptions that name this rule. */
  readonly lifts: readonly Lift[]
}

/** An exception as it applies to one rule, with what is said when it let a request through. */
export interface Lift {
  readonly exception: Exception
  readonly ruling: Ruling
  /** Of the two that let a request through, one by the file and one by break-glass, the latter is told. */
  readonly isBreakglass: boolean
}

export interface Exception {
  readonly entry: ExceptionEntry
  /** The addresses it is for; null: given by segment. */
  readonly sources: AddressLookup<true> | null
  readonly segments: ReadonlySet<string> | null
}

/**
 * For a class of segments and a class of services, the rules that can match, in order, none after one that always does.
 * Worked out when first asked for: of all pairs that a big rule file makes possible, traffic reaches few.
 */
export interface Candidates {
  /** The segments of each class, by the class's number. */
  readonly segmentKinds: readonly (readonly Segment[])[]
  readonly serviceKinds: readonly (readonly Service[])[]
  of(segmentKind: number, serviceKind: number): readonly Rule[]
}
