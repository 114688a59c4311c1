/** What the record says of a break-glass: that it began, that it ended, and that it ended although nobody can say what it was. */
import type { SystemEvent } from '../../rules/events.ts'
import type { Policy } from '../../rules/policy.ts'
import type { Breakglass, Damage, Ending } from './breakglass-store.ts'

/** `isResumed`: it goes on after a start. */
export function beginning(
  { id, rules, began, until, ticket, by, user }: Breakglass,
  policy: Policy,
  isResumed: boolean,
): SystemEvent {
  return {
    action: 'breakglass',
    outcome: 'success',
    reason: isResumed ? 'Break-glass goes on after a start' : 'Break-glass: rules are lifted',
    policy,
    facts: { breakglass: id, rules, began: iso(began), until: iso(until), ticket, by, user, resumed: isResumed },
  }
}

export function ending(
  { id, rules, began, until, ticket }: Breakglass,
  { at, by }: Ending,
  policy: Policy,
): SystemEvent {
  return {
    action: 'breakglass-ended',
    outcome: 'success',
    reason: 'Break-glass has ended: the rules hold again',
    policy,
    facts: { breakglass: id, rules, began: iso(began), until: iso(until), ended: iso(at), ticket, by },
  }
}

/** One for each that can be made out; one at least. */
export function damaged({ ids, aside }: Damage, policy: Policy, now: number): readonly SystemEvent[] {
  return (ids.length === 0 ? [null] : ids).map((id) => ({
    action: 'breakglass-ended',
    outcome: 'failure',
    reason: 'What was lifted could not be read back, and is over',
    policy,
    facts: { breakglass: id, ended: iso(now), by: 'a start that could not read it back', set_aside: aside },
  }))
}

/** In UTC. */
export function iso(at: number): string {
  return new Date(at).toISOString()
}
