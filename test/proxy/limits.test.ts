/** Every wait and every number has a bound: what happens at each, and that the others go on being served. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { mock } from 'node:test'
import { connect as connectTLS } from 'node:tls'
import t from 'tap'
import { Exchange } from '../../proxy/exchange.ts'
import { connectionsOf, createSharedOccupancy, Occupancy, vacate } from '../../proxy/occupancy.ts'
import type { ProxyOptions } from '../../proxy/options.ts'
import type { Source } from '../../proxy/source.ts'
import { compiled } from '../compiled.ts'
import { makeCertificate } from '../e2e/certificate.ts'
import { scratch, waitFor } from '../e2e/landline.ts'
import { missing, peer } from '../peers.ts'
import {
  address,
  answer,
  answering,
  type Client,
  DESK,
  LIMITS,
  originOf,
  proxyOf,
  RULES,
  request,
  startProxy,
} from './harness.ts'

const openssl = peer('OpenSSL', 'openssl')
const connectTo = (target: string) => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`
const statusOf = (text: string) => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1]
const echo = (socket: Socket) => {
  socket.on('data', (chunk) => socket.write(chunk))
  socket.on('end', () => socket.end())
}
/** The clock of all that is in this process stands still for the test, but for what is let pass, in milliseconds. */
function clock(t: { teardown(end: () => unknown): unknown }): (milliseconds: number) => void {
  let now = 1e6
  const mocked = mock.method(performance, 'now', () => now)
  t.teardown(() => mocked.mock.restore())
  return (milliseconds) => {
    now += milliseconds
  }
}
/** Resolves when the connection is closed, with what came. */
const closeOf = async (client: Client) => {
  await client.until(() => client.ended || client.closed)
  return client.text
}

t.test('a head has a size and a time', async (t) => {
  const proxy = await startProxy({ limits: { headBytes: 2048, headMs: 80 } })
  t.teardown(() => proxy.close())
  const head = (bytes: number) => {
    const text = request('GET', 'http://plain.test:1/', ['A: ', 'Connection: close'])
    return text.replace('A: ', `A: ${'a'.repeat(bytes - text.length)}`)
  }
  const exact = await proxy.client().send(head(2048)).all()
  t.equal(statusOf(exact), '502', 'as large as it may be')
  t.match(await proxy.client().send(head(2049)).all(), /^HTTP\/1\.1 431 /)
  t.match(await proxy.client().send(head(4000).slice(0, 3000)).all(), /^HTTP\/1\.1 431 /, 'without waiting for its end')
  t.same(proxy.limits, ['head_bytes', 'head_bytes'])
  const slow = proxy.client().send('GET http://plain.test/ HT')
  t.match(await slow.all(), /^HTTP\/1\.1 408 [\s\S]*error=http_request_error/)
  t.same(proxy.limits.slice(2), ['head_ms'])
  const silent = proxy.client()
  t.equal(await silent.all(), '', 'a connection without a word is just closed')
  const origin = await originOf(t, answering(answer('fine')))
  const second = proxy.client().send(request('GET', origin.url))
  await second.until((text) => text.endsWith('fine'))
  await new Promise((resolve) => setTimeout(resolve, 120))
  t.notOk(second.ended, 'between requests there is time')
  second.take()
  t.match(await second.send('GET').all(), /^HTTP\/1\.1 408 /)
})

