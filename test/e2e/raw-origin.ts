/** An origin that keeps every byte it is sent and reads them with a reader of its own: none of Landline's code, and stricter than any server. */
import { createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { listen } from './landline.ts'

export interface Seen {
  /** The request line. */
  readonly line: string
  readonly head: string
  readonly body: string
  readonly framing: 'none' | 'length' | 'chunked'
  /** As they came, each with its CRLF. */
  readonly trailers: string
}

export interface RawOrigin {
  /** `127.0.0.1:port` */
  readonly authority: string
  /** Whole requests, over all connections. */
  seen: Seen[]
  /** What came and is no request, or not yet a whole one. */
  readonly rest: () => string
  /** Called for every whole request. */
  answer: (socket: Socket, request: Seen, connection: number) => void
  /** Called with the first bytes of a connection, whatever they are. */
  opened: ((socket: Socket) => void) | null
  /** As if nobody had been here. */
  readonly forget: () => void
}

export async function rawOrigin(t: Test): Promise<RawOrigin> {
  const connections = new Map<Socket, { text: string }>()
  let count = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const kept = { text: '' }
    const number = count++
    connections.set(socket, kept)
    socket.on('error', () => {})
    socket.once('data', () => origin.opened?.(socket))
    socket.on('data', (chunk) => {
      kept.text += chunk.toString('latin1')
      for (let read = readRequest(kept.text); read !== null; read = readRequest(kept.text)) {
        kept.text = kept.text.slice(read.bytes)
        origin.seen.push(read.seen)
        origin.answer(socket, read.seen, number)
      }
    })
    socket.on('end', () => socket.end())
  })
  const origin: RawOrigin = {
    authority: '',
    seen: [],
    rest: () => [...connections.values()].map(({ text }) => text).join(''),
    answer: () => {},
    opened: null,
    forget: () => {
      for (const socket of connections.keys()) socket.destroy()
      connections.clear()
      origin.seen = []
      origin.opened = null
    },
  }
  t.teardown(() => origin.forget())
  return Object.assign(origin, { authority: `127.0.0.1:${await listen(t, server)}` })
}

const FIELD = /^([!#$%&'*+\-.^_`|~\w]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/

/** Null: not whole. Throws on what no proxy may send, which ends the test's process: it is never to happen. */
function readRequest(text: string): { readonly seen: Seen; readonly bytes: number } | null {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  const start = end + 4
  const [line = '', ...lines] = text.slice(0, end).split('\r\n')
  if (!/^[!#$%&'*+\-.^_`|~\w]+ \S+ HTTP\/1\.1$/.test(line)) throw new Error(`no request line: ${JSON.stringify(line)}`)
  const fields = lines.map((field) => FIELD.exec(field) ?? fault(`no field: ${JSON.stringify(field)}`))
  const only = (name: string) => {
    const found = fields.filter((field) => field[1]?.toLowerCase() === name)
    return found.length > 1 ? fault(`more than one ${name}`) : found[0]?.[2]
  }
  if (only('host') === undefined) fault('no Host')
  const length = only('content-length')
  const coding = only('transfer-encoding')
  if (length !== undefined && coding !== undefined) fault('two framings')
  if (coding !== undefined && coding !== 'chunked') fault(`a coding ${coding}`)
  const head = text.slice(0, start)
  if (coding !== undefined) {
    const read = readChunks(text, start)
    return read && { seen: { line, head, framing: 'chunked', ...read }, bytes: read.end }
  }
  if (length === undefined) return { seen: { line, head, body: '', framing: 'none', trailers: '' }, bytes: start }
  if (!/^\d+$/.test(length)) fault(`a length ${length}`)
  const bytes = start + Number(length)
  if (text.length < bytes) return null
  return { seen: { line, head, body: text.slice(start, bytes), framing: 'length', trailers: '' }, bytes }
}

/** Chunks without extensions; null: not whole. */
export function readChunks(text: string, from: number): { body: string; trailers: string; end: number } | null {
  let body = ''
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const size = text.slice(at, lineEnd)
    if (!/^[\da-f]+$/.test(size)) fault(`a chunk size ${JSON.stringify(size)}`)
    const bytes = Number.parseInt(size, 16)
    at = lineEnd + 2
    if (bytes === 0) {
      const end = text.startsWith('\r\n', at) ? at : text.indexOf('\r\n\r\n', at) + 2
      return end < at ? null : { body, trailers: text.slice(at, end), end: end + 2 }
    }
    if (text.length < at + bytes + 2) return null
    body += text.slice(at, at + bytes)
    at += bytes + 2
    if (text.slice(at - 2, at) !== '\r\n') fault('a chunk that is longer than its size')
  }
}

function fault(message: string): never {
  throw new Error(message)
}
