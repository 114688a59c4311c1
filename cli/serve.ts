/** `landline serve`: the composition root. Everything is opened in the order in which it is needed, and closed in reverse. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { pino } from 'pino'
import { createDenials } from '../admin/denials.ts'
import { createOwnPages } from '../admin/own.ts'
import { pacFile } from '../admin/pac.ts'
import { createAdmin } from '../admin/server.ts'
import { type Audit, openAudit } from '../audit/audit.ts'
import { createReferences } from '../audit/uuid.ts'
import { createMetrics, type Metrics } from '../metrics/metrics.ts'
import packageJson from '../package.json' with { type: 'json' }
import type { ProxyOptions } from '../proxy/options.ts'
import { createProxy } from '../proxy/server.ts'
import type { TrafficEvent } from '../rules/events.ts'
import type { Policy } from '../rules/policy.ts'
import { type ConfigFlags, formatConfigProblem, loadConfig } from './config.ts'
import { watchExpiry } from './expiry.ts'
import { EXIT, type ExitCode, type Io } from './io.ts'
import { type Candidate, Keeper, readCandidate, testCandidate } from './keeper.ts'
import { QUICK_START, type Sources } from './load.ts'
import { judgeFor, samplesOf } from './own-pages.ts'
import type { ServerConfig } from './settings.ts'
import { unsupported } from './supported.ts'

type Log = ReturnType<typeof createLog>

/** Runs until a signal asks it to stop, and returns the exit code: 0 after an orderly stop, 1 where it could not start. */
export async function serve(flags: ConfigFlags, env: NodeJS.ProcessEnv, io: Io): Promise<ExitCode> {
  const { config, problems } = loadConfig({ flags, env, readFile: (path) => readFileSync(path, 'utf8') })
  for (const problem of problems) io.complain(formatConfigProblem(problem))
  if (config === null) return EXIT.wrong
  const refused = unsupported(config)
  for (const line of refused) io.complain(line)
  if (refused.length > 0) return EXIT.wrong
  const log = createLog()
  try {
    await run(config, log, io)
    return EXIT.fine
  } catch (error) {
    if (!(error instanceof StartError)) log.fatal({ err: error }, 'landline could not start')
    for (const line of error instanceof StartError ? error.lines : [`landline: ${messageOf(error)}`]) io.complain(line)
    return EXIT.wrong
  }
}

/** Why there is nothing to run; the lines say it all. */
class StartError extends Error {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines[0] ?? 'landline could not start')
    this.lines = lines
  }
}

async function run(config: ServerConfig, log: Log, io: Io): Promise<void> {
  const { now } = io
  const stopped = stopSignal()
  const main = ruleFileOf(config)
  const metrics = createMetrics({
    version: packageJson.version,
    node: process.version,
    tunnelsLimit: config.limits.connections,
  })
  const denials = createDenials({ now })
  const audit = await openAuditOf(config, metrics, denials.remember, log, now)
  try {
    const first = await firstPolicy(main, config, audit, metrics, log, now)
    const keeper: Keeper = new Keeper(
      {
        main,
        catalogueDir: config.catalog ?? undefined,
        monitor: config.monitor,
        now,
        events: {
          changed: (policy, sources) => putInForce(policy, sources, audit, metrics),
          record: (event) => audit.record(event),
          reloaded: (ok) => metrics.reloaded(ok, now() / 1000),
          log,
        },
      },
      first.policy,
      first.sources,
    )
    await putInForce(first.policy, first.sources, audit, metrics)
    metrics.reloaded(first.isWhatWasAskedFor, now() / 1000)
    await serveUntil(stopped, { config, log, now, keeper, audit, metrics, denials })
  } finally {
    await audit.close()
  }
}

interface Parts {
  readonly config: ServerConfig
  readonly log: Log
  readonly now: () => number
  readonly keeper: Keeper
  readonly audit: Audit
  readonly metrics: Metrics
  readonly denials: ReturnType<typeof createDenials>
}

