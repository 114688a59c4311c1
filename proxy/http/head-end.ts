/** Where a head ends in the bytes that have come so far. */
import { CR, HTAB, LF } from './chars.ts'

/** No end yet. */
export const INCOMPLETE = -1
/** No head can come of this: a line that does not end in CRLF, or a control character (a TLS hello, say). */
export const BROKEN = -2

const END = Buffer.from('\r\n\r\n')

/**
 * The index just past the first CRLF CRLF at or after `from`; INCOMPLETE or BROKEN. On the next call, `from` may be three bytes before
 * the end of what was looked at. Inside a head that has its end, faults are for the parser to find.
 */
export function findHeadEnd(buffer: Buffer, from: number): number {
  const at = buffer.indexOf(END, from)
  if (at >= 0) return at + END.length
  for (let index = from; index < buffer.length; index++) {
    const byte = buffer[index]! // index < length
    if (byte >= 32 && byte !== 127) continue
    if (byte === HTAB) continue
    if (byte === CR && (index + 1 === buffer.length || buffer[index + 1] === LF)) continue
    if (byte === LF && index > 0 && buffer[index - 1] === CR) continue
    return BROKEN
  }
  return INCOMPLETE
}
