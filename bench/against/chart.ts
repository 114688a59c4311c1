/** The comparison as a picture: for each line the contenders as bars, Squid's (or the first other one's) figure as the unit. SVG. */
import type { Line } from './report.ts'
import { figure } from './table.ts'

const WIDTH = 860
const LABEL = 150
const BAR = 18
const GAP = 4
const TITLE = 40
const TOP = 46
/** Ours, and the others. */
const COLOURS = { ours: '#1f6f5c', theirs: '#9aa5b1', text: '#1b1f24', note: '#57606a', grid: '#d0d7de' } as const

/** One group of bars a line; longer is better. */
export function chart(lines: readonly Line[], subtitle: string): string {
  const drawn: string[] = []
  let y = TOP
  for (const line of lines) {
    const { text, height } = group(line, y)
    drawn.push(text)
    y += height
  }
  const height = y + 10
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="t" font-family="system-ui, sans-serif" font-size="13">
<title id="t">Work done for each second of processor time, by proxy</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="10" y="20" font-size="16" font-weight="600" fill="${COLOURS.text}">Work for each second of the proxy’s processor time, Squid = 1 (longer is better)</text>
<text x="10" y="38" font-size="12" fill="${COLOURS.note}">${escaped(subtitle)}</text>
${drawn.join('\n')}
</svg>
`
}

function group({ title, unit, measured }: Line, top: number): { readonly text: string; readonly height: number } {
  const unitOf = measured.find(({ contender }) => contender === 'Squid') ?? measured[0]
  const one = unitOf?.perCpuSecond.median ?? 1
  const most = Math.max(...measured.map(({ perCpuSecond }) => perCpuSecond.most))
  const scale = (WIDTH - LABEL - 150) / (most || 1)
  const rows = measured.map(({ contender, perCpuSecond: { median, least, most } }, index) => {
    const y = top + TITLE + index * (BAR + GAP)
    const middle = y + BAR / 2
    const colour = index === 0 ? COLOURS.ours : COLOURS.theirs
    const [from, to] = [LABEL + least * scale, LABEL + most * scale].map((x) => x.toFixed(1))
    return `<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end" fill="${COLOURS.text}">${escaped(contender)}</text>
<rect x="${LABEL}" y="${y}" width="${(median * scale).toFixed(1)}" height="${BAR}" rx="2" fill="${colour}"/>
<path d="M${from} ${middle}H${to}M${from} ${y + 5}v8M${to} ${y + 5}v8" stroke="${COLOURS.text}" stroke-width="1" fill="none"/>
<text x="${(Number(to) + 6).toFixed(1)}" y="${y + 13}" fill="${COLOURS.note}">${figure(median / one)} (${figure(median)})</text>`
  })
  const heading = `<text x="10" y="${top + 28}" font-weight="600" fill="${COLOURS.text}">${escaped(title)}</text>
<text x="${WIDTH - 10}" y="${top + 28}" text-anchor="end" font-size="12" fill="${COLOURS.note}">${escaped(unit)} per CPU-second in parentheses; the whiskers span the rounds</text>
<path d="M10 ${top + 12}H${WIDTH - 10}" stroke="${COLOURS.grid}"/>`
  return { text: [heading, ...rows].join('\n'), height: TITLE + measured.length * (BAR + GAP) + 8 }
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
