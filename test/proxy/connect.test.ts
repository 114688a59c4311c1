/** The CONNECT story over real sockets: what is dialled, what a tunnel opens with, what it carries, and how it ends. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import {
  address,
  type Client,
  DESK,
  type Harness,
  originOf,
  proxyOf,
  RULES,
  STRANGER,
  startProxy,
  textOf,
  WIFI,
} from './harness.ts'
import { clientHello, extension, handshake, inRecords } from './hellos.ts'

const proxy = await startProxy()
t.teardown(() => proxy.close())

const connectTo = (target: string) => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`
const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n'
/** A client whose tunnel stands. */
async function tunnelTo(host: string, port: number, { from = DESK, by = proxy }: { from?: string; by?: Harness } = {}) {
  const client = by.client(from).send(connectTo(`${host}:${port}`))
  const text = await client.until((text) => text.includes('\r\n\r\n'))
  if (!text.startsWith(ESTABLISHED)) throw new Error(text)
  client.text = text.slice(ESTABLISHED.length)
  return client
}
const echo = (socket: Socket) => {
  socket.on('data', (chunk) => socket.write(chunk))
  socket.on('end', () => socket.end())
}
/** What came through the tunnel, after the client was cut. */
const cutOf = async (client: Client) => {
  await client.until(() => client.ended || client.closed)
  return client.text
}

t.test('a tunnel carries what both sides say, and each side ends by itself', async (t) => {
  for (const first of ['client', 'origin'] as const) {
    const heard = Promise.withResolvers<string>()
    const origin = await originOf(t, async (socket) => {
      void textOf(socket).then((text) => {
        heard.resolve(text)
        if (first === 'client') socket.end('late answer')
      })
      if (first === 'origin') socket.end('all I say')
    })
    const client = await tunnelTo('plain.test', origin.port)
    if (first === 'origin') {
      t.equal(await client.all(), 'all I say')
      client.send('late request')
    } else client.send('all I ask')
    client.socket.end()
    t.equal(await heard.promise, first === 'client' ? 'all I ask' : 'late request')
    t.equal(await client.all(), first === 'client' ? 'late answer' : 'all I say')
    await client.until(() => client.closed)
    t.equal(client.error, null)
  }
})

t.test('what an origin said before it was gone reaches a slow client whole', async (t) => {
  const body = randomBytes(4_000_000)
  const origin = await originOf(t, (socket) => {
    socket.on('end', () => socket.end(body))
    socket.resume()
  })
  const client = await tunnelTo('plain.test', origin.port)
  client.send('all I ask')
  client.socket.pause()
  client.socket.end()
  const [socket] = origin.sockets
  if (socket !== undefined)
    await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 100))])
  client.socket.resume()
  const text = await client.all()
  t.equal(
    createHash('sha1').update(Buffer.from(text, 'latin1')).digest('hex'),
    createHash('sha1').update(body).digest('hex'),
  )
})

t.test('a reset on one side is a reset on the other', async (t) => {
  const closed = Promise.withResolvers<string>()
  const origin = await originOf(t, (socket) => {
    socket.on('error', (error) => closed.resolve('code' in error ? String(error.code) : ''))
    socket.on(
      'data',
      (chunk) =>
        chunk.includes('bye') && socket.write('last words', () => setTimeout(() => socket.resetAndDestroy(), 5)),
    )
  })
  const client = await tunnelTo('plain.test', origin.port)
  client.send('bye ')
  await client.until(() => client.closed)
  t.equal(client.text, 'last words')
  t.equal(client.error, 'ECONNRESET')
  const other = await tunnelTo('plain.test', origin.port)
  other.send('hello ')
  other.socket.resetAndDestroy()
  t.equal(await closed.promise, 'ECONNRESET')
})

t.test('bulk goes through both ways, and its bytes are counted', async (t) => {
  const origin = await originOf(t, echo)
  const client = await tunnelTo('plain.test', origin.port)
  const before = { ...proxy.carried }
  const ends = proxy.ends.length
  const block = randomBytes(1_000_000)
  block[0] = 0 // neither TLS nor HTTP: that would be judged
  const hash = createHash('sha1')
  let received = 0
  client.socket.removeAllListeners('data')
  client.socket.setEncoding('latin1')
  client.socket.on('data', (text: string) => {
    received += text.length
    hash.update(text, 'latin1')
  })
  const expected = createHash('sha1')
  for (let count = 0; count < 20; count++) {
    expected.update(block)
    client.send(block)
  }
  client.socket.end()
  await client.until(() => client.ended)
  t.equal(received, 20_000_000)
  t.equal(hash.digest('hex'), expected.digest('hex'))
  await proxy.ended(ends + 1)
  t.same(
    { sent: proxy.carried.sent - before.sent, received: proxy.carried.received - before.received },
    { sent: 20_000_000, received: 20_000_000 },
  )
})

