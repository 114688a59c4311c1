/** Node's own reader of HTTP/1 (llhttp, strict) as a second opinion: the same bytes, without a socket. */
import http from 'node:http'
import { Duplex } from 'node:stream'

export interface Message {
  readonly method: string
  readonly target: string
  /** Names and values, one after the other. */
  readonly fields: readonly string[]
  content: string
  isWhole: boolean
}

export interface Reading {
  readonly messages: Message[]
  error: string | null
}

export interface Answer {
  status: number
  content: string
  isWhole: boolean
  error: string | null
}

/** Bytes in by `emit('data')`, nothing out. What http calls on a socket is here. */
class Wire extends Duplex {
  override _read() {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void) {
    done()
  }
  setTimeout() {
    return this
  }
  setNoDelay() {
    return this
  }
  setKeepAlive() {
    return this
  }
  ref() {
    return this
  }
  unref() {
    return this
  }
}

const readings = new WeakMap<object, Reading>()
const server = http.createServer({ insecureHTTPParser: false, maxHeaderSize: 65_536, requireHostHeader: true })
server.maxHeadersCount = 0
for (const event of ['request', 'checkContinue', 'checkExpectation', 'connect']) server.on(event, hear)
server.on('clientError', (error: NodeJS.ErrnoException, wire) => {
  const reading = readings.get(wire)
  if (reading !== undefined) reading.error ??= error.code ?? error.message
})

/** Requests on one connection. Content arrives after the next turn of the event loop: `settle`. */
export function readRequests(bytes: Buffer): Reading {
  const wire = new Wire()
  const reading: Reading = { messages: [], error: null }
  readings.set(wire, reading)
  server.emit('connection', wire)
  wire.emit('data', bytes)
  return reading
}

/** One answer to a request of this method, the connection ended after it. Settles by itself. */
export async function readAnswer(bytes: Buffer, method: string, upgrade: string | null): Promise<Answer> {
  const answer: Answer = { status: 0, content: '', isWhole: false, error: null }
  const wire = new Wire()
  const headers = upgrade === null ? {} : { connection: 'upgrade', upgrade }
  const request = http.request({ method, path: 'a.example:443', headers, createConnection: () => wire, setHost: true })
  const take = (response: http.IncomingMessage) => {
    answer.status = response.statusCode ?? 0
    response.setEncoding('latin1')
    response.on('data', (text: string) => {
      answer.content += text
    })
    response.on('end', () => {
      answer.isWhole = response.complete
    })
    response.on('error', () => {})
  }
  request.on('response', take)
  for (const event of ['connect', 'upgrade']) {
    request.on(event, (response: http.IncomingMessage) => {
      answer.status = response.statusCode ?? 0
      answer.isWhole = true
    })
  }
  request.on('error', (error: NodeJS.ErrnoException) => {
    answer.error ??= error.code ?? error.message
  })
  request.end()
  await settle()
  wire.emit('data', bytes)
  wire.emit('end')
  await settle()
  wire.destroy()
  return answer
}

/** Two turns: streams hand on in the first, and end in the second. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
}

function hear(request: http.IncomingMessage): void {
  const reading = readings.get(request.socket)
  if (reading === undefined) throw new Error('a request on no connection')
  const { method = '', url = '', rawHeaders } = request
  const message: Message = { method, target: url, fields: rawHeaders, content: '', isWhole: method === 'CONNECT' }
  reading.messages.push(message)
  if (method === 'CONNECT') return
  request.setEncoding('latin1')
  request.on('data', (text: string) => {
    message.content += text
  })
  request.on('end', () => {
    message.isWhole = request.complete
  })
}
