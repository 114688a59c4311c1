/**
 * Signed notes (c2sp.org/signed-note): text, a blank line, signature lines. Only Ed25519 signatures (type 0x01); those of
 * other keys are left alone, as the specification asks.
 */
import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'

const ED25519 = 0x01
const KEY_BYTES = 32
const ID_BYTES = 4
const SIGNATURE_BYTES = 64
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) (\S+)$/u
/** A note of ours has one; others may countersign it. */
const MAX_SIGNATURES = 16

/** Who signs: the name, and the first bytes of a hash over name and public key. */
export interface KeyIdentity {
  readonly name: string
  /** Eight hexadecimal digits. */
  readonly id: string
}

/** A public key with its name: `name+id+base64`, called vkey. */
export interface VerifierKey extends KeyIdentity {
  readonly text: string
  readonly key: KeyObject
}

export interface SigningKey {
  readonly verifier: VerifierKey
  readonly privateKey: KeyObject
}

export interface Note {
  /** With its last newline: what is signed. */
  readonly text: string
  readonly signatures: readonly (KeyIdentity & { readonly signature: Buffer })[]
}

/** Key names hold no spaces and no plus: a plus of the proxy's name becomes a hyphen. */
export function keyName(name: string): string {
  return name.replace(/[\s+]/gu, '-')
}

/** `key` may be the private or the public half. */
export function verifierKey(name: string, key: KeyObject): VerifierKey {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const { x = '' } = publicKey.export({ format: 'jwk' })
  return keyOf(name, Buffer.from(x, 'base64url'), publicKey)
}

function keyOf(name: string, bytes: Buffer, key: KeyObject): VerifierKey {
  const typed = Buffer.concat([Buffer.from([ED25519]), bytes])
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'hex').slice(0, 2 * ID_BYTES)
  return { name, id, text: `${name}+${id}+${typed.toString('base64')}`, key }
}

/** null where the text is no vkey of an Ed25519 key, or its id is not that of its name and key. */
export function parseVerifierKey(text: string): VerifierKey | null {
  const parts = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text)
  const [, name = '', id = '', encoded = ''] = parts ?? []
  const typed = strictBase64(encoded)
  if (typed?.length !== 1 + KEY_BYTES || typed[0] !== ED25519) return null
  const bytes = typed.subarray(1)
  try {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }
    const key = keyOf(name, bytes, createPublicKey({ key: jwk, format: 'jwk' }))
    return key.id === id ? key : null
  } catch {
    return null
  }
}

/** Signs text that ends in a newline. */
export function signNote(text: string, { verifier, privateKey }: SigningKey): string {
  const signature = Buffer.concat([Buffer.from(verifier.id, 'hex'), sign(null, Buffer.from(text), privateKey)])
  return `${text}\n\u2014 ${verifier.name} ${signature.toString('base64')}\n`
}

/** null where the text is no signed note. */
export function parseNote(note: string): Note | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the specification forbids them
  if (/[\u0000-\u0009\u000b-\u001f\ufffd]/.test(note)) return null
  const end = note.lastIndexOf('\n\n')
  if (end <= 0 || !note.endsWith('\n')) return null
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) return null
  const signatures = lines.map(parseSignature)
  if (!signatures.every((signature) => signature !== null)) return null
  return { text: note.slice(0, end + 1), signatures }
}

function parseSignature(line: string): Note['signatures'][number] | null {
  const [, name, encoded = ''] = SIGNATURE_LINE.exec(line) ?? []
  const bytes = strictBase64(encoded)
  if (name === undefined || bytes === null || bytes.length <= ID_BYTES) return null
  return { name, id: bytes.toString('hex', 0, ID_BYTES), signature: bytes.subarray(ID_BYTES) }
}

export function isSameKey(a: KeyIdentity, b: KeyIdentity): boolean {
  return a.name === b.name && a.id === b.id
}

/** `unsigned`: there is no signature by this key. */
export function checkSignature({ text, signatures }: Note, key: VerifierKey): 'good' | 'bad' | 'unsigned' {
  const own = signatures.filter((signature) => isSameKey(signature, key))
  if (own.length === 0) return 'unsigned'
  const bytes = Buffer.from(text)
  const good = own.every(
    ({ signature }) => signature.length === SIGNATURE_BYTES && verify(null, bytes, key.key, signature),
  )
  return good ? 'good' : 'bad'
}

/** null where decoding and encoding again gives another text: each value has one spelling. */
export function strictBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}
