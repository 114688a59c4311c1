/** A proxy in this process on loopback, with a rule text, a scripted name service, and recorder and observer that keep what they are told. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Limits, ListenerOptions, NameLookup, ProxyOptions } from '../../proxy/options.ts'
import { createProxy } from '../../proxy/server.ts'
import { parseAddress, parsePrefix } from '../../rules/address.ts'
import type { Allowed, ExchangeEnd, Observer, TrafficEvent } from '../../rules/events.ts'
import type { Address, Prefix } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import { compiled } from '../compiled.ts'

/** 127.0.0.1 sits at a desk, 127.0.0.2 on the wireless network; Zoom and meet.test are for desks, `logged.test` is recorded. */
export const RULES = `version: 1
name: test-floor
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [127.0.0.1, ::1] }
  wifi: { medium: wireless, prefixes: [127.0.0.2] }
  lobby: { medium: wireless, prefixes: [127.0.0.4], shared: true }
services:
  meet: { name: Meet Test, category: meeting, domains: [meet.test], prefixes: [127.0.0.77], ports: [7443] }
  logged: { name: Logged Test, category: chat-call, domains: [logged.test], prefixes: [127.0.0.78] }
rules:
  - { id: fixed-only, service: [zoom, meet], except: { medium: wired }, action: block, reason: Only from desks, alternative: Use the phone }
  - { id: watch, service: logged, action: log }
ip_literals: allow
`
export const DESK = '127.0.0.1'
export const WIFI = '127.0.0.2'
export const STRANGER = '127.0.0.3'

export interface HarnessOptions {
  readonly rules?: string
  readonly limits?: Partial<Limits>
  readonly listeners?: readonly ListenerOptions[]
  /** Names that the name service knows; all others are unknown to it. Default: every name is 127.0.0.1. */
  readonly names?: Readonly<Record<string, readonly string[]>>
  readonly lookup?: NameLookup
  /** Guarded prefixes that may be dialled all the same. Default: loopback. */
  readonly allow?: readonly string[]
  readonly connectPorts?: readonly (readonly [number, number])[]
  /** Runs before a record is kept and its reference given. */
  readonly recording?: (event: TrafficEvent) => Promise<void>
  readonly parents?: ProxyOptions['parents']
  readonly resolveDenied?: boolean
  readonly existingTunnels?: ProxyOptions['existingTunnels']
  readonly now?: () => number
  readonly shadow?: () => Policy | null
  readonly alsoOurs?: ProxyOptions['alsoOurs']
}

export interface Harness {
  readonly port: number
  readonly proxy: ReturnType<typeof createProxy>
  readonly records: TrafficEvent[]
  readonly ends: ExchangeEnd[]
  readonly allowed: Allowed[]
  readonly limits: string[]
  /** `2 cut` */
  readonly fates: string[]
  readonly dials: string[]
  readonly lookups: string[]
  /** Bytes, and how often they were told. */
  readonly carried: { sent: number; received: number; told: number }
  readonly errors: unknown[]
  policy: Policy
  /** Connections that are made by `client`, to the listener of that index, cut at `close`. */
  readonly client: (from?: string, listener?: number) => Client
  /** Resolves once so many exchanges have ended. */
  readonly ended: (count: number) => Promise<readonly ExchangeEnd[]>
  readonly close: () => Promise<void>
}

export const LIMITS: Limits = {
  connections: 1000,
  tunnelsPerClient: 100,
  tunnelsPerSharedClient: 1000,
  headBytes: 65_536,
  headMs: 5000,
  helloMs: 1000,
  dnsMs: 1000,
  dialMs: 2000,
  idleMs: 10_000,
  drainMs: 1000,
}

export async function startProxy(given: HarnessOptions = {}): Promise<Harness> {
  const kept = {
    records: [],
    ends: [],
    allowed: [],
    limits: [],
    fates: [],
    dials: [],
    lookups: [],
    errors: [],
  } as Pick<Harness, 'records' | 'ends' | 'allowed' | 'limits' | 'fates' | 'dials' | 'lookups' | 'errors'>
  const carried = { sent: 0, received: 0, told: 0 }
  const watchers = new Set<() => void>()
  const clients: Client[] = []
  let policy = compiled(given.rules ?? RULES)
  const proxy = createProxy({
    ...fixedOptions(given),
    policy: () => policy,
    recorder: {
      record: async (event) => {
        const traffic = event as TrafficEvent // the proxy records traffic alone
        await given.recording?.(traffic)
        kept.records.push(traffic)
        return `ref-${kept.records.length}`
      },
    },
    observer: {
      ...QUIET,
      ended: (end) => {
        kept.ends.push(end)
        for (const watcher of watchers) watcher()
      },
      dialled: (result) => kept.dials.push(result),
      resolved: (result) => kept.lookups.push(result),
      tunnelBytes: (direction, bytes) => {
        carried[direction] += bytes
        carried.told++
      },
      limitReached: (limit) => kept.limits.push(limit),
      tunnelsRejudged: (fate, count) => kept.fates.push(`${count} ${fate}`),
    },
    tally: (allowed) => kept.allowed.push(allowed),
    log: { info: () => {}, warn: () => {}, error: (fields) => kept.errors.push(fields) },
  })
  const ports = (await proxy.listen()).map(({ port }) => port)
  const [port = 0] = ports
  return {
    ...kept,
    port,
    proxy,
    carried,
    get policy() {
      return policy
    },
    set policy(next) {
      policy = next
    },
    client: (from, listener = 0) => {
      const client = new Client(ports[listener] ?? 0, from)
      clients.push(client)
      return client
    },
    ended: (count) =>
      new Promise((resolve) => {
        const watcher = () => {
          if (kept.ends.length < count) return
          watchers.delete(watcher)
          resolve(kept.ends)
        }
        watchers.add(watcher)
        watcher()
      }),
    close: async () => {
      for (const client of clients) client.close()
      await proxy.drain()
    },
  }
}

