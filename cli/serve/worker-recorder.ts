/**
 * Records as a thread that serves clients asks for them: all that one turn of the event loop brings goes to the one writer
 * in one message, and the next does not wait for its answer.
 */
import type { Recorder, SystemEvent, TrafficEvent } from '../../rules/events.ts'
import type { NumberedEvent, Recorded } from './worker-messages.ts'

interface Waiting {
  readonly resolve: (reference: string) => void
  readonly reject: (error: Error) => void
}

export class WorkerRecorder implements Recorder {
  readonly #send: (events: readonly NumberedEvent[]) => void
  readonly #waiting = new Map<number, Waiting>()
  #next: NumberedEvent[] = []
  #number = 0
  #settled: () => void = () => {}

  constructor(send: (events: readonly NumberedEvent[]) => void) {
    this.#send = send
  }

  record(event: TrafficEvent | SystemEvent): Promise<string> {
    return new Promise((resolve, reject) => {
      const number = ++this.#number
      this.#waiting.set(number, { resolve, reject })
      this.#next.push([number, event])
      if (this.#next.length === 1) setImmediate(() => this.#flush())
    })
  }

  /** The writer's word on some of them. */
  recorded(outcomes: readonly Recorded[]): void {
    for (const { number, reference, failure } of outcomes) {
      const waiting = this.#waiting.get(number)
      this.#waiting.delete(number)
      if (reference !== null) waiting?.resolve(reference)
      else waiting?.reject(new Error(failure))
    }
    if (this.#waiting.size === 0) this.#settled()
  }

  /** Resolves when none is under way. */
  settled(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#settled = resolve
    })
  }

  #flush(): void {
    const events = this.#next
    this.#next = []
    this.#send(events)
  }
}
