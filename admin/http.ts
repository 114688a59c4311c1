/** What both servers of this folder share: how they are bounded, and how they answer. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { PAGE_POLICY } from '../pages/shell.ts'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const TEXT = 'text/plain; charset=utf-8'
export const HTML = 'text/html; charset=utf-8'
export const JSON_TYPE = 'application/json'
export const PAC_TYPE = 'application/x-ns-proxy-autoconfig'

/** The pages are a few kilobytes and their readers near: who takes longer than this has gone, or means harm. */
const DEADLINES = { headMs: 5000, answerMs: 5000, idleMs: 15_000 }
const MAX_HEAD_BYTES = 16_384
const MAX_FIELDS = 64
const MAX_CONNECTIONS = 512

type Answerer = (request: IncomingMessage) => Answer | Promise<Answer>

/** PEM. */
export interface Tls {
  readonly cert: string
  readonly key: string
}

export interface ServerOptions {
  readonly deadlines?: Partial<Deadlines> | undefined
  /** Who answers more than GET and HEAD; absent: nothing does. */
  readonly takes?: (request: IncomingMessage) => boolean
  /** How long an answer may take, where that is not the usual time. */
  readonly deadlineMs?: (request: IncomingMessage) => number | undefined
  /** What is said where there is no answer, if it is not a plain page. */
  readonly unmade?: (request: IncomingMessage, plain: Answer) => Answer
  /** Given: HTTPS. */
  readonly tls?: Tls | null
}

const NOT_ALLOWED: Answer = {
  status: 405,
  type: TEXT,
  body: 'These pages are for reading: GET or HEAD.\n',
  headers: { allow: 'GET, HEAD' },
}
const FAILED: Answer = { status: 500, type: TEXT, body: 'The page could not be made.\n' }
const TOO_LATE: Answer = { status: 503, type: TEXT, body: 'The page could not be made in time.\n' }

export type Deadlines = Readonly<typeof DEADLINES>

/** A server whose waits and buffers are bounded. `answer` may reject: the client then gets a 500 and the log the cause. */
export function boundedServer(answer: Answerer, log: Log, options: ServerOptions = {}): Server {
  const { takes = () => false, deadlineMs = () => undefined, unmade = (_, plain) => plain, tls = null } = options
  const { headMs, answerMs, idleMs } = { ...DEADLINES, ...options.deadlines }
  const bounds = {
    headersTimeout: headMs,
    requestTimeout: 2 * headMs,
    connectionsCheckingInterval: Math.min(1000, headMs),
    keepAliveTimeout: headMs,
    maxHeaderSize: MAX_HEAD_BYTES,
  }
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const ownMs = deadlineMs(request)
    if (ownMs !== undefined) request.socket.setTimeout(ownMs + idleMs)
    const isReading = request.method === 'GET' || request.method === 'HEAD'
    const made =
      isReading || takes(request)
        ? inTime(request, answer, ownMs ?? answerMs, unmade(request, TOO_LATE))
        : Promise.resolve(NOT_ALLOWED)
    made
      .catch((error: unknown) => {
        log.error({ err: error }, 'a page of the proxy could not be made')
        return unmade(request, FAILED)
      })
      .then((made) => send(request, response, made))
      .catch(() => response.destroy())
  }
  const server =
    tls === null
      ? createServer(bounds, listener)
      : createTlsServer({ ...bounds, ...tls, handshakeTimeout: headMs }, listener)
  server.maxHeadersCount = MAX_FIELDS
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(idleMs, (socket) => socket.destroy())
  return server
}

/** What `answer` makes, or `late` where it takes longer. */
async function inTime(request: IncomingMessage, answer: Answerer, answerMs: number, late: Answer): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const timer = setTimeout(() => resolve(late), answerMs)
  try {
    return await Promise.race([answer(request), promise])
  } finally {
    clearTimeout(timer)
  }
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body, headers }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'content-security-policy': PAGE_POLICY,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    vary: 'Accept, Accept-Language',
    // A body was not asked for, or was not read to its end: the connection has no next request.
    ...(hasBody(request) ? { connection: 'close' } : {}),
    ...headers,
  })
  response.end(body) // of a HEAD, node:http leaves the body out
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

/** Resolves with the port; rejects when the address cannot be had. */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port }, resolve)
  await promise
  server.off('error', reject)
  return (server.address() as AddressInfo).port // it listens on TCP
}

/** Resolves when the port is free. Answers under way are finished, for a second at most. */
export async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), 1000)
  await promise
  clearTimeout(timer)
}

/** The path and query of an origin-form target; of anything else, '' and none. */
export function targetOf({ url = '' }: IncomingMessage): { readonly path: string; readonly query: URLSearchParams } {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  return { path: path.startsWith('/') ? path : '', query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)) }
}
