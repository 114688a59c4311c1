import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import type { RouteTables } from '../../proxy/gateways.ts'
import { parseRequestHead } from '../../proxy/http/request.ts'
import type { ListenerOptions } from '../../proxy/options.ts'
import { beginsWithProxyHeader, createSourceReader, type Source } from '../../proxy/source.ts'
import { Suspects } from '../../proxy/suspect.ts'
import { type Consumer, Wire } from '../../proxy/wire.ts'
import { parseAddress, parsePrefix } from '../../rules/address.ts'
import { SUSPECT_REASONS } from '../../rules/events.ts'

const NO_ROUTES: RouteTables = { ipv4: '', ipv6: '' }
const V2_LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')
const V2_TCP4 = Buffer.from('0d0a0d0a000d0a515549540a2111000c0a1400070a000005c8220c3a', 'hex')
const V1_TCP4 = Buffer.from('PROXY TCP4 10.20.0.7 10.0.0.5 51234 3130\r\n')
const REQUEST = Buffer.from('GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n')

function trusted(...texts: readonly string[]) {
  return texts.map((text) => {
    const prefix = parsePrefix(text)
    if (typeof prefix === 'string') throw new Error(prefix)
    return prefix
  })
}

/** The kernel's table with 10.20.0.7 and 2001:db8::1 as default gateways. */
const ROUTES: RouteTables = {
  ipv4: `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0700140A	0003	0	0	0	00000000	0	0	0
tun0	00000000	0200010A	0003	0	0	0	00000080	0	0	0
eth0	0001A8C0	0100010A	0003	0	0	0	00FFFFFF	0	0	0
tun0	00000000	00000000	0001	0	0	0	00000000	0	0	0
eth0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
`,
  ipv6: `20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
20010db8000100000000000000000000 40 00000000000000000000000000000000 00 20010db8000000000000000000000002 00000100 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000003 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`,
}

interface Given {
  readonly listener?: Partial<ListenerOptions>
  /** Of all listeners of this proxy; default: those of this one. */
  readonly trusted?: readonly string[]
  readonly routes?: RouteTables
  readonly headMs?: number
  readonly host?: string
}

interface Bench {
  readonly server: Server
  readonly reasons: string[]
  readonly suspects: Suspects
  readonly reader: ReturnType<typeof createSourceReader>
}

function bench(given: Given): Bench {
  const reasons: string[] = []
  const listener = {
    host: '127.0.0.1',
    port: 0,
    clientAddress: 'socket',
    trusted: [],
    tls: null,
    ...given.listener,
  } as const
  const suspects = new Suspects({
    listeners: [given.trusted === undefined ? listener : { trusted: trusted(...given.trusted) }],
    observer: { clientSuspect: (reason) => reasons.push(reason) },
    log: { warn: () => {} },
    now: () => 0,
    readRoutes: () => given.routes ?? NO_ROUTES,
  })
  const reader = createSourceReader(listener, { headMs: given.headMs ?? 5000, suspects })
  return { server: createServer({ allowHalfOpen: true }), reasons, suspects, reader }
}

interface Seen {
  readonly source: Source | null
  /** What the next reader of the wire gets, until the client ends. */
  readonly rest: string
  readonly reasons: readonly string[]
}

/** One connection to a listener: `pieces` are sent one after the other, each once the one before was read. */
async function identified(
  given: Given,
  pieces: readonly Buffer[],
  then: 'end' | 'stay' | 'reset' = 'end',
): Promise<Seen> {
  const { server, reasons, reader } = bench(given)
  server.listen(0, given.host ?? '127.0.0.1')
  await once(server, 'listening')
  const client = connect({
    port: (server.address() as AddressInfo).port,
    host: given.host ?? '127.0.0.1',
    noDelay: true,
  }) // it listens on TCP
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const wire = Wire.accepted(socket)
  const source = reader.identify(wire)
  for (const piece of pieces) {
    const read = once(socket, 'data')
    client.write(piece)
    await read
  }
  if (then === 'end') client.end()
  if (then === 'reset') client.resetAndDestroy()
  const found = await source
  let rest = ''
  if (found !== null) {
    await new Promise<void>((resolve) => {
      wire.attach({
        data: (chunk) => {
          rest += chunk.toString('latin1')
          return chunk.length
        },
        end: resolve,
        gone: () => resolve(),
      })
    })
  }
  wire.destroy()
  client.destroy()
  server.close()
  return { source: found, rest, reasons }
}

