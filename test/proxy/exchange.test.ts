/** The invariants, each by its name, against everything between the evidence and the answer. */
import type { Socket } from 'node:net'
import t from 'tap'
import { compiled } from '../compiled.ts'
import { answer, answering, DESK, originOf, proxyOf, RULES, request, STRANGER, WIFI } from './harness.ts'
import { clientHello, inRecords } from './hellos.ts'

const connectTo = (target: string) => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`
const turns = async (count = 30) => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}
const whole = (text: string) => /^HTTP\/1\.1 \d+ [\s\S]*\r\n\r\n/.test(text)
const echo = (socket: Socket) => {
  socket.on('data', (chunk) => socket.write(chunk))
  socket.on('end', () => socket.end())
}

t.test('1. one exchange, one revision', async (t) => {
  const lenient = compiled(RULES.replace('action: block', 'action: allow'))
  const waiting = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const proxy = await proxyOf(t, {
    recording: async () => {
      asked.resolve()
      await waiting.promise
    },
  })
  const strict = proxy.policy
  const origin = await originOf(t, answering(answer('through')))
  const before = proxy.client(WIFI).send(request('GET', `http://meet.test:${origin.port}/`))
  await asked.promise
  proxy.policy = lenient
  const after = proxy.client(WIFI).send(request('GET', `http://meet.test:${origin.port}/`))
  t.match(await after.until((text) => text.endsWith('through')), /^HTTP\/1\.1 200 /)
  waiting.resolve()
  t.match(await before.until((text) => text.includes('Use the phone')), /^HTTP\/1\.1 403 [\s\S]*Only from desks/)
  t.equal(proxy.records[0]?.policy.revision, strict.revision)
  const echoing = await originOf(t, echo)
  proxy.policy = strict
  const tunnel = proxy.client(WIFI).send(connectTo(`plain.test:${echoing.port}`))
  await tunnel.until(whole)
  proxy.policy = lenient
  tunnel.send(inRecords(clientHello('meet.test')))
  await tunnel.until(() => tunnel.ended || tunnel.closed)
  t.match(proxy.records.at(-2), { action: 'sever', policy: { revision: strict.revision } }, 'a tunnel too')
})

t.test('2. evidence only grows, and the strictest verdict stands', async (t) => {
  const proxy = await proxyOf(t, { names: { 'logged.test': [DESK], 'plain.test': [DESK], 'odd.test': ['127.0.0.77'] } })
  const origin = await originOf(t, echo)
  const cases: readonly [target: string, opening: string | Buffer, actions: readonly string[]][] = [
    ['logged.test', inRecords(clientHello('plain.test')), ['log', 'end']],
    ['logged.test', inRecords(clientHello('meet.test')), ['log', 'sever', 'end']],
    ['plain.test', inRecords(clientHello('logged.test')), ['log', 'end']],
    ['logged.test', 'GET / HTTP/1.1\r\nHost: logged.test\r\n\r\n', ['log', 'end']],
    ['odd.test', '', ['block']],
  ]
  const desk = await proxyOf(t, { names: { 'two.test': ['127.0.0.78', DESK] } })
  const once = desk.client().send(connectTo(`two.test:${origin.port}`))
  await once.until(whole)
  once.close()
  const [end] = await desk.ended(1)
  t.equal(end?.verdict?.action, 'log', 'an address that says less does not soften it')
  t.same(
    desk.records.map(({ action }) => action),
    ['log', 'end'],
  )
  for (const [target, opening, actions] of cases) {
    const before = { records: proxy.records.length, ends: proxy.ends.length }
    const client = proxy.client(WIFI).send(connectTo(`${target}:${origin.port}`))
    await client.until(whole)
    client.take()
    if (opening !== '') client.send(opening)
    if (actions.includes('end') && !actions.includes('sever'))
      await client.until((text) => text.length === opening.length)
    else if (opening !== '') await client.until(() => client.ended || client.closed)
    client.close()
    await proxy.ended(before.ends + 1)
    const records = proxy.records.slice(before.records)
    t.same(
      records.map(({ action }) => action),
      actions,
      `${target}, then ${opening.toString('latin1').slice(-20)}`,
    )
    t.equal(new Set(records.map(({ exchange }) => exchange)).size, 1)
  }
})

