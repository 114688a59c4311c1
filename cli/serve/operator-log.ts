/** The log for operators; records are for auditors, and kept apart. */
import { type Logger, pino } from 'pino'
import { NAME, quoteOrNull, withinQuotes } from '../../audit/text.ts'
import type { TrafficEvent } from '../../rules/events.ts'
import { LogOutput } from './log-output.ts'

export type Log = Logger

export interface OperatorLog {
  readonly log: Log
  /** One line for each recorded exchange: what was decided, and where to look it up. Who asked stands in the record alone. */
  readonly recorded: (event: TrafficEvent, reference: string) => void
}

/** The operator's log: one JSON line an event to standard output, written at once. Never a client's address or path. */
export function openLog(complain: (line: string) => void): OperatorLog {
  const missing = (lines: number) => log.warn({ lines }, 'the log could not be written for a while: lines are missing')
  const lines = inOneWrite(new LogOutput({ complain, missing }))
  const timestamp = createClock()
  const log = pino({ base: null, timestamp }, lines)
  const begin = `{"level":${pino.levels.values.info}`
  return {
    log,
    // As pino would write it: in a storm of denials, going through an object field by field costs as much as to judge them.
    recorded({ action, verdict: { segment, service, rule, exception }, destination }, reference) {
      const host = destination?.domain ?? destination?.ip ?? null
      lines.write(
        `${begin}${timestamp()},"action":"${action}","reference":"${reference}","segment":"${withinQuotes(segment.id, NAME)}",` +
          `"medium":"${segment.medium}","service":"${withinQuotes(service, NAME)}","rule":"${withinQuotes(rule, NAME)}",` +
          `"exception":${quoteOrNull(exception, NAME)},"host":${quoteOrNull(host, NAME)},"msg":"recorded"}\n`,
      )
    },
  }
}

/**
 * What is logged in one go, as the records of a batch are, is written in one go: before anything else happens, and before the
 * process ends, however it does so by itself.
 */
function inOneWrite(output: LogOutput): { write(line: string): void } {
  let waiting = ''
  const take = () => {
    const text = waiting
    waiting = ''
    return text
  }
  const flush = () => {
    const text = take()
    if (text !== '') output.write(text)
  }
  process.on('exit', () => output.end(take()))
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
