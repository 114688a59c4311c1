/** Origins that log in a connection, not a request (NTLM, Negotiate): whoever logged in on one is alone on it. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { Pin } from '../../proxy/pin.ts'
import { Pool } from '../../proxy/pool.ts'
import { Wire } from '../../proxy/wire.ts'
import { compiled } from '../compiled.ts'
import {
  address,
  answer,
  answering,
  type Client,
  DESK,
  type Origin,
  prefix,
  proxyOf,
  RULES,
  request,
  startOrigin,
} from './harness.ts'

type Test = { teardown(f: () => unknown): void }

const LEG_1 = 'Authorization: NTLM hello'
const LEG_3 = 'Authorization: NTLM ann'

/** Answers with the user of the connection. */
async function originOf(t: Test): Promise<Origin & { readonly url: string }> {
  const origin = await startOrigin((socket) => {
    let user = 'nobody'
    answering((text) => {
      const said = /^Authorization: NTLM (\w+)/im.exec(text)?.[1]
      if (said !== undefined && said !== 'hello') user = said
      if (user !== 'nobody') return answer(`${user}.`)
      return answer(`${user}.`, [`WWW-Authenticate: NTLM${said ? ' salt' : ''}`], '401 Unauthorized')
    })(socket)
  })
  t.teardown(() => origin.close())
  return { ...origin, url: `http://intra.test:${origin.port}` }
}

/** The content of the answer, or the status where it is not the origin's. */
async function ask(client: Client, url: string, fields: readonly string[] = [], body: string | null = null) {
  client.take()
  const length = body === null ? [] : [`Content-Length: ${body.length}`]
  client.send(request(body === null ? 'GET' : 'POST', url, [...fields, ...length], body ?? ''))
  const text = await client.until(
    (text) => contentOf(text).length === Number(/^content-length: (\d+)/im.exec(text)?.[1]),
  )
  return /^HTTP\/1.1 (403|502) /.exec(text)?.[1] ?? contentOf(text)
}

function contentOf(text: string): string {
  const end = text.indexOf('\r\n\r\n')
  return end < 0 ? '' : text.slice(end + 4)
}

async function logIn(client: Client, url: string): Promise<string> {
  await ask(client, url, [LEG_1])
  return ask(client, url, [LEG_3])
}

/** None of its connections is open any more. */
async function allClosed({ sockets }: Origin): Promise<void> {
  for (const socket of sockets) await closed(socket)
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.readableEnded && !socket.destroyed) await once(socket, 'end', { signal: AbortSignal.timeout(2000) })
}

t.test('whoever logged in on a connection is alone on it, and stays logged in', async (t) => {
  const proxy = await proxyOf(t)
  const origin = await originOf(t)
  const [ann, other] = [proxy.client(), proxy.client()]
  t.equal(await ask(ann, origin.url, [LEG_1]), 'nobody.')
  t.equal(await ask(ann, origin.url, [LEG_3], 'the third leg may have a body'), 'ann.')
  t.equal(await ask(other, origin.url), 'nobody.')
  t.equal(await ask(ann, origin.url), 'ann.')
  t.equal(await ask(ann, `${origin.url}/form`, [], 'a=b'), 'ann.')
  t.equal(await ask(other, origin.url), 'nobody.')
  t.equal(origin.count(), 2, 'one connection for each client')
  ann.close()
  other.close()
  await allClosed(origin)
  t.equal(await ask(proxy.client(), origin.url), 'nobody.')
})

t.test('by credentials or by a challenge alone, however they are written', async (t) => {
  const proxy = await proxyOf(t)
  const bearing: [string, string[], string[], number][] = [
    ['nothing', [], [], 1],
    ['Basic', ['Authorization: Basic QTpC'], ['WWW-Authenticate: Basic realm="a"'], 1],
    ['Bearer', ['Authorization: Bearer NTLM'], ['WWW-Authenticate: Bearer'], 1],
    ['Digest', ['Authorization: Digest a="b", c=negotiate'], ['WWW-Authenticate: Digest realm="NTLM"'], 1],
    ['another scheme that begins so', ['Authorization: NTLMX a'], ['WWW-Authenticate: Negotiated'], 1],
    ['NTLM', ['Authorization: NTLM TlRM'], [], 2],
    ['Negotiate', ['Authorization: Negotiate YII='], [], 2],
    ['in any case', ['authorization:  nTLm TlRM'], [], 2],
    ['as a second field', ['Authorization: Basic QTpC', 'Authorization: NTLM a'], [], 2],
    ['a challenge', [], ['WWW-Authenticate: Negotiate'], 2],
    ['a challenge in any case', [], ['www-authenticate: NEGOTIATE'], 2],
    ['the second challenge', [], ['WWW-Authenticate: Basic realm="a",\tNTLM'], 2],
    ['a challenge after an empty member', [], ['WWW-Authenticate: , ntlm,'], 2],
    ['the second field', [], ['WWW-Authenticate: Negotiate', 'WWW-Authenticate: Basic realm="a"'], 2],
  ]
  for (const [name, fields, challenges, connections] of bearing) {
    const origin = await startOrigin(answering(answer('x.', challenges, '401 Unauthorized')))
    t.teardown(() => origin.close())
    const url = `http://intra.test:${origin.port}`
    await ask(proxy.client(), url, fields)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await ask(proxy.client(), url)
    t.equal(origin.count(), connections, name)
  }
})

