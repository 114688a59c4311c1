/** The log on a disk that fails, fills up, hangs or is meddled with: nothing acknowledged is lost, nothing is repaired in silence. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { AuditOptions } from '../../audit/audit.ts'
import type { RecordedEvent } from '../../audit/record.ts'
import { codeOf, denial, type Fault, FaultyDisk, NOON, openWith, type Plain, readLog, systemEvent } from './helpers.ts'

/** An audit log on a faulty disk; `recovered` resolves with the next recovery record that is safe. */
async function open(dir: string, change: Partial<AuditOptions> = {}) {
  const disk = new FaultyDisk()
  let next = Promise.withResolvers<RecordedEvent>()
  const onRecord = (event: RecordedEvent) => {
    if (event.action === 'recovered') next.resolve(event)
  }
  const recovered = async () => {
    const event = await next.promise
    next = Promise.withResolvers()
    return event
  }
  return { disk, recovered, ...(await openWith(dir, { disk, onRecord, ...change })) }
}

const FAILURES: { name: string; faults: [Fault, string][]; space?: number; day?: number }[] = [
  { name: 'a full disk', faults: [['write', 'ENOSPC']] },
  { name: 'a disk that fills up within a line', faults: [], space: 100 },
  { name: 'a failed sync', faults: [['datasync', 'EIO']] },
  {
    name: 'a failed sync, then no reopening',
    faults: [
      ['datasync', 'EIO'],
      ['open', 'EIO'],
    ],
  },
  {
    name: 'a read-only disk',
    faults: [
      ['open', 'EROFS'],
      ['write', 'EROFS'],
      ['truncate', 'EROFS'],
    ],
  },
  { name: 'a torn write that cannot be cut off', faults: [['truncate', 'EIO']], space: 15_000 },
  { name: 'no new segment', faults: [['open', 'EACCES']], day: 1 },
  { name: 'a new segment whose name is not safe', faults: [['syncFolder', 'EIO']], day: 1 },
]
for (const { name, faults, space, day } of FAILURES) {
  t.test(`block: ${name} refuses the record, harms no other, and ends by itself`, async (t) => {
    const dir = t.testdir()
    let now = NOON
    const { audit, counts, disk, recovered } = await open(dir, { now: () => now })
    const before = await audit.record(denial(1))
    now += (day ?? 0) * 86_400_000
    for (const [call, code] of faults) disk.faults.set(call, code)
    disk.space = space ?? null
    const refused = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => audit.record(denial(n))))
    t.same(new Set(refused.map((one) => one.status === 'rejected' && codeOf(one.reason))), new Set(['ERR_AUDIT_WRITE']))
    t.notOk(audit.healthy())
    t.equal(await audit.record(denial(4)).catch(codeOf), 'ERR_AUDIT_WRITE', 'each new record is tried, and refused')
    if (!disk.faults.has('truncate'))
      t.same([readLog(dir).records.length, readLog(dir).faults], [1, []], 'nothing half written is left')
    t.ok(counts.writeErrors >= 2)
    t.match(counts.logged[0], /^error audit: records cannot be written/)

    disk.faults.clear()
    disk.space = null
    t.match(await recovered(), { action: 'recovered', outcome: 'success', facts: { refused: 21, lost: 0 } })
    t.ok(audit.healthy(), 'without a new record to try with')
    const after = await audit.record(denial(5))
    await audit.close()
    const log = readLog(dir)
    t.same(log.faults, [])
    t.same([log.records[0].event.id, log.records.at(-1).event.id], [before, after])
    t.same(
      log.records.map(({ event }) => event.action),
      ['block', 'recovered', 'block'],
    )
  })
}

t.test('a write that puts down only a part goes on with the rest', async (t) => {
  const dir = t.testdir()
  const { audit, disk } = await open(dir)
  disk.short = true
  await Promise.all(Array.from({ length: 20 }, (_, n) => audit.record(denial(n))))
  await audit.close()
  t.same([readLog(dir).records.length, readLog(dir).faults], [20, []])
})

