/** What all exchanges of one proxy share. */

import type { Observer } from '../rules/events.ts'
import { Arrivals } from '../rules/tables/arrivals.ts'
import type { Guard } from './guard.ts'
import type { HeadReaderOptions } from './head-reader.ts'
import type { Occupancy } from './occupancy.ts'
import type { ProxyOptions } from './options.ts'
import type { OwnPages } from './own.ts'
import type { Pool } from './pool.ts'
import type { Rejudge } from './rejudge.ts'
import type { Resolver } from './resolve.ts'
import type { Suspects } from './suspect.ts'
import type { Tunnel } from './tunnel.ts'
import type { Waiting } from './waiting.ts'

export interface Context {
  readonly options: ProxyOptions
  readonly guard: Guard
  readonly pool: Pool
  readonly resolver: Resolver
  readonly suspects: Suspects
  readonly tunnels: Tunnels
  readonly occupancy: Occupancy
  readonly waiting: Waiting
  readonly rejudge: Rejudge
  readonly ownPages: OwnPages
  /** How the heads of answers are read. */
  readonly answerHeads: HeadReaderOptions
  /** True once the proxy drains: connections close after the answer that is under way. */
  readonly draining: () => boolean
}

/** The open tunnels. */
export class Tunnels {
  /** No Set, as for connections. */
  readonly open = new Arrivals<Tunnel>()

  /** Count what the open tunnels have carried since they were last counted. */
  sample(observer: Pick<Observer, 'tunnelBytes'>): void {
    for (const tunnel of this.open) tunnel.sample(observer)
  }
}