t.test('what cannot be a request is refused at once', async (t) => {
  const proxy = await startProxy({ limits: { headMs: 60_000 } })
  t.teardown(() => proxy.close())
  const openings: Record<string, string> = {
    'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'its first byte': '\x16',
    'a TLS alert': '\x15\x03\x01\x00\x02\x02\x28',
    'SOCKS 5': '\x05\x01\x00',
    'SOCKS 4': '\x04\x01\x00\x50',
    'a byte that begins no method': '\xff',
    'a space': ' ',
    'a bare LF': 'GET http://a/ HTTP/1.1\nHost: a\n\n',
    'a NUL in a field': 'GET http://a/ HTTP/1.1\r\nHost: a\0',
    'a PROXY header': 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n',
    'a PROXY header of version 2': '\r\n\r\n\0\r\nQUIT\n',
  }
  for (const [name, text] of Object.entries(openings))
    t.match(await proxy.client().send(text).all(), /^HTTP\/1\.1 400 /, name)
  t.match(await proxy.client().send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').all(), /^HTTP\/1\.1 505 /)
  const half = proxy.client().send('GET http://a/ HTTP/1.1\r\nHos')
  half.socket.end()
  t.match(await half.all(), /^HTTP\/1\.1 400 /, 'a head that ends too early')
  t.same(
    new Set(proxy.ends.map(({ outcome, error }) => `${outcome} ${error}`)),
    new Set(['client_error http_request_error']),
  )
})

t.test('a check that only connects is no request', async (t) => {
  const proxy = await startProxy()
  t.teardown(() => proxy.close())
  const checks = [proxy.client(), proxy.client()]
  for (const check of checks) await once(check.socket, 'connect')
  checks[0]?.socket.end()
  checks[1]?.socket.resetAndDestroy()
  while (proxy.proxy.connections > 0) await new Promise(setImmediate)
  t.same(proxy.ends, [])
})

t.test('a TLS listener bounds its handshakes, in time and in number', async (t) => {
  const tls = { cert: '', key: '' } // no handshake gets as far as the certificate
  const proxy = await startProxy({
    limits: { headMs: 100, connections: 2 },
    listeners: [{ host: DESK, port: 0, clientAddress: 'socket', trusted: [], tls }],
  })
  t.teardown(() => proxy.close())
  const silent = [proxy.client(), proxy.client()]
  for (const client of silent) await once(client.socket, 'connect')
  const third = proxy.client()
  await third.until(() => third.closed || third.ended)
  t.same(proxy.limits, ['connections'])
  for (const client of silent) await client.until(() => client.closed || client.ended)
  const plain = proxy.client().send(request('GET', 'http://plain.test/'))
  await plain.until(() => plain.closed || plain.ended)
  t.notMatch(plain.text, 'timed out')
})

t.test('connections have a number; who comes too many is told, and the others go on', async (t) => {
  const proxy = await startProxy({ limits: { connections: 2 } })
  t.teardown(() => proxy.close())
  const origin = await originOf(t, answering(answer('fine')))
  const [first, second] = [
    proxy.client().send(request('GET', origin.url)),
    proxy.client().send(request('GET', origin.url)),
  ]
  for (const client of [first, second]) await client.until((text) => text.endsWith('fine'))
  const third = proxy.client().send(request('GET', origin.url))
  t.match(await third.all(), /^HTTP\/1\.1 503 [\s\S]*Proxy-Status: landline-1; error=connection_limit_reached\r\n/)
  t.equal(third.error, null)
  t.same(proxy.limits, ['connections'])
  first.take()
  first.send(request('GET', origin.url))
  await first.until((text) => text.endsWith('fine'))
  second.close()
  while (proxy.proxy.connections > 1) await new Promise(setImmediate)
  const fourth = proxy.client().send(request('GET', origin.url))
  t.match(await fourth.until((text) => text.endsWith('fine')), /^HTTP\/1\.1 200 /, 'a place is free again')
})

t.test('where all places are taken, who has waited the longest gives theirs, and nobody who is served', async (t) => {
  const pass = clock(t)
  const proxy = await proxyOf(t, { limits: { connections: 3 } })
  const origin = await originOf(t, answering(answer('fine')))
  const echoing = await originOf(t, echo)
  const ask = async (client: Client) => {
    client.take()
    return client.send(request('GET', origin.url)).until((text) => /fine$|503/.test(text))
  }
  const tunnel = proxy.client().send(connectTo(`127.0.0.1:${echoing.port}`))
  await tunnel.until((text) => text.includes('200'))
  const [first, second] = [proxy.client(), proxy.client()]
  t.match(await ask(first), 'fine')
  pass(1000)
  t.match(await ask(second), 'fine')
  pass(3999)
  t.match(await ask(proxy.client()), '503', 'nobody has waited for long')
  pass(1)
  const third = proxy.client()
  t.match(await ask(third), 'fine')
  first.take()
  t.equal(await first.all(), '', 'closed, with nothing said')
  t.match(await ask(proxy.client()), '503', 'the next one has waited for 4 s')
  t.match(await ask(second), 'fine')
  tunnel.take()
  t.equal(await tunnel.send('ping').until((text) => text === 'ping'), 'ping')
  t.same(proxy.limits, ['connections', 'connections_waiting', 'connections'])
  pass(15_000)
  const [fourth, fifth] = [proxy.client(), proxy.client()]
  t.match(await ask(fourth), 'fine')
  t.match(await ask(fifth), 'fine')
  for (const client of [second, third]) await client.until(() => client.ended || client.closed)
  await waitFor('those that gave way to be gone', () => proxy.proxy.connections === 3)
})

t.test('who says nothing at all gives way, and who has gone is not asked to', async (t) => {
  const pass = clock(t)
  const proxy = await proxyOf(t, { limits: { connections: 2 } })
  const echoing = await originOf(t, echo)
  const connected = async () => {
    const client = proxy.client().send(connectTo(`127.0.0.1:${echoing.port}`))
    return client.until((text) => /^HTTP\/1\.1 \d+/.test(text))
  }
  const silent = [proxy.client(), proxy.client()]
  await waitFor('two that say nothing', () => proxy.proxy.connections === 2)
  pass(5000)
  t.match(await connected(), ' 200 ')
  await silent[0]?.all()
  silent[1]?.socket.end()
  await waitFor('the other to be gone', () => proxy.proxy.connections === 1)
  t.match(await connected(), ' 200 ')
  pass(5000)
  t.match(await connected(), ' 503 ')
  t.same(proxy.limits, ['connections_waiting', 'connections'])
})

t.test('who gives way is gone at once, also where it does not read what it has got', async (t) => {
  const pass = clock(t)
  const proxy = await proxyOf(t, { limits: { connections: 2 } })
  const origin = await originOf(t, answering(answer('x'.repeat(8000))))
  /** A client that asks until it is not answered on, or so often, and reads nothing. */
  const deaf = async (most: number) => {
    const client = proxy.client()
    client.socket.pause()
    let answers = 0
    for (let before = -1; answers < most && before < proxy.ends.length; answers++) {
      before = proxy.ends.length
      client.send(request('GET', origin.url))
      for (let turn = 0; before === proxy.ends.length && turn < 1000; turn++) await new Promise(setImmediate)
    }
    pass(6000)
    return { client, answers }
  }
  const { client, answers: most } = await deaf(Number.POSITIVE_INFINITY)
  client.close()
  await waitFor('that one to be gone', () => proxy.proxy.connections === 0)
  // With some of these, a last part of the answers is still to leave.
  for (let fewer = 2; fewer < 8; fewer++) await deaf(most - fewer)
  t.ok(proxy.limits.includes('connections_waiting'))
  await waitFor('no more connections than there may be', () => proxy.proxy.connections <= 2)
})

t.test('who has begun to ask does not give way', async (t) => {
  const pass = clock(t)
  const proxy = await proxyOf(t, { limits: { connections: 2 } })
  const origin = await originOf(t, answering(answer('fine')))
  const [asking, waiting] = [proxy.client(), proxy.client()]
  const text = request('GET', origin.url)
  const answered = (client: Client, rest = text) => client.send(rest).until((text) => text.endsWith('fine'))
  await answered(asking)
  asking.take()
  asking.send(text.slice(0, 20))
  await answered(waiting) // by then, what came before it was read, too
  waiting.take()
  pass(6000)
  t.match(await answered(proxy.client()), ' 200 ')
  t.equal(await waiting.all(), '')
  t.match(await answered(asking, text.slice(20)), ' 200 ')
})

t.test(
  'behind TLS, who comes to a full house is dropped, and who has waited makes room for the next one',
  { skip: openssl === null && missing('OpenSSL') },
  async (t) => {
    const pass = clock(t)
    const tls = await makeCertificate(scratch(t), openssl ?? '')
    const proxy = await proxyOf(t, {
      limits: { connections: 2 },
      listeners: [{ host: DESK, port: 0, clientAddress: 'socket', trusted: [], tls }],
    })
    const connected = () => {
      const socket = connectTLS(proxy.port, DESK, { ca: tls.cert })
      t.teardown(() => socket.destroy())
      return new Promise<boolean>((resolve) => {
        socket.on('error', () => {}).once('secureConnect', () => resolve(true))
        socket.once('close', () => resolve(false))
      })
    }
    t.ok(await connected())
    t.ok(await connected())
    await waitFor('two that wait', () => proxy.proxy.connections === 2)
    pass(5000)
    t.notOk(await connected())
    await waitFor('one to be gone', () => proxy.proxy.connections === 1)
    t.ok(await connected())
    t.same(proxy.limits, ['connections', 'connections_waiting'])
  },
)

t.test('handshakes that are never ended close nobody’s connection where there is a place', async (t) => {
  const pass = clock(t)
  const tls = { cert: '', key: '' } // no handshake gets as far as the certificate
  const listener = { host: DESK, port: 0, clientAddress: 'socket', trusted: [] } as const
  const proxy = await proxyOf(t, {
    limits: { connections: 2 },
    listeners: [
      { ...listener, tls: null },
      { ...listener, tls },
    ],
  })
  const waiting = proxy.client()
  await waitFor('one that waits', () => proxy.proxy.connections === 1)
  pass(6000)
  const silent = Array.from({ length: 4 }, () => proxy.client(DESK, 1))
  await waitFor('two to be dropped', () => proxy.limits.length === 2)
  t.same(proxy.limits, ['connections', 'connections'])
  t.notOk(waiting.ended)
  for (const client of silent) client.close()
})

t.test('a client has so many tunnels, upgrades included; one address of many people has more', async (t) => {
  const proxy = await startProxy({ limits: { tunnelsPerClient: 2, tunnelsPerSharedClient: 3 } })
  t.teardown(() => proxy.close())
  const origin = await originOf(t, (socket) => {
    socket.once('data', (chunk) => {
      if (chunk.includes('Upgrade'))
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
    })
    socket.on('end', () => socket.end())
  })
  const upgrade = request('GET', origin.url, ['Connection: upgrade', 'Upgrade: x'])
  const tunnel = connectTo(`plain.test:${origin.port}`)
  const open = async (text: string, from = DESK) => {
    const client = proxy.client(from).send(text)
    return { client, status: statusOf(await client.until((text) => text.includes('\r\n\r\n'))) }
  }
  const first = await open(tunnel)
  t.same([first.status, (await open(upgrade)).status], ['200', '101'])
  t.same([(await open(tunnel)).status, (await open(upgrade)).status], ['503', '503'])
  t.same(proxy.limits, ['tunnels_per_client', 'tunnels_per_client'])
  const shared = []
  for (let count = 0; count < 4; count++) shared.push((await open(tunnel, '127.0.0.4')).status)
  t.same(shared, ['200', '200', '200', '503'])
  const before = proxy.ends.length
  first.client.close()
  await proxy.ended(before + 1)
  t.equal((await open(tunnel)).status, '200', 'a place is free again')
})

t.test('what stands still is cut', async (t) => {
  const proxy = await startProxy({ limits: { idleMs: 600 } })
  t.teardown(() => proxy.close())
  const origin = await originOf(t, (socket) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (text.includes('/slow')) setTimeout(() => socket.write(answer('in time')), 200)
      if (text.includes('/begun')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun')
      text = ''
    })
    socket.on('end', () => socket.end())
  })
  const ends = () => proxy.ends.map(({ outcome, error }) => `${outcome} ${error}`)
  const idle = async () => {
    const client = proxy.client().send(request('GET', `${origin.url}/slow`))
    await client.until((text) => text.endsWith('in time'))
    t.equal(await closeOf(client), client.text, 'a connection between requests')
    t.equal(client.error, null)
  }
  /** Who has its answer leaves: nobody is to wait for it to say more. */
  const answerTo = async (text: string) => {
    const client = proxy.client().send(text)
    await client.all()
    client.close()
    return client.text
  }
  const silentOrigin = async () => {
    t.match(await answerTo(request('GET', origin.url)), /^HTTP\/1\.1 504 [\s\S]*error=http_response_timeout/)
    t.ok(ends().includes('upstream_error http_response_timeout'))
  }
  const begunAnswer = async () => {
    const client = proxy.client().send(request('GET', `${origin.url}/begun`))
    t.match(await closeOf(client), /begun$/)
    t.equal(client.error, 'ECONNRESET', 'an answer that stands still is not whole')
  }
  const slowUpload = async () => {
    const text = await answerTo(`${request('POST', origin.url, ['Content-Length: 9'])}half`)
    t.match(text, /^HTTP\/1\.1 408 /)
    t.ok(ends().includes('client_error http_request_error'))
  }
  const tunnel = async () => {
    const client = proxy.client().send(connectTo(`plain.test:${origin.port}`))
    await closeOf(client)
    t.equal(client.error, null)
    await waitFor('the end of the tunnel', () => proxy.ends.some(({ kind }) => kind === 'connect'))
    t.equal(proxy.ends.find(({ kind }) => kind === 'connect')?.outcome, 'ok')
  }
  const busyTunnel = async () => {
    const echoing = await originOf(t, echo)
    const client = proxy.client().send(connectTo(`plain.test:${echoing.port}`))
    for (let count = 0; count < 5; count++) {
      await new Promise((resolve) => setTimeout(resolve, 200))
      client.send('x')
    }
    t.match(await client.until((text) => text.endsWith('xxxxx')), /xxxxx$/, 'a tunnel that moves is not')
    client.close()
  }
  await Promise.all([idle(), silentOrigin(), begunAnswer(), slowUpload(), tunnel(), busyTunnel()])
  t.ok(proxy.limits.filter((limit) => limit === 'idle_ms').length >= 4)
  await waitFor('the end of all connections', () => proxy.proxy.connections === 0)
})

