/** The dashboards and the page of metrics: made from the code, complete, and asking for nothing that is not there. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import type { Dashboard, Panel, VariableModel } from '@grafana/grafana-foundation-sdk/dashboard'
import t from 'tap'
import { parse } from 'yaml'
import { generatedFiles } from '../../deploy/generated.ts'
import { METRICS } from '../../metrics/instruments.ts'
import { knownSeries, logql, promql, unknowns, withExamples } from './promql.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
}
const { groups }: { readonly groups: readonly { readonly rules: readonly Rule[] }[] } = parse(
  read('deploy/prometheus/rules.yaml'),
)
const rules = groups.flatMap((group) => group.rules)
const recorded = rules.flatMap(({ record, expr }) => (record === undefined ? [] : [{ name: record, expr }]))
const known = await knownSeries(recorded)

const dashboards = globSync('deploy/grafana/dashboards/*.json', { cwd: ROOT })
  .sort()
  .map((path) => JSON.parse(read(path)) as Dashboard) // as generated
const panelsOf = ({ panels = [] }: Dashboard) => (panels as readonly Panel[]).filter(({ type }) => type !== 'row')
const variablesOf = ({ templating }: Dashboard): readonly VariableModel[] => templating?.list ?? []
const exprsOf = ({ targets = [] }: Panel) =>
  targets.map((target) => (target as Dataquery & { readonly expr: string }).expr) // Prometheus' and Loki's both
const isLoki = ({ uid }: Dashboard) => uid === 'landline-logs'

t.test('what is made from the code is as the code would make it: npm run generate', async (t) => {
  for (const [path, text] of generatedFiles()) t.equal(read(path), text, path)
  const there = globSync('deploy/grafana/dashboards/*', { cwd: ROOT })
  t.strictSame(
    there.filter((path) => !generatedFiles().has(path)),
    [],
    'and nothing else lies there',
  )
})

t.test('docs/metrics.md has each metric once', async (t) => {
  const explained = [...read('docs/metrics.md').matchAll(/^\| `(landline_\w+)` \| (?:counter|gauge|histogram) \|/gm)]
  t.strictSame(
    explained.map(([, name]) => name),
    Object.values(METRICS).map(({ name }) => name),
  )
})

t.test('there is a dashboard for each who asks, under an address that stays', async (t) => {
  t.strictSame(dashboards.map(({ uid }) => uid).sort(), [
    'landline-evidence',
    'landline-health',
    'landline-logs',
    'landline-policy',
  ])
  for (const { file, key } of [
    { file: 'dashboards', key: 'providers' },
    { file: 'datasources', key: 'datasources' },
  ])
    t.ok(parse(read(`deploy/grafana/provisioning/${file}/landline.yaml`))[key].length > 0, file)
})

for (const dashboard of dashboards) {
  const panels = panelsOf(dashboard)
  const variables = new Set(variablesOf(dashboard).map(({ name }) => name))

  t.test(
    `${dashboard.title}: each panel says what it shows, in which unit, and lies in a place of its own`,
    async (t) => {
      const ids = (dashboard.panels ?? []).map(({ id }) => id)
      t.equal(new Set(ids).size, ids.length, 'numbers')
      const taken = new Set<string>()
      for (const panel of panels) {
        const title = panel.title ?? ''
        const { defaults } = panel.fieldConfig ?? {}
        t.match(title, /^\S.+/)
        t.match(panel.description, /^[\s\S]{40,}/, title)
        if (panel.type !== 'logs') t.ok(defaults?.unit, `${title}: a unit`)
        if (panel.type === 'stat') t.ok((defaults?.thresholds?.steps.length ?? 0) > 0, `${title}: thresholds`)
        t.match(panel.datasource?.uid, isLoki(dashboard) ? /^\$logs$/ : /^\$datasource$/, title)
        const { x, y, w, h } = panel.gridPos ?? { x: 0, y: 0, w: 0, h: 0 }
        t.ok(x + w <= 24, `${title}: within the page`)
        for (let column = x; column < x + w; column++)
          for (let row = y; row < y + h; row++) {
            if (taken.has(`${column} ${row}`)) t.fail(`${title} lies on another panel`)
            taken.add(`${column} ${row}`)
          }
        t.ok(exprsOf(panel).length > 0, `${title}: a query`)
      }
    },
  )

  t.test(`${dashboard.title}: what stands above answers the first question by itself`, async (t) => {
    const top = panels.filter(({ gridPos }) => gridPos?.y === 0)
    t.equal(
      top.reduce((width, { gridPos }) => width + (gridPos?.w ?? 0), 0),
      24,
    )
    if (!isLoki(dashboard)) t.ok(top.every(({ type }) => type === 'stat'))
  })

  t.test(`${dashboard.title}: queries, variables and marks ask for what is there`, async (t) => {
    const queried = variablesOf(dashboard).filter(({ type }) => type === 'query')
    const marks = (dashboard.annotations?.list ?? []).map(({ expr = '' }) => expr)
    for (const expr of [...panels.flatMap(exprsOf), ...marks]) {
      for (const [, name = ''] of expr.matchAll(/\$(?!__)(\w+)/g)) t.ok(variables.has(name), `$${name} in ${expr}`)
      if (isLoki(dashboard)) {
        const labels = logql(withExamples(expr))
        t.ok(labels.length > 0, expr)
        t.strictSame(
          labels.filter((label) => !['job', 'instance', 'decision'].includes(label)),
          [],
          expr,
        )
      } else {
        t.strictSame(unknowns(expr, known), [], expr)
        t.notMatch(expr.replace('[1d] offset 1m', ''), /\[\d/, `a range that follows the screen: ${expr}`)
      }
    }
    for (const { name, query } of queried) {
      const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(String(query)) ?? []
      if (isLoki(dashboard))
        t.strictSame(
          logql(selector).filter((each) => !['job', 'decision'].includes(each)),
          [],
        )
      else t.ok(known.get(promql(selector).selectors[0]?.metric ?? '')?.[label], `${name}: ${label}`)
    }
    t.ok(isLoki(dashboard) || marks.length > 0, 'reloads are marked')
  })

  t.test(`${dashboard.title}: links lead to variables and values that are there`, async (t) => {
    for (const { title, fieldConfig } of panels)
      for (const { url = '' } of (fieldConfig?.defaults.links ?? []) as readonly { readonly url?: string }[]) {
        const [, uid = '', query = ''] = /^\/d\/([\w-]+)\?(.+)$/.exec(url) ?? []
        const target = dashboards.find((each) => each.uid === uid)
        t.ok(target, `${title}: ${url}`)
        const there = new Set(target && variablesOf(target).map(({ name }) => `var-${name}`))
        const names = query.split('&').filter((part) => part !== '$__url_time_range')
        for (const part of names) t.ok(there.has(part.split('=')[0] ?? ''), `${title}: ${part}`)
      }
  })
}

t.test('alerts and recording rules ask for what is there', async (t) => {
  t.ok(rules.length > 20)
  for (const { alert, record, expr } of rules) t.strictSame(unknowns(expr, known), [], alert ?? record ?? '')
})

t.test('a query for what is not there would be found', async (t) => {
  const cases = [
    { expr: 'landline_decision_total', want: /no metric landline_decision_total/ },
    { expr: 'landline_decisions_total{rule="x"}', want: /has no label rule/ },
    { expr: 'landline_decisions_total{action="blocked"}', want: /no action="blocked"/ },
    { expr: 'landline_decisions_total{action=~"block|would-block"}', want: /no action="would-block"/ },
    { expr: 'sum by (segment) (landline_decisions_total)', want: /no label segment to group by/ },
    { expr: 'landline:nothing', want: /no metric/ },
  ]
  for (const { expr, want } of cases) t.match(unknowns(expr, known).join(), want, expr)
  t.throws(() => promql('sum by (x) (rate(y[5m])'), /not understood/)
  t.throws(() => logql('{job="x"} | json |'), /not understood/)
})
