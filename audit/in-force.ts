/**
 * Which rules were in force at a time, by the records of starts and reloads. Not by those of requests: one that began before a
 * reload is recorded under its own revision to its end.
 */
import { type AuditRecord, readSegment } from './read.ts'
import { type Ending, endingOf, isStart, type RunState, runStateAfter } from './run-state.ts'
import { type LogSegment, listSegments } from './segment.ts'
import { parseRecord, readStamp, type Stamp } from './stamp.ts'

export interface InForce {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly revision: string
  /** The start or reload that put it in force; or, where that is in a file that is gone, the newest record that names a revision. */
  readonly record: AuditRecord
  /** Whether `record` is such a start or reload. */
  readonly isChange: boolean
  /** Whether the proxy ran then. */
  readonly run: RunState
}

/** null: no record up to then names rules. `at`: milliseconds since 1970. Throws ERR_AUDIT_UNREADABLE. */
export async function rulesInForce(dir: string, at: number): Promise<InForce | null> {
  const all = await listSegments(dir)
  let last: Stamp | null = null
  let ending: Ending | null = null
  let change: AuditRecord | null = null
  let named: AuditRecord | null = null
  for (const segment of all.filter(({ startedAt }) => startedAt <= at).toReversed()) {
    const found = await newestIn(segment, at)
    last ??= found.last
    // A stop comes before what the next start finds.
    ending = found.ending ?? ending
    named ??= found.named
    change = found.change
    if (change !== null) break
  }
  const record = change ?? named
  const revision = record?.rule?.version
  if (record === null || revision === undefined || last === null) return null
  return { revision, record, isChange: change !== null, run: await runStateAfter(dir, all, last, ending) }
}

interface Newest {
  /** The last start or reload. */
  readonly change: AuditRecord | null
  /** The first record after it that ends a run. */
  readonly ending: Ending | null
  /** The last record that names a revision. */
  readonly named: AuditRecord | null
  readonly last: Stamp | null
}

const RULE = Buffer.from('"rule":{')
const RELOAD = Buffer.from('"action":"reload"')

async function newestIn(segment: LogSegment, at: number): Promise<Newest> {
  let change: Buffer | null = null
  let named: Buffer | null = null
  let ending: Ending | null = null
  let last: Stamp | null = null
  for await (const lines of readSegment(segment)) {
    for (const { bytes, ended } of lines) {
      const stamp = ended ? readStamp(bytes) : null
      if (stamp === null || Date.parse(stamp.time) > at) continue
      last = stamp
      if (bytes.includes(RULE)) named = bytes
      ending ??= endingOf(stamp, bytes)
      if (!isStart(stamp, bytes) && !(stamp.isSystem && bytes.includes(RELOAD))) continue
      change = bytes
      ending = null
    }
  }
  return { change: change && parseRecord(change), ending, named: named && parseRecord(named), last }
}
