/**
 * Everything that on-call looks at, on two real proxies, scripted traffic and a real Prometheus: every query of every panel, variable,
 * mark, recording rule and alert is run and finds something; what it counts is what the audit log says; an alert arrives.
 */
import { globSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { listen, readSeries, run, waitFor } from '../e2e/landline.ts'
import type { AuditLine } from '../e2e/records.ts'
import { missing, peer } from '../peers.ts'
import {
  alertmanagerProgram,
  INTERVAL_SECONDS,
  type Prometheus,
  prometheusProgram,
  startAlertmanager,
  startPrometheus,
} from './monitoring.ts'
import { type Office, openOffice } from './office.ts'
import { promql } from './promql.ts'

t.setTimeout(180_000)

const ROOT = join(import.meta.dirname, '..', '..')
const promtool = peer('promtool', 'promtool')
const skip =
  (prometheusProgram === null && missing('Prometheus')) ||
  (alertmanagerProgram === null && missing('Alertmanager')) ||
  (promtool === null && missing('promtool'))

interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
}
const { groups }: { readonly groups: readonly { readonly rules: readonly Rule[] }[] } = parse(
  readFileSync(join(ROOT, 'deploy/prometheus/rules.yaml'), 'utf8'),
)
const rules = groups.flatMap((group) => group.rules)
const dashboards = globSync('deploy/grafana/dashboards/*.json', { cwd: ROOT })
  .map((path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Dashboard) // as generated
  .filter(({ uid }) => uid !== 'landline-logs') // Loki's, which Debian does not have: dashboards.test.ts reads its queries

/** What alerts look at that this office does not have, and why. */
const NOT_THERE: Readonly<Record<string, string>> = {
  'landline_rules_info{mode="monitor"}': 'both enforce',
  'max_over_time of a day before a minute ago': 'the test is shorter',
}

t.test('what on-call looks at', { skip }, async (t) => {
  const received: Received[] = []
  const alertmanager = await startAlertmanager(t, await receiver(t, received))
  const office = await openOffice(t)
  const adminPorts = office.proxies.map(({ adminPort }) => adminPort)
  const prometheus = await startPrometheus(t, adminPorts, alertmanager)
  const seen = async (expr: string) => (await prometheus.query(expr))[0]?.values[0] ?? 0
  await waitFor('first scrapes', async () => (await seen('count(landline_build_info)')) === 2)
  await office.traffic()
  await waitFor(
    'the traffic in Prometheus',
    async () => (await seen('sum(landline_decisions_total{action="block"})')) >= 4,
  )
  await office.reloads()
  await office.breakglass()
  await office.traffic()
  await waitFor('all of it in Prometheus', () => isUpToDate(office, prometheus))
  await waitFor(
    'the age of the log',
    async () => (await seen('min(landline_audit_oldest_record_timestamp_seconds)')) > 0,
  )
  const choice = await choices(t, prometheus)

  await t.test('each query of each panel and mark finds something', async (t) => {
    for (const dashboard of dashboards) {
      for (const { title, targets = [] } of dashboard.panels as readonly {
        title?: string
        targets?: readonly Target[]
      }[])
        for (const { expr, instant } of targets)
          await finds(t, prometheus, `${dashboard.uid}: ${title}`, choice(expr), instant)
      for (const { name, expr = '' } of dashboard.annotations?.list ?? [])
        await finds(t, prometheus, `${dashboard.uid}: ${name}`, choice(expr))
    }
  })

  await t.test('each recording rule has recorded, and each alert looks at what is there', async (t) => {
    for (const { record, alert, expr } of rules) {
      if (record !== undefined) await finds(t, prometheus, record, record)
      await prometheus.query(expr) // succeeds
      for (const { text } of promql(expr).selectors)
        if (!(text in NOT_THERE)) await finds(t, prometheus, `${record ?? alert}`, `count(${text})`)
    }
    const health = (await prometheus.get('rules')) as {
      groups: readonly { rules: readonly { health: string; name: string }[] }[]
    }
    for (const { name, health: state } of health.groups.flatMap((group) => group.rules)) t.equal(state, 'ok', name)
  })

  await t.test('Prometheus counts what the audit log says, record for record', async (t) => {
    for (const proxy of office.proxies) {
      const instance = `127.0.0.1:${proxy.adminPort}`
      const counted = (metric: string, by: string, where = '') =>
        countsOf(prometheus, `sum by (${by}) (${metric}{instance="${instance}"${where}}) > 0`, by.split(', '))
      const records = proxy.records() as readonly Recorded[]
      const decided = records.filter(({ event }) => DECISIONS.includes(event.action))
      const label = (action: string) => action.replaceAll('-', '_')
      t.strictSame(
        await counted('landline_decisions_total', 'action, medium, service', ', action!="allow"'),
        tally(decided, (each) => [
          label(each.event.action),
          each.landline.segment?.medium,
          each.network?.application ?? 'none',
        ]),
        'decisions',
      )
      t.strictSame(
        await counted('landline_segment_decisions_total', 'action, segment', ', action!="allow"'),
        tally(decided, (each) => [label(each.event.action), each.landline.segment?.id]),
        'by segment',
      )
      t.strictSame(
        await counted('landline_audit_records_total', 'action', ', action!="checkpoint"'),
        tally(records, ({ event }) => [label(event.action)]),
        'records',
      )
      t.strictSame(
        await counted('landline_exception_uses_total', 'exception'),
        tally(
          decided.filter(({ event }) => event.action === 'except'),
          (each) => [each.landline.exception?.startsWith('breakglass-') ? 'breakglass' : each.landline.exception],
        ),
        'exceptions',
      )
    }
  })

  await t.test('a denial in Prometheus leads to its record', async (t) => {
    const start = String(Date.now() / 1000 - 600)
    const parameters = { query: 'landline_decisions_total{action="block"}', start, end: String(Date.now() / 1000) }
    const found = (await prometheus.get('query_exemplars', parameters)) as readonly {
      readonly exemplars: readonly { readonly labels: { readonly ref: string } }[]
    }[]
    const references = found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.ref))
    const blocks = office.proxies.flatMap((proxy) => proxy.records().filter(({ event }) => event.action === 'block'))
    t.ok(references.length > 0)
    t.strictSame(
      references.filter((reference) => !blocks.some(({ event }) => event.id === reference)),
      [],
    )
  })

  await t.test('an alert reaches on-call, with what to do', async (t) => {
    await waitFor('an alert', () => received.length > 0)
    const [alert] = received.filter(({ labels }) => labels.alertname === 'LandlineBreakglassActive')
    t.equal(alert?.labels.severity, 'info')
    t.equal(alert?.labels.instance, `127.0.0.1:${office.proxies[1].adminPort}`)
    t.equal(alert?.annotations.runbook_url, 'docs/runbooks.md#landlinebreakglassactive')
  })

  await t.test('promtool has nothing to object to', async (t) => {
    for (const port of adminPorts) {
      const input = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      t.strictSame(await run(promtool ?? '', ['check', 'metrics'], { input }), { code: 0, out: '', errors: '' })
    }
  })
})

