/** The files of this repository that are made from its code: path → text. `npm run generate` writes them, a test compares them. */
import { jsonSchema } from '../rules/file/schema.ts'
import { DASHBOARDS } from './grafana/dashboards.ts'
import { metricsPage } from './metrics-page.ts'

export function generatedFiles(): ReadonlyMap<string, string> {
  const dashboards = Object.entries(DASHBOARDS).map(
    ([file, dashboard]) => [`deploy/grafana/dashboards/${file}`, json(dashboard)] as const,
  )
  return new Map([['rules/rules.schema.json', json(jsonSchema())], ['docs/metrics.md', metricsPage()], ...dashboards])
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
