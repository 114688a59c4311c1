/**
 * A log of the size of years: how long a look-up, a query and a verification take, and whether the memory stays flat.
 * Run: node bench/scale.ts [RECORDS] [DIR]. The log is made in DIR (default: a temporary folder, removed at the end), unless
 * there is one already; a second run on the same DIR then measures it as it is. Not part of `npm run bench` as a whole run:
 * five million records take some minutes and 5 GB.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAudit } from '../audit/audit.ts'
import { loadKey } from '../audit/proof/keys.ts'
import { listSegments } from '../audit/segment.ts'
import { denial } from './events/denial.ts'

const RECORDS = Number(process.argv[2] ?? 200_000)
const DAYS = 60
const DAY_MS = 86_400_000
const START = Date.parse('2026-01-01T00:00:00Z')
const ignore = () => {}

const given = process.argv[3]
const root = given ?? mkdtempSync(join(tmpdir(), 'landline-scale-'))
const dir = join(root, 'audit')

async function write(): Promise<void> {
  const { key } = loadKey(join(root, 'audit.pem'), 'landline-1', dir)
  let n = 0
  const audit = await openAudit({
    dir,
    evidence: { key, records: 1000, seconds: 60, treeSize: ignore, checkpointed: ignore },
    sync: 'write',
    onFailure: 'block',
    observer: { name: 'landline-1', version: '1.0.0' },
    repeatSeconds: 0,
    segmentBytes: 64 * 1024 * 1024,
    now: () => START + Math.floor((n / RECORDS) * DAYS * DAY_MS),
    meter: { recorded: ignore, writeFailed: ignore, queued: ignore, synced: ignore, diskFree: ignore },
    log: ignore,
  })
  const callers = Array.from({ length: 256 }, async () => {
    while (n < RECORDS) await audit.record(denial(n++))
  })
  await Promise.all(callers)
  await audit.close()
}

/** A command as a user would run it: wall seconds, CPU seconds, and the greatest memory. */
function measure(what: string, ...args: string[]): string {
  const main = join(import.meta.dirname, '../cli/main.ts')
  const start = performance.now()
  const { stdout, stderr, status } = spawnSync('/usr/bin/time', ['-f', '%U %S %M', process.execPath, main, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 32,
  })
  const seconds = (performance.now() - start) / 1000
  const [user = 0, system = 0, kilobytes = 0] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number)
  console.log(
    `${what.padEnd(34)} ${seconds.toFixed(2).padStart(7)} s, ${(user + system).toFixed(2).padStart(7)} CPU-s, ` +
      `${Math.round(kilobytes / 1024)} MiB, exit ${status}, ${stdout.split('\n').length} lines`,
  )
  return stdout
}

if (!existsSync(dir)) {
  const start = performance.now()
  await write()
  console.log(`${RECORDS.toLocaleString('en')} records written in ${((performance.now() - start) / 1000).toFixed(0)} s`)
}
const segments = await listSegments(dir)
const bytes = readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)
console.log(
  `${segments.length} segments, ${segments.filter(({ compressed }) => compressed).length} of them compressed, ` +
    `${Math.round(bytes / 2 ** 20)} MiB`,
)
const kept = join(root, 'kept.txt')
if (!existsSync(kept)) {
  const { writeFileSync } = await import('node:fs')
  const notes = readFileSync(join(dir, 'checkpoints.txt'), 'utf8').split(/(?<=\n\n)(?=landline-1\n)/)
  writeFileSync(kept, (notes.at(-1) ?? '').slice(0, -1))
}
const { key } = loadKey(join(root, 'audit.pem'), 'landline-1', dir)
measure('help (the cost of a start)', '--help')
for (const [where, at] of [
  ['first', 0.001],
  ['middle', 0.5],
  ['last', 0.999],
] as const) {
  const time = new Date(START + at * DAYS * DAY_MS).toISOString()
  const until = new Date(START + at * DAYS * DAY_MS + 60_000).toISOString()
  const rows = measure(`query of one minute, ${where}`, 'audit', 'query', dir, '--since', time, '--until', until)
  const reference = /[0-9a-f]{8}-[0-9a-f]{4}-7\S+/.exec(rows)?.[0] ?? ''
  measure(`show, ${where}`, 'audit', 'show', dir, reference, '--key', key.verifier.text)
}
measure(
  'query of all by action, as JSON',
  'audit',
  'query',
  dir,
  '--action',
  'block',
  '--source',
  '10.20.3.7',
  '--json',
)
measure('verify', 'audit', 'verify', dir, '--key', key.verifier.text, '--checkpoint', kept)
if (given === undefined) rmSync(root, { recursive: true })
