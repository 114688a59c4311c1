/**
 * A *target* as commands and rule-file tests take it: a URL, `host`, `host:port`, an address, or `[v6]:port`. Not the
 * request-target of a message: that has a stricter grammar and is the proxy's to read.
 */
import { parseAddress, quoted } from './address.ts'
import { canonicalHost } from './host.ts'
import type { Address } from './model.ts'

export interface Target {
  /** Canonical name; null when the target is an address. */
  readonly host: string | null
  /** Null when the target is a name. */
  readonly address: Address | null
  readonly port: number
  /** In lower case, without colon; null when the target was no URL. */
  readonly scheme: string | null
}

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http', 80],
  ['ws', 80],
  ['https', 443],
  ['wss', 443],
])
const DEFAULT_PORT = 443

/**
 * The target that `text` names, or what is wrong with it and what to write instead. Text that is bare IPv6 is an address, never
 * host and port. The user, path and query of a URL are neither kept nor repeated in a message.
 */
export function parseTarget(text: string): Target | string {
  const address = parseAddress(text)
  if (address !== null) return { host: null, address, port: DEFAULT_PORT, scheme: null }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase() ?? null
  if (scheme === null) return parseBare(text)
  const defaultPort = DEFAULT_PORTS.get(scheme)
  if (defaultPort === undefined) return `the scheme ${quoted(scheme)} is none of http, https, ws and wss`
  const rest = text.slice(scheme.length + '://'.length)
  const end = rest.search(/[/?#]/)
  const written = end < 0 ? rest : rest.slice(0, end)
  // What follows it is the host to one reader and the path to another.
  if (written.includes('\\')) return 'a URL with "\\" before its path is read in two ways; write "/"'
  const authority = written.slice(written.lastIndexOf('@') + 1)
  const target = parseAuthority(authority.replace(/:$/, ''), scheme, defaultPort) // RFC 3986 §3.2.3: an empty port is the default
  // Then what stands before the "/" may be half a password.
  if (typeof target === 'string' && rest.indexOf('@', written.length) > 0) {
    return 'no host stands before the first "/" of this URL; in a user or password, write "/" as %2F'
  }
  return target
}

function parseBare(text: string): Target | string {
  const end = text.search(/[/?#\\@]/)
  if (end < 0) return parseAuthority(text, null, DEFAULT_PORT)
  const shown = text.includes('@') ? 'a target' : quoted(text.slice(0, end))
  return `${shown} with a user or a path is a URL; write its scheme too, as in https://example.org/`
}

function parseAuthority(authority: string, scheme: string | null, defaultPort: number): Target | string {
  const colon = authority.indexOf(':', authority.startsWith('[') ? authority.indexOf(']') : 0)
  const hostText = colon < 0 ? authority : authority.slice(0, colon)
  const portText = authority.slice(hostText.length)
  if (portText.includes(':', 1)) {
    return `${quoted(authority)} has more than one ":"; write IPv6 with a port as in [2001:db8::1]:443`
  }
  const port = portText === '' ? defaultPort : parsePort(portText)
  if (port === null) return `${quoted(authority)} has no port from 1 to 65535 after ":"; write it as in example.org:443`
  const host = canonicalHost(hostText)
  if (host.kind === 'invalid') return host.message
  if (host.kind === 'name') return { host: host.name, address: null, port, scheme }
  return { host: null, address: host.address, port, scheme }
}

/** The port in `:443`; null if it is none. */
function parsePort(text: string): number | null {
  const port = /^:[1-9]\d{0,4}$/.test(text) ? Number(text.slice(1)) : 0
  return port >= 1 && port <= 65535 ? port : null
}