/** What ends with a test. */
interface Scope {
  teardown(end: () => unknown): void
}

/** A proxy that ends with the test. */
export async function proxyOf(t: Scope, options: HarnessOptions = {}): Promise<Harness> {
  const proxy = await startProxy(options)
  t.teardown(() => proxy.close())
  return proxy
}

const QUIET: Observer = {
  ended: () => {},
  dialled: () => {},
  resolved: () => {},
  tunnelOpened: () => {},
  tunnelClosed: () => {},
  tunnelBytes: () => {},
  limitReached: () => {},
  tunnelsRejudged: () => {},
  clientSuspect: () => {},
}

function fixedOptions(given: HarnessOptions): Omit<ProxyOptions, 'policy' | 'recorder' | 'observer' | 'tally' | 'log'> {
  let ids = 0
  return {
    name: 'landline-1',
    ownHost: 'landline.internal',
    listeners: given.listeners ?? [{ host: DESK, port: 0, clientAddress: 'socket', trusted: [], tls: null }],
    limits: { ...LIMITS, ...given.limits },
    origins: {
      allow: (given.allow ?? ['127.0.0.0/8', '::1/128']).map(prefix),
      connectPorts: given.connectPorts ?? [[1, 65_535]],
    },
    parents: given.parents ?? [],
    resolveDenied: given.resolveDenied ?? false,
    existingTunnels: given.existingTunnels ?? 'keep',
    shadow: given.shadow ?? (() => null),
    now: given.now ?? Date.now,
    newId: () => `exchange-${++ids}`,
    ownPages: { port: 1, token: 'secret' },
    alsoOurs: given.alsoOurs ?? [],
    lookup:
      given.lookup ??
      (async (name) => ({
        addresses: (given.names === undefined ? [DESK] : (given.names[name] ?? [])).map(address),
        seconds: 1,
      })),
  }
}

/** The tests' own addresses are well-formed. */
export function address(text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === null) throw new Error(`not an address: ${text}`)
  return parsed
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

export interface Origin {
  readonly port: number
  readonly sockets: ReadonlySet<Socket>
  /** All connections so far. */
  readonly count: () => number
  readonly close: () => void
}

/** A bare TCP server on loopback; `behave` has each socket and how many came before it. Sockets that are left open are cut at `close`. */
export async function startOrigin(behave: (socket: Socket, before: number) => void, host = DESK): Promise<Origin> {
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    behave(socket, count++)
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    sockets,
    count: () => count,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** An origin that ends with the test, and its address by a name that no rule is about. */
export async function originOf(
  t: Scope,
  behave: (socket: Socket, before: number) => void,
): Promise<Origin & { readonly url: string }> {
  const origin = await startOrigin(behave)
  t.teardown(() => origin.close())
  return { ...origin, url: `http://plain.test:${origin.port}` }
}

/** Answers every request with what it received, one message after the other, whatever its framing. */
export function answering(answer: string | ((request: string) => string)) {
  return (socket: Socket) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, end))?.[1] ?? 0)
        if (text.length < end + 4 + length) return
        const request = text.slice(0, end + 4 + length)
        text = text.slice(request.length)
        socket.write(typeof answer === 'string' ? answer : answer(request), 'latin1')
      }
    })
    socket.on('end', () => socket.end())
  }
}

/** All that the other side sends, until it ends; rejects when it resets. */
export function textOf(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1')
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })
}

/** A client that writes what it is told and collects what comes. */
export class Client {
  readonly socket: Socket
  text = ''
  ended = false
  closed = false
  /** `ECONNRESET` where the other side broke off. */
  error: string | null = null
  #waiting: (() => void)[] = []

  constructor(port: number, localAddress = DESK, host = DESK) {
    this.socket = connect({ port, host, localAddress, allowHalfOpen: true, noDelay: true })
    this.socket.setEncoding('latin1')
    this.socket.on('error', (error) => {
      this.error = 'code' in error ? String(error.code) : error.message
    })
    this.socket.on('data', (chunk: string) => {
      this.text += chunk
      this.#wake()
    })
    this.socket.on('end', () => {
      this.ended = true
      this.#wake()
    })
    this.socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  send(text: string | Buffer): this {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    return this
  }

  /** Resolves when the condition holds, or the connection is closed; after five seconds the text says that it took too long. */
  async until(condition: (text: string) => boolean): Promise<string> {
    const deadline = setTimeout(() => {
      this.text += '\n[timed out]'
      this.socket.destroy()
    }, 5000)
    try {
      while (!condition(this.text) && !this.closed) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      }
      return this.text
    } finally {
      clearTimeout(deadline)
    }
  }

  /** All that comes until the other side ends. */
  all(): Promise<string> {
    return this.until(() => this.ended)
  }

  /** What has come since the last time; what comes next is collected anew. */
  take(): string {
    const { text } = this
    this.text = ''
    return text
  }

  close(): void {
    this.socket.destroy()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** A request in absolute-form, with its empty line. */
export function request(method: string, url: string, fields: readonly string[] = [], body = ''): string {
  const host = new URL(url).host
  return [`${method} ${url} HTTP/1.1`, `Host: ${host}`, ...fields, '', body].join('\r\n')
}

/** An answer with a length. */
export function answer(body: string, fields: readonly string[] = [], status = '200 OK'): string {
  return [`HTTP/1.1 ${status}`, `Content-Length: ${body.length}`, ...fields, '', body].join('\r\n')
}
