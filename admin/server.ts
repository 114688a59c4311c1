/** The admin port: metrics, health and the proxy's settings file, for machines. No page of it needs credentials yet, and none shows traffic. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { preferredForm } from '../pages/accept.ts'
import { parseAddress, prefixContains } from '../rules/address.ts'
import type { Prefix } from '../rules/model.ts'
import {
  type Answer,
  boundedServer,
  close,
  type Deadlines,
  JSON_TYPE,
  type Log,
  listen,
  PAC_TYPE,
  TEXT,
  targetOf,
} from './http.ts'

export interface AdminOptions {
  /** `127.0.0.1:3129`, `[::1]:3129`; port 0 takes a free one. */
  readonly address: string
  /** Who may connect; empty: all that can reach it. */
  readonly allow: readonly Prefix[]
  /** The metrics, in the format that the Accept value prefers. */
  readonly metrics: (accept: string | null) => Promise<{ readonly contentType: string; readonly body: string }>
  readonly ready: () => Readiness
  readonly pac: () => string
  readonly log: Log
  readonly deadlines?: Partial<Deadlines>
}

export interface Readiness {
  readonly ready: boolean
  /** Why it is not. */
  readonly reasons: readonly string[]
  /** What the operator should know although it serves. */
  readonly warnings?: readonly string[]
}

export interface Admin {
  /** Rejects when the address is malformed (TypeError) or cannot be had. */
  listen(): Promise<{ readonly port: number }>
  close(): Promise<void>
}

const INDEX = `Landline, admin port.

/metrics    metrics, for Prometheus
/livez      is the process alive
/readyz     does it serve
/proxy.pac  proxy settings for browsers
`

export function createAdmin(options: AdminOptions): Admin {
  const answered = (request: IncomingMessage) => answer(targetOf(request).path, request.headers.accept ?? null, options)
  const server = boundedServer(answered, options.log, options.deadlines)
  server.prependListener('connection', (socket: Socket) => {
    if (!isAllowed(socket, options.allow)) socket.destroy()
  })
  return {
    async listen() {
      const { host, port } = listenAddress(options.address)
      return { port: await listen(server, host, port) }
    },
    close: () => close(server),
  }
}

async function answer(path: string, accept: string | null, { metrics, ready, pac }: AdminOptions): Promise<Answer> {
  switch (path) {
    case '/':
      return { status: 200, type: TEXT, body: INDEX }
    case '/metrics': {
      const { contentType, body } = await metrics(accept)
      return { status: 200, type: contentType, body }
    }
    case '/livez':
      return { status: 200, type: TEXT, body: 'ok\n' }
    case '/readyz':
      return readiness(ready(), accept)
    case '/proxy.pac':
      return { status: 200, type: PAC_TYPE, body: pac() }
    default:
      return path.startsWith('/api/v1/')
        ? LOCKED
        : { status: 404, type: TEXT, body: 'There is no such page. / lists them.\n' }
  }
}

/** No credentials exist yet, so none can be right (RFC 9110 §15.5.2, RFC 9457). */
const LOCKED: Answer = {
  status: 401,
  type: 'application/problem+json',
  body: `${JSON.stringify({
    type: 'about:blank',
    title: 'Unauthorized',
    status: 401,
    detail: 'This interface answers only with credentials, and this server has no users (admin.users).',
  })}\n`,
  headers: { 'www-authenticate': 'Bearer realm="landline"' },
}

function readiness({ ready, reasons, warnings = [] }: Readiness, accept: string | null): Answer {
  const status = ready ? 200 : 503
  if (preferredForm(accept) === 'json')
    return { status, type: JSON_TYPE, body: `${JSON.stringify({ ready, reasons, warnings })}\n` }
  const told = [ready ? 'ready' : 'not ready', ...reasons, ...warnings.map((warning) => `warning: ${warning}`)]
  return { status, type: TEXT, body: `${told.join('\n')}\n` }
}

/** By the address of the socket, which nobody can forge in a header. One that is gone already has none. */
function isAllowed({ remoteAddress }: Socket, allow: readonly Prefix[]): boolean {
  if (allow.length === 0) return true
  const address = parseAddress((remoteAddress ?? '').replace(/%.*$/, ''))
  return address !== null && allow.some((prefix) => prefixContains(prefix, address))
}

function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? bare
  if (host === undefined || Number(port) > 65_535) {
    throw new TypeError(
      `admin.address: ${JSON.stringify(text)} is no address and port; write 127.0.0.1:3129 or [::1]:3129`,
    )
  }
  return { host, port: Number(port) }
}