t.test('origins that speak first are not held up, nor clients that say nothing', async (t) => {
  const origin = await originOf(t, (socket) => socket.end('220 ready\r\n'))
  const client = await tunnelTo('plain.test', origin.port)
  t.equal(await client.all(), '220 ready\r\n')
})

t.test('the first bytes say what a tunnel is for, and the strictest verdict stands', async (t) => {
  const origin = await originOf(t, echo)
  const hello = inRecords(clientHello('meet.test'))
  const plain = inRecords(clientHello('plain.test'))
  const http = 'GET / HTTP/1.1\r\nHost: meet.test\r\n\r\n'
  const cases: readonly [name: string, opening: string | Buffer, wanted: 'sever' | 'pass' | 'cut'][] = [
    ['the name of a blocked service', hello, 'sever'],
    ['its name in upper case with a dot', inRecords(clientHello('WWW.Meet.Test.')), 'sever'],
    ['the hello in many records', inRecords(clientHello('meet.test'), 7), 'sever'],
    ['records of one byte', inRecords(clientHello('meet.test'), 1), 'sever'],
    ['after an alert', Buffer.concat([Buffer.from([21, 3, 1, 0, 2, 1, 0]), hello]), 'sever'],
    ['an outer name beside ECH', inRecords(clientHello('meet.test', [extension(0xfe0d, Buffer.alloc(40))])), 'sever'],
    ['data behind the hello', Buffer.concat([hello, Buffer.from('more')]), 'sever'],
    ['the name of no service', plain, 'pass'],
    ['no name', inRecords(clientHello(null)), 'pass'],
    ['GREASE ECH and no name', inRecords(clientHello(null, [extension(0xfe0d, Buffer.alloc(40))])), 'pass'],
    ['an address for a name', inRecords(clientHello('192.0.2.1')), 'pass'],
    ['two names', inRecords(clientHello(['plain.test', 'meet.test'])), 'cut'],
    ['an empty name', inRecords(clientHello('')), 'cut'],
    ['a name with a NUL', inRecords(clientHello('meet.test\0.plain.test')), 'cut'],
    ['a server name twice', inRecords(clientHello('plain.test', [extension(0, Buffer.alloc(0))])), 'cut'],
    ['another handshake message', inRecords(handshake(2, Buffer.alloc(40))), 'cut'],
    ['application data instead', Buffer.concat([hello.subarray(0, 5), Buffer.alloc(60, 0xff)]), 'cut'],
    [
      'another record before the hello is whole',
      Buffer.concat([hello.subarray(0, 40), Buffer.from([23, 3, 1, 0, 1, 0])]),
      'cut',
    ],
    ['a record without content', Buffer.from([22, 3, 1, 0, 0]), 'cut'],
    ['an alert that is none', Buffer.from([21, 3, 1, 0, 9]), 'cut'],
    ['TLS of another major version', Buffer.from([22, 2, 0, 0, 9]), 'cut'],
    ['a Host of plain HTTP', http, 'sever'],
    ['an absolute target', 'GET http://meet.test/ HTTP/1.1\r\nHost: meet.test\r\n\r\n', 'sever'],
    ['a Host after an empty line', `\r\n\r\n${http}`, 'sever'],
    ['a Host with a port, lines without CR', 'GET / HTTP/1.1\nhost : Meet.Test:80 \n\n', 'sever'],
    ['a body behind the head', `POST / HTTP/1.1\r\nContent-Length: 3\r\nHost: meet.test\r\n\r\nabc`, 'sever'],
    ['a Host of no service', 'GET / HTTP/1.1\r\nHost: plain.test\r\n\r\n', 'pass'],
    ['no Host', 'GET / HTTP/1.0\r\n\r\n', 'pass'],
    ['CONNECT within', 'CONNECT meet.test:443 HTTP/1.0\r\n\r\n', 'sever'],
    ['HTTP/2, whose clients may wait for the server', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'pass'],
    [
      'a record before the hello that belongs after it',
      Buffer.concat([Buffer.from([20, 3, 3, 0, 1, 1]), hello]),
      'cut',
    ],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: plain.test\r\nHost: meet.test\r\n\r\n', 'cut'],
    ['a folded Host', 'GET / HTTP/1.1\r\nHost:\r\n meet.test\r\n\r\n', 'cut'],
    ['a Host behind a bare CR', 'GET / HTTP/1.1\r\nA: b\rHost: meet.test\r\n\r\n', 'cut'],
    ['a request line that some would repair', 'GET /a b HTTP/1.1\r\nHost: meet.test\r\n\r\n', 'cut'],
    ['another protocol', 'SSH-2.0-x\r\n', 'pass'],
    ['a line that is no request', 'HELLO there\r\n', 'pass'],
    ['binary', Buffer.from([0, 1, 2, 0xff]), 'pass'],
  ]
  for (const [name, opening, wanted] of cases) {
    for (const bytes of ['at once', 'one by one']) {
      const records = proxy.records.length
      const before = proxy.ends.length
      const connections = origin.count()
      const client = await tunnelTo('plain.test', origin.port, { from: WIFI })
      const all = Buffer.from(opening as string, 'latin1') // a Buffer is copied
      if (bytes === 'at once') client.send(all)
      else for (const byte of all) client.send(Buffer.of(byte))
      const text = wanted === 'pass' ? await client.until((text) => text.length === all.length) : await cutOf(client)
      client.close()
      const [end] = (await proxy.ended(before + 1)).slice(before)
      t.equal(origin.count(), connections + 1)
      t.equal(text, wanted === 'pass' ? all.toString('latin1') : '', `${name}, ${bytes}`)
      t.match(
        end,
        wanted === 'pass'
          ? { outcome: 'ok' }
          : wanted === 'cut'
            ? { error: 'tls_protocol_error' }
            : { outcome: 'denied' },
      )
      t.same(
        proxy.records.slice(records).map(({ action }) => action),
        wanted === 'sever' ? ['sever', 'end'] : [],
        `${name}: its records`,
      )
      if (wanted === 'sever')
        t.equal(proxy.records[records]?.ech, name.includes('ECH'), `${name}: whether ECH was there`)
    }
  }
  const severed = proxy.records.find(({ action }) => action === 'sever')
  t.match(severed, {
    destination: { domain: 'plain.test', ip: DESK },
    verdict: { rule: 'fixed-only', service: 'meet' },
  })
})

