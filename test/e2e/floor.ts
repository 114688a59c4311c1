/** A floor with a proxy, a web server and one forbidden service, for clients to try. */

import type { RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Test } from 'tap'
import { peer } from '../peers.ts'
import { makeCertificate } from './certificate.ts'
import { LOOPBACK, listen, origin, type Running, start } from './landline.ts'

const openssl = peer('OpenSSL', 'openssl')
const RULES = `version: 1
name: clients
unknown_clients: refuse
segments: { desks: { medium: wired, prefixes: [127.0.0.1, "::1"] } }
services: { meet: { name: Meet, category: meeting, domains: [meet.test] } }
rules:
  - id: no-meet
    service: meet
    action: block
    reason: Memo 12, no Meet
    alternative: { en: Dial in on extension 4711, de: Bitte Durchwahl 4711 nutzen }
`
const REFERENCE = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/

/** Says back method, path, body length and what the proxy adds. */
export const web: RequestListener = (request, response) => {
  let length = 0
  request.on('data', (chunk: Buffer) => (length += chunk.length))
  request.on('end', () => {
    const { method, url, headers } = request
    response.setHeader('x-method', method ?? '')
    response.end(`${method} ${url} ${length} via=${headers.via ?? ''}\n`)
  })
}

export interface Floor {
  readonly landline: Running
  readonly proxy: string
  readonly http: string
  /** The same by TLS; null where no certificate can be made. */
  readonly https: string | null
  readonly certificate: string
}

export async function floor(t: Test, config = LOOPBACK): Promise<Floor> {
  const landline = await start(t, { rules: RULES, config })
  const { port } = await origin(t, web)
  const made = openssl === null ? null : await makeCertificate(landline.dir, openssl)
  const tlsPort = made === null ? 0 : await listen(t, createTlsServer(made, web))
  return {
    landline,
    proxy: `http://127.0.0.1:${landline.port}`,
    http: `http://127.0.0.1:${port}`,
    https: made === null ? null : `https://localhost:${tlsPort}`,
    certificate: made?.file ?? '',
  }
}

/** The surroundings of a client: nothing of the machine's own proxy settings. */
export function surroundings(dir: string, more: NodeJS.ProcessEnv): { cwd: string; env: NodeJS.ProcessEnv } {
  return { cwd: dir, env: { PATH: process.env.PATH, HOME: dir, LC_ALL: 'C.UTF-8', ...more } }
}

/** The reference in what a client shows is that of a record. */
export function toldWhy(t: Test, shown: string, { records }: Running, domain = 'meet.test'): void {
  const reference = REFERENCE.exec(shown)?.[0]
  const record = records().find(({ event }) => event.id === reference)
  t.match(record, { event: { action: 'block' }, destination: { domain }, rule: { id: 'no-meet' } }, shown.slice(0, 300))
}
