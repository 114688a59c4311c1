/** The answers that are the proxy's own: denials and failures, in the client's language, with what support will ask for. */
import { wantsHtml } from '../pages/accept.ts'
import { chooseLanguage } from '../pages/language.ts'
import { failurePage } from '../pages/pages.ts'
import { preparePages, utf8Octets } from '../pages/prepared.ts'
import { PAGE_POLICY } from '../pages/shell.ts'
import { httpDate } from './date.ts'
import type { Exchange } from './exchange.ts'
import type { ProxyError } from './failures.ts'
import { fieldValue, type RequestHead } from './http/request.ts'
import { traceContent } from './http/serialise.ts'

export interface AnswerOptions {
  /** The proxy's pseudonym. */
  readonly name: string
  /** The name of the proxy's own pages, for a link to them. */
  readonly ownHost: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly keepAlive: boolean
}

const denialPages = preparePages()
const PAGE_FIELDS = fixedFields('text/html', `Content-Security-Policy: ${PAGE_POLICY}\r\n`)
const TEXT_FIELDS = fixedFields('text/plain', '')

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
}

/** 403 with the rule's reason and alternative: a page for plain HTTP, text for a tunnel. Bytes, as latin1. */
export function denialAnswer(exchange: Exchange, head: RequestHead, options: AnswerOptions): string {
  const { verdict, reference, policy } = exchange
  if (verdict === null || reference === null) throw new Error('a denial is recorded before it is answered')
  const acceptLanguage = fieldValue(head, 'accept-language')
  const html = wantsPage(head)
  const body = denialPages.page({
    html,
    language: chooseLanguage(acceptLanguage),
    acceptLanguage,
    reason: verdict.reason,
    alternative: verdict.alternative,
    reference,
    service: policy.services.get(verdict.service)?.name ?? null,
    segment: verdict.segment,
    unknownClient: verdict.action === 'refuse',
    host: exchange.evidence.host,
    ownHost: options.ownHost,
  })
  return answer(403, body, html, { error: 'http_request_denied', reference }, head, options)
}

/** The status and the error type of the failure, with the reference of its record where there is one. Bytes, as latin1. */
export function failureAnswer(
  failure: ProxyError,
  reference: string | null,
  head: RequestHead | null,
  options: AnswerOptions,
): string {
  const html = head !== null && wantsPage(head)
  const language = chooseLanguage(head === null ? null : fieldValue(head, 'accept-language'))
  const { status, message } = failure
  const denied = failure.failure.outcome === 'denied'
  const body = failurePage({ html, language, status, denied, message, reference })
  return answer(failure.status, utf8Octets(body), html, { error: failure.error, reference }, head, options)
}

/** TRACE and OPTIONS that may go no further (Max-Forwards: 0) are answered by the proxy itself (RFC 9110 §7.6.2). Bytes, as latin1. */
export function finalRecipientAnswer(head: RequestHead, { name, now }: Pick<AnswerOptions, 'name' | 'now'>): string {
  const trace = head.method === 'TRACE'
  const body = trace ? traceContent(head) : ''
  const lines = [
    'HTTP/1.1 200 OK',
    `Date: ${httpDate(now())}`,
    `Proxy-Status: ${name}`,
    ...(trace
      ? ['Content-Type: message/http']
      : ['Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE, CONNECT']),
    `Content-Length: ${body.length}`,
    'Cache-Control: no-store',
    'Connection: close',
    '',
    body,
  ]
  return lines.join('\r\n')
}

interface Status {
  readonly error: string
  readonly reference: string | null
}

/** `body`: bytes, as latin1. In a storm of denials only reference and length differ: each piece costs the same, however short it is. */
function answer(
  status: number,
  body: string,
  html: boolean,
  { error, reference }: Status,
  head: RequestHead | null,
  { name, now, keepAlive }: AnswerOptions,
): string {
  const begin = beginning(status, error, name, httpDate(now()))
  const ref = reference === null ? '' : `; details="ref=${reference}"\r\nLandline-Reference: ${reference}`
  const allow = status === 405 ? '\r\nAllow: GET, HEAD, OPTIONS' : ''
  const fields = (html ? PAGE_FIELDS : TEXT_FIELDS)[keepAlive ? 'keep' : 'close']
  const text = `${begin}${ref}${allow}${fields}${body.length}\r\n\r\n`
  return head?.method === 'HEAD' ? text : text + body
}

let begun = { status: 0, error: '', name: '', date: '', text: '' }

/** Status line and fields up to the reference; the last ones are kept. */
function beginning(status: number, error: string, name: string, date: string): string {
  if (begun.status !== status || begun.date !== date || begun.error !== error || begun.name !== name) {
    const line = `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}`
    begun = { status, error, name, date, text: `${line}\r\nDate: ${date}\r\nProxy-Status: ${name}; error=${error}` }
  }
  return begun.text
}

/** The fields that are always the same, up to the length; by what becomes of the connection. */
function fixedFields(type: string, more: string): Readonly<Record<'keep' | 'close', string>> {
  const fields = (connection: string) =>
    `\r\nContent-Type: ${type}; charset=utf-8\r\nCache-Control: no-store\r\n${more}X-Content-Type-Options: nosniff\r\n` +
    `Vary: Accept, Accept-Language\r\nConnection: ${connection}\r\nContent-Length: `
  return { keep: fields('keep-alive'), close: fields('close') }
}

/** Browsers throw away what a refused tunnel says; a page is for plain HTTP alone. */
function wantsPage(head: RequestHead): boolean {
  return head.method !== 'CONNECT' && wantsHtml(fieldValue(head, 'accept'))
}
