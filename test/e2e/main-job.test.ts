/** The main job, end to end: a client on the wireless segment is kept off Zoom, one at a desk is not, and the auditor sees why. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { tunnel } from './ask.ts'
import { command, LOOPBACK, listen, origin, run, scratch, start, startAndFail, waitFor } from './landline.ts'

const curl = (port: number, from: string, ...args: string[]) =>
  run('curl', ['-s', '-i', '--max-time', '10', '--interface', from, '-x', `http://127.0.0.1:${port}`, ...args])

const CHECKOUT = join(import.meta.dirname, '..', '..')
const REFERENCE = /^Landline-Reference: ([0-9a-f-]{36})\r$/m

t.test('the quick-start policy keeps 127.0.0.2 off Zoom, and says why to client, auditor and on-call', async (t) => {
  const landline = await start(t)
  const denied = await curl(landline.port, '127.0.0.2', 'https://zoom.us/')
  t.match(denied.out, /^HTTP\/1\.1 403 /)
  const reference = REFERENCE.exec(denied.out)?.[1]
  t.ok(reference, 'the client is given a reference')
  t.match(denied.out, `Proxy-Status: landline-1; error=http_request_denied; details="ref=${reference}"`)
  const record = landline.records().find(({ event }) => event.id === reference)
  const { time, ...line } = landline.log().find((logged) => logged.reference === reference) ?? {}
  t.ok(Math.abs(Date.parse(String(time)) - Date.parse(record?.['@timestamp'] ?? '')) < 60_000)
  t.strictSame(line, {
    ...{ level: 30, action: 'block', reference, segment: 'wifi', medium: 'wireless', service: 'zoom' },
    ...{ rule: 'zoom-fixed-only', exception: null, host: 'zoom.us', msg: 'recorded' },
  })
  t.match(record, {
    event: { action: 'block' },
    source: { ip: '127.0.0.2' },
    destination: { domain: 'zoom.us', ip: null, port: 443 },
    rule: { id: 'zoom-fixed-only' },
  })
  t.equal(await landline.metric('landline_decisions_total{action="block",medium="wireless",service="zoom"}'), 1)
  const let_through = await curl(landline.port, '127.0.0.1', 'https://zoom.us/')
  t.notMatch(
    let_through.out,
    /^HTTP\/1\.1 403 /,
    'from a desk it is not refused (that there may be no network here is another matter)',
  )
  t.equal(await landline.metric('landline_decisions_total{action="allow",medium="wired",service="zoom"}'), 1)
  const blocked = await curl(landline.port, '127.0.0.2', 'http://landline.internal/blocked')
  t.match(blocked.out, reference, 'the own page tells the client again')
  t.equal(await landline.stop(), 0)
  t.strictSame(
    landline.records().map(({ event }) => event.action),
    ['start', 'block', 'tally', 'stop'],
  )
})

t.test('what is let through arrives, and only conferencing is recorded', async (t) => {
  const web = await origin(t, (request, response) =>
    response.end(`${request.method} ${request.url} ${request.headers.via}`),
  )
  const landline = await start(t, { config: LOOPBACK })
  const page = await curl(landline.port, '127.0.0.1', `http://localhost:${web.port}/a?secret=1`)
  t.match(page.out, 'GET /a?secret=1 1.1 landline-1')
  await landline.stop()
  t.notMatch(JSON.stringify([landline.records(), landline.log()]), /secret|localhost/, 'other traffic leaves no trace')
})

t.test('rules change while it runs; a bad file changes nothing, and is told, counted and recorded', async (t) => {
  const rules = (action: string) => `version: 1
name: live
unknown_clients: classify
segments: { desks: { medium: wired, prefixes: [127.0.0.1] } }
services: { meet: { name: Meet, category: meeting, hosts: [localhost] } }
rules: [{ id: one, service: meet, action: ${action} }]
tests: [{ from: 127.0.0.1, to: localhost, expect: ${action} }]
`
  const web = await origin(t, (_request, response) => response.end())
  const landline = await start(t, { rules: rules('log'), config: LOOPBACK })
  const status = async () => (await curl(landline.port, '127.0.0.1', `http://localhost:${web.port}/`)).out.slice(9, 12)
  t.equal(await status(), '200')
  const file = join(landline.dir, 'rules.yaml')

  writeFileSync(file, rules('block'))
  await landline.waitForLog('rules reloaded')
  t.equal(await status(), '403', 'a changed file is noticed')

  for (const bad of ['version: 1\nnope: 2\n', rules('block').replace('expect: block', 'expect: allow')]) {
    const before = landline.log().filter(({ msg }) => String(msg).startsWith('rules refused')).length
    writeFileSync(file, bad)
    landline.process.kill('SIGHUP')
    await landline.waitForLog('rules refused', before + 1)
    t.equal(await status(), '403', 'the rules in force stay')
    t.equal(await landline.metric('landline_rules_last_reload_successful'), 0)
  }
  t.match(landline.records().at(-2), { event: { action: 'reload-failed' } })

  writeFileSync(file, rules('log'))
  landline.process.kill('SIGHUP')
  await landline.waitForLog('rules reloaded', 2)
  t.equal(await status(), '200')
  t.equal(await landline.metric('landline_rules_last_reload_successful'), 1)
  await landline.stop()
})

t.test(
  'a bad rule file at start: exit 1 with its problems; with a last good revision, that one runs, unless --strict',
  async (t) => {
    const dir = scratch(t)
    const bad = 'version: 1\nrulez: []\n'
    const first = await startAndFail(t, { dir, rules: bad })
    t.equal(first.code, 1)
    t.match(first.errors, /rules\.yaml:2:1: error: /)
    const missing = await startAndFail(t, { dir, flags: ['--rules', 'nowhere.yaml'] })
    t.equal(missing.code, 1)
    t.match(missing.errors, /nowhere\.yaml/)

    const good = 'version: 1\nunknown_clients: classify\nrules: [{ id: one, service: zoom, action: block }]\n'
    const landline = await start(t, { dir, rules: good })
    await landline.stop()
    t.equal((await startAndFail(t, { dir, rules: bad, flags: ['--strict'] })).code, 1)
    const again = await start(t, { dir, rules: bad })
    t.equal((await curl(again.port, '127.0.0.1', 'http://zoom.us/')).out.slice(9, 12), '403')
    t.equal(await again.metric('landline_rules_last_reload_successful'), 0)
    t.ok(again.records().some(({ event }) => event.action === 'reload-failed'))
    await again.stop()
  },
)

t.test('a port that is taken: exit 1 with its name, and nothing stays behind', async (t) => {
  const { port } = await origin(t, () => {})
  for (const flag of ['--listen', '--admin']) {
    const other = flag === '--listen' ? '--admin' : '--listen'
    const { code, errors } = await command(scratch(t), ['serve', flag, `127.0.0.1:${port}`, other, '127.0.0.1:0'])
    t.equal(code, 1, flag)
    t.match(errors, `127.0.0.1:${port}`)
  }
})

t.test('SIGTERM lets what is under way finish, and takes no new work', async (t) => {
  let finish = () => {}
  const web = await origin(t, (_request, response) => {
    response.write('begun ')
    finish = () => response.end('whole')
  })
  const landline = await start(t, { config: LOOPBACK })
  const running = curl(landline.port, '127.0.0.1', `http://127.0.0.1:${web.port}/`)
  await new Promise<void>((resolve) => web.server.once('request', () => resolve()))
  const stopped = landline.stop()
  await landline.waitForLog('landline drains')
  t.not((await curl(landline.port, '127.0.0.1', `http://127.0.0.1:${web.port}/`)).code, 0, 'no new connection')
  finish()
  t.match((await running).out, /begun whole$/)
  t.equal(await stopped, 0)
})

t.test('npm start passes on what asks it to stop', async (t) => {
  const dir = scratch(t)
  const flags = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--audit', join(dir, 'audit')]
  const npm = spawn('npm', ['start', '--', ...flags], {
    cwd: CHECKOUT,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const ended = new Promise((resolve) => npm.once('exit', resolve))
  let log = ''
  npm.stdout.on('data', (text) => {
    log += text
  })
  // Where npm leaves what it started alone, that goes here: all of its group.
  t.teardown(() => {
    try {
      process.kill(-(npm.pid ?? Number.NaN), 'SIGKILL')
    } catch {
      // it had all ended
    }
  })
  await waitFor('landline to listen', () => log.includes('landline listens'))
  npm.kill('SIGTERM')
  t.equal(await ended, 0)
  t.match(log, 'landline has stopped')
})

t.test('a signal that comes twice at once is one; a later one does not wait for what is under way', async (t) => {
  const port = await listen(
    t,
    createServer((socket) => void socket.pipe(socket)),
  )
  const held = async () => {
    const landline = await start(t, { config: LOOPBACK })
    const open = await tunnel(landline.port, `127.0.0.1:${port}`)
    if (!(open instanceof Socket)) throw new Error('the tunnel was refused')
    const ended = landline.stop('SIGINT')
    landline.process.kill('SIGTERM')
    await landline.waitForLog('landline drains')
    return { landline, open, ended }
  }
  const patient = await held()
  t.equal(await patient.landline.metric('landline_tunnels_active'), 1)
  patient.open.end('still here')
  t.equal((await patient.open.toArray()).join(''), 'still here')
  t.equal(await patient.ended, 0)

  const hasty = await held()
  const again = setInterval(() => hasty.landline.process.kill('SIGTERM'), 100)
  t.equal(await hasty.ended, 1)
  clearInterval(again)
})
