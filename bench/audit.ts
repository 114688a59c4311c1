/**
 * What a record costs: 64 callers at once, each waiting for its own record before it brings the next, as clients in a storm
 * of denials do. Run: node bench/audit.ts [SECONDS]. CPU is that of the whole process, the system's share included; only
 * the ratios within one run mean anything on a shared machine.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AuditOptions, openAudit } from '../audit/audit.ts'
import { loadKey } from '../audit/proof/keys.ts'
import { createEncoder } from '../audit/record.ts'
import { createReferences } from '../audit/uuid.ts'
import { denial } from './events/denial.ts'

const CALLERS = 64
const SECONDS = Number(process.argv[2] ?? 3)
function encodeAlone(): void {
  const encoder = createEncoder({ name: 'landline-1', version: '1.0.0' })
  const references = createReferences()
  const count = 200_000
  const events = Array.from({ length: 1000 }, (_, n) => denial(n))
  let characters = 0
  let milliseconds = 0
  for (let round = 0; round < 2; round++) {
    const start = performance.now()
    for (let n = 0; n < count; n++) {
      const at = Date.now()
      // Never absent: `n % 1000` is within.
      characters += encoder.encode(events[n % 1000]!, references.next(at), at).tail.length
    }
    milliseconds = performance.now() - start
  }
  const each = ((milliseconds * 1e6) / count).toFixed(0)
  console.log(`encode alone     ${each.padStart(8)} ns a record (${Math.round(characters / count / 2)} characters)`)
}

async function storm(sync: AuditOptions['sync'], isSigned: boolean): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'landline-bench-'))
  const dir = join(root, 'audit')
  const { key } = loadKey(join(root, 'audit.pem'), 'landline-1', dir)
  let batches = 0
  const ignore = () => {}
  const evidence = { key, records: 1000, seconds: 60, treeSize: ignore, checkpointed: ignore }
  const audit = await openAudit({
    dir,
    ...(isSigned && { evidence }),
    sync,
    onFailure: 'block',
    observer: { name: 'landline-1', version: '1.0.0' },
    repeatSeconds: 0,
    segmentBytes: 64 * 1024 * 1024,
    now: Date.now,
    meter: { recorded: ignore, writeFailed: ignore, queued: ignore, synced: () => batches++, diskFree: ignore },
    log: ignore,
  })
  let records = 0
  const waits: number[] = []
  const run = async (until: number) => {
    while (performance.now() < until) {
      const start = performance.now()
      await audit.record(denial(records++))
      waits.push(performance.now() - start)
    }
  }
  const all = (seconds: number) => {
    const until = performance.now() + seconds * 1000
    return Promise.all(Array.from({ length: CALLERS }, () => run(until)))
  }
  await all(1)
  records = batches = waits.length = 0
  const cpu = process.cpuUsage()
  const start = performance.now()
  await all(SECONDS)
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const cpuSeconds = (user + system) / 1e6
  waits.sort((a, b) => a - b)
  const quantile = (q: number) => (waits[Math.floor(q * (waits.length - 1))] ?? 0).toFixed(2)
  console.log(
    `sync: ${`${sync}${isSigned ? ', signed' : ''}`.padEnd(14)} ${Math.round(records / cpuSeconds)
      .toLocaleString('en')
      .padStart(8)} records/CPU-s, ` +
      `${Math.round(records / seconds).toLocaleString('en')} records/s, ${(records / batches).toFixed(1)} a batch, ` +
      `wait ms p50 ${quantile(0.5)} p99 ${quantile(0.99)}, ${((cpuSeconds * 1e6) / records).toFixed(1)} us CPU a record`,
  )
  await audit.close()
  rmSync(root, { recursive: true })
}

encodeAlone()
for (const isSigned of [false, true]) {
  await storm('fsync', isSigned)
  await storm('write', isSigned)
}