t.test('block: what nobody waits for outlasts a failure that refuses the others', async (t) => {
  const dir = t.testdir()
  let now = NOON
  const { audit, disk, recovered } = await open(dir, { now: () => now, repeatSeconds: 60 })
  const reference = await audit.record(denial())
  t.equal(await audit.record(denial()), reference)
  now += 60_000
  disk.faults.set('write', 'ENOSPC')
  t.equal(await audit.record(denial()).catch(codeOf), 'ERR_AUDIT_WRITE')
  disk.faults.clear()
  await recovered()
  await audit.close()
  const { records, faults } = readLog(dir)
  t.same([faults, records.map(({ event }) => event.action)], [[], ['block', 'repeat', 'recovered']])
})

t.test('continue: callers go on, their records follow in order when there is space', async (t) => {
  const dir = t.testdir()
  const { audit, disk, recovered } = await open(dir, { onFailure: 'continue' })
  const references = [await audit.record(denial(0))]
  disk.faults.set('datasync', 'ENOSPC')
  references.push(...(await Promise.all([audit.record(denial(1)), audit.record(denial(2))])))
  t.notOk(audit.healthy())
  for (let n = 3; n < 50; n++) references.push(await audit.record(denial(n)))
  t.equal(readLog(dir).records.length, 1)
  disk.faults.clear()
  t.match(await recovered(), { outcome: 'success', facts: { refused: 0, lost: 0 } })
  t.ok(audit.healthy())
  await audit.close()
  const { records, faults } = readLog(dir)
  t.same(faults, [])
  t.same(
    records.filter(({ event }) => event.action === 'block').map(({ event }) => event.id),
    references,
  )
})

for (const [bound, maxQueued] of Object.entries({
  records: { records: 10, bytes: 1e9 },
  bytes: { records: 1e9, bytes: 9500 },
})) {
  t.test(`continue: beyond the bound on ${bound} records are lost, and the log says how many`, async (t) => {
    const dir = t.testdir()
    const { audit, disk, recovered } = await open(dir, { onFailure: 'continue', maxQueued })
    disk.faults.set('write', 'ENOSPC')
    for (let n = 0; n < 100; n++) await audit.record(denial(n))
    disk.faults.clear()
    const { facts } = (await recovered()) as Plain
    await audit.close()
    const { records, faults } = readLog(dir)
    const kept = records.filter(({ event }) => event.action === 'block').length
    t.same([faults, facts.lost + kept, facts.refused], [[], 100, 0])
    t.ok(kept >= 8 && kept <= 11, `${kept} kept`)
    t.equal(records.at(-1).event.outcome, 'failure')
  })
}

t.test('block: beyond the bound records are refused at once', async (t) => {
  const { audit, disk, recovered } = await open(t.testdir(), { maxQueued: { records: 10, bytes: 1e9 } })
  const release = Promise.withResolvers<void>()
  disk.hold = release.promise
  const results = Promise.allSettled(Array.from({ length: 15 }, (_, n) => audit.record(denial(n))))
  t.equal(await audit.record(denial()).catch(codeOf), 'ERR_AUDIT_QUEUE_FULL')
  release.resolve()
  t.equal((await results).filter(({ status }) => status === 'fulfilled').length, 10)
  t.match(await recovered(), { facts: { refused: 6, cause: 'ERR_AUDIT_QUEUE_FULL' } })
  await audit.close()
})

for (const onFailure of ['block', 'continue'] as const) {
  t.test(`${onFailure}: a disk that hangs holds nobody up for long`, async (t) => {
    const dir = t.testdir()
    const { audit, disk, recovered, counts } = await open(dir, { onFailure, stallMs: 250 })
    const release = Promise.withResolvers<void>()
    disk.hold = release.promise
    const want = onFailure === 'block' ? 'ERR_AUDIT_STALLED' : 'answered'
    const tell = (work: Promise<string>) => work.then(() => 'answered', codeOf)
    t.equal(await tell(audit.record(denial(1))), want)
    t.equal(await tell(audit.record(denial(2))), want, 'at once, now that it is known to hang')
    t.notOk(audit.healthy())
    t.match(counts.logged[0], /disk does not answer/)
    disk.hold = null
    release.resolve()
    if (onFailure === 'block') t.match(await recovered(), { facts: { refused: 2, cause: 'ERR_AUDIT_STALLED' } })
    const last = await audit.record(denial(3))
    await audit.close()
    const { records, faults } = readLog(dir)
    t.same([faults, records.at(-1).event.id], [[], last])
  })
}

