/**
 * The listeners: connections in, each bounded and cared for until it is gone. `drain` takes no new work, lets what is
 * under way finish, and cuts what has not after `drain_ms`.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Arrivals } from '../rules/tables/arrivals.ts'
import { acceptWires } from './accept.ts'
import { Connection } from './connection.ts'
import { type Context, Tunnels } from './context.ts'
import { createGuard, type OwnAddress } from './guard.ts'
import { answerHeads } from './head-reader.ts'
import { linger } from './linger.ts'
import { Occupancy } from './occupancy.ts'
import type { ListenerOptions, ProxyOptions } from './options.ts'
import { OwnPages } from './own.ts'
import { Pool } from './pool.ts'
import { Rejudge } from './rejudge.ts'
import { createResolver } from './resolve.ts'
import { createSourceReader, type Source, type SourceReader } from './source.ts'
import { Suspects } from './suspect.ts'
import { Waiting } from './waiting.ts'
import { Wire } from './wire.ts'

/** How often the bytes of open tunnels are counted: a meeting lasts hours, and its bytes are not to come all at its end. */
const SAMPLE_MS = 5000
/** How long a client that is turned away may take to read so. */
const TURNED_AWAY_MS = 500
const FULL =
  'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: 5\r\nProxy-Status: '

export interface Proxy {
  /** Rejects when a listener cannot be opened; then none is open. Resolves with where they listen. */
  listen(): Promise<readonly AddressInfo[]>
  /** Judges open tunnels again, as the rules or the time have changed. Resolves when all are; never rejects. */
  rejudge(why: string): Promise<void>
  /** Resolves when every connection is gone. */
  drain(): Promise<void>
  /** Connections that are open now. */
  readonly connections: number
}

export function createProxy(options: ProxyOptions): Proxy {
  return new ProxyServer(options)
}

class ProxyServer implements Proxy {
  #options: ProxyOptions
  #context: Context
  #servers: Server[] = []
  /** Not to be dialled: what this program listens on so far. */
  #own: readonly OwnAddress[]
  /** No Set: it leaves its former tables behind with all that was in them, each holding the next one, until the whole heap is looked through. */
  #connections = new Arrivals<Connection>()
  #drain: Promise<void> | null = null
  #drained: () => void = () => {}
  #sampler: NodeJS.Timeout | undefined

