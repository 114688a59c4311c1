/**
 * Who a client is: the address that everything else is decided by, and how it was learnt. Each listener learns it in one
 * way alone. Where that way does not give it, the client is not known; it never gets an address by a guess.
 */
import type { Socket } from 'node:net'
import { parseAddress } from '../rules/address.ts'
import type { SuspectReason } from '../rules/events.ts'
import type { Address } from '../rules/model.ts'
import { buildPrefixTable } from '../rules/tables/prefix-table.ts'
import { isForwardedField, walkForwarded } from './forwarded.ts'
import type { RequestHead } from './http/request.ts'
import type { ListenerOptions } from './options.ts'
import { MAX_PROXY_HEADER_BYTES, parseProxyHeader, type Told } from './proxy-protocol.ts'
import type { Suspects } from './suspect.ts'
import type { Consumer, Wire } from './wire.ts'

export interface Source {
  readonly address: Address
  readonly port: number
  /** `socket` also where a listener of the other kinds took the peer's own address. */
  readonly learnt: 'socket' | 'proxy-protocol' | 'forwarded'
  /** The hops that told us, nearest first; empty for a socket. */
  readonly path: readonly string[]
  /** False: the address is that of our gateway, or of a hop that did not tell its client's. Such a client is in no segment, whatever holds the address. */
  readonly known: boolean
}

export interface SourceOptions {
  /** Until when a PROXY header must be whole, counted from `identify`. */
  readonly headMs: number
  readonly suspects: Suspects
}

/** How one listener learns its clients' addresses. */
export interface SourceReader {
  /**
   * Who is on a new connection; takes just the PROXY header off the wire where the listener wants one. Null: close it at once.
   * Never rejects.
   */
  identify(wire: Wire): Promise<Source | null>
  /**
   * Who asks, on a connection that `identify` gave `connected` for: with `forwarded` each request says it anew. Null where it says two
   * things: one of them may be the client's own invention, so as to be nobody.
   */
  ofRequest(connected: Source, head: Pick<RequestHead, 'fields' | 'target'>): Source | null
}

export function createSourceReader(
  { clientAddress, trusted }: Pick<ListenerOptions, 'clientAddress' | 'trusted'>,
  { headMs, suspects }: SourceOptions,
): SourceReader {
  const table = buildPrefixTable(trusted.map((prefix) => [prefix, true] as const))
  const isTrusted = (address: Address) => table.lookup(address) === true
  const identifyPeer = async (peer: Source, wire: Wire): Promise<Source | null> => {
    if (clientAddress === 'forwarded' && isTrusted(peer.address)) return { ...peer, learnt: 'forwarded', known: false }
    if (clientAddress !== 'proxy-protocol') {
      if (clientAddress === 'socket' && suspects.isBalancer(peer.address)) suspects.note('balancer')
      return checkedPeer(peer, wire.socket, suspects)
    }
    if (!isTrusted(peer.address)) return refused('untrusted', suspects)
    const told = await readProxyHeader(wire, headMs, suspects)
    return told === null ? null : sourceTold(told, peer, suspects)
  }
  return {
    identify: async (wire) => {
      const peer = sourceOfSocket(wire.socket)
      return peer === null ? null : identifyPeer(peer, wire)
    },
    ofRequest(connected, { fields, target }) {
      if (connected.learnt !== 'forwarded') {
        if (fields.some(({ lower }) => isForwardedField(lower))) suspects.note('forwarded_header')
        return connected
      }
      const { address, port, path, fault } = walkForwarded(fields, connected.address, isTrusted)
      // A balancer that asks the proxy itself (a health check) speaks for nobody.
      if (fault !== null && (fault !== 'missing' || target.form !== 'origin')) suspects.note(fault)
      if (fault === 'conflict') return null
      return { address, port, learnt: 'forwarded', path, known: fault === null && !isGateway(address, suspects) }
    },
  }
}

