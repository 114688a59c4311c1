/**
 * How often a shadow would have decided otherwise, by segment, service and the two actions. Of all that these could make
 * together only what occurs has a series, and so many of them at most.
 */
import { type ExchangeEnd, SHADOW_RESULTS } from '../rules/events.ts'
import type { PolicyLabels } from './decisions.ts'
import type { Instruments } from './instruments.ts'
import { NONE, UNKNOWN } from './labels.ts'
import { bindEach, labelValue, MOST_VALUES, OTHER } from './series.ts'

/** What comes after so many counts as `other`, by the actions alone. */
const MOST_SERIES = 1000

/** What of a shadow's rules the metrics must know. */
export type ShadowLabels = Pick<PolicyLabels, 'name' | 'revision' | 'services'>

type Ids = ReadonlySet<string>
interface Series {
  readonly labels: { readonly segment: string; readonly service: string; readonly action: string }
  readonly remove: () => void
  readonly inc: () => void
}

export class ShadowCounts {
  #instruments: Instruments
  #results: (result: string) => { inc(): void } | undefined
  #segments: Ids = new Set()
  #services: Ids = new Set()
  #series = new Map<string, Series>()
  #revision: string | null = null

  constructor(instruments: Instruments) {
    this.#instruments = instruments
    this.#results = bindEach(SHADOW_RESULTS, (result) => instruments.shadowRequests.labels(result))
  }

  /** From now on there are these ids. Another shadow begins at nothing: its differences are others. */
  keep({ segments, services }: PolicyLabels, shadow: ShadowLabels | null): void {
    this.#segments = new Set([UNKNOWN, OTHER, ...segments.slice(0, MOST_VALUES).map(({ id }) => id)])
    this.#services = new Set([NONE, OTHER, ...services, ...(shadow?.services ?? [])].slice(0, MOST_VALUES + 2))
    const isAnother = (shadow?.revision ?? null) !== this.#revision
    this.#revision = shadow?.revision ?? null
    for (const [key, { labels, remove }] of this.#series) {
      if (!isAnother && this.#segments.has(labels.segment) && this.#services.has(labels.service)) continue
      remove()
      this.#series.delete(key)
    }
  }

  count({ verdict, shadow }: ExchangeEnd): void {
    if (shadow == null || verdict === null) return
    this.#results(shadow.result)?.inc()
    if (shadow.result !== 'different') return
    const segment = this.#segments.has(verdict.segment.id) ? verdict.segment.id : OTHER
    const service = this.#services.has(shadow.service) ? shadow.service : OTHER
    const actions = [labelValue(verdict.action), labelValue(shadow.action)] as const
    const found = this.#series.get(keyOf(segment, service, actions))
    if (found !== undefined) found.inc()
    else if (this.#series.size < MOST_SERIES) this.#begin(segment, service, actions).inc()
    else (this.#series.get(keyOf(OTHER, OTHER, actions)) ?? this.#begin(OTHER, OTHER, actions)).inc()
  }

  #begin(segment: string, service: string, actions: readonly [string, string]): Series {
    const labels = { segment, service, action: actions[0], shadow_action: actions[1] }
    const counter = this.#instruments.shadowDifferences.labels(labels)
    const remove = () => this.#instruments.shadowDifferences.remove(labels)
    const series = { labels, remove, inc: () => counter.inc(1) }
    this.#series.set(keyOf(segment, service, actions), series)
    return series
  }
}

function keyOf(segment: string, service: string, actions: readonly [string, string]): string {
  return `${segment} ${service} ${actions[0]} ${actions[1]}`
}
