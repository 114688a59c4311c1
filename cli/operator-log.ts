/** The log for operators; records are for auditors, and kept apart. */
import { pino } from 'pino'
import type { TrafficEvent } from '../rules/events.ts'

export type Log = ReturnType<typeof createLog>

/** The operator's log: one JSON line an event to standard output, written at once. Never a client's address or path. */
export function createLog() {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 1, sync: true }))
}

/** One line for each recorded exchange: what was decided, and where to look it up. Who asked stands in the record alone. */
export function logRecorded({ action, verdict, destination }: TrafficEvent, reference: string, log: Log): void {
  const { segment, service, rule, exception } = verdict
  const host = destination?.domain ?? destination?.ip ?? null
  log.info(
    { action, reference, segment: segment.id, medium: segment.medium, service, rule, exception, host },
    'recorded',
  )
}
