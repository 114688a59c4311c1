/** One thread that serves clients, as the main thread sees it: asked and answering, until it ends. */
import { Worker } from 'node:worker_threads'
import type { Recorder } from '../../rules/events.ts'
import { WORKER_LIMITS } from './memory.ts'
import type {
  Asked,
  FromWorker,
  Kind,
  LogLevel,
  NumberedEvent,
  Order,
  Recorded,
  ToWorker,
  WorkerFailure,
  WorkerStart,
} from './worker-messages.ts'

export interface WorkerDuties {
  readonly recorder: Recorder
  readonly tallied: (rows: Extract<FromWorker, { kind: 'tallied' }>['rows']) => void
  readonly log: Readonly<Record<LogLevel, (fields: object, message: string) => void>>
}

/** What the main thread asked for could not be done there. */
export class WorkerError extends Error {
  override readonly name = 'WorkerError'
  readonly code: string | null

  constructor({ message, code }: WorkerFailure) {
    super(message)
    this.code = code
  }
}

const ENTRY = new URL('./worker.ts', import.meta.url)
const GONE: WorkerFailure = { message: 'the thread has ended', code: 'ERR_WORKER_GONE' }
const SILENT: WorkerFailure = { message: 'the thread no longer answered, and was ended', code: 'ERR_WORKER_SILENT' }
/** Looks, not time: a process that was stopped for a while must not find its threads dead. */
const MOST_SILENT = 6

interface Waiting {
  readonly resolve: (answer: Asked[Kind]['answer']) => void
  readonly reject: (error: Error) => void
}

export class WorkerThread {
  /** Resolves when it has ended, with what ended it; null where it ended without an error. */
  readonly ended: Promise<Error | null>
  readonly #worker: Worker
  readonly #duties: WorkerDuties
  readonly #waiting = new Map<number, Waiting>()
  #asked = 0
  #outcomes: Recorded[] = []
  /** Looks since it last answered one. */
  #silent = 0
  #cause: Error | null = null
  #hasEnded = false

  constructor(start: WorkerStart, duties: WorkerDuties) {
    this.#duties = duties
    const name = `landline-${start.shared.thread + 1}`
    this.#worker = new Worker(ENTRY, { workerData: start, name, resourceLimits: WORKER_LIMITS })
    this.#worker.on('message', (message: FromWorker) => this.#hear(message))
    this.ended = new Promise((resolve) => {
      this.#worker.on('error', (error) => {
        this.#cause = error
      })
      this.#worker.on('exit', () => {
        this.#hasEnded = true
        for (const { reject } of this.#waiting.values()) reject(new WorkerError(GONE))
        this.#waiting.clear()
        resolve(this.#cause)
      })
    })
  }

  /** Rejects with WorkerError where it could not be done, or the thread ended. */
  ask<K extends Kind>(kind: K, order: Asked[K]['order']): Promise<Asked[K]['answer']> {
    if (this.#hasEnded) return Promise.reject(new WorkerError(GONE))
    return new Promise((resolve, reject) => {
      const ask = ++this.#asked
      // The answer to a question is of the question's kind.
      this.#waiting.set(ask, { resolve: resolve as Waiting['resolve'], reject })
      this.#send({ ask, kind, order } as Order)
    })
  }

  /** Asks whether it still does anything at all, and ends it after too many such questions without an answer. Returns how many there were before. */
  look(): number {
    const silent = this.#silent++
    const answered = () => {
      this.#silent = 0
    }
    if (silent < MOST_SILENT) this.ask('look', null).then(answered, () => {})
    else {
      this.#cause ??= new WorkerError(SILENT)
      void this.terminate()
    }
    return silent
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'answer': {
        const waiting = this.#waiting.get(message.ask)
        this.#waiting.delete(message.ask)
        if (message.failure === null) waiting?.resolve(message.answer)
        else waiting?.reject(new WorkerError(message.failure))
        return
      }
      case 'record':
        // A worker.ts of this release wrote it.
        for (const [number, event] of JSON.parse(message.events) as readonly NumberedEvent[])
          this.#duties.recorder.record(event).then(
            (reference) => this.#recorded({ number, reference, failure: '' }),
            (error: unknown) => this.#recorded({ number, reference: null, failure: String(error) }),
          )
        return
      case 'tallied':
        this.#duties.tallied(message.rows)
        return
      case 'log':
        this.#duties.log[message.level](message.fields, message.message)
    }
  }

  /** A sync to the disk settles many at once: they go back in one message. */
  #recorded(outcome: Recorded): void {
    this.#outcomes.push(outcome)
    if (this.#outcomes.length > 1) return
    process.nextTick(() => {
      const outcomes = this.#outcomes
      this.#outcomes = []
      if (!this.#hasEnded) this.#send({ kind: 'recorded', outcomes })
    })
  }
}
