/**
 * X-Forwarded-For and Forwarded (RFC 7239) → client address. Pure; never throws. Read from right to left, one element for
 * each trusted hop: only those are a hop's own words, all that stands left of them may be the client's invention.
 */
import { parseAddress } from '../rules/address.ts'
import type { Address } from '../rules/model.ts'
import { trimBlank } from './http/fields.ts'

/**
 * Why the client is not known. `missing`: a trusted hop did not tell whom it speaks for (no element, `unknown`, an obfuscated
 * identifier). `conflict`: the two fields tell different stories.
 */
export type WalkFault = 'missing' | 'malformed' | 'conflict'

export interface Walk {
  /** The client's; with a fault, that of the last hop we heard from. */
  readonly address: Address
  /** 0 where none was told. */
  readonly port: number
  /** The trusted hops between that address and us, nearest first. */
  readonly path: readonly string[]
  readonly fault: WalkFault | null
}

export interface FieldLine {
  readonly lower: string
  readonly value: string
}

/** What one element tells. */
type Node = { readonly address: Address; readonly port: number } | 'hidden' | 'malformed'

/** No chain of real proxies is longer. */
const MAX_HOPS = 16

/** RFC 7239 §6: an address, IPv6 in brackets, with or without a port or an obfuscated one. */
const NODE = /^(?:\[([^\]]*:[^\]]*)\]|([^:]+))(?::(?:(\d{1,5})|_[\w.-]+))?$/
/** RFC 7239 §6.2 and §6.3. */
const HIDDEN = /^(?:unknown|_[\w.-]+)(?::(?:\d{1,5}|_[\w.-]+))?$/i
/** One `name=value` of RFC 7239 §4, or nothing, up to the semicolon or the end. */
const PAIR = /[ \t]*(?:([!#$%&'*+.^`|~\w-]+)=(?:([!#$%&'*+.^`|~\w-]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*(?:;|$)/y

/** Whether a sender tells (or pretends to tell) whom it speaks for. */
export function isForwardedField(lower: string): boolean {
  return lower === 'x-forwarded-for' || lower === 'forwarded'
}

/**
 * From the peer, which is trusted, through the trusted hops to the first address that is not one: the client's. Where both
 * fields are there they must tell the same: a hop that writes one of them passes the client's own idea of the other on.
 */
export function walkForwarded(
  fields: readonly FieldLine[],
  peer: Address,
  isTrusted: (address: Address) => boolean,
): Walk {
  const plain = linesOf(fields, 'x-forwarded-for')
  const standard = linesOf(fields, 'forwarded')
  if (standard.length === 0) return walk(nodesOf(plain, plainComma, plainNode), peer, isTrusted)
  const told = walk(nodesOf(standard, commaOutsideQuotes, standardNode), peer, isTrusted)
  if (plain.length === 0) return told
  const other = walk(nodesOf(plain, plainComma, plainNode), peer, isTrusted)
  if (!isSame(told, other)) return { address: peer, port: 0, path: [], fault: 'conflict' }
  return told.port === other.port ? told : { ...told, port: 0 }
}

function walk(nodes: Iterable<Node>, peer: Address, isTrusted: (address: Address) => boolean): Walk {
  let hop = peer
  const path: string[] = []
  const stopped = (fault: WalkFault): Walk => ({ address: hop, port: 0, path, fault })
  for (const node of nodes) {
    if (node === 'hidden') return stopped('missing')
    if (node === 'malformed' || path.length === MAX_HOPS) return stopped('malformed')
    path.push(hop.text)
    if (!isTrusted(node.address)) return { address: node.address, port: node.port, path, fault: null }
    hop = node.address
  }
  return stopped('missing')
}

function isSame(x: Walk, y: Walk): boolean {
  return x.fault === y.fault && x.address.text === y.address.text && x.path.join() === y.path.join()
}

function linesOf(fields: readonly FieldLine[], name: string): readonly string[] {
  const lines: string[] = []
  for (const { lower, value } of fields) if (lower === name) lines.push(value)
  return lines
}

/** The elements from the last to the first. Several lines are one list; empty elements are none (RFC 9110 §5.3, §5.6.1.2). */
function* nodesOf(
  lines: readonly string[],
  lastComma: (text: string, end: number) => number,
  parse: (element: string) => Node,
): Iterable<Node> {
  for (const line of lines.toReversed()) {
    for (let end = line.length; end >= 0; ) {
      const comma = lastComma(line, end)
      const element = trimBlank(line.slice(comma + 1, end))
      if (element !== '') yield parse(element)
      end = comma
    }
  }
}

/** The last comma before `end`, or -1. */
function plainComma(text: string, end: number): number {
  return end === 0 ? -1 : text.lastIndexOf(',', end - 1)
}

/** The last comma before `end` that is not in a quoted string, or -1. From the right, so that an open quote on the left hides nothing. */
function commaOutsideQuotes(text: string, end: number): number {
  let isQuoted = false
  for (let at = end - 1; at >= 0; at--) {
    if (text[at] === '"' && !(isQuoted && isEscaped(text, at))) isQuoted = !isQuoted
    else if (text[at] === ',' && !isQuoted) return at
  }
  return -1
}

function isEscaped(text: string, at: number): boolean {
  let before = at
  while (text[before - 1] === '\\') before--
  return (at - before) % 2 === 1
}

/** X-Forwarded-For has no specification: an address, also IPv6 without brackets, or with a port as some balancers write it. */
function plainNode(element: string): Node {
  const address = parseAddress(element)
  return address === null ? parseNode(element) : { address, port: 0 }
}

/** The `for` of a forwarded-element; each name at most once (RFC 7239 §4). An element without it does not tell. */
function standardNode(element: string): Node {
  const names = new Set<string>()
  let node: Node = 'hidden'
  for (let at = 0; ; at = PAIR.lastIndex) {
    PAIR.lastIndex = at
    const pair = PAIR.exec(element)
    if (pair === null) return 'malformed'
    const [text, name, token, quoted] = pair
    if (name !== undefined) {
      const lower = name.toLowerCase()
      if (names.has(lower)) return 'malformed'
      names.add(lower)
      if (lower === 'for') node = parseNode(token ?? quoted?.replace(/\\(.)/g, '$1') ?? '')
    }
    if (!text.endsWith(';')) return node
  }
}

function parseNode(text: string): Node {
  if (HIDDEN.test(text)) return 'hidden'
  const [, ipv6, ipv4, digits] = NODE.exec(text) ?? []
  const address = parseAddress(ipv6 ?? ipv4 ?? '')
  const port = Number(digits ?? 0)
  return address === null || port > 65_535 ? 'malformed' : { address, port }
}
