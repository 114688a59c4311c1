/**
 * What a tunnel opens with: the client's first bytes are held until they are judged. TLS gives a server name, plain HTTP
 * its Host; other protocols and silence give nothing. What begins as TLS or HTTP and does not get to the point in time,
 * or says it in two ways, goes no further.
 */
import { canonicalHost } from '../rules/host.ts'
import { ProxyError } from './failures.ts'
import { isTls, isTlsOutOfOrder, parseHello, TLS_MAJOR_VERSION } from './hello.ts'
import { trimBlank } from './http/fields.ts'
import type { Consumer, Wire } from './wire.ts'

export interface Opening {
  readonly protocol: 'tls' | 'http' | 'other'
  /** Canonical, a name or an address; null when none was said. */
  readonly serverName: string | null
  readonly httpHost: string | null
  /** All that came of it so far, to be sent on once judged. */
  readonly held: Buffer
  /** An encrypted_client_hello extension was there. */
  readonly ech: boolean
}

/** Pure: what the first bytes of a stream say; 'malformed' when they never will; a number: how many bytes it takes to tell. */
export function readOpening(bytes: Buffer): Omit<Opening, 'held'> | number | 'malformed' {
  if (bytes.length === 0) return 1
  if (isTls(bytes[0] ?? 0)) {
    const hello = parseHello(bytes)
    if (hello.state !== 'whole') return hello.state === 'more' ? hello.needed : 'malformed'
    const name = hello.serverName === null ? null : nameOf(hello.serverName)
    if (name === null && hello.serverName !== null) return 'malformed'
    return { protocol: 'tls', serverName: name, httpHost: null, ech: hello.ech }
  }
  if (isTlsOutOfOrder(bytes[0] ?? 0)) {
    if (bytes.length < 2) return 2
    if (bytes[1] === TLS_MAJOR_VERSION) return 'malformed'
  }
  return readPlain(bytes)
}

const OTHER = { protocol: 'other', serverName: null, httpHost: null, ech: false } as const
/** Of any method: origins choose an application by the Host whatever it is (RFC 9110 §9.1, §5.6.2). */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~\w-]+) (\S+) HTTP\/1\.[0-9]$/
/** What hardly can become anything else, however it begins. */
const NEARLY_REQUEST_LINE = /^[!#$%&'*+.^_`|~\w-]+ \S+ H/
/** RFC 9113 §3.4. HTTP/2 names its host compressed, and some clients wait for the server before they name it: another protocol. */
const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
/** No request that we would pass on, but one that some origins take for one. */
const CROOKED_REQUEST_LINE = /^([A-Z-]+)[ \t].*[ \t]HTTP\/\d/i
/** What hardly any other protocol begins with. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const
const MAX_HEAD = 16_384

function readPlain(bytes: Buffer): Omit<Opening, 'held'> | number | 'malformed' {
  const text = withoutEmptyLines(bytes.toString('latin1', 0, MAX_HEAD))
  if (text === '') return bytes.length >= MAX_HEAD ? 'malformed' : bytes.length + 1
  const lineEnd = text.indexOf('\n')
  if (lineEnd < 0) {
    const word = text.slice(0, 32).split(/[ \t\r]/, 1)[0] ?? ''
    if (!mayBeMethod(word, word.length < Math.min(text.length, 32)) && !NEARLY_REQUEST_LINE.test(text)) return OTHER
    if (bytes.length < MAX_HEAD) return bytes.length + 1
    // What it would say next must not pass for want of room.
    return isUnfinishedHttp(bytes) ? 'malformed' : OTHER
  }
  if (text.startsWith(HTTP2_PREFACE)) return OTHER
  if (HTTP2_PREFACE.startsWith(text)) return bytes.length + HTTP2_PREFACE.length - text.length
  const first = text.slice(0, lineEnd).replace(/\r$/, '')
  const line = REQUEST_LINE.exec(first)
  if (line === null) return mayBeMethod(CROOKED_REQUEST_LINE.exec(first)?.[1] ?? '', true) ? 'malformed' : OTHER
  const end = /\r?\n\r?\n/.exec(text)
  if (end === null) return bytes.length >= MAX_HEAD ? 'malformed' : bytes.length + 1
  const [, method = '', target = ''] = line
  return hostOf(
    method === 'CONNECT' ? `tunnel://${target}` : target,
    text.slice(lineEnd + 1, Math.max(lineEnd + 1, end.index)),
  )
}

/**
 * Whether a request may begin with this word: one of capitals, as all registered methods are, or one of the well-known in
 * whatever letters. So few bytes tell HTTP from another protocol, which must not be kept waiting.
 */
function mayBeMethod(word: string, isWhole: boolean): boolean {
  if (/^[A-Z][A-Z-]{0,30}$/.test(word)) return true
  const capitals = word.toUpperCase()
  return word !== '' && METHODS.some((method) => (isWhole ? method === capitals : method.startsWith(capitals)))
}

/** Whether what never became whole was HTTP all the same, by its request line or the beginning of one. */
function isUnfinishedHttp(bytes: Buffer): boolean {
  const text = withoutEmptyLines(bytes.toString('latin1', 0, MAX_HEAD))
  const start = text.slice(0, 8).toUpperCase()
  return text.includes('\n') || METHODS.some((word) => `${word} `.startsWith(start) || start.startsWith(`${word} `))
}

/** Servers ignore empty lines before a request (RFC 9112 §2.2), and some ignore blanks. */
function withoutEmptyLines(text: string): string {
  return text.replace(/^[\r\n\t ]+/, '')
}

/** The Host field, and the authority of an absolute target; both, if both are there, must name the same. */
function hostOf(target: string, fields: string): Omit<Opening, 'held'> | 'malformed' {
  const said: string[] = []
  for (const field of fields.split(/\r?\n/)) {
    // Where readers do not agree on where a line ends, they do not agree on what the Host is.
    if (/^[ \t]|\r/.test(field) || field.includes('\0')) return 'malformed'
    const host = /^host[ \t]*:(.*)$/i.exec(field)
    if (host !== null) said.push(trimBlank(host[1] ?? ''))
  }
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)
  if (authority !== null) said.push((authority[1] ?? '').replace(/^.*@/, ''))
  const names = new Set(said.filter((text) => text !== '').map((text) => nameOf(text.replace(/:\d*$/, ''))))
  if (names.has(null) || names.size > 1) return 'malformed'
  return { protocol: 'http', serverName: null, httpHost: [...names][0] ?? null, ech: false }
}

