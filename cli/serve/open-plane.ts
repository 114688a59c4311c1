/** One thread or several: which data plane the settings ask for. */
import { randomInt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Audit } from '../../audit/audit.ts'
import type { TallyRow } from '../../audit/tallies/row.ts'
import type { Tallies } from '../../audit/tallies/tallies.ts'
import { createReferences } from '../../audit/uuid.ts'
import type { Metrics } from '../../metrics/metrics.ts'
import type { OwnAddress } from '../../proxy/guard.ts'
import type { ProxyOptions } from '../../proxy/options.ts'
import type { ServerConfig } from '../settings/settings.ts'
import type { Log } from './operator-log.ts'
import { createLocalPlane, type InForce, type Plane } from './plane.ts'
import { proxyOptionsOf } from './wiring.ts'
import { createWorkerPlane } from './worker-plane.ts'

/** Where Node.js can have the kernel deal the connections to one port out to several listeners (SO_REUSEPORT). */
const SHARING: ReadonlySet<NodeJS.Platform> = new Set(['linux', 'freebsd', 'sunos', 'aix'])

type Workers = Pick<ServerConfig, 'workers'>

/** Threads that serve clients; 1: the main one does. */
export function workersOf({ workers }: Workers, platform = process.platform): number {
  if (workers !== 'auto') return workers
  return SHARING.has(platform) ? availableParallelism() : 1
}

/** Why there cannot be as many as the settings ask for; none: there can. */
export function workerProblems(config: Workers, platform = process.platform): readonly string[] {
  if (workersOf(config, platform) === 1 || SHARING.has(platform)) return []
  return ['workers: on this system several threads cannot share a port; write 1 (or auto), and run more instances']
}

/** Where it is known beforehand. */
function adminAddress({ admin: { address } }: ServerConfig): readonly OwnAddress[] {
  return address.port === 0 ? [] : [{ address: address.address.text, port: address.port }]
}

interface PlaneParts {
  readonly config: ServerConfig
  readonly audit: Audit
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => number
  readonly rules: InForce
}

export function openPlane(
  { config, audit, metrics, log, now, rules }: PlaneParts,
  tallies: Tallies,
  ownPages: ProxyOptions['ownPages'],
): Plane {
  const exchanges = createReferences()
  const options = {
    ...proxyOptionsOf(config),
    rules,
    recorder: audit,
    observer: metrics,
    tallied: (rows: readonly TallyRow[]) => tallies.add(rows),
    log,
    now,
    newId: () => exchanges.next(now()),
    ownPages,
    alsoOurs: [...adminAddress(config), { address: '127.0.0.1', port: ownPages.port }],
  }
  const threads = workersOf(config)
  if (threads > 1) return createWorkerPlane({ ...options, threads, key: randomInt(2 ** 32), meter: metrics })
  metrics.workers(1)
  return createLocalPlane(options)
}
