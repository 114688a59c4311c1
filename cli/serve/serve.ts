/** `landline serve`: the composition root. Everything is opened in the order in which it is needed, and closed in reverse. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createDenials } from '../../admin/denials.ts'
import { createOwnPages } from '../../admin/own.ts'
import { pacFile } from '../../admin/pac.ts'
import type { Audit } from '../../audit/audit.ts'
import { AuditError } from '../../audit/error.ts'
import { portsFact } from '../../audit/listed-ports.ts'
import { createMetrics, type Metrics } from '../../metrics/metrics.ts'
import packageJson from '../../package.json' with { type: 'json' }
import type { Policy } from '../../rules/policy.ts'
import { apiRoutes } from '../api/routes.ts'
import { EXIT, type ExitCode, type Io } from '../io.ts'
import { type ConfigFlags, formatConfigProblem, loadConfig } from '../settings/config.ts'
import type { ServerConfig } from '../settings/settings.ts'
import { type AdminFiles, readAdminFiles } from './admin-files.ts'
import { openAdminPort } from './admin-port.ts'
import { type Signing, signingOf } from './audit-signing.ts'
import { breakglassFor } from './breakglass-wiring.ts'
import type { Candidate } from './candidate.ts'
import { endpointsOf, orCannotListen } from './cannot-listen.ts'
import { listenForChanges } from './changes.ts'
import { archive, type First, firstPolicy, ruleFileOf, StartError } from './first-policy.ts'
import { giveBackInQuietTimes } from './give-back.ts'
import { beginning, changing } from './in-force.ts'
import { Keeper } from './keeper.ts'
import { labelMetrics } from './label-metrics.ts'
import { boundMemory } from './memory.ts'
import { openPlane, workerProblems, workersOf } from './open-plane.ts'
import { type Log, type OperatorLog, openLog } from './operator-log.ts'
import { judgeFor, samplesOf } from './own-pages.ts'
import { firstShadow, shadowKeeperFor } from './shadow.ts'
import { shipNames, startShipping } from './shipping.ts'
import { warnOfSmallSegments } from './small-segments.ts'
import { untilDone } from './until-done.ts'
import { openAuditOf, openTalliesOf, pacProxies, readiness } from './wiring.ts'

/** Runs until a signal asks it to stop, and returns the exit code: 0 after an orderly stop, 1 where it could not start. */
export async function serve(flags: ConfigFlags, env: NodeJS.ProcessEnv, io: Io): Promise<ExitCode> {
  const { config, problems, placeOf } = loadConfig({ flags, env, readFile: (path) => readFileSync(path, 'utf8') })
  for (const problem of problems) io.complain(formatConfigProblem(problem))
  if (config === null) return problems.some(({ where }) => where.startsWith('--')) ? EXIT.usage : EXIT.wrong
  const refused = workerProblems(config)
  for (const line of refused) io.complain(line)
  if (refused.length > 0) return EXIT.wrong
  const operator = openLog(io.complain)
  const { log } = operator
  try {
    await run(config, endpointsOf(config, placeOf), operator, io)
    return EXIT.fine
  } catch (error) {
    // Where another process has the folder, the message says which, and what to do: there is no fault to look for.
    const isLocked = error instanceof AuditError && error.code === 'ERR_AUDIT_LOCKED'
    if (!(error instanceof StartError || isLocked)) log.fatal({ err: error }, 'landline has failed')
    for (const line of error instanceof StartError ? error.lines : [`landline: ${messageOf(error)}`]) io.complain(line)
    return EXIT.wrong
  }
}

async function run(config: ServerConfig, endpoints: Parts['endpoints'], operator: OperatorLog, io: Io): Promise<void> {
  const { log } = operator
  const { now } = io
  const stopped = stopSignal()
  const main = ruleFileOf(config)
  const adminFiles = readAdminFiles(config.admin, log)
  const metrics = createMetrics({
    version: packageJson.version,
    node: process.version,
    tunnelsLimit: config.limits.connections,
    shipTargets: shipNames(config),
  })
  const denials = createDenials({ now })
  const signing = signingOf(config, metrics, log)
  const audit = await openAuditOf(config, signing, metrics, denials.remember, operator, now)
  const shipping = await startShipping(config, audit, metrics, log).catch(async (error: unknown) => {
    await audit.close()
    throw error
  })
  try {
    const first = await firstPolicy(main, config, audit, metrics, log, now)
    const shadow = await firstShadow(config, now)
    const parts: Parts = {
      main,
      config,
      endpoints,
      adminFiles,
      signing,
      log,
      now,
      first,
      shadow,
      audit,
      metrics,
      denials,
    }
    labelMetrics(beginning(parts), metrics)
    warnOfSmallSegments(first.policy, config, log)
    await serveUntil(stopped, parts)
  } finally {
    await shipping.close()
    await audit.close()
  }
}

interface Parts {
  readonly main: string
  readonly config: ServerConfig
  readonly endpoints: ReturnType<typeof endpointsOf>
  readonly adminFiles: AdminFiles
  readonly signing: Signing
  readonly log: Log
  readonly now: () => number
  readonly first: First
  readonly shadow: Candidate | null
  readonly audit: Audit
  readonly metrics: Metrics
  readonly denials: ReturnType<typeof createDenials>
}

