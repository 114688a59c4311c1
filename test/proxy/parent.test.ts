/** By a next proxy: what it is told, what becomes of each of its answers, and that policy holds as it does without one. */
import type { Socket } from 'node:net'
import t from 'tap'
import {
  answer,
  answering,
  DESK,
  type HarnessOptions,
  type Origin,
  request,
  startOrigin,
  startProxy,
  WIFI,
} from './harness.ts'
import { clientHello, inRecords } from './hellos.ts'

type Scope = { teardown(end: () => unknown): void }

const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n'
const connectTo = (target: string, fields: readonly string[] = []) =>
  [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`, ...fields, '', ''].join('\r\n')
const echo = (socket: Socket) => {
  socket.on('data', (chunk) => socket.write(chunk))
  socket.on('end', () => socket.end())
}

/** A parent that hears one head and then does as it is told; `heads` are what it heard. */
async function parentThat(t: Scope, behave: (socket: Socket, before: number) => void) {
  const heads: string[] = []
  const origin = await startOrigin((socket, before) => {
    let text = ''
    const read = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!text.endsWith('\r\n\r\n')) return
      socket.off('data', read)
      heads.push(text)
      behave(socket, before)
    }
    socket.on('data', read)
    socket.on('end', () => socket.end())
  })
  t.teardown(() => origin.close())
  return { ...origin, heads }
}

/** Resolves when its connections are closed. */
async function gone({ sockets }: Origin): Promise<void> {
  for (const socket of sockets) await new Promise((resolve) => socket.once('close', resolve).resume())
}

/** A port of loopback where nobody listens. */
async function deadPort(): Promise<number> {
  const origin = await startOrigin(() => {})
  origin.close()
  return origin.port
}

async function proxyBy(t: Scope, ports: readonly number[], options: HarnessOptions = {}) {
  const parents = ports.map((port) => ({ host: DESK, port }))
  const proxy = await startProxy({ names: {}, allow: [], ...options, parents })
  t.teardown(() => proxy.close())
  return proxy
}

const tunnelling = (socket: Socket) => {
  socket.write('HTTP/1.1 200 Go\r\n\r\n')
  echo(socket)
}
const ASKS = 'Proxy-Authenticate: Basic realm="p"'
const refusing =
  (status: string, fields: readonly string[] = []) =>
  (socket: Socket) =>
    socket.end(answer('', fields, status))

t.test('plain HTTP is asked for in absolute-form, without what is meant for us alone', async (t) => {
  const heard: string[] = []
  const parent = await startOrigin(
    answering((text) => {
      heard.push(text)
      return answer('fine', ['Via: 1.1 parent', 'Proxy-Authenticate: Basic realm="x"'])
    }),
  )
  t.teardown(() => parent.close())
  const proxy = await proxyBy(t, [parent.port])
  const secret = ['Proxy-Authorization: Basic eDp5', 'X-Forwarded-For: 10.0.0.1', 'Proxy-Connection: keep-alive']
  const client = proxy.client()
  client.send(request('POST', 'http://A.test:81/x?y', ['Content-Length: 2', 'Via: 1.0 old', ...secret], 'hi'))
  const text = await client.until((text) => text.endsWith('fine'))
  t.same(heard, [
    'POST http://a.test:81/x?y HTTP/1.1\r\nHost: a.test:81\r\nVia: 1.0 old\r\nContent-Length: 2\r\nConnection: close\r\nVia: 1.1 landline-1\r\n\r\nhi',
  ])
  t.match(text, /^HTTP\/1\.1 200 OK\r\nVia: 1\.1 parent\r\nDate: .*\r\nContent-Length: 4\r\nVia: 1\.1 landline-1\r\n/)
  client.take()
  client.send(request('OPTIONS', 'http://a.test', ['Max-Forwards: 2']))
  await client.until((text) => text.endsWith('fine'))
  t.match(
    heard[1],
    /^OPTIONS http:\/\/a\.test HTTP\/1\.1\r\nHost: a\.test\r\nMax-Forwards: 1\r\n/,
    'no path stays none',
  )
  t.same(proxy.lookups, [], 'names are the business of the parent')
  t.same(proxy.dials, ['ok', 'ok'])
})

t.test('a tunnel is asked for in authority-form, with the way that the request has come', async (t) => {
  const parent = await parentThat(t, tunnelling)
  const proxy = await proxyBy(t, [parent.port])
  const fields = ['Via: 1.1 child', 'User-Agent: x', 'Proxy-Authorization: Basic eDp5', 'Forwarded: for=10.0.0.1']
  const client = proxy.client().send(connectTo('A.test:443', fields))
  t.equal(await client.until((text) => text.includes('\r\n\r\n')), ESTABLISHED)
  t.same(parent.heads, [
    'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nVia: 1.1 child\r\nUser-Agent: x\r\nVia: 1.1 landline-1\r\n\r\n',
  ])
  client.take()
  client.send('SSH-2.0-x\r\n')
  t.equal(await client.until((text) => text.endsWith('\n')), 'SSH-2.0-x\r\n')
  client.socket.end()
  t.equal(await client.all(), 'SSH-2.0-x\r\n')
  t.same(proxy.lookups, [])
})

t.test('a request to switch protocols is asked for in absolute-form too', async (t) => {
  const switching = ['Connection: upgrade', 'Upgrade: websocket']
  const parent = await parentThat(t, (socket) => {
    socket.write(`HTTP/1.1 101 Go\r\n${switching.join('\r\n')}\r\n\r\n`)
    echo(socket)
  })
  const proxy = await proxyBy(t, [parent.port])
  const client = proxy.client().send(request('GET', 'http://a.test/chat', switching))
  t.match(await client.until((text) => text.includes('\r\n\r\n')), /^HTTP\/1\.1 101 /)
  t.match(parent.heads, [/^GET http:\/\/a\.test\/chat HTTP\/1\.1\r\n/])
  client.take()
  client.send('frame')
  t.equal(await client.until((text) => text.endsWith('frame')), 'frame')
})

t.test('a client is never asked for the credentials of a parent', async (t) => {
  const parent = await startOrigin(answering(() => answer('', [ASKS], '407 Who')))
  t.teardown(() => parent.close())
  const proxy = await proxyBy(t, [parent.port])
  const asked = [request('GET', 'http://a.test/'), connectTo('a.test:443')]
  const wanted = [/error=http_protocol_error/, /error=destination_unavailable/]
  for (const [index, text] of asked.entries()) {
    const said = await proxy.client().send(text).all()
    t.match(said, /^HTTP\/1\.1 502 /)
    t.match(said, wanted[index])
    t.notMatch(said, /Proxy-Authenticate/i)
  }
})

t.test('what a parent says to a CONNECT is an answer only when it is a good one', async (t) => {
  const cases: readonly [name: string, behave: (socket: Socket) => void, wanted: RegExp][] = [
    ['403', refusing('403 No'), /^HTTP\/1\.1 502 [\s\S]*error=destination_unavailable[\s\S]*answered 403/],
    ['503', refusing('503 No'), /^HTTP\/1\.1 502 [\s\S]*error=destination_unavailable[\s\S]*answered 503/],
    ['a redirection', refusing('302 No'), /^HTTP\/1\.1 502 [\s\S]*error=destination_unavailable/],
    ['407', refusing('407 Who', [ASKS]), /^HTTP\/1\.1 502 [\s\S]*error=destination_unavailable[\s\S]*answered 407/],
    ['a loop further on', refusing('502 No', ['Proxy-Status: b; error=proxy_loop_detected']), /error=proxy_loop_det/],
    ['another protocol', (socket) => socket.end('SSH-2.0-x\r\n'), /^HTTP\/1\.1 502 [\s\S]*error=http_protocol_error/],
    ['a bare LF', (socket) => socket.end('HTTP/1.1 200 OK\n\n'), /^HTTP\/1\.1 502 [\s\S]*error=http_protocol_error/],
    ['a protocol that was not asked for', refusing('101 x'), /^HTTP\/1\.1 502 [\s\S]*error=http_upgrade_failed/],
    [
      'half a head',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nA: b'),
      /^HTTP\/1\.1 502 [\s\S]*error=http_response_incomplete/,
    ],
    ['an interim answer alone', (socket) => socket.end('HTTP/1.1 100 x\r\n\r\n'), /error=http_response_incomplete/],
    [
      'interim answers for ever',
      (socket) => socket.end('HTTP/1.1 103 x\r\n\r\n'.repeat(20)),
      /error=http_protocol_err/,
    ],
    [
      'a head too large',
      (socket) => socket.end(`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(70_000)}\r\n\r\n`),
      /error=http_response_header_section_size/,
    ],
    ['nothing', (socket) => socket.end(), /^HTTP\/1\.1 502 [\s\S]*error=connection_terminated/],
    ['a reset', (socket) => socket.resetAndDestroy(), /^HTTP\/1\.1 502 [\s\S]*error=connection_terminated/],
    [
      '200 after interim answers',
      (socket) => socket.end('HTTP/1.1 103 x\r\n\r\nHTTP/1.0 200 OK\r\n\r\nhi'),
      /\r\n\r\nhi$/,
    ],
    [
      '200 with fields that frame nothing here',
      (socket) => socket.end('HTTP/1.1 204 OK\r\nContent-Length: 5\r\n\r\nhi'),
      /Established\r\n\r\nhi$/,
    ],
  ]
  for (const [name, behave, wanted] of cases) {
    const parent = await parentThat(t, behave)
    const proxy = await proxyBy(t, [parent.port])
    const client = proxy.client().send(connectTo('a.test:443'))
    t.match(await client.all(), wanted, name)
    client.socket.end()
    await proxy.ended(1)
    t.equal(parent.count(), 1, `${name}: it was asked once`)
    await gone(parent)
  }
})

t.test('bytes behind the head of the 200 are the first of the tunnel, whole and in order', async (t) => {
  const early = 'x'.repeat(100_000)
  const parent = await parentThat(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\n\r\n220 hello\r\n${early}`)
    echo(socket)
  })
  const proxy = await proxyBy(t, [parent.port])
  const client = proxy.client().send(connectTo('a.test:443'))
  const said = `${ESTABLISHED}220 hello\r\n${early}`
  t.equal(await client.until((text) => text.length === said.length), said)
  client.send('EHLO x\r\n')
  t.equal(await client.until((text) => text.endsWith('EHLO x\r\n')), `${said}EHLO x\r\n`)
})

