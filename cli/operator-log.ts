/** The log for operators; records are for auditors, and kept apart. */
import { pino } from 'pino'
import type { TrafficEvent } from '../rules/events.ts'

export type Log = ReturnType<typeof createLog>

/** The operator's log: one JSON line an event to standard output, written at once. Never a client's address or path. */
export function createLog() {
  const output = pino.destination({ dest: 1, sync: true })
  return pino(
    { base: null, timestamp: createClock() },
    inOneWrite((text) => output.write(text)),
  )
}

/**
 * What is logged in one go, as the records of a batch are, is written in one go: before anything else happens, and before the
 * process ends, however it does so by itself.
 */
function inOneWrite(write: (text: string) => void): { write(line: string): void } {
  let waiting = ''
  const flush = () => {
    const text = waiting
    waiting = ''
    if (text !== '') write(text)
  }
  process.on('exit', flush)
  return {
    write(line) {
      if (waiting === '') queueMicrotask(flush)
      waiting += line
    },
  }
}

/** pino's `isoTime`; the text is made once for each millisecond. */
function createClock(): () => string {
  let at = Number.NaN
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== at) text = `,"time":"${new Date(now).toISOString()}"`
    at = now
    return text
  }
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
