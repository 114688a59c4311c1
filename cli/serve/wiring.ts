/** What the parts of a running proxy are given, out of the settings. */
import { readFileSync } from 'node:fs'
import type { Denials } from '../../admin/denials.ts'
import type { Readiness } from '../../admin/server.ts'
import { type Audit, openAudit } from '../../audit/audit.ts'
import { openTallies, type Tallies } from '../../audit/tallies/tallies.ts'
import type { Metrics } from '../../metrics/metrics.ts'
import packageJson from '../../package.json' with { type: 'json' }
import type { ProxyOptions } from '../../proxy/options.ts'
import { PORT_REFUSAL } from '../../rules/events.ts'
import type { ServerConfig } from '../settings/settings.ts'
import type { Signing } from './audit-signing.ts'
import type { Breakglass } from './breakglass-store.ts'
import type { Log, OperatorLog } from './operator-log.ts'
import type { Plane } from './plane.ts'

/** The one writer of records. Each is told to the operator's log, and denials to the page where clients find their own. */
export function openAuditOf(
  { audit, name }: ServerConfig,
  { evidence }: Signing,
  metrics: Metrics,
  remember: Denials['remember'],
  { log, recorded }: OperatorLog,
  now: () => number,
): Promise<Audit> {
  return openAudit({
    dir: audit.dir,
    sync: audit.sync,
    onFailure: audit.onFailure,
    observer: { name, version: packageJson.version },
    repeatSeconds: audit.repeatSeconds,
    segmentBytes: audit.segmentBytes,
    evidence,
    ...(audit.privacy === 'plain' ? {} : { privacy: { key: audit.privacyKey, retentionDays: audit.retentionDays } }),
    retentionDays: audit.retentionDays,
    now,
    meter: {
      recorded: metrics.recorded,
      writeFailed: metrics.auditWriteError,
      queued: metrics.auditQueue,
      synced: metrics.auditSync,
      diskFree: metrics.diskFree,
      oldestRecord: metrics.auditOldest,
      unreviewed: metrics.auditUnreviewed,
    },
    log: (level, message, facts) => log[level](facts, message),
    onRecord: (event, reference) => {
      if ('verdict' in event) recorded(event, reference)
      if (event.action !== 'block' && event.action !== 'refuse') return
      const { verdict, source, destination } = event
      const { service, segment, rule, reason, alternative } = verdict
      const host = destination?.domain ?? destination?.ip ?? ''
      remember({
        reference,
        at: now(),
        client: source.ip,
        service,
        segment: segment.id,
        rule,
        by: event.because === null ? 'rules' : event.because === PORT_REFUSAL ? 'port' : 'guard',
        host,
        reason,
        alternative,
      })
    },
  })
}

/** Allowed conferencing, counted beside the log; its files are named in records. */
export function openTalliesOf(
  config: ServerConfig,
  audit: Audit,
  metrics: Metrics,
  log: Log,
  now: () => number,
): Tallies {
  return openTallies({
    dir: config.audit.dir,
    now,
    record: (event) => audit.record(event),
    meter: { tallied: metrics.tallied, failed: metrics.auditWriteError },
    log: (level, message, facts) => log[level](facts, message),
  })
}

/** What the data plane takes from the settings. Throws where a certificate cannot be read. */
export function proxyOptionsOf({
  name,
  ownHost,
  listeners,
  limits,
  origins,
  parents,
  audit,
  existingTunnels,
}: ServerConfig): Pick<
  ProxyOptions,
  'name' | 'ownHost' | 'listeners' | 'limits' | 'origins' | 'parents' | 'existingTunnels' | 'resolveDenied'
> {
  return {
    name,
    ownHost,
    listeners: listeners.map(({ address, clientAddress, trusted, tls }) => ({
      host: address.address.text,
      port: address.port,
      clientAddress,
      trusted,
      tls: tls === null ? null : { cert: readFileSync(tls.cert, 'utf8'), key: readFileSync(tls.key, 'utf8') },
    })),
    limits,
    origins,
    parents: parents.map(({ url }) => url),
    existingTunnels,
    resolveDenied: audit.resolveDenied,
  }
}

/** Those that are named; else the first listener, where it is bound `at` an address that clients can be told. */
export function pacProxies({ pac, listeners }: ServerConfig, at: string | undefined): readonly string[] {
  if (pac.proxies.length > 0) return pac.proxies.map(({ text }) => text)
  const isAny = at === undefined || /^(?:0\.0\.0\.0|\[::\]):/.test(at)
  return isAny ? [] : [listeners[0]?.tls == null ? at : `https://${at}`]
}

/** What `/readyz` says. Refused rules do not make it unready: the last good ones are in force. */
export function readiness({
  state,
  audit,
  config,
  plane,
  isRefused,
  lifted,
}: {
  readonly state: string
  readonly audit: Pick<Audit, 'healthy'>
  readonly config: ServerConfig
  readonly plane: Pick<Plane, 'troubles'>
  readonly isRefused: boolean
  readonly lifted: readonly Breakglass[]
}): Readiness {
  const reasons: string[] = [...plane.troubles]
  if (state !== 'serving') reasons.push(state)
  const isUnwritten = !audit.healthy()
  if (config.audit.onFailure === 'block' && isUnwritten) reasons.push('records cannot be written')
  const warnings = lifted.map(({ id, until }) => `${id} lifts rules until ${new Date(until).toISOString()}`)
  if (isRefused) warnings.push('the rule file is refused; the last good rules are in force')
  if (config.audit.onFailure === 'continue' && isUnwritten)
    warnings.push('records cannot be written; they wait in memory while traffic goes on')
  return { ready: reasons.length === 0, reasons, warnings }
}
