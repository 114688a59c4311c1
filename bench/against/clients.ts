/**
 * The clients of a comparison, over bare sockets: prepared bytes out, as little reading as shows that the answer is the
 * expected one.
 */
import { clientHello, extension, inRecords } from '../../test/proxy/hellos.ts'
import { Connected, type Stoppable, type To } from './connected.ts'
import type { Load } from './job.ts'
import type { Tally } from './load.ts'
import { TUNNEL_ANSWER } from './origin.ts'
import { allowedHost, deniedHost, HOSTS } from './plan.ts'

/** As long as a browser's, about. */
const HELLO_PADDING = extension(21, Buffer.alloc(340))
const hellos = Array.from({ length: HOSTS }, (_, index) => inRecords(clientHello(sniOf(index), [HELLO_PADDING])))

type RequestLoad = Extract<Load, { kind: 'requests' }>

/** Requests that are answered with a status and a counted body. */
export class Requests extends Connected {
  #requests: readonly Buffer[]
  #status: string
  #head = ''
  #bodyLeft = 0
  #isWaiting = false
  #closes = false

  constructor(to: To, tally: Tally, index: number, { method, path, isDenied }: RequestLoad) {
    super(to, tally, index, isDenied)
    this.#status = isDenied ? ' 403 ' : ' 200 '
    this.#requests = requestsOf(method, path, isDenied, to.web)
  }

  protected connected(): void {
    this.#head = ''
    this.#bodyLeft = 0
    this.#ask()
  }

  protected read(bytes: Buffer): void {
    const body = this.#bodyLeft > 0 ? bytes.length : this.#readHead(bytes)
    if (body === null) return
    this.#bodyLeft -= body
    if (this.#bodyLeft > 0) return
    this.#isWaiting = false
    this.tally.answered(performance.now() - this.sentAt)
    if (this.#closes) {
      this.drop()
      this.reconnect()
    } else this.#ask()
  }

  protected override ended(): void {
    if (this.#isWaiting) this.fail('the proxy closed the connection before its answer was whole')
    else this.reconnect()
  }

  #ask(): void {
    this.#isWaiting = true
    this.send(this.#requests[this.next % HOSTS]!) // HOSTS of them
  }

  /** How many of the bytes belong to the body; null: the head is not whole yet, or not the expected one. */
  #readHead(bytes: Buffer): number | null {
    const text = this.#head + bytes.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    if (end === -1) {
      this.#head = text
      return null
    }
    this.#head = ''
    const head = text.slice(0, end)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    if (!head.slice(0, 16).includes(this.#status) || length === undefined) {
      this.fail(`answered ${JSON.stringify(head.slice(0, 300))}`)
      return null
    }
    this.#closes = /\r\n(?:proxy-)?connection: *close/i.test(head)
    this.#bodyLeft = Number(length)
    return text.length - end - 4
  }
}

/** A tunnel, opened and used once; what follows is up to who extends it. */
abstract class Tunnelled extends Connected {
  #host = 0
  #head: string | null = ''
  #requests: readonly Buffer[]

  constructor(to: To, tally: Tally, index: number, port: number) {
    super(to, tally, index)
    this.#requests = requestsOf('CONNECT', '', false, port)
  }

  /** Bytes of the origin. */
  protected abstract received(bytes: Buffer): void

  protected connected(): void {
    this.#head = ''
    this.#host = this.next % HOSTS
    this.send(this.#requests[this.#host]!) // HOSTS of them
  }

  protected read(bytes: Buffer): void {
    if (this.#head === null) {
      this.received(bytes)
      return
    }
    this.#head += bytes.toString('latin1')
    if (!this.#head.endsWith('\r\n\r\n')) return
    const isOpen = this.#head.slice(0, 16).includes(' 200 ')
    if (isOpen) {
      this.#head = null
      this.socket?.write(hellos[this.#host]!) // HOSTS of them
    } else this.fail(`answered ${JSON.stringify(this.#head.slice(0, 300))}`)
  }
}

/** Connect, a tunnel, a ClientHello, a short answer, close; and again. */
export class Cycles extends Tunnelled {
  #left = TUNNEL_ANSWER.length

  constructor(to: To, tally: Tally, index: number) {
    super(to, tally, index, to.web)
  }

  protected received(bytes: Buffer): void {
    this.#left -= bytes.length
    if (this.#left > 0) return
    this.#left = TUNNEL_ANSWER.length
    this.tally.answered(performance.now() - this.sentAt)
    this.drop()
    this.reconnect()
  }
}

export class Streams extends Tunnelled {
  constructor(to: To, tally: Tally, index: number) {
    super(to, tally, index, to.stream)
  }

  protected received(bytes: Buffer): void {
    this.tally.add(bytes.length / 2 ** 20)
  }
}

/** One that is to stay open, unused once it has been tried. */
class Kept extends Tunnelled {
  #opened: (() => void) | null

  constructor(to: To, tally: Tally, index: number, opened: () => void) {
    super(to, tally, index, to.web)
    this.#opened = opened
  }

  protected received(): void {
    this.tally.answered(performance.now() - this.sentAt)
    this.#opened?.()
    this.#opened = null
  }
}

/** So many tunnels, a few at a time until all are open. */
export class Held implements Stoppable {
  /** Resolves when all are open, or a second has brought none. */
  readonly open: Promise<void>
  #all: Kept[] = []

  constructor(to: To, tally: Tally, count: number) {
    this.open = new Promise((resolve) => {
      const patience = setTimeout(resolve, 1000)
      let opened = 0
      const more = () => {
        patience.refresh()
        if (this.#all.length < count) this.#all.push(new Kept(to, tally, this.#all.length, more))
        if (opened++ >= count) resolve()
      }
      for (let at = 0; at < Math.min(count, 50); at++) this.#all.push(new Kept(to, tally, at, more))
      more()
    })
  }

  stop(): void {
    for (const one of this.#all) one.stop()
  }
}

const prepared = new Map<string, readonly Buffer[]>()

/** One for each host; made once. */
function requestsOf(method: 'GET' | 'CONNECT', path: string, isDenied: boolean, port: number): readonly Buffer[] {
  const key = `${method} ${path} ${isDenied} ${port}`
  const hostOf = isDenied ? deniedHost : allowedHost
  const made =
    prepared.get(key) ??
    Array.from({ length: HOSTS }, (_, index) => {
      const authority = `${hostOf(index)}:${port}`
      const target = method === 'CONNECT' ? authority : `http://${authority}${path}`
      return Buffer.from(
        `${method} ${target} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n`,
      )
    })
  prepared.set(key, made)
  return made
}

/** A name also where hosts are addresses: browsers send none for those. */
function sniOf(index: number): string {
  const host = allowedHost(index)
  return /^[\d.]+$/.test(host) ? `www.site-${index}.example` : host
}
