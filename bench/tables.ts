/**
 * What a look-up costs with 100,000 prefixes and 100,000 names loaded, and what loading costs. Run: node bench/tables.ts
 * Only the ratios within one run mean anything on a shared machine.
 */
import { parseAddress, parsePrefix } from '../rules/address.ts'
import { canonicalHost } from '../rules/host.ts'
import type { Address, Prefix } from '../rules/model.ts'
import { buildNameIndex, findName, type NameIndex } from '../rules/tables/name-index.ts'
import { packNames } from '../rules/tables/packed.ts'
import { buildPrefixTable } from '../rules/tables/prefix-table.ts'

const COUNT = 100_000
const LOOKUPS = 1_000_000
/** Queries are made ahead, so that the loop measures look-ups alone. */
const QUERIES = 1 << 16

let state = 1
/** A whole number below `limit`, the same sequence in every run. */
function random(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * limit)
}

function report(name: string, value: number, unit: string): void {
  console.log(`${name.padEnd(44)}${value.toFixed(unit === 'ms' ? 0 : 1).padStart(10)} ${unit}`)
}

function load<T>(name: string, build: () => T): T {
  const start = performance.now()
  const built = build()
  report(name, performance.now() - start, 'ms')
  return built
}

/** Repeats once unmeasured, to compile; `hits` is printed so that no look-up can be left out. */
function measure<Q>(name: string, queries: readonly Q[], lookup: (query: Q) => unknown): void {
  let hits = 0
  let nanoseconds = 0
  for (let round = 0; round < 2; round++) {
    hits = 0
    const start = performance.now()
    for (let at = 0; at < LOOKUPS; at++) if (lookup(queries[at & (QUERIES - 1)] as Q) !== undefined) hits++ // QUERIES of them
    nanoseconds = ((performance.now() - start) * 1e6) / LOOKUPS
  }
  report(`${name} (${Math.round((100 * hits) / LOOKUPS)} % hits)`, nanoseconds, 'ns')
}

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

function foundOrNone(found: number): number | undefined {
  return found === -1 ? undefined : found
}

function nameIndex(names: readonly string[]): NameIndex {
  return buildNameIndex(
    packNames(names),
    names.map((_, at) => ({ at, below: true, owner: at + 1 })),
  )
}

const hex = () => random(0x10000).toString(16)
const octets = () => `${1 + random(223)}.${random(256)}.${random(256)}`
const prefixTexts = {
  IPv4: many(COUNT, () => `${octets()}.0/24`),
  IPv6: many(COUNT, () => `2001:${hex()}:${hex()}::/48`),
}
// The texts above are all well-formed.
const ipv4 = load('parse 100,000 IPv4 prefixes', () => prefixTexts.IPv4.map((text) => parsePrefix(text) as Prefix))
const ipv6 = load('parse 100,000 IPv6 prefixes', () => prefixTexts.IPv6.map((text) => parsePrefix(text) as Prefix))
const pairs = (prefixes: readonly Prefix[]) => prefixes.map((prefix) => [prefix, prefix] as const)
const ipv4Table = load('build the IPv4 table', () => buildPrefixTable(pairs(ipv4)))
const ipv6Table = load('build the IPv6 table', () => buildPrefixTable(pairs(ipv6)))

const names = many(
  COUNT,
  (index) => `${random(2 ** 30).toString(36)}-${index}.${['com', 'net', 'example', 'de'][index % 4]}`,
)
const nameTable = load('build the table of 100,000 names', () => nameIndex(names))
const deep = Array.from({ length: 100 }, () => 'a').join('.')
const deepTable = nameIndex([...names, `${deep}.example`])

const addresses = (make: (index: number) => string) => many(QUERIES, (index) => parseAddress(make(index)) as Address)
const inside = (texts: readonly string[], tail: string) =>
  addresses(() => (texts[random(COUNT)] as string).replace(/(::|\.0)\/\d+$/, tail))
measure('IPv4, known', inside(prefixTexts.IPv4, '.7'), (address) => ipv4Table.lookup(address))
measure(
  'IPv4, anywhere',
  addresses(() => `${octets()}.7`),
  (address) => ipv4Table.lookup(address),
)
measure('IPv6, known', inside(prefixTexts.IPv6, '::7'), (address) => ipv6Table.lookup(address))
measure(
  'IPv6, anywhere',
  addresses(() => `2001:${hex()}:${hex()}::7`),
  (address) => ipv6Table.lookup(address),
)

const known = () => names[random(COUNT)] as string
const flat = (text: string) => Buffer.from(text).toString() // a text put together is slow to read the first time
const hosts = (make: (index: number) => string) => many(QUERIES, (index) => flat(make(index)))
measure('name, known', hosts(known), (name) => foundOrNone(findName(nameTable, name)))
measure(
  'name, below a known one',
  hosts(() => `www.eu.${known()}`),
  (name) => foundOrNone(findName(nameTable, name)),
)
measure(
  'name, unknown',
  hosts((index) => `www.unknown-${index}.example`),
  (name) => foundOrNone(findName(nameTable, name)),
)
measure(
  'name, 100 labels below a known one',
  hosts(() => `${deep}.${known()}`),
  (name) => foundOrNone(findName(nameTable, name)),
)
measure(
  'name, 100 labels, unknown',
  hosts((index) => `${deep}.unknown-${index}.example`),
  (name) => foundOrNone(findName(nameTable, name)),
)
measure(
  'the same beside an entry of 101 labels',
  hosts((index) => `${deep}.unknown-${index}.example`),
  (name) => foundOrNone(findName(deepTable, name)),
)

measure(
  'canonicalHost, already canonical',
  hosts(() => `www.eu.${known()}`),
  canonicalHost,
)
measure(
  'canonicalHost, upper case',
  hosts(() => `WWW.eu.${known()}.`),
  canonicalHost,
)
measure(
  'parseAddress, IPv4',
  many(QUERIES, () => `${octets()}.7`),
  (text) => parseAddress(text) ?? undefined,
)
measure(
  'parseAddress, IPv6',
  many(QUERIES, () => `2001:${hex()}:${hex()}::7`),
  (text) => parseAddress(text) ?? undefined,
)
