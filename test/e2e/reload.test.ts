/** Reloads while clients ask on: no request is lost, each is judged by one revision, the last file holds, and so do open tunnels, or not. */

import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { createServer, Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tunnel } from './ask.ts'
import { LOOPBACK, listen, origin, type Running, readSeries, scratch, start, startAndFail } from './landline.ts'
import { chainFaults } from './records.ts'

const RELOADS = 100
const CLIENTS = 16

/** Odd revisions block what even ones let through on record; the reason tells which one judged. */
function rules(revision: number): string {
  return `version: 1
name: revision-${revision}
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [127.0.0.1] } }
services: { meet: { name: Meet, category: meeting, hosts: [localhost] } }
rules: [{ id: rule-${revision}, service: meet, action: ${revision % 2 === 1 ? 'block' : 'log'} }]
ip_literals: allow
`
}

async function echo(t: Test): Promise<number> {
  return listen(
    t,
    createServer((socket) => socket.on('error', () => {}).pipe(socket)),
  )
}

async function opened(landline: Running, authority: string): Promise<Socket> {
  const socket = await tunnel(landline.port, authority)
  if (!(socket instanceof Socket)) throw new Error(`refused: ${socket.status}`)
  return socket
}

async function carries(socket: Socket, text: string): Promise<boolean> {
  socket.write(text)
  for (let came = ''; ; ) {
    came += socket.read()?.toString('latin1') ?? ''
    if (came.includes(text)) return true
    await once(socket, 'readable')
  }
}

t.test('a hundred reloads under load', async (t) => {
  const web = await origin(t, (_request, response) => response.end('reached'))
  const landline = await start(t, { rules: rules(0), config: `${LOOPBACK}existing_tunnels: cut\n` })
  const open = await opened(landline, `127.0.0.1:${await echo(t)}`)
  t.ok(await carries(open, 'before '))
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  t.teardown(() => agent.destroy())
  const host = `localhost:${web.port}`
  const options = { agent, host: '127.0.0.1', port: landline.port, path: `http://${host}/`, headers: { host } }
  const ask = () =>
    new Promise<number>((resolve, reject) => {
      get(options, (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0))).on(
        'error',
        reject,
      )
    })
  const counts = new Map<number, number>()
  let busy = true
  const client = async () => {
    while (busy) {
      const status = await ask()
      counts.set(status, (counts.get(status) ?? 0) + 1)
    }
  }
  const clients = Array.from({ length: CLIENTS }, client)
  const reloads = 'landline_audit_records_total{action="reload"}'
  for (let revision = 1; revision <= RELOADS; revision++) {
    writeFileSync(join(landline.dir, 'rules.yaml'), rules(revision))
    landline.process.kill('SIGHUP')
    // Signals that come while one is being handled may become one: each file is to have had its turn.
    await landline.waitForLog('rules reloaded', revision)
  }
  busy = false
  await Promise.all(clients)
  t.strictSame([...counts.keys()].sort(), [200, 403], 'each request had its answer')
  t.equal(await ask(), 200, 'the last file holds')
  t.ok(await carries(open, 'after '), 'a tunnel that all of them let through is as it was')
  open.destroy()
  const series = await readSeries(landline.adminPort)
  t.ok((series.get(reloads) ?? 0) >= RELOADS)
  t.ok([...series.keys()].some((name) => name.startsWith('landline_rules_info{name="revision-100"')))
  t.notOk([...series.keys()].some((name) => name.includes('rule-99')))
  t.equal(await landline.stop(), 0)
  t.strictSame(chainFaults(join(landline.dir, 'data', 'audit')), [])
  const records = landline.records()
  const made = (action: string) => records.filter(({ event }) => event.action === action).length
  t.same([made('block'), made('log')], [counts.get(403), (counts.get(200) ?? 0) + 1], 'each is on record, once')
  // A verdict and the revision that it names belong together.
  const versions = new Map<string, Set<string>>()
  for (const { event, rule } of records) {
    if (rule?.id === undefined) continue
    const known = versions.get(rule.version) ?? new Set()
    versions.set(rule.version, known.add(`${rule.id} ${event.action}`))
  }
  t.ok(versions.size > 10, `${versions.size} revisions judged`)
  t.ok([...versions.values()].every((verdicts) => verdicts.size === 1))
})

