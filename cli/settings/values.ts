/**
 * The kinds of value that the server file knows, each with its reading and its words for what is wrong. A value from a variable
 * or a flag is text and is read by the same types.
 */
import * as z from 'zod'
import { parseAddress, parsePrefix } from '../../rules/address.ts'
import { canonicalHost } from '../../rules/host.ts'
import type { Address } from '../../rules/model.ts'
import { didYouMean, shown } from '../../rules/problems.ts'

/** Where to listen. Port 0: any free one. */
export interface SocketAddress {
  readonly address: Address
  readonly port: number
  /** `127.0.0.1:3128`, `[::1]:3128`. */
  readonly text: string
}

/** A proxy: its canonical name or address, without brackets. */
export interface HostAndPort {
  readonly host: string
  readonly port: number
  /** `proxy.example:3128`, `[2001:db8::1]:3128`. */
  readonly text: string
}

/** setTimeout takes no more; it would fire at once. */
const MAX_MS = 2 ** 31 - 1
const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
/** RFC 9110 §5.6.2, and starting with a letter as RFC 8941 §3.3.4 asks: the name stands in Via and Proxy-Status. */
const NAME = /^[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,62}$/
const PORT_RANGE = /^(\d{1,5})(?:-(\d{1,5}))?$/
/** What may stand in the script that /proxy.pac answers. */
const PAC_DIRECT = /^[A-Za-z0-9*._:/-]{1,255}$/

/** A type whose reader gives the value, or says what is wrong with it. */
function value<T>(read: (input: unknown, wrong: (message: string) => never) => T) {
  return z.unknown().transform((input, context): T => {
    const wrong = (message: string) => {
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    }
    return input === undefined ? wrong('missing: add it') : read(input, wrong)
  })
}

/** Text that `read` understands, else `SHOWN is not EXPECTED`. */
function text<T>(expected: string, read: (input: string) => T | undefined) {
  return value((input, wrong): T => {
    const result = typeof input === 'string' ? read(input) : undefined
    return result === undefined ? wrong(`${shown(input)} is not ${expected}`) : result
  })
}

export const proxyName = text(
  'a name for Via: letters, digits, "-", "." and "_", a letter first, 63 at most',
  (input) => (NAME.test(input) ? input : undefined),
)

export const hostName = text('a host name such as landline.internal', (input) => {
  const host = canonicalHost(input)
  return host.kind === 'name' ? host.name : undefined
})

export const filePath = text('a path', (input) => (input === '' || input.includes('\0') ? undefined : input))

export const socketAddress = text(
  'an address to listen on: write ADDRESS:PORT, as in 127.0.0.1:3128, 0.0.0.0:3128 or [::1]:3128',
  parseSocketAddress,
)

export const prefix = value((input, wrong) => {
  const parsed = typeof input === 'string' ? parsePrefix(input) : `${shown(input)} is not a prefix such as 10.0.0.0/8`
  return typeof parsed === 'string' ? wrong(parsed) : parsed
})

/** Ports as an inclusive pair. */
export const portRange = value((input, wrong): readonly [first: number, last: number] => {
  const [, first, last = first] = PORT_RANGE.exec(String(input)) ?? []
  const pair = [Number(first), Number(last)] as const
  const isRange = pair[0] >= 1 && pair[0] <= pair[1] && pair[1] <= 65_535 // false for NaN
  return isRange ? pair : wrong(`${shown(input)} is not a port or a range of ports such as 443 or "8801-8810"`)
})

export const parentUrl = text('the URL of an HTTP proxy such as http://proxy.example:3128', parseParent)

export const hostAndPort = text('a proxy as clients reach it, HOST:PORT', parseHostAndPort)

export const directTarget = text('a host name, *.domain or prefix', (input) =>
  PAC_DIRECT.test(input) ? input.toLowerCase() : undefined,
)

/** A receiver of records. */
export type ShipTarget =
  | { readonly kind: 'stdout' | 'file' }
  | ({ readonly kind: 'syslog'; readonly tls: boolean } & HostAndPort)

