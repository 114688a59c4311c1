/**
 * What a scrape costs, and how long it keeps requests waiting: a proxy with 500 segments, 80 services and 100 rules beside the
 * built-in ones, asked a hundred times a second, with and without scrapes. Run: node bench/scrape.ts
 */
import { Agent, get } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { LOOPBACK, origin, start } from '../test/e2e/landline.ts'
import { quantile } from './against/statistics.ts'

const SECONDS = 5
/** Between two requests; between two scrapes, many times more often than Prometheus. */
const REQUEST_MS = 10
const SCRAPE_MS = 200
const FORMATS = { text: 'text/plain', OpenMetrics: 'application/openmetrics-text; version=1.0.0' }

const agent = new Agent({ keepAlive: true })
const ends: (() => unknown)[] = []
const t = { teardown: (end: () => unknown) => ends.unshift(end) } as unknown as Parameters<typeof start>[0] // all that is used of it
try {
  const landline = await start(t, { rules: rules(), config: LOOPBACK })
  const { port } = await origin(t, (_request, response) => response.end('x'.repeat(100)))
  const proxied = () => fetched(landline.port, `http://127.0.0.1:${port}/`)
  const scrape = (accept: string) => fetched(landline.adminPort, '/metrics', accept)
  await during(SECONDS, REQUEST_MS, proxied)
  report('requests, no scrape', await during(SECONDS, REQUEST_MS, proxied))
  for (const [name, accept] of Object.entries(FORMATS)) {
    const body = await scrape(accept)
    const [requests, scrapes] = await Promise.all([
      during(SECONDS, REQUEST_MS, proxied),
      during(SECONDS, SCRAPE_MS, () => scrape(accept)),
    ])
    report(`requests beside scrapes, ${name}`, requests)
    report(`scrapes, ${name}`, scrapes)
    const series = body.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
    console.log(`${' '.repeat(40)}${series.toLocaleString('en')} series, ${Math.round(body.length / 1024)} KiB`)
  }
} finally {
  for (const end of ends) await end()
}

/** Milliseconds that each took. They are begun by the clock, whether the last one is answered or not. */
async function during(seconds: number, everyMs: number, work: () => Promise<unknown>): Promise<readonly number[]> {
  const waits: number[] = []
  const running: Promise<unknown>[] = []
  const from = performance.now()
  for (let due = from; due < from + seconds * 1000; due += everyMs) {
    await wait(Math.max(0, due - performance.now()))
    const before = performance.now()
    running.push(work().then(() => waits.push(performance.now() - before)))
  }
  await Promise.all(running)
  return waits.sort((x, y) => x - y)
}

function report(name: string, waits: readonly number[]): void {
  const [p50, p99, most] = [quantile(waits, 0.5), quantile(waits, 0.99), waits.at(-1) ?? Number.NaN]
  console.log(`${name.padEnd(38)}ms p50 ${p50.toFixed(1)}  p99 ${p99.toFixed(1)}  most ${most.toFixed(1)}`)
}

function fetched(port: number, path: string, accept = '*/*'): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent, headers: { accept } }, (response) => {
      let text = ''
      response.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve(text))
    })
    request.on('error', reject)
  })
}

function rules(): string {
  const many = (count: number, line: (index: number) => string) => Array.from({ length: count }, (_, at) => line(at))
  const segments = many(500, (at) => `  s${at}: { medium: wireless, prefixes: [10.${at >> 8}.${at & 255}.0/24] }`)
  const services = many(80, (at) => `  v${at}: { name: V ${at}, category: meeting, domains: [v${at}.example] }`)
  const each = many(100, (at) => `  - { id: r${at}, service: v${at % 80}, segment: s${at}, action: block }`)
  return `version: 1
name: scrape
unknown_clients: classify
segments:
${segments.join('\n')}
services:
${services.join('\n')}
rules:
${each.join('\n')}
`
}
