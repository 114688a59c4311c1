/** What one exchange has on the record, and how it comes there before anything goes on by it. */
import type { Rejudged, ShadowVerdict, TrafficAction, TrafficEvent } from '../rules/events.ts'
import type { Evidence, Verdict } from '../rules/model.ts'
import type { Policy } from '../rules/policy.ts'
import { ProxyError } from './failures.ts'
import type { ProxyOptions } from './options.ts'
import type { Source } from './source.ts'

/** What is told of an exchange in each of its records, as far as it is known by then. */
export interface Subject {
  readonly source: Source
  readonly method: string
  readonly evidence: Evidence
  /** The tunnel's ClientHello hides another name. */
  readonly ech: boolean
}

/** A verdict, and the rules that it is of. */
export interface Judged {
  readonly verdict: Verdict
  readonly policy: Policy
}

/** Those that wait for a record get ERR_RECORD where it cannot be written: nothing may go on then. */
export class Recording {
  /** Of the newest record; what a denied client is shown. */
  reference: string | null = null
  readonly #subject: Subject
  readonly #options: Pick<ProxyOptions, 'newId' | 'recorder'>
  /** The same in all of its records. */
  readonly #id: string
  /** What stands on the record. */
  #standing: Judged | null = null

  constructor(subject: Subject, options: Pick<ProxyOptions, 'newId' | 'recorder'>) {
    this.#subject = subject
    this.#options = options
    this.#id = options.newId()
  }

  /** Whether this verdict stands on the record: by more evidence than it had there, it is no event of its own. */
  has({ action, service, rule, exception }: Verdict): boolean {
    const verdict = this.#standing?.verdict
    return (
      verdict?.action === action &&
      verdict.service === service &&
      verdict.rule === rule &&
      verdict.exception === exception
    )
  }

  /** The verdict stands on the record when this resolves. */
  putVerdict(action: TrafficAction, judged: Judged, shadow: ShadowVerdict | null): Promise<void> {
    return this.#submit(this.#event(action, judged, null, shadow), judged)
  }

  /** What no rule decided. */
  putRefusal({ verdict, policy }: Judged, because: string): Promise<void> {
    const unruled: Verdict = { ...verdict, rule: 'none', exception: null }
    return this.#submit(this.#event('refuse', { verdict: unruled, policy }, because))
  }

  /** These rules end what others had let through. */
  putRejudged(judged: Judged, rejudged: Rejudged): Promise<void> {
    // Before the wait: what it carried belongs on the record too, whenever it ends.
    this.#standing = judged
    const because = judged.verdict.reason === null ? rejudged.why : null
    return this.#submit({ ...this.#event('sever', judged, because), rejudged })
  }

  /** What was carried, where a verdict stands. Not waited for by anyone; a failure is the recorder's to report. */
  putEnd(latest: Verdict | null, carried: NonNullable<TrafficEvent['carried']>): void {
    if (this.#standing === null) return
    const { verdict: standing, policy } = this.#standing
    // The evidence that came since is told with the end.
    const verdict = latest !== null && this.has(latest) ? latest : standing
    this.#options.recorder.record({ ...this.#event('end', { verdict, policy }), carried }).catch(() => {})
  }

  /** Not async, as each wait within a wait costs a denial: what is to be done when it is recorded is done in one step. */
  #submit(event: TrafficEvent, standing: Judged | null = null): Promise<void> {
    try {
      return this.#options.recorder.record(event).then((reference) => {
        this.reference = reference
        if (standing !== null) this.#standing = standing
      }, unrecorded)
    } catch (cause) {
      return unrecorded(cause)
    }
  }

  #event(
    action: TrafficAction,
    { verdict, policy }: Judged,
    because: string | null = null,
    shadow: ShadowVerdict | null = null,
  ): TrafficEvent {
    const { source, method, evidence, ech } = this.#subject
    const { host, address, port } = evidence
    // A bare address that `ip_literals` decided is told; else only conferencing is.
    const hidden = verdict.service === 'none' && verdict.rule !== 'ip_literals'
    return {
      action,
      exchange: this.#id,
      source: { ip: source.address.text, port: source.port },
      client: { learnt: source.learnt, path: source.path },
      destination: hidden ? null : { domain: host, ip: address === null ? null : address.text, port },
      method,
      verdict,
      policy: { name: policy.name, revision: policy.revision },
      ech,
      because,
      carried: null,
      shadow,
    }
  }
}

function unrecorded(cause: unknown): Promise<never> {
  return Promise.reject(new ProxyError('ERR_RECORD', { cause }))
}
