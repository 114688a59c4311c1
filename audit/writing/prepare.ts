/** What an event becomes before it is written: a record with its reference and time, but for its place in the chain. */

import type { Encoder, RecordedEvent } from '../record.ts'
import type { ReferenceSource } from '../uuid.ts'
import type { Caller, Pending } from './queue.ts'

export interface PrepareOptions {
  readonly encoder: Encoder
  readonly references: ReferenceSource
  readonly now: () => number
}

/** `caller`: null where nobody waits for it. Throws where it cannot be encoded: without a privacy key there is nothing that could be written. */
export type Prepare = (event: RecordedEvent, caller: Caller | null) => Pending

const NOBODY: Caller = { resolve: () => {}, reject: () => {} }

export function preparing({ encoder, references, now }: PrepareOptions): Prepare {
  return (event, caller) => {
    const at = now()
    const id = references.next(at)
    const { time } = references
    const { head, tail } = encoder.encode(event, id, at)
    const { resolve, reject } = caller ?? NOBODY
    return { event, id, time, head, tail, kept: caller === null, answered: false, resolve, reject }
  }
}
