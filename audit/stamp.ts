/** Of a line what the chain needs, read without parsing all of it: five million lines are verified in a minute or two. */
import type { AuditRecord } from './read.ts'

export interface Stamp {
  readonly sequence: number
  /** The record's reference. */
  readonly id: string
  /** As written: ISO 8601, UTC. */
  readonly time: string
  readonly prev: string
  /** Not of traffic: what it says may matter for the log itself. */
  readonly isSystem: boolean
}

const HEAD_BYTES = 200
const HEAD =
  /^\{"@timestamp":"([^"]{24})","ecs":\{"version":"[^"]*"\},"event":\{"id":"([0-9a-f-]{36})","sequence":(\d{1,15}),"kind":"event","category":\["(\w+)"\]/
const PREV = /"prev":"([A-Za-z0-9+/=]{44})"\}\}$/
const PREV_BYTES = 56

/** null where the line is no record. */
export function readStamp(line: Buffer): Stamp | null {
  const head = HEAD.exec(line.toString('latin1', 0, HEAD_BYTES))
  const tail = PREV.exec(line.toString('latin1', Math.max(0, line.length - PREV_BYTES)))
  if (head === null || tail === null) return null
  const [, time = '', id = '', sequence = '', category = ''] = head
  return { sequence: Number(sequence), id, time, prev: tail[1] ?? '', isSystem: category !== 'network' }
}

/** The whole record; null where the line is not JSON. */
export function parseRecord(line: Buffer): AuditRecord | null {
  try {
    return JSON.parse(line.toString())
  } catch {
    return null
  }
}
