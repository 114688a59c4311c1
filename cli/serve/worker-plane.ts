/**
 * The data plane in several threads, each with listeners of its own on the same ports: the kernel deals connections out to
 * them. One that dies takes along what was its own, and another takes its place.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Family } from '../../metrics/exposition.ts'
import { addUp, amountsOf } from '../../metrics/merge.ts'
import { connectionsOf, createSharedOccupancy, vacate } from '../../proxy/occupancy.ts'
import type { ListenerOptions } from '../../proxy/options.ts'
import type { SystemEvent } from '../../rules/events.ts'
import { pack } from './packed-in-force.ts'
import type { InForce, ListenAddress, Plane, PlaneOptions } from './plane.ts'
import { Restarts } from './restarts.ts'
import type { WorkerStart } from './worker-messages.ts'
import { WorkerThread } from './worker-thread.ts'

/** A thread that has not answered by then is read as it was last. */
const FAMILIES_MS = 1000
const LOOK_MS = 5000

export interface WorkerPlaneOptions extends PlaneOptions {
  readonly threads: number
  /** For the hash of clients in shared memory: random. */
  readonly key: number
  readonly meter: {
    /** Threads that serve. */
    workers(count: number): void
    workerReplaced(): void
  }
}

/** Does something again and again, until the function that it returns is called. */
type Often = (act: () => void) => () => void

/** `often`: how often threads are looked at; one that has not answered six looks is replaced. */
export function createWorkerPlane(options: WorkerPlaneOptions, often: Often = everyFewSeconds): Plane {
  return new WorkerPlane(options, often)
}

/** One of the threads, from its start to its end. */
interface Member {
  readonly thread: WorkerThread
  /** False until it listens. */
  serves: boolean
  /** What it had counted when it was last asked. */
  families: readonly Family[]
}

class WorkerPlane implements Plane {
  readonly failed: Promise<never>
  readonly #options: WorkerPlaneOptions
  readonly #often: Often
  readonly #occupancy
  readonly #members: (Member | null)[]
  readonly #restarts = new Restarts()
  readonly #timers = new Set<NodeJS.Timeout>()
  #rules: InForce
  #listeners: readonly ListenerOptions[]
  #fail: (error: Error) => void = () => {}
  /** What dead threads had counted: a counter must not go down. */
  #past: readonly Family[] = []
  #isOpen = false
  #stopLooking = () => {}
  #drain: Promise<void> | null = null

