/**
 * Large bodies in both directions arrive as they were sent, and the proxy holds next to nothing of them: neither when they
 * flow nor when a reader stands still. `BULK_BYTES` sets another size: 1073741824 is what a release is tried with.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, type RequestOptions, request as send } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { tunnel } from './ask.ts'
import { LOOPBACK, origin, type Running, start, waitFor } from './landline.ts'

const MIB = 1024 * 1024
const BYTES = Number(process.env.BULK_BYTES ?? 256 * MIB)
/** What the proxy may hold at its peak beyond what it held when it was warm; garbage that waits for its collector included. */
const MAX_GROWTH_BYTES = 96 * MIB
const MANY = 16

const block = randomBytes(64 * 1024)

/** `bytes` of noise in which every piece is numbered: a piece lost, doubled or out of its place changes the hash. */
function* noise(bytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes; at += block.length) {
    const piece = Buffer.from(block.subarray(0, Math.min(block.length, bytes - at)))
    piece.writeDoubleLE(at, 0)
    yield piece
  }
}

function hashOf(pieces: Iterable<Buffer>): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}
const EXPECTED = hashOf(noise(BYTES))

async function hashFrom(stream: Readable): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk)
  return hash.digest('hex')
}

/** In bytes: `VmRSS` now, `VmHWM` at its peak. */
function memory({ pid }: Running, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
}

/** Sends down what is asked for, and says of what is sent up which hash it has. `/stuck` reads nothing of it. */
const bulk = (request: IncomingMessage, response: NodeJS.WritableStream): void => {
  const [, kind, size] = (request.url ?? '').split('/')
  if (kind === 'down') void pipeline(Readable.from(noise(Number(size))), response).catch(() => {}) // the reader may leave
  if (kind === 'up') void hashFrom(request).then((hash) => response.end(hash))
}

function answer(options: RequestOptions, body: Iterable<Buffer> | null): Promise<IncomingMessage> {
  const request = send({ ...options, method: body === null ? 'GET' : 'PUT' })
  const answered = once(request, 'response').then(([response]) => response as IncomingMessage)
  if (body === null) request.end()
  // A reader that stands still and then leaves breaks it: what counts is the answer.
  else void pipeline(Readable.from(body), request).catch(() => {})
  return answered
}

/** The two ways through the proxy: as a message that it forwards, and by a tunnel. */
const WAYS = {
  forwarded: async (landline: Running, port: number, path: string): Promise<RequestOptions> => ({
    port: landline.port,
    host: '127.0.0.1',
    agent: false,
    path: `http://127.0.0.1:${port}${path}`,
    headers: { host: `127.0.0.1:${port}` },
  }),
  tunnelled: async (landline: Running, port: number, path: string): Promise<RequestOptions> => {
    const socket = (await tunnel(landline.port, `127.0.0.1:${port}`)) as Socket // what is opened is let through
    const agent = new Agent()
    agent.createConnection = () => socket
    return { agent, host: '127.0.0.1', port, path }
  },
}

for (const [way, optionsFor] of Object.entries(WAYS)) {
  t.test(`${way}: ${BYTES / MIB} MiB down and up, whole, in flat memory`, async (t) => {
    const { port } = await origin(t, bulk)
    const landline = await start(t, { config: LOOPBACK })
    const down = async (bytes: number) =>
      hashFrom(await answer(await optionsFor(landline, port, `/down/${bytes}`), null))
    const up = async (bytes: number) => {
      const response = await answer(await optionsFor(landline, port, '/up'), noise(bytes))
      return response.setEncoding('latin1').read() ?? (await once(response, 'data'))[0]
    }
    const small = hashOf(noise(16 * MIB))
    t.equal(await down(16 * MIB), small)
    t.equal(await up(16 * MIB), small)
    const warm = memory(landline, 'VmHWM')
    for (const [direction, transfer] of Object.entries({ down, up })) {
      const begun = performance.now()
      t.equal(await transfer(BYTES), EXPECTED, direction)
      t.comment(`${direction}: ${Math.round(BYTES / MIB / ((performance.now() - begun) / 1000))} MiB/s`)
    }
    const growth = memory(landline, 'VmHWM') - warm
    t.comment(`${warm / MIB} MiB when warm, ${growth / MIB} MiB more at the peak`)
    t.ok(growth < MAX_GROWTH_BYTES, `${growth} bytes more at the peak`)
  })

  t.test(`${way}: readers that stand still hold their senders back, not the memory of the proxy`, async (t) => {
    const arriving = new Set<Socket>()
    const { port, server } = await origin(t, bulk)
    server.on('connection', (socket: Socket) => arriving.add(socket))
    const landline = await start(t, { config: LOOPBACK })
    await hashFrom(await answer(await optionsFor(landline, port, `/down/${MIB}`), null))
    const before = memory(landline, 'VmRSS')
    const each = Array.from({ length: MANY })
    const answers = await Promise.all(
      each.map(async () => answer(await optionsFor(landline, port, `/down/${BYTES}`), null)),
    )
    const written = () => [...arriving].reduce((sum, socket) => sum + socket.bytesWritten, 0)
    await settled('the origin is held back', written)
    const sent = written() / MANY
    t.ok(sent < BYTES / 4, `${sent} bytes left the origin for each`)
    const growth = memory(landline, 'VmRSS') - before
    t.comment(`${Math.round(sent / 1024)} KiB under way to each of ${MANY}, ${growth / MIB} MiB more memory`)
    t.ok(growth < MAX_GROWTH_BYTES, `${growth} bytes more`)
    const [first, ...others] = answers
    for (const other of others) other.destroy()
    t.equal(first && (await hashFrom(first)), EXPECTED, 'one that reads on gets it all')

    const uploads = await Promise.all(each.map(() => optionsFor(landline, port, '/stuck')))
    const read = () => [...arriving].reduce((sum, socket) => sum + socket.bytesRead, 0)
    const earlier = read()
    for (const options of uploads) answer(options, noise(BYTES)).catch(() => {}) // none will come
    await settled('the clients are held back', () => read() - earlier)
    t.ok(read() - earlier < MAX_GROWTH_BYTES, `${read() - earlier} bytes arrived`)
    t.ok(memory(landline, 'VmRSS') - before < MAX_GROWTH_BYTES, `${memory(landline, 'VmRSS') - before} bytes more`)
  })
}

/** Resolves when the count has begun and then not changed for ten looks. */
async function settled(what: string, count: () => number): Promise<void> {
  let last = 0
  let same = 0
  await waitFor(what, () => {
    const now = count()
    same = now === last && now > 0 ? same + 1 : 0
    last = now
    return same === 10
  })
}