t.test('an answer that its client does not read stands still by the client', async (t) => {
  const proxy = await startProxy({ limits: { idleMs: 600 } })
  t.teardown(() => proxy.close())
  const large = Buffer.from(answer('a'.repeat(30_000_000))) // at hand: to make it takes longer than may be idle on a busy machine
  const origin = await originOf(t, (socket) => socket.once('data', () => socket.write(large)))
  const client = proxy.client().send(request('GET', `${origin.url}/unread`))
  await client.until((text) => text !== '')
  client.socket.pause()
  const [end] = await proxy.ended(1)
  t.equal(end?.outcome, 'client_error')
  t.same(proxy.limits, ['idle_ms'])
})

t.test('who asks on and does not read what comes is not answered on', async (t) => {
  const proxy = await startProxy()
  t.teardown(() => proxy.close())
  const [many, size] = [2000, 15_000]
  let asked = 0
  const origin = await originOf(t, (socket) =>
    answering(() => {
      asked += 1
      return answer('x'.repeat(size))
    })(socket),
  )
  const client = proxy.client()
  client.socket.pause()
  client.send(request('GET', `${origin.url}/`).repeat(many - 1))
  client.send(request('GET', `${origin.url}/`, ['Connection: close']))
  for (let before = -1; asked > before; await new Promise((resolve) => setTimeout(resolve, 500))) before = asked
  t.ok(asked > 10 && asked < many / 2, `${asked} of ${many} were asked for: what the sockets hold`)
  client.socket.resume()
  t.equal((await client.all()).match(/HTTP\/1\.1 200/g)?.length, many, 'each is answered once it is read')
})

