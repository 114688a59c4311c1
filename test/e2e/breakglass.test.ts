/** An outage, as an operator lives it: lifted by the command, seen everywhere, recorded, over a reload and a restart, and ended. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { ask, tunnel } from './ask.ts'
import { command, LOOPBACK, origin, type Running, scratch, start } from './landline.ts'

const PASSWORD = 'correct horse battery'

const rules = (port: number) => `version: 1
name: floor
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [127.0.0.1] }
  wifi: { medium: wireless, prefixes: [127.0.0.2] }
services: { meet: { name: Meet, category: meeting, domains: [localhost], ports: [${port}] } }
rules: [{ id: fixed-only, service: meet, except: { medium: wired }, action: block, reason: Memo }]
tests: [{ from: 127.0.0.2, to: "localhost:${port}", expect: block, rule: fixed-only }]
`

/** Users of the admin port, and how one of them calls the command. */
async function users(dir: string): Promise<void> {
  const entries = ['anna operator', 'otto auditor'].map(async (user) => {
    const [name = '', role = ''] = user.split(' ')
    return (await command(dir, ['admin', 'hash', '--name', name, '--role', role], `${PASSWORD}\n`)).out
  })
  writeFileSync(join(dir, 'users.yaml'), `users:\n${(await Promise.all(entries)).join('')}`, { mode: 0o600 })
  writeFileSync(join(dir, 'password'), `${PASSWORD}\n`)
}

function glassOf(landline: Running, user: string, args: readonly string[]) {
  const admin = ['--admin', `127.0.0.1:${landline.adminPort}`, '--user', user, '--password-file', 'password']
  return command(landline.dir, ['breakglass', ...admin, ...args])
}

const WHAT = ['--rule', 'fixed-only', '--until', '2h', '--ticket', 'CHG-7', '--by', 'head of IT']

async function office(t: Tap, dir: string, port: number): Promise<Running> {
  return start(t, {
    dir,
    rules: rules(port),
    config: `${LOOPBACK}existing_tunnels: cut\nadmin: { users: users.yaml }\n`,
  })
}
type Tap = Parameters<typeof start>[0]

const system = (landline: Running) =>
  landline.records().filter(({ event }) => event.action.startsWith('breakglass') || event.action === 'except')

