/**
 * Pseudonyms of clients: a keyed hash of the address (HMAC-SHA-256) under the key of a month, so that one client can be
 * followed through a month and no further. Beside it the record holds what it stands for, encrypted under the same key: with the
 * key it can be revealed; once the key is destroyed, nobody can, nor try addresses until one fits.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'

export const KEY_BYTES = 32
/** 128 bits: two of a million clients share a pseudonym with a chance of one in 10^26. */
const MAC_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'

/** What must not be written as it is. */
export interface Client {
  /** Canonical text of its address. */
  readonly ip: string
  readonly port: number | null
  /** The hops that it came through. */
  readonly path: readonly string[]
}

/** A month's key: of its own, made by chance, not derived from any other. */
export interface MonthKey {
  /** UTC, `2026-11`. */
  readonly month: string
  readonly mac: KeyObject
  readonly seal: KeyObject
}

export function monthKey(month: string, secret: Uint8Array): MonthKey {
  // As key objects: to hand the bytes over each time would cost a record four times as much.
  const derived = (use: string) =>
    createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', `landline ${use} ${month}`, KEY_BYTES)))
  return { month, mac: derived('pseudonym'), seal: derived('sealed client') }
}

/** The month of a time in milliseconds since 1970. */
export function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7)
}

/** The month after `2026-12` is `2027-01`. */
export function monthAfter(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number)
  return monthOf(Date.UTC(year, number, 1))
}

const PSEUDONYM = /^client-(\d{4}-(?:0[1-9]|1[0-2]))-[0-9a-f]{32}$/

export function isPseudonym(text: string): boolean {
  return PSEUDONYM.test(text)
}

/** `client-2026-11-` and 32 hexadecimal digits: the same address in the same month gives the same. */
export function pseudonymOf({ month, mac }: MonthKey, address: string): string {
  return `client-${month}-${createHmac('sha256', mac)
    .update(address)
    .digest('hex')
    .slice(0, 2 * MAC_BYTES)}`
}

/** Base64 of nonce, ciphertext and tag. */
export function sealClient({ month, seal }: MonthKey, { ip, port, path }: Client): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, seal, nonce).setAAD(Buffer.from(month))
  const sealed = Buffer.concat([cipher.update(JSON.stringify({ ip, port, path })), cipher.final()])
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64')
}

/** null where it was sealed by another key, or changed since. */
export function unsealClient({ month, seal }: MonthKey, sealed: string): Client | null {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length <= NONCE_BYTES + TAG_BYTES) return null
  const opened = createDecipheriv(CIPHER, seal, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  opened.setAAD(Buffer.from(month)).setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const text = Buffer.concat([opened.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), opened.final()])
    return JSON.parse(text.toString())
  } catch {
    return null
  }
}

/**
 * What is sealed beside a pseudonym. `no key`: its month's is not there (any more); `no fit`: it was sealed by another, or one of the
 * two was changed since.
 */
export function openSealed(
  keyOf: (month: string) => MonthKey | null,
  pseudonym: string,
  sealed: string,
): Client | 'no key' | 'no fit' {
  const key = keyOf(PSEUDONYM.exec(pseudonym)?.[1] ?? '')
  if (key === null) return 'no key'
  const client = unsealClient(key, sealed)
  return client === null || pseudonymOf(key, client.ip) !== pseudonym ? 'no fit' : client
}
