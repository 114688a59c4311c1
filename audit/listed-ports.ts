/** The ports that CONNECT may open, as the proxy said when it last started: `origins.connect_ports` of its settings. */
import type { PortRanges } from '../rules/change/ports.ts'
import { type AuditRecord, readSegment } from './read.ts'
import { isStart } from './run-state.ts'
import { type LogSegment, listSegments } from './segment.ts'
import { parseRecord, readStamp } from './stamp.ts'

/** No longer list is recorded: of facts that are lists, records hold so many items. */
const MOST_RANGES = 64

/** The fact of a start; null: too many to be recorded. */
export function portsFact(ports: PortRanges): readonly string[] | null {
  if (ports.length > MOST_RANGES) return null
  return ports.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`))
}

/** null: no start is on record, or the last one does not say. Throws ERR_AUDIT_UNREADABLE. */
export async function listedPorts(dir: string): Promise<PortRanges | null> {
  for (const segment of (await listSegments(dir)).toReversed()) {
    const start = await lastStartIn(segment)
    if (start !== null) return portsOf(start.landline.facts?.connect_ports)
  }
  return null
}

async function lastStartIn(segment: LogSegment): Promise<AuditRecord | null> {
  let last: AuditRecord | null = null
  for await (const lines of readSegment(segment)) {
    for (const { bytes, ended } of lines) {
      const stamp = ended ? readStamp(bytes) : null
      if (stamp === null || !isStart(stamp, bytes)) continue
      const record = parseRecord(bytes)
      // Others may speak of a start.
      if (record?.event.action === 'start') last = record
    }
  }
  return last
}

function portsOf(fact: unknown): PortRanges | null {
  if (!Array.isArray(fact)) return null
  const ranges = fact.map((text) => /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(text)))
  const pairs = ranges.flatMap((range) => (range === null ? [] : [[Number(range[1]), Number(range[2] ?? range[1])]]))
  return pairs.length === ranges.length ? (pairs as [number, number][]) : null // each was made of two
}
