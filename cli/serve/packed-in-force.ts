/** What is in force, in the form in which threads hand it to one another. */
import { isDeepStrictEqual } from 'node:util'
import { assemble } from '../../rules/assemble.ts'
import type { Blueprint } from '../../rules/blueprint.ts'
import type { InForce } from './plane.ts'

/** Plain data; its tables are in shared memory. */
export interface PackedInForce extends Omit<InForce, 'policy' | 'shadow'> {
  readonly policy: Blueprint
  readonly shadow: Blueprint | null
}

export function pack(rules: InForce): PackedInForce {
  return { ...rules, policy: rules.policy.blueprint, shadow: rules.shadow?.blueprint ?? null }
}

/** What was there before is the same object after: what has not changed is not put together, and tunnels not judged, again. */
export function unpack(packed: PackedInForce, before: InForce | null): InForce {
  return {
    ...packed,
    lifts: before !== null && isDeepStrictEqual(packed.lifts, before.lifts) ? before.lifts : packed.lifts,
    policy: unchanged(packed.policy, before?.policy) ?? assemble(packed.policy),
    shadow: packed.shadow && (unchanged(packed.shadow, before?.shadow) ?? assemble(packed.shadow)),
  }
}

function unchanged<P extends { readonly revision: string; readonly mode: string }>(
  { revision, mode }: Blueprint,
  before: P | null | undefined,
): P | null {
  return before?.revision === revision && before.mode === mode ? before : null
}
