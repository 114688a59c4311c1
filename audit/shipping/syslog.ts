/**
 * Records as syslog messages (RFC 5424) over TCP or TLS, framed by octet counting (RFC 6587 §3.4.1, RFC 5425 §4.3).
 *
 * Syslog has no acknowledgement. Each batch is a connection of its own, ended by us and then by the receiver: it ends its side only
 * after it has read ours to the end, and a receiver that dies before that resets the connection. One that ends first has not read
 * all, and for its end to be told from an answer to ours, ours waits a round trip. So a batch counts as delivered when the receiver
 * has read it, and is sent again where that is not certain; records carry their sequence number, by which what came twice is told.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
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
  /** Waits between the last byte of a batch and our end. */
  readonly pause?: (milliseconds: number) => Promise<unknown>
}

/** Between machines of a network a round trip takes less; where opening the connection took longer, it is as long again. */
const ROUND_TRIP_MS = 100
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

/** One record's message with its length before it. A line whose beginning is damaged goes word for word too, under a head that claims nothing of it. */
export function syslogFrame(line: Buffer, from: string): Buffer {
  const { priority, time, id, data } = headOf(line) ?? DAMAGED
  const head = `<${priority}>1 ${time} ${from} landline - ${id} ${data} `
  return Buffer.concat([Buffer.from(`${Buffer.byteLength(head) + line.length} ${head}`), line])
}

const DAMAGED = { priority: FACILITY * 8 + SEVERITY.error, time: '-', id: 'damaged', data: '-' }
const HEAD_BYTES = 400
/** What a record begins with; nothing passes that would break the message. To parse the whole line takes longer. */
const HEAD =
  /^\{"@timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","ecs":\{"version":"[^"]*"\},"event":\{"id":"[0-9a-f-]{36}","sequence":([1-9]\d{0,14}),"kind":"event","category":\["\w+"\],"type":\[[\w",-]*\],"action":"([a-z-]{1,32})","outcome":"(success|failure)"/

function headOf(line: Buffer) {
  const [found, time = '', sequence = '', action = '', outcome = ''] =
    HEAD.exec(line.toString('latin1', 0, HEAD_BYTES)) ?? []
  if (found === undefined) return null
  const number = ((Number(sequence) - 1) % MOST_SEQUENCE_ID) + 1
  const severity = STOPPED.has(action) ? SEVERITY.warning : outcome === 'failure' ? SEVERITY.error : SEVERITY.notice
  return { priority: FACILITY * 8 + severity, time, id: action, data: `[meta sequenceId="${number}"]` }
}

async function deliver(options: SyslogOptions, lines: readonly Buffer[], signal: AbortSignal): Promise<void> {
  const bytes = Buffer.concat(lines.map((line) => syslogFrame(line, options.from)))
  signal.throwIfAborted()
  const socket = open(options)
  const abort = () => socket.destroy(new Error('given up'))
  signal.addEventListener('abort', abort, { once: true })
  socket.setTimeout(options.timeoutMs, () => socket.destroy(new Error(`nothing moved for ${options.timeoutMs} ms`)))
  try {
    await untilRead(socket, bytes, options.pause ?? wait)
  } finally {
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
}

/** For a socket that is being opened. */
function untilRead(socket: Socket, bytes: Buffer, pause: (milliseconds: number) => Promise<unknown>): Promise<void> {
  const began = performance.now()
  let openingMs = 0
  let isRead = false
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
      openingMs = performance.now() - began
    })
    socket.on('error', reject)
    socket.on('end', () => {
      isRead = socket.writableFinished
      if (!isRead) socket.destroy()
    })
    socket.on('close', () => (isRead ? resolve() : reject(new Error('the receiver closed before it had read all'))))
    socket.resume() // a receiver says nothing; what it says all the same is not kept
    socket.write(bytes, async (error) => {
      if (error) return
      await pause(Math.max(ROUND_TRIP_MS, openingMs))
      socket.end()
    })
  })
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
