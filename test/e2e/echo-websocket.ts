/** A WebSocket server (RFC 6455) that says back what it hears: text of up to 64 KiB in one frame, and the closing. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const TEXT = 1
const CLOSE = 8

/** For the event `upgrade` of a web server. */
export function echoWebSocket(request: IncomingMessage, socket: Duplex): void {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64')
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'))
  let waiting: Buffer = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk])
    for (let frame = takeFrame(waiting); frame !== null; frame = takeFrame(waiting)) {
      waiting = frame.rest
      if (frame.opcode === TEXT || frame.opcode === CLOSE) socket.write(frameOf(frame.opcode, frame.payload))
      if (frame.opcode === CLOSE) socket.end()
    }
  })
}

/** The first frame, which a client has to mask (§5.3); null while it is not whole. */
function takeFrame(bytes: Buffer): { opcode: number; payload: Buffer; rest: Buffer } | null {
  if (bytes.length < 2) return null
  const short = bytes.readUInt8(1) & 0x7f
  const start = short === 126 ? 4 : 2
  if (bytes.length < start) return null
  const length = short === 126 ? bytes.readUInt16BE(2) : short
  const end = start + 4 + length
  if (bytes.length < end) return null
  const mask = bytes.subarray(start, start + 4)
  const payload = bytes.subarray(start + 4, end).map((byte, index) => byte ^ (mask[index & 3] ?? 0))
  return { opcode: bytes.readUInt8(0) & 0x0f, payload: Buffer.from(payload), rest: bytes.subarray(end) }
}

function frameOf(opcode: number, payload: Buffer): Buffer {
  const first = 0x80 | opcode
  const { length } = payload
  const head = length < 126 ? [first, length] : [first, 126, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), payload])
}

/** What a client sends to say `text`, up to 125 bytes. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const mask = Buffer.from([1, 2, 3, 4])
  const masked = payload.map((byte, index) => byte ^ (mask[index & 3] ?? 0))
  return Buffer.concat([Buffer.from([0x80 | TEXT, 0x80 | payload.length]), mask, masked])
}