/** A name or an address, canonical; null: neither. Beyond ASCII nobody knows which name is meant. */
function nameOf(text: string): string | null {
  const host = canonicalHost(/^[\x20-\x7e]*$/.test(text) ? text : '')
  return host.kind === 'name' ? host.name : host.kind === 'address' ? host.address.text : null
}

/** Hold the client's first bytes until they say what they are. Null: the client said nothing before it ended. */
export function peekOpening(client: Wire, helloMs: number): Promise<Opening | null> {
  return new Promise((resolve, reject) => client.attach(new Peek(client, helloMs, resolve, reject)))
}

class Peek implements Consumer {
  #client: Wire
  #helloMs: number
  #resolve: (opening: Opening | null) => void
  #reject: (error: ProxyError) => void
  /** Grows by doubling, so that an opening in single bytes costs no more than its length. */
  #kept: Buffer | null = null
  #length = 0
  #needed = 1
  #timer: NodeJS.Timeout | undefined

  constructor(
    client: Wire,
    helloMs: number,
    resolve: (opening: Opening | null) => void,
    reject: (error: ProxyError) => void,
  ) {
    this.#client = client
    this.#helloMs = helloMs
    this.#resolve = resolve
    this.#reject = reject
  }

  data(chunk: Buffer): number {
    const held = this.#append(chunk)
    const opening = held.length < this.#needed ? this.#needed : readOpening(held)
    if (typeof opening === 'number') {
      this.#needed = opening
      // Silence may last; what has begun may not.
      this.#timer ??= setTimeout(() => this.#unfinished('ERR_HELLO_TIMEOUT'), this.#helloMs)
    } else if (opening === 'malformed') this.#end(() => this.#reject(new ProxyError('ERR_HELLO')))
    else this.#end(() => this.#resolve({ ...opening, held }))
    return chunk.length
  }

  /** The client will say no more. */
  end(): void {
    this.#unfinished('ERR_HELLO')
  }

  /** What was held has nowhere to go; nothing was held that could be judged. */
  gone(): void {
    this.#end(() => this.#resolve(null))
  }

  /** What began as TLS or HTTP goes no further; anything else goes on as judged so far. */
  #unfinished(code: 'ERR_HELLO' | 'ERR_HELLO_TIMEOUT'): void {
    const held = this.#held
    if (held.length === 0) this.#end(() => this.#resolve(null))
    else if (isTls(held[0] ?? 0) || isUnfinishedHttp(held)) this.#end(() => this.#reject(new ProxyError(code)))
    else this.#end(() => this.#resolve({ ...OTHER, held }))
  }

  get #held(): Buffer {
    return this.#kept?.subarray(0, this.#length) ?? Buffer.alloc(0)
  }

  #append(chunk: Buffer): Buffer {
    const length = this.#length + chunk.length
    let kept = this.#kept
    if (kept === null || kept.length < length) {
      const grown = Buffer.allocUnsafe(length * 2)
      kept?.copy(grown, 0, 0, this.#length)
      kept = grown
      this.#kept = kept
    }
    chunk.copy(kept, this.#length)
    this.#length = length
    return this.#held
  }

  #end(settle: () => void): void {
    clearTimeout(this.#timer)
    this.#client.release()
    settle()
  }
}
