/**
 * One answer out of all situations that a past request may have been, or the reason why there is none. Situations in which the
 * rules of then would have said something else than they did are none of them.
 */
import { decide } from '../decide.ts'
import type { Address, Medium, Verdict, VerdictAction } from '../model.ts'
import type { Policy } from '../policy.ts'
import type { Past, PastAsked, PastVerdict, Reason } from './past.ts'

export interface Foreseen {
  readonly segment: string
  readonly medium: Medium
  readonly service: string
  readonly action: VerdictAction
  /** Of several situations that come to the same action: `a or b`. */
  readonly rule: string
  readonly exception: string | null
}

/** What each part of a request may have been; none is empty. */
export interface Situations {
  readonly clients: readonly (Address | null)[]
  readonly times: readonly number[]
  readonly destinations: readonly (Address | null)[]
}

interface Situation {
  readonly source: Address | null
  readonly at: number
  readonly address: Address | null
}

interface Judged extends Situation {
  readonly verdict: Verdict
}

/** `before`: the rules of then; null where they are not known. */
export function foresee(
  policy: Policy,
  before: () => Policy | null,
  asked: PastAsked,
  was: Past['was'],
  situations: Situations,
): Foreseen | Reason {
  const { host, serverName, httpHost } = asked
  // Ports play no part in rules.
  const by = (rules: Policy, situation: Situation) =>
    decide(rules, { ...situation, host, port: asked.port ?? 0, serverName, httpHost })
  const all = allOf(situations)
  const [only] = all
  if (all.length === 1 && only !== undefined) return foreseen([by(policy, only)])
  const old = was.by === 'rules' ? before() : null
  const possible = old === null ? all : all.filter((situation) => isAsItWas(by(old, situation), was))
  // What was on record under break-glass, say, no situation of the file explains.
  const judged = (possible.length === 0 ? all : possible).map((one) => ({ ...one, verdict: by(policy, one) }))
  return reasonOf(judged) ?? foreseen(judged.map(({ verdict }) => verdict))
}

function allOf({ clients, times, destinations }: Situations): readonly Situation[] {
  return clients.flatMap((source) => times.flatMap((at) => destinations.map((address) => ({ source, at, address }))))
}

function isAsItWas({ action, rule, service, exception }: Verdict, was: PastVerdict): boolean {
  const before = was.action === 'sever' ? 'block' : was.action
  return action === before && rule === was.rule && service === was.service && exception === was.exception
}

/** Why the answers differ: by what part of the situation, all others equal; null where they do not. */
function reasonOf(judged: readonly Judged[]): Reason | null {
  const [first] = judged
  if (first === undefined) return null
  const differs = (verdict: Verdict) => verdict.action !== first.verdict.action
  if (!judged.some(({ verdict }) => differs(verdict))) return null
  for (const one of judged) {
    for (const other of judged) {
      if (one.verdict.action === other.verdict.action) continue
      const isClient = one.source !== other.source
      const isTime = one.at !== other.at
      const isDestination = one.address !== other.address
      if (isClient && !isTime && !isDestination)
        return one.verdict.segment.id === other.verdict.segment.id ? 'client-exception' : 'client-segment'
      if (isTime && !isClient && !isDestination) return 'hour'
      if (isDestination && !isClient && !isTime) return 'destination-address'
    }
  }
  return 'hour'
}

/** Verdicts of one action. */
export function foreseen(verdicts: readonly Verdict[]): Foreseen {
  const [first] = verdicts
  if (first === undefined) throw new RangeError('a request has at least one situation')
  const { segment, service, action, exception } = first
  const rule = verdicts.length === 1 ? first.rule : [...new Set(verdicts.map((verdict) => verdict.rule))].join(' or ')
  return { segment: segment.id, medium: segment.medium, service, action, rule, exception }
}
