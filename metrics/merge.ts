/**
 * What several threads counted, as one: the same series is added up. The first list says what there is; a series that only
 * others have (of a rule that has gone from the file) is left out, so that a late or dead thread brings nothing back.
 */
import type { Family, Sample } from './exposition.ts'

/** The families of the first list, each sample the sum over all lists; of exemplars the newest. */
export function mergeFamilies(lists: readonly (readonly Family[])[]): readonly Family[] {
  const [first = [], ...others] = lists
  if (others.length === 0) return first
  const byName = others.map((families) => new Map(families.map((family) => [family.name, family])))
  return first.map((family) => {
    const same = byName.flatMap((families) => families.get(family.name) ?? [])
    if (same.length === 0) return family
    const all = OCCURRING.has(family.name) ? withZeros(family.values, same) : family.values
    return { ...family, values: addUp(all, same) }
  })
}

/** Series that are made as they occur, so that any thread may have one that no other has. */
const OCCURRING: ReadonlySet<string> = new Set(['landline_shadow_differences_total'])

function withZeros(values: readonly Sample[], others: readonly Family[]): readonly Sample[] {
  const all = new Map(values.map((sample) => [seriesOf(sample), sample]))
  for (const sample of others.flatMap(({ values }) => values)) {
    const series = seriesOf(sample)
    if (!all.has(series)) all.set(series, { ...sample, value: 0 })
  }
  return [...all.values()]
}

function addUp(values: readonly Sample[], others: readonly Family[]): readonly Sample[] {
  const bySeries = others.map(({ values }) => new Map(values.map((sample) => [seriesOf(sample), sample])))
  return values.map((sample) => {
    const series = seriesOf(sample)
    return bySeries.reduce((sum, samples) => plus(sum, samples.get(series)), sample)
  })
}

function plus(sum: Sample, other: Sample | undefined): Sample {
  if (other === undefined) return sum
  const { exemplar } = other
  const isNewer = exemplar != null && exemplar.timestamp > (sum.exemplar?.timestamp ?? Number.NEGATIVE_INFINITY)
  return { ...sum, value: sum.value + other.value, ...(isNewer ? { exemplar } : {}) }
}

/** Labels in any order: prom-client writes them in the order in which they were given. */
function seriesOf({ metricName = '', labels }: Sample): string {
  const parts = Object.keys(labels)
    .sort()
    .map((name) => `${name}=${JSON.stringify(labels[name])}`)
  return `${metricName} ${parts.join(' ')}`
}
