/** The record comes before whatever it tells of, on every way to an answer; and it tells of each thing once. */
import t, { type Test } from 'tap'
import {
  address,
  answer,
  answering,
  DESK,
  type Harness,
  type HarnessOptions,
  originOf,
  prefix,
  proxyOf,
  RULES,
  request,
  STRANGER,
  WIFI,
} from './harness.ts'
import { clientHello, inRecords } from './hellos.ts'

const EXCEPTING = `${RULES}exceptions:
  - { id: crisis, rule: fixed-only, segment: wifi, starts: 2098-12-01T00:00:00Z, expires: 2099-01-01T00:00:00Z, reason: r, ticket: t, approver: a }
`
const MONITORING = RULES.replace('action: block', 'action: block, mode: monitor')

/** A proxy whose recorder takes its time, once it is held. */
async function slowlyRecording(t: Test, options: HarnessOptions = {}) {
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  let isHeld = false
  const recording = async () => {
    if (!isHeld) return
    asked.resolve()
    await released.promise
  }
  const proxy = await proxyOf(t, { ...options, recording })
  const hold = () => {
    isHeld = true
  }
  return { proxy, hold, asked: asked.promise, release: () => released.resolve() }
}

/** Long enough for an answer that waits for nothing. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise(setImmediate)
}

const isWhole = (text: string) => /^HTTP\/1\.1 \d+ [\s\S]*\r\n\r\n/.test(text)
const isThrough = (text: string) => text.endsWith('through')
const actionsOf = ({ records }: Harness) => records.map(({ action }) => action)

t.test('a stranger at the own pages hears nothing before the record', async (t) => {
  const { proxy, hold, asked, release } = await slowlyRecording(t)
  hold()
  const client = proxy.client(STRANGER).send('GET /ca HTTP/1.1\r\nHost: landline.internal\r\n\r\n')
  await asked
  await turns()
  t.equal(client.text, '')
  release()
  t.match(await client.until(isWhole), /^HTTP\/1\.1 403 [\s\S]*ref-1/)
})

t.test('what is answered by the proxy as the last one waits for its record', async (t) => {
  const { proxy, hold, asked, release } = await slowlyRecording(t)
  hold()
  const client = proxy.client().send(request('OPTIONS', 'http://logged.test/', ['Max-Forwards: 0']))
  await asked
  await turns()
  t.equal(client.text, '')
  release()
  t.match(await client.until(isWhole), /^HTTP\/1\.1 200 /)
})

t.test('a request on a kept connection waits for its record', async (t) => {
  let heard = 0
  const origin = await originOf(
    t,
    answering(() => {
      heard += 1
      return answer('through')
    }),
  )
  const { proxy, hold, asked, release } = await slowlyRecording(t)
  const asking = request('GET', `http://logged.test:${origin.port}/`)
  const client = proxy.client().send(asking)
  await client.until(isThrough)
  client.take()
  await turns()
  hold()
  client.send(asking)
  await asked
  await turns()
  t.same([client.text, heard], ['', 1])
  release()
  await client.until(isThrough)
  t.same([origin.count(), heard], [1, 2], 'and goes out on the kept one')
})

for (const [action, rules] of [
  ['except', EXCEPTING],
  ['would-block', MONITORING],
] as const)
  t.test(`${action} is on the record before the origin hears of it`, async (t) => {
    const origin = await originOf(t, answering(answer('through')))
    const now = () => Date.parse('2098-12-02T00:00:00Z')
    const { proxy, hold, asked, release } = await slowlyRecording(t, { rules, now })
    hold()
    const client = proxy.client(WIFI).send(request('GET', `http://meet.test:${origin.port}/`))
    await Promise.race([asked, client.until(isThrough)])
    await turns()
    t.same([client.text, origin.count()], ['', 0])
    release()
    await client.until(isThrough)
    t.match(proxy.records, [{ action }])
  })

t.test('a refused request is on the record as refused, and as nothing else', async (t) => {
  const proxy = await proxyOf(t, { names: { 'logged.test': ['10.0.0.1'] } })
  await proxy.client().send(request('GET', 'http://logged.test/')).until(isWhole)
  await proxy.ended(1)
  t.same(actionsOf(proxy), ['refuse'])
})

t.test('the end of a tunnel tells the evidence that came since', async (t) => {
  const origin = await originOf(t, (socket) => socket.on('data', (chunk) => socket.write(chunk)))
  const proxy = await proxyOf(t, {})
  const hello = inRecords(clientHello('x.logged.test'))
  const target = `logged.test:${origin.port}`
  const client = proxy.client().send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  await client.until(isWhole)
  client.take()
  client.send(hello)
  await client.until((text) => text.length === hello.length)
  client.close()
  await proxy.ended(1)
  t.same(actionsOf(proxy), ['log', 'end'])
  t.match(
    proxy.records.map(({ verdict }) => verdict.evidence.map(({ kind }) => kind)),
    [['host'], ['host', 'sni']],
  )
})

t.test('a tunnel whose opening is denied was denied, whoever leaves while that is recorded', async (t) => {
  const closed = Promise.withResolvers<void>()
  const origin = await originOf(t, (socket) => socket.resume().on('close', () => closed.resolve()))
  const { proxy, hold, asked, release } = await slowlyRecording(t)
  const target = `plain.test:${origin.port}`
  const client = proxy.client(WIFI).send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  await client.until(isWhole)
  hold()
  client.send(inRecords(clientHello('meet.test')))
  await asked
  client.socket.resetAndDestroy()
  await closed.promise
  release()
  t.match(await proxy.ended(1), [{ outcome: 'denied', error: 'http_request_denied' }])
  t.same(actionsOf(proxy), ['sever', 'end'])
})

t.test('a client that its balancer does not name sits in no segment', async (t) => {
  const trusted = [prefix('127.0.0.1/32')]
  const proxy = await proxyOf(t, {
    listeners: [{ host: DESK, port: 0, clientAddress: 'forwarded', trusted, tls: null }],
  })
  t.match(await proxy.client().send(request('GET', 'http://plain.test/')).until(isWhole), /^HTTP\/1\.1 403 /)
  t.match(proxy.records, [{ action: 'refuse', verdict: { rule: 'unknown_clients', segment: { id: 'unknown' } } }])
})

t.test('an address before that of a kept connection is judged as well', async (t) => {
  const origin = await originOf(t, answering(answer('through')))
  let addresses = [address(DESK)]
  const proxy = await proxyOf(t, { lookup: async () => ({ addresses, seconds: 1 }) })
  const asking = request('GET', `http://plain.test:${origin.port}/`)
  const client = proxy.client(WIFI).send(asking)
  await client.until(isThrough)
  client.take()
  addresses = [address('127.0.0.77'), address(DESK)]
  await new Promise((resolve) => setTimeout(resolve, 1100)) // what was learnt of the name holds for a second
  t.match(await client.send(asking).until(isWhole), /^HTTP\/1\.1 403 /)
  t.equal(origin.count(), 1)
})
