/** What is asked for of break-glass, and why it is refused. */
import { liftProblem } from '../../rules/breakglass.ts'
import type { Policy } from '../../rules/policy.ts'
import { iso } from './breakglass-events.ts'
import { MOST_MS } from './breakglass-store.ts'

/** What is asked for. */
export interface Begin {
  readonly rules: readonly string[]
  /** Milliseconds since 1970. */
  readonly until: number
  readonly ticket: string
  readonly by: string
  readonly user: string
}

/** Why it is not begun, for the one who asked; nothing has changed. */
export class BreakglassRefused extends Error {
  override readonly name = 'BreakglassRefused'
  readonly kind: 'asked' | 'state'

  /** `asked`: what was asked for is wrong. `state`: it is right, and not possible now. */
  constructor(kind: 'asked' | 'state', message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** Throws BreakglassRefused where it could not be granted at any time. */
export function refuseWrong({ rules, until }: Begin, policy: Policy, now: number): void {
  const problem = liftProblem(policy, rules)
  if (problem !== null) throw new BreakglassRefused('asked', problem)
  if (until <= now) throw new BreakglassRefused('asked', `${iso(until)} is over; it is ${iso(now)} here`)
  if (until > now + MOST_MS)
    throw new BreakglassRefused(
      'asked',
      `${iso(until)} is more than 24 hours from now, ${iso(now)}; an exception in the rule file can last longer`,
    )
}
