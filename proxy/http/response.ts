/**
 * The head of an answer (RFC 9112 §4 and §6.3). An origin is no more trusted than a client: what is malformed, or could
 * leave bytes behind for the next answer on a connection, is refused.
 */
import { consistsOf, TEXT } from './chars.ts'
import { type Field, parseConnection, parseFields } from './fields.ts'
import {
  CHUNKED,
  NO_CONTENT,
  parseEqualDecimals,
  type ResponseFraming,
  readTransferEncoding,
  UNTIL_CLOSE,
} from './framing.ts'
import { pick } from './picked.ts'
import { BAD_RESPONSE, type Refusal } from './refusal.ts'
import { MAX_FIELDS } from './request.ts'

export interface ResponseHead {
  readonly minor: 0 | 1
  /** 100 to 999: what is above 599 goes on as it came. */
  readonly status: number
  readonly reason: string
  readonly fields: readonly Field[]
  readonly framing: ResponseFraming
  /** What Content-Length says, in bytes; also where, as for HEAD, it frames nothing. */
  readonly contentLength: number | null
  /** The origin's connection may be used again after this answer. */
  readonly keepAlive: boolean
  /** Of a 101 alone: the protocol, as it was asked for. */
  readonly upgrade: string | null
  /** It asks for a login of the connection, or is a part of one; see `RequestHead`. */
  readonly bindsConnection: boolean
  /** What Connection lists, in lower case. */
  readonly options: readonly string[]
}

/** What was asked: without it no one can tell where an answer ends. */
export interface Asked {
  readonly method: string
  /** The protocol that the request offered to switch to. */
  readonly upgrade: string | null
}

/** Bounds, with defaults. */
export interface ResponseOptions {
  /** 65,536. */
  readonly headBytes?: number
  /** 200. */
  readonly maxFields?: number
}

const HEAD_BYTES = 65_536
const NO_OPTIONS: readonly string[] = []
const VERSION = 'HTTP/1.'
/** Up to the reason, which may be left out with the space before it. */
const STATUS_LINE = /^HTTP\/1\.\d [1-9]\d\d(?: |(?=\r\n))/
const ZERO = 48
const STATUS_AT = 'HTTP/1.1 '.length
const REASON_AT = 'HTTP/1.1 200 '.length

/** Reads a whole head, its final empty line included, as latin1 text. */
export function parseResponseHead(text: string, asked: Asked, limits: ResponseOptions = {}): ResponseHead | Refusal {
  if (text.length > (limits.headBytes ?? HEAD_BYTES)) return BAD_RESPONSE.headTooLarge
  const lineEnd = text.indexOf('\r\n')
  if (lineEnd < 0 || !STATUS_LINE.test(text)) return BAD_RESPONSE.statusLine
  const reason = text.slice(REASON_AT, Math.max(lineEnd, REASON_AT))
  if (!consistsOf(reason, TEXT)) return BAD_RESPONSE.statusLine
  const fields: Field[] = []
  const fault = parseFields(text, lineEnd + 2, limits.maxFields ?? MAX_FIELDS, fields, true)
  if (fault !== null) return fault === 'tooManyFields' ? BAD_RESPONSE.tooManyFields : BAD_RESPONSE.fields
  const minor = text.charCodeAt(VERSION.length) === ZERO ? 0 : 1
  return finish({ minor, status: Number(text.slice(STATUS_AT, STATUS_AT + 3)), reason, fields }, asked)
}

/** What the status line of a head that is not whole says already; see `judgeRequestLine`. */
export function judgeStatusLine(text: string): Refusal | 'fine' | 'more' {
  if (text.slice(0, VERSION.length) !== VERSION.slice(0, text.length)) return BAD_RESPONSE.statusLine
  if (!text.includes('\r\n')) return 'more'
  return STATUS_LINE.test(text) ? 'fine' : BAD_RESPONSE.statusLine
}

type Start = Pick<ResponseHead, 'minor' | 'status' | 'reason' | 'fields'>

function finish(start: Start, asked: Asked): ResponseHead | Refusal {
  const { minor, status } = start
  // Only a proxy asks for these; a browser would hand an origin what is meant for its proxy. What a CONNECT is answered goes to no client.
  if (status === 407 && asked.method !== 'CONNECT') return BAD_RESPONSE.proxyAuthentication
  const picked = pick(start.fields)
  const contentLength = picked.length === null ? null : parseEqualDecimals(picked.length)
  if (contentLength === -1) return BAD_RESPONSE.framing
  const framing = frame(start, asked, contentLength, picked.coding)
  if ('refused' in framing) return framing
  const options = picked.connection === null ? NO_OPTIONS : parseConnection(picked.connection)
  if (options === null) return BAD_RESPONSE.connection
  const isSwitch = status === 101
  if (isSwitch && !isAnswerTo(asked.upgrade, picked.upgrade, options)) return BAD_RESPONSE.upgrade
  // Where content cannot be, these announce some all the same: what follows may not be the next answer.
  const isDoubtful = isBodiless(status) && (picked.coding !== null || (contentLength ?? 0) > 0)
  const isClosing = framing.kind === 'close' || minor === 0 || options.includes('close') || isDoubtful
  const upgrade = isSwitch ? asked.upgrade : null
  const { bindsConnection } = picked
  return { ...start, framing, contentLength, keepAlive: !isClosing, upgrade, bindsConnection, options }
}

/** RFC 9112 §6.3, in its order. A coding other than chunked has no reader here. */
function frame(
  { minor, status }: Start,
  { method }: Asked,
  length: number | null,
  coding: string | null,
): ResponseFraming | Refusal {
  if (coding !== null && (length !== null || minor === 0 || readTransferEncoding(coding) !== 'chunked')) {
    return BAD_RESPONSE.framing
  }
  if (method === 'HEAD' || status === 304 || isBodiless(status)) return NO_CONTENT
  if (method === 'CONNECT' && status < 300) return NO_CONTENT
  if (coding !== null) return CHUNKED
  return length === null ? UNTIL_CLOSE : { kind: 'length', length }
}

/** Answers that have no content and no length (RFC 9110 §8.6). */
function isBodiless(status: number): boolean {
  return status < 200 || status === 204
}

/** A 101 must be for the protocol asked for, and say so as RFC 9110 §7.8 has it. */
function isAnswerTo(asked: string | null, upgrade: string | null, options: readonly string[]): boolean {
  return asked !== null && upgrade?.toLowerCase() === asked.toLowerCase() && options.includes('upgrade')
}
