/** Checkpoints (c2sp.org/tlog-checkpoint): the log's name, its number of lines and the root of the tree over them, signed. */
import { HASH_BYTES } from './merkle.ts'
import { type Note, parseNote, type SigningKey, signNote, strictBase64 } from './note.ts'

export interface Checkpoint {
  /** Which log: the proxy's name; after a break in the log, that and `/epoch-N`. */
  readonly origin: string
  /** Lines in the tree. */
  readonly size: number
  readonly root: Buffer
  /** The whole signed note. */
  readonly text: string
  readonly note: Note
}

export function signCheckpoint(origin: string, size: number, root: Buffer, key: SigningKey): Checkpoint {
  const text = signNote(`${origin}\n${size}\n${root.toString('base64')}\n`, key)
  // What was just made in that form parses.
  return parseCheckpoint(text)!
}

/** null where the text is no checkpoint as Landline writes them: without extension lines. Says nothing about its signature. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const note = parseNote(text)
  const [, origin = '', digits = '', encoded = ''] = /^(\S+)\n(0|[1-9]\d{0,15})\n(\S+)\n$/u.exec(note?.text ?? '') ?? []
  const root = strictBase64(encoded)
  const size = Number(digits)
  if (note === null || root?.length !== HASH_BYTES || !Number.isSafeInteger(size)) return null
  return { origin, size, root, text, note }
}

const EPOCH = '/epoch-'

/** Whether a log of this origin is one that the key of this name signs. */
export function isOriginOf(origin: string, name: string): boolean {
  return (
    origin === name || (origin.startsWith(`${name}${EPOCH}`) && /^\d+$/.test(origin.slice(`${name}${EPOCH}`.length)))
  )
}

/** The origin of a log that goes on with record `first` after it was found not to be what was signed. */
export function epochOrigin(name: string, first: number): string {
  return `${name}${EPOCH}${first}`
}
