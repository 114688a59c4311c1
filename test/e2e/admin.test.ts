/** The admin port: every metric of the contract with its labels, from the start; nothing that a client sends becomes a series. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask, open, tunnel } from './ask.ts'
import { LOOPBACK, origin, readSeries, start } from './landline.ts'

const RULES = `version: 1
name: floor
unknown_clients: classify
segments:
  desks: { medium: wired, prefixes: [127.0.0.1] }
  wifi: { medium: wireless, prefixes: [127.0.0.2] }
rules: [{ id: zoom-fixed-only, service: zoom, except: { medium: wired }, action: block }]
exceptions:
  - { id: g7, rule: zoom-fixed-only, segment: wifi, starts: 2020-01-01T00:00:00Z, expires: 2020-02-01T00:00:00Z,
      reason: Delegation, ticket: CHG-1, approver: head }
`

/** Section 5 of the contract. Histograms stand here by the series of their count. */
const CONTRACT: readonly (readonly [name: string, labels: readonly string[]])[] = [
  ['requests_total', ['kind', 'outcome']],
  ['decisions_total', ['action', 'medium', 'service']],
  ['segment_decisions_total', ['action', 'medium', 'segment']],
  ['rule_matches_total', ['action', 'rule']],
  ['exception_uses_total', ['exception']],
  ['request_setup_seconds_count', ['kind']],
  ['decision_seconds_count', ['kind']],
  ['upstream_connect_seconds_count', ['result']],
  ['dns_lookup_seconds_count', ['result']],
  ['errors_total', ['error']],
  ['tunnels_active', []],
  ['tunnels_limit', []],
  ['tunnel_seconds_count', []],
  ['tunnel_bytes_total', ['direction']],
  ['client_address_suspect_total', ['reason']],
  ['limit_reached_total', ['limit']],
  ['rules_last_reload_successful', []],
  ['rules_last_reload_success_timestamp_seconds', []],
  ['rules_info', ['mode', 'name', 'revision']],
  ['exception_expiry_timestamp_seconds', ['exception']],
  ['breakglass_active', []],
  ['audit_records_total', ['action']],
  ['audit_write_errors_total', []],
  ['audit_queue_records', []],
  ['audit_sync_seconds_count', []],
  ['audit_tree_size', []],
  ['audit_last_checkpoint_timestamp_seconds', []],
  ['audit_disk_free_bytes', []],
  ['build_info', ['node', 'version']],
]

