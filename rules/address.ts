/**
 * IP text ↔ bits, and prefixes: the only reader of addresses in Landline. Strict, because what two programs read
 * differently (`010.0.0.1`, `0x7f.1`, zone ids) is a way around a rule. IPv4-mapped IPv6 is IPv4 from here on.
 */
import IPCIDR from 'ip-cidr'
import type { Address, Prefix } from './model.ts'
import { onItsOwn } from './tables/own-text.ts'

const DOT = 46
const ZERO = 48
/** The length of a prefix, as far as its digits go. */
const LENGTH = /^(0|[1-9]\d{0,2})$/

/** The address that `text` spells: four decimal octets without leading zeros, or IPv6 as in RFC 4291 §2.2; else null. */
export function parseAddress(text: string): Address | null {
  const value = parseIPv4(text)
  if (value >= 0) return { family: 4, a: 0, b: 0, c: 0, d: value, text: onItsOwn(text) }
  if (!text.includes(':')) return null
  const groups = parseGroups(text)
  return groups === null ? null : addressOfWords(word(groups, 0), word(groups, 2), word(groups, 4), word(groups, 6))
}

/** The address in 4 or 16 bytes, network order. Any other length is a mistake of the caller: RangeError. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length === 4) return ipv4(view.getUint32(0))
  return addressOfWords(view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12))
}

/** The address with these words; an IPv4 address is `d` alone. */
export function addressOf(family: 4 | 6, a: number, b: number, c: number, d: number): Address {
  return family === 4 ? ipv4(d) : ipv6(a, b, c, d)
}

/** Negative, 0 or positive: IPv4 before IPv6, then by number. */
export function compareAddresses(x: Address, y: Address): number {
  return x.family - y.family || x.a - y.a || x.b - y.b || x.c - y.c || x.d - y.d
}

/** Negative, 0 or positive: in the order of addresses, each before those inside it. */
export function comparePrefixes(x: Prefix, y: Prefix): number {
  return compareAddresses(x.base, y.base) || x.length - y.length
}

/** The address as one number of 32 or 128 bits, for work at load time. */
export function addressBits({ family, a, b, c, d }: Address): bigint {
  if (family === 4) return BigInt(d)
  return (BigInt(a) << 96n) | (BigInt(b) << 64n) | (BigInt(c) << 32n) | BigInt(d)
}

/**
 * The prefix that `text` names (RFC 4632 §3.1, RFC 4291 §2.3), a bare address being a prefix of its own; or what is wrong with
 * it and what to write instead. A CIDR over IPv4-mapped IPv6 is the IPv4 prefix that it covers.
 */
export function parsePrefix(text: string): Prefix | string {
  const slash = text.indexOf('/')
  const written = slash < 0 ? text : text.slice(0, slash)
  const address = parseAddress(written)
  if (address === null) return noAddress(written)
  const width = address.family === 4 ? 32 : 128
  if (slash < 0) return prefixAt(address, width)
  const digits = text.slice(slash + 1)
  const mapped = address.family === 4 && written.includes(':')
  const length = Number(digits) - (mapped ? 96 : 0)
  const canonical = `${address.text}/${length}`
  // ip-cidr takes /08 and zone ids and misreads mapped CIDRs, so it checks our canonical text; its constructor would take
  // 1.3 to 3 s for 100,000 prefixes, this check 0.2 to 0.4 s.
  if (!LENGTH.test(digits) || !IPCIDR.isValidCIDR(canonical)) {
    const range = mapped ? '96 to 128 for IPv4-mapped IPv6' : `0 to ${width} for IPv${address.family}`
    return `${quoted(text)} is no prefix; the length after "/" is a decimal number, ${range}`
  }
  const prefix = prefixAt(address, length)
  if (compareAddresses(prefix.base, address) !== 0) return `${text} has host bits set; write ${prefix.text}`
  return prefix
}