t.test('a parent that is dead or mute is passed over, and when all are, the client is told', async (t) => {
  const dead = await deadPort()
  const mute = await parentThat(t, (socket) => socket.end())
  const good = await parentThat(t, (socket, before) => (before === 0 ? tunnelling : answering(answer('fine')))(socket))
  const proxy = await proxyBy(t, [dead, mute.port, good.port])
  const client = proxy.client().send(connectTo('a.test:443'))
  t.equal(await client.until((text) => text.includes('\r\n\r\n')), ESTABLISHED)
  t.same([mute.count(), good.count()], [1, 1])
  const failing: readonly [ports: readonly number[], wanted: RegExp][] = [
    [[dead], /^HTTP\/1\.1 502 [\s\S]*error=connection_refused/],
    [[dead, await deadPort()], /^HTTP\/1\.1 502 [\s\S]*error=connection_refused/],
    [[dead, mute.port], /^HTTP\/1\.1 502 [\s\S]*error=connection_terminated/],
  ]
  for (const [ports, wanted] of failing) {
    const alone = await proxyBy(t, ports)
    t.match(await alone.client().send(connectTo('a.test:443')).all(), wanted)
    t.match(
      await alone
        .client()
        .send(request('GET', 'http://a.test/', ['Connection: close']))
        .all(),
      wanted,
    )
    t.same(new Set(alone.ends.map(({ outcome }) => outcome)), new Set(['upstream_error']))
  }
  const refused = await parentThat(t, refusing('403 No'))
  const decided = await proxyBy(t, [refused.port, good.port])
  t.match(await decided.client().send(connectTo('a.test:443')).all(), /answered 403/)
  t.equal(good.count(), 1, 'a refusal is an answer: no other parent is asked to do it all the same')
})

