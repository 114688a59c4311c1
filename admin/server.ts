/** The admin port: metrics, health and the proxy's settings file, for machines and without credentials; and the API, with them. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { preferredForm } from '../pages/accept.ts'
import { parseAddress, prefixContains } from '../rules/address.ts'
import type { Prefix } from '../rules/model.ts'
import { API_ROOT, type Api, jsonAnswer } from './api.ts'
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
  type Tls,
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
  readonly api: Api
  /** null: without encryption. */
  readonly tls: Tls | null
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
  /** From now on new connections are shown this certificate. Throws where it cannot be used. */
  useCertificate(tls: Tls): void
  close(): Promise<void>
}

const NO_SUCH_PAGE = `There is no such page. There is

/metrics    metrics, for Prometheus
/livez      is the process alive
/readyz     does it serve
/proxy.pac  proxy settings for browsers
/api/v1/    calls for programs, with credentials
`

export function createAdmin(options: AdminOptions): Admin {
  const { api, deadlines, tls } = options
  const isCall = (request: IncomingMessage) => targetOf(request).path.startsWith(API_ROOT)
  const answered = (request: IncomingMessage) =>
    isCall(request) ? api.answer(request) : answer(targetOf(request).path, request.headers.accept ?? null, options)
  const deadlineMs = (request: IncomingMessage) => (isCall(request) ? api.deadlineMs(request) : undefined)
  const unmade = (request: IncomingMessage, { status, body, ...rest }: Answer) =>
    isCall(request) ? jsonAnswer(status, { error: body.trim(), remedy: remedyFor(request) }) : { status, body, ...rest }
  const server = boundedServer(answered, options.log, { deadlines, takes: isCall, deadlineMs, unmade, tls })
  server.prependListener('connection', (socket: Socket) => {
    if (!isAllowed(socket, options.allow)) socket.destroy()
  })
  return {
    async listen() {
      const { host, port } = listenAddress(options.address)
      return { port: await listen(server, host, port) }
    },
    useCertificate({ cert, key }) {
      if (server instanceof TlsServer) server.setSecureContext({ cert, key })
    },
    close: () => close(server),
  }
}

/** Of a call whose answer could not be made. */
function remedyFor({ method }: IncomingMessage): string {
  const isReading = method === 'GET' || method === 'HEAD'
  return isReading
    ? "try again; the proxy's log says why"
    : "it may be done already, or be done yet: look before you ask again; the proxy's log says why"
}

async function answer(path: string, accept: string | null, { metrics, ready, pac }: AdminOptions): Promise<Answer> {
  switch (path) {
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
      return { status: 404, type: TEXT, body: NO_SUCH_PAGE }
  }
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
