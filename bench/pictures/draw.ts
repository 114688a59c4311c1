/** A dashboard as SVG: each panel in its place, drawn plainly from what Prometheus answers to its queries. */
import type { Sample } from '../../test/deploy/monitoring.ts'
import { inWords, nameOf } from './words.ts'

/** Of a panel, as much as is drawn. */
export interface DrawnPanel {
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly instant?: boolean; readonly legendFormat: string }[]
  readonly transformations?: readonly { readonly id: string; readonly options: unknown }[]
  readonly options: { readonly stacking?: unknown }
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string
      readonly noValue?: string
      readonly thresholds?: { readonly steps: readonly { readonly value: number | null; readonly color: string }[] }
      readonly mappings?: readonly { readonly options: Readonly<Record<string, { readonly text: string }>> }[]
      readonly custom?: { readonly stacking?: { readonly mode: string } }
    }
    readonly overrides: readonly {
      readonly matcher: { readonly options: string }
      readonly properties: readonly { readonly id: string; readonly value: unknown }[]
    }[]
  }
}

/** The answers to a panel's queries, in their order. */
export type Answers = readonly (readonly Sample[])[]

const COLUMN = 50
const ROW = 30
const GAP = 4
const COLOURS: Readonly<Record<string, string>> = {
  green: '#3a9a50',
  yellow: '#d9a400',
  orange: '#e07b1a',
  red: '#d03b3b',
  'dark-red': '#8a1c2b',
  blue: '#3b78c4',
  purple: '#8a5bc2',
  text: '#333',
}
const PALETTE = ['#3b78c4', '#3a9a50', '#e07b1a', '#8a5bc2', '#d03b3b', '#16808a', '#a0651f', '#666']

