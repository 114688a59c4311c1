/** Counts verdicts: by service, by segment, by rule, by exception. Its series follow the rule file. */
import { isBreakglassId } from '../rules/breakglass.ts'
import type { ExchangeEnd } from '../rules/events.ts'
import { MEDIA, type Medium, type Mode, VERDICT_ACTIONS } from '../rules/model.ts'
import type { Instruments } from './instruments.ts'
import { type Labels, labelValue, Rows, started } from './series.ts'

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

/** Beyond the rules of the file: what else decides. Traffic that nothing decided on matches no rule. */
const BUILT_IN_RULES = ['otherwise', 'ip_literals', 'unknown_clients']
const NONE = 'none'
const BREAKGLASS = 'breakglass'
const ACTIONS = VERDICT_ACTIONS.map(labelValue)
/** An exemplar is refused beyond 128 characters; a reference is a UUID. */
const MAX_REFERENCE_LENGTH = 64

export function createDecisions(instruments: Instruments): Decisions {
  // Bound to the argument of `inc`, which has this form where there are exemplars.
  const services = new Rows({
    bind(labels) {
      instruments.decisions.inc({ labels, value: 0 })
      return Object.freeze({ labels, value: 1 })
    },
    remove: (labels) => instruments.decisions.remove(labels),
  })
  const segments = rowsOf(instruments.segmentDecisions)
  const rules = rowsOf(instruments.ruleMatches)
  const exceptions = rowsOf(instruments.exceptionUses)

  return {
    keep(policy) {
      const media = new Map(policy.segments.map(({ id, medium }) => [id, medium]))
      services.keep([NONE, ...policy.services], (service) =>
        ACTIONS.flatMap((action) => MEDIA.map((medium) => ({ action, medium, service }))),
      )
      segments.keep(['unknown', ...media.keys()], (segment) =>
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
      const increase = services.at(verdict.service, place * MEDIA.length + MEDIA.indexOf(segment.medium))
      const isDenial = action === 'block' || action === 'refuse'
      if (increase && isDenial && reference !== null && reference.length <= MAX_REFERENCE_LENGTH) {
        const exemplarLabels: object = { ref: reference } // prom-client's types would have it named like the counter's labels
        instruments.decisions.inc({ ...increase, exemplarLabels })
      } else if (increase) instruments.decisions.inc(increase)
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

interface Labelled {
  labels(labels: Labels): { inc(value?: number): void }
  remove(labels: Labels): void
}

function rowsOf(counter: Labelled) {
  return new Rows({
    bind: (labels) => started(counter.labels(labels)),
    remove: (labels) => counter.remove(labels),
  })
}
