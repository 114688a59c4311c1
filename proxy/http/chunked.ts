/**
 * The chunked coding (RFC 9112 §7.1): read strictly at any cut, written canonically. Chunk extensions are checked and
 * dropped; trailer fields are kept only where they cannot change what the head said.
 */
import { CR, HTAB, is, LF, SP, TEXT } from './chars.ts'
import { type Field, parseFields } from './fields.ts'

/** Of one chunk's extensions, of all of a body's, and of its trailers. Honest senders use none, or some hundred bytes. */
const MAX_EXTENSION_BYTES = 1024
const MAX_EXTENSIONS_BYTES = 65_536
const MAX_TRAILER_BYTES = 8192
const MAX_TRAILERS = 64
/** Hexadecimal digits, leading zeros included. */
const MAX_SIZE_DIGITS = 16

/** RFC 9112 §7.1.1, with the white space that RFC 9110 §5.6.3 has a recipient take. */
const EXTENSIONS =
  /^(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~\w]+(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~\w]+|"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"))?)*$/

/** No honest sender has these after its content: some reader might frame the next message by them. */
const REFUSED_IN_TRAILERS = /^(?:transfer-encoding|content-length|host|connection|upgrade)$/

/** Fields that control, authenticate, or say how to read the content (RFC 9110 §6.5.1): too late once it has been read, so they are dropped. */
const NOT_IN_TRAILERS =
  /^(?:content-(?!digest$|md5$)|if-|proxy-|sec-|access-control-|x-forwarded-|keep-alive$|te$|trailer$|via$|forwarded$|expect$|max-forwards$|range$|cache-control$|pragma$|authorization$|www-authenticate$|authentication-info$|cookie$|set-cookie$|age$|expires$|date$|location$|retry-after$|vary$|warning$|strict-transport-security$|landline-)/

type Step = 'size' | 'extensions' | 'line-end' | 'data' | 'data-cr' | 'data-lf' | 'trailers' | 'done' | 'error'

/** Decodes one body. It holds no content, and of the rest no more than its bounds. */
export class ChunkedDecoder {
  #step: Step = 'size'
  #digits = 0
  /** Of the chunk: its size while that is read, then what is left of it. */
  #left = 0
  #isLast = false
  #extensions = ''
  #extensionsTotal = 0
  #trailerText = ''
  /** Of the trailers: nothing but CR has come since the last LF. */
  #isLineStart = true
  #isAfterCr = false
  #trailers: readonly Field[] = []

  get state(): 'more' | 'done' | 'error' {
    return this.#step === 'done' || this.#step === 'error' ? this.#step : 'more'
  }

  /** The trailer fields that may be kept, once the state is `done`. */
  get trailers(): readonly Field[] {
    return this.#trailers
  }

  /**
   * Decodes from `chunk[from]` on; `onData` is given the content as ranges of `chunk`. Returns how many bytes were taken: all,
   * unless the body ended or broke in between.
   */
  push(chunk: Buffer, from: number, onData: (buffer: Buffer, start: number, end: number) => void): number {
    let at = from
    while (at < chunk.length && this.#step !== 'done' && this.#step !== 'error') {
      if (this.#step === 'data') {
        const end = Math.min(chunk.length, at + this.#left)
        this.#left -= end - at
        if (this.#left === 0) this.#step = 'data-cr'
        onData(chunk, at, end)
        at = end
      } else if (this.#step === 'trailers') at = this.#readTrailers(chunk, at)
      else this.#step = this.#next(chunk[at++]!) // at < length
    }
    return at - from
  }

  /** The step after a byte of the frame around the content. */
  #next(byte: number): Step {
    switch (this.#step) {
      case 'size':
        return this.#readSize(byte)
      case 'extensions':
        if (byte === CR) return EXTENSIONS.test(this.#extensions) ? 'line-end' : 'error'
        return this.#extend(byte)
      case 'line-end':
        if (byte !== LF) return 'error'
        return this.#isLast ? 'trailers' : 'data'
      case 'data-cr':
        return byte === CR ? 'data-lf' : 'error'
      case 'data-lf':
        this.#digits = 0
        return byte === LF ? 'size' : 'error'
      default:
        return 'error'
    }
  }

  #readSize(byte: number): Step {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      this.#left = this.#digits === 0 ? digit : this.#left * 16 + digit
      return ++this.#digits <= MAX_SIZE_DIGITS && this.#left <= Number.MAX_SAFE_INTEGER ? 'size' : 'error'
    }
    if (this.#digits === 0) return 'error'
    this.#isLast = this.#left === 0
    if (byte === CR) return 'line-end'
    this.#extensions = ''
    return byte === SEMICOLON || byte === SP || byte === HTAB ? this.#extend(byte) : 'error'
  }

  #extend(byte: number): Step {
    if (!is(byte, TEXT)) return 'error'
    this.#extensions += String.fromCharCode(byte)
    const isBounded = this.#extensions.length <= MAX_EXTENSION_BYTES && ++this.#extensionsTotal <= MAX_EXTENSIONS_BYTES
    return isBounded ? 'extensions' : 'error'
  }

  #readTrailers(chunk: Buffer, from: number): number {
    const before = this.#trailerText
    let length = before.length
    let at = from
    for (; at < chunk.length && this.#step === 'trailers'; at++) {
      const byte = chunk[at]! // at < length
      // CR and LF come together or not at all: what breaks that is not waited on.
      const isBroken = (byte === LF) !== this.#isAfterCr
      this.#isAfterCr = byte === CR
      if (++length > MAX_TRAILER_BYTES || isBroken) this.#step = 'error'
      else if (byte === LF && this.#isLineStart) this.#step = 'done'
      else if (byte !== CR) this.#isLineStart = byte === LF
    }
    if (this.#step === 'error') return at
    this.#trailerText = before + chunk.toString('latin1', from, at)
    if (this.#step === 'done') this.#finish()
    return at
  }

  #finish(): void {
    const fields: Field[] = []
    const fault = parseFields(this.#trailerText, 0, MAX_TRAILERS, fields)
    if (fault !== null || fields.some(({ lower }) => REFUSED_IN_TRAILERS.test(lower))) this.#step = 'error'
    else this.#trailers = fields.filter(({ lower }) => !NOT_IN_TRAILERS.test(lower))
    this.#trailerText = ''
  }
}

/** What stands before a chunk of so many bytes; CRLF stands after it. Never 0: that would end the body. */
export function chunkHead(bytes: number): string {
  return `${bytes.toString(16)}\r\n`
}

/** The end of a chunked body, with its trailer fields. */
export function lastChunk(trailers: readonly Pick<Field, 'line'>[]): string {
  let text = '0\r\n'
  for (const { line } of trailers) text += line
  return `${text}\r\n`
}

const SEMICOLON = 59

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}
