/** Connections to origins: the judged address is dialled, with a deadline, the next one tried beside a slow one (RFC 8305). */
import type { Observer } from '../rules/events.ts'
import type { Address } from '../rules/model.ts'
import { type FailureCode, ProxyError } from './failures.ts'
import { type Watcher, Wire } from './wire.ts'

/** How long one address may keep the next one waiting (RFC 8305 §5 recommends 250 ms). */
const ATTEMPT_DELAY_MS = 250
const MAX_ATTEMPTS = 6

export interface Dialled {
  readonly wire: Wire
  readonly address: Address
}

export interface DialOptions {
  readonly dialMs: number
  readonly observer: Pick<Observer, 'dialled'>
  /** Judges the address and waits for its record; false = it may not be dialled, and nothing else either. */
  readonly permit: (address: Address) => boolean | Promise<boolean>
}

/**
 * Dial the addresses in order until one answers; all attempts end after `dialMs`. Null: `permit` said no.
 * Rejects with the first failure that is not just a missing route: machines without IPv6 have none to half of all addresses.
 */
export async function dialFirst(
  addresses: readonly Address[],
  port: number,
  { dialMs, observer, permit }: DialOptions,
): Promise<Dialled | null> {
  const deadline = performance.now() + dialMs
  const running = new Set<Attempt>()
  let failure = null as ProxyError | null
  const failed = (next: ProxyError) => {
    if (failure === null || failure.code === 'ERR_UNROUTABLE') failure = next
  }
  try {
    const tried = addresses.slice(0, MAX_ATTEMPTS)
    for (const [index, address] of tried.entries()) {
      if (!(await permit(address))) return null
      const left = deadline - performance.now()
      if (left <= 0) break
      running.add(new Attempt(address, port, left, observer))
      // After the last one there is nothing to turn to, and each attempt ends by itself.
      const patience = index === tried.length - 1 ? null : Math.min(ATTEMPT_DELAY_MS, left)
      const won = await firstOf(running, patience, failed)
      if (won !== null) return won
    }
    const won = await firstOf(running, null, failed)
    if (won !== null) return won
    throw failure ?? new ProxyError('ERR_DIAL_TIMEOUT')
  } finally {
    for (const attempt of running) attempt.abandon()
  }
}

/** The first attempt to connect within the time (null: all of theirs), or null; those that failed are dropped from `running` and told. */
async function firstOf(
  running: Set<Attempt>,
  milliseconds: number | null,
  failed: (failure: ProxyError) => void,
): Promise<Attempt | null> {
  let timer: NodeJS.Timeout | undefined
  const others: Promise<'late'>[] = []
  if (milliseconds !== null)
    others.push(
      new Promise((resolve) => {
        timer = setTimeout(resolve, milliseconds, 'late')
      }),
    )
  try {
    while (running.size > 0) {
      const all = [...others, ...Array.from(running, ({ settled }) => settled)]
      const settled = await (all.length === 1 ? all[0]! : Promise.race(all)) // there is a running one
      if (settled === 'late') return null
      running.delete(settled)
      if (settled.failure === null) return settled
      failed(settled.failure)
    }
    return null
  } finally {
    clearTimeout(timer)
  }
}

class Attempt implements Dialled, Watcher {
  readonly wire: Wire
  readonly address: Address
  failure: ProxyError | null = null
  /** Resolves with itself once connected or failed. */
  readonly settled: Promise<Attempt>
  readonly #begunAt = performance.now()
  readonly #observer: Pick<Observer, 'dialled'>
  readonly #timer: NodeJS.Timeout
  #resolve!: (attempt: Attempt) => void // set in the constructor's promise

  constructor(address: Address, port: number, dialMs: number, observer: Pick<Observer, 'dialled'>) {
    this.address = address
    this.#observer = observer
    this.settled = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.wire = Wire.dialling({ host: address.text, port, family: address.family, noDelay: true })
    this.wire.socket.once('connect', () => this.#end(null))
    this.wire.watcher = this
    this.#timer = setTimeout(() => this.#end(new ProxyError('ERR_DIAL_TIMEOUT')), dialMs)
  }

  gone(error: Error | null): void {
    this.#end(failureOf(error))
  }

  /** Another one was first, or none may go on. */
  abandon(): void {
    this.#letGo()
    this.wire.destroy()
  }

  #end(failure: ProxyError | null): void {
    this.#letGo()
    this.failure = failure
    this.#observer.dialled(resultOf(failure), (performance.now() - this.#begunAt) / 1000)
    if (failure !== null) this.wire.destroy()
    this.#resolve(this)
  }

  #letGo(): void {
    clearTimeout(this.#timer)
    this.wire.watcher = null
  }
}

function resultOf(failure: ProxyError | null): 'ok' | 'refused' | 'timeout' | 'error' {
  if (failure === null) return 'ok'
  if (failure.code === 'ERR_REFUSED') return 'refused'
  return failure.code === 'ERR_DIAL_TIMEOUT' ? 'timeout' : 'error'
}

const CODES: Readonly<Record<string, FailureCode>> = {
  ECONNREFUSED: 'ERR_REFUSED',
  EHOSTUNREACH: 'ERR_UNROUTABLE',
  ENETUNREACH: 'ERR_UNROUTABLE',
  EADDRNOTAVAIL: 'ERR_UNROUTABLE',
  EACCES: 'ERR_UNROUTABLE',
  EPERM: 'ERR_UNROUTABLE',
  EINVAL: 'ERR_UNROUTABLE',
  ETIMEDOUT: 'ERR_DIAL_TIMEOUT',
  EMFILE: 'ERR_DESCRIPTORS',
  ENFILE: 'ERR_DESCRIPTORS',
}

function failureOf(cause: Error | null): ProxyError {
  const code = cause !== null && 'code' in cause ? String(cause.code) : ''
  return new ProxyError(CODES[code] ?? 'ERR_TERMINATED', { cause })
}
