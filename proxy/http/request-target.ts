/**
 * The request-target in its four forms (RFC 9112 §3.2) and its agreement with Host: which host and port are asked for,
 * in one canonical spelling, or a refusal.
 */
import { canonicalHost } from '../../rules/host.ts'
import type { Address } from '../../rules/model.ts'
import { COLON, consistsOf, HOST, is, TARGET } from './chars.ts'
import { BAD_REQUEST, type Refusal } from './refusal.ts'

/** What is asked for. Of a name and a bare address one is null; both only where HTTP/1.0 named no host. */
export interface RequestTarget {
  /** `absolute` is always an http URI. For `origin` and `asterisk`, host and port are those of the Host field. */
  readonly form: 'absolute' | 'authority' | 'origin' | 'asterisk'
  readonly host: string | null
  readonly address: Address | null
  readonly port: number
  /** What an origin is asked for: path and query, or `*`; empty for authority-form. */
  readonly path: string
  /** Canonical `host[:port]`: without the port where it is http's own, always with it for CONNECT. */
  readonly authority: string
}

/** What `Host` says and how its disagreement with absolute-form is taken. */
export interface HostField {
  /** Null: there was none, as only HTTP/1.0 may. */
  readonly value: string | null
  readonly mismatch: 'refuse' | 'replace'
}

interface Authority {
  readonly host: string | null
  readonly address: Address | null
  /** The canonical host, an IPv6 address in brackets. */
  readonly text: string
  /** 0: none was written. */
  readonly port: number
}

const HTTP_PORT = 80
const SLASH = 47
const QUESTION_MARK = 63

/** Reads the target of a request of this method. Ports are 1 to 65535. */
export function parseTarget(text: string, method: string, host: HostField): RequestTarget | Refusal {
  if (text.length === 0) return BAD_REQUEST.targetForm
  if (!consistsOf(text, TARGET)) return BAD_REQUEST.targetCharacter
  if (method === 'CONNECT') return parseAuthorityForm(text, host)
  if (text.charCodeAt(0) === SLASH) return parseRelative('origin', text, host)
  if (text === '*') return method === 'OPTIONS' ? parseRelative('asterisk', text, host) : BAD_REQUEST.targetForm
  return parseAbsoluteForm(text, method, host)
}

/** `CONNECT host:port` (RFC 9112 §3.2.3): the port is never left out. A Host without port agrees by its name. */
function parseAuthorityForm(text: string, field: HostField): RequestTarget | Refusal {
  const asked = parseAuthority(text)
  if (asked === null || asked.port === 0) return refusedAuthority(text)
  if (field.value !== null && field.value !== text) {
    const host = parseAuthority(field.value)
    if (host === null) return BAD_REQUEST.host
    if (host.text !== asked.text || (host.port !== 0 && host.port !== asked.port)) return BAD_REQUEST.hostMismatch
  }
  const { host, address, port } = asked
  return { form: 'authority', host, address, port, path: '', authority: `${asked.text}:${port}` }
}

/** `http://host[:port][/path][?query]` (RFC 9112 §3.2.2, RFC 9110 §4.2.1). */
function parseAbsoluteForm(text: string, method: string, field: HostField): RequestTarget | Refusal {
  if (!isHttp(text)) return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? BAD_REQUEST.scheme : BAD_REQUEST.targetForm
  const start = 'http://'.length
  let end = start
  while (end < text.length && text.charCodeAt(end) !== SLASH && text.charCodeAt(end) !== QUESTION_MARK) end++
  const written = text.slice(start, end)
  const asked = parseAuthority(written)
  if (asked === null) return refusedAuthority(written)
  const port = asked.port === 0 ? HTTP_PORT : asked.port
  if (field.value !== null && field.value !== written) {
    const host = parseAuthority(field.value)
    if (host === null) return BAD_REQUEST.host
    const agrees = host.text === asked.text && (host.port === 0 ? HTTP_PORT : host.port) === port
    if (!agrees && field.mismatch === 'refuse') return BAD_REQUEST.hostMismatch
  }
  const { host, address } = asked
  return {
    form: 'absolute',
    host,
    address,
    port,
    path: pathFrom(text, end, method),
    authority: canonical(asked.text, port),
  }
}

/** origin-form and asterisk-form: addressed to the proxy itself, under the name that Host gives it. */
function parseRelative(form: 'origin' | 'asterisk', path: string, { value }: HostField): RequestTarget | Refusal {
  if (value === null) return { form, host: null, address: null, port: HTTP_PORT, path, authority: '' }
  const named = parseAuthority(value)
  if (named === null) return BAD_REQUEST.host
  const port = named.port === 0 ? HTTP_PORT : named.port
  return { form, host: named.host, address: named.address, port, path, authority: canonical(named.text, port) }
}

/** What goes to the origin: an empty path is `/`, or `*` for OPTIONS without query (RFC 9112 §3.2.1, §3.2.4). */
function pathFrom(text: string, end: number, method: string): string {
  if (end === text.length) return method === 'OPTIONS' ? '*' : '/'
  return text.charCodeAt(end) === SLASH ? text.slice(end) : `/${text.slice(end)}`
}

/** `host[:[port]]` without userinfo; an empty port is none (RFC 3986 §3.2.3). Null if it is malformed. */
function parseAuthority(text: string): Authority | null {
  let end = 0
  if (text.startsWith('[')) {
    end = text.indexOf(']') + 1
  } else {
    // A name in other characters (percent-encoded, say) is not the same name to all who read it.
    while (is(text.charCodeAt(end), HOST)) end++
  }
  const port = end === 0 ? -1 : parsePort(text, end)
  if (port < 0) return null
  const found = canonicalHost(end === text.length ? text : text.slice(0, end))
  if (found.kind === 'invalid') return null
  if (found.kind === 'name') return { host: found.name, address: null, text: found.name, port }
  const { address } = found
  return { host: null, address, text: address.family === 6 ? `[${address.text}]` : address.text, port }
}

/** What follows the host from `at`: 0 for nothing or a lone colon, the port 1 to 65535, or -1. */
function parsePort(text: string, at: number): number {
  if (at === text.length) return 0
  if (text.charCodeAt(at) !== COLON || text.length - at > ':65535'.length) return -1
  let port = 0
  for (let index = at + 1; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48
    // A first zero is no port, or the start of one that some read as octal.
    if (!(digit >= 0 && digit <= 9) || (port === 0 && digit === 0)) return -1
    port = port * 10 + digit
  }
  return port <= 65535 ? port : -1
}

function canonical(host: string, port: number): string {
  return port === HTTP_PORT ? host : `${host}:${port}`
}

function refusedAuthority(written: string): Refusal {
  return written.includes('@') ? BAD_REQUEST.userinfo : BAD_REQUEST.authority
}

function isHttp(text: string): boolean {
  return text.startsWith('http://') || (text.length > 7 && text.slice(0, 7).toLowerCase() === 'http://')
}
