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

/** Of the logs that are kept, each for one decision. */
const MOST_KEPT = 1000

interface DecisionLog {
  readonly action: string
  readonly rule: string
  readonly exception: string | null
  readonly log: Pick<Log, 'info'>
}

/**
 * One line for each recorded exchange: what was decided, and where to look it up. Who asked stands in the record alone. What the
 * lines of one decision share is written out once.
 */
export function createDecisionLog(log: Log): (event: TrafficEvent, reference: string) => void {
  const kept = new Map<string, DecisionLog[]>()
  let count = 0
  const logOf = ({ action, verdict: { service, rule, exception } }: TrafficEvent) => {
    const known = kept
      .get(service)
      ?.find((one) => one.action === action && one.rule === rule && one.exception === exception)
    if (known !== undefined) return known.log
    if (count >= MOST_KEPT) {
      kept.clear()
      count = 0
    }
    const made = { action, rule, exception, log: log.child({ action, service, rule, exception }) }
    kept.set(service, [...(kept.get(service) ?? []), made])
    count += 1
    return made.log
  }
  return (event, reference) => {
    const { destination, verdict } = event
    const { id: segment, medium } = verdict.segment
    const host = destination?.domain ?? destination?.ip ?? null
    logOf(event).info({ reference, segment, medium, host }, 'recorded')
  }
}
