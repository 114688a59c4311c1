/** A name server that knows every name: each is at one of the origin's addresses, IPv4 only. RFC 1035, as much as is needed. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

const SECONDS = 300
const HEADER_BYTES = 12
const TYPE_A = 1

/** Answers until the process ends. `addressOf` says where a name is, as text. */
export async function serveNames(address: string, addressOf: (name: string) => string): Promise<void> {
  const socket = createSocket('udp4')
  socket.on('message', (query, { address: client, port }) => {
    const answer = answerTo(query, addressOf)
    if (answer !== null) socket.send(answer, port, client)
  })
  socket.bind(53, address)
  await once(socket, 'listening')
}

/** Null: not one well-formed question. */
export function answerTo(query: Buffer, addressOf: (name: string) => string): Buffer | null {
  if (query.length < HEADER_BYTES || query.readUInt16BE(4) !== 1) return null
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const end = at + 5
  if (end > query.length) return null
  const isAsked = query.readUInt16BE(at + 1) === TYPE_A
  const head = Buffer.from(query.subarray(0, HEADER_BYTES))
  head.writeUInt16BE(0x8580, 2) // a response, authoritative, recursion desired and available, no error
  head.writeUInt16BE(isAsked ? 1 : 0, 6)
  head.writeUInt32BE(0, 8)
  const question = query.subarray(HEADER_BYTES, end)
  if (!isAsked) return Buffer.concat([head, question])
  const record = Buffer.alloc(16)
  record.writeUInt16BE(0xc000 | HEADER_BYTES, 0) // the name asked for
  record.writeUInt16BE(TYPE_A, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(SECONDS, 6)
  record.writeUInt16BE(4, 10)
  record.set(addressOf(labels.join('.')).split('.').map(Number), 12)
  return Buffer.concat([head, question, record])
}
