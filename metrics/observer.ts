/** What the data plane tells, counted as it goes. Never throws: a request must not end because it could not be counted. */
import {
  ERROR_TYPES,
  EXCHANGE_KINDS,
  LIMITS,
  type Observer,
  OUTCOMES,
  REJUDGED_FATES,
  SUSPECT_REASONS,
} from '../rules/events.ts'
import type { Decisions } from './decisions.ts'
import type { Instruments } from './instruments.ts'
import { DIAL_RESULTS, DIRECTIONS, LOOKUP_RESULTS } from './labels.ts'
import { bindEach, OTHER, observe } from './series.ts'
import type { ShadowCounts } from './shadow.ts'

export function createObserver(instruments: Instruments, decisions: Decisions, shadow: ShadowCounts): Observer {
  const requests = bindEach(EXCHANGE_KINDS, (kind) =>
    bindEach(OUTCOMES, (outcome) => instruments.requests.labels(kind, outcome)),
  )
  const errors = bindEach([...ERROR_TYPES, OTHER], (error) => instruments.errors.labels(error))
  const limits = bindEach([...LIMITS, OTHER], (limit) => instruments.limits.labels(limit))
  const suspects = bindEach([...SUSPECT_REASONS, OTHER], (reason) => instruments.suspects.labels(reason))
  const rejudged = bindEach(REJUDGED_FATES, (fate) => instruments.tunnelsRejudged.labels(fate))
  const bytes = bindEach(DIRECTIONS, (direction) => instruments.tunnelBytes.labels(direction))
  const setups = bindEach(EXCHANGE_KINDS, (kind) => instruments.requestSetup.labels(kind))
  const deciding = bindEach(EXCHANGE_KINDS, (kind) => instruments.decision.labels(kind))
  const dials = bindEach(DIAL_RESULTS, (result) => instruments.upstreamConnect.labels(result))
  const lookups = bindEach(LOOKUP_RESULTS, (result) => instruments.dnsLookup.labels(result))

  return {
    ended(end) {
      requests(end.kind)?.(end.outcome)?.inc()
      if (end.error !== null) errors(end.error)?.inc()
      if (end.setupSeconds !== null) observe(setups(end.kind), end.setupSeconds)
      if (end.decisionSeconds !== null) observe(deciding(end.kind), end.decisionSeconds)
      decisions.count(end)
      shadow.count(end)
    },
    dialled: (result, seconds) => observe(dials(result), seconds),
    resolved: (result, seconds) => observe(lookups(result), seconds),
    tunnelOpened: () => instruments.tunnelsActive.inc(),
    tunnelClosed(seconds) {
      instruments.tunnelsActive.dec()
      observe(instruments.tunnelSeconds, seconds)
    },
    tunnelBytes(direction, count) {
      if (count > 0) bytes(direction)?.inc(count)
    },
    limitReached: (limit) => limits(limit)?.inc(),
    tunnelsRejudged: (fate, count) => rejudged(fate)?.inc(count),
    clientSuspect: (reason) => suspects(reason)?.inc(),
  }
}
