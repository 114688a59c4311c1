/**
 * ClientHello bytes → server name (RFC 8446 §4.1.2, RFC 6066 §3). Pure; never throws; every length is checked before it
 * is used. The hello may be spread over any number of records, with alerts before it.
 */

/** `more`: not whole yet, and not before there are `needed` bytes. `malformed`: it can never become a well-formed ClientHello with at most one host name. */
export type Hello =
  | { readonly state: 'more'; readonly needed: number }
  | { readonly state: 'malformed' }
  | {
      readonly state: 'whole'
      /** As sent; null when there was none. */
      readonly serverName: string | null
      /** An encrypted_client_hello extension was there (real or GREASE): `serverName` is the outer name. */
      readonly ech: boolean
    }

const MALFORMED: Hello = { state: 'malformed' }

const CHANGE_CIPHER_SPEC = 20
const ALERT = 21
const HANDSHAKE = 22
const APPLICATION_DATA = 23
const HEARTBEAT = 24
const CLIENT_HELLO = 1
const SERVER_NAME = 0
const HOST_NAME = 0
const ENCRYPTED_CLIENT_HELLO = 0xfe0d
/** In every record's version since SSL 3.0. */
export const TLS_MAJOR_VERSION = 3
/** RFC 8446 §5.1. */
const MAX_RECORD_BYTES = 16_384
const MAX_ALERTS = 4
const RECORD_HEADER_BYTES = 5
/** Records included; far above any real hello (some 2 KiB with post-quantum keys and ECH). */
export const MAX_HELLO_BYTES = 65_536

/** Whether a stream that begins with this byte is TLS. */
export function isTls(firstByte: number): boolean {
  return firstByte === HANDSHAKE || firstByte === ALERT
}

/** Whether it may be a record that comes only after a ClientHello (RFC 8446 §5.1), but that a lenient server might skip before one. */
export function isTlsOutOfOrder(firstByte: number): boolean {
  return firstByte === CHANGE_CIPHER_SPEC || firstByte === APPLICATION_DATA || firstByte === HEARTBEAT
}

/** All bytes so far, from the first one of the stream. */
export function parseHello(bytes: Buffer): Hello {
  const message = handshakeMessage(bytes)
  if (message === 'malformed') return MALFORMED
  return typeof message === 'number' ? { state: 'more', needed: message } : clientHello(message)
}

/**
 * The body of the first handshake message, put together from its records; or how many bytes it takes to tell more. That is never
 * fewer than the message still lacks, so that a hello in the smallest of records is not read from its start for each of them.
 */
function handshakeMessage(bytes: Buffer): Buffer | number | 'malformed' {
  const fragments: Buffer[] = []
  const header: number[] = []
  let length = 0
  let alerts = 0
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at]
    if (type !== HANDSHAKE && (type !== ALERT || length > 0 || ++alerts > MAX_ALERTS)) return 'malformed'
    if (at + 1 < bytes.length && bytes[at + 1] !== TLS_MAJOR_VERSION) return 'malformed'
    if (at + RECORD_HEADER_BYTES > bytes.length) return needed(at + RECORD_HEADER_BYTES, bytes, header, length)
    const size = bytes.readUInt16BE(at + 3)
    if (size === 0 || size > MAX_RECORD_BYTES || (type === ALERT && size !== 2)) return 'malformed'
    const end = at + RECORD_HEADER_BYTES + size
    if (type === HANDSHAKE) {
      const fragment = bytes.subarray(at + RECORD_HEADER_BYTES, Math.min(end, bytes.length))
      fragments.push(fragment)
      for (let index = 0; index < fragment.length && header.length < 4; index++) header.push(fragment[index] ?? 0)
      length += fragment.length
      if (header.length > 0 && header[0] !== CLIENT_HELLO) return 'malformed'
      const whole = messageBytes(header)
      if (whole !== null && whole > MAX_HELLO_BYTES) return 'malformed'
      if (whole !== null && length >= whole) return Buffer.concat(fragments, length).subarray(4, whole)
    }
    if (end > bytes.length) return needed(end, bytes, header, length)
    at = end
  }
  return needed(bytes.length + RECORD_HEADER_BYTES, bytes, header, length)
}

function needed(least: number, bytes: Buffer, header: readonly number[], length: number): number | 'malformed' {
  const whole = messageBytes(header)
  const lacking = whole === null ? 0 : bytes.length + whole - length
  const total = Math.max(least, lacking)
  return total > MAX_HELLO_BYTES ? 'malformed' : total
}

/** Of the whole message, its header of four bytes included; null while that has not come. */
function messageBytes(header: readonly number[]): number | null {
  const [, high = 0, middle = 0, low = 0] = header
  return header.length < 4 ? null : 4 + high * 65_536 + middle * 256 + low
}

/** Reads fields off the front of a buffer; -1 or null past its end. */
class Fields {
  #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  number(width: 1 | 2 | 3): number {
    if (this.#at + width > this.#bytes.length) return -1
    const value = this.#bytes.readUIntBE(this.#at, width)
    this.#at += width
    return value
  }

  bytes(length: number): Buffer | null {
    if (length < 0 || this.#at + length > this.#bytes.length) return null
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** A vector whose length comes first. */
  vector(width: 1 | 2 | 3): Buffer | null {
    return this.bytes(this.number(width))
  }
}

function clientHello(body: Buffer): Hello {
  const fields = new Fields(body)
  if (fields.number(1) !== 3 || fields.number(1) < 0) return MALFORMED
  if (fields.bytes(32) === null) return MALFORMED
  const session = fields.vector(1)
  const suites = fields.vector(2)
  const compression = fields.vector(1)
  if (session === null || session.length > 32) return MALFORMED
  if (suites === null || suites.length < 2 || suites.length % 2 !== 0) return MALFORMED
  if (compression === null || compression.length === 0) return MALFORMED
  if (fields.atEnd) return { state: 'whole', serverName: null, ech: false }
  const extensions = fields.vector(2)
  return extensions === null || !fields.atEnd ? MALFORMED : readExtensions(new Fields(extensions))
}

function readExtensions(fields: Fields): Hello {
  const seen = new Set<number>()
  let serverName: string | null = null
  while (!fields.atEnd) {
    const type = fields.number(2)
    const content = fields.vector(2)
    if (type < 0 || content === null || seen.has(type)) return MALFORMED
    seen.add(type)
    if (type !== SERVER_NAME) continue
    serverName = readServerName(content)
    if (serverName === null) return MALFORMED
  }
  return { state: 'whole', serverName, ech: seen.has(ENCRYPTED_CLIENT_HELLO) }
}

/** Exactly one non-empty host name, and nothing else; null otherwise. */
function readServerName(content: Buffer): string | null {
  const outer = new Fields(content)
  const list = outer.vector(2)
  if (list === null || !outer.atEnd) return null
  const fields = new Fields(list)
  if (fields.number(1) !== HOST_NAME) return null
  const name = fields.vector(2)
  return name === null || name.length === 0 || !fields.atEnd ? null : name.toString('latin1')
}
