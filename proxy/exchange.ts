/**
 * One request's life: the evidence so far, the verdict so far, and its end. Evidence only grows; each growth decides again,
 * and the strictest verdict stands.
 */

import { decide, isStricter } from '../rules/decide.ts'
import type { ErrorType, ExchangeKind, Outcome, TrafficAction } from '../rules/events.ts'
import type { Evidence, Verdict } from '../rules/model.ts'
import type { Policy } from '../rules/policy.ts'
import { ProxyError } from './failures.ts'
import type { Occupancy } from './occupancy.ts'
import type { ProxyOptions } from './options.ts'
import { Recording, type Subject } from './recording.ts'
import { Shadow } from './shadow.ts'
import type { Source } from './source.ts'

/** Verdicts that stand on the record before anything is let through or answered. */
const RECORDED: ReadonlySet<string> = new Set(['block', 'would-block', 'log', 'except', 'refuse'])

const NOTHING_TO_WAIT_FOR = Promise.resolve()

/** What an exchange goes over. */
export interface Carrier {
  /** End it now, with all that is under way. */
  sever(): void
}

export class Exchange implements Subject {
  readonly kind: ExchangeKind
  readonly policy: Policy
  verdict: Verdict | null = null
  /** The tunnel's ClientHello hides another name. */
  ech = false
  /** Its answer is a tunnel. */
  relays = false
  /** Rules that changed while it was open have ended it, or are about to. */
  severed = false
  outcome: Outcome = 'ok'
  error: ErrorType | null = null
  #evidence: Evidence
  readonly method: string
  readonly source: Source
  #options: ProxyOptions
  #carrier: Carrier
  #shadow: Shadow | null
  /** In which its client has a place for it. */
  #occupancy: Occupancy | null = null
  /** Most exchanges need no record. */
  #recording: Recording | null = null
  #refused = false
  #bare = false
  /** By `performance.now()`. */
  readonly startedAt = performance.now()
  #answeredAt: number | null = null
  #decisionMs = 0
  #concluded = false
  #isClosed = false

