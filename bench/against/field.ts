/** All that take part: the origin, the load program, and the proxies, started and ended together. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contender, Started } from './contender.ts'
import type { Done, Job } from './job.ts'
import { boundTo, cpuSeconds, type Places } from './machine.ts'
import type { OriginPorts } from './origin.ts'

/** What a contender did in one round. */
export interface Round extends Done {
  /** User and system, of all its processes. */
  readonly cpuSeconds: number
  readonly seconds: number
}

export class Field {
  readonly #places: Places
  readonly #dir: string
  readonly #origin: ChildProcess
  readonly #ports: OriginPorts
  readonly #load: ChildProcess
  #started = 0
  #running = new Set<Started>()

  private constructor(places: Places, origin: ChildProcess, ports: OriginPorts, load: ChildProcess) {
    this.#places = places
    this.#dir = mkdtempSync(join(tmpdir(), 'landline-bench-'))
    chmodSync(this.#dir, 0o755) // some of those within go on as a user of their own
    this.#origin = origin
    this.#ports = ports
    this.#load = load
  }

  static async open(places: Places): Promise<Field> {
    const origin = program('origin.ts', places.load)
    const ports = await reply<OriginPorts>(origin)
    return new Field(places, origin, ports, program('load.ts', places.load))
  }

  async start(contender: Contender, place = this.#places.proxy): Promise<Started> {
    const dir = join(this.#dir, String(this.#started++))
    mkdirSync(dir)
    const started = await contender.start({ dir, place, web: this.#ports.web })
    this.#running.add(started)
    return started
  }

  async stop(started: Started): Promise<void> {
    this.#running.delete(started)
    await started.stop()
  }

  /** One round: the load on one proxy, and what that cost it. */
  async run({ port, pid }: Started, load: Job['load'], seconds: number): Promise<Round> {
    const job: Job = { load, port, seconds, ...this.#ports }
    const before = cpuSeconds(pid)
    const start = performance.now()
    this.#load.send(job)
    const done = await reply<Done>(this.#load)
    return { ...done, cpuSeconds: cpuSeconds(pid) - before, seconds: (performance.now() - start) / 1000 }
  }

  async close(): Promise<void> {
    for (const started of [...this.#running]) await this.stop(started)
    for (const child of [this.#origin, this.#load]) {
      child.kill()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** One of our own programs, which talks by messages and ends with us. */
function program(file: string, place: string | null): ChildProcess {
  const [execPath, ...before] = boundTo(place, [process.execPath])
  return fork(join(import.meta.dirname, file), { execPath, execArgv: before })
}

/** The next message. Rejects where the program ends before. */
async function reply<T>(child: ChildProcess): Promise<T> {
  const ended = new AbortController()
  const end = once(child, 'exit', { signal: ended.signal }).then(
    () => Promise.reject(new Error('the origin or the load program has ended')),
    () => new Promise<never>(() => {}),
  )
  try {
    const [message] = await Promise.race([once(child, 'message', { signal: ended.signal }), end])
    return message as T // by the type of the program that was asked
  } finally {
    ended.abort()
  }
}
