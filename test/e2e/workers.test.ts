/** Several threads serve as one proxy: one log, one set of metrics, one reload, one drain, whatever happens to one of them. */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ask, open as connectTo, tunnel } from './ask.ts'
import { attach } from './inspector.ts'
import {
  command,
  LOOPBACK,
  listen,
  origin,
  type Running,
  readSeries,
  scratch,
  start,
  startAndFail,
  waitFor,
} from './landline.ts'
import { chainFaults } from './records.ts'

/** Odd revisions block what even ones let through on record; the reason tells which one judged. */
function rules(revision: number): string {
  return `version: 1
name: revision-${revision}
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [127.0.0.1] } }
services: { meet: { name: Meet, category: meeting, hosts: [localhost] } }
rules: [{ id: rule-${revision}, service: meet, action: ${revision % 2 === 1 ? 'block' : 'log'} }]
`
}

const TWO = ['--workers', '2']

async function echo(t: Test): Promise<string> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
  return `127.0.0.1:${await listen(t, server)}`
}

/** Tunnels that echo; by then each has its record. */
async function tunnels(t: Test, { port }: Running, authority: string, count: number): Promise<readonly Socket[]> {
  const opened = await Promise.all(Array.from({ length: count }, () => tunnel(port, authority)))
  const sockets = opened.filter((one) => 'destroy' in one)
  t.equal(sockets.length, count, 'each tunnel was opened')
  t.teardown(() => sockets.forEach((socket) => void socket.destroy()))
  return sockets
}

/** Whether what is said into the tunnel comes back. */
async function echoes(socket: Socket): Promise<boolean> {
  if (socket.destroyed || socket.readableEnded) return false
  socket.write('ping')
  const [chunk] = await Promise.race([once(socket, 'data'), once(socket, 'close'), once(socket, 'end')])
  return chunk instanceof Buffer
}

/** Takes memory until there is no more: of the thread alone, since each has a heap of its own. */
const NO_MEMORY = 'setImmediate(() => { const hoard = []; for (;;) hoard.push(new Array(1e5).fill(hoard.length)) })'

/** Each of so many has a listener of its own on the port. */
function listenersOn(port: number): number {
  const own = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .filter((line) => line.includes(own) && / 0A /.test(line)).length
}

t.test('requests, records, metrics and reloads are those of one proxy', async (t) => {
  const web = await origin(t, (_request, response) => response.end('reached'))
  const landline = await start(t, { rules: rules(0), config: LOOPBACK, flags: TWO })
  if (process.platform === 'linux') t.equal(listenersOn(landline.port), 2)
  const url = `http://localhost:${web.port}/`
  const counts = new Map<number, number>()
  const count = (status: number) => counts.set(status, (counts.get(status) ?? 0) + 1)
  let busy = true
  const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  t.teardown(() => agents.forEach((agent) => void agent.destroy()))
  const options = { host: '127.0.0.1', port: landline.port, path: url, headers: { host: `localhost:${web.port}` } }
  const askAgain = (agent: Agent) =>
    new Promise<number>((resolve, reject) => {
      get({ ...options, agent }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      }).on('error', reject)
    })
  const clients = agents.map(async (agent) => {
    while (busy) count(await askAgain(agent))
  })
  const RELOADS = 20
  for (let revision = 1; revision <= RELOADS; revision++) {
    writeFileSync(join(landline.dir, 'rules.yaml'), rules(revision))
    landline.process.kill('SIGHUP')
    await landline.waitForLog('rules reloaded', revision)
    // Whichever thread they come to, the new rules hold from here on.
    const want = revision % 2 === 1 ? 403 : 200
    const fresh = await Promise.all(Array.from({ length: 6 }, () => ask(landline.port, url)))
    t.strictSame([...new Set(fresh.map(({ status }) => status))], [want], `revision ${revision}`)
    for (const { status } of fresh) count(status)
  }
  busy = false
  await Promise.all(clients)
  t.strictSame([...counts.keys()].sort(), [200, 403], 'each request had its answer')

  const denied = await ask(landline.port, '/blocked')
  t.match(denied.body, 'Meet', 'a client finds its denials whichever thread it asks')
  const series = await readSeries(landline.adminPort)
  t.equal(series.get('landline_requests_total{kind="http",outcome="ok"}'), counts.get(200))
  t.equal(series.get('landline_requests_total{kind="http",outcome="denied"}'), counts.get(403))
  t.equal(series.get('landline_audit_records_total{action="block"}'), counts.get(403))
  t.equal(series.get('landline_workers'), 2)
  t.equal([...series.keys()].filter((name) => name.startsWith('landline_build_info')).length, 1)
  t.equal(series.get('landline_tunnels_limit'), 20_000)
  t.notOk(
    [...series.keys()].some((name) => name.includes(`rule-${RELOADS - 1}"`)),
    'what has gone from the rules is gone',
  )

  t.equal(await landline.stop(), 0)
  const folder = join(landline.dir, 'data', 'audit')
  t.strictSame(chainFaults(folder), [])
  const records = landline.records()
  const made = (action: string) => records.filter(({ event }) => event.action === action).length
  t.same([made('block'), made('log')], [counts.get(403), counts.get(200)], 'each is on record, once')
  const versions = new Map<string, Set<string>>()
  for (const { event, rule } of records)
    if (rule?.id !== undefined)
      versions.set(rule.version, (versions.get(rule.version) ?? new Set()).add(`${rule.id} ${event.action}`))
  t.ok(
    [...versions.values()].every((verdicts) => verdicts.size === 1),
    'a verdict names the revision that gave it',
  )
  t.ok(versions.size > 10)
  t.equal((await command(landline.dir, ['audit', 'verify', folder])).code, 0)
})