t.test('what is written, or was refused, makes room for as much again', async (t) => {
  const { audit, disk, recovered } = await open(t.testdir(), { maxQueued: { records: 1e9, bytes: 9500 }, stallMs: 100 })
  const several = async (count: number) => {
    for (let n = 0; n < count; n++) await audit.record(denial(n))
  }
  await several(30)
  for (let round = 0; round < 4; round++) {
    const release = Promise.withResolvers<void>()
    disk.hold = release.promise
    const { syncs } = disk
    const first = audit.record(denial())
    first.catch(() => {})
    while (disk.syncs === syncs) await wait(1)
    // One hangs on its way, and the others wait behind it.
    const others = Array.from({ length: 5 }, (_, n) => audit.record(denial(n)))
    const results = await Promise.allSettled([first, ...others])
    t.ok(results.every((result) => result.status === 'rejected' && codeOf(result.reason) === 'ERR_AUDIT_STALLED'))
    disk.hold = null
    release.resolve()
    await recovered()
  }
  await several(30)
  await audit.close()
})

t.test('a failure that lasts is told in exact numbers', async (t) => {
  const { audit, disk, recovered, counts } = await open(t.testdir())
  disk.faults.set('write', 'ENOSPC')
  for (const tries of [1, 2, 3]) {
    t.equal(await audit.record(denial(tries)).catch(codeOf), 'ERR_AUDIT_WRITE')
    while (counts.writeErrors < 2 * tries) await wait(10)
  }
  disk.faults.clear()
  t.match(await recovered(), { facts: { refused: 3, lost: 0, failed_writes: counts.writeErrors, cause: 'ENOSPC' } })
  await audit.close()
})

t.test('who was told that the disk hangs is not counted again when it fails', async (t) => {
  const { audit, disk, recovered } = await open(t.testdir(), { stallMs: 100 })
  const release = Promise.withResolvers<void>()
  disk.hold = release.promise
  disk.faults.set('datasync', 'EIO')
  t.equal(await audit.record(denial()).catch(codeOf), 'ERR_AUDIT_STALLED')
  disk.hold = null
  release.resolve()
  await wait(20)
  disk.faults.clear()
  t.match(await recovered(), { facts: { refused: 1 } })
  await audit.close()
})

t.test('a disk that hangs while the log is told what was missed makes it no more', async (t) => {
  const dir = t.testdir()
  const { audit, disk, recovered, counts } = await open(dir, { stallMs: 250 })
  disk.faults.set('write', 'ENOSPC')
  t.equal(await audit.record(denial(1)).catch(codeOf), 'ERR_AUDIT_WRITE')
  const release = Promise.withResolvers<void>()
  disk.hold = release.promise
  disk.faults.clear()
  while (!counts.logged.some((line) => line.includes('the disk does not answer'))) await wait(10)
  disk.hold = null
  release.resolve()
  t.match(await recovered(), { facts: { refused: 1, cause: 'ENOSPC' } })
  await audit.close()
  const { records, faults } = readLog(dir)
  t.same([faults, records.filter(({ event }) => event.action === 'recovered').length], [[], 1])
})

t.test('closing does not wait for a disk that hangs, and leaves the folder to nobody else meanwhile', async (t) => {
  const dir = t.testdir()
  const { audit, disk } = await open(dir, { stallMs: 250 })
  const release = Promise.withResolvers<void>()
  disk.hold = release.promise
  const waiting = audit.record(denial()).catch(codeOf)
  await audit.close()
  t.equal(await waiting, 'ERR_AUDIT_STALLED')
  t.equal(await openWith(dir).catch(codeOf), 'ERR_AUDIT_LOCKED')
  release.resolve()
})

t.test('closing on a failing disk tries once more and says what stays unwritten', async (t) => {
  const { audit, disk, counts } = await open(t.testdir(), { onFailure: 'continue' })
  disk.faults.set('write', 'ENOSPC')
  await audit.record(denial())
  await audit.close()
  t.match(counts.logged.at(-1), /^error audit: closed with records unwritten/)
})

t.test('a file that stands where the next segment is to begin is not written to', async (t) => {
  const dir = t.testdir()
  let now = NOON
  const { audit, recovered } = await open(dir, { now: () => now })
  await audit.record(denial(1))
  now += 86_400_000
  const next = join(dir, 'audit-20261124T120000Z-000000000002.jsonl')
  writeFileSync(next, 'not ours')
  t.equal(await audit.record(denial(2)).catch(codeOf), 'ERR_AUDIT_WRITE')
  t.equal(readFileSync(next, 'utf8'), 'not ours')
  rmSync(next)
  await recovered()
  await audit.close()
  t.same([readLog(dir).records.length, readLog(dir).faults], [2, []])
})

