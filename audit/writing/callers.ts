/** What those hear who wait for their records: a reference, or why there is none; and the count of records that were missed. */
import { AuditError, type AuditErrorCode, errorName } from '../error.ts'
import type { AuditLog } from '../meter.ts'
import type { RecordedEvent } from '../record.ts'
import type { Pending } from './queue.ts'
import { Missed } from './trouble.ts'

export interface Answers {
  /** What callers hear while records cannot be written. */
  readonly onFailure: 'block' | 'continue'
  readonly now: () => number
  readonly log: AuditLog
  /** Told of each record as its caller is answered. */
  readonly onRecord: (event: RecordedEvent, reference: string) => void
}

export class Callers {
  readonly missed = new Missed()
  readonly #options: Answers

  constructor(options: Answers) {
    this.#options = options
  }

  /** Each is answered once. */
  answer(pending: Pending): void {
    if (pending.answered) return
    pending.answered = true
    pending.resolve(pending.id)
    try {
      this.#options.onRecord(pending.event, pending.id)
    } catch (error) {
      this.#options.log('error', 'audit: a listener failed', { error: errorName(error) })
    }
  }

  refuse(pending: Pending, code: AuditErrorCode, cause?: unknown): void {
    if (pending.answered) return
    pending.answered = true
    pending.reject(this.unrecorded(code, cause))
  }

  /** Counts a record that its caller was told is not in the log, or (`continue`) that never will be. */
  unrecorded(code: AuditErrorCode, cause?: unknown): AuditError {
    const { onFailure, now } = this.#options
    const one = onFailure === 'block' ? { refused: 1, lost: 0 } : { refused: 0, lost: 1 }
    const reason = cause === undefined ? code : errorName(cause)
    this.missed.add({ since: now(), cause: reason, attempts: 0, ...one })
    return new AuditError(code, `The record could not be written (${reason}). Look at the audit folder's disk.`, {
      cause,
    })
  }
}
