/**
 * Counters and histograms whose series are bound once and then cost an addition. prom-client's own work out a key from their
 * labels at each count, which was a thirtieth of all that a denial cost; its registry takes these as it takes its own.
 */
import type { Metric, OpenMetricsContentType, Registry } from 'prom-client'
import type { Family, Sample } from './exposition.ts'
import type { Labels } from './series.ts'

interface Description<L extends string> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly L[]
  readonly registers: readonly Registry<OpenMetricsContentType>[]
}

/** By label values in the order of their names, or by name. */
type LabelArguments<L extends string> = readonly [Readonly<Record<L, string>>] | readonly string[]

/** What both have in common: a family in the registry, whose series come and go. */
abstract class Counting<L extends string, S> {
  readonly name: string
  readonly #help: string
  readonly #labelNames: readonly L[]
  readonly #series = new Map<string, { readonly labels: Labels; readonly series: S }>()

  constructor({ name, help, labelNames, registers }: Description<L>) {
    this.name = name
    this.#help = help
    this.#labelNames = labelNames
    // It asks of a metric what these have: a name, and `get`. Its types ask for the classes of its own.
    for (const registry of registers) registry.registerMetric(this as unknown as Metric<string>)
  }

  protected abstract readonly type: string
  protected abstract begin(labels: Labels): S
  protected abstract samples(series: S, labels: Labels): readonly Sample[]

  /** The series with these labels: from now on it exists, at 0. */
  labels(...given: LabelArguments<L>): S {
    const labels = this.#named(given)
    const key = keyOf(labels)
    const known = this.#series.get(key)
    if (known !== undefined) return known.series
    const series = this.begin(labels)
    this.#series.set(key, { labels, series })
    return series
  }

  remove(labels: Readonly<Record<L, string>>): void {
    this.#series.delete(keyOf(this.#named([labels])))
  }

  /** Called by the registry. */
  async get(): Promise<Family> {
    const values = [...this.#series.values()].flatMap(({ series, labels }) => this.samples(series, labels))
    return { name: this.name, help: this.#help, type: this.type, values }
  }

  #named(given: LabelArguments<L>): Labels {
    const [first] = given
    const told = (name: L, at: number) => (typeof first === 'object' ? first[name] : (given[at] as string)) // the other kind
    return Object.freeze(Object.fromEntries(this.#labelNames.map((name, at) => [name, told(name, at)])))
  }
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.values(labels))
}

/** One series of a counter. */
export class Count {
  value = 0
  /** Of the newest record that was counted here; null where none is. */
  reference: string | null = null

  /** `reference`: of the record that tells of it, to stand beside the value as its exemplar. */
  inc(by = 1, reference: string | null = null): void {
    this.value += by
    if (reference !== null) this.reference = reference
  }
}

export class Counter<L extends string> extends Counting<L, Count> {
  protected readonly type = 'counter'

  constructor(description: Description<L>) {
    super(description)
    if (description.labelNames.length === 0) this.labels()
  }

  /** Where there are no labels. */
  inc(by = 1): void {
    this.labels().inc(by)
  }

  protected begin(): Count {
    return new Count()
  }

  protected samples({ value, reference }: Count, labels: Labels): readonly Sample[] {
    return [reference === null ? { value, labels } : { value, labels, exemplar: exemplarOf(reference) }]
  }
}

/** When it was is told by the reference itself, a UUIDv7; what is none has no place in time, and makes no exemplar. */
function exemplarOf(reference: string) {
  const milliseconds = Number.parseInt(reference.slice(0, 8) + reference.slice(9, 13), 16)
  return Number.isNaN(milliseconds) ? null : { labelSet: { ref: reference }, value: 1, timestamp: milliseconds / 1000 }
}

/** One series of a histogram. */
export class Distribution {
  readonly bounds: readonly number[]
  /** Of the buckets' samples, one more than there are bounds. */
  readonly labels: readonly Sample['labels'][]
  /** By bound, not added up; the last is for what exceeds all of them. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[], labels: Labels) {
    this.bounds = bounds
    this.labels = [...bounds, '+Inf'].map((le) => Object.freeze({ le, ...labels }))
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    let at = 0
    while (at < this.bounds.length && value > this.bounds[at]!) at++ // `at` is within
    this.counts[at]! += 1 // there is one more than bounds
    this.sum += value
  }
}

export class Histogram<L extends string> extends Counting<L, Distribution> {
  protected readonly type = 'histogram'
  readonly #bounds: readonly number[]

  constructor({ buckets, ...description }: Description<L> & { readonly buckets: readonly number[] }) {
    super(description)
    this.#bounds = buckets
    if (description.labelNames.length === 0) this.labels()
  }

  /** Where there are no labels. */
  observe(value: number): void {
    this.labels().observe(value)
  }

  protected begin(labels: Labels): Distribution {
    return new Distribution(this.#bounds, labels)
  }

  protected samples({ labels: bucketLabels, counts, sum }: Distribution, labels: Labels): readonly Sample[] {
    let count = 0
    const buckets = bucketLabels.map((each, at) => {
      count += counts[at]! // as many as labels
      return { metricName: `${this.name}_bucket`, labels: each, value: count }
    })
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ]
  }
}
