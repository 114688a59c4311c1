/** A client that sends bytes as they are and reads what comes back by the letter. */
import type { Socket } from 'node:net'
import { open } from './ask.ts'
import { readChunks } from './raw-origin.ts'

export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
  /** It ended where it said it would. */
  readonly whole: boolean
}

/** How long an answer may take that needs no waiting. */
const PATIENCE_MS = 5000

export class RawClient {
  text = ''
  /** The other side has ended, or broken off. */
  ended = false
  /** `ECONNRESET` where it broke off. */
  error: string | null = null
  readonly #socket: Socket
  #wake: () => void = () => {}

  constructor(port: number, from?: string) {
    this.#socket = open(port, from)
    this.#socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1')
      this.#wake()
    })
    this.#socket.on('error', (error) => {
      this.error = 'code' in error ? String(error.code) : error.message
    })
    for (const event of ['end', 'close'])
      this.#socket.on(event, () => {
        this.ended = true
        this.#wake()
      })
  }

  send(bytes: string | Buffer): this {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** The side of the client ends, that of the other may go on. */
  finish(): this {
    this.#socket.allowHalfOpen = true
    this.#socket.end()
    return this
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Resolves with false when it takes too long, or the other side ended before. */
  async until(holds: () => boolean): Promise<boolean> {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      this.#wake()
    }, PATIENCE_MS)
    while (!holds() && !this.ended && !isLate)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    clearTimeout(timer)
    return holds()
  }

  /** True: the other side ended in time. */
  untilEnded(): Promise<boolean> {
    return this.until(() => this.ended)
  }

  /** All answers so far, the last of them perhaps not whole; `methods` are those of the requests, the last for all that follow. */
  answers(...methods: readonly string[]): readonly RawAnswer[] {
    const answers: RawAnswer[] = []
    let at = 0
    let asked = 0
    while (at < this.text.length) {
      const method = methods[Math.min(asked, methods.length - 1)] ?? 'GET'
      const answer = readAnswer(this.text, at, method, this.ended && this.error === null)
      if (answer === null) break
      answers.push(answer)
      at = answer.end
      if (answer.status >= 200) asked++
      if (!answer.whole || answer.status === 101 || (method === 'CONNECT' && answer.status === 200)) break
    }
    return answers
  }
}

const HEAD =
  /HTTP\/1\.1 (\d{3}) [\t\x20-\x7e\x80-\xff]*\r\n(?:[!#$%&'*+\-.^_`|~\w]+: ?[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/y

function readAnswer(text: string, at: number, method: string, ended: boolean): (RawAnswer & { end: number }) | null {
  HEAD.lastIndex = at
  const [head, digits] = HEAD.exec(text) ?? []
  if (head === undefined) return null
  const status = Number(digits)
  const start = at + head.length
  const length = /\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1]
  const isChunked = /\r\nTransfer-Encoding: chunked\r\n/i.test(head)
  const isBare = status < 200 || status === 204 || status === 304 || method === 'HEAD'
  if (isBare || (method === 'CONNECT' && status === 200)) return { status, head, body: '', whole: true, end: start }
  if (isChunked) {
    const read = readChunks(text, start)
    if (read === null) return { status, head, body: text.slice(start), whole: false, end: text.length }
    return { status, head, body: read.body, whole: true, end: read.end }
  }
  const end = length === undefined ? text.length : start + Number(length)
  const whole = length === undefined ? ended : text.length >= end
  return { status, head, body: text.slice(start, end), whole, end }
}
