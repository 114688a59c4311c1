/**
 * One writer for what may change faster than a disk takes it: who has something new goes on at once, the newest is written, and what
 * cannot be written is tried again.
 */
const AGAIN_MS = 1000

interface Log {
  error(fields: object, message: string): void
  info(fields: object, message: string): void
}

export class Latest<T> {
  readonly #what: string
  readonly #write: (value: T) => Promise<void>
  readonly #log: Log
  /** null: all is written. */
  #wanted: { readonly value: T } | null = null
  #writing: Promise<boolean> | null = null
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #isSettled = false

  /** `write` is called once at a time. */
  constructor(what: string, write: (value: T) => Promise<void>, log: Log) {
    this.#what = what
    this.#write = write
    this.#log = log
  }

  /** Takes the place of what is not written yet. */
  set(value: T): void {
    this.#wanted = { value }
    this.#start()
  }

  /** Resolves with whether all that was set is written; false where that fails, or takes longer. */
  async written(ms: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<false>()
    const timer = setTimeout(resolve, ms, false)
    const isWritten = await Promise.race([this.#writing ?? this.#wanted === null, late])
    clearTimeout(timer)
    return isWritten
  }

  /** As `written`, having tried once more; nothing is tried again after it. */
  settle(ms: number): Promise<boolean> {
    this.#isSettled = true
    this.#start()
    return this.written(ms)
  }

  #start(): void {
    clearTimeout(this.#timer)
    if (this.#wanted !== null) this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<boolean> {
    try {
      while (this.#wanted !== null) await this.#writeOne(this.#wanted)
      if (this.#failures > 0) this.#log.info({ failures: this.#failures }, `${this.#what}: done after all`)
      this.#failures = 0
      return true
    } catch (error) {
      if (this.#failures++ === 0) this.#log.error({ err: error }, `${this.#what}: not now, it is tried again`)
      // Unreferenced: what cannot be written must not keep the process running.
      if (!this.#isSettled) this.#timer = setTimeout(() => this.#start(), AGAIN_MS).unref()
      return false
    } finally {
      this.#writing = null
    }
  }

  /** Rejects where that fails, unless there is something newer to be written. */
  async #writeOne(wanted: { readonly value: T }): Promise<void> {
    try {
      await this.#write(wanted.value)
      if (this.#wanted === wanted) this.#wanted = null
    } catch (error) {
      if (this.#wanted === wanted) throw error
    }
  }
}