t.test('a name that nobody answers for and an address that does not answer have their times', async (t) => {
  const proxy = await startProxy({ limits: { dnsMs: 40 }, lookup: () => new Promise(() => {}) })
  t.teardown(() => proxy.close())
  const text = await proxy.client().send(request('GET', 'http://plain.test/')).all()
  t.match(text, /^HTTP\/1\.1 504 [\s\S]*error=dns_timeout/)
  t.same([proxy.limits, proxy.lookups], [['dns_ms'], ['timeout']])
})

t.test('a drain closes what is idle, lets finish what is under way, and cuts the rest', async (t) => {
  const proxy = await startProxy({ limits: { drainMs: 400 } })
  const asked = Promise.withResolvers<void>()
  const draining = Promise.withResolvers<void>()
  const origin = await originOf(t, (socket) => {
    socket.on('data', (chunk) => {
      if (chunk.includes('/quick')) socket.write(answer('quick'))
      if (chunk.includes('/begun')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbe')
        draining.promise.then(() => socket.write('gun'))
      }
      if (chunk.includes('/slow')) draining.promise.then(() => socket.write(answer('slow')))
      if (chunk.includes('/never')) asked.resolve()
    })
    socket.on('end', () => socket.end())
  })
  const idle = proxy.client().send(request('GET', `${origin.url}/quick`))
  await idle.until((text) => text.endsWith('quick'))
  const fresh = proxy.client()
  await once(fresh.socket, 'connect')
  const tunnel = proxy.client().send(connectTo(`logged.test:${origin.port}`))
  await tunnel.until((text) => text.includes('\r\n\r\n'))
  const begun = proxy.client().send(request('GET', `${origin.url}/begun`) + request('GET', `${origin.url}/quick`))
  await begun.until((text) => text.endsWith('be'))
  const slow = proxy.client().send(request('GET', `${origin.url}/slow`))
  const never = proxy.client().send(request('GET', `${origin.url}/never`))
  await asked.promise
  const drained = proxy.proxy.drain()
  draining.resolve()
  t.equal(proxy.proxy.drain(), drained, 'asked twice, done once')
  t.match(await closeOf(idle), /quick$/)
  t.equal(await closeOf(fresh), '')
  t.match(await slow.all(), /\r\nConnection: close\r\n[\s\S]*slow$/)
  t.match(await begun.all(), /begun$/, 'and takes no more requests')
  t.notOk(tunnel.ended, 'a tunnel runs on')
  await drained
  await closeOf(tunnel)
  await closeOf(never)
  t.same(
    proxy.limits.filter((limit) => limit === 'drain_ms'),
    ['drain_ms', 'drain_ms'],
  )
  t.ok(proxy.ends.some(({ outcome, error }) => outcome === 'proxy_error' && error === 'proxy_internal_response'))
  t.same(
    proxy.records.map(({ action }) => action),
    ['log', 'end'],
    'the tunnel that was cut is recorded',
  )
  const late = proxy.client()
  await late.until(() => late.closed)
  t.equal(late.error, 'ECONNREFUSED')
})

