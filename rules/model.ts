/**
 * The nouns that cross folders. Types and closed sets only: nothing here computes.
 * Read this first: every other file speaks in these words.
 */

export const MEDIA = ['wired', 'wireless', 'vpn', 'mobile', 'unknown'] as const
export type Medium = (typeof MEDIA)[number]

/** What an id in the rule file looks like: of a segment, a service, a group, a rule or an exception. */
export const ID = /^[a-z0-9][a-z0-9._-]{0,63}$/

export const CATEGORIES = ['meeting', 'chat-call', 'webinar', 'infrastructure'] as const
export type Category = (typeof CATEGORIES)[number]

/** What a rule asks for. `log` lets through and records. */
export const RULE_ACTIONS = ['allow', 'log', 'block'] as const
export type RuleAction = (typeof RULE_ACTIONS)[number]

/** What a verdict says. `would-block`: a block under `monitor`. `except`: let through by an exception. `refuse`: an unknown client. */
export const VERDICT_ACTIONS = ['allow', 'log', 'block', 'would-block', 'except', 'refuse'] as const
export type VerdictAction = (typeof VERDICT_ACTIONS)[number]

export const MODES = ['enforce', 'monitor'] as const
export type Mode = (typeof MODES)[number]
export const RULE_MODES = ['enforce', 'monitor', 'off'] as const
export type RuleMode = (typeof RULE_MODES)[number]

/** An IP address as four 32-bit words, most significant first; IPv4 stands in `d` alone. IPv4-mapped IPv6 is IPv4. */
export interface Address {
  readonly family: 4 | 6
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  /** Canonical text (RFC 5952 for IPv6, dotted decimal for IPv4). */
  readonly text: string
}

/** A CIDR block. `base` has no host bits set. */
export interface Prefix {
  readonly base: Address
  readonly length: number
  /** Canonical text, `10.20.0.0/16`. */
  readonly text: string
}

/** Text for people, by language tag; `''` holds text given without a language. */
export type Texts = Readonly<Record<string, string>>

/** Where something stands in a file; lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface Problem extends Place {
  readonly severity: 'error' | 'warning'
  readonly message: string
}

// ── The rule file, read and checked: groups expanded, names and addresses canonical, lists in file order ──

export interface SegmentEntry {
  readonly id: string
  readonly medium: Medium
  /** Many people behind one address. */
  readonly shared: boolean
  /** A range `a-b` is given as the prefixes that make it up. */
  readonly prefixes: readonly Prefix[]
  readonly place: Place
}

/** A service, the catalogue's or the user's. Names are canonical (lower case, A-labels, no trailing dot). */
export interface ServiceEntry {
  readonly id: string
  readonly name: string
  readonly category: Category
  /** The name and everything below it. */
  readonly domains: readonly string[]
  /** The name alone. */
  readonly hosts: readonly string[]
  /** Names that serve other things too: never evidence. */
  readonly sharedDomains: readonly string[]
  readonly sharedHosts: readonly string[]
  readonly prefixes: readonly Prefix[]
  /** TCP ports of its own, as inclusive pairs. */
  readonly ports: readonly (readonly [first: number, last: number])[]
  /** Whose entry this is: a user's name beats a built-in one of equal length. */
  readonly origin: 'catalogue' | 'rules'
}

/** Days as bits, Monday = 1, Sunday = 64; minutes of the local day; `fromMinute > toMinute` spans midnight and belongs to the day it starts on. */
export interface During {
  readonly days: number
  readonly fromMinute: number
  readonly toMinute: number
  /** IANA time zone. */
  readonly zone: string
}

export type ServiceCondition =
  | { readonly kind: 'any' }
  | { readonly kind: 'services'; readonly ids: readonly string[] }
  | { readonly kind: 'categories'; readonly categories: readonly Category[] }

export interface RuleEntry {
  readonly id: string
  readonly services: ServiceCondition
  /** null: the condition was not given, every one matches. */
  readonly media: readonly Medium[] | null
  readonly segments: readonly string[] | null
  /** The request is outside the rule when everything named here holds. */
  readonly except: {
    readonly media: readonly Medium[] | null
    readonly segments: readonly string[] | null
    readonly services: readonly string[] | null
  } | null
  readonly action: RuleAction
  readonly mode: RuleMode
  readonly reason: Texts | null
  readonly alternative: Texts | null
  readonly during: During | null
  readonly place: Place
}

export interface ExceptionEntry {
  readonly id: string
  readonly rules: readonly string[]
  /** Exactly one of the two is given. */
  readonly from: readonly Prefix[] | null
  readonly segments: readonly string[] | null
  /** Milliseconds since 1970; null = from the beginning. In force while startsAt <= at < expiresAt. */
  readonly startsAt: number | null
  readonly expiresAt: number
  readonly reason: string
  readonly ticket: string
  readonly approver: string
  readonly place: Place
}

export interface TestEntry {
  readonly from: string
  readonly to: string
  readonly serverName: string | null
  readonly at: number | null
  readonly expect: VerdictAction
  readonly rule: string | null
  readonly place: Place
}

export interface RuleFile {
  readonly name: string
  readonly unknownClients: 'refuse' | 'classify'
  readonly mode: Mode
  readonly otherwise: RuleAction
  readonly ipLiterals: RuleAction
  readonly segments: readonly SegmentEntry[]
  readonly services: readonly ServiceEntry[]
  readonly rules: readonly RuleEntry[]
  readonly exceptions: readonly ExceptionEntry[]
  readonly tests: readonly TestEntry[]
}

// ── A decision ──

/** All that is known of a request, the time included. It only grows. Names are canonical. */
export interface Evidence {
  /** null: not known. Such a client is in no segment, and no exception for prefixes is for it. */
  readonly source: Address | null
  /** Milliseconds since 1970. */
  readonly at: number
  /** The name asked for; null when a bare address was. */
  readonly host: string | null
  /** The bare address asked for, or what `host` resolved to; null while not known. */
  readonly address: Address | null
  readonly port: number
  /** The server name of the ClientHello (SNI); null while not known, or none was sent. */
  readonly serverName: string | null
  /** The Host of a plain HTTP request inside a tunnel; null while not known. */
  readonly httpHost: string | null
}

export type EvidenceKind = 'host' | 'address' | 'sni' | 'http-host'

/** One piece of evidence that named a service (or a shared name: service null). */
export interface Match {
  readonly kind: EvidenceKind
  /** What the request said, `us04web.zoom.us`. */
  readonly value: string
  /** What it matched, `zoom.us` or `3.7.35.0/25`. */
  readonly match: string
  readonly service: string
}

export interface Segment {
  readonly id: string
  readonly medium: Medium
  readonly shared: boolean
}

/** What `decide` gives. `service`, `rule` are 'none' where nothing matched; `rule` may be 'otherwise', 'ip_literals' or 'unknown_clients'. */
export interface Verdict {
  readonly action: VerdictAction
  /** The mode in force for this verdict: the rule's under the file's ceiling. */
  readonly mode: Mode
  readonly segment: Segment
  /** The segment's prefix that won; null for an unknown client. */
  readonly prefix: string | null
  readonly service: string
  readonly category: Category | null
  readonly rule: string
  readonly exception: string | null
  readonly reason: Texts | null
  readonly alternative: Texts | null
  readonly evidence: readonly Match[]
}

/** Address → value, longest prefix wins. */
export interface AddressLookup<V> {
  lookup(address: Address): V | undefined
}

/** Canonical name → value, longest name wins. */
export interface NameLookup<V> {
  lookup(name: string): V | undefined
}
