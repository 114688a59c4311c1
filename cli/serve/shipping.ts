/** The receivers of records that the settings name, each with a shipper of its own. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Audit } from '../../audit/audit.ts'
import { type ShipMeter, type Shipper, startShipper } from '../../audit/shipping/shipper.ts'
import { descriptorSink, fileSink, type Sink } from '../../audit/shipping/sink.ts'
import { syslogSink } from '../../audit/shipping/syslog.ts'
import type { Metrics } from '../../metrics/metrics.ts'
import type { ServerConfig } from '../settings/settings.ts'
import type { Log } from './operator-log.ts'

type Target = ServerConfig['audit']['ship'][number]

const STDOUT = 1
const SYSLOG_MS = 15_000
/** How long a receiver may take for what is left at a stop. */
const LAST_MS = 3000

export interface Shipping {
  /** Delivers what is left, where the receivers are quick to take it. */
  close(): Promise<void>
}

/** What metrics and the log call the receivers: `stdout`, `file`, `syslog-logs.example-6514`; the second of a name with its number. */
export function shipNames({ audit }: ServerConfig): readonly string[] {
  const seen = new Map<string, number>()
  return audit.ship.map(({ to }) => {
    const name = to.kind === 'syslog' ? `syslog-${to.host.replaceAll(':', '_')}-${to.port}` : to.kind
    const number = (seen.get(name) ?? 0) + 1
    seen.set(name, number)
    return number === 1 ? name : `${name}-${number}`
  })
}

/** Rejects where a certificate cannot be read, or a cursor not be made. */
export async function startShipping(config: ServerConfig, audit: Audit, metrics: Metrics, log: Log): Promise<Shipping> {
  const meter: ShipMeter = { shipped: metrics.shipped, failed: metrics.shipFailed, behind: metrics.shipBehind }
  const names = shipNames(config)
  const paths = config.audit.ship.flatMap((target) => pathOf(target) ?? [])
  const shippers: Shipper[] = []
  for (const [index, target] of config.audit.ship.entries())
    shippers.push(
      await startShipper({
        dir: config.audit.dir,
        name: names[index] ?? '', // one for each target
        path: pathOf(target),
        paths,
        sink: sinkOf(target, config.name),
        written: audit.written,
        meter,
        log: (level, message, facts) => log[level](facts, message),
      }),
    )
  return {
    close: async () => {
      await Promise.all(shippers.map((shipper) => shipper.close(LAST_MS)))
    },
  }
}

/** Absolute; null where it is no file. */
function pathOf({ to, path }: Target): string | null {
  return to.kind === 'file' && path !== null ? resolve(path) : null
}

function sinkOf({ to, path, ca, cert, key }: Target, from: string): Sink {
  if (to.kind !== 'syslog') return to.kind === 'stdout' ? descriptorSink(STDOUT) : fileSink(path ?? '') // the settings have been checked
  const read = (file: string | null) => (file === null ? null : readFileSync(file, 'utf8'))
  const tls = to.tls ? { ca: read(ca), cert: read(cert), key: read(key) } : null
  return syslogSink({ host: to.host, port: to.port, tls, from, timeoutMs: SYSLOG_MS })
}
