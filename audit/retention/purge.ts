/**
 * Retention: which segments may go. Only whole ones at the beginning of the log, whose last record is old enough, and only
 * where their lines still lead to a signed root: what was tampered with is not to be cleared away by the clock.
 */
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { AuditError } from '../error.ts'
import type { Base } from '../proof/base.ts'
import type { Checkpoint } from '../proof/checkpoint.ts'
import { CHECKPOINTS, readCheckpoints } from '../proof/checkpoint-file.ts'
import { Frontier, leafHash } from '../proof/merkle.ts'
import { checkSignature, type VerifierKey } from '../proof/note.ts'
import { readSegment } from '../read.ts'
import { endOfDay, type LogSegment } from '../segment.ts'
import { readStamp } from '../stamp.ts'
import type { Pace } from './pace.ts'

export interface PurgeOptions {
  readonly dir: string
  readonly base: Base
  /** Milliseconds since 1970: what was recorded before may go. */
  readonly before: number
  /** The key that signs now. */
  readonly key: VerifierKey
  readonly pace: Pace
}

/** What may go, oldest first, and what the log was up to there. */
export interface Purge {
  readonly segments: readonly LogSegment[]
  readonly tree: Frontier
  /** Hash of the last line that goes. */
  readonly prev: string
  /** `@timestamp` of the oldest and of the newest record that goes; ISO 8601. */
  readonly oldest: string
  readonly newest: string
}

type Span = Omit<Purge, 'segments'>

/** null: nothing is old enough, or not yet signed. Throws ERR_AUDIT_PURGE where the lines are not what was signed. */
export async function planPurge({ dir, base, before, key, pace }: PurgeOptions): Promise<Purge | null> {
  let span: Span = { tree: base.frontier, prev: base.prev, oldest: '', newest: '' }
  const segments: LogSegment[] = []
  for (const segment of base.segments.slice(0, -1)) {
    if (!(await beginsBefore(segment, before))) break
    const next = await readOn(span, segment, pace)
    if (Date.parse(next.newest) >= before) break
    span = next
    segments.push(segment)
  }
  const signed = segments.length === 0 ? [] : await signedFrom(dir, span.tree.size, key)
  if (signed.length === 0) return null
  if (await leadsTo(signed, span.tree, base.segments.slice(segments.length), pace)) return { segments, ...span }
  throw damaged(`the records up to ${span.tree.size} are not what was signed`)
}

/** By its first record: the day in which that was recorded is over. */
async function beginsBefore(segment: LogSegment, before: number): Promise<boolean> {
  for await (const [line] of readSegment(segment)) {
    const stamp = line === undefined ? null : readStamp(line.bytes)
    return stamp !== null && endOfDay(Date.parse(stamp.time)) <= before
  }
  return false
}

async function readOn(span: Span, segment: LogSegment, pace: Pace): Promise<Span> {
  const tree = new Frontier(span.tree.size, span.tree.hashes)
  let { prev, oldest, newest } = span
  for await (const lines of readSegment(segment)) {
    for (const { bytes, line } of lines) {
      const stamp = readStamp(bytes)
      if (stamp?.sequence !== tree.size + 1)
        throw damaged(`${segment.name}:${line} is not record ${tree.size + 1}, which should stand there`)
      tree.add(leafHash(bytes))
      prev = hash('sha256', bytes, 'base64')
      if (oldest === '' || stamp.time < oldest) oldest = stamp.time
      if (stamp.time > newest) newest = stamp.time
    }
    await pace()
  }
  return { tree, prev, oldest, newest }
}

/** The first good checkpoint over so many records, of each name that the log has had: after a break only the next name fits. */
async function signedFrom(dir: string, size: number, own: VerifierKey): Promise<Checkpoint[]> {
  const found = new Map<string, Checkpoint>()
  for await (const entry of readCheckpoints(join(dir, CHECKPOINTS))) {
    if (entry.kind !== 'checkpoint' || entry.checkpoint.size < size) continue
    const { checkpoint } = entry
    if (found.has(checkpoint.origin)) continue
    if (checkSignature(checkpoint.note, own) === 'good') found.set(checkpoint.origin, checkpoint)
  }
  return [...found.values()]
}

async function leadsTo(
  signed: readonly Checkpoint[],
  from: Frontier,
  rest: readonly LogSegment[],
  pace: Pace,
): Promise<boolean> {
  const tree = new Frontier(from.size, from.hashes)
  const last = Math.max(...signed.map(({ size }) => size))
  const isMet = () => signed.some(({ size, root }) => size === tree.size && root.equals(tree.root()))
  if (isMet()) return true
  for (const segment of rest) {
    for await (const lines of readSegment(segment)) {
      for (const { bytes } of lines) {
        tree.add(leafHash(bytes))
        if (signed.some(({ size }) => size === tree.size) && isMet()) return true
        if (tree.size >= last) return false
      }
      await pace()
    }
  }
  return false
}

function damaged(what: string): AuditError {
  const message = `Nothing is purged: ${what}. Look at it with landline audit verify`
  return new AuditError('ERR_AUDIT_PURGE', message)
}
