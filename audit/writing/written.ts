/** How far the log is safe, for those who read on behind its writer: what a failed write may yet take back is not for them. */
import { once } from 'node:events'

export class Written {
  #sequence: number
  #grown = new EventTarget()

  constructor(sequence: number) {
    this.#sequence = sequence
  }

  /** The newest record that is as safe as `audit.sync` promises; 0: there is none. */
  get sequence(): number {
    return this.#sequence
  }

  advance(sequence: number): void {
    this.#sequence = sequence
    this.#grown.dispatchEvent(new Event('grown'))
  }

  /** Resolves once there are records after `sequence`. Rejects with an AbortError when the signal is given. */
  async beyond(sequence: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    while (this.#sequence <= sequence) await once(this.#grown, 'grown', { signal })
  }
}
