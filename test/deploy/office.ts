/** Two proxies of one office, and a script of everything that can happen to requests there: what dashboards are tried on. */
import { writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Answer, ask, tunnel } from '../e2e/ask.ts'
import { command, origin, type Running, scratch, start } from '../e2e/landline.ts'

const DESK = '127.0.0.1'
const WIFI = '127.0.0.2'
const VPN = '127.0.0.3'
const GUEST = '127.0.0.4'
const STRANGER = '127.0.0.5'
/** Addresses of services, and one of none. */
const MEET = '127.0.0.9'
const CALL = '127.0.0.10'
const TRIAL = '127.0.0.11'
const WEB = '127.0.0.12'
const PASSWORD = 'correct horse battery'

const rules = (changes: { readonly reason?: string; readonly call?: string } = {}) => `version: 1
name: office
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [${DESK}] }
  wifi: { medium: wireless, prefixes: [${WIFI}] }
  guests: { medium: wireless, prefixes: [${GUEST}] }
  homes: { medium: vpn, prefixes: [${VPN}] }
services:
  meet: { name: Meet, category: meeting, hosts: [meet.test], prefixes: [${MEET}/32] }
  call: { name: Call, category: chat-call, hosts: [call.test], prefixes: [${CALL}/32] }
  trial: { name: Trial, category: webinar, hosts: [trial.test], prefixes: [${TRIAL}/32] }
rules:
  - { id: meet-fixed-only, service: meet, except: { medium: wired }, action: block, reason: ${changes.reason ?? 'Memo 12'} }
  - { id: calls, service: call, except: { medium: wired }, action: ${changes.call ?? 'log'} }
  - { id: trial-fixed-only, service: trial, except: { medium: wired }, action: block, mode: monitor }
exceptions:
  - { id: delegation, rule: [meet-fixed-only], segment: guests, expires: ${new Date(Date.now() + 5 * 86_400_000).toISOString()}, reason: G7, ticket: CHG-1, approver: head of division }
`
const BAD_RULES = rules().replace('action: block', 'action: stop')

const CONFIG = `origins: { allow: [127.0.0.0/8, "::1/128"], connect_ports: ["1-65535"] }
limits: { head_bytes: 2048, dns_ms: 1000 }
audit: { checkpoint: { records: 1000, seconds: 1 }, ship: [{ to: file, path: shipped.jsonl }] }
admin: { users: users.yaml }
`

export interface Office {
  readonly proxies: readonly [Running, Running]
  /** Each kind of request once, through both. */
  readonly traffic: () => Promise<void>
  /** Rules reloaded on the first, so that an open tunnel is no longer let through; then a file that is refused. */
  readonly reloads: () => Promise<void>
  /** A rule is lifted on the second, and used. */
  readonly breakglass: () => Promise<void>
}

/** Ports of the origins. */
interface Places {
  readonly meet: string
  readonly call: string
  readonly trial: string
  readonly web: string
  readonly webPort: number
}

/** The second has two threads, and a shadow that would allow what is blocked. */
export async function openOffice(t: Test): Promise<Office> {
  const dirs = [scratch(t), scratch(t)] as const
  const hash = ['admin', 'hash', '--name', 'anna', '--role', 'operator']
  const user = (await command(dirs[0], hash, `${PASSWORD}\n`)).out
  for (const dir of dirs) writeFileSync(join(dir, 'users.yaml'), `users:\n${user}`, { mode: 0o600 })
  writeFileSync(join(dirs[1], 'password'), `${PASSWORD}\n`, { mode: 0o600 })
  writeFileSync(join(dirs[1], 'next.yaml'), rules().replace('action: block', 'action: allow'))
  const proxies = await Promise.all([
    start(t, { dir: dirs[0], rules: rules(), config: `${CONFIG}name: one\n` }),
    start(t, {
      dir: dirs[1],
      rules: rules(),
      config: `${CONFIG}name: two\nworkers: 2\n`,
      flags: ['--shadow', 'next.yaml'],
    }),
  ])
  const places = await openPlaces(t)
  const traffic = async () => {
    await Promise.all(proxies.map(({ port }) => requestsOf(port, places)))
  }
  return {
    proxies,
    traffic,
    reloads: () => reloads(proxies[0], places),
    breakglass: async () => {
      const admin = ['--admin', `127.0.0.1:${proxies[1].adminPort}`, '--user', 'anna', '--password-file', 'password']
      const what = ['--rule', 'meet-fixed-only', '--until', '2h', '--ticket', 'CHG-2', '--by', 'head of IT']
      const { code, errors } = await command(dirs[1], ['breakglass', ...admin, ...what])
      if (code !== 0) throw new Error(errors)
      await ask(proxies[1].port, `http://${places.meet}/`, { from: WIFI })
    },
  }
}

async function openPlaces(t: Test): Promise<Places> {
  const at = async (host: string) =>
    (await origin(t, (_request, response) => response.end('x'.repeat(5000)), host)).port
  const [meet, call, trial, web] = [await at(MEET), await at(CALL), await at(TRIAL), await at(WEB)]
  const byName = await at(DESK)
  return {
    meet: `${MEET}:${meet}`,
    call: `${CALL}:${call}`,
    trial: `${TRIAL}:${trial}`,
    web: `${WEB}:${web}`,
    webPort: byName,
  }
}

/** One after the other, so that each proxy's records come in the order of the script. */
async function requestsOf(port: number, { meet, call, trial, web, webPort }: Places): Promise<void> {
  const get = (from: string, target: string, fields = {}) => ask(port, target, { from, fields })
  await get(DESK, `http://${meet}/`) // allowed, and tallied
  await through(await tunnel(port, meet, DESK), meet)
  await get(WIFI, `http://${meet}/`) // blocked
  await through(await tunnel(port, meet, WIFI), meet) // until break-glass lets it through
  await tunnel(port, 'meet.test:443', WIFI) // the same, and there is no such name
  await tunnel(port, 'zoom.us:443', STRANGER) // refused, as nobody knows who that is
  await get(VPN, `http://${call}/`) // recorded
  await through(await tunnel(port, call, VPN), call)
  await get(WIFI, `http://${trial}/`) // would be blocked
  await get(GUEST, `http://${meet}/`) // by the exception
  await get(WIFI, `http://${web}/`) // a bare address
  await get(DESK, `http://localhost:${webPort}/`, { 'X-Forwarded-For': '192.0.2.1' }) // an untrusted claim
  await get(DESK, 'http://10.255.255.1/') // guarded
  await get(DESK, `http://${WEB}:1/`) // nobody listens there
  await get(DESK, 'http://nothing.invalid/')
  await get(DESK, `http://${web}/`, { Long: 'x'.repeat(3000) }) // beyond a limit
  await get(DESK, '/whoami')
}

/** Asks something in a tunnel, if it was let through. */
async function through(opened: Socket | Answer, host: string): Promise<void> {
  if (!(opened instanceof Socket)) return
  opened.end(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  for await (const _ of opened);
}

async function reloads(landline: Running, { call }: Places): Promise<void> {
  const open = await tunnel(landline.port, call, VPN)
  if (!(open instanceof Socket)) throw new Error(`no tunnel: ${open.status}`)
  writeFileSync(join(landline.dir, 'rules.yaml'), rules({ reason: 'Memo 13', call: 'block' }))
  landline.process.kill('SIGHUP')
  await landline.waitForLog('rules reloaded')
  writeFileSync(join(landline.dir, 'rules.yaml'), BAD_RULES)
  landline.process.kill('SIGHUP')
  await landline.waitForLog('rules refused')
  open.destroy()
}