t.test('a kept connection is bound by the login that goes over it', async (t) => {
  const proxy = await proxyOf(t)
  const origin = await startOrigin(answering(answer('x.')))
  t.teardown(() => origin.close())
  const url = `http://intra.test:${origin.port}`
  const ann = proxy.client()
  await ask(ann, url)
  await new Promise((resolve) => setTimeout(resolve, 5))
  await ask(ann, url, [LEG_3])
  t.equal(origin.count(), 1)
  await ask(proxy.client(), url)
  t.equal(origin.count(), 2)
})

t.test('one connection at a time is bound, to one origin', async (t) => {
  const proxy = await proxyOf(t)
  const [first, second] = [await originOf(t), await originOf(t)]
  const ann = proxy.client()
  t.equal(await logIn(ann, first.url), 'ann.')
  const [socket] = first.sockets
  t.equal(await ask(ann, `http://other.test:${first.port}`), 'nobody.', 'another host at the same address')
  await closed(socket!) // it has one
  t.equal(await logIn(ann, second.url), 'ann.')
  await allClosed(first)
  t.equal(await ask(ann, second.url), 'ann.')
})

t.test('it ends with the client, and when its origin says anything unasked', async (t) => {
  const proxy = await proxyOf(t)
  const origin = await originOf(t)
  const gone = proxy.client()
  await logIn(gone, origin.url)
  gone.close()
  await allClosed(origin)
  const ann = proxy.client()
  await logIn(ann, origin.url)
  for (const socket of origin.sockets) if (socket.writable) socket.write(answer('evil.'))
  await allClosed(origin)
  t.equal(await ask(ann, origin.url), 'nobody.')
  const last = proxy.client().send(request('GET', origin.url, [LEG_3, 'Connection: close']))
  t.match(await last.all(), 'ann.')
  ann.close()
  await allClosed(origin)
})

t.test('one that has died is replaced for what may be sent again', async (t) => {
  const proxy = await proxyOf(t)
  for (const [method, want] of [
    ['GET', 'nobody.'],
    ['POST', '502'],
  ] as const) {
    let before = 0
    const origin = await startOrigin((socket) => {
      const isFirst = before++ === 0
      let requests = 0
      socket.on('data', () => {
        if (isFirst && ++requests === 2) socket.destroy()
        else socket.write(answer(isFirst ? 'ann.' : 'nobody.'))
      })
    })
    t.teardown(() => origin.close())
    const url = `http://intra.test:${origin.port}`
    const ann = proxy.client()
    t.equal(await ask(ann, url, [LEG_3]), 'ann.')
    t.equal(await ask(ann, url, [], method === 'GET' ? null : 'x'), want, method)
    t.equal(origin.count(), method === 'GET' ? 2 : 1, method)
  }
  t.equal((await proxy.ended(4)).at(-1)?.error, 'connection_terminated')
})

t.test('its address is judged for each request, as if it were dialled now', async (t) => {
  const proxy = await proxyOf(t)
  const origin = await originOf(t)
  const ann = proxy.client()
  t.equal(await logIn(ann, origin.url), 'ann.')
  proxy.policy = compiled(RULES.replace('127.0.0.77', DESK).replace('medium: wired }', 'medium: wireless }'))
  t.equal(await ask(ann, origin.url), '403')
  proxy.policy = compiled(RULES)
  t.equal(await ask(ann, origin.url), 'ann.')
})

t.test(
  'where a balancer tells the clients, a connection of it may be of several: nothing is bound to it',
  async (t) => {
    const listener = {
      host: DESK,
      port: 0,
      clientAddress: 'forwarded',
      trusted: [prefix(`${DESK}/32`)],
      tls: null,
    } as const
    const proxy = await proxyOf(t, { listeners: [listener], rules: RULES.replace('[127.0.0.1, ::1]', '[10.1.0.0/16]') })
    const origin = await originOf(t)
    const balancer = proxy.client()
    t.equal(await ask(balancer, origin.url, ['X-Forwarded-For: 10.1.0.1', LEG_3]), 'ann.')
    t.equal(await ask(balancer, origin.url, ['X-Forwarded-For: 10.1.0.2']), 'nobody.')
  },
)

t.test('a bound connection is closed after a time, and the pool takes none', async (t) => {
  const origin = await startOrigin((socket) => socket.resume())
  t.teardown(() => origin.close())
  const opened = async () => {
    const wire = Wire.dialling({ host: DESK, port: origin.port })
    t.teardown(() => wire.destroy())
    await once(wire.socket, 'connect')
    return wire
  }
  const [client, late, bound] = [await opened(), await opened(), await opened()]
  const at = [{ host: 'a.test', port: 80 }, address(DESK)] as const
  const pin = new Pin(client, ...at, late, 20)
  t.equal(client.pin, pin)
  await once(late.socket, 'close')
  t.equal(client.pin, null)
  const pool = new Pool()
  t.teardown(() => pool.close())
  bound.isBound = true
  pool.give(...at, bound)
  await new Promise(setImmediate)
  t.equal(pool.take(...at), null)
  t.ok(bound.socket.destroyed)
  const gone = await opened()
  client.destroy()
  await once(client.socket, 'close')
  new Pin(client, ...at, gone, 1000)
  t.ok(gone.socket.destroyed, 'the client has gone meanwhile')
})
