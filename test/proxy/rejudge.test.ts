/** Open tunnels when the rules or the time have changed: kept, given time, or cut, and what the record says of it. */
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { Exchange } from '../../proxy/exchange.ts'
import { Rejudge } from '../../proxy/rejudge.ts'
import { compiled, TODAY } from '../compiled.ts'
import { type Client, DESK, type Harness, LIMITS, proxyOf, RULES, request, STRANGER, startOrigin } from './harness.ts'
import { clientHello, inRecords } from './hellos.ts'

const WHY = 'the rules were changed'
/** Meeting from a desk was allowed; what is logged goes on. */
const STRICT = RULES.replace(
  'except: { medium: wired }, action: block, reason: Only',
  'action: block, reason: Not even',
)
const EXCEPTING = `${STRICT}exceptions:
  - { id: crisis, rule: fixed-only, segment: desks, expires: 2026-11-23T12:00:10Z, reason: r, ticket: t, approver: a }
`

async function echo(t: Test): Promise<number> {
  const origin = await startOrigin((socket: Socket) => {
    socket.on('data', (chunk) => socket.write(chunk))
    socket.on('end', () => socket.end())
  })
  t.teardown(() => origin.close())
  return origin.port
}

async function tunnel(proxy: Harness, target: string, from = DESK): Promise<Client> {
  const client = proxy.client(from).send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  const text = await client.until((text) => text.includes('\r\n\r\n'))
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(text)
  client.take()
  await carries(client, 'hello ')
  return client
}

async function carries(client: Client, text: string): Promise<void> {
  client.take()
  client.send(text)
  const came = await client.until((all) => all.includes(text))
  if (!came.includes(text)) throw new Error(`the tunnel is gone, with ${JSON.stringify(came)}`)
}

async function isCut(client: Client): Promise<boolean> {
  await client.until(() => client.closed || client.ended)
  return !client.text.includes('timed out')
}

/** The records of one action as the lines that matter. */
const severs = ({ records }: Harness) =>
  records
    .filter(({ action }) => action === 'sever')
    .map(({ verdict, policy, rejudged }) => ({
      by: verdict.rule,
      revision: policy.revision,
      before: `${rejudged?.action} ${rejudged?.rule} ${rejudged?.exception}`,
      old: rejudged?.revision,
    }))

t.test('what the new rules let through is untouched, and what they do not becomes as is set', async (t) => {
  const port = await echo(t)
  for (const existingTunnels of ['keep', 'drain', 'cut'] as const) {
    const proxy = await proxyOf(t, { existingTunnels, limits: { drainMs: 20 } })
    const old = proxy.policy.revision
    const [meeting, logged, plain] = [
      await tunnel(proxy, `meet.test:${port}`),
      await tunnel(proxy, `logged.test:${port}`),
      await tunnel(proxy, `plain.test:${port}`),
    ]
    proxy.policy = compiled(STRICT)
    await proxy.proxy.rejudge(WHY)
    const fates = { keep: ['1 kept'], drain: ['1 drained'], cut: ['1 cut'] }[existingTunnels]
    t.same(proxy.fates, fates, existingTunnels)
    if (existingTunnels === 'keep') await carries(meeting, 'still ')
    else t.ok(await isCut(meeting), existingTunnels)
    for (const client of [logged, plain]) await carries(client, 'as before ')
    if (existingTunnels === 'keep') {
      t.same(severs(proxy), [])
      continue
    }
    const [end] = await proxy.ended(1)
    const revision = proxy.policy.revision
    t.same(severs(proxy), [{ by: 'fixed-only', revision, before: 'allow otherwise null', old }])
    t.match(end, { outcome: 'denied', error: 'http_request_denied', verdict: { action: 'allow', rule: 'otherwise' } })
    const told = proxy.records.filter(({ verdict }) => verdict.service === 'meet')
    t.match(told, [
      { action: 'sever', because: null, verdict: { action: 'block' }, destination: { domain: 'meet.test', ip: DESK } },
      { action: 'end', carried: { sentBytes: 6, receivedBytes: 6 }, policy: { revision } },
    ])
    t.equal(told[0]?.exchange, told[1]?.exchange)
    t.same(proxy.errors, [])
  }
})

t.test('an exception ends its tunnels at its very second', async (t) => {
  const port = await echo(t)
  const ends = Date.parse('2026-11-23T12:00:10Z')
  let now = TODAY
  const proxy = await proxyOf(t, { rules: EXCEPTING, existingTunnels: 'cut', now: () => now })
  const client = await tunnel(proxy, `meet.test:${port}`)
  now = ends - 1
  await proxy.proxy.rejudge('a time has come')
  await carries(client, 'still ')
  now = ends
  await proxy.proxy.rejudge('a time has come')
  t.ok(await isCut(client))
  const { revision } = proxy.policy
  t.same(severs(proxy), [{ by: 'fixed-only', revision, before: 'except fixed-only crisis', old: revision }])
})