function inWords({ source, reasons }: Pick<Seen, 'source' | 'reasons'>): string {
  const signs = reasons.length === 0 ? '' : ` (${reasons.join()})`
  if (source === null) return `closed${signs}`
  const { address, learnt, path, known } = source
  return `${[known ? '' : 'unknown', address.text, learnt, ...path].join(' ').trim()}${signs}`
}

const PROXIED: Given = { listener: { clientAddress: 'proxy-protocol', trusted: trusted('127.0.0.1') } }

t.test('each listener learns the address of a new connection in its one way', async (t) => {
  const cases: readonly (readonly [name: string, given: Given, pieces: readonly Buffer[], want: string])[] = [
    ['socket', {}, [], '127.0.0.1 socket'],
    ['socket, over IPv6', { host: '::1' }, [], '::1 socket'],
    ['socket, and a header that it takes for a request', {}, [V1_TCP4], '127.0.0.1 socket'],
    ['version 1', PROXIED, [V1_TCP4], '10.20.0.7 proxy-protocol 127.0.0.1'],
    ['version 2', PROXIED, [V2_TCP4], '10.20.0.7 proxy-protocol 127.0.0.1'],
    ['a health check has the address of the balancer', PROXIED, [V2_LOCAL], '127.0.0.1 socket'],
    [
      'a client whose address the balancer does not know',
      PROXIED,
      [Buffer.from('PROXY UNKNOWN\r\n')],
      'unknown 127.0.0.1 socket (missing)',
    ],
    ['no header', PROXIED, [REQUEST], 'closed (missing)'],
    ['a bad header', PROXIED, [Buffer.from('PROXY TCP4 10.20.0.7\r\n')], 'closed (malformed)'],
    ['half a header', PROXIED, [V2_TCP4.subarray(0, 20)], 'closed (malformed)'],
    ['a check that only connects', PROXIED, [], 'closed'],
    [
      'a header from a peer that is not trusted',
      { listener: { ...PROXIED.listener, trusted: trusted('127.0.0.2') } },
      [V1_TCP4],
      'closed (untrusted)',
    ],
    [
      'forwarded, from a trusted peer: not known before a request tells',
      { listener: { clientAddress: 'forwarded', trusted: trusted('127.0.0.0/8') } },
      [],
      'unknown 127.0.0.1 forwarded',
    ],
    [
      'forwarded, from another peer: its own',
      { listener: { clientAddress: 'forwarded', trusted: trusted('127.0.0.2') } },
      [],
      '127.0.0.1 socket',
    ],
    ['a balancer of another listener', { trusted: ['127.0.0.1'] }, [], '127.0.0.1 socket (balancer)'],
    [
      'the default gateway, told by a balancer',
      { ...PROXIED, routes: ROUTES },
      [V2_TCP4],
      'unknown 10.20.0.7 proxy-protocol 127.0.0.1 (gateway)',
    ],
  ]
  for (const [name, given, pieces, want] of cases) t.equal(inWords(await identified(given, pieces)), want, name)
})

t.test('a header may come in any pieces, and what follows it is left to the next reader', async (t) => {
  for (const header of [V1_TCP4, V2_TCP4, V2_LOCAL]) {
    const whole = Buffer.concat([header, REQUEST])
    const bytes = Array.from(whole, (byte) => Buffer.of(byte))
    for (const pieces of [[whole], [header, REQUEST], bytes]) {
      const { source, rest } = await identified(PROXIED, pieces)
      t.equal(source?.address.text, header === V2_LOCAL ? '127.0.0.1' : '10.20.0.7')
      t.equal(rest, REQUEST.toString(), `in ${pieces.length} pieces`)
    }
  }
  for (let cut = 1; cut < V2_TCP4.length + 2; cut++) {
    const whole = Buffer.concat([V2_TCP4, REQUEST])
    const { rest } = await identified(PROXIED, [whole.subarray(0, cut), whole.subarray(cut)])
    if (rest !== REQUEST.toString()) t.fail(`cut at ${cut}: ${rest}`)
  }
})

