/**
 * Which rules were in force at a time, by the records of starts and reloads. Not by those of requests: one that began before a
 * reload is recorded under its own revision to its end.
 */
import { type AuditRecord, readSegment } from './read.ts'
import { type LogSegment, listSegments } from './segment.ts'
import { parseRecord, readStamp } from './stamp.ts'

export interface InForce {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly revision: string
  /** The start or reload that put it in force; or, where that is in a file that is gone, the newest record that names a revision. */
  readonly record: AuditRecord
  /** Whether `record` is such a start or reload. */
  readonly isChange: boolean
  /** Whether the proxy ran then: false after a `stop`. */
  readonly isRunning: boolean
}

/** null: no record up to then names rules. `at`: milliseconds since 1970. Throws ERR_AUDIT_UNREADABLE. */
export async function rulesInForce(dir: string, at: number): Promise<InForce | null> {
  const segments = (await listSegments(dir)).filter(({ startedAt }) => startedAt <= at)
  let isRunning = true
  let latest: AuditRecord | null = null
  for (const segment of segments.toReversed()) {
    const found = await newestIn(segment, at)
    isRunning &&= !found.isStopped
    latest ??= found.named
    const revision = found.change?.rule?.version
    if (found.change !== null && revision !== undefined)
      return { revision, record: found.change, isChange: true, isRunning }
  }
  const revision = latest?.rule?.version
  return latest === null || revision === undefined ? null : { revision, record: latest, isChange: false, isRunning }
}

interface Newest {
  /** The last start or reload. */
  readonly change: AuditRecord | null
  /** A stop came after it. */
  readonly isStopped: boolean
  /** The last record that names a revision. */
  readonly named: AuditRecord | null
}

const RULE = Buffer.from('"rule":{')
const START = Buffer.from('"action":"start"')
const RELOAD = Buffer.from('"action":"reload"')
const STOP = Buffer.from('"action":"stop"')

async function newestIn(segment: LogSegment, at: number): Promise<Newest> {
  let change: Buffer | null = null
  let named: Buffer | null = null
  let isStopped = false
  for await (const lines of readSegment(segment)) {
    for (const { bytes, ended } of lines) {
      if (!ended || !bytes.includes(RULE)) continue
      const stamp = readStamp(bytes)
      if (stamp === null || Date.parse(stamp.time) > at) continue
      named = bytes
      if (!stamp.isSystem) continue
      if (bytes.includes(STOP)) isStopped = true
      if (!bytes.includes(START) && !bytes.includes(RELOAD)) continue
      change = bytes
      isStopped = false
    }
  }
  return { change: change && parseRecord(change), isStopped, named: named && parseRecord(named) }
}