t.test('a bare address that is recorded is recorded again as the service that it turns out to be', async (t) => {
  const origin = await originOf(t, echo)
  const recording = await proxyOf(t, { rules: RULES.replace('ip_literals: allow', 'ip_literals: log') })
  const hello = inRecords(clientHello('logged.test'))
  const client = await tunnelTo(DESK, origin.port, { from: WIFI, by: recording })
  client.send(hello)
  await client.until((text) => text.length === hello.length)
  client.close()
  await recording.ended(1)
  const told = recording.records.map(({ action, verdict }) => `${action} ${verdict.rule} ${verdict.service}`)
  t.same(told, ['log ip_literals none', 'log watch logged', 'end watch logged'])
})

t.test('what begins as TLS or HTTP and gets no further is cut; all else goes on as judged', async (t) => {
  const quick = await startProxy({ limits: { helloMs: 60 } })
  t.teardown(() => quick.close())
  const origin = await originOf(t, echo)
  const cases: readonly [opening: string, wanted: 'cut' | 'pass'][] = [
    ['\x16', 'cut'],
    ['\x16\x03\x01\x00\x50\x01\x00\x00\x4c\x03\x03', 'cut'],
    ['GET / HT', 'cut'],
    ['P', 'cut'],
    ['\r\n', 'cut'],
    ['GET / HTTP/1.1\r\nHos', 'cut'],
    ['HELLO', 'pass'],
    ['EHLO there', 'pass'],
  ]
  await Promise.all(
    cases.flatMap(([opening, wanted]) =>
      ['late', 'ended'].map(async (how) => {
        const client = await tunnelTo('plain.test', origin.port, { by: quick })
        client.send(opening)
        if (how === 'ended') client.socket.end()
        const text = wanted === 'pass' ? await client.until((text) => text === opening) : await cutOf(client)
        t.equal(text, wanted === 'pass' ? opening : '', `${JSON.stringify(opening)} ${how}`)
      }),
    ),
  )
  t.ok(quick.limits.includes('hello_ms'))
  const silent = await tunnelTo('plain.test', origin.port, { by: quick })
  await new Promise((resolve) => setTimeout(resolve, 120))
  silent.send('still there')
  t.equal(await silent.until((text) => text === 'still there'), 'still there', 'silence is not cut')
})

