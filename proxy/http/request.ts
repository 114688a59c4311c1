/**
 * The head of a request (RFC 9112 §3 and §6, RFC 9110 §7): what is asked for, where the content ends, what may go on.
 * Strict: a head that two readers could take differently is refused.
 */
import { onItsOwn } from '../../rules/tables/own-text.ts'
import { CR, is, isToken, LF, SP, TCHAR } from './chars.ts'
import { type Field, type FieldFault, parseConnection, parseFields } from './fields.ts'
import { CHUNKED, type Framing, NO_CONTENT, parseDecimal, readTransferEncoding } from './framing.ts'
import { type Picked, pick } from './picked.ts'
import { BAD_REQUEST, type Refusal } from './refusal.ts'
import { parseTarget, type RequestTarget } from './request-target.ts'

export interface RequestHead {
  /** Case-sensitive; any token. */
  readonly method: string
  /** 1 for HTTP/1.1 and any later minor version (RFC 9110 §2.5). */
  readonly minor: 0 | 1
  readonly target: RequestTarget
  /** In order, all of them; `requestHeadForOrigin` knows which go on. */
  readonly fields: readonly Field[]
  readonly framing: Framing
  /** The client may send another request on its connection. Never so for HTTP/1.0 (RFC 9112 §9.3). */
  readonly keepAlive: boolean
  /** The one protocol that the client offers to switch to, in the case it was written in. */
  readonly upgrade: string | null
  /** The client waits for a 100 before it sends its content. */
  readonly expectContinue: boolean
  /** Of TRACE and OPTIONS only: the hops that are left. At 0 the request is not forwarded (RFC 9110 §7.6.2). */
  readonly maxForwards: number | null
  /** Its credentials log in the connection, not the request: what is asked over it later is asked by the same user. */
  readonly bindsConnection: boolean
  /** What Connection lists, in lower case: `close` and its like, and fields that end here. */
  readonly options: readonly string[]
}

/** Bounds, with defaults; and how a Host that disagrees with absolute-form is taken. */
export interface HeadOptions {
  /** 65,536. */
  readonly headBytes?: number
  /** 16,384. */
  readonly lineBytes?: number
  /** 200. */
  readonly maxFields?: number
  /** `refuse`. RFC 9112 §3.2.2 has a proxy ignore such a Host (`replace`); who asks for two hosts is refused here. */
  readonly hostMismatch?: 'refuse' | 'replace'
}

const HEAD_BYTES = 65_536
const LINE_BYTES = 16_384
export const MAX_FIELDS = 200
const MAX_METHOD_BYTES = 32
/** `HTTP/1.1`. */
const VERSION_BYTES = 8
/** More hops than this are counted down from here (RFC 9110 §7.6.2 lets a recipient have a maximum). */
const MAX_FORWARDS = 999_999
const NO_OPTIONS: readonly string[] = []

/** Reads a whole head, its final empty line included, as latin1 text. One empty line before it is ignored (RFC 9112 §2.2). */
export function parseRequestHead(text: string, limits: HeadOptions = {}): RequestHead | Refusal {
  const line = readRequestLine(text, limits.lineBytes ?? LINE_BYTES) ?? BAD_REQUEST.requestLine
  if ('refused' in line) return line
  if (text.length > (limits.headBytes ?? HEAD_BYTES)) return BAD_REQUEST.headTooLarge
  const { method, minor } = line
  const fields: Field[] = []
  const fault: FieldFault | null = parseFields(text, line.end, limits.maxFields ?? MAX_FIELDS, fields)
  if (fault !== null) return BAD_REQUEST[fault]
  const picked = pick(fields)
  if (picked.hosts > 1) return BAD_REQUEST.hostRepeated
  if (picked.host === null && minor === 1) return BAD_REQUEST.hostMissing
  const host = { value: picked.host, mismatch: limits.hostMismatch ?? 'refuse' }
  const target = parseTarget(line.target, method, host)
  return 'refused' in target ? target : finish(method, minor, target, fields, picked)
}

/**
 * What the request line of a head that is not whole says already: `fine`, `more` when it is not whole itself, or why no request can
 * come of it. So nobody waits for the rest of what is refused, and a target that is too long is told from a head that is.
 */
export function judgeRequestLine(text: string, headBytes = HEAD_BYTES): Refusal | 'fine' | 'more' {
  const line = readRequestLine(text, Math.min(headBytes, LINE_BYTES))
  if (line === null) return 'more'
  return 'refused' in line ? line : 'fine'
}

interface RequestLine {
  readonly method: string
  readonly minor: 0 | 1
  readonly target: string
  /** The index just past it. */
  readonly end: number
}

