/** Numbers as people read them, by Grafana's ids of units; names of series by their legends. */

const SECONDS: readonly (readonly [from: number, unit: string])[] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
]
const BYTES: readonly (readonly [from: number, unit: string])[] = [
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
  [1, 'B'],
]
const RATES: Readonly<Record<string, string>> = { reqps: ' req/s', ops: ' /s', cps: ' /s' }

export function inWords(value: number, unit: string): string {
  if (unit === 'percentunit') return `${rounded(100 * value)} %`
  if (unit === 's') return scaled(value, SECONDS)
  if (unit === 'bytes') return scaled(value, BYTES)
  if (unit === 'binBps') return `${scaled(value, BYTES)}/s`
  return `${rounded(value)}${RATES[unit] ?? ''}`
}

function scaled(value: number, steps: readonly (readonly [number, string])[]): string {
  if (value === 0) return '0'
  const [from, unit] = steps.find(([least]) => Math.abs(value) >= least) ?? steps.at(-1) ?? [1, '']
  return `${rounded(value / from)} ${unit}`
}

function rounded(value: number): string {
  return value.toLocaleString('en', {
    maximumSignificantDigits: Math.abs(value) >= 1000 ? 15 : 3,
    maximumFractionDigits: 0,
  })
}

/** `{{label}}` filled in. Without a legend: what tells the series apart. */
export function nameOf(labels: Readonly<Record<string, string>>, legend: string): string {
  if (legend !== '__auto') return legend.replace(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '')
  return Object.values(labels).join(' ')
}
