/** A real Squid beside Landline: as its parent, which knows the names, and as its child, which tells whom it speaks for. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { missing, peer } from '../peers.ts'
import { freePort } from '../ports.ts'
import { type Answer, answerOf, ask, readHead, tunnel } from './ask.ts'
import { web } from './floor.ts'
import { LOOPBACK, origin, scratch, start, waitFor } from './landline.ts'

const squid = peer('Squid', 'squid')
const skip = squid === null && missing('Squid')

const WIFI = '127.0.0.2'
const DESK = '127.0.0.9'
/** What asks for localhost asks for Zoom: so it can be let through without a network. */
const RULES = `version: 1
name: squid
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [${DESK}] }
  wifi: { medium: wireless, prefixes: [${WIFI}] }
services: { zoom: { name: Zoom, category: meeting, domains: [zoom.us], hosts: [localhost] } }
rules: [{ id: fixed-only, service: zoom, except: { medium: wired }, action: block, reason: Only from desks }]
`

interface Squid {
  readonly port: number
  readonly stop: () => Promise<void>
  readonly accessLog: () => string
}

/** Squid in the foreground, with its files in a folder of its own; it does not outlive the test. */
async function startSquid(t: Test, settings: string): Promise<Squid> {
  const dir = scratch(t)
  chmodSync(dir, 0o777) // started by root, it goes on as a user of its own
  const port = await freePort()
  const hosts = join(dir, 'hosts')
  writeFileSync(hosts, '127.0.0.1 web.test denied.test localhost\n')
  const file = join(dir, 'squid.conf')
  writeFileSync(
    file,
    `http_port 127.0.0.1:${port}
visible_hostname squid.test
dns_nameservers 127.0.0.1
hosts_file ${hosts}
pid_filename ${dir}/squid.pid
cache_log ${dir}/cache.log
access_log stdio:${dir}/access.log
coredump_dir ${dir}
netdb_filename none
pinger_enable off
cache deny all
shutdown_lifetime 0 seconds
${settings}
http_access allow all
`,
  )
  // Its shared memory has names of its own too; they go when it is ended, not when it is killed.
  const child = spawn(squid ?? '', ['-N', '-n', `landline${port}`, '-f', file], { stdio: 'ignore', cwd: dir })
  const exited = once(child, 'exit')
  const stop = async () => {
    const late = setTimeout(() => child.kill('SIGKILL'), 5000)
    child.kill('SIGTERM')
    await exited
    clearTimeout(late)
  }
  t.teardown(stop)
  await waitFor('Squid to listen', () => {
    if (child.exitCode !== null) throw new Error(`Squid ended:\n${readFileSync(join(dir, 'cache.log'), 'utf8')}`)
    return accepts(port)
  })
  return { port, stop, accessLog: () => readFileSync(join(dir, 'access.log'), 'utf8') }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

/** The answer to one request inside a tunnel. */
async function askThrough(port: number, authority: string, from: string, host = authority): Promise<Answer> {
  const socket = await tunnel(port, authority, from)
  if ('status' in socket) return socket
  socket.write(`GET /in HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  let text = await readHead(socket).catch(() => '')
  for await (const chunk of socket.setEncoding('latin1')) text += chunk
  return answerOf(text)
}

t.test('Squid as the parent', { skip }, async (t) => {
  const parent = await startSquid(t, 'acl denied dstdomain denied.test\nhttp_access deny denied')
  const { port } = await origin(t, web)
  const config = `${LOOPBACK}parents: [{ url: "http://127.0.0.1:${parent.port}" }]\n`
  const landline = await start(t, { rules: RULES, config })
  const http = `web.test:${port}`
  const plain = await ask(landline.port, `http://${http}/a?b`, { from: DESK })
  t.match(plain, { status: 200, body: /^GET \/a\?b 0 via=1\.1 landline-1, 1\.1 squid\.test / }, 'it knows the name')
  const body = 'x'.repeat(300_000)
  const put = await ask(landline.port, `http://${http}/put`, { from: DESK, method: 'PUT', body })
  t.match(put, { status: 200, body: /^PUT \/put 300000 / })
  t.match(await askThrough(landline.port, http, WIFI), { status: 200, body: 'GET /in 0 via=\n' }, 'a tunnel')
  t.match(parent.accessLog(), new RegExp(`TCP_TUNNEL/200 \\d+ CONNECT ${http} `))

  t.match(await ask(landline.port, 'http://zoom.us/', { from: WIFI }), { status: 403, body: /Only from desks/ })
  t.match(await tunnel(landline.port, 'zoom.us:443', WIFI), { status: 403, body: /Only from desks/ })
  t.match(await askThrough(landline.port, http, WIFI, 'zoom.us'), { body: '' }, 'a Host inside the tunnel')
  await waitFor('the end of the tunnel on the record', () => landline.records().length === 5)
  t.strictSame(
    landline.records().map(({ event, destination }) => [event.action, destination?.domain]),
    [
      ['start', undefined],
      ['block', 'zoom.us'],
      ['block', 'zoom.us'],
      ['sever', 'web.test'],
      ['end', 'web.test'],
    ],
  )
  t.notMatch(parent.accessLog(), 'zoom', 'and the parent has heard nothing of it')

  t.match(await ask(landline.port, `http://denied.test:${port}/`, { from: DESK }), { status: 403 }, "the parent's own")
  const refused = await tunnel(landline.port, `denied.test:${port}`, DESK)
  t.match(refused, { status: 502, body: /The next proxy answered 403/ })
  await parent.stop()
  for (const dead of [
    await tunnel(landline.port, http, DESK),
    await ask(landline.port, `http://${http}/`, { from: DESK }),
  ])
    t.match('fields' in dead && dead.fields.get('proxy-status'), 'error=connection_refused')
  t.equal(await landline.stop(), 0)
})

t.test('Squid as the child, which says whom it speaks for', { skip }, async (t) => {
  const { port } = await origin(t, web)
  const listeners = 'listeners: [{ address: 127.0.0.1:0, client_address: forwarded, trusted: [127.0.0.1/32] }]\n'
  const landline = await start(t, { rules: RULES, config: LOOPBACK + listeners })
  // no-digest: else Squid asks its parent for a list of what that has cached, in the name of a client `::`.
  const child = await startSquid(
    t,
    `cache_peer 127.0.0.1 parent ${landline.port} 0 no-query no-digest default\nnever_direct allow all\nforwarded_for on`,
  )
  const zoom = `localhost:${port}`
  t.match(await ask(child.port, `http://${zoom}/a`, { from: DESK }), {
    status: 200,
    body: /^GET \/a 0 via=.*squid\.test/,
  })
  t.match(await askThrough(child.port, zoom, DESK), { status: 200, body: 'GET /in 0 via=\n' })
  t.strictSame(landline.records().length, 1, 'nothing but the start')

  const denied = await ask(child.port, `http://${zoom}/`, { from: WIFI })
  t.match(denied, { status: 403, body: /Only from desks/ })
  const refused = await tunnel(child.port, 'zoom.us:443', WIFI)
  t.match(refused, { status: 403 })
  const pretended = await ask(child.port, `http://${zoom}/`, { from: WIFI, fields: { 'X-Forwarded-For': DESK } })
  t.match(pretended, { status: 403 }, 'what a client says of itself stands left of what Squid says')
  const records = landline.records().slice(1)
  t.equal(records.length, 3)
  for (const record of records)
    t.match(record, {
      event: { action: 'block' },
      source: { ip: WIFI },
      rule: { id: 'fixed-only' },
      landline: { segment: { id: 'wifi' }, client: { learnt: 'forwarded', path: ['127.0.0.1'] } },
    })
  t.equal(denied.fields.get('landline-reference'), records[0]?.event.id, 'Squid hands the reference on')

  const whoami = await ask(child.port, 'http://landline.internal/whoami', { from: WIFI })
  t.match(whoami, { status: 200, body: /127\.0\.0\.2/ })
  // Squid itself is in no segment: asked directly, without a word on a client, nobody is known.
  t.match(await ask(landline.port, `http://${zoom}/`), { status: 403 })
  t.equal(await landline.metric('landline_client_address_suspect_total{reason="missing"}'), 1)
  t.match(landline.records().at(-1), { event: { action: 'refuse' } })
})