t.test('what must not be dialled is not', async (t) => {
  const guarded = await startProxy({
    allow: ['127.0.0.1/32', '127.0.0.77/32'],
    connectPorts: [[443, 443]],
    names: {
      'inside.test': ['10.0.0.1'],
      'meet.test': ['192.168.0.1'],
      'twice.test': ['10.0.0.1', '127.0.0.1'],
      'empty.test': [],
    },
  })
  t.teardown(() => guarded.close())
  const cases: readonly [target: string, answer: RegExp, record: object | null][] = [
    [
      'inside.test:443',
      / 502 [\s\S]*error=destination_ip_prohibited; details="ref=ref-\d+"/,
      { action: 'refuse', destination: null },
    ],
    [
      'meet.test:443',
      / 502 [\s\S]*destination_ip_prohibited/,
      { action: 'refuse', destination: { domain: 'meet.test', port: 443 } },
    ],
    [
      '10.1.2.3:443',
      / 502 [\s\S]*destination_ip_prohibited/,
      { action: 'refuse', destination: null, verdict: { rule: 'none' } },
    ],
    ['[::ffff:10.1.2.3]:443', / 502 [\s\S]*destination_ip_prohibited/, { action: 'refuse', destination: null }],
    ['[64:ff9b::a01:203]:443', / 502 [\s\S]*destination_ip_prohibited/, { action: 'refuse', destination: null }],
    ['169.254.169.254:443', / 502 [\s\S]*destination_ip_prohibited/, { action: 'refuse', destination: null }],
    [
      'plain.test:22',
      / 403 [\s\S]*error=http_request_denied; details="ref=ref-\d+"/,
      { action: 'refuse', destination: null, because: /^[^\d]+$/ },
    ],
    [
      'meet.test:22',
      / 403 /,
      {
        action: 'refuse',
        destination: { domain: 'meet.test', ip: null, port: 22 },
        verdict: { rule: 'none', exception: null },
      },
    ],
    ['meet.test:7443', / 502 [\s\S]*destination_ip_prohibited/, { action: 'refuse' }],
    ['plain.test:7443', / 403 /, { action: 'refuse', destination: null }],
    ['127.0.0.77:7443', / 502 [\s\S]*connection_refused/, null],
    [`127.0.0.1:${guarded.port}`, / 403 /, { action: 'refuse' }],
    ['nowhere.test:443', / 502 [\s\S]*dns_error/, null],
    [
      'lost.logged.test:443',
      / 502 [\s\S]*dns_error/,
      { action: 'log', destination: { domain: 'lost.logged.test', ip: null } },
    ],
    ['empty.test:443', / 502 [\s\S]*dns_error/, null],
    ['landline.internal:443', / 403 /, null],
    ['twice.test:443', / 502 [\s\S]*connection_refused/, null],
  ]
  for (const [target, wanted, record] of cases) {
    const records = guarded.records.length
    const text = await guarded.client().send(connectTo(target)).all()
    t.match(text, wanted, target)
    t.same(guarded.records.length - records, record === null ? 0 : 1, `${target}: its record`)
    if (record !== null) t.match(guarded.records[records], record, target)
  }
  t.ok(guarded.ends.filter(({ refused }) => refused).every(({ outcome }) => outcome === 'denied'))
  const itself = await startProxy()
  t.teardown(() => itself.close())
  for (const target of [`127.0.0.1:${itself.port}`, `localhost.test:${itself.port}`])
    t.match(
      await itself.client().send(connectTo(target)).all(),
      / 502 [\s\S]*destination_ip_prohibited/,
      'not even where loopback is allowed',
    )
})

t.test('3. the address judged is the address dialled', async (t) => {
  let asked = 0
  const rebinding = await startProxy({
    lookup: async () => ({ addresses: [address(++asked === 1 ? DESK : '10.0.0.1')], seconds: 0 }),
  })
  t.teardown(() => rebinding.close())
  const origin = await originOf(t, echo)
  const client = await tunnelTo('rebind.test', origin.port, { by: rebinding })
  t.equal(asked, 1, 'asked once')
  client.close()
  const seen = await startProxy({ names: { 'other.test': ['127.0.0.9', '127.0.0.77'] } })
  t.teardown(() => seen.close())
  const text = await seen
    .client(WIFI)
    .send(connectTo(`other.test:${origin.port}`))
    .until((text) => text.includes('Use the phone'))
  t.match(text, /^HTTP\/1\.1 403 /, 'the second address belongs to a service that is blocked: it is not dialled')
  t.same(seen.dials, ['refused'])
  t.match(seen.records[0], { action: 'block', destination: { domain: 'other.test', ip: '127.0.0.77' } })
})