t.test('limits are one for all threads, and a drain ends with the last tunnel', async (t) => {
  const authority = await echo(t)
  const config = `${LOOPBACK}limits: { connections: 12, tunnels_per_client: 8 }\n`
  const landline = await start(t, { rules: rules(0), config, flags: TWO })
  const open = await tunnels(t, landline, authority, 8)
  for (let more = 0; more < 6; more++)
    t.match(await tunnel(landline.port, authority), { status: 503 }, 'the client has its eight')
  const idle: Socket[] = []
  t.teardown(() => idle.forEach((socket) => void socket.destroy()))
  await waitFor('all places to be taken', async () => {
    idle.push(connectTo(landline.port).on('error', () => {})) // while others still leave, it may find no place
    return (await ask(landline.port, '/whoami')).status === 503
  })
  t.ok((await landline.metric('landline_limit_reached_total{limit="connections"}')) > 0)
  t.ok((await landline.metric('landline_limit_reached_total{limit="tunnels_per_client"}')) >= 6)
  for (const socket of idle) socket.destroy()

  const stopped = landline.stop()
  await landline.waitForLog('landline drains')
  t.ok(
    (await Promise.all(open.map(echoes))).every((echoed) => echoed),
    'tunnels go on',
  )
  for (const socket of open) socket.end()
  t.equal(await stopped, 0)
  const ends = landline.records().filter(({ event }) => event.action === 'end')
  t.equal(ends.length, 8, 'and what they carried is on record')
  t.ok(ends.every(({ source, destination }) => source?.bytes === 4 && destination?.bytes === 4))
})

