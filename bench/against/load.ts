/** The load program, a process of its own: does one job at a time, as it is told by messages, and answers each with what it did. */
import { setTimeout as wait } from 'node:timers/promises'
import { Cycles, Held, Requests, Streams } from './clients.ts'
import type { Stoppable, To } from './connected.ts'
import type { Done, Job, Load } from './job.ts'
import { CLIENTS } from './plan.ts'
import { quantile } from './statistics.ts'

/** A round without an answer says nothing: on a machine that stands still it lasts until there is one, or so long. */
const PATIENCE_MS = 20_000

const held: Stoppable[] = []
/** Different in each job, so that none finds the clients of the one before. */
let turn = 0

process.on('message', async (job: Job) => process.send?.(await work(job)))
process.on('disconnect', () => process.exit(0))

async function work({ load, port, web, stream, seconds }: Job): Promise<Done> {
  turn += 1
  const tally = new Tally()
  const to = { port, web, stream, first: turn * 7001 }
  if (load.kind === 'release') for (const one of held.splice(0)) one.stop()
  else if (load.kind === 'hold') {
    const opened = new Held(to, tally, load.tunnels)
    held.push(opened)
    await opened.open
  } else {
    const clients = clientsOf(load, to, tally)
    const patience = performance.now() + PATIENCE_MS
    do await wait(seconds * 1000)
    while (tally.count === 0 && performance.now() < patience)
    const done = tally.done()
    for (const client of clients) client.stop()
    return done
  }
  return tally.done()
}

function clientsOf(load: Exclude<Load, { kind: 'hold' | 'release' }>, to: To, tally: Tally): readonly Stoppable[] {
  const count = load.kind === 'streams' ? load.tunnels : CLIENTS
  return Array.from({ length: count }, (_, index) => {
    if (load.kind === 'requests') return new Requests(to, tally, index, load)
    return load.kind === 'cycles' ? new Cycles(to, tally, index) : new Streams(to, tally, index)
  })
}

/** What was done so far. */
export class Tally {
  #count = 0
  #failures = 0
  #failure: string | null = null
  #waits = new Float64Array(1 << 20)
  #waited = 0

  get count(): number {
    return this.#count
  }

  add(count: number): void {
    this.#count += count
  }

  /** One more, which has waited so many milliseconds. */
  answered(milliseconds: number): void {
    this.#count += 1
    this.#waits[this.#waited++ & (this.#waits.length - 1)] = milliseconds
  }

  failed(reason: string): void {
    this.#failures += 1
    this.#failure ??= reason
  }

  done(): Done {
    const waits = this.#waits.subarray(0, Math.min(this.#waited, this.#waits.length)).sort()
    const { p50, p99 } = { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99) }
    return { count: this.#count, failures: this.#failures, failure: this.#failure, p50, p99 }
  }
}
