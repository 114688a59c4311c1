/**
 * `checkpoints.txt` beside the log, which only grows: paragraphs `key VKEY` (who signs from here on) and whole checkpoints,
 * each followed by a blank line. A copy of the file, or of any checkpoint in it, is what auditors keep elsewhere.
 */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { readSegment } from '../read.ts'
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import { parseVerifierKey, type VerifierKey } from './note.ts'

export const CHECKPOINTS = 'checkpoints.txt'
const KEY = 'key '

/** `line` is where it begins; lines count from 1. */
export type Entry =
  | { readonly kind: 'key'; readonly line: number; readonly key: VerifierKey }
  | { readonly kind: 'checkpoint'; readonly line: number; readonly checkpoint: Checkpoint }
  | { readonly kind: 'damaged'; readonly line: number }
  /** What has no end: from a byte of the file on. */
  | { readonly kind: 'torn'; readonly line: number; readonly from: number }

/** As it stands in the file. */
export function keyEntry(key: VerifierKey): string {
  return `${KEY}${key.text}\n\n`
}

export function checkpointEntry(checkpoint: Checkpoint): string {
  return `${checkpoint.text}\n`
}

interface Paragraph {
  readonly line: number
  readonly from: number
  readonly lines: string[]
}

/** The entries in the first `bytes` of the file, in their order; nothing where there is no file. Throws ERR_AUDIT_UNREADABLE. */
export async function* readCheckpoints(path: string, bytes = Number.POSITIVE_INFINITY): AsyncGenerator<Entry> {
  if (!existsSync(path)) return
  let line = 0
  let offset = 0
  /** The text of a checkpoint, while its signatures are still to come. */
  let text: Paragraph | null = null
  let paragraph: Paragraph = { line: 1, from: 0, lines: [] }
  const file = { path, name: basename(path), first: 1, startedAt: 0, compressed: false }
  for await (const batch of readSegment(file, undefined, bytes)) {
    for (const { bytes, ended } of batch) {
      line++
      offset += bytes.length + (ended ? 1 : 0)
      if (bytes.length > 0 || !ended) {
        paragraph.lines.push(bytes.toString())
        continue
      }
      const isSignature = paragraph.lines[0]?.startsWith('\u2014 ') === true
      if (text !== null && !isSignature) yield { kind: 'damaged', line: text.line }
      if (text !== null && isSignature) yield checkpointOf(text, paragraph)
      else if (paragraph.lines.length !== 3 || isSignature) yield keyOf(paragraph)
      text = paragraph.lines.length === 3 && !isSignature ? paragraph : null
      paragraph = { line: line + 1, from: offset, lines: [] }
    }
  }
  const torn = text ?? paragraph
  if (torn.lines.length > 0) yield { kind: 'torn', line: torn.line, from: torn.from }
}

function checkpointOf({ line, lines }: Paragraph, signatures: Paragraph): Entry {
  const checkpoint = parseCheckpoint(`${lines.join('\n')}\n\n${signatures.lines.join('\n')}\n`)
  return checkpoint === null ? { kind: 'damaged', line } : { kind: 'checkpoint', line, checkpoint }
}

function keyOf({ line, lines }: Paragraph): Entry {
  const [first = ''] = lines
  const key = lines.length === 1 && first.startsWith(KEY) ? parseVerifierKey(first.slice(KEY.length)) : null
  return key === null ? { kind: 'damaged', line } : { kind: 'key', line, key }
}

/**
 * What is left of the file without the checkpoints of fewer records than `through`: the others, and whose they are. null where
 * there would be none, or the file is damaged: then all of it is evidence.
 */
export async function withoutPurged(path: string, through: number): Promise<Buffer | null> {
  const left: string[] = []
  let key: VerifierKey | null = null
  for await (const entry of readCheckpoints(path)) {
    if (entry.kind === 'damaged' || entry.kind === 'torn') return null
    if (entry.kind === 'key') {
      key = entry.key
      if (left.length > 0) left.push(keyEntry(key))
    } else if (entry.checkpoint.size >= through) {
      if (left.length === 0 && key !== null) left.push(keyEntry(key))
      left.push(checkpointEntry(entry.checkpoint))
    }
  }
  return left.length === 0 ? null : Buffer.from(left.join(''))
}
