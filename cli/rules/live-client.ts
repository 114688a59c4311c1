/** A client of a running proxy that speaks from a chosen address: what the proxy sees of it, and how it answers. */
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { isIPv6, connect as netConnect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as tlsConnect } from 'node:tls'
import type { Evidence } from '../../rules/model.ts'

export interface Asking {
  readonly host: string
  readonly port: number
  /** As the listener's `client_address`: how it is told whose request this is. */
  readonly clientAddress: 'socket' | 'proxy-protocol' | 'forwarded'
  readonly timeoutMs: number
}

export class LiveError extends Error {
  override readonly name = 'LiveError'
  readonly code: 'ERR_LIVE_SOURCE' | 'ERR_LIVE_PROXY'
  constructor(code: LiveError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What /whoami says of a client and a target. */
export interface Seen {
  readonly address: string
  /** Id; `unknown` also where the proxy does not believe the address to be a client's. */
  readonly segment: string
  readonly action: string
  readonly rule: string
  /** The exception that lifted a rule, break-glass included. */
  readonly exception: string | null
  readonly revision: string
}

/** `through` also where the origin then failed: the policy let it pass. `unknown`: it could not be seen. */
export type Done =
  | { readonly kind: 'through' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'unknown'; readonly why: string }

export async function seenBy(asking: Asking, source: string, to: string): Promise<Seen> {
  const path = `/whoami?to=${encodeURIComponent(to)}`
  const headers = { host: `${asking.host}:${asking.port}`, accept: 'application/json' }
  const { response } = await send(asking, source, { method: 'GET', path, headers })
  const body = await text(response)
  const seen = response.statusCode === 200 ? parsedObject(body) : null
  const asked = seen?.asked as Record<string, unknown> | null | undefined // checked below
  const rules = seen?.rules as Record<string, unknown> | undefined
  const { address } = seen ?? {}
  const segment = (seen?.segment as Record<string, unknown> | undefined)?.id
  const { action, rule, exception } = asked ?? {}
  const revision = rules?.revision
  if (
    typeof address !== 'string' ||
    typeof segment !== 'string' ||
    typeof action !== 'string' ||
    typeof rule !== 'string' ||
    typeof revision !== 'string'
  )
    throw new LiveError(
      'ERR_LIVE_PROXY',
      `${asking.host}:${asking.port} does not answer /whoami as Landline does (status ${response.statusCode}); is it the proxy's own address?`,
    )
  return { address, segment, action, rule, exception: typeof exception === 'string' ? exception : null, revision }
}

/** The request itself: HEAD for plain HTTP, else CONNECT. With a server name, the tunnel is opened with it. */
export async function requestThrough(asking: Asking, source: string, evidence: Evidence, to: string): Promise<Done> {
  const { host, address, port, serverName } = evidence
  const name = host ?? address?.text ?? ''
  const authority = isIPv6(name) ? `[${name}]:${port}` : `${name}:${port}`
  if (/^(?:http|ws):/i.test(to) && serverName === null) {
    const url = `http://${authority}/`
    const { response } = await send(asking, source, { method: 'HEAD', path: url, headers: { host: authority } })
    response.destroy()
    return { kind: isDenial(response) ? 'denied' : 'through' }
  }
  const { response, socket } = await send(asking, source, {
    method: 'CONNECT',
    path: authority,
    headers: { host: authority },
  })
  try {
    if (isDenial(response)) return { kind: 'denied' }
    if (serverName === null) return { kind: 'through' }
    if (response.statusCode === 200) return await openedWith(socket, serverName, asking.timeoutMs)
    const why = `the origin could not be reached (status ${response.statusCode}), so what the tunnel opens with was not judged`
    return { kind: 'unknown', why }
  } finally {
    socket.destroy()
  }
}

function isDenial({ headers }: IncomingMessage): boolean {
  return String(headers['proxy-status'] ?? '').includes('error=http_request_denied')
}

/** A tunnel that is cut before the origin has said a word was severed; an origin that does the same looks alike. */
function openedWith(socket: Socket, serverName: string, timeoutMs: number): Promise<Done> {
  return new Promise((resolve) => {
    const before = socket.bytesRead
    const secured = tlsConnect({ socket, servername: serverName, rejectUnauthorized: false })
    const done = () => {
      clearTimeout(timer)
      resolve({ kind: socket.bytesRead > before ? 'through' : 'denied' })
    }
    const timer = setTimeout(() => {
      resolve({ kind: 'unknown', why: `the origin has not answered within ${timeoutMs} ms` })
    }, timeoutMs)
    for (const event of ['secureConnect', 'error', 'close'] as const) secured.once(event, done)
    secured.on('error', () => {})
    socket.on('error', () => {})
  })
}

interface Answered {
  readonly response: IncomingMessage
  readonly socket: Socket
}

function send(asking: Asking, source: string, options: RequestOptions): Promise<Answered> {
  const { clientAddress, timeoutMs } = asking
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = { ...(options.headers as Record<string, string>) } // as given above
    if (clientAddress === 'forwarded') headers['x-forwarded-for'] = source
    const asked = request({ ...options, headers, createConnection: () => connection(asking, source) })
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    const answered = (response: IncomingMessage, socket: Socket) => {
      clearTimeout(timer)
      resolve({ response, socket })
    }
    asked.on('response', (response) => answered(response, response.socket))
    asked.on('connect', (response, socket) => answered(response, socket as Socket)) // of net.connect
    asked.on('error', (error) => {
      clearTimeout(timer)
      reject(failureOf(error, asking, source))
    })
    asked.end()
  })
}

function connection({ host, port, clientAddress }: Asking, source: string): Socket {
  if (clientAddress === 'socket') return netConnect({ host, port, localAddress: source })
  const socket = netConnect({ host, port })
  if (clientAddress === 'proxy-protocol') {
    const family = isIPv6(source) ? 'TCP6' : 'TCP4'
    const destination = isIPv6(source) ? '::' : '0.0.0.0'
    socket.write(`PROXY ${family} ${source} ${destination} 1024 ${port}\r\n`)
  }
  return socket
}

function failureOf(error: NodeJS.ErrnoException, { host, port }: Asking, source: string): LiveError {
  const cannot = 'ask from there, or by a listener that is told addresses (--client-address)'
  if (error.code === 'EADDRNOTAVAIL')
    return new LiveError('ERR_LIVE_SOURCE', `${source} is no address of this machine; ${cannot}`)
  if (error.code === 'EINVAL')
    return new LiveError('ERR_LIVE_SOURCE', `${source} and ${host} are not of one family; ${cannot}`)
  return new LiveError('ERR_LIVE_PROXY', `the proxy at ${host}:${port} did not answer: ${error.message}`, {
    cause: error,
  })
}

function parsedObject(body: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}