t.test('plain HTTP goes to the next parent as well', async (t) => {
  const parent = await startOrigin(answering(answer('fine')))
  t.teardown(() => parent.close())
  const proxy = await proxyBy(t, [await deadPort(), parent.port])
  const client = proxy.client().send(request('GET', 'http://a.test/', ['Connection: close']))
  t.match(await client.all(), /^HTTP\/1\.1 200 [\s\S]*fine$/)
  t.same(proxy.dials, ['refused', 'ok'])
})

t.test('a parent is named by its address or its name', async (t) => {
  const parent = await parentThat(t, tunnelling)
  const names = { 'parent.test': [DESK] }
  const proxy = await startProxy({ names, allow: [], parents: ['gone.test', 'parent.test'].map(at(parent)) })
  t.teardown(() => proxy.close())
  const client = proxy.client().send(connectTo('a.test:443'))
  t.equal(await client.until((text) => text.includes('\r\n\r\n')), ESTABLISHED)
  t.same(proxy.lookups, ['not_found', 'ok'], 'of the parents alone')
  const lost = await startProxy({ names: {}, allow: [], parents: ['gone.test'].map(at(parent)) })
  t.teardown(() => lost.close())
  t.match(await lost.client().send(connectTo('a.test:443')).all(), /^HTTP\/1\.1 502 [\s\S]*error=dns_error/)
})