t.test('4. record before answer, observe once at the end', async (t) => {
  const requests: readonly [name: string, from: string, host: string, kind: 'GET' | 'CONNECT', action: string][] = [
    ['a blocked request', WIFI, 'meet.test', 'GET', 'block'],
    ['a blocked tunnel', WIFI, 'meet.test', 'CONNECT', 'block'],
    ['a logged request', DESK, 'logged.test', 'GET', 'log'],
    ['a logged tunnel', DESK, 'logged.test', 'CONNECT', 'log'],
    ['a stranger', STRANGER, 'plain.test', 'GET', 'refuse'],
    ['a guarded address', DESK, 'guarded.test', 'GET', 'refuse'],
    ['a guarded tunnel', DESK, 'guarded.test', 'CONNECT', 'refuse'],
    ['a port that is not listed', DESK, 'plain.test', 'CONNECT', 'refuse'],
  ]
  for (const failing of [false, true]) {
    for (const [name, from, host, kind, action] of requests) {
      const asked = Promise.withResolvers<void>()
      const waiting = Promise.withResolvers<void>()
      const origin = await originOf(t, answering(answer('through')))
      const proxy = await proxyOf(t, {
        names: { 'meet.test': [DESK], 'logged.test': [DESK], 'plain.test': [DESK], 'guarded.test': ['10.0.0.1'] },
        connectPorts: name.startsWith('a port') ? [[443, 443]] : [[1, 65_535]],
        recording: async () => {
          asked.resolve()
          await waiting.promise
          if (failing) throw new Error('the disk is full')
        },
      })
      const target = `${host}:${origin.port}`
      const client = proxy.client(from).send(kind === 'GET' ? request('GET', `http://${target}/`) : connectTo(target))
      await asked.promise
      await turns()
      t.same([client.text, origin.count(), proxy.ends.length], ['', 0, 0], `${name}: nothing before its record`)
      waiting.resolve()
      const text = await client.until(whole)
      const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1]
      if (failing) {
        t.match(text, /^HTTP\/1\.1 503 [\s\S]*error=proxy_internal_error\r\n/, `${name}: not without its record`)
        t.equal(origin.count(), 0)
        t.match(proxy.ends, [{ outcome: 'proxy_error', error: 'proxy_internal_error', reference: null }])
        t.equal(proxy.errors.length, 0, 'no line for each of them: the recorder tells the operator')
      } else {
        t.equal(status, action === 'log' ? '200' : action === 'block' || !/guarded/.test(host) ? '403' : '502', name)
        t.match(proxy.records, [{ action, source: { ip: from } }])
        if (action !== 'log') t.match(text, /; details="ref=ref-1"\r\nLandline-Reference: ref-1\r\n/)
      }
      client.close()
      t.equal((await proxy.ended(1)).length, 1, 'observed once')
    }
  }
})

t.test('4. a tunnel is held until the record that its opening needs', async (t) => {
  for (const failing of [false, true]) {
    const asked = Promise.withResolvers<void>()
    const waiting = Promise.withResolvers<void>()
    const proxy = await proxyOf(t, {
      recording: async ({ action }) => {
        if (action === 'end') return
        asked.resolve()
        await waiting.promise
        if (failing) throw new Error('the disk is full')
      },
    })
    let heard = ''
    const origin = await originOf(t, (socket) => {
      socket.on('data', (chunk) => {
        heard += chunk.toString('latin1')
        socket.write('heard')
      })
      socket.on('end', () => socket.end())
    })
    const hello = inRecords(clientHello('logged.test'))
    const client = proxy.client().send(connectTo(`plain.test:${origin.port}`))
    await client.until(whole)
    client.take()
    client.send(hello)
    await asked.promise
    client.send('more')
    await turns()
    t.equal(heard, '')
    waiting.resolve()
    if (failing) {
      await client.until(() => client.ended || client.closed)
      t.equal(heard, '')
      t.match((await proxy.ended(1))[0], { outcome: 'proxy_error' })
    } else {
      await client.until((text) => text.includes('heard'))
      await turns()
      t.equal(heard, `${hello.toString('latin1')}more`)
    }
  }
})

