/** What the contract promises on the wire and in the record, seen from outside. */
import { createServer as createTcpServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { type Answer, type Asked, ask, referenceOf, tunnel } from './ask.ts'
import { LOOPBACK, listen, origin, type Running, start, waitFor } from './landline.ts'

const DESK = '127.0.0.1'
const WIFI = '127.0.0.2'
const VPN = '127.0.0.3'
const GUEST = '127.0.0.4'
const STRANGER = '127.0.0.5'
/** An address of the service `meet`; the others are of none. */
const MEET = '127.0.0.9'

interface Changes {
  readonly mode?: string
  readonly ports?: readonly number[]
  readonly exceptions?: string
}

function rules({ mode = 'enforce', ports = [], exceptions = '[]' }: Changes = {}): string {
  return `version: 1
name: contract
unknown_clients: refuse
mode: ${mode}
segments:
  desks: { medium: wired, prefixes: [${DESK}] }
  wifi: { medium: wireless, prefixes: [${WIFI}] }
  vpn: { medium: vpn, prefixes: [${VPN}] }
  guests: { medium: wireless, prefixes: [${GUEST}], shared: true }
services: { meet: { name: Meet, category: meeting, domains: [meet.test], prefixes: [${MEET}/32], ports: ${JSON.stringify(ports)} } }
rules: [{ id: meet-fixed-only, service: meet, except: { medium: wired }, action: block, reason: Memo 12 }]
ip_literals: log
exceptions: ${exceptions}
`
}

/** A web server at an address of its own. */
async function webAt(t: Test, host: string): Promise<string> {
  const { port } = await origin(t, (request, response) => response.end(`reached ${request.url}`), host)
  return `${host}:${port}`
}

function told(landline: Running, answer: Answer) {
  return landline.records().find(({ event }) => event.id === referenceOf(answer))
}

const FAILED = (error: string) => new RegExp(`^landline-1; error=${error}(?:; details="ref=[0-9a-f-]{36}")?$`)
const decisions = (action: string, medium: string, service: string) =>
  `landline_decisions_total{action="${action}",medium="${medium}",service="${service}"}`

t.test('a client of no segment is refused everything but /whoami and /proxy.pac', async (t) => {
  const web = await webAt(t, DESK)
  const pac = 'pac: { proxies: ["proxy.test:3128"] }\n'
  const landline = await start(t, { rules: rules(), config: LOOPBACK + pac })
  const from = { from: STRANGER }
  const plain = await ask(landline.port, `http://${web}/`, from)
  const meet = await ask(landline.port, 'http://meet.test/', from)
  const tunnelled = (await tunnel(landline.port, web, STRANGER)) as Answer // refused, so an answer
  for (const answer of [plain, meet, tunnelled]) {
    t.equal(answer.status, 403)
    t.match(told(landline, answer), {
      event: { action: 'refuse' },
      rule: { id: 'unknown_clients' },
      source: { ip: STRANGER },
    })
  }
  const nothing = { domain: null, ip: null, port: null }
  t.match(told(landline, plain)?.destination, nothing, 'where it wanted to go is nobody’s business')
  t.match(told(landline, tunnelled)?.destination, nothing)
  t.match(told(landline, meet)?.destination, { domain: 'meet.test', port: 80 }, 'but for conferencing')
  for (const page of ['/', '/blocked', '/nothing', 'http://landline.internal/blocked']) {
    const answer = await ask(landline.port, page, from)
    t.equal(answer.status, 403, page)
    t.match(told(landline, answer), { event: { action: 'refuse' }, destination: nothing }, page)
  }
  t.equal((await ask(landline.port, '/whoami', from)).status, 200)
  const { body } = await ask(landline.port, '/proxy.pac', from)
  t.match(body, 'PROXY proxy.test:3128')
  t.notMatch(body, 'proxy.test:3128; DIRECT', 'who knows where that client will be')
  t.equal(await landline.metric(decisions('refuse', 'unknown', 'none')), 6)
  t.equal(await landline.metric(decisions('refuse', 'unknown', 'meet')), 1)
})

t.test('the own pages, by name and in origin-form', async (t) => {
  const landline = await start(t, { rules: rules() })
  const json = { fields: { Accept: 'application/json' } }
  for (const target of ['/whoami', 'http://landline.internal/whoami']) {
    const { status, body } = await ask(landline.port, target, { from: WIFI, ...json })
    t.equal(status, 200, target)
    t.match(JSON.parse(body), { address: WIFI, learnt: 'socket', segment: { id: 'wifi', medium: 'wireless' } })
  }
  const reference = referenceOf(await ask(landline.port, 'http://meet.test/', { from: WIFI }))
  const shared = referenceOf(await ask(landline.port, 'http://meet.test/', { from: GUEST }))
  const blocked = async (from: string, query = '') => (await ask(landline.port, `/blocked${query}`, { from })).body
  t.match(await blocked(WIFI), reference)
  t.notMatch(await blocked(WIFI), shared, 'one’s own denials')
  t.notMatch(await blocked(DESK), reference)
  t.notMatch(await blocked(DESK, `?ref=${reference}`), 'Memo 12')
  t.notMatch(await blocked(GUEST), shared, 'many people behind one address do not see each other’s')
  t.match(await blocked(GUEST, `?ref=${shared}`), 'Memo 12')
  t.equal((await ask(landline.port, '/whoami', { method: 'POST' })).status, 405)
  t.equal(((await tunnel(landline.port, 'landline.internal:80')) as Answer).status, 403) // no tunnel leads there
  t.equal(await landline.metric('landline_requests_total{kind="own",outcome="ok"}'), 8)
})

t.test('bare addresses are recorded where the client is not wired', async (t) => {
  const web = await webAt(t, DESK)
  const landline = await start(t, { rules: rules(), config: LOOPBACK })
  for (const from of [DESK, WIFI]) t.equal((await ask(landline.port, `http://${web}/`, { from })).status, 200)
  const opened = (await tunnel(landline.port, web, WIFI)) as Socket // it is let through
  opened.end(`GET / HTTP/1.1\r\nHost: ${web}\r\nConnection: close\r\n\r\n`)
  let received = ''
  for await (const chunk of opened.setEncoding('latin1')) received += chunk
  await waitFor('the end of the tunnel on record', () => landline.records().length === 4)
  const [, first, second, end] = landline.records()
  const [ip, port] = web.split(':')
  const bare = {
    rule: { id: 'ip_literals' },
    destination: { domain: null, ip, port: Number(port) },
    source: { ip: WIFI },
  }
  t.match(first, { event: { action: 'log' }, ...bare })
  t.match(second, { event: { action: 'log' }, ...bare })
  t.match(end, { event: { action: 'end' }, landline: { exchange: second?.landline.exchange } })
  t.equal(end?.destination?.bytes, received.length)
  t.equal(await landline.metric(decisions('log', 'wireless', 'none')), 2)
})

t.test('an exception lets through, on record, until its last second is over', async (t) => {
  const meet = await webAt(t, MEET)
  const expires = Math.ceil(Date.now() / 1000) * 1000 + 7000 // longer than a start takes on a busy machine
  const time = new Date(expires).toISOString()
  const fields = 'rule: [meet-fixed-only], reason: G7, ticket: CHG-1, approver: head of division'
  const exceptions = `[{ id: g7, ${fields}, from: [${WIFI}/32], expires: ${time} }]`
  const landline = await start(t, { rules: rules({ exceptions }), config: LOOPBACK })
  const at = async (from: string) => (await ask(landline.port, `http://${meet}/`, { from })).status
  t.equal(await at(VPN), 403, 'it is not for everybody')
  t.equal(await at(WIFI), 200)
  await waitFor('its end', async () => (await at(WIFI)) === 403)
  await waitFor('its end on record', () => landline.records().some(({ event }) => event.action === 'exception-expired'))
  const mine = landline.records().filter(({ source }) => source?.ip === WIFI)
  for (const record of mine) {
    const isBefore = Date.parse(record['@timestamp']) < expires
    if ((record.event.action === 'except') !== isBefore)
      t.fail(`${record.event.action} at ${record['@timestamp']}, of ${time}`)
    t.equal(record.landline.exception, isBefore ? 'g7' : null)
  }
  const uses = mine.filter(({ event }) => event.action === 'except').length
  t.equal(await landline.metric('landline_exception_uses_total{exception="g7"}'), uses)
  t.equal(await landline.metric('landline_exception_expiry_timestamp_seconds{exception="g7"}'), expires / 1000)
})

t.test('mode: monitor blocks nothing and records what it would have', async (t) => {
  const meet = await webAt(t, MEET)
  const landline = await start(t, { rules: rules({ mode: 'monitor' }), config: LOOPBACK })
  t.match(await ask(landline.port, `http://${meet}/`, { from: WIFI }), { status: 200, body: 'reached /' })
  t.match(landline.records().at(-1), { event: { action: 'would-block' }, rule: { id: 'meet-fixed-only' } })
  t.equal(await landline.metric(decisions('would_block', 'wireless', 'meet')), 1)
})

t.test('guarded addresses and ports that are not listed', async (t) => {
  const web = await webAt(t, DESK)
  const meet = await webAt(t, MEET)
  const port = Number(meet.split(':')[1])
  const landline = await start(t, { rules: rules({ ports: [port] }), config: `origins: { allow: [${MEET}/32] }\n` })
  const guarded = [
    await ask(landline.port, `http://${web}/`),
    await ask(landline.port, `http://localhost:${port}/`),
    await ask(landline.port, 'http://169.254.169.254/latest/'),
    await ask(landline.port, 'http://[::ffff:10.0.0.1]/'),
  ]
  for (const answer of guarded) {
    t.match(answer, { status: 502 })
    t.match(answer.fields.get('proxy-status'), FAILED('destination_ip_prohibited'))
    t.match(told(landline, answer), {
      event: { action: 'refuse' },
      destination: { domain: null, ip: null, port: null },
    })
  }
  const closed = (await tunnel(landline.port, `127.0.0.1:${port}`)) as Answer // the port is another service's
  t.equal(closed.status, 403)
  t.match(closed.fields.get('proxy-status'), FAILED('http_request_denied'))
  t.match(told(landline, closed), { event: { action: 'refuse' }, destination: { port: null } })
  const own = await tunnel(landline.port, meet)
  t.ok('destroy' in own, 'the service’s own port is open for its own address')
  if ('destroy' in own) own.destroy()
  t.equal((await ask(landline.port, `http://${meet}/`)).status, 200)
})

t.test('failures name their kind', async (t) => {
  const closed = createTcpServer((socket) => socket.destroy())
  const port = await listen(t, closed)
  const landline = await start(t, { rules: rules(), config: LOOPBACK })
  const cases: readonly (readonly [target: string, asked: Asked, status: number, error: string])[] = [
    ['http://127.0.0.1:1/', {}, 502, 'connection_refused'],
    [`http://127.0.0.1:${port}/`, {}, 502, 'connection_terminated'],
    ['http://127.0.0.1:1/', { fields: { Via: '1.0 other, 1.1 landline-1' } }, 502, 'proxy_loop_detected'],
    [
      'http://127.0.0.1:1/',
      { fields: { 'Transfer-Encoding': 'chunked', 'Content-Length': '3' } },
      400,
      'http_request_error',
    ],
    [`http://127.0.0.1:${landline.port}/`, {}, 502, 'destination_ip_prohibited'],
  ]
  for (const [target, asked, status, error] of cases) {
    const answer = await ask(landline.port, target, asked)
    t.equal(answer.status, status, error)
    t.match(answer.fields.get('proxy-status'), FAILED(error))
    t.ok((await landline.metric(`landline_errors_total{error="${error}"}`)) >= 1, error)
  }
})

t.test('a tunnel to one place that names another inside is cut, and nothing of it arrives', async (t) => {
  let arrived = 0
  const server = createTcpServer((socket) =>
    socket.on('data', (chunk) => (arrived += chunk.length)).on('error', () => {}),
  )
  const port = await listen(t, server)
  const landline = await start(t, { rules: rules(), config: LOOPBACK })
  const opened = (await tunnel(landline.port, `127.0.0.1:${port}`, WIFI)) as Socket // the address is of no service
  const secure = connectTls({ socket: opened, servername: 'room.meet.test' })
  await new Promise((resolve) => secure.on('error', resolve).on('close', resolve))
  t.equal(arrived, 0)
  const sever = landline.records().find(({ event }) => event.action === 'sever')
  t.match(sever, { rule: { id: 'meet-fixed-only' }, source: { ip: WIFI } })
  t.equal(await landline.metric(decisions('block', 'wireless', 'meet')), 1)
})
