/**
 * Passwords as argon2id hashes (RFC 9106), written as PHC strings. Reading one bounds what it may cost, so that no line of the
 * users file can take the memory of the proxy.
 */
import * as crypto from 'node:crypto'

/** A hash and how it was made. */
export interface PasswordHash {
  /** In KiB. */
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
  readonly salt: Buffer
  readonly tag: Buffer
}

/** OWASP's recommendation of 2024: 19 MiB, two passes, one lane; about 50 ms. */
const MADE_WITH = { memory: 19_456, passes: 2, parallelism: 1 } as const
const SALT_BYTES = 16
const TAG_BYTES = 32

/** Weaker hashes are refused, dearer ones too: each log-in takes that much memory. */
const BOUNDS = {
  memory: [7168, 262_144],
  passes: [1, 16],
  parallelism: [1, 16],
  salt: [8, 64],
  tag: [16, 64],
} as const

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]{1,128})$/

/** Node.js has argon2 from 24.7 on; and only where OpenSSL has it. */
export function canHash(): boolean {
  return typeof crypto.argon2 === 'function'
}

/** The hash that a PHC string stands for; or what is wrong with it. Never quotes it. */
export function parsePasswordHash(text: string): PasswordHash | string {
  const [, memory, passes, parallelism, salt = '', tag = ''] = PHC.exec(text) ?? []
  if (memory === undefined)
    return 'is no argon2id hash such as $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH; make one with "landline admin hash"'
  const hash: PasswordHash = {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
  const measured = { ...hash, salt: hash.salt.length, tag: hash.tag.length }
  for (const [what, [least, most]] of Object.entries(BOUNDS)) {
    const value = measured[what as keyof typeof BOUNDS] // the keys of BOUNDS
    if (value < least || value > most)
      return `has ${SPOKEN[what as keyof typeof BOUNDS]} ${value}; from ${least} to ${most} is taken, make another with "landline admin hash"`
  }
  return hash
}

const SPOKEN: Readonly<Record<keyof typeof BOUNDS, string>> = {
  memory: 'a memory (m, in KiB) of',
  passes: 'a number of passes (t) of',
  parallelism: 'a parallelism (p) of',
  salt: 'a salt in bytes of',
  tag: 'a hash in bytes of',
}

/** The PHC string of a hash with a fresh salt. */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.randomBytes(SALT_BYTES)
  const tag = await derive(password, { ...MADE_WITH, salt, tag: Buffer.alloc(TAG_BYTES) })
  const { memory, passes, parallelism } = MADE_WITH
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`
}

/** In constant time. Takes a thread of the pool and `memory` for its duration: whoever calls bounds how many run at once. */
export async function isPassword(password: string, hash: PasswordHash): Promise<boolean> {
  return crypto.timingSafeEqual(await derive(password, hash), hash.tag)
}

function derive(password: string, { memory, passes, parallelism, salt, tag }: PasswordHash): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const message = Buffer.from(password.normalize('NFC'))
  const parameters = { message, nonce: salt, parallelism, tagLength: tag.length, memory, passes }
  crypto.argon2('argon2id', parameters, (error, key) => (error === null ? resolve(key) : reject(error)))
  return promise
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
