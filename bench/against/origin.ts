/**
 * The origin of all comparisons, a process of its own: plain HTTP answers from prepared bytes, a short answer or an endless
 * stream to whatever opens a tunnel, and the name server. It does as little as it can: what it costs is not measured.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { serveNames } from './names.ts'
import { hasOwnNetwork, NAME_SERVER } from './network.ts'
import { ORIGINS, originAddress } from './plan.ts'

/** How the two ports are told to who started it. */
export interface OriginPorts {
  readonly web: number
  /** A tunnel to here brings bytes for as long as it is open. */
  readonly stream: number
}

/** What a tunnel to the web port answers to its first bytes. */
export const TUNNEL_ANSWER = Buffer.alloc(100, 'a')
const CHUNK = Buffer.alloc(256 * 1024, 'x')
const SMALL = page(100)
const LARGE = page(64 * 1024)
/** Of TLS: what a tunnel brings first. */
const HANDSHAKE = 22

if (import.meta.main) {
  if (hasOwnNetwork()) await serveNames(NAME_SERVER, addressOfName)
  const web = await listenEverywhere(answerWeb)
  const stream = await listenEverywhere(answerStream)
  process.send?.({ web, stream } satisfies OriginPorts)
  process.on('disconnect', () => process.exit(0))
}

function page(bytes: number): Buffer {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 'b')])
}

/** Always the same for one name. */
function addressOfName(name: string): string {
  let sum = 0
  for (const character of name) sum = (Math.imul(sum, 31) + character.charCodeAt(0)) >>> 0
  return originAddress(sum)
}

async function listenEverywhere(answer: (socket: Socket) => void): Promise<number> {
  let port = 0
  for (let index = 0; index < ORIGINS; index++) {
    const server = createServer({ noDelay: true, allowHalfOpen: false }, answer)
    server.listen({ port, host: originAddress(index), backlog: 1024 })
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port // it listens on TCP
  }
  return port
}

function answerWeb(socket: Socket): void {
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes: Buffer) => {
    if (bytes[0] === HANDSHAKE) socket.write(TUNNEL_ANSWER)
    // No request is longer than what one read takes, and none comes before the last one is answered.
    else if (bytes.at(-1) === 10 && bytes.at(-3) === 10)
      socket.write(bytes.toString('latin1', 0, 100).includes('/large ') ? LARGE : SMALL)
  })
}

function answerStream(socket: Socket): void {
  socket.on('error', () => socket.destroy())
  const pour = () => {
    while (!socket.destroyed && socket.write(CHUNK));
  }
  socket.once('data', pour)
  socket.on('drain', pour)
}
