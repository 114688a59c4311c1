/**
 * Break-glass: rules lifted on a running proxy, for everybody and until an instant. It lies over a compiled Policy: no table is
 * made anew and the revision stays, since the rules as written have not changed. It ends by the clock, as exceptions do.
 */
import { quoted } from './address.ts'
import { buildCandidates } from './conditions.ts'
import type { ExceptionEntry } from './model.ts'
import type { Exception, Lift, Policy, Rule, Ruling } from './policy.ts'
import { didYouMean } from './problems.ts'

/** What lifts everything that blocks; reserved, so that no rule has it as its id. */
export const ALL_RULES = 'all'
/** Most that a message names of a longer list. */
const MOST_NAMED = 20

const ID = /^breakglass-\d{8}T\d{6}Z(?:-\d{1,3})?$/

/** Whether what let a request through was break-glass, and no exception of the rule file. */
export function isBreakglassId(id: string): boolean {
  return ID.test(id)
}

/** Plain data, so that it can be sent to another thread. */
export interface RuleLift {
  /** As `landline.exception` in the records of what it lets through: `breakglass-20261202T173000Z-417`. */
  readonly id: string
  /** Ids of rules, `otherwise` and `ip_literals` among them; or `all` alone. */
  readonly rules: readonly string[]
  /** In force before this instant, in milliseconds since 1970. */
  readonly until: number
}

/** The policy with what the lifts take out of it; the policy itself where there are none. What does not block is left as it is. */
export function withLifts(policy: Policy, lifts: readonly RuleLift[]): Policy {
  if (lifts.length === 0) return policy
  const everybody = new Set([...policy.segments.keys(), policy.unknownSeat.segment.id])
  const exceptions = lifts.map((lift) => exceptionOf(lift, everybody))
  const rules = policy.rules.map((rule) => withMore(rule, exceptions))
  const { segmentKinds, serviceKinds } = policy.candidates
  const seats = segmentKinds.flatMap((segments, kind) => segments.map((segment) => ({ segment, kind })))
  return Object.freeze({
    ...policy,
    rules: Object.freeze(rules),
    candidates: buildCandidates(rules, seats, serviceKinds.flat()),
    otherwiseLifts: liftsOf(policy.otherwise, exceptions),
    ipLiteralsLifts: liftsOf(policy.ipLiterals, exceptions),
  })
}

/** Why these rules cannot be lifted, with what could be; null where they can. */
export function liftProblem(policy: Policy, rules: readonly string[]): string | null {
  const blocking = blockingIds(policy)
  if (blocking.length === 0)
    return `nothing blocks under these rules (mode ${policy.mode}), so there is nothing to lift`
  if (rules.includes(ALL_RULES)) return rules.length === 1 ? null : '"all" is given with other rules; give it alone'
  if (rules.length === 0) return 'no rule is given; name rules, or "all"'
  const rulings = rulingsById(policy)
  for (const id of rules) {
    const ruling = rulings.get(id)
    if (id === 'unknown_clients') return 'unknown_clients is never lifted: nobody could say who was let through'
    if (ruling === undefined)
      return `there is no rule ${quoted(id)}${didYouMean(id, rulings.keys())}; what blocks is ${named(blocking)}`
    if (!blocking.includes(id))
      return `rule ${quoted(id)} does not block (${ruling}); what blocks is ${named(blocking)}`
  }
  return null
}

function blockingIds(policy: Policy): readonly string[] {
  return [...rulingsById(policy)].flatMap(([id, ruling]) => (ruling === 'block' ? [id] : []))
}

/** What each rule, and what stands for one, does where it matches. */
function rulingsById({ rules, otherwise, ipLiterals }: Policy): ReadonlyMap<string, string> {
  const written = rules.map(({ entry, ruling }) => [entry.id, entry.mode === 'off' ? 'off' : ruling.action] as const)
  return new Map([...written, [otherwise.rule, otherwise.action], [ipLiterals.rule, ipLiterals.action]])
}

function named(ids: readonly string[]): string {
  const more = ids.length > MOST_NAMED ? `, and ${ids.length - MOST_NAMED} more` : ''
  return `${ids.slice(0, MOST_NAMED).join(', ')}${more}`
}

function exceptionOf({ id, rules, until }: RuleLift, everybody: ReadonlySet<string>): Exception {
  const entry: ExceptionEntry = {
    id,
    rules,
    from: null,
    segments: null,
    startsAt: null,
    expiresAt: until,
    reason: 'break-glass',
    ticket: '',
    approver: '',
    place: { file: '', line: 0, column: 0 },
  }
  return Object.freeze({ entry, sources: null, segments: everybody })
}

function withMore(rule: Rule, exceptions: readonly Exception[]): Rule {
  const more = liftsOf(rule.ruling, exceptions)
  // Those of the file come first: what they let through needed no break-glass.
  return more.length === 0 ? rule : Object.freeze({ ...rule, lifts: Object.freeze([...rule.lifts, ...more]) })
}

function liftsOf(ruling: Ruling, exceptions: readonly Exception[]): readonly Lift[] {
  if (ruling.action !== 'block') return []
  return exceptions
    .filter(({ entry: { rules } }) => rules.includes(ALL_RULES) || rules.includes(ruling.rule))
    .map((exception) => {
      const { id } = exception.entry
      return { exception, ruling: Object.freeze({ ...ruling, action: 'except', exception: id }), isBreakglass: true }
    })
}