/** The name and the sorted label names of a series. */
function shapeOf(series: string): { name: string; labels: readonly string[] } {
  const [name = '', inner = ''] = series.split(/[{}]/)
  return { name, labels: [...inner.matchAll(/(\w+)="/g)].map(([, label = '']) => label).sort() }
}

t.test('each metric is there from the start, with its labels, and counts from 0', async (t) => {
  const { adminPort } = await start(t, { rules: RULES })
  const all = await readSeries(adminPort)
  const ours = [...all].filter(([series]) => series.startsWith('landline_') && !/_(?:sum|bucket)(?:\{|$)/.test(series))
  const shapes = new Map(ours.map(([series]) => [shapeOf(series).name, shapeOf(series).labels]))
  // There are more, beside those that were promised; docs/metrics.md lists them all.
  for (const [name, labels] of CONTRACT) t.strictSame(shapes.get(`landline_${name}`), labels, name)
  const counting = ours.filter(
    ([series]) => /(?:_total|_count)(?:\{|$)/.test(series) && !/audit_(?:records|sync)/.test(series),
  )
  t.strictSame(
    counting.filter(([, value]) => value !== 0),
    [],
  )
  const first = [
    'landline_decisions_total{action="block",medium="wireless",service="zoom"}',
    'landline_segment_decisions_total{segment="wifi",medium="wireless",action="block"}',
    'landline_rule_matches_total{rule="zoom-fixed-only",action="block"}',
    'landline_exception_uses_total{exception="g7"}',
  ]
  for (const series of first) t.equal(all.get(series), 0, series)
  t.equal(all.get('landline_audit_records_total{action="start"}'), 1)
  t.equal(all.get('landline_exception_expiry_timestamp_seconds{exception="g7"}'), Date.UTC(2020, 1, 1) / 1000)
})

t.test('what clients send counts in series that were there before', async (t) => {
  const landline = await start(t, { rules: RULES, config: LOOPBACK })
  const before = await readSeries(landline.adminPort)
  for (let n = 0; n < 30; n++) {
    await ask(landline.port, `http://us${n}.zoom.us/`, { from: '127.0.0.2', method: `M${n}` })
    await ask(landline.port, `http://127.0.0.1:${n + 1}/`, {
      from: `127.0.1.${n}`,
      method: `M${n}`,
      fields: { Via: `1.1 p${n}` },
    })
  }
  const odd = [
    'http://%00/',
    'http://a_b\\"} 1/',
    '*',
    'ftp://zoom.us/',
    `http://${'x'.repeat(300)}/`,
    'http://zoom.us:99999/',
  ]
  for (const target of odd) t.ok((await ask(landline.port, target)).status >= 400, target)
  await tunnel(landline.port, 'zoom.us:443', '127.0.0.2')
  const broken = open(landline.port)
  for await (const _ of broken.end('\0\x01 garbage\r\n\r\n')); // read to its end
  const after = await readSeries(landline.adminPort)
  const ours = (series: ReadonlyMap<string, number>) =>
    [...series.keys()].filter((name) => name.startsWith('landline_'))
  t.strictSame(
    ours(after).filter((series) => !before.has(series)),
    [],
  )
  t.equal(after.get('landline_decisions_total{action="block",medium="wireless",service="zoom"}'), 31)
  t.equal(after.get('landline_requests_total{kind="http",outcome="denied"}'), 30)
  t.equal(after.get('landline_requests_total{kind="connect",outcome="denied"}'), 1)
  t.equal(after.get('landline_requests_total{kind="http",outcome="upstream_error"}'), 30)
  t.ok((after.get('landline_requests_total{kind="http",outcome="client_error"}') ?? 0) >= odd.length)
})

t.test('series of what is no longer in the rules go', async (t) => {
  const landline = await start(t, { rules: RULES })
  const had = async (part: string) =>
    [...(await readSeries(landline.adminPort)).keys()].some((series) => series.includes(part))
  for (const part of ['segment="wifi"', 'rule="zoom-fixed-only"', 'exception="g7"']) t.ok(await had(part), part)
  writeFileSync(join(landline.dir, 'rules.yaml'), 'version: 1\nunknown_clients: classify\nrules: []\n')
  landline.process.kill('SIGHUP')
  await landline.waitForLog('rules reloaded')
  for (const part of ['segment="wifi"', 'rule="zoom-fixed-only"', 'exception="g7"']) t.notOk(await had(part), part)
})

t.test('four pages answer anybody, the rest nobody without credentials', async (t) => {
  const landline = await start(t, { rules: RULES, config: 'pac: { proxies: ["proxy.test:3128"] }\n' })
  const get = (path: string, options: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${landline.adminPort}${path}`, options)
  const pages: readonly (readonly [path: string, status: number, type: RegExp, body: RegExp])[] = [
    ['/metrics', 200, /^text\/plain/, /^# HELP landline_/m],
    ['/livez', 200, /^text\/plain/, /^ok$/m],
    ['/readyz', 200, /^text\/plain/, /^ready$/m],
    ['/proxy.pac', 200, /^application\/x-ns-proxy-autoconfig$/, /PROXY proxy\.test:3128/],
    ['/api/v1/status', 403, /^application\/json$/, /no users.*admin hash/],
    ['/nothing', 404, /^text\/plain/, /no such page/],
  ]
  for (const [path, status, type, body] of pages) {
    const response = await get(path)
    t.equal(response.status, status, path)
    t.match(response.headers.get('content-type'), type, path)
    t.match(await response.text(), body, path)
  }
  t.equal((await get('/metrics', { method: 'POST' })).status, 405)
  const other = await get('/metrics', { headers: { accept: 'application/openmetrics-text' } })
  t.match(other.headers.get('content-type'), /^application\/openmetrics-text/)
  t.match(await other.text(), /\n# EOF\n$/)
})

t.test('while it drains it is alive, but nobody should send it anything new', async (t) => {
  const asked = Promise.withResolvers<() => void>()
  const { port } = await origin(t, (_request, response) => asked.resolve(() => response.end('done')))
  const landline = await start(t, { rules: RULES, config: LOOPBACK })
  const answer = ask(landline.port, `http://127.0.0.1:${port}/`)
  const finish = await asked.promise
  const stopped = landline.stop()
  await landline.waitForLog('landline drains')
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${landline.adminPort}${path}`)
    return [response.status, await response.text()]
  }
  t.strictSame(await get('/livez'), [200, 'ok\n'])
  t.strictSame(await get('/readyz'), [503, 'not ready\ndraining\n'])
  finish()
  t.equal((await answer).body, 'done')
  t.equal(await stopped, 0)
})
