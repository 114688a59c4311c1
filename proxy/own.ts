/**
 * Requests for the proxy itself: its own name, or origin-form to a listener. They are handed to the service that serves
 * its pages, by reverse proxying: the one place where requests pass through `http-proxy`, and none of a client's traffic.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import httpProxy from 'http-proxy'
import { ProxyError } from './failures.ts'
import { fieldValue, type RequestHead } from './http/request.ts'
import type { ProxyOptions } from './options.ts'
import type { Source } from './source.ts'
import type { Wire } from './wire.ts'

/** What the pages need of a request; nothing else of it is passed on. */
const PASSED = ['accept', 'accept-language'] as const
const ANSWER_MS = 5000

export class OwnPages {
  #server: Server
  #sources = new WeakMap<Socket, Source>()

  constructor({ ownPages }: Pick<ProxyOptions, 'ownPages'>) {
    const pages = httpProxy.createProxyServer({
      target: { host: '127.0.0.1', port: ownPages.port },
      proxyTimeout: ANSWER_MS,
      timeout: ANSWER_MS,
    })
    pages.on('error', (_error, _request, response) => fail(response))
    this.#server = createServer((request, response) => {
      const source = this.#sources.get(request.socket)
      const headers = { 'landline-token': ownPages.token, 'landline-client': JSON.stringify(describe(source)) }
      pages.web(request, response, { headers })
    })
  }

  /** The socket is the pages' from here on; it is closed after the answer. */
  take(wire: Wire, head: RequestHead, source: Source, ownHost: string): void {
    const { target, method } = head
    if (method !== 'GET' && method !== 'HEAD')
      throw new ProxyError('ERR_REQUEST', {
        status: 405,
        message: 'The pages of this proxy are for reading (GET, HEAD).',
      })
    if (head.framing.kind !== 'none')
      throw new ProxyError('ERR_REQUEST', { status: 413, message: 'The pages of this proxy take no body.' })
    const path = 'path' in target ? target.path : '/'
    const fields = PASSED.flatMap((name) => {
      const value = fieldValue(head, name)
      return value === null ? [] : [`${name}: ${value}`]
    })
    const text = [`${method} ${path} HTTP/1.1`, `Host: ${ownHost}`, ...fields, 'Connection: close', '', ''].join('\r\n')
    const { socket } = wire
    this.#sources.set(socket, source)
    wire.takePending() // what a client sent after a request whose answer closes the connection is not read
    socket.removeAllListeners('data')
    wire.onIdle(0)
    socket.pause()
    socket.unshift(Buffer.from(text, 'latin1'))
    this.#server.emit('connection', socket)
    socket.resume()
  }
}

function describe(source: Source | undefined): object {
  if (source === undefined) throw new Error('a request reached the own pages without its source')
  return { ip: source.address.text, port: source.port, learnt: source.learnt, path: source.path, known: source.known }
}

function fail(response: ServerResponse<IncomingMessage> | Socket): void {
  if (!('writeHead' in response)) response.destroy()
  else if (response.headersSent) response.destroy()
  else
    response
      .writeHead(502, { 'content-type': 'text/plain', connection: 'close' })
      .end('The page is not available now.\n')
}
