/** The log on a disk that works: order, chain, rotation, repeats, archive, and reading it all back. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { archiveRevision, readLastGood, readRevision } from '../../audit/archive.ts'
import { PrivacyKeys } from '../../audit/privacy-keys.ts'
import { loadKey } from '../../audit/proof/keys.ts'
import { readLines, readRecords } from '../../audit/read.ts'
import type { RecordedEvent } from '../../audit/record.ts'
import { Repeats } from '../../audit/writing/repeats.ts'
import type { TrafficEvent } from '../../rules/events.ts'
import { codeOf, denial, FaultyDisk, NOON, openWith, type Plain, REVISION, readLog, systemEvent } from './helpers.ts'

t.test('64 callers at once share syncs; each gets the reference of its own record, in order', async (t) => {
  const dir = t.testdir()
  const seen: string[] = []
  const { audit, counts } = await openWith(dir, { onRecord: (_event, reference) => seen.push(reference) })
  const references = await Promise.all(Array.from({ length: 64 }, (_, n) => audit.record(denial(n))))
  await audit.record(systemEvent('reload'))
  const { records, faults, files } = readLog(dir)
  t.same(faults, [])
  t.same(files, ['audit-20261123T120000Z-000000000001.jsonl'])
  t.same(
    records.slice(0, 64).map(({ event }) => event.id),
    references,
  )
  t.same(
    records.slice(0, 64).map(({ destination }) => destination.domain),
    Array.from({ length: 64 }, (_, n) => `us${n}web.zoom.us`),
  )
  t.same(
    seen,
    records.map(({ event }) => event.id),
  )
  t.same([counts.recorded, counts.syncs, counts.queued, counts.writeErrors], [{ block: 64, reload: 1 }, 2, 0, 0])
  t.ok(audit.healthy())
  await audit.close()
  t.notOk(audit.healthy())
  t.equal(await audit.record(denial()).catch(codeOf), 'ERR_AUDIT_CLOSED')
  t.ok(counts.freeBytes > 0)
  t.equal(statSync(join(dir, files[0]!)).mode & 0o7, 0, 'not for everybody to read')
})

t.test('with sync: fsync nobody hears before the sync, with write nobody waits for one', async (t) => {
  const disk = new FaultyDisk()
  const { audit } = await openWith(join(t.testdir(), 'a/b/c'), { disk })
  const release = Promise.withResolvers<void>()
  disk.hold = release.promise
  let heard = false
  const record = audit.record(denial()).then(() => {
    heard = true
  })
  await t.resolves(new Promise<void>((resolve) => void until(() => disk.syncs > 0, resolve)))
  t.notOk(heard)
  release.resolve()
  await record
  t.ok(heard)
  await audit.close()

  const lazy = new FaultyDisk()
  let now = NOON
  const { audit: written } = await openWith(t.testdir({}), { disk: lazy, sync: 'write', now: () => now })
  await written.record(denial())
  t.equal(lazy.syncs, 0)
  now += 86_400_000
  await written.record(denial())
  t.equal(lazy.syncs, 1, 'but a segment that ends is synced')
  await written.close()
  t.equal(lazy.syncs, 2, 'and so is the last')
})

t.test('the log goes on after a restart, also when the clock was set back', async (t) => {
  const dir = t.testdir()
  for (const hour of [0, 1, -48]) {
    const { audit } = await openWith(dir, { now: () => NOON + hour * 3_600_000 })
    await audit.record(denial())
    await audit.close()
  }
  const { records, faults, files } = readLog(dir)
  t.same([faults, files.length], [[], 1])
  t.same(
    records.map(({ event }) => event.action),
    ['block', 'block', 'recovered', 'block'],
  )
  t.equal(records[2].landline.facts.clock_behind_ms, 49 * 3_600_000)
  t.equal(
    records[3]['@timestamp'],
    '2026-11-21T12:00:00.000Z',
    'the time is the clock, only the reference is kept growing',
  )
})

t.test('a segment ends with its size and with its day, and no record is lost', async (t) => {
  const dir = t.testdir()
  const line = 1050
  let now = Date.parse('2026-11-23T23:59:59.990Z')
  const { audit } = await openWith(dir, { segmentBytes: 10 * line, now: () => now++ })
  await Promise.all(Array.from({ length: 50 }, (_, n) => audit.record(denial(n))))
  await audit.close()
  const { records, faults, files } = readLog(dir)
  t.same([records.length, faults], [50, []])
  t.match(files[0], /^audit-20261123T235959Z-000000000001\.jsonl$/)
  const next = files.findIndex((name) => name.startsWith('audit-20261124T000000Z'))
  t.ok(next > 0 && files.length >= 6, `${files}`)
  for (const name of files) {
    const days = new Set(readFileSync(join(dir, name), 'utf8').match(/2026-11-\d\dT/g))
    t.ok(days.size === 1 && statSync(join(dir, name)).size <= 10 * line, name)
  }
})

t.test(
  'a reader gets all records in order, compressed segments too, and the log goes on after a compressed one',
  async (t) => {
    const dir = t.testdir()
    const days = [0, 1, 2]
    const put = async (day: number, count: number) => {
      const { audit } = await openWith(dir, { now: () => NOON + day * 86_400_000 })
      await Promise.all(Array.from({ length: count }, (_, n) => audit.record(denial(n))))
      await audit.close()
    }
    for (const day of days) await put(day, 300)
    const plain = readLog(dir)
    for (const name of plain.files) {
      writeFileSync(join(dir, `${name}.gz`), gzipSync(readFileSync(join(dir, name))))
      // The middle one stays as a crash between writing the one and removing the other leaves it.
      if (name !== plain.files[1]) rmSync(join(dir, name))
    }
    writeFileSync(join(dir, 'torn-20261123T120000000Z.bin'), 'no record')
    await put(3, 1)
    const records: Plain[] = []
    for await (const record of readRecords(dir)) records.push(record)
    t.same(records.slice(0, 900), plain.records)
    t.same(
      records.slice(900).map(({ event }) => [event.sequence, event.action]),
      [[901, 'block']],
    )
    t.equal(records[900].landline.prev.length, 44)

    const live = join(dir, 'audit-20261127T120000Z-000000000902.jsonl')
    writeFileSync(live, '{"whole":1}\n{"being wri')
    let last: { file: string; line: number; ended: boolean; text: string } | undefined
    for await (const lines of readLines(dir)) {
      for (const { file, line, ended, bytes } of lines) last = { file, line, ended, text: bytes.toString() }
    }
    t.same(last, { file: 'audit-20261127T120000Z-000000000902.jsonl', line: 2, ended: false, text: '{"being wri' })
    const long = `{"x":"${'x'.repeat(256 * 1024 - 8)}"}`
    writeFileSync(live, `${long}\n{}\n`)
    const lengths: number[] = []
    for await (const lines of readLines(dir)) lengths.push(...lines.map(({ bytes }) => bytes.length))
    t.same(lengths.slice(-2), [long.length, 2], 'a newline that begins a read ends a line')
    writeFileSync(live, 'no json\n')
    const failing = async () => {
      for await (const _ of readRecords(dir));
    }
    t.match(await failing().catch((error) => error), {
      code: 'ERR_AUDIT_UNREADABLE',
      message: /000902.jsonl:1 is not JSON/,
    })
    writeFileSync(live, Buffer.alloc(3 * 1024 * 1024))
    t.match(await failing().catch((error) => error), {
      code: 'ERR_AUDIT_UNREADABLE',
      message: /000902.jsonl:1 is longer/,
    })
    writeFileSync(`${live.replace('902', '903')}.gz`, gzipSync('{}\n').subarray(0, 12))
    rmSync(live)
    t.match(await failing().catch((error) => error), {
      code: 'ERR_AUDIT_UNREADABLE',
      message: /000903.jsonl.gz cannot be read/,
    })
  },
)

t.test('repeat_seconds: the same denial again shares the first reference, and is counted at the end', async (t) => {
  const dir = t.testdir()
  let now = NOON
  const { audit, counts } = await openWith(dir, { repeatSeconds: 60, now: () => now })
  const others: [string, TrafficEvent][] = [
    ['source', denial(1, { source: { ip: '10.20.0.8', port: 1 } })],
    ['host', denial(2)],
    ['rule', denial(1, { verdict: { ...denial().verdict, rule: 'other' } })],
    ['action', denial(1, { action: 'refuse' })],
    ['revision', denial(1, { policy: { name: 'foreign-office', revision: 'sha256:00' } })],
  ]
  const first = await audit.record(denial())
  for (const [name, event] of others) t.not(await audit.record(event), first, `another ${name} is another record`)
  for (const action of ['would-block', 'log', 'except', 'sever', 'end'] as const) {
    const references = [await audit.record(denial(1, { action })), await audit.record(denial(1, { action }))]
    t.equal(new Set(references).size, 2, `${action} is no denial that repeats`)
  }
  now += 20_000
  const again = [audit.record(denial(1, { source: { ip: '10.20.0.7', port: 9 } })), audit.record(denial())]
  now += 39_999
  t.same(new Set([...(await Promise.all(again)), await audit.record(denial())]), new Set([first]))
  t.equal(counts.recorded.repeat, undefined)
  now += 1
  const second = await audit.record(denial())
  t.not(second, first, 'after the window it is a record again')
  await audit.record(denial())
  now -= 3_600_000
  t.not(await audit.record(denial()), second, 'a clock set back ends a window too')
  await audit.record(denial())
  await audit.record(systemEvent('stop'))
  await audit.close()
  const { records, faults } = readLog(dir)
  t.same(faults, [])
  const repeats = records.filter(({ event }) => event.action === 'repeat')
  const want = {
    reference: first,
    action: 'block',
    count: 3,
    first: '2026-11-23T12:00:20.000Z',
    last: '2026-11-23T12:00:59.999Z',
    alike: true,
  }
  t.same(
    repeats.map(({ landline }) => landline.repeat.count),
    [3, 1, 1],
  )
  t.same(repeats[0].landline.repeat, want)
  t.equal(records.at(-1).event.action, 'stop', 'an orderly stop has the last word')
})

t.test('of more windows than may be open, the one that began first ends early, with its count', async (t) => {
  let now = NOON
  const kept: string[] = []
  let number = 0
  const repeats = new Repeats({
    windowMs: 60_000,
    maxWindows: 2,
    record: async () => `reference ${++number}`,
    keep: ({ of, reference, count }) => kept.push(`${of.destination?.domain}: ${reference}, ${count} more`),
    now: () => now,
  })
  const denied = [1, 2, 1, 3, 2, 3, 1]
  for (const host of denied) {
    now += 1
    await repeats.record(denial(host))
  }
  await repeats.flush()
  t.strictSame(kept, [
    'us1web.zoom.us: reference 1, 1 more',
    'us2web.zoom.us: reference 2, 1 more',
    'us3web.zoom.us: reference 3, 1 more',
  ])
  t.equal(number, 4)
})

t.test('a window ends by itself, and failed denials share nothing', async (t) => {
  const disk = new FaultyDisk()
  const ended = Promise.withResolvers<RecordedEvent>()
  const onRecord = (event: RecordedEvent) => {
    if (event.action === 'repeat') ended.resolve(event)
  }
  // An open window does not keep a process running, a proxy's sockets do.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const { audit } = await openWith(t.testdir(), { repeatSeconds: 0.05, now: Date.now, disk, onRecord })
  await Promise.all([audit.record(denial()), audit.record(denial())])
  t.match(await ended.promise, { action: 'repeat', count: 1 })
  disk.faults.set('write', 'EIO')
  const failed = await Promise.allSettled([audit.record(denial(2)), audit.record(denial(2))])
  t.same(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  disk.faults.clear()
  await t.resolves(audit.record(denial(2)))
  await audit.close()
})

t.test('each revision that ran is archived once, whole, and the last one can be run again', async (t) => {
  const pointers = ['{"revision":"../x"}', '{}', 'no json']
  const bad = pointers.map((text, n) => [`bad${n}`, { rules: { 'last-good.json': text } }])
  const dir = t.testdir(Object.fromEntries(bad))
  let now = NOON
  const { audit } = await openWith(dir, { now: () => now })
  t.equal(await audit.lastGood(), null)
  const files = { 'rules.yaml': 'version: 1\n', 'segments/embassies.csv': 'prefix\n10.0.0.0/8\n' }
  const rules = { revision: REVISION, main: 'rules.yaml', files, catalogue: { 'zoom.yaml': 'id: zoom\n' } }
  const other = { ...rules, revision: `sha256:${'cd'.repeat(32)}` }
  await audit.archive(rules)
  const archived = { ...rules, archivedAt: '2026-11-23T12:00:00.000Z' }
  t.same(await audit.lastGood(), archived)
  now += 1000
  await audit.archive(other)
  t.equal((await readLastGood(dir))?.revision, other.revision)
  const file = join(dir, 'rules', `${'ab'.repeat(32)}.json`)
  utimesSync(file, 1, 1)
  await audit.archive(rules)
  t.same([await readLastGood(dir), statSync(file).mtimeMs], [archived, 1000], 'not written again')
  t.same(readdirSync(join(dir, 'rules')).length, 3, 'nothing left lying about')
  const refused = await Promise.allSettled([
    audit.archive({ ...rules, revision: '../../etc/passwd' }),
    readRevision(dir, `sha256:${'00'.repeat(32)}`),
    ...bad.map(([name]) => readLastGood(join(dir, `${name}`))),
  ])
  for (const one of refused) t.equal(one.status === 'rejected' && codeOf(one.reason), 'ERR_AUDIT_ARCHIVE')
  writeFileSync(file, `{"revision":"${REVISION}","archivedAt":"","main":"","files":{"a":1},"catalogue":{}}`)
  t.equal(await audit.lastGood().catch(codeOf), 'ERR_AUDIT_ARCHIVE', 'a damaged archive is never run')
  await audit.close()
})

t.test('a folder has one writer at a time', async (t) => {
  const dir = t.testdir()
  const { audit } = await openWith(dir)
  t.match(await openWith(dir).catch((error) => error), { code: 'ERR_AUDIT_LOCKED', message: `process ${process.pid}` })
  await t.resolves(audit.record(denial()))
  await audit.close()
  const { audit: next } = await openWith(dir)
  await next.close()
  t.equal(readLog(dir).records.length, 1, 'an orderly stop leaves nothing to report')
  const blocked = t.testdir({ file: '' })
  t.equal(await openWith(join(blocked, 'file')).catch(codeOf), 'ERR_AUDIT_FOLDER')
  mkdirSync(join(dir, 'sub/audit.lock'), { recursive: true })
  t.equal(await openWith(join(dir, 'sub')).catch(codeOf), 'ERR_AUDIT_FOLDER')
})

t.test('what lies in a folder that cannot be made is refused, and not tried for ever', async (t) => {
  const blocked = t.testdir({ file: '' })
  // In /proc it is ENOENT to make a folder, though what would hold it is there.
  for (const path of [
    join(blocked, 'file/deep/one'),
    ...(process.platform === 'linux' ? ['/proc/none/deep/one'] : []),
  ]) {
    const rules = { revision: REVISION, main: 'r.yaml', files: {}, catalogue: {} }
    const cases: readonly (readonly [what: string, make: () => unknown, code: string])[] = [
      ['the log', () => openWith(path), 'ERR_AUDIT_FOLDER'],
      ['a signing key', () => loadKey(path, 'landline-1', null), 'ERR_AUDIT_KEY'],
      ['the privacy keys', () => new PrivacyKeys(path, NOON), 'ERR_AUDIT_PRIVACY'],
      ['the rules', () => archiveRevision(path, rules, NOON), 'ERR_AUDIT_ARCHIVE'],
    ]
    for (const [what, make, code] of cases)
      t.equal(await Promise.resolve().then(make).catch(codeOf), code, `${what} in ${path}`)
  }
})

/** Looks at each turn of the event loop. */
function until(condition: () => boolean, then: () => void): void {
  if (condition()) then()
  else setImmediate(() => until(condition, then))
}
