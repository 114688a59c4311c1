/**
 * How long `landline simulate` takes over a million records and two weeks of tallies. Run: node bench/simulate.ts [RECORDS].
 * CPU is that of the command's own process; only the ratios within one run mean anything on a shared machine.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { archiveRevision } from '../audit/archive.ts'
import { createEncoder, LINE_END, NO_PREVIOUS } from '../audit/record.ts'
import { segmentName } from '../audit/segment.ts'
import { tallyName } from '../audit/tallies/file.ts'
import { HOUR_MS, writeRow } from '../audit/tallies/row.ts'
import { createReferences } from '../audit/uuid.ts'
import { BUILT_IN_CATALOGUE, compileSources, readSources } from '../cli/rules/load.ts'
import { parseAddress } from '../rules/address.ts'
import { decide } from '../rules/decide.ts'
import type { TrafficAction } from '../rules/events.ts'
import type { Policy } from '../rules/policy.ts'

const RECORDS = Number(process.argv[2] ?? 1_000_000)
const START = Date.parse('2026-11-09T00:00:00Z')
const WEEKS_MS = 14 * 24 * HOUR_MS
const SEGMENT_RECORDS = 60_000
const HOSTS = ['us04web.zoom.us', 'teams.microsoft.com', 'meet.jit.si', 'acme.webex.com', 'web.whatsapp.com'] as const

const RULES = `version: 1
name: bench
unknown_clients: classify
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
  vpn: { medium: vpn, prefixes: [10.99.0.0/16] }
rules:
  - { id: zoom-fixed-only, service: zoom, except: { medium: wired }, action: block }
  - { id: watch, service: any, action: log }
`
const PROPOSED = `${RULES.replace('  - { id: watch', '  - { id: no-webex, service: webex, medium: wireless, action: block, during: { days: mon-fri, hours: 08:00-18:00, zone: Europe/Berlin } }\n  - { id: watch')}exceptions:
  - { id: team, rule: zoom-fixed-only, from: [10.20.3.0/24], starts: 2026-11-10T00:00:00Z, expires: 2026-11-20T00:00:00Z, reason: bench, ticket: T-1, approver: bench }
`

async function policyIn(file: string, text: string): Promise<{ policy: Policy; catalogue: Record<string, string> }> {
  writeFileSync(file, text)
  const sources = await readSources(file, BUILT_IN_CATALOGUE)
  const { policy } = compileSources(sources, { monitor: false, now: START })
  if (policy === null) throw new Error(`${file} is bad`)
  return { policy, catalogue: Object.fromEntries(sources.catalogue) }
}

function writeRecords(dir: string, policy: Policy): number {
  const encoder = createEncoder({ name: 'landline-1', version: '1.0.0' })
  const references = createReferences()
  let bytes = 0
  for (let first = 1; first <= RECORDS; first += SEGMENT_RECORDS) {
    const lines: string[] = []
    const last = Math.min(RECORDS, first + SEGMENT_RECORDS - 1)
    for (let sequence = first; sequence <= last; sequence++) {
      const at = START + Math.floor((sequence / RECORDS) * WEEKS_MS)
      const address = parseAddress(`10.${[10, 20, 99][sequence % 3]}.${(sequence >> 4) % 8}.${sequence % 251}`)
      const host = HOSTS[sequence % HOSTS.length] ?? HOSTS[0]
      const verdict = decide(policy, {
        source: address,
        at,
        host,
        address: null,
        port: 443,
        serverName: null,
        httpHost: null,
      })
      const id = references.next(at)
      const { head, tail } = encoder.encode(
        {
          action: verdict.action as TrafficAction, // all conferencing is recorded here
          exchange: id,
          source: { ip: address?.text ?? '', port: 50_000 },
          client: { learnt: 'socket', path: [] },
          destination: { domain: host, ip: verdict.action === 'block' ? null : '192.0.2.1', port: 443 },
          method: 'CONNECT',
          verdict,
          policy,
          ech: false,
          because: null,
          carried: null,
        },
        id,
        at,
      )
      lines.push(`${head}${sequence}${tail}${NO_PREVIOUS}${LINE_END}`)
    }
    const file = openSync(join(dir, segmentName(START + Math.floor((first / RECORDS) * WEEKS_MS), first)), 'w')
    bytes += writeSync(file, lines.join(''))
    closeSync(file)
  }
  return bytes
}

function writeTallies(dir: string, { revision }: Policy): void {
  for (let hour = START; hour < START + WEEKS_MS; hour += HOUR_MS) {
    const rows = Array.from({ length: 200 }, (_, n) =>
      writeRow({
        hour,
        segment: (['desks', 'wifi', 'vpn'] as const)[n % 3] ?? 'desks',
        medium: (['wired', 'wireless', 'vpn'] as const)[n % 3] ?? 'wired',
        service: 'webex',
        rule: 'otherwise',
        mode: 'enforce',
        revision,
        asked: { host: `h${n}.webex.com`, port: 443, serverName: null, httpHost: null, prefix: null },
        count: 10,
      }),
    )
    writeFileSync(join(dir, tallyName(hour)), rows.join(''))
  }
}

const folder = mkdtempSync(join(tmpdir(), 'landline-simulate-'))
try {
  const dir = join(folder, 'audit')
  mkdirSync(dir)
  const main = join(folder, 'rules.yaml')
  const { policy, catalogue } = await policyIn(main, RULES)
  await archiveRevision(dir, { revision: policy.revision, main, files: { [main]: RULES }, catalogue }, START)
  const proposed = join(folder, 'proposed.yaml')
  await policyIn(proposed, PROPOSED)
  const bytes = writeRecords(dir, policy)
  writeTallies(dir, policy)
  console.log(
    `${RECORDS} records, ${Math.round(bytes / 1e6)} MB; 336 hours of 200 rows; rules ${statSync(proposed).size} bytes`,
  )
  const command = join(import.meta.dirname, '..', 'cli', 'main.ts')
  const measure = `process.on('exit', () => { const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage(); process.stderr.write(JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6, rss: maxRSS / 1024 })) })`
  const hook = `data:text/javascript,${encodeURIComponent(measure)}`
  const begin = performance.now()
  const run = spawnSync(
    process.execPath,
    ['--import', hook, command, 'simulate', '--rules', proposed, '--against', dir, '--json'],
    {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  const seconds = (performance.now() - begin) / 1000
  if (run.status !== 0) throw new Error(run.stderr)
  const { cpu, rss } = JSON.parse(run.stderr)
  console.log(
    `simulate: ${seconds.toFixed(1)} s, ${cpu.toFixed(1)} CPU s, ${((cpu / RECORDS) * 1e6).toFixed(1)} µs a record, at most ${Math.round(rss)} MB`,
  )
  console.log(JSON.stringify(JSON.parse(run.stdout).totals))
} finally {
  if (process.env.KEEP === undefined) rmSync(folder, { recursive: true, force: true })
}
