/** A real HAProxy in front: what it writes ahead of its clients' bytes, and ahead of its health checks, is read rightly. */
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createSourceReader, type Source } from '../../proxy/source.ts'
import { Suspects } from '../../proxy/suspect.ts'
import { Wire } from '../../proxy/wire.ts'
import { parsePrefix } from '../../rules/address.ts'
import { missing, peer } from '../peers.ts'
import { answering, Client } from './harness.ts'

const haproxy = peer('HAProxy', 'haproxy')
const REQUEST = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'
const DEADLINE_MS = 10_000
const STARTS = 5

/** How a server line sends the header; each is a HAProxy listener with a server of ours behind it. */
const SENDERS = {
  v1: 'send-proxy',
  v2: 'send-proxy-v2',
  v2_tlvs: 'send-proxy-v2 proxy-v2-options crc32c,unique-id',
} as const
type Sender = keyof typeof SENDERS

interface Front {
  readonly sender: Sender
  readonly port: number
  readonly behind: Behind
}

interface Behind {
  readonly port: number
  /** Tells of each request: its first line, and who asks. */
  readonly asked: EventEmitter<{ request: [line: string, source: Source] }>
  readonly reasons: string[]
  readonly server: Server
}

/** A listener that reads the header, then answers what follows it. */
async function startBehind(): Promise<Behind> {
  const trusted = parsePrefix('127.0.0.1')
  if (typeof trusted === 'string') throw new Error(trusted)
  const reasons: string[] = []
  const suspects = new Suspects({
    listeners: [],
    observer: { clientSuspect: (reason) => reasons.push(reason) },
    log: { warn: () => {} },
    now: () => 0,
    readRoutes: () => ({ ipv4: '', ipv6: '' }),
  })
  const reader = createSourceReader({ clientAddress: 'proxy-protocol', trusted: [trusted] }, { headMs: 5000, suspects })
  const asked: Behind['asked'] = new EventEmitter()
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    const wire = Wire.accepted(socket)
    const source = await reader.identify(wire)
    if (source === null) return wire.destroy()
    const pending = wire.takePending()
    socket.removeAllListeners('data')
    socket.pause()
    if (pending !== null) socket.unshift(pending)
    answering((request) => {
      asked.emit('request', request.slice(0, request.indexOf('\r\n')), source)
      return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    })(socket)
    socket.resume()
  })
  return { port: await listenOn(server), asked, reasons, server }
}

async function listenOn(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port // it listens on TCP
}

/** Ports that were free just now: HAProxy takes no port 0. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(servers.map(listenOn))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

function configuration(fronts: readonly Front[]): string {
  const listeners = fronts.map(
    ({ sender, port, behind }) => `listen ${sender}
  bind 127.0.0.1:${port}
  bind ::1:${port}
  option httpchk GET /check
  server behind 127.0.0.1:${behind.port} ${SENDERS[sender]} check inter 200ms
`,
  )
  return `defaults
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
${listeners.join('')}`
}

/** Resolves with the next request of that path. A HAProxy that ends, or a deadline, rejects. */
async function nextRequest({ asked }: Behind, path: string, process: ChildProcess): Promise<Source> {
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const ended = once(process, 'exit', { signal }).then(() => Promise.reject(new Error('HAProxy ended')))
  const request = async (): Promise<Source> => {
    for (;;) {
      const [line, source] = (await once(asked, 'request', { signal })) as [string, Source]
      if (line.split(' ')[1] === path) return source
    }
  }
  return Promise.race([request(), ended])
}

/** With the first check of each. A port that was free may be taken a moment later, by whatever else runs here: others are tried then. */
async function startHaproxy(t: Test, behinds: readonly (readonly [Sender, Behind])[]) {
  const file = join(t.testdir(), 'haproxy.cfg')
  for (let left = STARTS; ; left--) {
    const ports = await freePorts(behinds.length)
    const fronts = behinds.map(([sender, behind], index): Front => ({ sender, port: ports[index] ?? 0, behind }))
    writeFileSync(file, configuration(fronts))
    const process = spawn(haproxy ?? '', ['-db', '-f', file], { stdio: 'ignore' })
    t.teardown(() => process.kill('SIGKILL'))
    try {
      const checks = await Promise.all(fronts.map(({ behind }) => nextRequest(behind, '/check', process)))
      return { process, fronts, checks }
    } catch (error) {
      if (left === 1) throw error
    }
  }
}

t.test("HAProxy's clients and its health checks", { skip: haproxy === null && missing('HAProxy') }, async (t) => {
  const senders = Object.keys(SENDERS) as Sender[] // the table's own keys
  const behinds = await Promise.all(senders.map(async (sender) => [sender, await startBehind()] as const))
  t.teardown(() => {
    for (const [, { server }] of behinds) server.close()
  })
  const { process, fronts, checks } = await startHaproxy(t, behinds)
  for (const [index, { sender, port, behind }] of fronts.entries()) {
    // Version 1 has no word for a health check: HAProxy says its own address instead.
    const said = sender === 'v1' ? { learnt: 'proxy-protocol', path: ['127.0.0.1'] } : { learnt: 'socket', path: [] }
    t.match(checks[index], { address: { text: '127.0.0.1' }, known: true, ...said }, `${sender}: a health check`)
    for (const [host, from] of [
      ['127.0.0.1', '127.0.0.9'],
      ['::1', '::1'],
    ] as const) {
      const request = nextRequest(behind, '/', process)
      const client = new Client(port, from, host).send(REQUEST)
      const source = await request
      t.match(
        source,
        { address: { text: from }, learnt: 'proxy-protocol', path: ['127.0.0.1'], known: true },
        `${sender}: a client from ${from}`,
      )
      t.equal(source.port, client.socket.localPort, `${sender}: its port`)
      t.match(await client.until((text) => text.endsWith('ok')), /^HTTP\/1.1 200 /)
      client.close()
    }
    t.same(behind.reasons, [], `${sender}: nothing suspect`)
  }
})