t.test('a peer that stalls, resets or is gone gets no address', async (t) => {
  const cases: readonly (readonly [name: string, seen: Promise<Seen>, want: string])[] = [
    ['silence', identified({ ...PROXIED, headMs: 20 }, [], 'stay'), 'closed (timeout)'],
    [
      'half a header and silence',
      identified({ ...PROXIED, headMs: 20 }, [V1_TCP4.subarray(0, 9)], 'stay'),
      'closed (timeout)',
    ],
    ['a reset in the middle', identified(PROXIED, [V1_TCP4.subarray(0, 9)], 'reset'), 'closed (malformed)'],
    ['a reset before the first byte', identified(PROXIED, [], 'reset'), 'closed'],
  ]
  for (const [name, seen, want] of cases) t.equal(inWords(await seen), want, name)
  const { reader, reasons } = bench({})
  const gone = Wire.accepted(connect({ port: 1, host: '127.0.0.1' }))
  gone.destroy()
  t.equal(await reader.identify(gone), null, 'a socket without a peer')
  t.same(reasons, [])
})

t.test('with forwarded each request tells its client; elsewhere nobody is believed', async (t) => {
  const forwarded: Given = { listener: { clientAddress: 'forwarded', trusted: trusted('127.0.0.1') } }
  const direct: Given = { listener: { clientAddress: 'forwarded', trusted: trusted('127.0.0.2') } }
  const cases: readonly (readonly [
    name: string,
    given: Given,
    pieces: readonly Buffer[],
    fields: string,
    want: string,
  ])[] = [
    ['X-Forwarded-For', forwarded, [], 'X-Forwarded-For: 10.10.0.1, 10.20.0.7', '10.20.0.7 forwarded 127.0.0.1'],
    ['Forwarded', forwarded, [], 'FORWARDED: for=10.20.0.7', '10.20.0.7 forwarded 127.0.0.1'],
    ['nothing', forwarded, [], 'X-Real-IP: 10.20.0.7', 'unknown 127.0.0.1 forwarded (missing)'],
    ['malformed', forwarded, [], 'Forwarded: 10.20.0.7', 'unknown 127.0.0.1 forwarded (malformed)'],
    ['two stories', forwarded, [], 'Forwarded: for=10.10.0.1\r\nX-Forwarded-For: 10.20.0.7', 'closed (conflict)'],
    [
      'the default gateway',
      { ...forwarded, routes: ROUTES },
      [],
      'X-Forwarded-For: 10.20.0.7',
      'unknown 10.20.0.7 forwarded 127.0.0.1 (gateway)',
    ],
    ['a peer that is not trusted', direct, [], 'X-Forwarded-For: 10.20.0.7', '127.0.0.1 socket (forwarded_header)'],
    ['a peer that is not trusted and tells nothing', direct, [], 'Via: 1.1 x', '127.0.0.1 socket'],
    ['socket', {}, [], 'Forwarded: for=10.20.0.7', '127.0.0.1 socket (forwarded_header)'],
    [
      'proxy-protocol',
      PROXIED,
      [V1_TCP4],
      'X-Forwarded-For: 10.10.0.1',
      '10.20.0.7 proxy-protocol 127.0.0.1 (forwarded_header)',
    ],
  ]
  for (const [name, given, pieces, fields, want] of cases) {
    const { source: connected } = await identified(given, pieces)
    const { reader, reasons } = bench(given)
    const head = parseRequestHead(`GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n\r\n`)
    if (connected === null || 'refused' in head) throw new Error(`${name}: no request`)
    const source = reader.ofRequest(connected, head)
    t.equal(inWords({ source, reasons }), want, name)
  }
  const { reader, reasons } = bench(forwarded)
  const check = parseRequestHead('GET /whoami HTTP/1.1\r\nHost: landline.internal\r\n\r\n')
  const { source: connected } = await identified(forwarded, [])
  if (connected === null || 'refused' in check) throw new Error('no request')
  t.equal(inWords({ source: reader.ofRequest(connected, check), reasons }), 'unknown 127.0.0.1 forwarded')
  t.same(reasons, [], 'a health check that tells nobody is no sign of anything')
})

