/** Clients that mean no good, or break: each takes a connection, does its worst, and is gone within three seconds. */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { clientHello, inRecords } from '../proxy/hellos.ts'
import { open } from './ask.ts'

export interface Places {
  /** The proxy's. */
  readonly port: number
  /** A web server's, whose `/big` is a megabyte. */
  readonly web: number
  /** A server's that says back what it hears. */
  readonly echo: number
}

const LONGEST_MS = 3000
const HELLO = inRecords(clientHello('a.test'))

type Hostile = (socket: Socket, places: Places) => void

const later = (socket: Socket, milliseconds: number, act: () => void) => {
  const timer = setTimeout(act, milliseconds)
  socket.once('close', () => clearTimeout(timer))
}
const vanish = (socket: Socket, milliseconds = 50) => later(socket, milliseconds, () => socket.resetAndDestroy())
const connectTo = (port: number) => `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
const get = (port: number, path: string) =>
  `GET http://127.0.0.1:${port}${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
const post = (port: number, fields: string) =>
  `POST http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${fields}\r\n`

/** One byte after the other, until the patience of one of the sides ends. */
function dribble(socket: Socket, bytes: Buffer): void {
  let at = 0
  const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 40)
  socket.once('close', () => clearInterval(timer))
}

export const HOSTILE: Readonly<Record<string, Hostile>> = {
  'says nothing and resets': (socket) => socket.once('connect', () => socket.resetAndDestroy()),
  'says nothing and waits': () => {},
  garbage: (socket) => socket.write(randomBytes(300)),
  'garbage that begins well': (socket) => socket.write(Buffer.concat([Buffer.from('GET '), randomBytes(300)])),
  'half a head and a reset': (socket) => {
    socket.write('GET http://127.0.0.1/ HTTP/1.1\r\nHos')
    vanish(socket)
  },
  'half a head and an end': (socket) => socket.end('GET http://127.0.0.1/ HTTP/1.1\r\nHos'),
  'a slow head': (socket, { web }) => dribble(socket, Buffer.from(get(web, '/slow'))),
  'a huge head': (socket, { web }) =>
    socket.write(get(web, '/').replace('\r\n\r\n', `\r\nA: ${'a'.repeat(200_000)}\r\n\r\n`)),
  'a thousand fields': (socket, { web }) =>
    socket.write(get(web, '/').replace('\r\n\r\n', `\r\n${'A: b\r\n'.repeat(1000)}\r\n`)),
  'TLS to a plain port': (socket) => socket.write(HELLO),
  'a PROXY header': (socket, { web }) => socket.write(`PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n${get(web, '/')}`),
  'two lengths': (socket, { web }) => socket.write(post(web, 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n')),
  'a bad chunk': (socket, { web }) =>
    socket.write(`${post(web, 'Transfer-Encoding: chunked\r\n')}5\r\nhello\r\nzz\r\n`),
  'a body that never comes': (socket, { web }) => {
    socket.write(post(web, 'Content-Length: 1000000\r\n'))
    vanish(socket, 500)
  },
  'a body that breaks off': (socket, { web }) => {
    socket.write(`${post(web, 'Content-Length: 1000000\r\n')}${'x'.repeat(100_000)}`)
    vanish(socket)
  },
  'an answer that nobody reads': (socket, { web }) => {
    socket.pause().write(get(web, '/big'))
    vanish(socket, 1000)
  },
  'many requests and away': (socket, { web }) => {
    socket.write(get(web, '/').repeat(50))
    vanish(socket, 20)
  },
  'many requests and an end': (socket, { web }) => socket.end(get(web, '/').repeat(5)),
  'a tunnel and away': (socket, { echo }) => {
    socket.write(connectTo(echo))
    vanish(socket, 5)
  },
  'a tunnel, a word, and away': (socket, { echo }) => {
    socket.write(`${connectTo(echo)}word\n`)
    vanish(socket, 100)
  },
  'a tunnel and half a hello': (socket, { echo }) => {
    socket.write(connectTo(echo))
    socket.write(HELLO.subarray(0, 60))
    vanish(socket, 1500)
  },
  'a tunnel and a slow hello': (socket, { echo }) => {
    socket.write(connectTo(echo))
    dribble(socket, HELLO)
  },
  'a tunnel and a broken hello': (socket, { echo }) => {
    socket.write(connectTo(echo))
    socket.write(Buffer.concat([HELLO.subarray(0, 20), randomBytes(200)]))
  },
  'a tunnel that nobody reads': (socket, { echo }) => {
    socket.pause().write(`${connectTo(echo)}word\n`)
    for (let count = 0; count < 20; count++) socket.write(randomBytes(50_000))
    vanish(socket, 1000)
  },
  'a tunnel that ends on one side': (socket, { echo }) => socket.end(`${connectTo(echo)}word\n`),
  'a tunnel to nobody': (socket) => socket.write(connectTo(1)),
  'a tunnel to what is forbidden': (socket) =>
    socket.write('CONNECT zoom.us:443 HTTP/1.1\r\nHost: zoom.us:443\r\n\r\n'),
  'a tunnel to the proxy itself': (socket, { port }) => socket.write(connectTo(port)),
  'an own page and away': (socket) => {
    socket.write('GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n')
    vanish(socket, 10)
  },
}

const KINDS = Object.values(HOSTILE)

/** The hostile client of that number, from that address; resolves when it is gone. */
export function hostile(number: number, from: string, places: Places): Promise<void> {
  const behave = KINDS[number % KINDS.length]! // the remainder is below the length
  const socket = open(places.port, from)
  return new Promise((resolve) => {
    socket.on('error', () => {}) // to be refused is its lot
    socket.once('close', () => resolve())
    socket.resume()
    vanish(socket, LONGEST_MS)
    behave(socket, places)
  })
}