t.test('a thread that dies takes only its own along, and another takes its place', async (t) => {
  const authority = await echo(t)
  const nodeOptions = '--inspect=127.0.0.1:0 --max-old-space-size=128'
  const config = `${LOOPBACK}limits: { drain_ms: 300 }\n`
  const landline = await start(t, { rules: rules(0), config, flags: TWO, nodeOptions })
  const url = /ws:\S+/.exec(landline.errors())?.[0] ?? ''
  const threads = await attach(url)
  t.teardown(() => threads.close())
  const open = await tunnels(t, landline, authority, 16)
  const before = await readSeries(landline.adminPort)
  t.equal(before.get('landline_tunnels_active'), 16)

  await waitFor('both threads', () => threads.threads().length === 2)
  const [victim = ''] = threads.threads()
  threads.run(victim, 'setImmediate(() => { throw new Error("a fault of the test") })')
  await landline.waitForLog('a worker serves in place of the one that died')
  const alive = (await Promise.all(open.map(echoes))).filter((echoed) => echoed).length
  t.ok(alive > 0 && alive < 16, `${alive} of 16 tunnels are left`)
  const lost = landline.log().find(({ msg }) => String(msg).startsWith('a worker has died'))
  t.match(lost, { level: 50, err: { message: 'a fault of the test' }, connections: 16 - alive })
  t.equal((await fetch(`http://127.0.0.1:${landline.adminPort}/readyz`)).status, 200)
  await tunnels(t, landline, authority, 16)

  const after = await readSeries(landline.adminPort)
  const fallen = [...before].filter(
    ([name, value]) => /^landline_.*(?:_total|_count|_bucket)/.test(name) && !((after.get(name) ?? 0) >= value),
  )
  t.strictSame(fallen, [], 'no counter goes down')
  t.equal(after.get('landline_tunnels_active'), alive + 16)
  t.equal(after.get('landline_workers'), 2)
  t.equal(after.get('landline_workers_replaced_total'), 1)
  const replaced = landline.records().find(({ event }) => event.action === 'worker-replaced')
  t.match(replaced?.landline.facts, { connections: 16 - alive, cause: 'Error' })

  for (let death = 2; death <= 5; death++) {
    await waitFor('both threads', () => threads.threads().length === 2)
    threads.run(threads.threads()[death % 2] ?? '', death === 3 ? NO_MEMORY : 'setImmediate(() => process.exit(7))')
    await landline.waitForLog('a worker serves in place of the one that died', death)
  }
  const causes = landline.records().flatMap(({ landline: { facts } }) => facts?.cause ?? [])
  t.strictSame(causes, ['Error', 'it ended', 'Error ERR_WORKER_OUT_OF_MEMORY', 'it ended', 'it ended'])
  await waitFor('both threads', () => threads.threads().length === 2)
  threads.run(threads.threads()[0] ?? '', 'setImmediate(() => { throw new Error("once too often") })')
  threads.close() // which Node would wait for
  t.equal(await new Promise((resolve) => landline.process.on('close', resolve)), 1, 'it does not flap for ever')
  t.match(landline.errors(), 'workers die again and again')
  t.strictSame(chainFaults(join(landline.dir, 'data', 'audit')), [])
})

t.test('a port that somebody has is told, also where threads would share it', async (t) => {
  const taken = createServer()
  const port = await listen(t, taken)
  const flags = [...TWO, '--listen', `127.0.0.1:${port}`]
  const { code, errors } = await startAndFail(t, { rules: rules(0), config: LOOPBACK, flags })
  t.equal(code, 1)
  t.match(errors, `127.0.0.1:${port} is taken: give the listener another address with --listen ADDRESS:PORT\n`)
  t.notMatch(errors, 'at Server.', 'no stack')

  const config = `listeners: [{ address: "127.0.0.1:0" }, { address: "192.0.2.1:3128" }]\nadmin: { address: "127.0.0.1:0" }\n`
  const nowhere = await startAndFail(t, { rules: rules(0), config, flags: TWO })
  t.equal(nowhere.code, 1)
  t.match(
    nowhere.errors,
    /192\.0\.2\.1:3128 is no address of this machine: give the listener one that it has in \S*landline\.yaml:1:52 \(listeners\.1\.address\)\n/,
  )

  const landline = await start(t, { rules: rules(0), config: LOOPBACK, flags: TWO })
  const dir = scratch(t)
  const second = await startAndFail(t, {
    dir,
    rules: rules(0),
    flags: [...TWO, '--listen', `127.0.0.1:${landline.port}`],
  })
  t.match(
    second,
    { code: 1, errors: /is taken: give the listener/ },
    'another Landline does not take half of the connections',
  )
})