interface Box {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export function svgOf(title: string, panels: readonly (readonly [DrawnPanel, Answers])[], caption: string): string {
  const bottom = Math.max(...panels.map(([{ gridPos }]) => gridPos.y + gridPos.h)) * ROW
  const drawn = panels.map(([panel, answers]) => panelOf(panel, answers))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${24 * COLUMN} ${bottom + 24}" font-family="sans-serif" font-size="11">
<title>${title}</title>
<rect width="100%" height="100%" fill="#f4f5f7"/>
${drawn.join('\n')}
${text(GAP + 4, bottom + 16, caption, '#555')}
</svg>
`
}

function panelOf(panel: DrawnPanel, answers: Answers): string {
  const { x, y, w, h } = panel.gridPos
  const box = { x: x * COLUMN + GAP, y: y * ROW + GAP, w: w * COLUMN - 2 * GAP, h: h * ROW - 2 * GAP }
  if (panel.type === 'row') return text(box.x + 4, box.y + 16, panel.title, '#222', 'font-size="14" font-weight="bold"')
  const inner = { x: box.x + 10, y: box.y + 26, w: box.w - 20, h: box.h - 34 }
  const parts = {
    stat: () => stat(panel, answers, box),
    timeseries: () => lines(panel, answers, inner),
    bargauge: () => bars(panel, answers, inner),
    table: () => table(panel, answers, inner),
  }
  const draw = parts[panel.type as keyof typeof parts]
  const isFilled = panel.type === 'stat'
  const frame = `<rect x="${box.x}" y="${box.y}" width="${box.w}" height="${box.h}" fill="#fff" stroke="#d5d8dc" rx="2"/>`
  return `${frame}${draw()}${text(box.x + 8, box.y + 17, panel.title, isFilled && stepsOf(panel).length > 1 ? '#fff' : '#222', 'font-weight="bold"', box.w - 12)}`
}

const unitOf = ({ fieldConfig }: DrawnPanel) => fieldConfig?.defaults.unit ?? 'none'
const stepsOf = ({ fieldConfig }: DrawnPanel) => fieldConfig?.defaults.thresholds?.steps ?? []

function colourAt(steps: ReturnType<typeof stepsOf>, value: number): string {
  const step = steps.findLast(({ value: from }) => from === null || value >= from)
  return COLOURS[step?.color ?? 'text'] ?? '#333'
}

function stat(panel: DrawnPanel, answers: Answers, box: Box): string {
  const value = answers[0]?.[0]?.values.at(-1)
  const mapped = panel.fieldConfig?.defaults.mappings?.[0]?.options[String(value)]?.text
  const said =
    value === undefined ? (panel.fieldConfig?.defaults.noValue ?? 'no data') : (mapped ?? inWords(value, unitOf(panel)))
  const isFilled = stepsOf(panel).length > 1
  const fill = isFilled ? (value === undefined ? '#888' : colourAt(stepsOf(panel), value)) : '#fff'
  const size = Math.min(30, (1.6 * box.w) / Math.max(4, said.length))
  return `<rect x="${box.x}" y="${box.y}" width="${box.w}" height="${box.h}" fill="${fill}" rx="2"/>${text(box.x + box.w / 2, box.y + box.h / 2 + 18, said, isFilled ? '#fff' : '#222', `font-size="${size.toFixed(0)}" text-anchor="middle"`)}`
}

interface Line {
  readonly name: string
  readonly colour: string
  readonly points: ReadonlyMap<number, number>
}

function linesIn(panel: DrawnPanel, answers: Answers): readonly Line[] {
  const all = answers.flatMap((samples, at) =>
    samples.map((sample) => ({ sample, name: nameOf(sample.labels, panel.targets?.[at]?.legendFormat ?? '__auto') })),
  )
  return all.map(({ sample, name }, at) => {
    const own = panel.fieldConfig?.overrides.find(({ matcher }) => matcher.options === name)?.properties[0]?.value
    const fixed = (own as { fixedColor?: string } | undefined)?.fixedColor
    const points = new Map(sample.times.map((time, index) => [time, sample.values[index] ?? 0]))
    return { name, colour: COLOURS[fixed ?? ''] ?? PALETTE[at % PALETTE.length] ?? '#333', points }
  })
}

function lines(panel: DrawnPanel, answers: Answers, box: Box): string {
  const all = linesIn(panel, answers)
  const times = [...new Set(all.flatMap(({ points }) => [...points.keys()]))].sort((x, y) => x - y)
  const isStacked = panel.fieldConfig?.defaults.custom?.stacking?.mode === 'normal'
  const plot = { x: box.x + 62, y: box.y, w: box.w - 66, h: box.h - 32 }
  const base = new Map(times.map((time) => [time, 0]))
  const tops = all.map(({ points }) =>
    times.flatMap((time) => {
      const value = points.get(time)
      if (value === undefined) return []
      const from = isStacked ? (base.get(time) ?? 0) : 0
      base.set(time, from + value)
      return [{ time, from, to: from + value }]
    }),
  )
  const most = Math.max(...tops.flat().map(({ to }) => to)) || 1
  const [first = 0, last = 1] = [times[0], times.at(-1)]
  const atX = (time: number) => (plot.x + (plot.w * (time - first)) / Math.max(1, last - first)).toFixed(1)
  const atY = (value: number) => (plot.y + plot.h * (1 - value / most)).toFixed(1)
  const drawn = tops.map((points, at) => {
    const colour = all[at]?.colour ?? '#333'
    const line = points.map(({ time, to }) => `${atX(time)},${atY(to)}`).join(' ')
    const back = points.toReversed().map(({ time, from }) => `${atX(time)},${atY(from)}`)
    const area = isStacked ? `<polygon points="${line} ${back.join(' ')}" fill="${colour}" opacity="0.45"/>` : ''
    return `${area}<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.3"/>`
  })
  const grid = [0, 0.5, 1].map((part) => {
    const y = atY(part * most)
    return `<line x1="${plot.x}" x2="${plot.x + plot.w}" y1="${y}" y2="${y}" stroke="#e3e5e8"/>${text(plot.x - 5, Number(y) + 4, inWords(part * most, unitOf(panel)), '#777', 'text-anchor="end" font-size="9"')}`
  })
  return all.length === 0 ? nothing(panel, box) : grid.join('') + drawn.join('') + legend(all, box)
}

