/**
 * The wire, judged from outside: raw requests, raw answers and raw openings of tunnels against a running Landline, and what the
 * other side received, byte for byte. One request judged is one request at the origin, and nothing waits that need not.
 */
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { tunnel } from './ask.ts'
import { LOOPBACK, listen, start } from './landline.ts'
import { ANSWERS } from './raw-answers.ts'
import { RawClient } from './raw-client.ts'
import { OPENINGS } from './raw-openings.ts'
import { rawOrigin } from './raw-origin.ts'
import { FORWARDED, OWN, REFUSED } from './raw-requests.ts'

const RULES = `version: 1
name: raw
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [127.0.0.1] }
  wifi: { medium: wireless, prefixes: [127.0.0.2] }
services:
  named: { name: Named, category: chat-call, domains: [named.test] }
rules:
  - { id: fixed-only, service: zoom, except: { medium: wired }, action: block }
  - { id: watch, service: named, action: log }
ip_literals: allow
`
const WIFI = '127.0.0.2'
const GOOD = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'

async function floor(t: Test) {
  const landline = await start(t, { rules: RULES, config: LOOPBACK })
  const origin = await rawOrigin(t)
  const port = Number(origin.authority.split(':')[1])
  const told: Record<string, string> = {
    AT: origin.authority,
    PORT: `${port}`,
    WRAPPED: `${port + 65_536}`,
    PROXY: `${landline.port}`,
  }
  return {
    landline,
    origin,
    filled: (text: string) => text.replace(/\b(?:AT|PORT|WRAPPED|PROXY)\b/g, (word) => told[word] ?? word),
    client: (from?: string) => {
      const client = new RawClient(landline.port, from)
      t.teardown(() => client.close())
      return client
    },
  }
}

t.test('what is malformed, ambiguous or not to be done is refused at once, and no origin hears of it', async (t) => {
  const { origin, client, filled } = await floor(t)
  origin.answer = (socket) => socket.write(GOOD)
  for (const [name, sent, status] of REFUSED) {
    origin.forget()
    const asking = client().send(typeof sent === 'string' ? filled(sent) : sent)
    const ended = await asking.untilEnded()
    const answers = asking.answers().map(({ status, whole, head }) => ({ status, whole, told: TOLD.test(head) }))
    t.same(
      { ended, answers, seen: origin.seen },
      { ended: true, answers: [{ status, whole: true, told: true }], seen: [] },
      name,
    )
    asking.close()
  }
})
const TOLD = /\r\nProxy-Status: landline-1; error=\w+[\s\S]*\r\nConnection: close\r\n/

t.test('what is good goes on as one request, in one form, and the next one finds the connection in step', async (t) => {
  const { origin, client, filled } = await floor(t)
  origin.answer = (socket) => socket.write(GOOD)
  for (const [name, sent, wanted] of FORWARDED) {
    origin.forget()
    const asking = client().send(filled(`${sent}GET http://AT/last HTTP/1.1\r\nHost: AT\r\nConnection: close\r\n\r\n`))
    t.ok(await asking.untilEnded(), name)
    t.same(
      asking.answers().map(({ status, body }) => `${status} ${body}`),
      ['200 good', '200 good'],
      name,
    )
    const [first, last, ...more] = origin.seen
    t.same([last?.line, more, origin.rest()], ['GET /last HTTP/1.1', [], ''], name)
    if (first === undefined) continue
    const { line, head, body, trailers } = first
    t.same({ body, trailers }, { body: wanted.body ?? '', trailers: wanted.trailers ?? '' }, name)
    if (wanted.line !== undefined) t.equal(line, wanted.line, name)
    for (const has of wanted.has ?? []) t.match(head, has, name)
    if (wanted.hasNot) t.notMatch(head, wanted.hasNot, name)
  }
})

t.test('what is for the proxy itself is answered here', async (t) => {
  const { origin, client, filled } = await floor(t)
  for (const [name, sent, status, wanted] of OWN) {
    const asking = client().send(filled(sent))
    t.ok(await asking.untilEnded(), name)
    t.match(asking.text, new RegExp(`^HTTP/1\\.1 ${status} `), name)
    t.match(asking.text, new RegExp(filled(wanted.source)), name)
  }
  t.same(origin.seen, [])
})

