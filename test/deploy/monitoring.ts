/** Prometheus and Alertmanager as Debian has them, with the repository's rules, for the time of a test. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { scratch, waitFor } from '../e2e/landline.ts'
import { peer } from '../peers.ts'
import { freePort } from '../ports.ts'

const RULES = join(import.meta.dirname, '..', '..', 'deploy', 'prometheus', 'rules.yaml')
/** Between scrapes, and between evaluations of rules. */
export const INTERVAL_SECONDS = 2

export const prometheusProgram = peer('Prometheus', 'prometheus')
export const alertmanagerProgram = peer('Alertmanager', 'prometheus-alertmanager')

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly values: readonly number[]
  /** Of each value, in seconds since 1970. */
  readonly times: readonly number[]
}

export interface Prometheus {
  /** Every series of the answer, with its one value. Rejects where the query fails. */
  readonly query: (expr: string) => Promise<readonly Sample[]>
  /** Every series since the start, a value for each interval; a missing one is left out. */
  readonly queryRange: (expr: string) => Promise<readonly Sample[]>
  /** `path` under /api/v1: its `data`. */
  readonly get: (path: string, parameters?: Readonly<Record<string, string>>) => Promise<unknown>
}

interface Answer {
  readonly status: string
  readonly error?: string
  readonly data: unknown
}

interface Result {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>
    readonly value?: readonly [number, string]
    readonly values?: readonly (readonly [number, string])[]
  }[]
}

async function runs(t: Test, name: string, program: string, args: readonly string[], ready: string): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = new Promise((resolve) => child.on('close', resolve))
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  t.teardown(() => {
    child.kill('SIGKILL')
    return exited
  })
  await waitFor(name, async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${errors}`)
    return (await fetch(ready).catch(() => null))?.ok === true
  })
}

/** Scrapes these admin ports as job `landline`, and tells of alerts where there is an Alertmanager. */
export async function startPrometheus(
  t: Test,
  adminPorts: readonly number[],
  alertmanagerPort: number | null = null,
): Promise<Prometheus> {
  const dir = scratch(t)
  const port = await freePort()
  const targets = adminPorts.map((each) => `127.0.0.1:${each}`)
  const alertmanagers = alertmanagerPort === null ? [] : [`127.0.0.1:${alertmanagerPort}`]
  const config = {
    global: { scrape_interval: `${INTERVAL_SECONDS}s`, evaluation_interval: `${INTERVAL_SECONDS}s` },
    rule_files: [RULES],
    alerting: { alertmanagers: [{ static_configs: [{ targets: alertmanagers }] }] },
    scrape_configs: [{ job_name: 'landline', static_configs: [{ targets }] }],
  }
  writeFileSync(join(dir, 'prometheus.yaml'), JSON.stringify(config)) // JSON is YAML
  const url = `http://127.0.0.1:${port}`
  const args = [
    `--config.file=${join(dir, 'prometheus.yaml')}`,
    `--storage.tsdb.path=${join(dir, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
    '--log.level=warn',
  ]
  const startedAt = Date.now() / 1000
  await runs(t, 'Prometheus', prometheusProgram ?? '', args, `${url}/-/ready`)
  return clientOf(url, startedAt)
}

function clientOf(url: string, startedAt: number): Prometheus {
  const get: Prometheus['get'] = async (path, parameters = {}) => {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const { status, error, data } = (await response.json()) as Answer // as Prometheus' API answers
    if (status !== 'success') throw new Error(`${error}: ${JSON.stringify(parameters)}`)
    return data
  }
  const samplesOf = (data: unknown) =>
    (data as Result).result.map(({ metric, value, values = value ? [value] : [] }) => {
      const points = values.filter(([, text]) => !Number.isNaN(Number(text)))
      return { labels: metric, values: points.map(([, text]) => Number(text)), times: points.map(([time]) => time) }
    })
  return {
    get,
    query: async (expr) => samplesOf(await get('query', { query: expr })),
    queryRange: async (expr) => {
      // One step more: what was scraped since the last whole one counts too.
      const end = Date.now() / 1000 + INTERVAL_SECONDS
      const range = { start: String(startedAt), end: String(end), step: String(INTERVAL_SECONDS) }
      return samplesOf(await get('query_range', { query: expr, ...range }))
    },
  }
}

/** Hands on every alert at once, to `receiver`. */
export async function startAlertmanager(t: Test, receiver: string): Promise<number> {
  const dir = scratch(t)
  const port = await freePort()
  const config = {
    route: { receiver: 'on-call', group_by: ['alertname', 'instance'], group_wait: '0s', group_interval: '1s' },
    receivers: [{ name: 'on-call', webhook_configs: [{ url: receiver, send_resolved: false }] }],
  }
  writeFileSync(join(dir, 'alertmanager.yaml'), JSON.stringify(config))
  const args = [
    `--config.file=${join(dir, 'alertmanager.yaml')}`,
    `--storage.path=${dir}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
    '--log.level=warn',
  ]
  await runs(t, 'Alertmanager', alertmanagerProgram ?? '', args, `http://127.0.0.1:${port}/-/ready`)
  return port
}