t.test('open tunnels are cut by new rules, and by the end of an exception in its second', async (t) => {
  const text = (name: string, exceptions: string) => `version: 1
name: ${name}
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [127.0.0.1] } }
services: { meet: { name: Meet, category: meeting, hosts: [localhost] } }
${exceptions}
`
  const BLOCK = 'rules: [{ id: wired-only, service: meet, action: block }]'
  const landline = await start(t, { rules: text('open', ''), config: `${LOOPBACK}existing_tunnels: cut\n` })
  const authority = `localhost:${await echo(t)}`
  const gone = (socket: Socket) => new Promise((resolve) => socket.on('error', () => {}).on('close', resolve))
  const change = async (rules: string, count: number) => {
    writeFileSync(join(landline.dir, 'rules.yaml'), rules)
    landline.process.kill('SIGHUP')
    await landline.waitForLog('rules reloaded', count)
  }
  const first = await opened(landline, authority)
  t.ok(await carries(first, 'hello '))
  const firstGone = gone(first)
  await change(text('closed', BLOCK), 1)
  await firstGone

  const expires = Date.now() + 5000
  const scope = `segment: wifi, starts: ${new Date(expires - 60_000).toISOString()}, expires: ${new Date(expires).toISOString()}`
  const exception = `exceptions: [{ id: crisis, rule: wired-only, ${scope}, reason: r, ticket: t, approver: a }]`
  await change(text('excepted', `${BLOCK}\n${exception}`), 2)
  await landline.waitForLog('exceptions end within seven days')
  const second = await opened(landline, authority)
  t.ok(await carries(second, 'hello '))
  await gone(second)
  t.equal(((await tunnel(landline.port, authority)) as { status: number }).status, 403, 'and no new one opens')
  t.equal(await landline.metric('landline_tunnels_rejudged_total{fate="cut"}'), 2)
  t.equal(await landline.metric('landline_tunnels_active'), 0)
  t.equal(await landline.stop(), 0)

  const records = landline.records()
  const severs = records.filter(({ event }) => event.action === 'sever')
  t.match(severs, [
    { rule: { id: 'wired-only' }, landline: { rejudged: { why: 'the rules were changed', exception: null } } },
    { rule: { id: 'wired-only' }, landline: { rejudged: { why: /time/, exception: 'crisis' } } },
  ])
  const [byRules, byTime] = severs
  const reloads = records.filter(({ event }) => event.action === 'reload').map(({ rule }) => rule?.version)
  t.same([byRules?.rule?.version, byTime?.rule?.version], reloads, 'each under the revision that cut it')
  t.not(byRules?.landline.rejudged?.version, byRules?.rule?.version)
  t.ok(Date.parse(byTime?.['@timestamp'] ?? '') >= expires, 'not before its end')
  t.ok(
    records.some(
      ({ event, landline }) => event.action === 'exception-expired' && landline.facts?.exception === 'crisis',
    ),
  )
  for (const { landline: own } of severs) {
    const story = records.filter((record) => record.landline.exchange === own.exchange).map(({ event }) => event.action)
    t.same(story.slice(-2), ['sever', 'end'])
  }
})

t.test('a start with a bad file runs the last good rules, and never the demonstration in their place', async (t) => {
  const dir = scratch(t)
  const named = ['--rules', 'mine.yaml']
  const demo = await start(t, { dir })
  t.equal(demo.log().find(({ msg }) => String(msg).startsWith('landline listens'))?.rules, 'quick-start')
  await demo.stop()
  writeFileSync(join(dir, 'mine.yaml'), 'version: 2\n')
  const refused = await startAndFail(t, { dir, flags: named })
  t.match(refused, { code: 1, errors: /mine\.yaml:1:10: error: "version" must be 1/ })

  writeFileSync(join(dir, 'mine.yaml'), 'version: 1\nname: mine\nunknown_clients: refuse\n')
  await (await start(t, { dir, flags: named })).stop()
  writeFileSync(join(dir, 'mine.yaml'), 'version: 2\n')
  const fallen = await start(t, { dir, flags: named })
  t.equal(await fallen.metric('landline_rules_last_reload_successful'), 0)
  t.match(
    fallen.log().find(({ msg }) => msg === 'rules refused, the last good ones run'),
    { name: 'mine' },
  )
  await fallen.stop()
  t.match(await startAndFail(t, { dir, flags: [...named, '--strict'] }), { code: 1 })
  rmSync(join(dir, 'mine.yaml'))
  t.match(await startAndFail(t, { dir, flags: named }), { code: 1, errors: /mine\.yaml.* could not be read/ })
})
