/**
 * `node bench/pictures.ts [--seconds 150]`: draws the dashboards for docs/pictures/, from their own queries on a real Prometheus that
 * scrapes two proxies under scripted traffic, on loopback alone. The drawing is plain: Grafana's looks better.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { DASHBOARDS } from '../deploy/grafana/dashboards.ts'
import { INTERVAL_SECONDS, startPrometheus } from '../test/deploy/monitoring.ts'
import { openOffice } from '../test/deploy/office.ts'
import { type DrawnPanel, svgOf } from './pictures/draw.ts'

const FOLDER = join(import.meta.dirname, '..', 'docs', 'pictures')
const CAPTION =
  'Drawn from the queries of this dashboard by bench/pictures.ts, not by Grafana: two proxies under scripted traffic, a real Prometheus.'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '150' } } })
const ends: (() => unknown)[] = []
const t = { teardown: (end: () => unknown) => ends.unshift(end) } as unknown as Parameters<typeof openOffice>[0] // all that is used of it
try {
  const office = await openOffice(t)
  const prometheus = await startPrometheus(
    t,
    office.proxies.map(({ adminPort }) => adminPort),
  )
  const seconds = Number(values.seconds)
  const startedAt = performance.now()
  const isPast = (share: number) => performance.now() - startedAt > 1000 * seconds * share
  const later = [
    { from: 0.5, act: office.reloads },
    { from: 0.8, act: office.breakglass },
  ]
  while (!isPast(1)) {
    if (isPast(later[0]?.from ?? 1)) await later.shift()?.act()
    await office.traffic()
    await wait(500)
  }
  const answer = (expr: string, instant = false) => {
    const given = expr
      .replaceAll('$__rate_interval', `${8 * INTERVAL_SECONDS}s`)
      .replaceAll('$__range', `${seconds}s`)
      .replaceAll(/\$\w+/g, '.*')
    return instant ? prometheus.query(given) : prometheus.queryRange(given)
  }
  for (const [file, dashboard] of Object.entries(DASHBOARDS)) {
    if (file === 'logs.json') continue // asks Loki
    const panels = JSON.parse(JSON.stringify(dashboard.panels)) as readonly DrawnPanel[] // as generated
    const drawn = panels.map(async (panel) => {
      const answers = (panel.targets ?? []).map(({ expr, instant }) => answer(expr, instant))
      return [panel, await Promise.all(answers)] as const
    })
    writeFileSync(
      join(FOLDER, file.replace('.json', '.svg')),
      svgOf(dashboard.title ?? file, await Promise.all(drawn), CAPTION),
    )
  }
} finally {
  for (const end of ends) await end()
}
