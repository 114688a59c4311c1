/**
 * Series bound beforehand. Whoever counts asks for one by a value that may come from a client; it finds one that was made
 * at start or at a reload, or `other`, so that no request can make a series.
 */

export type Labels = Readonly<Record<string, string>>

/** The value for whatever is not in the set. */
export const OTHER = 'other'

/** How many values of one label have series of their own; what comes after them in the rule file counts as `other`. */
export const MOST_VALUES = 400

/** Label values are written with `_`, whatever the records write. */
export function labelValue(text: string): string {
  return text.replaceAll('-', '_')
}

/** Something bound to each value, once. What is not among them finds what is bound to `other`, where that is; else nothing. */
export function bindEach<B>(values: readonly string[], bind: (value: string) => B): (value: string) => B | undefined {
  const bound = new Map(values.map((value) => [value, bind(labelValue(value))]))
  return (value) => bound.get(value) ?? bound.get(OTHER)
}

interface Observable {
  observe(value: number): void
}

/** Observes, unless it makes no sense: a sum that is not a number is none ever after. Finite, as clocks are. */
export function observe(histogram: Observable | undefined, seconds: number): void {
  if (seconds >= 0) histogram?.observe(seconds)
}

interface RowsOptions<B> {
  /** Makes the series, at 0. */
  readonly bind: (labels: Labels) => B
  readonly remove: (labels: Labels) => void
}

/** Rows of series, one row for each id of the rule file, that come and go with it. */
export class Rows<B> {
  readonly #options: RowsOptions<B>
  #rows = new Map<string, { readonly labels: readonly Labels[]; readonly series: readonly B[] }>()

  constructor(options: RowsOptions<B>) {
    this.#options = options
  }

  /** From now on there are these rows, beyond `MOST_VALUES` none, and one for `other`. A row that was there before goes on counting. */
  keep(ids: Iterable<string>, labelsOf: (id: string) => readonly Labels[]): void {
    const wanted = new Map([OTHER, ...[...ids].slice(0, MOST_VALUES)].map((id) => [id, labelsOf(id)]))
    for (const [id, { labels }] of this.#rows) {
      if (sameLabels(labels, wanted.get(id))) continue
      for (const each of labels) this.#options.remove(each)
      this.#rows.delete(id)
    }
    for (const [id, labels] of wanted) {
      if (!this.#rows.has(id)) this.#rows.set(id, { labels, series: labels.map(this.#options.bind) })
    }
  }

  /** The series at that place in the id's row, or in the row of `other`; undefined before the first `keep`. */
  at(id: string, place: number): B | undefined {
    return (this.#rows.get(id) ?? this.#rows.get(OTHER))?.series[place]
  }
}

function sameLabels(x: readonly Labels[], y: readonly Labels[] | undefined): boolean {
  return JSON.stringify(x) === JSON.stringify(y)
}
