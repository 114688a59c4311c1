/**
 * Clients that try to make series: random hosts, methods, addresses, fields and worse, while the rules are reloaded under them.
 * Tells how many series there were, second after second.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { open } from './ask.ts'
import { hostile, type Places } from './hostile-clients.ts'
import { LOOPBACK, listen, type Running, readSeries, start } from './landline.ts'

export interface SeriesStorm {
  /** Landline's own series, at first and after each second. */
  readonly counts: readonly number[]
  /** What was counted meanwhile: requests that ended, decisions, connections whose address was claimed falsely, reloads. */
  readonly requests: number
  readonly decisions: number
  readonly suspects: number
  readonly reloads: number
}

const RELOAD_MS = 500
const PATIENCE_MS = 1000
/** Names are the parent's to resolve: none of them leaves this machine. */
const config = (parent: number) =>
  `${LOOPBACK}workers: 2\nparents: [{ url: "http://127.0.0.1:${parent}" }]\nlimits: { hello_ms: 500 }\n`
const rules = (number: number) => `version: 1
name: storm-${number}
unknown_clients: classify
segments: { desks: { medium: wired, prefixes: [127.1.0.0/16, 127.0.0.1] }, wifi: { medium: wireless, prefixes: [127.2.0.0/16] } }
rules:
  - { id: no-zoom-${number}, service: zoom, except: { medium: wired }, action: block }
  - { id: logged, service: any, except: { medium: wired }, action: log }
`

const text = () => randomBytes(randomInt(1, 12)).toString('hex')
const pick = <T>(values: readonly T[]): T => values[randomInt(values.length)]! // below the length
const address = () => `127.${randomInt(1, 5)}.${randomInt(256)}.${randomInt(1, 255)}`
const host = () =>
  pick([`${text()}.zoom.us`, `${text()}.teams.microsoft.com`, `${text()}.test`, address(), text(), '[::1]'])
const method = () => pick(['GET', 'POST', 'OPTIONS', text().toUpperCase(), 'CONNECT', 'CONNECT'])

function request(): string {
  const [verb, authority] = [method(), `${host()}:${randomInt(1, 65_536)}`]
  const target = verb === 'CONNECT' ? authority : `http://${authority}/${text()}?${text()}`
  const fields = pick([`X-Forwarded-For: ${address()}`, `Forwarded: for=${text()}`, `${text()}: ${text()}`])
  return `${verb} ${target} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n${fields}\r\n\r\n`
}

/** Resolves when the connection is gone. */
function asked(port: number): Promise<void> {
  const socket = open(port, address())
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS)
  socket.on('error', () => {}) // to be refused is its lot
  socket.resume().write(request())
  return new Promise((resolve) =>
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    }),
  )
}

export async function seriesStorm(
  t: Pick<Test, 'teardown'>,
  { clients, seconds }: { readonly clients: number; readonly seconds: number },
): Promise<SeriesStorm> {
  const test = t as Test // nothing else of it is used
  const parent = createServer((incoming, response) => {
    incoming.resume()
    response.end('x')
  })
  parent.on('connect', (_request, socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'))
  parent.on('clientError', (_error, socket) => socket.destroy())
  const web = await listen(test, parent)
  const landline = await start(test, { rules: rules(0), config: config(web) })
  const places = { port: landline.port, web, echo: web }
  const counts = [await count(landline)]
  const until = Date.now() + seconds * 1000
  const reloader = setInterval(() => reload(landline), RELOAD_MS)
  const all = Array.from({ length: clients }, (_, number) => client(number, until, places))
  while (Date.now() < until) {
    await wait(1000)
    counts.push(await count(landline))
  }
  await Promise.all(all)
  clearInterval(reloader)
  counts.push(await count(landline))
  return { counts, ...(await totals(landline)) }
}

async function client(number: number, until: number, places: Places): Promise<void> {
  for (let round = number; Date.now() < until; round++)
    await (round % 4 === 0 ? hostile(round, address(), places) : asked(places.port))
}

let revision = 0

/** Another rule in the place of one, under another name; now and then a file that is refused. */
function reload({ dir, process }: Running): void {
  const file = ++revision % 5 === 0 ? 'version: 2\n' : rules(revision)
  writeFileSync(join(dir, 'rules.yaml'), file)
  process.kill('SIGHUP')
}

async function count({ adminPort }: Running): Promise<number> {
  return [...(await readSeries(adminPort)).keys()].filter((name) => name.startsWith('landline_')).length
}

async function totals({ adminPort }: Running) {
  const series = [...(await readSeries(adminPort))]
  const sum = (name: string) =>
    series.filter(([each]) => each.startsWith(`landline_${name}`)).reduce((total, [, value]) => total + value, 0)
  return {
    requests: sum('requests_total'),
    decisions: sum('decisions_total'),
    suspects: sum('client_address_suspect_total'),
    reloads: sum('audit_records_total{action="reload"}'),
  }
}