  constructor(options: WorkerPlaneOptions, often: Often) {
    this.#options = options
    this.#often = often
    this.#rules = options.rules
    this.#listeners = options.listeners
    this.#occupancy = createSharedOccupancy(options.threads, options.key)
    this.#members = new Array(options.threads).fill(null)
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {}) // who waits for it is told all the same
  }

  async listen(): Promise<readonly ListenAddress[]> {
    for (const listener of this.#listeners) await findFree(listener)
    const [first, ...others] = this.#members.map((_, place) => this.#start(place))
    const addresses = (await first?.thread.ask('listen', { listeners: this.#listeners })) ?? []
    this.#listeners = this.#listeners.map((listener, at) => ({
      ...listener,
      port: addresses[at]?.port ?? listener.port,
    }))
    await Promise.all(others.map(({ thread }) => thread.ask('listen', { listeners: this.#listeners })))
    for (const member of this.#members) if (member !== null) member.serves = true
    this.#isOpen = true
    this.#meter()
    this.#stopLooking = this.#often(() => this.#look())
    return addresses
  }

  async use(rules: InForce): Promise<void> {
    this.#rules = rules
    const packed = pack(rules)
    // A thread that ends meanwhile needs no answer: the next one starts with these.
    await Promise.allSettled(this.#threads().map((thread) => thread.ask('use', packed)))
  }

  async rejudge(why: string): Promise<void> {
    await Promise.allSettled(this.#threads().map((thread) => thread.ask('rejudge', { why })))
  }

  drain(): Promise<void> {
    this.#drain ??= this.#drainAll()
    return this.#drain
  }

  get connections(): number {
    return connectionsOf(this.#occupancy)
  }

  get troubles(): readonly string[] {
    const missing = this.#isOpen ? this.#members.filter((member) => !member?.serves).length : 0
    return missing === 0 || this.#drain !== null
      ? []
      : [`${missing} of ${this.#members.length} workers are being replaced`]
  }

  async families(): Promise<readonly (readonly Family[])[]> {
    const members = this.#members.filter((member) => member !== null)
    await Promise.all(members.map((member) => this.#count(member)))
    return [this.#past, ...members.map(({ families }) => families)]
  }

  async #drainAll(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.allSettled(this.#threads().map((thread) => thread.ask('drain', null)))
    this.#stopLooking() // not before: a thread that hangs would never have drained
    await this.families()
    await Promise.all(this.#threads().map((thread) => thread.terminate()))
  }

  #threads(): readonly WorkerThread[] {
    return this.#members.flatMap((member) => member?.thread ?? [])
  }

  #start(place: number): Member {
    const { rules, threads, key, meter, tallied, recorder, observer, log, now, newId, listeners, lookup, ...data } =
      this.#options
    const start: WorkerStart = {
      options: data,
      rules: pack(this.#rules),
      shared: { occupancy: this.#occupancy, thread: place },
    }
    const thread = new WorkerThread(start, { recorder, tallied, log })
    const member: Member = { thread, serves: false, families: [] }
    this.#members[place] = member
    void thread.ended.then((cause) => this.#ended(place, member, cause))
    return member
  }

  #ended(place: number, { families }: Member, cause: Error | null): void {
    this.#members[place] = null
    this.#past = addUp([this.#past, amountsOf(families)])
    const connections = vacate(this.#occupancy, place)
    const { log, recorder, meter } = this.#options
    const worker = place + 1
    if (this.#drain !== null) {
      if (cause !== null) log.error({ err: cause, worker, connections }, 'a worker has died before it had drained')
      return
    }
    this.#meter()
    meter.workerReplaced()
    log.error({ err: cause, worker, connections }, 'a worker has died, another takes its place')
    const event: SystemEvent = {
      action: 'worker-replaced',
      outcome: 'failure',
      reason: 'A thread that served clients has died, and another takes its place; its connections were cut',
      policy: this.#rules.policy,
      facts: { worker, connections, cause: cause === null ? 'it ended' : nameOf(cause) },
    }
    recorder.record(event).catch(() => {}) // the log tells of it
    const wait = this.#restarts.died()
    if (wait === null) this.#fail(new Error('workers die again and again; the errors before this one say of what'))
    else this.#later(wait, () => void this.#replace(place))
  }

  async #replace(place: number): Promise<void> {
    const member = this.#start(place)
    try {
      await member.thread.ask('listen', { listeners: this.#listeners })
      member.serves = true
      this.#meter()
      this.#options.log.info({ worker: place + 1 }, 'a worker serves in place of the one that died')
    } catch (error) {
      this.#options.log.error({ err: error, worker: place + 1 }, 'a worker cannot listen')
      await member.thread.terminate()
    }
  }

  async #count(member: Member): Promise<void> {
    const late = Symbol('late')
    const answer = await Promise.race([
      member.thread.ask('families', null).catch(() => late),
      new Promise<typeof late>((resolve) => setTimeout(resolve, FAMILIES_MS, late)),
    ])
    if (typeof answer !== 'symbol') member.families = answer
  }

  #look(): void {
    for (const [index, member] of this.#members.entries()) {
      if (member?.thread.look() === 1) this.#options.log.warn({ worker: index + 1 }, 'a worker does not answer')
    }
  }

  #meter(): void {
    this.#options.meter.workers(this.#members.filter((member) => member?.serves).length)
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    this.#timers.add(timer)
  }
}

function everyFewSeconds(act: () => void): () => void {
  const timer = setInterval(act, LOOK_MS)
  return () => clearInterval(timer)
}

/** Threads share a port with whoever else offers to: that nobody has it is found out by one that does not. */
async function findFree({ host, port }: ListenerOptions): Promise<void> {
  if (port === 0) return
  const server = createServer()
  server.listen({ host, port, exclusive: true })
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}

function nameOf(error: Error): string {
  return 'code' in error ? `${error.name} ${String(error.code)}` : error.name
}