interface Target {
  readonly expr: string
  readonly instant?: boolean
}

const DECISIONS = ['block', 'would-block', 'log', 'except', 'refuse']

interface Recorded extends AuditLine {
  readonly network?: { readonly application: string | null }
  readonly landline: AuditLine['landline'] & { readonly segment?: { readonly id: string; readonly medium: string } }
}

interface Received {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** The address of whoever is on call. */
async function receiver(t: Test, received: Received[]): Promise<string> {
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    request.on('end', () => {
      received.push(...(JSON.parse(text) as { alerts: readonly Received[] }).alerts) // as Alertmanager posts it
      response.end()
    })
  })
  return `http://127.0.0.1:${await listen(t, server)}/`
}

/** Nothing has been counted since the newest scrapes. */
async function isUpToDate({ proxies }: Office, prometheus: Prometheus): Promise<boolean> {
  for (const { adminPort } of proxies) {
    const counters = [...(await readSeries(adminPort))].filter(([series]) => /^landline_\w+_total(?:\{|$)/.test(series))
    const own = counters.reduce((total, [, count]) => total + count, 0)
    const there = `sum({__name__=~"landline_.+_total", instance="127.0.0.1:${adminPort}"})`
    if ((await prometheus.query(there))[0]?.values[0] !== own) return false
  }
  return true
}

/** Puts into a query what Grafana would, with everything chosen: every variable of the dashboards has values. */
async function choices(t: Test, prometheus: Prometheus): Promise<(expr: string) => string> {
  const chosen = new Map([
    ['$__rate_interval', `${8 * INTERVAL_SECONDS}s`],
    ['$__range', '10m'],
  ])
  const choice = (expr: string) => [...chosen].reduce((text, [name, value]) => text.replaceAll(name, value), expr)
  for (const { name, type, query, allValue } of dashboards.flatMap(({ templating }) => templating?.list ?? [])) {
    if (type !== 'query') continue
    const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(String(query)) ?? []
    const values = (await prometheus.get(`label/${label}/values`, { 'match[]': choice(selector) })) as readonly string[]
    t.ok(values.length > 0, `$${name}`)
    chosen.set(`$${name}`, allValue ?? `(${values.join('|')})`)
  }
  return choice
}

/** A number, at the end or on the way there. */
async function finds(t: Test, prometheus: Prometheus, what: string, expr: string, instant = false): Promise<void> {
  const found = await (instant ? prometheus.query(expr) : prometheus.queryRange(expr))
  t.ok(
    found.some(({ values }) => values.length > 0),
    `${what}: ${expr}`,
  )
}

async function countsOf(prometheus: Prometheus, expr: string, labels: readonly string[]): Promise<Counts> {
  const found = await prometheus.query(expr)
  return sorted(found.map((each) => [labels.map((label) => each.labels[label]).join(' '), each.values[0] ?? 0]))
}

function tally(records: readonly Recorded[], labelsOf: (record: Recorded) => readonly unknown[]): Counts {
  const counts = new Map<string, number>()
  for (const record of records) {
    const labels = labelsOf(record).join(' ')
    counts.set(labels, (counts.get(labels) ?? 0) + 1)
  }
  return sorted([...counts])
}

type Counts = Readonly<Record<string, number>>

function sorted(entries: readonly (readonly [string, number])[]): Counts {
  return Object.fromEntries([...entries].sort(([x], [y]) => (x < y ? -1 : 1)))
}