const at =
  ({ port }: Origin) =>
  (host: string) => ({ host, port })

t.test('a parent that takes its time has a deadline, whatever it dribbles', async (t) => {
  const slow: readonly [name: string, behave: (socket: Socket) => void][] = [
    ['silence', () => {}],
    ['half a head', (socket) => socket.write('HTTP/1.1 200 OK\r\n')],
    ['interim answers', (socket) => socket.write('HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\n\r\n')],
  ]
  const good = await parentThat(t, tunnelling)
  for (const [name, behave] of slow) {
    const parent = await parentThat(t, behave)
    const proxy = await proxyBy(t, [parent.port, good.port], { limits: { dialMs: 60 } })
    const text = await proxy.client().send(connectTo('a.test:443')).all()
    t.match(text, /^HTTP\/1\.1 504 [\s\S]*error=connection_timeout/, name)
    t.same(proxy.limits, ['dial_ms'], name)
    await gone(parent)
    t.equal(parent.sockets.size, 0, `${name}: it is left`)
  }
  t.equal(good.count(), 0, 'it has the request: no other is asked beside it')
  const parent = await parentThat(t, () => {})
  const proxy = await proxyBy(t, [parent.port], { limits: { idleMs: 60 } })
  const text = await proxy.client().send(request('GET', 'http://a.test/')).all()
  t.match(text, /^HTTP\/1\.1 504 [\s\S]*error=http_response_timeout/, 'plain HTTP')
})

t.test('what the guard and the port list refuse never reaches a parent', async (t) => {
  const parent = await parentThat(t, tunnelling)
  const proxy = await proxyBy(t, [parent.port], { connectPorts: [[443, 443]] })
  for (const target of ['10.0.0.1:443', '169.254.169.254:443', '[::ffff:127.0.0.1]:443']) {
    const text = await proxy.client().send(connectTo(target)).all()
    t.match(text, /^HTTP\/1\.1 502 [\s\S]*error=destination_ip_prohibited/, target)
  }
  const plain = await proxy.client().send(request('GET', 'http://10.0.0.1/')).all()
  t.match(plain, /^HTTP\/1\.1 502 [\s\S]*error=destination_ip_prohibited/)
  t.match(await proxy.client().send(connectTo('a.test:25')).all(), /^HTTP\/1\.1 403 /)
  t.match(
    await proxy.client(WIFI).send(connectTo('meet.test:443')).until(isWhole),
    /^HTTP\/1\.1 403 [\s\S]*Only from desks/,
  )
  t.match(await proxy.client(WIFI).send(request('GET', 'http://meet.test/')).until(isWhole), /^HTTP\/1\.1 403 /)
  t.equal(parent.count(), 0)
  t.same(
    proxy.records.map(({ action }) => action),
    [...Array(5).fill('refuse'), 'block', 'block'],
  )
  const public_ = proxy.client().send(connectTo('192.0.1.1:443'))
  t.equal(await public_.until(isWhole), ESTABLISHED, 'a public address is for the parent to reach')
})