/** The peer of the socket; null when it is gone already. A dual-stack listener's `::ffff:10.1.2.3` is 10.1.2.3. */
export function sourceOfSocket(socket: Socket): Source | null {
  const address = addressOf(socket.remoteAddress)
  if (address === null) return null
  return { address, port: socket.remotePort ?? 0, learnt: 'socket', path: [], known: true }
}

/**
 * Whether a head that was refused as a request begins with a PROXY header, on a listener that takes none. Of version 2
 * the reader of heads sees just the first two line ends.
 */
export function beginsWithProxyHeader(head: string): boolean {
  return head === '\r\n\r\n' || /^PROXY (?:TCP[46]|UNKNOWN)[ \r]/.test(head)
}

/** A client by its socket alone. */
function checkedPeer(peer: Source, socket: Socket, suspects: Suspects): Source {
  if (isGateway(peer.address, suspects)) return { ...peer, known: false }
  if (!isLoopback(peer.address)) {
    if (addressOf(socket.localAddress)?.text === peer.address.text) suspects.note('own_address')
    suspects.connected(peer.address)
  }
  return peer
}

function sourceTold(told: Told, peer: Source, suspects: Suspects): Source {
  // A health check: the balancer is the client.
  if (told === 'local') return { ...peer, known: !isGateway(peer.address, suspects) }
  if (told === 'unknown') {
    suspects.note('missing')
    return { ...peer, known: false }
  }
  const { address, port } = told
  const known = !isGateway(address, suspects)
  // With version 1 it checks as a client of its own address: no client's share.
  if (known && address.text !== peer.address.text) suspects.connected(address)
  return { address, port, learnt: 'proxy-protocol', path: [peer.address.text], known }
}

function isGateway(address: Address, suspects: Suspects): boolean {
  if (!suspects.isGateway(address)) return false
  suspects.note('gateway')
  return true
}

function refused(reason: SuspectReason, suspects: Suspects): null {
  suspects.note(reason)
  return null
}

/** Zone ids are the machine's own affair. */
function addressOf(text: string | undefined): Address | null {
  return parseAddress(text?.replace(/%.*$/, '') ?? '')
}

function isLoopback({ family, d, text }: Address): boolean {
  return family === 4 ? d >>> 24 === 127 : text === '::1'
}

/** Takes the header and no byte more. Null: there is none, or it is not to be used; the reason is noted. */
function readProxyHeader(wire: Wire, headMs: number, suspects: Suspects): Promise<Told | null> {
  return new Promise((resolve) => {
    const settle = (told: Told | null) => {
      clearTimeout(timer)
      wire.release()
      resolve(told)
    }
    const timer = setTimeout(() => settle(refused('timeout', suspects)), headMs)
    wire.attach(new ProxyHeaderReader(settle, (reason) => settle(refused(reason, suspects))))
  })
}

class ProxyHeaderReader implements Consumer {
  #settle: (told: Told | null) => void
  #refuse: (reason: SuspectReason) => void
  /** What came in earlier chunks. */
  #kept: Buffer = Buffer.alloc(0)

  constructor(settle: (told: Told | null) => void, refuse: (reason: SuspectReason) => void) {
    this.#settle = settle
    this.#refuse = refuse
  }

  data(chunk: Buffer): number {
    const before = this.#kept.length
    const bytes = Buffer.concat([this.#kept, chunk.subarray(0, MAX_PROXY_HEADER_BYTES - before)])
    const header = parseProxyHeader(bytes)
    switch (header.state) {
      case 'whole':
        this.#settle(header.told)
        return header.length - before
      case 'more':
        this.#kept = bytes
        break
      default:
        this.#refuse(header.state === 'absent' ? 'missing' : 'malformed')
    }
    return chunk.length
  }

  /** A check that only connects says nothing: no sign of anything. */
  end(): void {
    if (this.#kept.length === 0) this.#settle(null)
    else this.#refuse('malformed')
  }

  gone(): void {
    this.end()
  }
}
