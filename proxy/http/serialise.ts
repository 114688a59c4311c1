/**
 * Heads as they leave: nothing goes on that was not read and checked. Hop-by-hop fields end here (RFC 9110 §7.6.1),
 * framing is written anew, Host is the canonical one, Via tells where the message has been.
 */
import type { Field } from './fields.ts'
import { NOT_IN_REQUESTS, NOT_IN_RESPONSES } from './names.ts'
import type { RequestHead } from './request.ts'
import type { ResponseHead } from './response.ts'

export interface RequestOptions {
  /** The proxy's pseudonym. */
  readonly via: string
  /** Default true: the connection stays open after the answer. */
  readonly keepAlive?: boolean
  /** Default false: for an origin, in origin-form. True: for a parent, in absolute-form. */
  readonly toParent?: boolean
}

export interface ResponseHeadOptions {
  /** The proxy's pseudonym. */
  readonly via: string
  /** Of the request that is answered. */
  readonly minor: 0 | 1
  /** The client's connection stays open after the answer. Never so for HTTP/1.0, or where the content ends with it. */
  readonly keepAlive: boolean
  /** An IMF-fixdate (RFC 9110 §5.6.7) for an answer that has none: §6.6.1 has a proxy add it. Left out: none is added. */
  readonly date?: string
}

const OK = 'HTTP/1.1 200 OK\r\n'

/** The head to send on: for an origin in origin-form; for a parent in absolute-form, or authority-form for CONNECT. Latin1. */
export function requestHeadForOrigin(head: RequestHead, options: RequestOptions): string {
  const { method, target, framing, upgrade, maxForwards } = head
  const path = options.toParent === true ? targetForParent(head) : target.path
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${target.authority}\r\n`
  text += endToEnd(head, NOT_IN_REQUESTS, maxForwards === null ? '' : 'max-forwards', framing.kind === 'chunked')
  if (maxForwards !== null) text += `Max-Forwards: ${Math.max(maxForwards - 1, 0)}\r\n`
  if (framing.kind === 'length') text += `Content-Length: ${framing.length}\r\n`
  else if (framing.kind === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
  if (head.expectContinue) text += 'Expect: 100-continue\r\n'
  if (upgrade !== null) text += `Connection: upgrade\r\nUpgrade: ${upgrade}\r\n`
  else if (options.keepAlive === false) text += 'Connection: close\r\n'
  return text + ending(head.minor, options.via)
}

/** How the content of an answer goes to a client of this minor version. What ends with the origin's connection is chunked if it can be, so that a cut shows. */
export function clientFraming(
  { framing }: Pick<ResponseHead, 'framing'>,
  minor: 0 | 1,
): 'none' | 'length' | 'chunked' | 'close' {
  if (framing.kind === 'none' || framing.kind === 'length') return framing.kind
  return minor === 1 ? 'chunked' : 'close'
}

/** The head for the client. Interim answers (1xx) are for clients of HTTP/1.1 only: the caller drops them for others. Latin1. */
export function responseHeadForClient(head: ResponseHead, options: ResponseHeadOptions): string {
  const { status, upgrade } = head
  const framing = clientFraming(head, options.minor)
  let text = status === 200 && head.reason === 'OK' ? OK : `HTTP/1.1 ${status} ${head.reason}\r\n`
  text += endToEnd(head, NOT_IN_RESPONSES, '', framing === 'chunked')
  if (status >= 200) {
    if (options.date !== undefined && !head.fields.some(({ lower }) => lower === 'date'))
      text += `Date: ${options.date}\r\n`
    // Content-Length is of use after HEAD and in 304; in 204 it may not be (RFC 9110 §8.6).
    if (framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
    else if (head.contentLength !== null && status !== 204) text += `Content-Length: ${head.contentLength}\r\n`
    if (!options.keepAlive || options.minor === 0) text += 'Connection: close\r\n'
  }
  if (upgrade !== null) text += `Connection: upgrade\r\nUpgrade: ${upgrade}\r\n`
  return text + ending(head.minor, options.via)
}

/**
 * What the final recipient of a TRACE answers with, as message/http (RFC 9110 §9.3.8): the request, but for what could carry
 * secrets.
 */
export function traceContent({ method, minor, target, fields }: RequestHead): string {
  let text = `${method} ${target.form === 'absolute' ? `http://${target.authority}` : ''}${target.path} HTTP/1.${minor}\r\n`
  for (const { lower, line } of fields) if (!/^(?:proxy-)?authorization$|cookie/.test(lower)) text += line
  return `${text}\r\n`
}

let written = { via: '', endings: ['', ''] as readonly [string, string] }

/** Via and the end of the head, by the version of the message that came; those of the last pseudonym are kept. */
function ending(minor: 0 | 1, via: string): string {
  if (written.via !== via) written = { via, endings: [`Via: 1.0 ${via}\r\n\r\n`, `Via: 1.1 ${via}\r\n\r\n`] }
  return written.endings[minor]
}

/** The lines that go on, in their order and spelling; `gone`: the role of those that do not. */
function endToEnd(
  { fields, options }: { readonly fields: readonly Field[]; readonly options: readonly string[] },
  gone: number,
  rewritten: string,
  hasTrailers: boolean,
): string {
  let text = ''
  for (const { lower, line, roles } of fields) {
    if (roles & gone || options.includes(lower) || lower === rewritten) continue
    if (lower === 'trailer' && !hasTrailers) continue
    text += line
  }
  return text
}

/** An empty path stays empty for OPTIONS, as the parent makes `*` of it (RFC 9112 §3.2.4). */
function targetForParent({ target }: RequestHead): string {
  if (target.form === 'authority') return target.authority
  return `http://${target.authority}${target.path === '*' ? '' : target.path}`
}