function legend(all: readonly Line[], box: Box): string {
  let x = box.x
  const entries = all.map(({ name, colour }) => {
    const width = 18 + 5.6 * name.length
    const entry =
      x + width > box.x + box.w
        ? ''
        : `<rect x="${x}" y="${box.y + box.h - 10}" width="9" height="3" fill="${colour}"/>${text(x + 12, box.y + box.h - 5, name, '#444', 'font-size="10"')}`
    x += width
    return entry
  })
  return entries.join('')
}

function bars(panel: DrawnPanel, answers: Answers, box: Box): string {
  const all = linesIn(panel, answers).map(({ name, points, colour }) => ({
    name,
    colour,
    value: [...points.values()].at(-1) ?? 0,
  }))
  const sorted = all.toSorted((x, y) => y.value - x.value).slice(0, Math.floor(box.h / 22))
  const most = Math.max(...sorted.map(({ value }) => value), 1e-9)
  const drawn = sorted.map(({ name, value, colour }, at) => {
    const y = box.y + 22 * at
    const width = ((box.w - 190) * value) / most
    return `${text(box.x, y + 13, name, '#333', '', 120)}<rect x="${box.x + 125}" y="${y + 2}" width="${width.toFixed(1)}" height="15" fill="${colour}"/>${text(box.x + 130 + width, y + 13, inWords(Math.round(value), unitOf(panel)), '#333')}`
  })
  return sorted.length === 0 ? nothing(panel, box) : drawn.join('')
}

interface Organized {
  readonly indexByName: Readonly<Record<string, number>>
  readonly renameByName: Readonly<Record<string, string>>
}

function table(panel: DrawnPanel, answers: Answers, box: Box): string {
  const organized = panel.transformations?.find(({ id }) => id === 'organize')?.options as Organized | undefined
  const fields = Object.keys(organized?.indexByName ?? {})
  const lines = new Map<string, Record<string, string>>()
  for (const [at, samples] of answers.entries())
    for (const { labels, values } of samples) {
      const shown = Object.fromEntries(
        fields.filter((field) => field in labels).map((field) => [field, labels[field] ?? '']),
      )
      const key = answers.length > 1 ? (Object.values(shown).find(Boolean) ?? '') : JSON.stringify(shown)
      const field = answers.length > 1 ? `Value #${String.fromCharCode(65 + at)}` : 'Value'
      const unit = panel.fieldConfig?.overrides.find(
        ({ matcher }) => matcher.options === organized?.renameByName[field],
      )
      const found = unit?.properties.find(({ id }) => id === 'unit')?.value
      const value = values.at(-1) ?? Number.NaN
      const said = inWords(found === undefined ? Math.round(value) : value, String(found ?? unitOf(panel)))
      lines.set(key, { ...lines.get(key), ...shown, [field]: said })
    }
  if (lines.size === 0) return nothing(panel, box)
  const width = box.w / fields.length
  const cells = [organized?.renameByName ?? {}, ...lines.values()]
    .slice(0, Math.floor(box.h / 19))
    .flatMap((line, row) =>
      fields.map((field, column) =>
        text(
          box.x + column * width,
          box.y + 19 * row + 12,
          line[field] ?? '',
          row === 0 ? '#777' : '#333',
          '',
          width - 6,
        ),
      ),
    )
  return cells.join('')
}

function nothing({ fieldConfig }: DrawnPanel, box: Box): string {
  return text(
    box.x + box.w / 2,
    box.y + box.h / 2,
    fieldConfig?.defaults.noValue ?? 'no data',
    '#888',
    'text-anchor="middle"',
  )
}

/** Cut to `width` where one is given. */
function text(
  x: number,
  y: number,
  said: string,
  fill: string,
  attributes = '',
  width = Number.POSITIVE_INFINITY,
): string {
  const most = Math.floor(width / 6)
  const cut = said.length > most ? `${said.slice(0, Math.max(1, most - 1))}…` : said
  const escaped = cut.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x}" y="${y}" fill="${fill}" ${attributes}>${escaped}</text>`
}