t.test('places for tunnels are given back, each once', async (t) => {
  const occupancy = new Occupancy(null)
  const take = (...clients: readonly string[]) => clients.map((client) => occupancy.reserve(client, 2))
  t.same(take('a', 'a', 'a', 'b'), [true, true, false, true])
  occupancy.release('a')
  t.same(take('a', 'a'), [true, false])
})

t.test('a limit is one for all threads that serve for a proxy', async (t) => {
  const shared = createSharedOccupancy(3, 0x5eed)
  const threads = [0, 1, 2].map((thread) => new Occupancy(shared, thread))
  const reserve = (client: string, limit: number) => threads.map((thread) => thread.reserve(client, limit))
  const enter = (limit: number) => threads.map((thread) => thread.enter(limit))
  t.same(reserve('2001:db8::7', 4), [true, true, true])
  t.same(reserve('2001:db8::7', 4), [true, false, false], 'wherever the others are')
  t.same(reserve('2001:db8::8', 4), [true, true, true], 'another client has its own')
  threads[2]?.release('2001:db8::7')
  t.same(reserve('2001:db8::7', 4), [true, false, false], 'what one gave back another takes')
  t.same([enter(4), enter(4)].flat(), [true, true, true, true, false, false])
  threads[1]?.leave()
  t.same(enter(4), [true, false, false])
  t.equal(connectionsOf(shared), 4)

  t.equal(vacate(shared, 0), 3, 'a thread that ended gives back all that it had')
  t.equal(connectionsOf(shared), 1)
  threads[0] = new Occupancy(shared, 0)
  t.same(reserve('2001:db8::7', 4), [true, true, true])
})