t.test('rules are lifted for an outage and come back', async (t) => {
  const { port } = await origin(t, (_request, response) => response.end('hello'))
  const dir = scratch(t)
  await users(dir)
  let landline = await office(t, dir, port)
  const glass = (user: string, ...args: readonly string[]) => glassOf(landline, user, args)
  const wifi = async () => (await ask(landline.port, `http://localhost:${port}/`, { from: '127.0.0.2' })).status

  t.equal(await wifi(), 403)
  t.match(await glass('otto', ...WHAT), { code: 1, errors: /otto has not the role.*operator/ }, 'an auditor may not')
  t.match(await glass('anna', ...WHAT.slice(2)), { code: 3, errors: /--rule is missing/ })
  t.match(await glass('anna', '--rule', 'fixed-onyl', ...WHAT.slice(2)), {
    code: 1,
    errors: /did you mean "fixed-only"\?/,
  })
  t.match(await glass('anna', ...WHAT.with(3, '25h')), { code: 1, errors: /more than 24 hours/ })
  t.equal(await wifi(), 403)
  t.match(await glass('anna', ...WHAT), {
    code: 0,
    out: /^lifted: breakglass-\d{8}T\d{6}Z-\d{3}: fixed-only until 20.*CHG-7, by head of IT \(anna\)\n/,
  })
  t.equal(await wifi(), 200)

  const [begun, letThrough] = system(landline)
  const id = String(begun?.landline.facts?.breakglass)
  t.match(begun?.landline.facts, { rules: ['fixed-only'], ticket: 'CHG-7', by: 'head of IT', user: 'anna' })
  t.match(letThrough, { event: { action: 'except' }, rule: { id: 'fixed-only' }, landline: { exception: id } })
  t.match(await glass('otto'), { code: 0, out: new RegExp(`^${id}: fixed-only until `) }, 'an auditor may look')
  t.equal(await landline.metric('landline_breakglass_active'), 1)
  t.equal(await landline.metric('landline_exception_uses_total{exception="breakglass"}'), 1)
  const ready = await (await fetch(`http://127.0.0.1:${landline.adminPort}/readyz`)).text()
  t.match(ready, `ready\nwarning: ${id} lifts rules until `)

  writeFileSync(join(dir, 'rules.yaml'), rules(port).replace('Memo', 'Memo 2'))
  landline.process.kill('SIGHUP')
  await landline.waitForLog('rules reloaded')
  t.equal(await wifi(), 200, 'a reload keeps it, and the tests of the file are of the file')

  t.equal(await landline.stop('SIGKILL'), null)
  landline = await office(t, dir, port)
  t.equal(await wifi(), 200, 'a crash in the middle of an outage does not end it')
  t.equal(await landline.metric('landline_breakglass_active'), 1)
  t.match(
    system(landline).find(({ landline: { facts } }) => facts?.resumed === true),
    { event: { action: 'breakglass' } },
  )

  const opened = await tunnel(landline.port, `localhost:${port}`, '127.0.0.2')
  if (!(opened instanceof Socket)) return t.fail(`no tunnel: ${opened.status}`)
  const closed = once(opened.on('error', () => {}).resume(), 'close')
  t.match(await glass('anna', '--end', id, '--by', 'otto'), { code: 0, out: `ended: ${id}\n` })
  t.equal(await wifi(), 403)
  t.match(await glass('anna', '--end', id), { code: 1, errors: /there is no break-glass.*none is active/ })
  t.equal(await landline.metric('landline_breakglass_active'), 0)
  t.match(system(landline).at(-1), {
    event: { action: 'breakglass-ended' },
    landline: { facts: { breakglass: id, by: 'otto (anna)', ticket: 'CHG-7' } },
  })
  await closed
  t.ok(
    landline.records().some(({ event }) => event.action === 'sever'),
    'the tunnel that it let through is cut with it',
  )
  t.equal(await landline.stop(), 0)
  t.match(await command(dir, ['audit', 'verify', 'data/audit']), { code: 0, out: /consistent/ })
})

t.test('whatever the disk does, it ends, it stays ended, and a stop drains', async (t) => {
  const { port } = await origin(t, (_request, response) => response.end('hello'))
  const dir = scratch(t)
  await users(dir)
  const aside = join(dir, 'data', 'audit', 'breakglass.json.tmp')
  let landline = await office(t, dir, port)
  const wifi = async () => (await ask(landline.port, `http://localhost:${port}/`, { from: '127.0.0.2' })).status
  t.match(await glassOf(landline, 'anna', WHAT), { code: 0 })
  t.equal(await wifi(), 200)
  mkdirSync(aside)
  t.match(await glassOf(landline, 'anna', ['--end', 'all']), { code: 0, out: /^ended: / })
  t.equal(await wifi(), 403)
  t.equal(await landline.stop('SIGKILL'), null)
  rmdirSync(aside)

  landline = await office(t, dir, port)
  t.equal(await wifi(), 403, 'what could not be written does not come back')
  t.match(await glassOf(landline, 'anna', WHAT), { code: 0 })
  t.match(await glassOf(landline, 'anna', WHAT), { code: 0 })
  execFileSync('mkfifo', [aside]) // opening it hangs
  t.match(await glassOf(landline, 'anna', ['--end', 'all']), { code: 0, out: /^ended: .+\nended: / })
  t.equal(await wifi(), 403)
  landline.process.kill('SIGTERM')
  await landline.waitForLog('landline has stopped')
  const ended = system(landline).filter(({ event }) => event.action === 'breakglass-ended')
  t.equal(new Set(ended.map(({ landline: { facts } }) => facts?.breakglass)).size, 3, 'each on record')
})