t.test('what is given time may be let through again before it is over', async (t) => {
  const port = await echo(t)
  const proxy = await proxyOf(t, { existingTunnels: 'drain', limits: { drainMs: 30 } })
  const good = proxy.policy
  const [spared, cut] = [await tunnel(proxy, `meet.test:${port}`), await tunnel(proxy, `logged.test:${port}`)]
  proxy.policy = compiled(STRICT.replace('action: log', 'action: block'))
  await proxy.proxy.rejudge(WHY)
  proxy.policy = compiled(RULES.replace('action: log', 'action: block'))
  await proxy.proxy.rejudge(WHY)
  t.ok(await isCut(cut), 'the time of this one is over')
  await carries(spared, 'still ')
  t.same(proxy.fates, ['2 drained', '1 cut'], 'and a second change gives no more time')
  proxy.policy = good
})

t.test('what was let through again has all of its time when it is denied anew', async (t) => {
  const proxy = await proxyOf(t, { existingTunnels: 'drain' })
  const good = proxy.policy
  await tunnel(proxy, `meet.test:${await echo(t)}`)
  for (const policy of [compiled(STRICT), good, compiled(STRICT)]) {
    proxy.policy = policy
    await proxy.proxy.rejudge(WHY)
  }
  t.same(proxy.fates, ['1 drained', '1 drained'])
  proxy.policy = good
})

/** A tunnel to meet.test that new rules deny while its name is still looked up. */
async function overtaken(t: Test, port: number): Promise<{ proxy: Harness; client: Client }> {
  const asked = Promise.withResolvers<void>()
  const named = Promise.withResolvers<void>()
  const proxy = await proxyOf(t, {
    existingTunnels: 'cut',
    lookup: async () => {
      asked.resolve()
      await named.promise
      return { addresses: [compiledAddress], seconds: 1 }
    },
  })
  const client = proxy.client().send(`CONNECT meet.test:${port} HTTP/1.1\r\nHost: meet.test\r\n\r\n`)
  await asked.promise
  proxy.policy = compiled(STRICT)
  await proxy.proxy.rejudge(WHY)
  named.resolve()
  return { proxy, client }
}

t.test('what is not open yet when the rules change is judged as it opens', async (t) => {
  const { proxy, client } = await overtaken(t, await echo(t))
  t.ok(await isCut(client))
  t.match(severs(proxy), [{ by: 'fixed-only' }])
})

t.test('of an origin that speaks first, nothing comes through a tunnel that the new rules deny', async (t) => {
  const origin = await startOrigin((socket) => socket.write('banner'))
  t.teardown(() => origin.close())
  const { client } = await overtaken(t, origin.port)
  t.ok(await isCut(client))
  t.notMatch(client.text, 'banner')
})

t.test('the end of a cut tunnel stands under what cut it', async (t) => {
  const proxy = await proxyOf(t, { existingTunnels: 'cut' })
  await tunnel(proxy, `meet.test:${await echo(t)}`)
  proxy.policy = compiled(STRICT)
  await proxy.proxy.rejudge(WHY)
  await proxy.ended(1)
  t.match(proxy.records.at(-1), { action: 'end', verdict: { rule: 'fixed-only', action: 'block' } })
})

t.test('a tunnel that was given time and ended within it is not severed after that', async (t) => {
  const proxy = await proxyOf(t, { existingTunnels: 'drain', limits: { drainMs: 50 } })
  const client = await tunnel(proxy, `meet.test:${await echo(t)}`)
  proxy.policy = compiled(STRICT)
  await proxy.proxy.rejudge(WHY)
  client.close()
  await proxy.ended(1)
  await new Promise((resolve) => setTimeout(resolve, 120))
  t.same([proxy.records, proxy.fates], [[], ['1 drained']])
})

t.test('the time of a tunnel that has ended keeps no process running', async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = timers()
  const proxy = await proxyOf(t, { existingTunnels: 'drain', limits: { drainMs: 60_000 } })
  const client = await tunnel(proxy, `meet.test:${await echo(t)}`)
  proxy.policy = compiled(STRICT)
  await proxy.proxy.rejudge(WHY)
  client.close()
  await proxy.proxy.drain()
  t.same(proxy.fates, ['1 drained'])
  t.ok(timers() <= before)
})

t.test('each tunnel has its own time to go on', async (t) => {
  const proxy = await proxyOf(t, { existingTunnels: 'drain', limits: { drainMs: 60 } })
  const port = await echo(t)
  const [first, second] = [await tunnel(proxy, `meet.test:${port}`), await tunnel(proxy, `logged.test:${port}`)]
  proxy.policy = compiled(STRICT)
  await proxy.proxy.rejudge(WHY)
  await new Promise((resolve) => setTimeout(resolve, 30))
  proxy.policy = compiled(STRICT.replace('action: log', 'action: block'))
  await proxy.proxy.rejudge(WHY)
  t.same([await isCut(first), await isCut(second)], [true, true])
})