t.test('an address that is slow does not keep the next one waiting', async (t) => {
  // Nothing answers in the documentation range: there is no route, or no answer.
  const racing = await startProxy({
    allow: ['127.0.0.0/8', '192.0.2.0/24'],
    names: { 'slow.test': ['192.0.2.1', DESK] },
  })
  t.teardown(() => racing.close())
  const origin = await originOf(t, echo)
  const client = await tunnelTo('slow.test', origin.port, { by: racing })
  client.send('through ')
  t.equal(await client.until((text) => text === 'through '), 'through ')
})

t.test('who may not is told so before the origin hears of it', async (t) => {
  const origin = await originOf(t, echo)
  for (const [from, action] of [
    [WIFI, 'block'],
    [STRANGER, 'refuse'],
  ] as const) {
    const records = proxy.records.length
    const client = proxy.client(from).send(connectTo(`meet.test:${origin.port}`))
    const text = await client.until((text) => /Landline-Reference: (ref-\d+)[\s\S]*\r\n\r\n[\s\S]+/.test(text))
    t.match(text, /^HTTP\/1\.1 403 Forbidden\r\n/)
    t.match(text, /\r\nContent-Type: text\/plain/, 'browsers throw a page away')
    t.match(proxy.records[records], {
      action,
      method: 'CONNECT',
      source: { ip: from },
      destination: { domain: 'meet.test', ip: null },
    })
    client.close()
  }
  t.equal(origin.count(), 0)
})

t.test('with resolve_denied the record has the address of a refused name', async (t) => {
  const resolving = await startProxy({ resolveDenied: true, names: { 'meet.test': ['192.0.2.9'] } })
  t.teardown(() => resolving.close())
  for (const text of [connectTo('meet.test:443'), 'GET http://meet.test/ HTTP/1.1\r\nHost: meet.test\r\n\r\n']) {
    const client = resolving.client(WIFI).send(text)
    await client.until((text) => text.includes('Use the phone'))
    client.close()
  }
  t.same(
    resolving.records.map(({ destination }) => destination?.ip),
    ['192.0.2.9', '192.0.2.9'],
  )
  t.same(resolving.dials, [])
})

t.test('a tunnel that has ended is not counted any more', async (t) => {
  const own = await startProxy()
  const origin = await originOf(t, echo)
  const client = await tunnelTo('plain.test', origin.port, { by: own })
  client.close()
  await own.ended(1)
  const { told } = own.carried
  await own.close()
  t.equal(own.carried.told, told)
})

t.test('a recorded tunnel ends with a record of what it carried', async (t) => {
  const origin = await originOf(t, echo)
  const ends = proxy.ends.length
  const records = proxy.records.length
  const client = await tunnelTo('logged.test', origin.port)
  client.send('twelve bytes')
  await client.until((text) => text.length === 12)
  client.socket.end()
  await client.all()
  await proxy.ended(ends + 1)
  const [log, end] = proxy.records.slice(records)
  t.match(log, { action: 'log', destination: { domain: 'logged.test', ip: DESK, port: origin.port } })
  t.match(end, { action: 'end', carried: { sentBytes: 12, receivedBytes: 12 } })
  t.equal(end?.exchange, log?.exchange)
})

t.test('a client that leaves while its origin is dialled leaves nothing behind', async (t) => {
  const waiting = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const slow = await startProxy({
    lookup: async () => {
      asked.resolve()
      await waiting.promise
      return { addresses: [address(DESK)], seconds: 1 }
    },
  })
  t.teardown(() => slow.close())
  const closed = Promise.withResolvers<void>()
  const origin = await originOf(t, (socket) => {
    socket.on('end', () => closed.resolve())
    socket.on('close', () => closed.resolve())
    socket.resume()
  })
  const client = slow.client().send(connectTo(`plain.test:${origin.port}`))
  await asked.promise
  client.socket.resetAndDestroy()
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate)
  waiting.resolve()
  await closed.promise
  t.match((await slow.ended(1))[0], { outcome: 'client_error', error: 'connection_terminated' })
})

t.test('none of this was worth a word to the operator', async (t) => t.same(proxy.errors, []))
