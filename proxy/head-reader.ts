/** The next head on a wire: bytes up to its empty line, bounded, refused as soon as no head can come of them. */
import { type FailureCode, ProxyError } from './failures.ts'
import { LF } from './http/chars.ts'
import { BROKEN, findHeadEnd, INCOMPLETE } from './http/head-end.ts'
import type { Refusal } from './http/refusal.ts'
import { judgeStatusLine } from './http/response.ts'
import type { Consumer, Wire } from './wire.ts'

export interface HeadReaderOptions {
  readonly maxBytes: number
  /** Whether a head may begin with this byte: what another protocol says is not waited for. */
  readonly mayBegin: (byte: number) => boolean
  /** What the first line of a head says before the head is whole; why none can come of it makes it malformed. */
  readonly judgeLine?: (text: string) => Refusal | 'fine' | 'more'
  readonly tooLarge: FailureCode
  readonly malformed: FailureCode
  /** The other side broke off in the middle of a head. */
  readonly incomplete: FailureCode
  /** Told of the first bytes, where they are not the whole head. */
  readonly begun?: () => void
  /** When the head must be whole, and what it means when it is not; counted from now, or from its first byte. */
  readonly deadline?: { readonly ms: number; readonly from: 'now' | 'first-byte'; readonly late: FailureCode }
}

/** More than a first line may have. */
const LONG_LINE_BYTES = 32_768

/** How the heads of answers are read, up to so many bytes. Every answer begins with HTTP. */
export function answerHeads(maxBytes: number): HeadReaderOptions {
  return {
    maxBytes,
    mayBegin: (byte) => byte === 0x48,
    judgeLine: judgeStatusLine,
    tooLarge: 'ERR_RESPONSE_TOO_LARGE',
    malformed: 'ERR_RESPONSE',
    incomplete: 'ERR_RESPONSE_INCOMPLETE',
  }
}

/** Told once what came of it. */
export interface HeadTaker {
  /**
   * The head as latin1 text, its empty line included; null when the other side ended before the first byte. `follow`: so many
   * bytes came with it, and go to whoever owns the wire when this returns.
   */
  head(text: string | null, follow: number): void
  failed(error: ProxyError): void
}

/** As `HeadReader`, for those who can wait for the next turn. */
export function readHead(wire: Wire, options: HeadReaderOptions): Promise<string | null> {
  return new Promise((resolve, reject) => wire.attach(new HeadReader(wire, options, { head: resolve, failed: reject })))
}

/** To be attached to the wire. */
export class HeadReader implements Consumer {
  #wire: Wire
  #options: HeadReaderOptions
  #taker: HeadTaker
  /** What came in earlier chunks; grows by doubling, so that a head in single bytes costs no more than its length. */
  #kept: Buffer | null = null
  #length = 0
  /** The first line has been judged, and may stand. */
  #isLineFine = false
  #timer: NodeJS.Timeout | undefined

  constructor(wire: Wire, options: HeadReaderOptions, taker: HeadTaker) {
    this.#wire = wire
    this.#options = options
    this.#taker = taker
    if (options.deadline?.from === 'now') this.#startDeadline()
  }

  data(chunk: Buffer): number {
    const before = this.#length
    const bytes = before === 0 ? chunk : this.#append(chunk)
    const { length } = bytes
    if (before === 0 && !this.#options.mayBegin(chunk[0] ?? 0)) return this.#fail(this.#options.malformed, chunk.length)
    const end = findHeadEnd(bytes, Math.max(before - 3, 0))
    if (end === BROKEN) return this.#fail(this.#options.malformed, chunk.length)
    const isTooLarge = (end === INCOMPLETE ? length : end) > this.#options.maxBytes
    const refusal = isTooLarge || end === INCOMPLETE ? this.#judgeLine(bytes, before) : null
    if (refusal !== null) return this.#fail(this.#options.malformed, chunk.length, refusal)
    if (isTooLarge) return this.#fail(this.#options.tooLarge, chunk.length)
    if (end === INCOMPLETE) {
      if (before === 0) {
        this.#append(chunk)
        this.#options.begun?.()
        if (this.#options.deadline?.from === 'first-byte') this.#startDeadline()
      }
      this.#length = length
      return chunk.length
    }
    this.#settle()
    this.#taker.head(bytes.toString('latin1', 0, end), length - end)
    return end - before
  }

  end(): void {
    if (this.#length === 0) {
      this.#settle()
      this.#taker.head(null, 0)
    } else this.#fail(this.#options.incomplete, 0)
  }

  /** A connection that breaks before the first byte is no worse than one that ends there: nothing was asked or answered. */
  gone(): void {
    this.end()
  }

  #append(chunk: Buffer): Buffer {
    const needed = this.#length + chunk.length
    let kept = this.#kept
    if (kept === null || kept.length < needed) {
      const grown = Buffer.allocUnsafe(Math.max(needed * 2, 512))
      kept?.copy(grown, 0, 0, this.#length)
      kept = grown
      this.#kept = kept
    }
    chunk.copy(kept, this.#length)
    return kept.subarray(0, needed)
  }

  /** Looked at when a line may have ended, or when it is long: not with every byte. */
  #judgeLine(bytes: Buffer, before: number): Refusal | null {
    const { judgeLine } = this.#options
    if (this.#isLineFine || judgeLine === undefined) return null
    if (before > 0 && bytes.length < LONG_LINE_BYTES && bytes.indexOf(LF, before) < 0) return null
    const judged = judgeLine(bytes.toString('latin1', 0, LONG_LINE_BYTES))
    if (typeof judged !== 'string') return judged
    this.#isLineFine = judged === 'fine'
    return null
  }

  #fail(code: FailureCode, taken: number, why: Partial<Refusal> = {}): number {
    this.#settle()
    this.#taker.failed(new ProxyError(code, why))
    return taken
  }

  #settle(): void {
    clearTimeout(this.#timer)
    this.#wire.release()
  }

  /** A connection on which nothing at all was said is just closed, as an idle one is. */
  #startDeadline(): void {
    const { deadline } = this.#options
    if (deadline === undefined) return
    this.#timer = setTimeout(() => {
      if (this.#length === 0) this.end()
      else this.#fail(deadline.late, 0)
    }, deadline.ms)
  }
}