  constructor(kind: ExchangeKind, method: string, source: Source, carrier: Carrier, options: ProxyOptions) {
    this.kind = kind
    this.policy = options.policy()
    const shadow = kind === 'own' ? null : (options.shadow?.() ?? null)
    this.#shadow = shadow === null ? null : new Shadow(shadow)
    this.method = method
    this.source = source
    this.#carrier = carrier
    this.#options = options
    this.#evidence = {
      source: source.known ? source.address : null,
      at: options.now(),
      host: null,
      address: null,
      port: 0,
      serverName: null,
      httpHost: null,
    }
  }

  get evidence(): Evidence {
    return this.#evidence
  }

  /** The reference of the newest record; what a denied client is shown. */
  get reference(): string | null {
    return this.#recording?.reference ?? null
  }

  get #ownRecording(): Recording {
    this.#recording ??= new Recording(this, this.#options)
    return this.#recording
  }

  /** Take one of the client's places for tunnels, of which it has so many, until this is over. Throws ERR_TUNNEL_LIMIT. */
  takePlace(occupancy: Occupancy): void {
    const { tunnelsPerClient, tunnelsPerSharedClient } = this.#options.limits
    const limit = this.verdict?.segment.shared === true ? tunnelsPerSharedClient : tunnelsPerClient
    if (!occupancy.reserve(this.source.address.text, limit)) throw new ProxyError('ERR_TUNNEL_LIMIT')
    this.#occupancy = occupancy
  }

  /** Decide again with more evidence. Returns whether the verdict that now stands lets the request go on. */
  judge(more: Partial<Omit<Evidence, 'source' | 'at'>>): boolean {
    this.#evidence = { ...this.#evidence, ...more }
    if (more.address != null && this.#evidence.host === null) this.#bare = true
    const before = performance.now()
    const verdict = decide(this.policy, this.#evidence)
    this.#decisionMs += performance.now() - before
    this.#shadow?.judge(this.#evidence)
    // As strict as before is the newer one: it names more of what is known.
    if (this.verdict === null || !isStricter(this.verdict, verdict)) this.verdict = verdict
    return letsThrough(this.verdict)
  }

  /** The verdict needs no record, or stands on it. */
  get isSettled(): boolean {
    const verdict = this.verdict
    if (verdict === null) throw new Error('settle before judge')
    return !RECORDED.has(verdict.action) || this.#recording?.has(verdict) === true
  }

  /** Wait for the record that the verdict needs. Throws ERR_RECORD when it cannot be written: nothing may go on then. */
  settle(): Promise<void> {
    const verdict = this.verdict
    if (verdict === null || this.isSettled) return NOTHING_TO_WAIT_FOR
    // `decide` names its actions as the record does; `allow` was left out above.
    return this.#putVerdict(verdict.action as TrafficAction, verdict)
  }

  /** What was let through is on the record also where it failed before its address was known; what was answered is there already. Throws ERR_RECORD. */
  async settleFailed(): Promise<void> {
    if (this.hasAnswered || this.#refused) return
    if (this.verdict !== null && letsThrough(this.verdict)) await this.settle()
  }

  /** A refusal by the guard or the port list: recorded, with the destination only where it is conferencing. No rule decided it. */
  async recordRefusal(because: string): Promise<void> {
    this.#refused = true
    const { verdict, policy } = this
    if (verdict !== null) await this.#ownRecording.putRefusal({ verdict, policy }, because)
  }

  /** The verdict turned after the 200: the tunnel is cut. */
  async recordSevered(): Promise<void> {
    if (this.verdict !== null) await this.#putVerdict('sever', this.verdict)
  }

  /**
   * All that is known, judged anew by these rules and as of now. Null: it may go on; else the verdict that denies it. What
   * this exchange was let through by stays its own verdict.
   */
  rejudge(policy: Policy): Verdict | null {
    if (this.verdict === null || this.kind === 'own' || this.severed || this.#isClosed) return null
    const verdict = decide(policy, { ...this.#evidence, at: this.#options.now() })
    return letsThrough(verdict) ? null : verdict
  }

  /** These rules end what others had let through. Throws ERR_RECORD when that cannot be recorded. */
  async recordRejudged(verdict: Verdict, policy: Policy, why: string): Promise<void> {
    const { action, rule, exception } = this.verdict ?? verdict
    const rejudged = { why, action, rule, exception, revision: this.policy.revision }
    this.severed = true
    await this.#ownRecording.putRejudged({ verdict, policy }, rejudged)
  }

  /** End it now; what it still has under way is lost. */
  cut(): void {
    this.severed = true
    if (!this.#isClosed) this.#carrier.sever()
  }

  /** What a recorded tunnel carried. */
  recordEnd(sentBytes: number, receivedBytes: number): void {
    this.#recording?.putEnd(this.verdict, {
      sentBytes,
      receivedBytes,
      milliseconds: performance.now() - this.startedAt,
    })
  }

  /** No more evidence will come: for a tunnel once its opening is judged, for the others at their end. */
  conclude(): void {
    if (this.#concluded) return
    this.#concluded = true
    const { verdict } = this
    if (verdict === null || verdict.action !== 'allow' || verdict.service === 'none' || this.#refused) return
    const { at, host, port, serverName, httpHost } = this.#evidence
    const { revision } = this.policy
    this.#options.tally?.({ at, verdict, revision, host, port, serverName, httpHost })
  }

  get hasAnswered(): boolean {
    return this.#answeredAt !== null
  }

  /** The first byte of the answer is on its way. */
  answered(): void {
    this.#answeredAt ??= performance.now()
  }

  failed(error: ProxyError): void {
    this.outcome = error.failure.outcome
    this.error = error.error
    const { limit } = error.failure
    if (limit !== undefined) this.#options.observer.limitReached(limit)
  }

  denied(): void {
    this.outcome = 'denied'
    this.error = 'http_request_denied'
  }

  /** Once, at the end, whatever happened. */
  close(): void {
    this.#occupancy?.release(this.source.address.text)
    this.#occupancy = null
    try {
      this.conclude()
    } finally {
      this.#isClosed = true
      this.#ended()
    }
  }

  #ended(): void {
    this.#options.observer.ended({
      kind: this.kind,
      outcome: this.outcome,
      error: this.error,
      verdict: this.verdict,
      refused: this.#refused,
      bareAddress: this.#bare,
      reference: this.reference,
      // The guard and the port list would have refused it whatever the rules say.
      shadow: this.#refused || this.verdict === null ? null : (this.#shadow?.outcome(this.verdict) ?? null),
      setupSeconds: this.#answeredAt === null ? null : (this.#answeredAt - this.startedAt) / 1000,
      decisionSeconds: this.verdict === null ? null : this.#decisionMs / 1000,
    })
  }

  #putVerdict(action: TrafficAction, verdict: Verdict): Promise<void> {
    const { policy } = this
    return this.#ownRecording.putVerdict(action, { verdict, policy }, this.#shadow?.insteadOf(verdict) ?? null)
  }
}

export function letsThrough({ action }: Verdict): boolean {
  return action !== 'block' && action !== 'refuse'
}