t.test('an answer reaches the client whole, cut or as a 502, and never the client after it', async (t) => {
  const { origin, client, filled } = await floor(t)
  const next = filled('GET http://AT/next HTTP/1.1\r\nHost: AT\r\n\r\n')
  for (const [name, answer, wanted] of ANSWERS) {
    origin.forget()
    origin.answer = (socket, { line }) => {
      if (line.startsWith('GET /next')) return socket.write(GOOD)
      socket.write(Buffer.from(answer, 'latin1'))
      return name.endsWith('.') && socket.end()
    }
    const asking = client().send(filled('GET http://AT/ HTTP/1.1\r\nHost: AT\r\n\r\n') + next)
    await asking.until(() => asking.answers().at(-1)?.body === 'good')
    const answers = asking.answers()
    const final = answers.find(({ status }) => status >= 200)
    const isStill = answers.at(-1) !== final
    t.same(
      answers.slice(0, isStill ? -1 : undefined).map(({ status }) => status),
      wanted.statuses,
      name,
    )
    t.equal(isStill, wanted.cut === undefined && final?.status !== 502, `${name}: the next request`)
    t.equal(final?.whole, wanted.cut === undefined, `${name}: is it whole`)
    if (wanted.cut) t.equal(asking.error, 'ECONNRESET', name)
    if (wanted.body !== undefined) t.equal(final?.body, wanted.body, name)
    if (wanted.has) t.match(final?.head, wanted.has, name)
    if (wanted.hasNot) t.notMatch(final?.head, wanted.hasNot, name)
    t.notMatch(asking.text, 'evil', name)
    const after = client().send(next)
    t.ok(await after.until(() => after.text.endsWith('\r\n\r\ngood')), `${name}: another client`)
    for (const one of [asking, after]) one.close()
  }
})

t.test('answers to HEAD and to HTTP/1.0, early answers and switches end where they must', async (t) => {
  const { origin, client, filled } = await floor(t)
  const ask = async (sent: string, answer: string, ...methods: readonly string[]) => {
    origin.forget()
    origin.opened = (socket) => socket.write(answer)
    const asking = client().send(filled(sent))
    await asking.untilEnded()
    return asking.answers(...methods).map(({ status, body, whole }) => `${status} ${body}${whole ? '' : ' cut'}`)
  }
  const close = 'Host: AT\r\nConnection: close\r\n\r\n'
  const chunks = 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n'
  t.same(await ask(`HEAD http://AT/ HTTP/1.1\r\n${close}`, GOOD, 'HEAD'), ['200 '])
  t.same(await ask(`HEAD http://AT/ HTTP/1.1\r\n${close}`, `HTTP/1.1 200 OK\r\n${chunks}`, 'HEAD'), ['200 '])
  t.same(await ask('GET http://AT/ HTTP/1.0\r\n\r\n', `HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\n${chunks}`), [
    '200 hello',
  ])
  t.same(await ask('GET http://AT/ HTTP/1.0\r\n\r\nGET http://AT/ HTTP/1.0\r\n\r\n', GOOD), ['200 good'])
  const early = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig'
  t.same(await ask('POST http://AT/ HTTP/1.1\r\nHost: AT\r\nContent-Length: 100000\r\n\r\nabc', early), ['413 big'])
  t.same(
    await ask('POST http://AT/ HTTP/1.1\r\nHost: AT\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n', early),
    ['413 big'],
  )
  const offer = 'GET http://AT/ HTTP/1.1\r\nHost: AT\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
  const other = await ask(offer, 'HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n')
  t.match(other, [/^502 /], 'a switch to what was not offered')
})

t.test('a body that breaks off is a 400, and the origin never sees it whole', async (t) => {
  const { origin, client, filled } = await floor(t)
  for (const sent of [
    'Content-Length: 10\r\n\r\nhalf',
    'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    'Transfer-Encoding: chunked\r\n\r\na\r\nhalf',
  ]) {
    const asking = client()
      .send(filled(`POST http://AT/ HTTP/1.1\r\nHost: AT\r\n${sent}`))
      .finish()
    t.ok(await asking.untilEnded())
    t.same(
      asking.answers().map(({ status }) => status),
      [400],
      sent,
    )
  }
  t.same(origin.seen, [])
})

t.test('what a tunnel opens with is judged before the origin hears of it', async (t) => {
  const { landline } = await floor(t)
  let heard = ''
  const port = await listen(
    t,
    createServer((socket) =>
      socket
        .on('error', () => {})
        .on('data', (chunk) => {
          heard += chunk.toString('latin1')
          socket.write(chunk)
        }),
    ),
  )
  for (const [name, bytes, wanted] of OPENINGS) {
    const before = landline.records().length
    heard = ''
    const socket = await tunnel(landline.port, `127.0.0.1:${port}`, WIFI)
    if ('status' in socket) return t.fail(`${name}: ${socket.status}`)
    socket.on('error', () => {})
    let back = ''
    const over = new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        back += chunk.toString('latin1')
        if (back.length >= bytes.length) resolve()
      })
      socket.on('close', () => resolve())
      socket.setTimeout(5000, () => socket.destroy())
    })
    socket.write(bytes)
    await over
    const text = wanted === 'cut' || wanted === 'sever' ? '' : bytes.toString('latin1')
    t.same([back === text, heard === text], [true, true], `${name}: what the client and the origin have`)
    const records = landline
      .records()
      .slice(before)
      .filter(({ event }) => event.action !== 'end')
    const action = wanted === 'sever' ? ['sever'] : wanted === 'cut' || wanted === 'pass' ? [] : ['log']
    t.same(
      records.map(({ event }) => event.action),
      action,
      `${name}: its record`,
    )
    if (action[0] === 'log') t.match(JSON.stringify(records[0]), `"value":"${wanted}"`, name)
    socket.destroy()
  }
})
