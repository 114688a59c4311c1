/** A second set of rules beside those in force: judged by the same evidence and told, never acted by. */
import { decide, isStricter } from '../rules/decide.ts'
import type { ShadowOutcome, ShadowVerdict } from '../rules/events.ts'
import type { Evidence, Verdict } from '../rules/model.ts'
import type { Policy } from '../rules/policy.ts'

/** What the shadow has to say of one exchange. As in that, the strictest verdict stands. Never throws. */
export class Shadow {
  #policy: Policy
  #verdict: Verdict | null = null
  #failed = false

  constructor(policy: Policy) {
    this.#policy = policy
  }

  judge(evidence: Evidence): void {
    if (this.#failed) return
    try {
      const verdict = decide(this.#policy, evidence)
      if (this.#verdict === null || !isStricter(this.#verdict, verdict)) this.#verdict = verdict
    } catch {
      // A mistake in what does not act must not act either.
      this.#failed = true
    }
  }

  /** What it would have done instead, for the record; null where it agrees. */
  insteadOf({ action }: Verdict): ShadowVerdict | null {
    const verdict = this.#verdict
    if (this.#failed || verdict === null || verdict.action === action) return null
    return { action: verdict.action, rule: verdict.rule, revision: this.#policy.revision }
  }

  /** What it comes to at the end; null where nothing was judged. */
  outcome({ action, service }: Verdict): ShadowOutcome | null {
    if (this.#failed) return { result: 'failed' }
    if (this.#verdict === null) return null
    if (this.#verdict.action === action) return { result: 'same' }
    // Only one of the two may know the service.
    return {
      result: 'different',
      action: this.#verdict.action,
      service: service === 'none' ? this.#verdict.service : service,
    }
  }
}