/** The fewest prefixes that make up `text`, a prefix or a range `a-b` of one family, in order; or what is wrong with it. */
export function parsePrefixes(text: string): readonly Prefix[] | string {
  const dash = text.indexOf('-')
  if (dash < 0) {
    const prefix = parsePrefix(text)
    return typeof prefix === 'string' ? prefix : [prefix]
  }
  const first = parseAddress(text.slice(0, dash))
  if (first === null) return `${quoted(text)} is no range a-b: ${noAddress(text.slice(0, dash))}`
  const last = parseAddress(text.slice(dash + 1))
  if (last === null) return `${quoted(text)} is no range a-b: ${noAddress(text.slice(dash + 1))}`
  if (first.family !== last.family) return `${text} mixes IPv4 and IPv6; write a range for each family`
  if (compareAddresses(first, last) > 0) return `${text} runs backwards; write ${last.text}-${first.text}`
  return prefixesOfRange(first, last)
}

/** The prefix of that length in which the address lies. */
export function prefixAt(address: Address, length: number): Prefix {
  const base = network(address, length)
  return { base, length, text: `${base.text}/${length}` }
}

/** Whether `address` lies in `prefix`; never across families. For short lists: a PrefixTable is for long ones. */
export function prefixContains({ base, length }: Prefix, address: Address): boolean {
  if (base.family !== address.family) return false
  const bits = base.family === 4 ? length + 96 : length
  const same = (x: number, y: number, index: number) => ((x ^ y) & wordMask(bits - 32 * index)) === 0
  return (
    same(base.a, address.a, 0) && same(base.b, address.b, 1) && same(base.c, address.c, 2) && same(base.d, address.d, 3)
  )
}

/** The last address of the prefix. */
export function prefixEnd({ base, length }: Prefix): Address {
  const bits = base.family === 4 ? length + 96 : length
  const fill = (value: number, index: number) => (value | ~wordMask(bits - 32 * index)) >>> 0
  if (base.family === 4) return ipv4(fill(base.d, 3))
  return ipv6(fill(base.a, 0), fill(base.b, 1), fill(base.c, 2), fill(base.d, 3))
}

/** The next address of the family; null after its last. */
export function addressAfter({ family, a, b, c, d }: Address): Address | null {
  const carry = (word: number, isCarried: boolean) => (isCarried ? (word + 1) >>> 0 : word)
  const next = carry(d, true)
  if (family === 4) return next === 0 ? null : ipv4(next)
  const c1 = carry(c, next === 0)
  const b1 = carry(b, next === 0 && c1 === 0)
  const a1 = carry(a, next === 0 && c1 === 0 && b1 === 0)
  return (a1 | b1 | c1 | next) === 0 ? null : ipv6(a1, b1, c1, next)
}

/** `text` for a message: quoted, cut after 80 characters, what cannot be seen (controls, bidi marks, …) escaped. */
export function quoted(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text
  // A match has at least one code point.
  const escaped = cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (found) => `\\u{${found.codePointAt(0)!.toString(16)}}`)
  return `"${escaped}"`
}

function noAddress(text: string): string {
  return `${quoted(text)} is no IP address; write four decimal numbers as in 192.0.2.1, or IPv6 as in 2001:db8::1, without brackets or zone`
}

/** The 32 bits of a dotted-decimal address, or -1. */
function parseIPv4(text: string): number {
  if (text.length < 7 || text.length > 15) return -1
  let address = 0
  let octets = 1
  let octet = -1
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === DOT) {
      if (octet < 0 || ++octets > 4) return -1
      address = address * 256 + octet
      octet = -1
      continue
    }
    const digit = code - ZERO
    if (digit < 0 || digit > 9 || octet === 0) return -1
    octet = octet < 0 ? digit : octet * 10 + digit
    if (octet > 255) return -1
  }
  return octets === 4 && octet >= 0 ? address * 256 + octet : -1
}