t.test('5. absence never allows', async (t) => {
  const broken = await proxyOf(t, {
    lookup: async () => {
      throw new Error('a name service that fails in a way nobody thought of')
    },
  })
  t.match(
    await broken.client().send(request('GET', 'http://plain.test/')).all(),
    /^HTTP\/1\.1 502 [\s\S]*error=dns_error/,
  )
  const throwing = await proxyOf(t, {
    lookup: () => {
      throw new Error('at once')
    },
  })
  for (let count = 0; count < 2; count++)
    t.match(await throwing.client().send(request('GET', 'http://plain.test/')).all(), /^HTTP\/1\.1 502 /)
  const origin = await originOf(t, answering(answer('through')))
  const proxy = await proxyOf(t)
  const good = proxy.policy
  proxy.policy = {
    ...good,
    names: {
      lookup: () => {
        throw new Error('a decision that fails')
      },
    },
  }
  for (const text of [request('GET', `http://plain.test:${origin.port}/`), connectTo(`plain.test:${origin.port}`)])
    t.match(await proxy.client().send(text).all(), /^HTTP\/1\.1 500 [\s\S]*error=proxy_internal_error/)
  t.equal(origin.count(), 0)
  t.equal(proxy.errors.length, 2, 'the operator hears of each')
  t.match(proxy.ends, [{ outcome: 'proxy_error' }, { outcome: 'proxy_error' }])
  t.notMatch(JSON.stringify(proxy.ends), 'a decision that fails', 'what failed inside is not for the client')
  proxy.policy = good
  const client = proxy.client().send(request('GET', `http://plain.test:${origin.port}/`))
  t.match(await client.until((text) => text.endsWith('through')), /^HTTP\/1\.1 200 /, 'and goes on for the next one')
})

t.test('conferencing that is allowed without a record is told once, for the tally', async (t) => {
  const origin = await originOf(t, answering(answer('through')))
  const proxy = await proxyOf(t, { connectPorts: [[origin.port, origin.port]] })
  const at = (host: string) => `${host}:${origin.port}`
  const get = (host: string) => request('GET', `http://${at(host)}/`)
  const cases: readonly (readonly [
    name: string,
    from: string,
    said: readonly (string | Buffer)[],
    want: string | null,
  ])[] = [
    ['a forward request', DESK, [get('meet.test')], 'desks meet meet.test null null'],
    ['a blocked one', WIFI, [get('meet.test')], null],
    ['a recorded one', DESK, [get('logged.test')], null],
    ['other traffic', DESK, [get('plain.test')], null],
    ['an unknown client', STRANGER, [get('meet.test')], null],
    ['a port that is not listed', DESK, [connectTo('meet.test:9')], null],
    ['a bare address of the service', DESK, [get('127.0.0.77')], 'desks meet null null null'],
    ['a tunnel that ends before it opens', DESK, [connectTo(at('meet.test'))], 'desks meet meet.test null null'],
    [
      'a tunnel, while it is open',
      DESK,
      [connectTo(at('plain.test')), inRecords(clientHello('meet.test'))],
      'desks meet plain.test meet.test null',
    ],
    [
      'plain HTTP in a tunnel',
      DESK,
      [connectTo(at('meet.test')), 'GET / HTTP/1.1\r\nHost: x.meet.test\r\n\r\n'],
      'desks meet meet.test null x.meet.test',
    ],
    ['a tunnel that is severed', WIFI, [connectTo(at('plain.test')), inRecords(clientHello('meet.test'))], null],
    [
      'a tunnel that opens with nothing readable',
      DESK,
      [connectTo(at('meet.test')), inRecords(Buffer.alloc(9))],
      'desks meet meet.test null null',
    ],
  ]
  for (const [name, from, said, want] of cases) {
    const before = { allowed: proxy.allowed.length, ends: proxy.ends.length }
    const client = proxy.client(from)
    for (const part of said) {
      client.send(part)
      if (part !== said.at(-1)) await client.until(whole)
    }
    const isOpen = name.includes('while')
    for (let wait = 0; isOpen && wait < 1000 && proxy.allowed.length === before.allowed; wait++) await turns(1)
    if (!isOpen) {
      await client.until(whole)
      client.close()
      await proxy.ended(before.ends + 1)
    }
    const told = proxy.allowed.slice(before.allowed)
    t.same(
      told.map(
        ({ verdict, host, serverName, httpHost }) =>
          `${verdict.segment.id} ${verdict.service} ${host} ${serverName} ${httpHost}`,
      ),
      want === null ? [] : [want],
      name,
    )
    for (const { revision, port } of told) t.same([revision, port], [proxy.policy.revision, origin.port])
    if (!isOpen) continue
    t.equal(proxy.ends.length, before.ends, 'it has not ended')
    client.close()
    await proxy.ended(before.ends + 1)
    t.equal(proxy.allowed.length, before.allowed + 1, 'and is not told again')
  }
})
