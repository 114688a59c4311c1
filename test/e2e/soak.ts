/**
 * Honest clients beside hostile ones: tunnels that stay open and requests at a steady rate, while thousands of connections
 * come and go that mean no good. Tells what of the honest was lost, and what the proxy held before and after.
 */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer as createWebServer } from 'node:http'
import { createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { ask, readHead, tunnel } from './ask.ts'
import { hostile, type Places } from './hostile-clients.ts'
import { LOOPBACK, listen, type Running, start } from './landline.ts'

export interface Scale {
  readonly seconds: number
  readonly tunnels: number
  readonly requestsPerSecond: number
  /** Hostile connections in all; a tenth more of them warm the proxy up. */
  readonly hostile: number
}

export interface Usage {
  readonly residentBytes: number
  readonly descriptors: number
}

export interface Soaked {
  /** Honest requests and echoes that were asked for. */
  readonly asked: number
  /** What became of those that were lost. */
  readonly lost: readonly string[]
  /** Of the operator's log: lines that speak of an error. */
  readonly errors: readonly string[]
  /** Just started, and when all was over. */
  readonly idle: Usage
  readonly end: Usage
  /** With tunnels and requests, before and after the hostile ones. */
  readonly before: Usage
  readonly after: Usage
  /** How both moved while they came and went, by least squares over the second half of that time; each a second. */
  readonly slope: Usage
  /** null: it did not end by itself on SIGTERM. */
  readonly exitCode: number | null
}

const RULES = `version: 1
name: soak
unknown_clients: refuse
segments: { desks: { medium: wired, prefixes: [127.1.0.0/16, 127.0.0.1] }, wifi: { medium: wireless, prefixes: [127.2.0.0/16] } }
rules: [{ id: no-zoom, service: zoom, except: { medium: wired }, action: block }]
ip_literals: allow
`
/** Short waits, so that what is left behind shows soon. */
const LIMITS = 'limits: { head_ms: 2000, hello_ms: 1000 }\n'
const PATIENCE_MS = 15_000
/** How long memory and descriptors may take to come back: longer than a connection to an origin waits for its next request. */
const SETTLE_MS = 40_000
const ANY: Usage = { residentBytes: Number.POSITIVE_INFINITY, descriptors: Number.POSITIVE_INFINITY }
const MAX_HOSTILE_AT_ONCE = 2000
const BIG = Buffer.alloc(1_000_000, 'x')
/** "Where they were": so much more is still the same. */
export const MARGIN = 1.1

/** From a sixteenth of the desks each: no client has too many tunnels. */
const desk = (number: number) => `127.1.0.${1 + (number % 16)}`
/** Half of them in a segment, half in none. */
const lair = (number: number) => `127.${2 + (number % 2)}.0.${1 + (number % 200)}`

/** `watch` is told what the proxy holds, once a second while the hostile come and go. */
export async function soak(
  t: Pick<Test, 'teardown'>,
  scale: Scale,
  watch: (second: number, usage: Usage) => void = () => {},
): Promise<Soaked> {
  const test = t as Test // nothing else of it is used below
  const landline = await start(test, { rules: RULES, config: LOOPBACK + LIMITS })
  const places = { port: landline.port, ...(await origins(test)) }
  const honest = new Honest(places)
  await honest.request()
  const idle = usage(landline)
  await honest.openTunnels(scale.tunnels)
  const stop = honest.start(scale.requestsPerSecond)
  await attack(scale.hostile / 10, scale.seconds / 10, places)
  await settled(landline, { ...ANY, descriptors: 2 * scale.tunnels + idle.descriptors })
  const before = usage(landline)
  const samples: Usage[] = []
  const sampler = setInterval(() => watch(samples.length, samples[samples.push(usage(landline)) - 1] ?? before), 1000)
  await attack(scale.hostile, scale.seconds, places)
  clearInterval(sampler)
  await settled(landline, before)
  const after = usage(landline)
  await stop()
  await honest.closeTunnels()
  await settled(landline, { ...ANY, descriptors: idle.descriptors })
  const end = usage(landline)
  const exitCode = await within(SETTLE_MS, landline.stop()).catch(() => null)
  const errors = landline.log().filter(({ level }) => Number(level) >= 50)
  return {
    asked: honest.asked,
    lost: honest.lost,
    errors: errors.map((line) => JSON.stringify(line)),
    ...{ idle, before, after, end },
    slope: {
      residentBytes: slopeOf(samples, ({ residentBytes }) => residentBytes),
      descriptors: slopeOf(samples, ({ descriptors }) => descriptors),
    },
    exitCode,
  }
}

async function origins(t: Test): Promise<Pick<Places, 'web' | 'echo'>> {
  const web = createWebServer((request, response) => {
    request.resume()
    request.on('error', () => {})
    response.end(request.url === '/big' ? BIG : `you asked for ${request.url}`)
  })
  const echo = createServer((socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  return { web: await listen(t, web), echo: await listen(t, echo) }
}

class Honest {
  asked = 0
  readonly lost: string[] = []
  #places: Places
  #tunnels: Socket[] = []
  #requests = 0
  #running = new Set<Promise<void>>()

  constructor(places: Places) {
    this.#places = places
  }

  /** Three in four by plain HTTP, the fourth in a tunnel; with each second one, one of the open tunnels is tried as well. */
  request(): Promise<void> {
    const number = this.#requests++
    if (number % 2 === 1 && this.#tunnels.length > 0) void this.#care(`echo ${number}`, this.#echo(number))
    return this.#care(`request ${number}`, number % 4 === 3 ? this.#tunnelled(number) : this.#plain(number))
  }

  /** Until the returned function is called, which resolves once the last one is answered. */
  start(perSecond: number): () => Promise<void> {
    const from = performance.now()
    let sent = 0
    const timer = setInterval(() => {
      for (const due = ((performance.now() - from) / 1000) * perSecond; sent < due; sent++) void this.request()
    }, 20)
    return async () => {
      clearInterval(timer)
      await Promise.all(this.#running)
    }
  }

  async openTunnels(count: number): Promise<void> {
    while (this.#tunnels.length < count) {
      const batch = Array.from({ length: Math.min(50, count - this.#tunnels.length) }, (_, index) =>
        this.#connect(this.#tunnels.length + index),
      )
      this.#tunnels.push(...(await Promise.all(batch)))
    }
  }

  /** Each is tried once more before it is closed. */
  async closeTunnels(): Promise<void> {
    await Promise.all(this.#tunnels.map((_, index) => this.#care(`last echo ${index}`, this.#echo(index))))
    for (const socket of this.#tunnels) socket.destroy()
  }

  #care(name: string, work: Promise<void>): Promise<void> {
    this.asked += 1
    const cared: Promise<void> = within(PATIENCE_MS, work)
      .catch((error: unknown) => this.lost.push(`${name}: ${error}`))
      .then(() => {
        this.#running.delete(cared)
      })
    this.#running.add(cared)
    return cared
  }

  async #plain(number: number): Promise<void> {
    const { port, web } = this.#places
    const { status, body } = await ask(port, `http://127.0.0.1:${web}/${number}`, { from: desk(number) })
    if (status !== 200 || body !== `you asked for /${number}`) throw new Error(`${status} ${body.slice(0, 200)}`)
  }

  async #tunnelled(number: number): Promise<void> {
    const socket = await this.#connect(number, this.#places.web)
    socket.write(`GET /${number} HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n`)
    await readHead(socket)
    let body = ''
    for await (const chunk of socket.setEncoding('latin1')) body += chunk
    if (!body.includes(`you asked for /${number}`)) throw new Error(body.slice(0, 200))
  }

  async #connect(number: number, to = this.#places.echo): Promise<Socket> {
    const socket = await tunnel(this.#places.port, `127.0.0.1:${to}`, desk(number))
    if ('status' in socket) throw new Error(`a tunnel was refused: ${socket.status} ${socket.body}`)
    return socket
  }

  /** One at a time in each tunnel: the word for it is its own. */
  async #echo(number: number): Promise<void> {
    const socket = this.#tunnels[number % this.#tunnels.length]! // the remainder is below the length
    const word = `word ${number}\n`
    socket.write(word)
    for (let text = ''; !text.includes(word); ) {
      await once(socket, 'readable')
      text += socket.read() ?? ''
      if (socket.readableEnded || socket.destroyed) throw new Error('an open tunnel ended')
    }
  }
}

/** So many hostile clients, spread over the time; resolves when all are gone. */
async function attack(count: number, seconds: number, places: Places): Promise<void> {
  const running = new Set<Promise<void>>()
  const from = performance.now()
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, ((performance.now() - from) / (seconds * 1000)) * count)
    for (; sent < due && running.size < MAX_HOSTILE_AT_ONCE; sent++) {
      const one: Promise<void> = hostile(sent, lair(sent), places).then(() => void running.delete(one))
      running.add(one)
    }
    await pause(20)
  }
  await Promise.all(running)
}

/** Resolves when no more is held than that, or when it has taken too long. */
async function settled(landline: Running, wanted: Usage): Promise<void> {
  for (const end = performance.now() + SETTLE_MS; performance.now() < end; await pause(250)) {
    const { residentBytes, descriptors } = usage(landline)
    if (residentBytes <= wanted.residentBytes * MARGIN && descriptors <= wanted.descriptors) return
  }
}

/** What the kernel says; nothing of a process that is gone. */
function usage({ pid }: Running): Usage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
  return { residentBytes: kilobytes * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length }
}

function slopeOf(samples: readonly Usage[], of: (usage: Usage) => number): number {
  const values = samples.slice(samples.length >> 1).map(of)
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let [above, below] = [0, 0]
  for (const [second, value] of values.entries()) {
    above += (second - middle) * (value - mean)
    below += (second - middle) ** 2
  }
  return below === 0 ? 0 : above / below
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('not in time')), milliseconds)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}