/** The eight 16-bit groups of IPv6 text, or null. */
function parseGroups(text: string): readonly number[] | null {
  const halves = text.split('::')
  const [head = '', tail] = halves // split gives at least one part
  if (halves.length > 2) return null
  const left = parseHalf(head, tail === undefined)
  if (left === null || tail === undefined) return left?.length === 8 ? left : null
  const right = parseHalf(tail, true)
  if (right === null || left.length + right.length > 7) return null // `::` stands for one group at least
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
}

/** The groups on one side of `::`. Only the text's very end may be dotted decimal. */
function parseHalf(text: string, isEnd: boolean): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]! // index < length
    const value = parseHex(part)
    if (value >= 0) {
      groups.push(value)
      continue
    }
    const ipv4Value = isEnd && index === parts.length - 1 ? parseIPv4(part) : -1
    if (ipv4Value < 0) return null
    groups.push(ipv4Value >>> 16, ipv4Value & 0xffff)
  }
  return groups
}

/** One to four hexadecimal digits, or -1. */
function parseHex(text: string): number {
  if (text.length < 1 || text.length > 4) return -1
  let value = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const letter = (code | 32) - 97 // either case: 0 for A
    if (letter >= 0 && letter < 6) value = value * 16 + letter + 10
    else if (code >= ZERO && code <= ZERO + 9) value = value * 16 + code - ZERO
    else return -1
  }
  return value
}

function word(groups: readonly number[], index: number): number {
  return groups[index]! * 0x10000 + groups[index + 1]! // eight groups, index 0, 2, 4 or 6
}

function addressOfWords(a: number, b: number, c: number, d: number): Address {
  return a === 0 && b === 0 && c === 0xffff ? ipv4(d) : ipv6(a, b, c, d)
}

function ipv4(d: number): Address {
  return { family: 4, a: 0, b: 0, c: 0, d, text: `${d >>> 24}.${(d >>> 16) & 255}.${(d >>> 8) & 255}.${d & 255}` }
}

function ipv6(a: number, b: number, c: number, d: number): Address {
  return { family: 6, a, b, c, d, text: formatIPv6([a, b, c, d].flatMap((value) => [value >>> 16, value & 0xffff])) }
}

/** RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function formatIPv6(groups: readonly number[]): string {
  let start = -1
  let longest = 1
  for (let at = 0, run = 0; at < 8; at++) {
    run = groups[at] === 0 ? run + 1 : 0
    if (run > longest) {
      longest = run
      start = at - run + 1
    }
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + longest))}`
}

/** The upper `bits` bits of a word; any number below 0 counts as 0, above 32 as 32. */
function wordMask(bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0
}

/** The address with all bits after the first `length` cleared. */
function network(address: Address, length: number): Address {
  const { family, a, b, c, d } = address
  const bits = family === 4 ? length + 96 : length
  if (bits === 128) return address
  const keep = (value: number, index: number) => (value & wordMask(bits - 32 * index)) >>> 0
  return family === 4 ? ipv4(keep(d, 3)) : ipv6(keep(a, 0), keep(b, 1), keep(c, 2), keep(d, 3))
}

/** Takes, from the front, the largest aligned block that does not pass the end. */
function prefixesOfRange(from: Address, to: Address): readonly Prefix[] {
  const width = from.family === 4 ? 32 : 128
  const last = addressBits(to)
  const prefixes: Prefix[] = []
  for (let first = addressBits(from); first <= last; ) {
    let hostBits = 0
    let size = 1n
    while ((first & size) === 0n && first + size * 2n - 1n <= last) {
      hostBits++
      size *= 2n
    }
    const at = (shift: bigint) => Number((first >> shift) & 0xffffffffn)
    const base = from.family === 4 ? ipv4(at(0n)) : ipv6(at(96n), at(64n), at(32n), at(0n))
    const length = width - hostBits
    // An IPv6 range may run over ::ffff:0:0/96; as that is IPv4 here, the block could match nothing.
    if (base.family === 4 || base.a !== 0 || base.b !== 0 || base.c !== 0xffff) {
      prefixes.push({ base, length, text: `${base.text}/${length}` })
    }
    first += size
  }
  return prefixes
}