t.test('of ten thousand clients none has less than its limit', async (t) => {
  const shared = createSharedOccupancy(2, 0x5eed)
  const threads = [0, 1].map((thread) => new Occupancy(shared, thread))
  let refused = 0
  for (let client = 0; client < 10_000; client++)
    for (const thread of threads)
      for (let tunnel = 0; tunnel < 2; tunnel++)
        if (!thread.reserve(`10.${client >> 8}.0.${client & 255}`, 8)) refused++
  t.equal(refused, 0)
  for (let client = 0; client < 10_000; client++)
    for (const thread of threads)
      for (let tunnel = 0; tunnel < 2; tunnel++) thread.release(`10.${client >> 8}.0.${client & 255}`)
  t.ok(
    shared.tunnels.every((counts) => counts.every((count) => count === 0)),
    'and each place was given back',
  )
})

t.test('a place for a tunnel is given back whatever becomes of its exchange', async (t) => {
  const occupancy = new Occupancy(null)
  const source: Source = { address: address(DESK), port: 1, learnt: 'socket', path: [], known: true }
  const failing = () => {
    throw new Error('no room for the tally')
  }
  let ended = 0
  const options = {
    policy: () => compiled(RULES),
    now: Date.now,
    limits: { ...LIMITS, tunnelsPerClient: 1 },
    tally: failing,
    observer: { ended: () => ended++ },
  }
  const exchange = new Exchange('connect', 'CONNECT', source, { sever: () => {} }, options as unknown as ProxyOptions) // what of them is used
  exchange.judge({ host: 'meet.test', port: 443 })
  exchange.takePlace(occupancy)
  t.throws(() => exchange.takePlace(occupancy), { code: 'ERR_TUNNEL_LIMIT' })
  t.throws(() => exchange.close(), /no room/)
  t.ok(occupancy.reserve(DESK, 1))
  t.equal(ended, 1, 'and it is counted')
})