t.test('a PROXY header on a listener that takes none is known by the head that it spoils', async (t) => {
  t.ok(beginsWithProxyHeader(V1_TCP4.toString() + REQUEST.toString()))
  t.ok(beginsWithProxyHeader('PROXY UNKNOWN\r\n\r\n'))
  t.ok(beginsWithProxyHeader(V2_TCP4.toString('latin1', 0, 4)))
  for (const other of ['GET / HTTP/1.1\r\n\r\n', 'PROXY / HTTP/1.1\r\n\r\n', '\r\nGET / HTTP/1.1\r\n\r\n', ''])
    t.notOk(beginsWithProxyHeader(other), other)
})

t.test('a client with the address of a default gateway is not known', async (t) => {
  const { suspects } = bench({ routes: ROUTES })
  const gateways = ['10.20.0.7', '2001:db8::1', '10.1.0.1', '10.1.0.2', '2001:db8::2', '0.0.0.0', '::', '127.0.0.1']
  t.same(
    gateways.filter((text) => suspects.isGateway(parseAddress(text)!)),
    ['10.20.0.7', '2001:db8::1'],
  ) // all are addresses
  const loopback = { ...ROUTES, ipv4: 'eth0\t00000000\t0100007F\t0003\t0\t0\t0\t00000000\t0\t0\t0\n' }
  t.equal(inWords(await identified({ routes: loopback }, [])), 'unknown 127.0.0.1 socket (gateway)')
  t.equal(inWords(await identified({ ...PROXIED, routes: loopback }, [V2_LOCAL])), 'unknown 127.0.0.1 socket (gateway)')
  t.equal(
    inWords(await identified({ ...PROXIED, routes: loopback }, [V2_TCP4])),
    '10.20.0.7 proxy-protocol 127.0.0.1',
    'a gateway may be a balancer',
  )
  for (const ipv4 of [
    'x',
    'eth0\t00000000\t07\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t00000000\tZZZZZZZZ\t0003\t0\t0\t0\t00000000',
  ])
    t.equal(
      inWords(await identified({ routes: { ipv4, ipv6: ipv4 } }, [])),
      '127.0.0.1 socket',
      'a table that cannot be read',
    )
})

t.test('gateways are read again, and the operator is told once an hour', async (t) => {
  let at = 0
  let routes = NO_ROUTES
  const told: unknown[] = []
  const counted: string[] = []
  const suspects = new Suspects({
    listeners: [{ trusted: trusted('10.0.0.0/28') }],
    observer: { clientSuspect: (reason) => counted.push(reason) },
    log: { warn: (fields) => told.push(fields) },
    now: () => at,
    readRoutes: () => routes,
  })
  const gateway = parseAddress('10.20.0.7')! // it is one
  t.notOk(suspects.isGateway(gateway))
  routes = ROUTES
  suspects.refresh()
  t.ok(suspects.isGateway(gateway))
  t.ok(suspects.isBalancer(parseAddress('10.0.0.5')!))
  t.notOk(suspects.isBalancer(gateway))
  for (at of [0, 1, 3_599_999]) suspects.note('gateway')
  suspects.note('conflict')
  t.same(told, [{ reason: 'gateway' }, { reason: 'conflict' }])
  at = 3_600_000
  suspects.note('gateway')
  t.equal(told.length, 3)
  t.equal(counted.length, 5)
  for (const reason of SUSPECT_REASONS) t.match(reason, /^[a-z_]+$/)
})

t.test('one address behind more than half of the connections is noted, once a window', async (t) => {
  /** The share of one address among 4,096 connections, the others being all different, or `others` taking turns. */
  const noted = (percent: number, others: number) => {
    const { suspects, reasons } = bench({})
    for (let at = 0; at < 4096; at++) {
      const isOne = (at * percent) % 100 >= 100 - percent
      suspects.connected(parseAddress(isOne ? '10.20.0.7' : `10.1.${(at % others) >> 8}.${(at % others) & 255}`)!)
    }
    return reasons
  }
  t.same(noted(100, 1), ['share', 'share', 'share', 'share'])
  t.same(noted(60, 4096), ['share', 'share', 'share', 'share'])
  t.same(noted(45, 4096), [])
  t.same(noted(45, 2), [])
  t.same(noted(1, 4096), [])
})