async function serveUntil(stopped: Promise<string>, parts: Parts): Promise<void> {
  const { config, log, now, keeper, audit, metrics, denials } = parts
  const token = randomBytes(32).toString('hex')
  const proxies = pacProxies(config)
  const pac = (mobile: boolean) => pacFile({ proxies, direct: config.pac.direct, mobile })
  const exchanges = createReferences()
  const ownPages = createOwnPages({
    name: config.name,
    ownHost: config.ownHost,
    token,
    judge: judgeFor(() => keeper.policy, now),
    samples: () => samplesOf(keeper.policy),
    serviceName: (id) => keeper.policy.services.get(id)?.name ?? null,
    pac,
    denials,
    now,
    log,
  })
  const { port: ownPort } = await ownPages.listen()
  const proxy = createProxy({
    ...proxyOptionsOf(config),
    policy: () => keeper.policy,
    recorder: audit,
    observer: metrics,
    log,
    now,
    newId: () => exchanges.next(now()),
    ownPages: { port: ownPort, token },
  })
  let state: 'starting' | 'serving' | 'draining' = 'starting'
  const admin = createAdmin({
    address: config.admin.address.text,
    allow: config.admin.allow,
    metrics: (accept) => metrics.expose(accept),
    ready: () => readiness(state, audit, config),
    // Who asks here is not known, and may take the file out of the building.
    pac: () => pac(true),
    log,
  })
  const adminAt = await admin.listen()
  const listeners = await proxy.listen()
  const reload = () => void keeper.reload('SIGHUP')
  process.on('SIGHUP', reload)
  keeper.watch()
  const stopExpiry = watchExpiry({ policy: () => keeper.policy, now, record: (event) => audit.record(event) })
  const { name, revision, mode } = keeper.policy
  await audit.record({
    action: 'start',
    outcome: 'success',
    reason: 'Landline has started',
    policy: keeper.policy,
    facts: { version: packageJson.version, node: process.version, mode },
  })
  state = 'serving'
  const at = listeners.map(({ address, port }) =>
    address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
  )
  log.info({ listeners: at, admin: adminAt.port, rules: name, revision, mode }, `landline listens on ${at.join(', ')}`)

  const signal = await stopped
  state = 'draining'
  log.info({ signal, connections: proxy.connections }, 'landline drains')
  process.off('SIGHUP', reload)
  stopExpiry()
  await keeper.stop()
  await proxy.drain()
  await audit.record({
    action: 'stop',
    outcome: 'success',
    reason: `Landline was stopped by ${signal}`,
    policy: keeper.policy,
    facts: {},
  })
  await Promise.all([admin.close(), ownPages.close()])
  log.info({}, 'landline has stopped')
}

/** Those that are named; else the first listener, where its address is one that clients can be told. */
function pacProxies({ pac, listeners }: ServerConfig): readonly string[] {
  if (pac.proxies.length > 0) return pac.proxies.map(({ text }) => text)
  const address = listeners[0]?.address
  const isAny = address === undefined || ['0.0.0.0', '::'].includes(address.address.text)
  return isAny ? [] : [address.text]
}

/** Resolves with the first signal that asks to stop; a second one does not wait for the drain. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.on(signal, () => {
        if (asked) process.exit(EXIT.wrong)
        asked = true
        resolve(signal)
      })
  })
}

/** The operator's log: one JSON line an event to standard output, written at once. Never a client's address or path. */
function createLog() {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 1, sync: true }))
}

function ruleFileOf({ rules, rulesNamed }: ServerConfig): string {
  return rulesNamed || existsSync(rules) ? rules : QUICK_START
}

interface First {
  readonly policy: Policy
  readonly sources: Sources
  /** False: the file is bad, and what runs is the archived last good revision. */
  readonly isWhatWasAskedFor: boolean
}