const MEDDLING: { name: string; meddle: (path: string) => void; what: RegExp }[] = [
  { name: 'removed', meddle: (path) => rmSync(path), what: /it is gone/ },
  { name: 'cut short', meddle: (path) => truncateSync(path, 10), what: /10 bytes, of \d+ written/ },
  { name: 'added to', meddle: (path) => appendFileSync(path, '{}\n'), what: /somebody added 3 bytes/ },
  {
    name: 'changed',
    meddle: (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('zoom.us', 'room.us')),
    what: /not the one written/,
  },
]
for (const { name, meddle, what } of MEDDLING) {
  t.test(
    `a segment that somebody has ${name} is noticed, left as it is, and the log goes on in a new one`,
    async (t) => {
      const dir = t.testdir()
      let checked = Promise.withResolvers<void>()
      let now = NOON
      const { audit, recovered } = await open(dir, {
        checkMs: 5,
        now: () => now,
        meter: meterWith(() => checked.resolve()),
      })
      await audit.record(denial(1))
      const [first] = readLog(dir).files
      meddle(join(dir, first!))
      const left = name === 'removed' ? null : readFileSync(join(dir, first!), 'utf8')
      now += 1000
      checked = Promise.withResolvers()
      const alive = setTimeout(() => {}, 5000)
      await checked.promise
      clearTimeout(alive)
      await audit.record(denial(2))
      t.match(await recovered(), { outcome: 'failure', facts: { file: first, what } })
      await audit.close()
      const second = join(dir, 'audit-20261123T120001Z-000000000002.jsonl')
      const records = readFileSync(second, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line): Plain => JSON.parse(line))
      t.same(
        records.map(({ event }) => [event.sequence, event.action]),
        [
          [2, 'block'],
          [3, 'recovered'],
        ],
      )
      if (left !== null) t.equal(readFileSync(join(dir, first!), 'utf8'), left)
    },
  )
}

/** Runs `use` with a folder that is a disk of 256 KiB. Throws where none can be mounted. */
async function onSmallDisk(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'landline-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', dir], { stdio: 'pipe' })
    await use(dir).finally(() => execFileSync('umount', [dir]))
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const mountable = await onSmallDisk(async () => {}).then(
  () => true,
  () => false,
)
const skip = !mountable && 'no tmpfs can be mounted here: the full disk was tried with injected failures only'
t.test('a real full disk: refused while it is full, on again when there is space, nothing lost', { skip }, (t) =>
  onSmallDisk(async (dir) => {
    const { audit: first, counts } = await openWith(join(dir, 'audit'), { now: Date.now })
    const filler = join(dir, 'filler')
    writeFileSync(filler, Buffer.alloc(128 * 1024))
    const safe: string[] = []
    let refused = 0
    for (let n = 0; refused < 3; n++) {
      const results = await Promise.allSettled(
        Array.from({ length: 16 }, (_, caller) => first.record(denial(n * 16 + caller))),
      )
      for (const one of results) if (one.status === 'fulfilled') safe.push(one.value)
      if (results.some(({ status }) => status === 'rejected')) refused++
    }
    t.notOk(first.healthy())
    t.ok(counts.writeErrors >= 3 && safe.length >= 64)
    await first.close()
    const { audit } = await openWith(join(dir, 'audit'), { now: Date.now })
    // A page may have room for a few more; then it is full again, and the start was one all the same.
    for (refused = 0; refused === 0; ) {
      const told = await audit.record(denial()).catch(codeOf)
      if (told === 'ERR_AUDIT_WRITE') refused++
      else safe.push(String(told))
    }
    rmSync(filler)
    safe.push(await audit.record(systemEvent('reload')))
    await audit.close()
    const { records, faults } = readLog(join(dir, 'audit'))
    t.same(faults, [])
    t.same(
      records.map(({ event }) => event.id).filter((id) => safe.includes(id)),
      safe,
    )
    t.match(records.find(({ event }) => event.action === 'recovered').landline.facts, { cause: 'ENOSPC', lost: 0 })
  }),
)

function meterWith(diskFree: () => void): AuditOptions['meter'] {
  const ignore = () => {}
  return { recorded: ignore, writeFailed: ignore, queued: ignore, synced: ignore, diskFree }
}