async function serveUntil(stopped: Promise<string>, parts: Parts): Promise<void> {
  const { config, endpoints, signing, log, now, audit, metrics, denials } = parts
  const token = randomBytes(32).toString('hex')
  let proxies: readonly string[] = []
  // Where clients cannot be told of a proxy, a way past it is all that the file could offer: it offers none.
  const pac = (mobile: boolean) =>
    pacFile({ proxies, direct: config.pac.direct, mobile: mobile || proxies.length === 0 })
  const ownPages = createOwnPages({
    name: config.name,
    ownHost: config.ownHost,
    token,
    judge: judgeFor(() => breakglass.policy, now),
    rules: () => keeper.policy,
    samples: () => samplesOf(keeper.policy),
    serviceCount: () => keeper.policy.services.size,
    serviceName: (id) => keeper.policy.services.get(id)?.name ?? null,
    pac,
    denials,
    now,
    log,
  })
  const { port: ownPort } = await ownPages.listen()
  const tallies = openTalliesOf(config, audit, metrics, log, now)
  const plane = openPlane({ ...parts, rules: beginning(parts) }, tallies, { port: ownPort, token })
  const change = changing(beginning(parts), plane, metrics)
  const keeper = keeperFor(parts, (policy) => change({ policy }))
  const breakglass = breakglassFor(parts, keeper, (lifts) => change({ lifts }))
  const shadow = shadowKeeperFor({ ...parts, changed: (shadow) => change({ shadow }) })
  const archived = await archiveFirst(parts, keeper)
  metrics.reloaded(parts.first.isWhatWasAskedFor, now() / 1000)
  let state: 'starting' | 'serving' | 'draining' = 'starting'
  const admin = openAdminPort({
    config,
    files: parts.adminFiles,
    routes: apiRoutes({
      config,
      keeper,
      breakglass,
      audit,
      signingKey: parts.signing.evidence.key,
      log,
      now,
      state: () => state,
    }),
    recorder: audit,
    now,
    metrics: async (accept) => metrics.expose(accept, await plane.families()),
    ready: () => readiness({ state, audit, config, plane, isRefused: keeper.isRefused, lifted: breakglass.active }),
    // Who asks here is not known, and may take the file out of the building.
    pac: () => pac(true),
    log,
  })
  let quiet = async () => {}
  let started = () => {}
  try {
    const adminPort = await orCannotListen(admin.listen(), [endpoints.admin])
    await breakglass.resume()
    const listeners = await orCannotListen(plane.listen(), endpoints.listeners)
    quiet = listenForChanges({ keeper, shadow, plane, audit, log, now })
    const { name, revision, mode } = keeper.policy
    const at = listeners.map(({ address, port }) =>
      address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    )
    proxies = pacProxies(config, at[0])
    if (proxies.length === 0) log.warn({}, 'pac.proxies is empty: /proxy.pac sends clients nowhere')
    const policy = keeper.policy
    const facts = {
      version: packageJson.version,
      node: process.version,
      workers: workersOf(config),
      mode,
      shadow: shadow?.policy.revision ?? null,
      // Without them, nobody could tell later which tunnels they would have stopped.
      connect_ports: portsFact(config.origins.connectPorts),
      ...signing.facts,
    }
    const start = { action: 'start', outcome: 'success', reason: 'Landline has started', policy, facts } as const
    started = await untilDone('recording the start', () => audit.record(start), log)
    state = 'serving'
    boundMemory(workersOf(config))
    giveBackInQuietTimes()
    log.info({ listeners: at, admin: adminPort, rules: name, revision, mode }, `landline listens on ${at.join(', ')}`)

    const signal = await Promise.race([stopped, plane.failed])
    state = 'draining'
    log.info({ signal, connections: plane.connections }, 'landline drains')
    started()
    await quiet()
    await plane.drain()
    await tallies.close()
    await admin.settle()
    await audit.record({
      action: 'stop',
      outcome: 'success',
      reason: `Landline was stopped by ${signal}`,
      policy: keeper.policy,
      facts: {},
    })
  } finally {
    // Also where a port is taken or a record cannot be written: what is left open would keep the process from its end.
    state = 'draining'
    await quiet()
    archived()
    await plane.drain()
    await tallies.close()
    await Promise.all([admin.close(), ownPages.close()])
    // The last: as long as anything is served, it can be ended.
    await breakglass.stop()
  }
  log.info({}, 'landline has stopped')
}

function keeperFor(
  { main, config, audit, metrics, log, now, first }: Parts,
  changed: (policy: Policy) => Promise<void>,
): Keeper {
  return new Keeper(
    {
      main,
      catalogueDir: config.catalog ?? undefined,
      monitor: config.monitor,
      now,
      events: {
        archive: (policy, sources) => archive(policy, sources, audit),
        changed,
        record: (event) => audit.record(event),
        reloaded: (ok) => metrics.reloaded(ok, now() / 1000),
        log,
      },
    },
    first,
  )
}

/** A full disk must not keep a proxy from its start: what needs no record is served all the same. */
function archiveFirst({ first, audit, log }: Parts, keeper: Keeper): Promise<() => void> {
  const work = async () => {
    if (keeper.policy === first.policy) await archive(first.policy, first.sources, audit)
  }
  return untilDone('archiving the rules', work, log)
}

/** A terminal sends its signal to all that run in it, and npm passes it on besides: what comes so soon after the first is the same one. */
const SAME_SIGNAL_MS = 1000

/** Resolves with the first signal that asks to stop; another one, later, does not wait for the drain. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let askedAt: number | null = null
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.on(signal, () => {
        askedAt ??= performance.now()
        if (performance.now() - askedAt > SAME_SIGNAL_MS) process.exit(EXIT.wrong)
        resolve(signal)
      })
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