/** Null: its end has not come. */
function readRequestLine(text: string, lineBytes: number): RequestLine | Refusal | null {
  const start = text.charCodeAt(0) === CR && text.charCodeAt(1) === LF ? 2 : 0
  const lineEnd = text.indexOf('\r\n', start)
  let methodEnd = start
  while (is(text.charCodeAt(methodEnd), TCHAR)) methodEnd++
  if ((lineEnd < 0 ? text.length : lineEnd) - start > lineBytes)
    return methodEnd - start > MAX_METHOD_BYTES ? BAD_REQUEST.method : BAD_REQUEST.lineTooLong
  if (lineEnd < 0) return null
  const targetEnd = lineEnd - VERSION_BYTES - 1
  if (methodEnd === start || text.charCodeAt(methodEnd) !== SP) return BAD_REQUEST.requestLine
  if (targetEnd <= methodEnd + 1 || text.charCodeAt(targetEnd) !== SP) return BAD_REQUEST.requestLine
  const minor = parseVersion(text.slice(targetEnd + 1, lineEnd))
  if (typeof minor !== 'number') return minor
  if (methodEnd - start > MAX_METHOD_BYTES) return BAD_REQUEST.method
  // Records tell of it, and those of a tunnel come when it ends.
  const method = onItsOwn(text.slice(start, methodEnd))
  return { method, minor, target: text.slice(methodEnd + 1, targetEnd), end: lineEnd + 2 }
}

/** The value of the first field of this (lower-case) name, or null. */
export function fieldValue({ fields }: { readonly fields: readonly Field[] }, lower: string): string | null {
  for (const field of fields) if (field.lower === lower) return field.value
  return null
}

/** What the fields say of the message as a whole, beyond its target. */
function finish(
  method: string,
  minor: 0 | 1,
  target: RequestTarget,
  fields: readonly Field[],
  picked: Picked,
): RequestHead | Refusal {
  const framing = frame(method, minor, picked)
  if ('refused' in framing) return framing
  const options = picked.connection === null ? NO_OPTIONS : parseConnection(picked.connection)
  if (options === null) return BAD_REQUEST.connection
  if (picked.expect !== null && picked.expect.toLowerCase() !== '100-continue') return BAD_REQUEST.expectation
  const hasContent = framing.kind === 'chunked' || (framing.kind === 'length' && framing.length > 0)
  const maxForwards = method === 'TRACE' || method === 'OPTIONS' ? readMaxForwards(picked.maxForwards) : null
  if (maxForwards === -1) return BAD_REQUEST.maxForwards
  const mayUpgrade = minor === 1 && !hasContent && method !== 'CONNECT' && method !== 'HEAD' && method !== 'TRACE'
  return {
    method,
    minor,
    target,
    fields,
    framing,
    keepAlive: minor === 1 && !options.includes('close'),
    upgrade: mayUpgrade && options.includes('upgrade') ? readUpgrade(picked.upgrade) : null,
    // An expectation of HTTP/1.0, or without content, is ignored (RFC 9110 §10.1.1).
    expectContinue: picked.expect !== null && minor === 1 && hasContent,
    maxForwards,
    bindsConnection: picked.bindsConnection,
    options,
  }
}

/** The minor version. A later one of HTTP/1 is read as 1.1; another major version is not spoken. */
function parseVersion(text: string): 0 | 1 | Refusal {
  if (text === 'HTTP/1.1') return 1
  if (text === 'HTTP/1.0') return 0
  if (!/^HTTP\/\d\.\d$/.test(text)) return BAD_REQUEST.requestLine
  return text.startsWith('HTTP/1.') ? 1 : BAD_REQUEST.version
}

/** RFC 9112 §6.3. TRACE and CONNECT have no content (RFC 9110 §9.3.6, §9.3.8); some clients say so with a length of 0. */
function frame(method: string, minor: 0 | 1, { length, coding }: Picked): Framing | Refusal {
  const isBare = method === 'CONNECT' || method === 'TRACE'
  if (coding !== null) {
    if (length !== null) return BAD_REQUEST.bothFramings
    if (minor === 0) return BAD_REQUEST.codingInHttp10
    if (isBare) return BAD_REQUEST.unexpectedContent
    const read = readTransferEncoding(coding)
    if (read === 'chunked') return CHUNKED
    return read === 'unknown' ? BAD_REQUEST.codingUnknown : BAD_REQUEST.coding
  }
  if (length === null) return NO_CONTENT
  const bytes = parseDecimal(length)
  if (bytes < 0) return BAD_REQUEST.contentLength
  if (!isBare) return { kind: 'length', length: bytes }
  return bytes === 0 ? NO_CONTENT : BAD_REQUEST.unexpectedContent
}

function readMaxForwards(value: string | null): number | null {
  if (value === null) return null
  return /^\d+$/.test(value) ? Math.min(Number(value), MAX_FORWARDS) : -1
}

/** One `name[/version]` (RFC 9110 §7.8). HTTP in another version would hide its requests: not offered on; nor is a choice of several. */
function readUpgrade(value: string | null): string | null {
  if (value === null || /^(h2|http|tls)/i.test(value)) return null
  const [name = '', version, ...more] = value.split('/')
  return isToken(name) && (version === undefined || isToken(version)) && more.length === 0 ? value : null
}
