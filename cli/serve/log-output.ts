/**
 * Standard output for the operator's log. A full disk, or a reader that stands still, must neither hold up the proxy nor end it: what
 * cannot be written waits, up to a bound, and is tried again; what comes then is lost, and it is told how many lines that were.
 */
import { pino } from 'pino'

const AGAIN_MS = 20
/** Bytes that wait. A pipe holds some 64 KiB more. */
const MOST_WAITING = 1024 * 1024
/** At the end of the process there is nobody to go on: so often it is tried, one pause after the other. */
const LAST_TRIES = 100

export interface LogOutputOptions {
  /** A line for standard error: the log itself cannot say that it is not written. */
  readonly complain: (line: string) => void
  /** It is written again, and so many lines are missing. */
  readonly missing: (lines: number) => void
  readonly descriptor?: number
  readonly mostWaiting?: number
}

/** The reader is gone for good. */
const GONE = 'EPIPE'
/** The pipe is full: nothing to complain of yet. */
const FULL = 'EAGAIN'

export class LogOutput {
  readonly #options: LogOutputOptions
  readonly #output: ReturnType<typeof pino.destination>
  #again: NodeJS.Timeout | null = null
  /** Of the last write. */
  #failed = false
  #hasComplained = false
  #isGone = false
  #lost = 0

  constructor(options: LogOutputOptions) {
    const { descriptor = 1, mostWaiting = MOST_WAITING } = options
    this.#options = options
    this.#output = pino.destination({ dest: descriptor, sync: true, maxLength: mostWaiting, retryEAGAIN: () => false })
    this.#output.on('error', (error: NodeJS.ErrnoException) => this.#refused(error.code ?? error.message))
    this.#output.on('drop', (text: string) => {
      this.#lost += text.split('\n').length - 1
      this.#later()
    })
  }

  /** Whole lines. */
  write(text: string): void {
    if (!this.#isGone) this.#output.write(text)
  }

  /** The last chance of what still waits: the process is about to end. */
  end(text: string): void {
    this.write(text)
    for (let tries = 0; this.#failed && !this.#isGone && tries < LAST_TRIES; tries++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS)
      this.#tryAgain()
    }
  }

  #refused(code: string): void {
    this.#failed = true
    this.#isGone = code === GONE
    if (code !== FULL && !this.#hasComplained) {
      this.#hasComplained = true
      const remedy = this.#isGone ? 'nobody reads it any more' : 'it is tried again; make room, or write it elsewhere'
      this.#options.complain(`landline: the log cannot be written: ${code}; ${remedy}. Traffic and records go on`)
    }
    if (!this.#isGone) this.#later()
  }

  #later(): void {
    this.#again ??= setTimeout(() => this.#tryAgain(), AGAIN_MS).unref()
  }

  #tryAgain(): void {
    this.#again = null
    this.#failed = false
    this.#output.write('') // what waits goes first
    if (this.#failed) return
    this.#hasComplained = false
    const lost = this.#lost
    this.#lost = 0
    if (lost > 0) this.#options.missing(lost)
  }
}
