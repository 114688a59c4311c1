/** One record by its reference: its line, the lines around it, and the proof that it is under the newest checkpoint. */
import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { AuditRecord, LogLine } from '../read.ts'
import { findSequence, linesFrom } from '../seek.ts'
import { type LogSegment, listSegments } from '../segment.ts'
import { parseRecord, readStamp } from '../stamp.ts'
import { adopterOf } from './adopted.ts'
import type { Checkpoint } from './checkpoint.ts'
import { CHECKPOINTS, readCheckpoints } from './checkpoint-file.ts'
import { checkSignature, type VerifierKey } from './note.ts'
import { proveInclusion } from './proof.ts'

export interface FoundRecord {
  readonly record: AuditRecord
  readonly line: LogLine
  /** Null at the ends of the log, and where a line is no record. */
  readonly before: AuditRecord | null
  readonly after: AuditRecord | null
  /** The record after it names another line as the one before: this line is not what was recorded. */
  readonly isChanged: boolean
  /** The record of a start that found this one unsigned; null: none did. */
  readonly adoptedBy: number | null
  /** How many records the newest checkpoint covers; null: there is none, or it is signed by none of the keys. */
  readonly signedSize: number | null
  /** Null where that checkpoint does not cover the record, or the log does not lead to it. */
  readonly proof: {
    readonly hashes: readonly Buffer[]
    readonly checkpoint: Checkpoint
    readonly key: VerifierKey
  } | null
}

/** null: there is no such record. `keys`: the only ones to be trusted; none: those that the folder names. */
export async function lookUp(
  dir: string,
  reference: string,
  keys: readonly VerifierKey[],
): Promise<FoundRecord | null> {
  const segments = await listSegments(dir)
  const sequence = await findSequence(segments, reference)
  if (sequence === null) return null
  const around = await linesAround(segments, sequence)
  const line = around.get(sequence)
  const record = line === undefined ? null : parseRecord(line.bytes)
  if (line === undefined || record === null) return null
  const newest = await newestCheckpoint(dir, keys)
  const hashes = newest && (await proveInclusion(dir, line.bytes, sequence, newest.checkpoint))
  const following = readStamp(around.get(sequence + 1)?.bytes ?? Buffer.alloc(0))
  const recordAt = (at: number) => parseRecord(around.get(at)?.bytes ?? Buffer.alloc(0))
  return {
    record,
    line,
    before: recordAt(sequence - 1),
    after: recordAt(sequence + 1),
    isChanged: following !== null && following.prev !== hash('sha256', line.bytes, 'base64'),
    adoptedBy: newest && (await adopterOf(segments, sequence, await firstOver(dir, line.bytes, sequence, keys))),
    signedSize: newest?.checkpoint.size ?? null,
    proof: newest && hashes && { hashes, ...newest },
  }
}

/** Checkpoints that do not fit are somebody's; after so many of them it is looked through the whole log. */
const MOST_UNFIT = 8

/**
 * The size of the first checkpoint that a record is proven to be under, and that one of the keys has signed, where any is given; from there
 * on nobody adds to what is below.
 */
async function firstOver(dir: string, line: Buffer, sequence: number, keys: readonly VerifierKey[]): Promise<number> {
  let unfit = 0
  for await (const entry of readCheckpoints(join(dir, CHECKPOINTS))) {
    if (entry.kind !== 'checkpoint' || entry.checkpoint.size < sequence) continue
    const { note, size } = entry.checkpoint
    if (keys.length > 0 && !keys.some((key) => checkSignature(note, key) === 'good')) continue
    if ((await proveInclusion(dir, line, sequence, entry.checkpoint)) !== null) return size
    if (++unfit === MOST_UNFIT) break
  }
  return Number.POSITIVE_INFINITY
}

/** The line and its neighbours, by sequence number. */
async function linesAround(segments: readonly LogSegment[], sequence: number): Promise<Map<number, LogLine>> {
  const found = new Map<number, LogLine>()
  for await (const lines of linesFrom(segments, sequence - 1)) {
    for (const line of lines) {
      const at = readStamp(line.bytes)?.sequence ?? 0
      if (Math.abs(at - sequence) <= 1) found.set(at, line)
      if (at > sequence) return found
    }
  }
  return found
}

/** Of the folder, with the key that signed it; null where there is none, or it is signed by none of the keys. */
export async function newestCheckpoint(
  dir: string,
  keys: readonly VerifierKey[],
): Promise<{ readonly checkpoint: Checkpoint; readonly key: VerifierKey } | null> {
  const named: VerifierKey[] = []
  let newest: Checkpoint | null = null
  for await (const entry of readCheckpoints(join(dir, CHECKPOINTS))) {
    if (entry.kind === 'key') named.push(entry.key)
    if (entry.kind === 'checkpoint') newest = entry.checkpoint
  }
  if (newest === null) return null
  const { note } = newest
  const key = (keys.length > 0 ? keys : named).find((known) => checkSignature(note, known) === 'good')
  return key === undefined ? null : { checkpoint: newest, key }
}
