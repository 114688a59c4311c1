/** What changes the rules of a running proxy: signals, files, and the clock. */
import type { Audit } from '../../audit/audit.ts'
import type { Keeper } from './keeper.ts'
import type { Log } from './operator-log.ts'
import type { Plane } from './plane.ts'
import { TimeWatch } from './time-watch.ts'

export interface ChangeOptions {
  readonly keeper: Keeper
  readonly shadow: Keeper | null
  readonly plane: Plane
  readonly audit: Audit
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Listens until the function that it returns is called; that one resolves when a reload that is under way has ended. */
export function listenForChanges({ keeper, shadow, plane, audit, log, now }: ChangeOptions): () => Promise<void> {
  const keepers = shadow === null ? [keeper] : [keeper, shadow]
  const reload = () => {
    for (const one of keepers) void one.reload('SIGHUP')
  }
  process.on('SIGHUP', reload)
  for (const one of keepers) one.watch()
  const time = new TimeWatch({
    policy: () => keeper.policy,
    now,
    record: (event) => audit.record(event),
    turned: () => void plane.rejudge('a time that the rules name has come'),
    log,
  })
  time.start()
  return async () => {
    process.off('SIGHUP', reload)
    time.stop()
    await Promise.all(keepers.map((one) => one.stop()))
  }
}
