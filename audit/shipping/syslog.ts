/**
 * Records as syslog messages (RFC 5424) over TCP or TLS, framed by octet counting (RFC 6587 §3.4.1, RFC 5425 §4.3).
 *
 * Syslog has no acknowledgement. Each batch is a connection of its own, ended by us and then by the receiver: it ends its side only
 * after it has read ours to the end, and a receiver that dies before that resets the connection. So a batch counts as delivered
 * when the receiver has read it, and is sent again where that is not certain; records carry their sequence number, by which
 * what came twice is told.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { AuditRecord } from '../read.ts'
import type { Sink } from './sink.ts'

export interface SyslogOptions {
  readonly host: string
  readonly port: number
  /** PEM texts; null: TCP without encryption. `ca` null: the authorities that Node.js knows. */
  readonly tls: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null } | null
  /** The HOSTNAME of the messages: the proxy's name. */
  readonly from: string
  /** For a connection to be opened, taken and ended. */
  readonly timeoutMs: number
}

/** Log audit (RFC 5424 §6.2.1). */
const FACILITY = 13
const SEVERITY = { error: 3, warning: 4, notice: 5 } as const
const STOPPED: ReadonlySet<string> = new Set(['block', 'refuse', 'sever'])
/** RFC 5424 §7.3.1. */
const MOST_SEQUENCE_ID = 2 ** 31 - 1

export function syslogSink(options: SyslogOptions): Sink {
  return {
    deliver: (lines, signal) => deliver(options, lines, signal),
    async close() {},
  }
}

/** One record's message with its length before it. */
export function syslogFrame(line: Buffer, from: string): Buffer {
  const { '@timestamp': time, event } = JSON.parse(line.toString()) as AuditRecord // a line of our own log
  const priority = FACILITY * 8 + severityOf(event)
  const id = ((event.sequence - 1) % MOST_SEQUENCE_ID) + 1
  const head = `<${priority}>1 ${time} ${from} landline - ${event.action.slice(0, 32)} [meta sequenceId="${id}"] `
  return Buffer.concat([Buffer.from(`${Buffer.byteLength(head) + line.length} ${head}`), line])
}

function severityOf({ action, outcome }: AuditRecord['event']): number {
  if (STOPPED.has(action)) return SEVERITY.warning
  return outcome === 'failure' ? SEVERITY.error : SEVERITY.notice
}

async function deliver(options: SyslogOptions, lines: readonly Buffer[], signal: AbortSignal): Promise<void> {
  const socket = open(options)
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>()
  const abort = () => socket.destroy(new Error('given up'))
  signal.addEventListener('abort', abort, { once: true })
  socket.setTimeout(options.timeoutMs, () => socket.destroy(new Error(`nothing moved for ${options.timeoutMs} ms`)))
  socket.on('error', reject)
  let isRead = false
  socket.on('end', () => {
    isRead = socket.writableFinished
  })
  socket.on('close', () => (isRead ? resolve() : reject(new Error('the receiver closed before it had read all'))))
  socket.resume() // a receiver says nothing; what it says all the same is not kept
  socket.end(Buffer.concat(lines.map((line) => syslogFrame(line, options.from))))
  try {
    signal.throwIfAborted()
    await ended
  } finally {
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
}

function open({ host, port, tls }: SyslogOptions): Socket {
  if (tls === null) return connectTcp({ host, port })
  const { ca, cert, key } = tls
  const identity = cert === null || key === null ? {} : { cert, key }
  return connectTls({
    host,
    port,
    servername: /^[\d.]+$|:/.test(host) ? '' : host, // a name alone (RFC 6066 §3)
    minVersion: 'TLSv1.2',
    ...(ca === null ? {} : { ca }),
    ...identity,
  })
}
