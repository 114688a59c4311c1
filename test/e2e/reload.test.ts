/** A hundred reloads while clients ask on: no request is lost, each is judged by one revision, and the last file holds. */
import { writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { LOOPBACK, origin, readSeries, start } from './landline.ts'
import { chainFaults } from './records.ts'

const RELOADS = 100
const CLIENTS = 16

/** Odd revisions block what even ones let through on record; the reason tells which one judged. */
function rules(revision: number): string {
  return `version: 1
name: revision-${revision}
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [127.0.0.1] } }
services: { meet: { name: Meet, category: meeting, hosts: [localhost] } }
rules: [{ id: rule-${revision}, service: meet, action: ${revision % 2 === 1 ? 'block' : 'log'} }]
`
}

t.test('a hundred reloads under load', async (t) => {
  const web = await origin(t, (_request, response) => response.end('reached'))
  const landline = await start(t, { rules: rules(0), config: LOOPBACK })
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  t.teardown(() => agent.destroy())
  const host = `localhost:${web.port}`
  const options = { agent, host: '127.0.0.1', port: landline.port, path: `http://${host}/`, headers: { host } }
  const ask = () =>
    new Promise<number>((resolve, reject) => {
      get(options, (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0))).on(
        'error',
        reject,
      )
    })
  const counts = new Map<number, number>()
  let busy = true
  const client = async () => {
    while (busy) {
      const status = await ask()
      counts.set(status, (counts.get(status) ?? 0) + 1)
    }
  }
  const clients = Array.from({ length: CLIENTS }, client)
  const reloads = 'landline_audit_records_total{action="reload"}'
  for (let revision = 1; revision <= RELOADS; revision++) {
    writeFileSync(join(landline.dir, 'rules.yaml'), rules(revision))
    landline.process.kill('SIGHUP')
    // Signals that come while one is being handled may become one: each file is to have had its turn.
    await landline.waitForLog('rules reloaded', revision)
  }
  busy = false
  await Promise.all(clients)
  t.strictSame([...counts.keys()].sort(), [200, 403], 'each request had its answer')
  t.equal(await ask(), 200, 'the last file holds')
  const series = await readSeries(landline.adminPort)
  t.ok((series.get(reloads) ?? 0) >= RELOADS)
  t.ok([...series.keys()].some((name) => name.startsWith('landline_rules_info{name="revision-100"')))
  t.notOk([...series.keys()].some((name) => name.includes('rule-99')))
  t.equal(await landline.stop(), 0)
  t.strictSame(chainFaults(join(landline.dir, 'data', 'audit')), [])
  const records = landline.records()
  const made = (action: string) => records.filter(({ event }) => event.action === action).length
  t.same([made('block'), made('log')], [counts.get(403), (counts.get(200) ?? 0) + 1], 'each is on record, once')
  // A verdict and the revision that it names belong together.
  const versions = new Map<string, Set<string>>()
  for (const { event, rule } of records) {
    if (rule?.id === undefined) continue
    const known = versions.get(rule.version) ?? new Set()
    versions.set(rule.version, known.add(`${rule.id} ${event.action}`))
  }
  t.ok(versions.size > 10, `${versions.size} revisions judged`)
  t.ok([...versions.values()].every((verdicts) => verdicts.size === 1))
})
