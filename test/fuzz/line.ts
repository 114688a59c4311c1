/** Wires without a network: bytes go in as pieces, what is written is kept. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { type BodyFraming, BodyRelay } from '../../proxy/body.ts'
import { readHead } from '../../proxy/head-reader.ts'
import { Wire } from '../../proxy/wire.ts'

/** All that a wire calls on its socket. */
class Line extends EventEmitter {
  writable = true
  writableLength = 0
  writableCorked = 0
  writableHighWaterMark = 65_536
  written = ''
  write(bytes: Buffer | string) {
    this.written += typeof bytes === 'string' ? bytes : bytes.toString('latin1')
  }
  pause() {}
  resume() {}
  cork() {}
  uncork() {}
  /** A wire closes itself where a reader throws, and nowhere else here. */
  destroy(error: Error) {
    throw error
  }
}

/**
 * What `read` makes of a wire on which these pieces come, then the end. Between the pieces there is time, so that one owner
 * of the bytes can follow the other.
 */
export async function readFrom<T>(pieces: readonly string[], read: (wire: Wire) => Promise<T>): Promise<T> {
  const line = new Line()
  const reading = read(Wire.accepted(line as unknown as Socket)) // a wire calls nothing else
  for (const piece of pieces) {
    line.emit('data', Buffer.from(piece, 'latin1'))
    for (let turns = 0; turns < 12; turns++) await null
  }
  line.emit('end')
  return reading
}

/** Which of its sentences a refusal says may hang on what had come by then; that it is one may not. */
export const REFUSED = 'refused'

/** A head as it is read off a wire; null where there is none. */
export async function headOf(wire: Wire, mayBegin: (byte: number) => boolean): Promise<string | null> {
  const codes = {
    tooLarge: 'ERR_HEAD_TOO_LARGE',
    malformed: 'ERR_REQUEST',
    incomplete: 'ERR_REQUEST_INCOMPLETE',
  } as const
  return readHead(wire, { maxBytes: 65_536, mayBegin, ...codes }).catch(() => REFUSED)
}

/** The content that a framing takes off the wire, and after it whether it ended badly. */
export async function contentOf(wire: Wire, framing: BodyFraming): Promise<string> {
  const out = new Line()
  const codes = { incomplete: 'ERR_REQUEST_INCOMPLETE', malformed: 'ERR_REQUEST' } as const
  const to = Wire.accepted(out as unknown as Socket) // as above
  return new Promise((resolve) => {
    const ended = (error: Error | null) => resolve(error === null ? out.written : `${out.written} and ${REFUSED}`)
    new BodyRelay(wire, to, { framing, chunked: false, ...codes, ended }).start(wire.waiting)
  })
}
