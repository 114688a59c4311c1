/** The alerts: each is complete, has a runbook, and is shown to fire and to stay silent by Prometheus' own test runner. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { run } from '../e2e/landline.ts'
import { missing, peer } from '../peers.ts'

const root = join(import.meta.dirname, '..', '..')
const folder = join(root, 'deploy', 'prometheus')
const promtool = peer('promtool', 'promtool')
const skip = promtool === null && missing('promtool')

interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const { groups }: { groups: readonly { readonly rules: readonly Rule[] }[] } = parse(read('rules.yaml'))
const rules = groups.flatMap((group) => group.rules)
const alerts = rules.flatMap((rule) => (rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }]))
const FILES = ['rules.test.yaml', 'rules-days.test.yaml']

t.test('each alert says how urgent it is, what happened, what it means and what to do', async (t) => {
  const headings = new Set(
    [...readFileSync(join(root, 'docs', 'runbooks.md'), 'utf8').matchAll(/^## (.+)$/gm)].map(([, text = '']) => text),
  )
  for (const { alert, labels, annotations } of alerts) {
    t.match(labels?.severity, /^(?:page|ticket|info)$/, alert)
    for (const key of ['summary', 'description']) t.ok(annotations?.[key], `${alert} ${key}`)
    t.equal(annotations?.runbook_url, `docs/runbooks.md#${alert.toLowerCase()}`, alert)
    t.ok(headings.delete(alert), `a runbook for ${alert}`)
  }
  t.strictSame([...headings], [], 'no runbook without an alert')
})

t.test('each alert has a case in which it fires, and one in which it is silent', async (t) => {
  const seen = new Map<string, Set<boolean>>()
  for (const file of FILES) {
    for (const { alert_rule_test } of parse(read(file)).tests)
      for (const { alertname, exp_alerts } of alert_rule_test)
        seen.set(alertname, (seen.get(alertname) ?? new Set()).add(exp_alerts.length > 0))
  }
  for (const { alert } of alerts) t.equal(seen.get(alert)?.size, 2, alert)
  t.equal(seen.size, alerts.length)
})

t.test('promtool accepts the rules and the settings, and every case holds', { skip }, async (t) => {
  const tool = (...args: string[]) => run(promtool ?? '', args, { cwd: folder, timeout: 100_000 })
  for (const args of [
    ['check', 'rules', 'rules.yaml'],
    ['check', 'config', 'prometheus.yaml'],
    ['test', 'rules', ...FILES],
  ]) {
    const { code, out, errors } = await tool(...args)
    t.equal(code, 0, `${args.join(' ')}\n${out}${errors}`)
  }
})
