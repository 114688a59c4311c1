/**
 * A review as evidence: who looked at which records, at which checkpoint, and what came of it, signed with the reviewer's own
 * key. The statement is a signed note over a line that names its kind and a line of JSON.
 */
import { checkSignature, parseNote, parseVerifierKey, type SigningKey, signNote, type VerifierKey } from './note.ts'

export const VERDICTS = ['in-order', 'findings'] as const
export type Verdict = (typeof VERDICTS)[number]

const KIND = 'landline-sign-off/v1'

export interface Statement {
  /** Of the checkpoint, as are `size` and `root` (base64). */
  readonly origin: string
  readonly size: number
  readonly root: string
  /** Sequence numbers of the records that were reviewed, both ends included. */
  readonly from: number
  readonly to: number
  readonly verdict: Verdict
  readonly note: string
  readonly reviewer: string
  readonly role: string | null
  /** ISO 8601. */
  readonly time: string
}

/** The signed note. */
export function signStatement(statement: Statement, key: SigningKey): string {
  const { origin, size, root, from, to, verdict, note, reviewer, role, time } = statement
  const json = JSON.stringify({ origin, size, root, from, to, verdict, note, reviewer, role, time })
  return signNote(`${KIND}\n${json}\n`, key)
}

/** null where the text is no statement in a signed note. Says nothing about the signature. */
export function parseStatement(text: string): Statement | null {
  const lines = parseNote(text)?.text.split('\n') ?? []
  const [kind, json = '', ...rest] = lines
  if (kind !== KIND || rest.join('') !== '') return null
  try {
    const value: unknown = JSON.parse(json)
    return isStatement(value) ? value : null
  } catch {
    return null
  }
}

/** Whether the note is signed by this key. */
export function isSignedBy(text: string, key: VerifierKey): boolean {
  const note = parseNote(text)
  return note !== null && checkSignature(note, key) === 'good'
}

/** Whether it is signed by the key that this text says; null where the text is no key. */
export function isSignedByText(text: string, vkey: string): boolean | null {
  const key = parseVerifierKey(vkey)
  return key === null ? null : isSignedBy(text, key)
}

function isStatement(value: unknown): value is Statement {
  if (typeof value !== 'object' || value === null) return false
  const { origin, size, root, from, to, verdict, note, reviewer, role, time } = value as Record<string, unknown>
  const texts = [origin, root, note, reviewer, time, role ?? '']
  const isRange = isCount(from) && isCount(to) && isCount(size) && from >= 1 && from <= to && to <= size
  return isRange && texts.every((text) => typeof text === 'string') && VERDICTS.some((word) => word === verdict)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value)
}