  constructor(options: ProxyOptions) {
    this.#options = options
    const { limits, observer, lookup, shared, alsoOurs } = options
    this.#own = alsoOurs
    this.#context = {
      options,
      guard: createGuard({ allow: options.origins.allow, own: () => this.#own }),
      pool: new Pool(),
      resolver: createResolver({ dnsMs: limits.dnsMs, observer, lookup }),
      tunnels: new Tunnels(),
      occupancy: new Occupancy(shared?.occupancy ?? null, shared?.thread),
      waiting: new Waiting(),
      rejudge: new Rejudge(options, () => this.#ongoing()),
      ownPages: new OwnPages(options),
      answerHeads: answerHeads(limits.headBytes),
      suspects: new Suspects(options),
      draining: () => this.#drain !== null,
    }
  }

  get connections(): number {
    return this.#connections.size
  }

  rejudge(why: string): Promise<void> {
    return this.#context.rejudge.all(why)
  }

  *#ongoing() {
    for (const { exchange } of this.#connections) if (exchange !== null) yield exchange
  }

  async listen(): Promise<readonly AddressInfo[]> {
    try {
      for (const listener of this.#options.listeners) this.#servers.push(await this.#open(listener))
    } catch (error) {
      for (const server of this.#servers) server.close()
      throw error
    }
    this.#sampler = setInterval(() => {
      this.#context.tunnels.sample(this.#options.observer)
      this.#context.suspects.refresh()
    }, SAMPLE_MS)
    return this.#servers.map(addressOf)
  }

  drain(): Promise<void> {
    this.#drain ??= this.#drainAll()
    return this.#drain
  }

  async #drainAll(): Promise<void> {
    for (const server of this.#servers) server.close()
    this.#context.pool.close()
    const gone = new Promise<void>((resolve) => {
      this.#drained = resolve
    })
    for (const connection of this.#connections) connection.drain()
    const timer = setTimeout(() => {
      for (const connection of this.#connections) {
        this.#options.observer.limitReached('drain_ms')
        connection.cut()
      }
    }, this.#options.limits.drainMs)
    if (this.#connections.size > 0) await gone
    clearTimeout(timer)
    clearInterval(this.#sampler)
    this.#context.tunnels.sample(this.#options.observer)
  }

  async #open(listener: ListenerOptions): Promise<Server> {
    const { host, port, tls, clientAddress } = listener
    const { suspects } = this.#context
    const sources = createSourceReader(listener, { headMs: this.#options.limits.headMs, suspects })
    const accept = (socket: Socket, source: Source | null = null) => acceptWire(Wire.accepted(socket), source)
    const acceptWire = (wire: Wire, source: Source | null = null) => this.#accept(wire, sources, source)
    const server =
      tls === null
        ? createServer(SOCKETS, (socket) => accept(socket))
        : clientAddress === 'proxy-protocol'
          ? this.#balancedTlsServer(tls, sources, accept)
          : this.#tlsServer(tls, (socket) => accept(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, backlog: 4096, reusePort: this.#options.shared !== undefined }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    if (tls === null) acceptWires(server, acceptWire)
    // Running out of descriptors shows here; connections that are open go on.
    server.on('error', (error) => {
      this.#options.observer.limitReached('descriptors')
      this.#options.log.error({ err: error }, 'a listener could not accept')
    })
    this.#own = [...this.#own, addressOf(server)]
    return server
  }

  /** Handshakes are bounded in time and number like connections, and come before them; in number by each thread for itself. */
  #tlsServer({ cert, key }: NonNullable<ListenerOptions['tls']>, accept: (socket: Socket) => void): Server {
    const { headMs } = this.#options.limits
    const server = createTlsServer({ ...SOCKETS, cert, key, minVersion: 'TLSv1.2', handshakeTimeout: headMs }, accept)
    this.#bound(server)
    // A handshake that fails is the client's affair; one that is late is not closed by itself.
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    return server
  }

  /** The PROXY header stands before the handshake. */
  #balancedTlsServer(
    tls: NonNullable<ListenerOptions['tls']>,
    sources: SourceReader,
    accept: (socket: Socket, source: Source) => void,
  ): Server {
    const found = new Map<string, Source>()
    // All four: at two addresses of ours, a balancer may come from the same port of its own.
    const keyOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket) =>
      `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
    const secured = this.#tlsServer(tls, (socket) => {
      const source = found.get(keyOf(socket))
      if (source === undefined) socket.destroy()
      else accept(socket, source)
    })
    const server = createServer(SOCKETS, async (socket) => {
      const wire = Wire.accepted(socket)
      const source = await sources.identify(wire)
      if (source === null || wire.closed) return wire.destroy()
      const key = keyOf(socket)
      found.set(key, source)
      socket.once('close', () => found.delete(key))
      const pending = wire.takePending()
      socket.removeAllListeners('data')
      socket.pause() // a flowing stream would give what is put back to nobody
      if (pending !== null) socket.unshift(pending)
      secured.emit('connection', socket)
    })
    this.#bound(server)
    return server
  }

  /** Who comes before a handshake finds no place, but the next one may. What handshakes alone take up, nobody gives way to. */
  #bound(server: Server): void {
    const { connections } = this.#options.limits
    server.maxConnections = connections
    server.on('drop', () => {
      this.#options.observer.limitReached('connections')
      if (this.#context.occupancy.isFull(connections)) this.#makesRoom()
    })
  }

  #accept(wire: Wire, sources: SourceReader, source: Source | null): void {
    if (this.#drain !== null) wire.destroy()
    else if (this.#hasPlace()) void this.#care(new Connection(wire, sources, source, this.#context))
    else this.#turnAway(wire)
  }

  /** A place for a connection is taken. Who gives way for it goes a moment later. */
  #hasPlace(): boolean {
    const { occupancy } = this.#context
    return occupancy.enter(this.#options.limits.connections) || (this.#makesRoom() && occupancy.enter(Infinity))
  }

  #makesRoom(): boolean {
    const makes = this.#context.waiting.makeRoom()
    if (makes) this.#options.observer.limitReached('connections_waiting')
    return makes
  }

  /** Until the socket is gone and the last exchange has ended, which may be the later one. */
  async #care(connection: Connection): Promise<void> {
    const place = this.#connections.add(connection)
    const closed = new Promise((resolve) => connection.wire.socket.once('close', resolve))
    await connection.serve()
    await closed
    this.#connections.remove(place)
    this.#context.occupancy.leave()
    if (this.#connections.size === 0) this.#drained()
  }

  #turnAway(wire: Wire): void {
    this.#options.observer.limitReached('connections')
    wire.write(`${FULL}${this.#options.name}; error=connection_limit_reached\r\n\r\n`)
    linger(wire, () => {}, TURNED_AWAY_MS)
  }
}

const SOCKETS = { allowHalfOpen: true, noDelay: true } as const

function addressOf(server: Server): AddressInfo {
  return server.address() as AddressInfo // it listens on TCP
}
