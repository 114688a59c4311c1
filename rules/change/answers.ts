/**
 * The answers that one request can get as time goes by: what `decide` would say at one instant or another, with each
 * `during` and each exception open or closed. A test without `at` needs that to be one.
 */
import { classify, isUnknownAddress, replaces, seatOf, settle } from '../decide.ts'
import { isFor } from '../exceptions.ts'
import type { Evidence } from '../model.ts'
import type { Lift, Policy, Ruling, Seat, Service } from '../policy.ts'

export interface Answers {
  /** `block`, or `block by zoom-fixed-only`. */
  readonly answers: ReadonlySet<string>
  /** What makes the difference: rules with a `during`, exceptions. */
  readonly clocks: ReadonlySet<string>
}

/**
 * The possible answers from `evidence.at` on, with their rules or without. What opens and closes together is not worked out: where one
 * `during` begins as another ends, an answer that needs both closed is listed too.
 */
export function answersOf(policy: Policy, evidence: Evidence, withRule: boolean): Answers {
  const clocks = new Set<string>()
  const rulings = rulingsOf(policy, evidence, clocks)
  const answers = new Set([...rulings].map(({ action, rule }) => (withRule ? `${action} by ${rule}` : action)))
  return { answers, clocks }
}

/** As `decide`, with a set of rulings in place of one. None stands for a refusal, which time does not change. */
function rulingsOf(policy: Policy, evidence: Evidence, clocks: Set<string>): ReadonlySet<Ruling> {
  const seat = seatOf(policy, evidence.source)
  if (seat === policy.unknownSeat && policy.unknownClients === 'refuse') return new Set()
  const matches = classify(policy, evidence)
  let standing = new Set([isUnknownAddress(seat, evidence, matches) ? policy.ipLiterals : policy.unjudged])
  for (const { service: id } of matches) {
    const service = policy.services.get(id)
    if (service === undefined) continue
    const next = judgements(policy, seat, service, evidence, clocks)
    const stricter = new Set<Ruling>()
    for (const x of standing) {
      for (const y of next) stricter.add(replaces(y, x, !isOfNoService(policy, x)) ? y : x)
    }
    standing = stricter
  }
  return standing
}

function isOfNoService({ ipLiterals, unjudged }: Policy, ruling: Ruling): boolean {
  return ruling === ipLiterals || ruling === unjudged
}

/** As `judge`, at all times from `at` on. Every exception ends, so that its rule can also stand. */
function judgements(
  policy: Policy,
  seat: Seat,
  service: Service,
  { source, at }: Evidence,
  clocks: Set<string>,
): ReadonlySet<Ruling> {
  const rulings = new Set<Ruling>()
  let lifted = new Set<Lift | null>([null])
  for (const rule of policy.candidates.of(seat.kind, service.kind)) {
    const lifts = rule.lifts.filter(
      ({ exception }) => exception.entry.expiresAt > at && isFor(exception, seat.segment.id, source),
    )
    for (const lift of lifted) rulings.add(settle(rule.ruling, lift))
    if (rule.entry.during === null && lifts.length === 0) return rulings
    if (rule.entry.during !== null) clocks.add(`the "during" of rule "${rule.entry.id}"`)
    for (const { exception } of lifts) clocks.add(`exception "${exception.entry.id}"`)
    const passed = new Set(rule.entry.during === null ? [] : lifted)
    for (const before of lifted) for (const lift of lifts) passed.add(before ?? lift)
    lifted = passed
  }
  for (const lift of lifted) rulings.add(settle(policy.otherwise, lift))
  return rulings
}
