/** Counts verdicts: by service, by segment, by rule, by exception. Its series follow the rule file. */
import { isBreakglassId } from '../rules/breakglass.ts'
import type { ExchangeEnd } from '../rules/events.ts'
import { MEDIA, type Medium, type Mode, VERDICT_ACTIONS } from '../rules/model.ts'
import type { Counter } from './counting.ts'
import type { Instruments } from './instruments.ts'
import { BREAKGLASS, BUILT_IN_RULES, LABELS, NONE, UNKNOWN } from './labels.ts'
import { type Labels, Rows } from './series.ts'

/** What of a policy the metrics must know, to have its series ready. */
export interface PolicyLabels {
  readonly name: string
  readonly revision: string
  readonly mode: Mode
  readonly segments: readonly { readonly id: string; readonly medium: Medium }[]
  /** Ids; `none` and `other` are added. */
  readonly services: readonly string[]
  /** Ids; `otherwise`, `ip_literals` and `unknown_clients` are added. */
  readonly rules: readonly string[]
  /** `expiresAt` in milliseconds since 1970. */
  readonly exceptions: readonly { readonly id: string; readonly expiresAt: number }[]
}

export interface Decisions {
  keep(policy: PolicyLabels): void
  count(end: ExchangeEnd): void
}

const ACTIONS = LABELS.action
/** An exemplar is refused beyond 128 characters; a reference is a UUID. */
const MAX_REFERENCE_LENGTH = 64

export function createDecisions(instruments: Instruments): Decisions {
  const services = rowsOf(instruments.decisions)
  const segments = rowsOf(instruments.segmentDecisions)
  const rules = rowsOf(instruments.ruleMatches)
  const exceptions = rowsOf(instruments.exceptionUses)

  return {
    keep(policy) {
      const media = new Map(policy.segments.map(({ id, medium }) => [id, medium]))
      services.keep([NONE, ...policy.services], (service) =>
        ACTIONS.flatMap((action) => MEDIA.map((medium) => ({ action, medium, service }))),
      )
      segments.keep([UNKNOWN, ...media.keys()], (segment) =>
        ACTIONS.map((action) => ({ segment, medium: media.get(segment) ?? 'unknown', action })),
      )
      rules.keep([...BUILT_IN_RULES, ...policy.rules], (rule) => ACTIONS.map((action) => ({ rule, action })))
      exceptions.keep([BREAKGLASS, ...policy.exceptions.map(({ id }) => id)], (exception) => [{ exception }])
    },
    count({ verdict, refused, bareAddress, reference }) {
      if (verdict === null) return
      const action = refused ? 'refuse' : verdict.action
      if (verdict.service === NONE && !bareAddress && action !== 'refuse') return
      const place = VERDICT_ACTIONS.indexOf(action)
      const { segment } = verdict
      const isDenial = action === 'block' || action === 'refuse'
      const exemplar = isDenial && reference !== null && reference.length <= MAX_REFERENCE_LENGTH ? reference : null
      services.at(verdict.service, place * MEDIA.length + MEDIA.indexOf(segment.medium))?.inc(1, exemplar)
      segments.at(segment.id, place)?.inc()
      // What the rule said, also where the guard or the port list then refused.
      if (verdict.rule !== NONE) rules.at(verdict.rule, VERDICT_ACTIONS.indexOf(verdict.action))?.inc()
      if (verdict.exception !== null) exceptions.at(exceptionLabel(verdict.exception), 0)?.inc()
    },
  }
}

/** Each break-glass has an id of its own, of which there may be any number. */
function exceptionLabel(id: string): string {
  return isBreakglassId(id) ? BREAKGLASS : id
}

function rowsOf<L extends string>(counter: Counter<L>) {
  // Those who ask for rows below give each its counter's labels.
  const own = (labels: Labels) => labels as Readonly<Record<L, string>>
  return new Rows({ bind: (labels) => counter.labels(own(labels)), remove: (labels) => counter.remove(own(labels)) })
}