export const shipTarget = text(
  'a receiver of records: stdout, file, syslog+tcp://HOST:PORT or syslog+tls://HOST:PORT',
  (input): ShipTarget | undefined => {
    if (input === 'stdout' || input === 'file') return { kind: input }
    const [, scheme, authority = ''] = /^syslog\+(tcp|tls):\/\/([^/]+)\/?$/i.exec(input) ?? []
    const place = parseHostAndPort(authority)
    return place && { kind: 'syslog', tls: scheme?.toLowerCase() === 'tls', ...place }
  },
)

export const yesOrNo = value((input, wrong) =>
  typeof input === 'boolean' ? input : wrong(`${shown(input)} is not true or false`),
)

export const workerCount = value((input, wrong): number | 'auto' =>
  input === 'auto' || isWholeNumber(input, 1, 256)
    ? input
    : wrong(`${shown(input)} is not a number from 1 to 256, or auto`),
)

export const milliseconds = (least: 0 | 1) => wholeNumber('milliseconds', least, MAX_MS)

/** A whole number of `unit`. */
export function wholeNumber(unit: string, least: number, most: number) {
  return value((input, wrong): number =>
    isWholeNumber(input, least, most)
      ? input
      : wrong(`${shown(input)} is not a whole number of ${unit} from ${least} to ${most}`),
  )
}

/** A number of bytes, or text with a unit: `64MiB`. */
export function byteSize(least: number, most: number) {
  return value((input, wrong): number => {
    const [, digits, unit = 'B'] = /^(\d{1,15})(?: ?([KMG]iB|B))?$/.exec(String(input)) ?? []
    const bytes = Number(digits) * (SIZE_UNITS[unit] ?? Number.NaN)
    if (isWholeNumber(bytes, least, most)) return bytes
    return wrong(
      `${shown(input)} is not a size from ${least} to ${most} bytes: write a number of bytes, or as in 64KiB, 64MiB`,
    )
  })
}

/** One of a closed set. */
export function choice<const T extends string>(...words: readonly T[]) {
  return value((input, wrong): T => {
    const found = words.find((word) => word === input)
    const near = typeof input === 'string' ? didYouMean(input, words) : ''
    return found ?? wrong(`${shown(input)} is none of ${words.join(', ')}${near}`)
  })
}

export function listOf<T extends z.ZodType>(item: T) {
  return z.array(item, { error: ({ input }) => `${shown(input)} is not a list: write it as in [a, b]` })
}

/** A map with these keys and no others. */
export function section<const T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, {
    error: ({ code, input }) => (code === 'invalid_type' ? `${shown(input)} is not a map of settings` : undefined),
  })
}

function isWholeNumber(input: unknown, least: number, most: number): input is number {
  return Number.isInteger(input) && Number(input) >= least && Number(input) <= most
}

/** ADDRESS:PORT; undefined where it is none. */
export function parseSocketAddress(input: string): SocketAddress | undefined {
  const [, v6, v4, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(input) ?? []
  const address = parseAddress(v6 ?? v4 ?? '')
  const port = Number(digits)
  const isBracketed = v6 !== undefined
  if (address === null || port > 65_535 || (isBracketed && !v6.includes(':'))) return undefined
  return { address, port, text: textOf(address, port) }
}

/** A proxy to go through: no credentials, path or query, since none of them would be used. */
function parseParent(input: string): HostAndPort | undefined {
  const [, authority = '', port] = /^http:\/\/([^/]*?(:\d+)?)\/?$/i.exec(input) ?? []
  return parseHostAndPort(port === undefined ? `${authority}:80` : authority)
}

function parseHostAndPort(input: string): HostAndPort | undefined {
  const [, written = '', digits] = /^(\[[^\]]+\]|[^:[\]]+):(\d{1,5})$/.exec(input) ?? []
  const host = canonicalHost(written)
  const port = Number(digits)
  if (host.kind === 'invalid' || !(port >= 1 && port <= 65_535)) return undefined
  if (host.kind === 'name') return { host: host.name, port, text: `${host.name}:${port}` }
  return { host: host.address.text, port, text: textOf(host.address, port) }
}

/** Where a server that listens on all addresses is found from this host. */
export function loopbackOf(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  return address === '::' ? '::1' : address
}

function textOf(address: Address, port: number): string {
  return address.family === 6 ? `[${address.text}]:${port}` : `${address.text}:${port}`
}