/** The file's policy; where the file is bad, the last one that ran, unless `strict`. Throws StartError where there is none. */
async function firstPolicy(
  main: string,
  config: ServerConfig,
  audit: Audit,
  metrics: Metrics,
  log: Log,
  now: () => number,
): Promise<First> {
  const asked = { main, catalogueDir: config.catalog ?? undefined, monitor: config.monitor, now }
  const candidate = await readCandidate(asked)
  if (candidate.policy !== null)
    return { policy: candidate.policy, sources: candidate.sources, isWhatWasAskedFor: true }
  const last = config.strict ? null : await lastGood(audit, config, log, now())
  if (last?.policy == null) throw new StartError(candidate.problems)
  metrics.reloaded(false, now() / 1000)
  log.error({ problems: candidate.problems, revision: last.policy.revision }, 'rules refused, the last good ones run')
  await audit.record({
    action: 'reload-failed',
    outcome: 'failure',
    reason: `${main} is refused at start; the last good rules run`,
    policy: last.policy,
    facts: { why: 'start', problems: candidate.problems.slice(0, 50) },
  })
  // What is watched from here on is the file that was asked for.
  return { policy: last.policy, sources: candidate.sources, isWhatWasAskedFor: false }
}

async function lastGood(audit: Audit, { monitor }: ServerConfig, log: Log, now: number): Promise<Candidate | null> {
  try {
    const archived = await audit.lastGood()
    if (archived === null) return null
    const { main, files, catalogue } = archived
    const sources = { main, files: new Map(Object.entries(files)), catalogue: new Map(Object.entries(catalogue)) }
    return testCandidate(sources, monitor, now)
  } catch (error) {
    log.error({ err: error }, 'the last good rules cannot be read')
    return null
  }
}

/** Archive first: what runs must be there to be looked up, whatever happens next. */
async function putInForce(
  policy: Policy,
  { main, files, catalogue }: Sources,
  audit: Audit,
  metrics: Metrics,
): Promise<void> {
  const texts = [...files].flatMap(([path, text]) => (text === null ? [] : [[path, text] as const]))
  await audit.archive({
    revision: policy.revision,
    main,
    files: Object.fromEntries(texts),
    catalogue: Object.fromEntries(catalogue),
  })
  metrics.policyChanged({
    name: policy.name,
    revision: policy.revision,
    mode: policy.mode,
    segments: [...policy.segments.values(), policy.unknownSeat.segment].map(({ id, medium }) => ({ id, medium })),
    services: [...policy.services.keys()],
    rules: policy.rules.map(({ entry }) => entry.id),
    exceptions: policy.file.exceptions.map(({ id, expiresAt }) => ({ id, expiresAt })),
  })
}

function openAuditOf(
  { audit, name }: ServerConfig,
  metrics: Metrics,
  remember: ReturnType<typeof createDenials>['remember'],
  log: Log,
  now: () => number,
): Promise<Audit> {
  return openAudit({
    dir: audit.dir,
    sync: audit.sync,
    onFailure: audit.onFailure,
    observer: { name, version: packageJson.version },
    repeatSeconds: audit.repeatSeconds,
    segmentBytes: audit.segmentBytes,
    now,
    meter: {
      recorded: metrics.recorded,
      writeFailed: metrics.auditWriteError,
      queued: metrics.auditQueue,
      synced: metrics.auditSync,
      diskFree: metrics.diskFree,
    },
    log: (level, message, facts) => log[level](facts, message),
    onRecord: (event, reference) => {
      if ('verdict' in event) logRecorded(event, reference, log)
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
        host,
        reason,
        alternative,
      })
    },
  })
}

/** One line for each recorded exchange: what was decided, and where to look it up. Who asked stands in the record alone. */
function logRecorded({ action, verdict, destination }: TrafficEvent, reference: string, log: Log): void {
  const { segment, service, rule, exception } = verdict
  const host = destination?.domain ?? destination?.ip ?? null
  log.info(
    { action, reference, segment: segment.id, medium: segment.medium, service, rule, exception, host },
    'recorded',
  )
}

function proxyOptionsOf({
  name,
  ownHost,
  listeners,
  limits,
  origins,
  parents,
  audit,
}: ServerConfig): Pick<ProxyOptions, 'name' | 'ownHost' | 'listeners' | 'limits' | 'origins' | 'parents' | 'resolveDenied'> {
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
    resolveDenied: audit.resolveDenied,
  }
}

function readiness(state: string, audit: Audit, config: ServerConfig) {
  const reasons: string[] = []
  if (state !== 'serving') reasons.push(state)
  if (config.audit.onFailure === 'block' && !audit.healthy()) reasons.push('records cannot be written')
  return { ready: reasons.length === 0, reasons }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
