/**
 * Metric families → the text that Prometheus reads, in its own format or in OpenMetrics. Our own writer: prom-client's turns
 * the names of all counters into OpenMetrics' for good once it is asked for that, and cannot write what several workers counted.
 */

export interface Sample {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  /** Where it is not the family's: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string
  readonly exemplar?: {
    readonly labelSet: Readonly<Record<string, string | number>>
    readonly value: number
    /** Seconds since 1970. */
    readonly timestamp: number
  } | null
}

/** As prom-client's `getMetricsAsJSON` gives it. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly Sample[]
}

export const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** The whole exposition. Exemplars are in OpenMetrics alone: the other format has no place for them. */
export function exposition(families: readonly Family[], openMetrics: boolean): string {
  const lines: string[] = []
  for (const { name, help, type, values } of families) {
    // OpenMetrics names a counter's family without `_total`, and each of its samples with it.
    const base = openMetrics && type === 'counter' ? name.replace(/_total$/, '') : name
    const own = openMetrics && type === 'counter' ? `${base}_total` : name
    lines.push(`# HELP ${base} ${escapeHelp(help, openMetrics)}`, `# TYPE ${base} ${type}`)
    for (const sample of values) {
      lines.push(
        `${sample.metricName ?? own}${labelText(sample.labels)} ${numberText(sample.value)}${openMetrics ? exemplarText(sample) : ''}`,
      )
    }
  }
  if (openMetrics) lines.push('# EOF')
  return `${lines.join('\n')}\n`
}

function exemplarText({ exemplar }: Sample): string {
  if (!exemplar) return ''
  return ` # ${labelText(exemplar.labelSet) || '{}'} ${numberText(exemplar.value)} ${exemplar.timestamp}`
}

/** Of series that stay, whose labels are frozen: a scrape of ten thousand of them would else keep requests waiting for milliseconds. */
const labelTexts = new WeakMap<Sample['labels'], string>()

function labelText(labels: Sample['labels']): string {
  const known = labelTexts.get(labels)
  if (known !== undefined) return known
  const parts: string[] = []
  for (const name in labels) parts.push(`${name}="${escapeValue(String(labels[name]))}"`)
  const text = parts.length === 0 ? '' : `{${parts.join(',')}}`
  if (Object.isFrozen(labels)) labelTexts.set(labels, text)
  return text
}

function numberText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}

function escapeValue(text: string): string {
  return /[\\"\n]/.test(text) ? text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"') : text
}

function escapeHelp(text: string, openMetrics: boolean): string {
  const escaped = text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')
  return openMetrics ? escaped.replace(/"/g, '\\"') : escaped
}
