/**
 * PROXY protocol header → client address (HAProxy's proxy-protocol.txt, versions 1 and 2). Pure; never throws; no byte is
 * used before it is known to be there. The version is told by the first bytes, nothing else is guessed.
 */
import { addressFromBytes, parseAddress } from '../rules/address.ts'
import type { Address } from '../rules/model.ts'

/**
 * `local`: the sender speaks for itself (LOCAL, a health check). `unknown`: it speaks for a client whose address it does not
 * know (`UNKNOWN` of version 1; HAProxy writes it for clients on a UNIX socket).
 */
export type Told = { readonly address: Address; readonly port: number } | 'local' | 'unknown'

/**
 * `more`: whole only with more bytes. `absent`: the stream does not begin with such a header. `malformed`: it does, and
 * can never become a good one. `whole`: it took `length` bytes; what follows them is the client's.
 */
export type ProxyHeader =
  | { readonly state: 'more' | 'absent' | 'malformed' }
  | { readonly state: 'whole'; readonly length: number; readonly told: Told }

const MORE: ProxyHeader = { state: 'more' }
const ABSENT: ProxyHeader = { state: 'absent' }
const MALFORMED: ProxyHeader = { state: 'malformed' }

const V1_BEGIN = Buffer.from('PROXY ', 'latin1')
/** `PROXY UNKNOWN` with the longest addresses and ports, and CRLF. */
const V1_MAX_BYTES = 107
const CR = 0x0d
const LF = 0x0a

const V2_BEGIN = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_FIXED_BYTES = 16
/** The specification has a header fit into one segment; TLVs of real senders take a few hundred bytes. */
const V2_MAX_VARIABLE_BYTES = 4096
const LOCAL = 0x20
const PROXY = 0x21
const TCP4 = 0x11
const TCP6 = 0x21
const TLV_HEAD_BYTES = 3
const TYPE_CRC32C = 0x03
const CRC32C_POLYNOMIAL = 0x82f63b78

/** No header is longer. */
export const MAX_PROXY_HEADER_BYTES = V2_FIXED_BYTES + V2_MAX_VARIABLE_BYTES

/** All bytes so far, from the first one of the stream; there may be more than the header's. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return MORE
  const [begin, parse] = bytes[0] === CR ? ([V2_BEGIN, parseV2] as const) : ([V1_BEGIN, parseV1] as const)
  const seen = Math.min(bytes.length, begin.length)
  if (bytes.compare(begin, 0, seen, 0, seen) !== 0) return ABSENT
  return seen < begin.length ? MORE : parse(bytes)
}

/** Section 2.1: one line, to the letter. Of `UNKNOWN`, whatever stands before the CRLF is ignored, as it says there. */
function parseV1(bytes: Buffer): ProxyHeader {
  const line = bytes.subarray(0, V1_MAX_BYTES)
  const cr = line.indexOf(CR)
  const lf = line.indexOf(LF)
  if (lf < 0) {
    const mayEnd = cr < 0 || cr === line.length - 1
    return mayEnd && line.length < V1_MAX_BYTES ? MORE : MALFORMED
  }
  if (cr !== lf - 1) return MALFORMED
  const text = line.toString('latin1', 0, cr)
  if (text === 'PROXY UNKNOWN' || text.startsWith('PROXY UNKNOWN ')) return whole(lf + 1, 'unknown')
  const [, protocol, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = text.split(' ')
  if ((protocol !== 'TCP4' && protocol !== 'TCP6') || rest.length > 0) return MALFORMED
  const address = parseOf(protocol, source)
  const port = parsePort(sourcePort)
  if (address === null || parseOf(protocol, destination) === null) return MALFORMED
  if (port < 0 || parsePort(destinationPort) < 0) return MALFORMED
  return whole(lf + 1, { address, port })
}

/** An address as the protocol's family writes it: IPv4-mapped IPv6 stands under TCP6. */
function parseOf(protocol: 'TCP4' | 'TCP6', text: string): Address | null {
  return text.includes(':') === (protocol === 'TCP6') ? parseAddress(text) : null
}

/** Decimal, up to 65,535, without leading zeros; -1 if it is no such number. */
function parsePort(text: string): number {
  const port = /^(?:0|[1-9]\d{0,4})$/.test(text) ? Number(text) : -1
  return port <= 65_535 ? port : -1
}

/**
 * Section 2.2. Of LOCAL all but the length is ignored, as it says there. PROXY for anything but TCP over IPv4 or IPv6 is
 * dropped, which the specification leaves to us: whoever that client is, it has no address to be judged by.
 */
function parseV2(bytes: Buffer): ProxyHeader {
  const command = bytes[12]
  const family = bytes[13]
  if (command !== undefined && command !== LOCAL && command !== PROXY) return MALFORMED
  if (family !== undefined && command === PROXY && family !== TCP4 && family !== TCP6) return MALFORMED
  if (bytes.length < V2_FIXED_BYTES) return MORE
  const variable = bytes.readUInt16BE(14)
  const width = family === TCP4 ? 4 : 16
  const addressBytes = 2 * width + 4
  if (variable > V2_MAX_VARIABLE_BYTES || (command === PROXY && variable < addressBytes)) return MALFORMED
  const length = V2_FIXED_BYTES + variable
  if (bytes.length < length) return MORE
  if (command === LOCAL) return whole(length, 'local')
  const header = bytes.subarray(0, length)
  if (!hasGoodTlvs(header, V2_FIXED_BYTES + addressBytes)) return MALFORMED
  const address = addressFromBytes(header.subarray(V2_FIXED_BYTES, V2_FIXED_BYTES + width))
  return whole(length, { address, port: header.readUInt16BE(V2_FIXED_BYTES + 2 * width) })
}

/** The TLVs fill the rest of the header exactly, and what a checksum among them says is so (section 2.2.3); the others are ignored. */
function hasGoodTlvs(header: Buffer, from: number): boolean {
  let at = from
  while (at < header.length) {
    if (at + TLV_HEAD_BYTES > header.length) return false
    const value = at + TLV_HEAD_BYTES
    const length = header.readUInt16BE(at + 1)
    if (value + length > header.length) return false
    if (header[at] === TYPE_CRC32C && (length !== 4 || header.readUInt32BE(value) !== crc32c(header, value)))
      return false
    at = value + length
  }
  return true
}

/** Of the header with the checksum's own four bytes as zeros (RFC 4960, Appendix B). Short input: no table is worth its size. */
function crc32c(header: Buffer, checksumAt: number): number {
  let crc = 0xffffffff
  for (const [at, byte] of header.entries()) {
    crc ^= at >= checksumAt && at < checksumAt + 4 ? 0 : byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CRC32C_POLYNOMIAL : crc >>> 1
  }
  return ~crc >>> 0
}

function whole(length: number, told: Told): ProxyHeader {
  return { state: 'whole', length, told }
}
