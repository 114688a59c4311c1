/**
 * Where sockets read to. All share one small buffer, so that a connection that says little holds no memory for what it
 * might say: what it read is used, copied or written on before the next one reads. One that fills it gets a buffer of its
 * own, which grows with bulk, until it says little again.
 */
import type { OnReadOpts } from 'node:net'

/** Heads, hellos and what people type fit. */
const SHARED_BYTES = 16_384
const FIRST_OWN_BYTES = 131_072
const LAST_OWN_BYTES = 262_144
/** Of all buffers in the hands of sockets: beyond it, bulk goes through the shared one, at the price of copies. */
const MAX_OWN_BYTES = 64 * 1024 * 1024
/** Of those that wait for the next socket with bulk. */
const MAX_SPARE = 16

const SHARED: Buffer = Buffer.allocUnsafeSlow(SHARED_BYTES)
/** Views of the shared buffer's beginning up to this length are kept: most heads are as long as some before, and to make a view takes long. */
const MAX_BEGINNING = 4096
const beginnings: (Buffer | undefined)[] = Array.from({ length: MAX_BEGINNING + 1 })
const spare: Buffer[] = []
let ownBytes = 0

/** Who is given each read. */
export interface Taker {
  /** Returns whether to go on. The chunk is lent until the call returns. */
  read(chunk: Buffer): boolean
}

/** One socket's place to read to. */
export class Intake {
  /** Nothing is read before there is one. */
  taker: Taker | null = null
  #buffer = SHARED
  /** What was read was passed on and has not left yet: the buffer behind it is given away. */
  #lent = false
  #filled = false
  #few = 0

  /** What was read last must be done with when the reading call returns, as other sockets read there too. */
  get isShared(): boolean {
    return this.#buffer === SHARED
  }

  /** For `net.Socket`. */
  onread(): OnReadOpts {
    return { buffer: () => this.#next(), callback: (bytes) => this.#hasRead(bytes) }
  }

  /** What was read last has not left yet, and is not to be read over. */
  lend(): void {
    this.#lent = !this.isShared
  }

  /** The socket is gone. */
  release(): void {
    this.#giveBack()
  }

  #hasRead(bytes: number): boolean {
    const buffer = this.#buffer
    this.#filled = bytes === buffer.length
    // One small read may be the end of one piece of many; two are not bulk.
    this.#few = bytes < SHARED_BYTES ? this.#few + 1 : 0
    const isOften = this.isShared && bytes <= MAX_BEGINNING
    return this.taker?.read(isOften ? beginningOf(bytes) : buffer.subarray(0, bytes)) ?? false
  }

  #next(): Buffer {
    if (this.isShared) return this.#filled ? this.#own(FIRST_OWN_BYTES) : SHARED
    const { length } = this.#buffer
    if (this.#few > 1) this.#giveBack()
    else if (this.#filled && length < LAST_OWN_BYTES) {
      this.#giveBack()
      this.#own(length * 2)
    } else if (this.#lent) this.#buffer = Buffer.allocUnsafeSlow(length)
    this.#lent = false
    return this.#buffer
  }

  #own(bytes: number): Buffer {
    if (ownBytes + bytes > MAX_OWN_BYTES) return this.#buffer
    ownBytes += bytes
    const at = spare.findLastIndex(({ length }) => length === bytes)
    this.#buffer = at < 0 ? Buffer.allocUnsafeSlow(bytes) : (spare.splice(at, 1)[0] ?? SHARED)
    return this.#buffer
  }

  #giveBack(): void {
    const buffer = this.#buffer
    if (buffer === SHARED) return
    this.#buffer = SHARED
    ownBytes -= buffer.length
    if (!this.#lent && spare.length < MAX_SPARE) spare.push(buffer)
    this.#lent = false
  }
}

function beginningOf(bytes: number): Buffer {
  beginnings[bytes] ??= SHARED.subarray(0, bytes)
  return beginnings[bytes]
}