/** A connection between these two addresses on which `bytes` have come: what cannot be had on loopback. */
function wireBetween(remoteAddress: string, localAddress: string, bytes: Buffer = Buffer.alloc(0)): Wire {
  const socket = { remoteAddress, remotePort: 51234, localAddress }
  const wire = { socket, attach: (consumer: Consumer) => consumer.data(bytes), release: () => {} }
  return wire as unknown as Wire // all of it that `identify` uses
}

t.test('the address of the peer is normalised, and compared with our own', async (t) => {
  const cases: readonly (readonly [remote: string, local: string, want: string])[] = [
    ['10.20.0.7', '10.0.0.1', '10.20.0.7 socket'],
    ['::ffff:10.20.0.7', '::ffff:10.0.0.1', '10.20.0.7 socket'],
    ['fe80::7%eth0', 'fe80::1%eth0', 'fe80::7 socket'],
    ['10.0.0.1', '10.0.0.1', '10.0.0.1 socket (own_address)'],
    ['::ffff:10.0.0.1', '10.0.0.1', '10.0.0.1 socket (own_address)'],
    ['127.0.0.1', '127.0.0.1', '127.0.0.1 socket'],
    ['::1', '::1', '::1 socket'],
  ]
  for (const [remote, local, want] of cases) {
    const { reader, reasons } = bench({})
    t.equal(inWords({ source: await reader.identify(wireBetween(remote, local)), reasons }), want, remote)
  }
})

t.test('clients are counted for the share of one address, health checks are not', async (t) => {
  const behind: Given = { listener: { clientAddress: 'proxy-protocol', trusted: trusted('10.0.0.5') } }
  const ownCheck = Buffer.from('PROXY TCP4 10.0.0.5 10.0.0.1 1 2\r\n')
  const cases: readonly (readonly [
    name: string,
    given: Given,
    peer: string,
    bytes: Buffer | undefined,
    want: number,
  ])[] = [
    ['socket', {}, '10.20.0.7', undefined, 1],
    ['loopback', {}, '127.0.0.1', undefined, 0],
    ['told by a balancer', behind, '10.0.0.5', V2_TCP4, 1],
    ['LOCAL', behind, '10.0.0.5', V2_LOCAL, 0],
    ['a check of version 1', behind, '10.0.0.5', ownCheck, 0],
  ]
  for (const [name, given, from, bytes, want] of cases) {
    const { reader, reasons } = bench(given)
    for (let at = 0; at < 1024; at++) await reader.identify(wireBetween(from, '10.0.0.1', bytes))
    t.equal(reasons.filter((reason) => reason === 'share').length, want, name)
  }
})

t.test('the header of a TLS listener stands before the ClientHello, and the handshake goes on behind it', async (t) => {
  const { server, reader } = bench(PROXIED)
  const psk = { ciphers: 'PSK-AES128-GCM-SHA256', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
  const key = Buffer.from('the two of them know this')
  const secured = createTlsServer({ ...psk, pskCallback: () => key })
  const sources: (Source | null)[] = []
  server.on('connection', async (socket: Socket) => {
    const wire = Wire.accepted(socket)
    sources.push(await reader.identify(wire))
    const pending = wire.takePending()
    socket.removeAllListeners('data')
    socket.pause() // a flowing stream would give what is put back to nobody
    if (pending !== null) socket.unshift(pending)
    secured.emit('connection', socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  for (const isAtOnce of [true, false]) {
    const raw = connect({ port, host: '127.0.0.1' })
    const [near, far] = duplexPair()
    const client = connectTls({
      ...psk,
      socket: near,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk: key, identity: 'x' }),
    })
    const secure = once(secured, 'secureConnection')
    const [hello] = (await once(far, 'data')) as [Buffer]
    for (const piece of isAtOnce ? [Buffer.concat([V2_TCP4, hello])] : [V2_TCP4, hello]) raw.write(piece)
    far.on('data', (bytes: Buffer) => raw.write(bytes))
    raw.on('data', (bytes: Buffer) => far.write(bytes))
    const [inside] = (await secure) as [TLSSocket]
    client.write('in the tunnel')
    t.equal(String((await once(inside, 'data'))[0]), 'in the tunnel')
    t.equal(sources.pop()?.address.text, '10.20.0.7')
    client.destroy()
    inside.destroy()
    raw.destroy()
  }
  server.close()
})