const isWhole = (text: string) => text.includes('\r\n\r\n')

t.test('the record is there before a parent hears of it', async (t) => {
  const parent = await parentThat(t, tunnelling)
  for (const ask of [connectTo('logged.test:443'), request('GET', 'http://logged.test/')]) {
    const before = parent.count()
    const written = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<number>()
    const proxy = await proxyBy(t, [parent.port], {
      recording: async ({ action }) => {
        if (action !== 'log') return
        // A dial that had begun would have arrived by then: it is one turn through loopback.
        setTimeout(() => begun.resolve(parent.count()), 20)
        await written.promise
      },
    })
    proxy.client().send(ask)
    t.equal(await begun.promise, before, 'not even a connection')
    written.resolve()
    while (parent.heads.length === before) await new Promise((resolve) => setImmediate(resolve))
    t.match(proxy.records[0], { action: 'log', destination: { domain: 'logged.test', ip: null } })
  }
  const failing = await proxyBy(t, [parent.port], { recording: () => Promise.reject(new Error('the disk is full')) })
  const count = parent.count()
  t.match(await failing.client().send(connectTo('logged.test:443')).all(), /^HTTP\/1\.1 503 /)
  t.equal(parent.count(), count, 'without a record, nothing')
})

t.test('the name in the hello is judged in a tunnel by a parent too', async (t) => {
  const parent = await parentThat(t, (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
  const proxy = await proxyBy(t, [parent.port])
  const client = proxy.client(WIFI).send(connectTo('a.test:443'))
  await client.until(isWhole)
  const heard: Buffer[] = []
  for (const socket of parent.sockets) socket.on('data', (chunk) => heard.push(chunk))
  client.send(inRecords(clientHello('meet.test')))
  await client.until(() => client.closed || client.ended)
  await proxy.ended(1)
  t.same(
    proxy.records.map(({ action }) => action),
    ['sever', 'end'],
  )
  t.same(heard, [], 'and not a byte of it has passed')
})

t.test('a parent that is this proxy itself, or leads back to it, is a loop', async (t) => {
  // Its port is known only once it listens: the way back to it is a relay.
  let rounds = 0
  const relay = await startOrigin((socket) => {
    const onward = proxy.client()
    onward.socket.setEncoding()
    socket.pipe(onward.socket).pipe(socket)
    rounds += 1
  })
  t.teardown(() => relay.close())
  const proxy = await proxyBy(t, [relay.port])
  t.match(await proxy.client().send(connectTo('a.test:443')).all(), /^HTTP\/1\.1 502 [\s\S]*error=proxy_loop_detected/)
  t.match(
    await proxy
      .client()
      .send(request('GET', 'http://a.test/', ['Connection: close']))
      .all(),
    /^HTTP\/1\.1 502 [\s\S]*error=proxy_loop_detected/,
  )
  t.equal(rounds, 2, 'each went round once')
  // Two proxies, each the other's parent: only a Via that is carried on tells the first that it has seen this before.
  const between = await parentThat(t, (socket) => {
    const head = between.heads.at(-1) ?? ''
    const back = proxyOfTwo.client().send(head.replace('\r\n\r\n', '\r\nVia: 1.1 other\r\n\r\n'))
    void back.all().then((text) => socket.end(Buffer.from(text, 'latin1')))
  })
  const proxyOfTwo = await proxyBy(t, [between.port])
  t.match(await proxyOfTwo.client().send(connectTo('a.test:443')).all(), /error=proxy_loop_detected/)
  t.equal(between.count(), 1)
})

t.test('a client that goes away while a parent thinks leaves nothing open', async (t) => {
  const parent = await parentThat(t, (socket) => {
    client.socket.resetAndDestroy()
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\n\r\n'), 20)
  })
  const proxy = await proxyBy(t, [parent.port])
  const client = proxy.client()
  client.send(connectTo('a.test:443'))
  const [end] = await proxy.ended(1)
  t.match(end, { outcome: 'client_error', error: 'connection_terminated' })
  await gone(parent)
  t.equal(parent.sockets.size, 0)
})
