/** What a shadow adds to the metrics: only what occurs, bounded, and gone with the ids and the shadow that it was of. */
import t from 'tap'
import { mergeFamilies } from '../../metrics/merge.ts'
import { createMetrics, type Metrics, type PolicyLabels } from '../../metrics/metrics.ts'
import type { ExchangeEnd } from '../../rules/events.ts'
import type { VerdictAction } from '../../rules/model.ts'

const POLICY: PolicyLabels = {
  name: 'in-force',
  revision: 'sha256:1',
  mode: 'enforce',
  segments: [
    { id: 'desks', medium: 'wired' },
    { id: 'wifi', medium: 'wireless' },
  ],
  services: ['zoom', 'teams'],
  rules: [],
  exceptions: [],
}
const SHADOW = { name: 'next', revision: 'sha256:2', services: ['zoom', 'brand-new'] }
const create = () => createMetrics({ version: '1', node: 'v24', tunnelsLimit: 1, processMetrics: false })

function end(segment: string, service: string, action: VerdictAction, shadow: ExchangeEnd['shadow']): ExchangeEnd {
  const verdict = {
    action,
    mode: 'enforce',
    segment: { id: segment, medium: 'wired', shared: false },
    prefix: null,
    service,
    category: null,
    rule: 'none',
    exception: null,
    reason: null,
    alternative: null,
    evidence: [],
  } as const
  const quiet = {
    error: null,
    refused: false,
    bareAddress: false,
    reference: null,
    setupSeconds: null,
    decisionSeconds: null,
  }
  return { kind: 'connect', outcome: 'ok', verdict, shadow: shadow ?? null, ...quiet }
}
const differs = (segment: string, service: string, action: VerdictAction, other: VerdictAction) =>
  end(segment, service, action, { result: 'different', action: other, service })

async function seriesOf(metrics: Metrics): Promise<Record<string, number>> {
  const { body } = await metrics.expose()
  const lines = body.split('\n').filter((line) => line.startsWith('landline_shadow_'))
  return Object.fromEntries(
    lines.map((line) => [line.replace(/^landline_shadow_| \S+$/g, ''), Number(line.split(' ').at(-1))]),
  )
}
const different = (segment: string, service: string, action: string, other: string) =>
  `differences_total{segment="${segment}",service="${service}",action="${action}",shadow_action="${other}"}`
const QUIET = {
  last_reload_successful: 1,
  'requests_total{result="same"}': 0,
  'requests_total{result="different"}': 0,
  'requests_total{result="failed"}': 0,
}

t.test('without a shadow there is next to nothing', async (t) => {
  const metrics = create()
  metrics.policyChanged(POLICY)
  metrics.ended(end('desks', 'zoom', 'allow', null))
  t.same(await seriesOf(metrics), QUIET)
})

t.test('what differs is counted by segment, service and the two actions, and goes with what it was of', async (t) => {
  const metrics = create()
  metrics.policyChanged(POLICY, SHADOW)
  t.same(await seriesOf(metrics), { ...QUIET, 'info{name="next",revision="sha256:2"}': 1 })
  metrics.ended(differs('desks', 'zoom', 'allow', 'would-block'))
  metrics.ended(differs('desks', 'zoom', 'allow', 'would-block'))
  metrics.ended(differs('wifi', 'brand-new', 'allow', 'block'))
  metrics.ended(differs('nowhere', 'unheard-of', 'block', 'log'))
  metrics.ended(end('desks', 'zoom', 'allow', { result: 'same' }))
  metrics.ended(end('desks', 'zoom', 'allow', { result: 'failed' }))
  const counts = {
    'requests_total{result="same"}': 1,
    'requests_total{result="different"}': 4,
    'requests_total{result="failed"}': 1,
  }
  t.match(await seriesOf(metrics), {
    ...counts,
    [different('desks', 'zoom', 'allow', 'would_block')]: 2,
    [different('wifi', 'brand-new', 'allow', 'block')]: 1,
    [different('other', 'other', 'block', 'log')]: 1,
  })
  metrics.policyChanged({ ...POLICY, segments: POLICY.segments.slice(0, 1) }, SHADOW)
  const left = await seriesOf(metrics)
  t.equal(left[different('desks', 'zoom', 'allow', 'would_block')], 2, 'what is still there goes on')
  t.notOk(different('wifi', 'brand-new', 'allow', 'block') in left)
  metrics.policyChanged(POLICY, { ...SHADOW, revision: 'sha256:3' })
  t.same(await seriesOf(metrics), { ...QUIET, ...counts, 'info{name="next",revision="sha256:3"}': 1 })
  metrics.shadowReloaded(false)
  t.match(await seriesOf(metrics), { last_reload_successful: 0 })
  metrics.policyChanged(POLICY, null)
  t.notOk('info{name="next",revision="sha256:3"}' in (await seriesOf(metrics)))
})

t.test('no number of segments and services makes more than a thousand series', async (t) => {
  const metrics = create()
  const ids = Array.from({ length: 300 }, (_, n) => `id-${n}`)
  const segments = ids.map((id) => ({ id, medium: 'wired' as const }))
  metrics.policyChanged({ ...POLICY, segments, services: ids }, SHADOW)
  for (const segment of ids)
    for (const service of ids.slice(0, 10)) metrics.ended(differs(segment, service, 'allow', 'block'))
  const series = Object.entries(await seriesOf(metrics)).filter(([name]) => name.startsWith('differences'))
  t.equal(series.length, 1001)
  t.equal(
    series.reduce((sum, [, count]) => sum + count, 0),
    3000,
  )
  t.equal((await seriesOf(metrics))[different('other', 'other', 'allow', 'block')], 2000)
})

t.test('what any thread has seen is there, whichever it was', async (t) => {
  const threads = [create(), create(), create()]
  for (const metrics of threads) metrics.policyChanged(POLICY, SHADOW)
  threads[1]?.ended(differs('desks', 'zoom', 'allow', 'block'))
  threads[2]?.ended(differs('desks', 'zoom', 'allow', 'block'))
  threads[2]?.ended(differs('wifi', 'teams', 'block', 'allow'))
  const merged = mergeFamilies(await Promise.all(threads.map((metrics) => metrics.families())))
  const family = merged.find(({ name }) => name === 'landline_shadow_differences_total')
  t.match(family?.values, [
    { value: 2, labels: { segment: 'desks', service: 'zoom' } },
    { value: 1, labels: { segment: 'wifi', service: 'teams' } },
  ])
})
