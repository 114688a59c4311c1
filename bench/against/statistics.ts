/** What is said of a handful of rounds: the middle, and how far they lie apart. */

export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
  readonly rounds: number
}

/** NaN throughout where there is no round. */
export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const at = (index: number) => sorted[index] ?? Number.NaN
  const median = (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2
  return { median, least: at(0), most: at(sorted.length - 1), rounds: sorted.length }
}

/** Round by round, so that what slowed the machine for one round slowed both sides of its ratio. */
export function ratios(ours: readonly number[], theirs: readonly number[]): Summary {
  return summarise(ours.slice(0, theirs.length).map((value, round) => value / (theirs[round] ?? Number.NaN)))
}

/** Of ratios, each two that follow one another: what made one of them larger made the other smaller. */
export function middlesOfTwo(values: readonly number[]): Summary {
  const seconds = values.filter((_, at) => at % 2 === 1)
  return summarise(seconds.map((second, pair) => Math.sqrt((values[2 * pair] ?? Number.NaN) * second)))
}

/** The value below which that share of the sorted values lies. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