t.test('what a tunnel opens with after the change is judged by the new rules too', async (t) => {
  let heard = ''
  const origin = await startOrigin((socket) => socket.on('data', (chunk) => (heard += chunk.toString('latin1'))))
  t.teardown(() => origin.close())
  const proxy = await proxyOf(t, { existingTunnels: 'cut' })
  const client = proxy.client().send(`CONNECT plain.test:${origin.port} HTTP/1.1\r\nHost: plain.test\r\n\r\n`)
  await client.until((text) => text.includes('\r\n\r\n'))
  proxy.policy = compiled(STRICT)
  await proxy.proxy.rejudge(WHY)
  client.send(inRecords(clientHello('meet.test')))
  t.ok(await isCut(client))
  t.match(severs(proxy), [{ by: 'fixed-only', before: 'allow otherwise null' }])
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(heard, '', 'none of it went on')
})

t.test('an upgraded connection is a tunnel; an answer under way is given time', async (t) => {
  const finish = Promise.withResolvers<void>()
  const origin = await startOrigin((socket, before) => {
    socket.on('data', async () => {
      if (before === 0)
        return socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nopen ',
        )
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf`)
      if (before === 1) finish.promise.then(() => socket.write('full'))
    })
  })
  t.teardown(() => origin.close())
  const proxy = await proxyOf(t, { existingTunnels: 'cut', limits: { drainMs: 50 } })
  const url = `http://meet.test:${origin.port}/`
  const upgraded = proxy.client().send(request('GET', url, ['Connection: Upgrade', 'Upgrade: websocket']))
  await upgraded.until((text) => text.includes('open '))
  const short = proxy.client().send(request('GET', url))
  await short.until((text) => text.includes('half'))
  const long = proxy.client().send(request('GET', url))
  await long.until((text) => text.includes('half'))
  proxy.policy = compiled(STRICT)
  await proxy.proxy.rejudge(WHY)
  t.ok(await isCut(upgraded))
  finish.resolve()
  t.match(await short.until((text) => text.includes('halffull')), /halffull$/, 'whole')
  t.ok(await isCut(long), 'but not for ever')
  t.match(severs(proxy), [{ by: 'fixed-only' }, { by: 'fixed-only' }])
  t.same((await proxy.ended(3)).map(({ outcome }) => outcome).sort(), ['denied', 'denied', 'ok'])
})

t.test('clients that have become unknown are cut, and what they did besides conferencing is not told', async (t) => {
  const port = await echo(t)
  const proxy = await proxyOf(t, { existingTunnels: 'cut' })
  await tunnel(proxy, `plain.test:${port}`)
  proxy.policy = compiled(RULES.replace('[127.0.0.1, ::1]', `[${STRANGER}, ::1]`))
  await proxy.proxy.rejudge(WHY)
  t.match(proxy.records[0], {
    action: 'sever',
    because: WHY,
    destination: null,
    verdict: { action: 'refuse', rule: 'unknown_clients' },
  })
})

t.test('what cannot be recorded or judged is cut all the same, and told to the operator', async (t) => {
  const port = await echo(t)
  const full = await proxyOf(t, {
    existingTunnels: 'cut',
    recording: async ({ action }) => {
      if (action === 'sever') throw new Error('ENOSPC')
    },
  })
  const first = await tunnel(full, `meet.test:${port}`)
  full.policy = compiled(STRICT)
  await full.proxy.rejudge(WHY)
  t.ok(await isCut(first))
  const broken = await proxyOf(t, { existingTunnels: 'cut' })
  const second = await tunnel(broken, `meet.test:${port}`)
  const lookup = () => {
    throw new Error('a decision that fails')
  }
  broken.policy = { ...broken.policy, names: { lookup } }
  await broken.proxy.rejudge(WHY)
  t.ok(await isCut(second))
  t.same([full.errors.length, broken.errors.length], [1, 1])
})

t.test('thousands are judged in slices, each by the newest rules, and a change meanwhile begins anew', async (t) => {
  const policies = [compiled(RULES), compiled(STRICT)]
  let policy = policies[0]
  let inTurn = 0
  let most = 0
  let judged = 0
  let done = false
  const turn = () => {
    inTurn = 0
    if (!done) setImmediate(turn)
  }
  turn()
  const judgedBy = new Map<number, unknown>()
  const exchanges = Array.from({ length: 5000 }, (_, id) => ({
    startedAt: 0,
    severed: false,
    relays: true,
    rejudge(by: unknown) {
      judged += 1
      most = Math.max(most, ++inTurn)
      judgedBy.set(id, by)
      if (judged === 1000) {
        policy = policies[1]
        void rejudge.all('again')
      }
      return null
    },
  }))
  const options = { existingTunnels: 'cut' as const, limits: LIMITS, policy: () => policy ?? compiled(RULES) }
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const observer = { tunnelsRejudged: () => {} }
  const rejudge = new Rejudge({ ...options, log, observer }, () => exchanges as unknown as Exchange[])
  await rejudge.all(WHY)
  done = true
  t.equal(judged, 10_000, 'all of them twice')
  t.ok([...judgedBy.values()].every((by) => by === policies[1]))
  t.ok(most <= 512, `${most} at a time`)
})

const compiledAddress = { family: 4, a: 0, b: 0, c: 0, d: 0x7f000001, text: DESK } as const
