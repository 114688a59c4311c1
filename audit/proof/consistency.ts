/**
 * A consistency proof (RFC 6962 §2.1.2) as text that a third party can check without the log: that the log of one checkpoint is
 * the beginning of that of another, so that nothing before the older one was changed, taken out or put in since.
 */

import { howMany } from '../../rules/words.ts'
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import { HASH_BYTES, verifyConsistency } from './merkle.ts'
import { checkSignature, strictBase64, type VerifierKey } from './note.ts'

const HEAD = 'landline-consistency-proof v1'
/** A tree of 2^53 lines needs fewer. */
const MOST_HASHES = 128

export interface Consistency {
  readonly older: Checkpoint
  readonly newer: Checkpoint
  readonly hashes: readonly Buffer[]
}

/** The head, the hashes in base64 a line each, an empty line, the older checkpoint, an empty line, the newer one. */
export function formatConsistency({ older, newer, hashes }: Consistency): string {
  return `${HEAD}\n${hashes.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${older.text}\n${newer.text}`
}

/** null where the text is no such proof. Says nothing about whether it holds. */
export function parseConsistency(text: string): Consistency | null {
  const [head = '', ...rest] = text.split('\n\n')
  const [first, ...lines] = head.split('\n')
  // A signed note holds one empty line of its own.
  const [older, newer] = [rest.slice(0, 2), rest.slice(2)].map((parts) => parseCheckpoint(ended(parts.join('\n\n'))))
  const hashes = lines.map(strictBase64)
  const isWhole = first === HEAD && rest.length === 4 && hashes.length <= MOST_HASHES
  if (!isWhole || older == null || newer == null) return null
  const whole = hashes.filter((hash) => hash?.length === HASH_BYTES).filter((hash) => hash !== null)
  return whole.length === hashes.length ? { older, newer, hashes: whole } : null
}

function ended(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`
}

/** What is wrong with the proof, in words; empty: it holds. Without keys, signatures are not looked at. */
export function consistencyFaults({ older, newer, hashes }: Consistency, keys: readonly VerifierKey[]): string[] {
  const faults: string[] = []
  if (older.size > newer.size)
    faults.push(`the older checkpoint has ${howMany(older.size, 'record')}, the newer one ${newer.size}`)
  else if (!verifyConsistency(older, newer, hashes))
    faults.push('the log of the older checkpoint is not the beginning of that of the newer one')
  if (older.origin !== newer.origin) faults.push(`they are of two logs, ${older.origin} and ${newer.origin}`)
  for (const [which, { note }] of Object.entries({ older, newer })) {
    if (keys.length > 0 && !keys.some((key) => checkSignature(note, key) === 'good'))
      faults.push(`the ${which} checkpoint is not signed by a key that was given`)
  }
  return faults
}
