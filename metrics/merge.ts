/** What several threads counted, as one: the same series is added up, and of exemplars the newest is kept. */
import type { Family, Sample } from './exposition.ts'

/**
 * The families of the first list, each sample the sum over all lists. A series that only others have (of a rule that has gone
 * from the file) is left out, so that a thread that is late, or dead, brings nothing back.
 */
export function mergeFamilies([first = [], ...others]: readonly (readonly Family[])[]): readonly Family[] {
  if (others.length === 0) return first
  const sums = new Map(addUp(others).map((family) => [family.name, samplesOf(family)]))
  return first.map((family) => {
    const samples = sums.get(family.name)
    if (samples === undefined) return family
    const values = family.values.map((sample) => plus(sample, samples.get(seriesOf(sample))))
    return { ...family, values: OCCURRING.has(family.name) ? [...values, ...onlyIn(samples, family)] : values }
  })
}

/** Series that are made as they occur, so that any thread may have one that no other has. */
const OCCURRING: ReadonlySet<string> = new Set(['landline_shadow_differences_total'])

function onlyIn(samples: ReadonlyMap<string, Sample>, family: Family): readonly Sample[] {
  const known = samplesOf(family)
  return [...samples].flatMap(([series, sample]) => (known.has(series) ? [] : [sample]))
}

/** Every family and series of any list. */
export function addUp(lists: readonly (readonly Family[])[]): readonly Family[] {
  const families = new Map<string, { readonly family: Family; readonly samples: Map<string, Sample> }>()
  for (const family of lists.flat()) {
    const known = families.get(family.name)
    if (known === undefined) families.set(family.name, { family, samples: samplesOf(family) })
    else
      for (const [series, sample] of samplesOf(family))
        known.samples.set(series, plus(sample, known.samples.get(series)))
  }
  return [...families.values()].map(({ family, samples }) => ({ ...family, values: [...samples.values()] }))
}

/** What only grows: a gauge says what is now, and of what has ended that is nothing. */
export function amountsOf(families: readonly Family[]): readonly Family[] {
  return families.filter(({ type }) => type !== 'gauge')
}

function samplesOf({ values }: Family): Map<string, Sample> {
  return new Map(values.map((sample) => [seriesOf(sample), sample]))
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
