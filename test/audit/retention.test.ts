/** Old segments compressed and purged: what goes, what stays, that the rest is still proven, and that no crash in between matters. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import type { AuditOptions } from '../../audit/audit.ts'
import { type Disk, type DiskFile, realDisk } from '../../audit/disk.ts'
import { CHECKPOINTS } from '../../audit/proof/checkpoint-file.ts'
import { lookUp } from '../../audit/proof/look-up.ts'
import { Frontier, leafHash } from '../../audit/proof/merkle.ts'
import type { SigningKey } from '../../audit/proof/note.ts'
import { queryLog } from '../../audit/query.ts'
import { readRecords } from '../../audit/read.ts'
import type { RecordedEvent } from '../../audit/record.ts'
import { tallyName } from '../../audit/tallies/file.ts'
import type { SystemEvent } from '../../rules/events.ts'
import {
  checkpointsOf,
  DAY,
  linesOf,
  newKey,
  openSigned,
  readFiles,
  type Signed,
  told,
  verify,
  writeFiles,
  writeSigned,
} from './evidence-helpers.ts'
import { denial, FaultyDisk, NOON, openWith, type Plain } from './helpers.ts'

const RETENTION = 10
t.setTimeout(120_000)
const noPace = async () => {}

function housekeeping(day: number, change: Partial<AuditOptions> = {}): Partial<AuditOptions> {
  return { now: () => NOON + day * DAY, retentionDays: RETENTION, pace: noPace, ...change }
}

/** Five days and a later one, some segments each, not yet compressed; 12 denials a day. */
async function someDays(dir: string, key: SigningKey): Promise<void> {
  await fiveDays(dir, key)
  await writeSigned(dir, key, 12, { now: () => NOON + 8 * DAY })
}

async function fiveDays(dir: string, key: SigningKey): Promise<void> {
  for (const day of [0, 1, 2, 3, 4])
    await writeSigned(dir, key, 12, { now: () => NOON + day * DAY, segmentBytes: 6000 }, { records: 5 })
}

/** Opens the log on a day, lets it tidy up, and closes it. */
async function tidyOn(dir: string, key: SigningKey, day: number, change: Partial<AuditOptions> = {}): Promise<Signed> {
  const signed = await openSigned(dir, key, housekeeping(day, change))
  await signed.audit.tidy()
  await signed.audit.close()
  return signed
}

function segmentsOf(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => name.startsWith('audit-2'))
    .sort()
}

function contentOf(dir: string): string {
  return segmentsOf(dir)
    .map((name) => {
      const bytes = readFileSync(join(dir, name))
      return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
    })
    .join('')
}

async function recordsOf(dir: string): Promise<Plain[]> {
  const records: Plain[] = []
  for await (const record of readRecords(dir)) records.push(record)
  return records
}

t.test('in a new folder the time of the oldest record is told as soon as there is one', async (t) => {
  const { audit, counts, tick } = await openSigned(t.testdir(), newKey(), housekeeping(0))
  tick()
  await audit.tidy()
  t.equal(counts.oldest, -1, 'there is none')
  await audit.record(denial(1))
  tick()
  await audit.close()
  t.equal(counts.oldest, NOON)
})

t.test('a closed segment is compressed when its day has been over for a day, and holds the same', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await fiveDays(dir, key)
  const before = contentOf(dir)
  const plain = segmentsOf(dir)
  const { counts } = await tidyOn(dir, key, 5)
  const names = segmentsOf(dir)
  t.equal(contentOf(dir).slice(0, before.length), before)
  t.same(
    names.filter((name) => name.endsWith('.gz')),
    plain.filter((name) => name < 'audit-20261127').map((name) => `${name}.gz`),
    'those of the first four days',
  )
  t.ok(counts.logged.filter((line) => line === 'info audit: segment compressed').length > 8)
  const kept = (await checkpointsOf(dir)).at(-1)
  t.same(told(await verify(dir, [key.verifier], kept)), ['intact'])
  const records = await recordsOf(dir)
  for (const sequence of [1, 13, 40]) {
    const found = await lookUp(dir, records[sequence - 1].event.id, [])
    t.same([found?.record.event.sequence, found?.proof?.checkpoint.size], [sequence, kept?.size])
  }
  await tidyOn(dir, key, 5)
  t.same(segmentsOf(dir).slice(0, names.length), names, 'a second time changes nothing')
})

t.test('where the compressed file is not what the plain one is, both stay, and it is told', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await fiveDays(dir, key)
  const [first = '', second = ''] = segmentsOf(dir)
  await tidyOn(dir, key, 5)
  writeFileSync(join(dir, first), gunzipSync(readFileSync(join(dir, `${second}.gz`))))
  const { counts } = await tidyOn(dir, key, 6)
  t.ok(existsSync(join(dir, first)) && existsSync(join(dir, `${first}.gz`)))
  t.ok(counts.logged.includes('error audit: old segments cannot be compressed'))
})

t.test('what is older than retention goes as a whole, recorded before; the rest is still proven', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await someDays(dir, key)
  const all = await recordsOf(dir)
  const checkpoints = await checkpointsOf(dir)
  const { counts } = await tidyOn(dir, key, 12)
  const records = await recordsOf(dir)
  t.equal(records[0]['@timestamp'].slice(0, 10), '2026-11-25', 'the first two days are gone')
  const through = records[0].event.sequence - 1
  t.equal(counts.recorded.purge, 1)
  t.ok(counts.logged.includes('info audit: old records purged'))
  const purge = records.find(({ event }) => event.action === 'purge')
  t.match(purge, {
    event: { outcome: 'success', reason: 'Records older than 10 days were removed' },
    landline: {
      facts: {
        through,
        prev: records[0].landline.prev,
        from: 1,
        oldest: all[0]['@timestamp'],
        newest: all[through - 1]['@timestamp'],
        retention_days: RETENTION,
        rules: [],
      },
    },
  })
  const left = await checkpointsOf(dir)
  t.ok(left.length > 1 && left.every(({ size }) => size >= through), 'their checkpoints are gone, too')
  const outside = (kept: (typeof left)[number] | undefined) => verify(dir, [key.verifier], kept)
  t.same(told(await outside(left.at(-1))), ['intact'])
  t.same(told(await outside(left[0])), ['intact'], 'also by the oldest that is still there')
  t.equal((await outside(left[0])).basis.purgedThrough, through)
  const parts = through.toString(2).replaceAll('0', '').length
  const within = checkpoints.filter(({ size }) => size < through)
  const comparable = within.filter(({ size }) => new Frontier(through, treeOf(all, through)).beginning(size) !== null)
  t.ok(parts > 1 && within.length > comparable.length)
  for (const kept of within) {
    const found = await outside(kept)
    const want = comparable.includes(kept) ? ['intact'] : ['incomplete', `purged kept.txt:1 #${kept.size}`]
    t.same(told(found), want, `a checkpoint of ${kept.size} records, of ${through} purged`)
  }
  for (const { event } of records.filter((_, index) => index % 7 === 0))
    t.equal((await lookUp(dir, event.id, []))?.proof?.checkpoint.size, left.at(-1)?.size, `#${event.sequence}`)
  await tidyOn(dir, key, 12)
  t.equal((await recordsOf(dir)).filter(({ event }) => event.action === 'purge').length, 1, 'nothing more to do')
  await tidyOn(dir, key, 13)
  t.equal((await recordsOf(dir))[0]['@timestamp'].slice(0, 10), '2026-11-26', 'a day later another day goes')
  t.same(told(await verify(dir, [key.verifier], (await checkpointsOf(dir)).at(-1))), ['intact'])
})

function treeOf(records: readonly Plain[], size: number): readonly Buffer[] {
  const tree = new Frontier()
  for (const record of records.slice(0, size)) tree.add(leafHash(Buffer.from(JSON.stringify(record))))
  return tree.hashes
}

t.test('the last segment stays however old it is, and so does what is not signed', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await fiveDays(dir, key)
  const last = segmentsOf(dir).at(-1)
  const signed = await openSigned(dir, key, housekeeping(100))
  await signed.audit.tidy()
  t.same(segmentsOf(dir).length > 1, true, 'the leap of the clock is in doubt')
  await signed.audit.close()
  await tidyOn(dir, key, 102)
  t.same(segmentsOf(dir)[0], `${last}.gz`, 'the one that was open')
  const kept = (await checkpointsOf(dir)).at(-1)
  t.same(told(await verify(dir, [key.verifier], kept)), ['intact'])
})

t.test('a clock that leaps ahead purges nothing for a day; set back, it never did', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await fiveDays(dir, key)
  const count = segmentsOf(dir).length
  let now = NOON + 5 * DAY
  const signed = await openSigned(dir, key, housekeeping(0, { now: () => now }))
  now += 3650 * DAY
  signed.tick()
  await signed.audit.record(denial())
  await signed.audit.tidy()
  await signed.audit.close()
  t.ok(signed.counts.logged.some((line) => /^warn audit: the clock has leapt ahead/.test(line)))
  t.ok(segmentsOf(dir).length >= count)
  const { counts } = await tidyOn(dir, key, 3655.5)
  t.notOk(counts.recorded.purge, 'a restart does not forget the doubt')
  const back = await tidyOn(dir, key, 5.1)
  t.notOk(back.counts.recorded.purge)
  t.ok(back.counts.logged.some((line) => /the clock was set back after its leap/.test(line)))
  t.ok(segmentsOf(dir).length >= count)
  await tidyOn(dir, key, 5.2)
  t.equal(existsSync(join(dir, 'audit.leap.json')), false)
  t.same(told(await verify(dir, [key.verifier], (await checkpointsOf(dir)).at(-1))), ['intact'])
})

t.test('what was tampered with is not purged: that is told, and recorded once', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await someDays(dir, key)
  const [first = ''] = segmentsOf(dir)
  const signed = await openSigned(dir, key, housekeeping(12))
  writeFileSync(join(dir, first), readFileSync(join(dir, first), 'utf8').replace('us3web', 'us4web'))
  await signed.audit.tidy()
  await signed.audit.tidy()
  await signed.audit.close()
  t.same(segmentsOf(dir)[0], `${first}.gz`)
  t.equal(signed.counts.recorded.purge, 1)
  const refused = (await recordsOf(dir)).find(({ event }) => event.action === 'purge')
  t.match(refused.event, { outcome: 'failure', reason: /^Nothing is purged: the records up to \d+ are not what was/ })
  t.ok(signed.counts.logged.includes('error audit: old records cannot be purged'))
})

t.test('checkpoints that were put back are told of, and only once', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await someDays(dir, key)
  const path = join(dir, CHECKPOINTS)
  const before = readFileSync(path)
  const { audit, counts } = await openSigned(dir, key, housekeeping(12))
  await audit.tidy()
  t.ok(statSync(path).size < before.length)
  writeFileSync(path, before)
  await audit.tidy()
  await audit.close()
  t.equal(counts.recorded.recovered, 1)
  const told = (await recordsOf(dir)).findLast(({ event }) => event.action === 'recovered')
  t.match(told, { event: { outcome: 'failure' }, landline: { facts: { file: CHECKPOINTS } } })
})

/** A disk that takes no checkpoint. */
const UNSIGNED: Disk = {
  ...realDisk,
  open: (path, kind) => (path.endsWith(CHECKPOINTS) ? Promise.reject(new Error('EIO')) : realDisk.open(path, kind)),
}

t.test('nothing goes while the record of its purge cannot be signed', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await someDays(dir, key)
  const oldest = () => segmentsOf(dir)[0]?.slice(6, 14)
  await tidyOn(dir, key, 12, { disk: UNSIGNED })
  t.equal(oldest(), '20261123')
  let removed = 0
  const remove = (path: string) => (removed++ === 0 ? realDisk.remove(path) : Promise.reject(new Error('EIO')))
  await tidyOn(dir, key, 12, { disk: { ...realDisk, remove } })
  const [interrupted] = segmentsOf(dir)
  rmSync(join(dir, CHECKPOINTS))
  await tidyOn(dir, key, 12, { disk: UNSIGNED })
  t.equal(segmentsOf(dir)[0]?.slice(0, 36), interrupted?.slice(0, 36), 'nor what one left that was interrupted')
  await tidyOn(dir, key, 12)
  t.equal(oldest(), '20261123', 'without its checkpoint the record of the purge could be anybody’s')
  const [refused] = (await recordsOf(dir)).filter(
    ({ event }) => event.outcome === 'failure' && event.action === 'purge',
  )
  t.match(refused?.event.reason, /found unsigned at a start .* from audit-20261123T120000Z-\d+\.jsonl(\.gz)? on/)
  for (const name of segmentsOf(dir).filter((name) => name < 'audit-20261125')) rmSync(join(dir, name))
  await tidyOn(dir, key, 13)
  t.equal(oldest(), '20261126', 'once somebody has decided, it goes on')
})

t.test('nothing goes while the purge cannot be recorded, and a stop does not wait for that', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await someDays(dir, key)
  const disk = new FaultyDisk()
  const purging = Promise.withResolvers<void>()
  const onRecord = ({ action }: RecordedEvent) => action === 'purge' && purging.resolve()
  const { audit } = await openSigned(dir, key, housekeeping(12, { disk, onFailure: 'continue', onRecord }))
  disk.faults.set('write', 'ENOSPC')
  void audit.tidy()
  await purging.promise
  await audit.close()
  t.equal(segmentsOf(dir)[0]?.slice(6, 14), '20261123')
})

t.test('a purge that nobody signed explains nothing', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await fiveDays(dir, key)
  const all = await recordsOf(dir)
  const [first = ''] = segmentsOf(dir)
  const through = linesOf(readFiles(dir).get(first)).length
  const { audit } = await openWith(dir, { now: () => NOON + 5 * DAY })
  const tree = treeOf(all, through).map((hash) => hash.toString('base64'))
  const facts = { through, prev: all[through].landline.prev, tree }
  const purge: SystemEvent = { action: 'purge', outcome: 'success', reason: 'forged', policy: null, facts }
  await audit.record(purge)
  await audit.close()
  writeFiles(dir, new Map([...readFiles(dir)].filter(([name]) => name !== first)))
  const kept = (await checkpointsOf(dir)).at(-1)
  const found = await verify(dir, [key.verifier], kept, NOON + 5 * DAY)
  t.same(told(found).slice(0, 2), ['incomplete', `missing-segment ${segmentsOf(dir)[0]}:1 #${through + 1}`])
  const { counts } = await writeSigned(dir, key, 1, { now: () => NOON + 6 * DAY })
  t.ok(counts.logged.includes('error audit: recovered'), 'nor does a start believe it')
  const recovered = (await recordsOf(dir)).find(({ event }) => event.action === 'recovered')
  t.match(recovered, { event: { outcome: 'failure' }, landline: { facts: { missing_records: through } } })
})

t.test('archived rules go when no record names them any more, tallies when they are old enough', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  const revision = (n: number) => `sha256:${String(n).repeat(64)}`
  for (const day of [0, 1, 2]) {
    const { audit } = await openSigned(dir, key, { now: () => NOON + day * DAY })
    await audit.archive({ revision: revision(day), main: 'rules.yaml', files: { 'rules.yaml': '' }, catalogue: {} })
    for (let n = 0; n < 3; n++)
      await audit.record(denial(n, { policy: { name: 'foreign-office', revision: revision(day === 1 ? 1 : 2) } }))
    await audit.close()
  }
  await writeSigned(dir, key, 1, { now: () => NOON + 8 * DAY })
  for (const name of readdirSync(join(dir, 'rules'))) utimesSync(join(dir, 'rules', name), NOON / 1000, NOON / 1000)
  const tallies = [0, 1, 8].map((day) => tallyName(NOON + day * DAY))
  for (const name of tallies) writeFileSync(join(dir, name), '{}\n')
  await tidyOn(dir, key, 10.6)
  const purge = (await recordsOf(dir)).find(({ event }) => event.action === 'purge')
  t.match(purge.landline.facts, { tallies: 1, tallies_through: tallies[0], rules: [`${'0'.repeat(64)}.json`] })
  t.same(
    readdirSync(dir).filter((name) => name.startsWith('tally')),
    [`${tallies[1]}.gz`, tallies[2]],
    'the newest stays as it is',
  )
  const left = () =>
    readdirSync(join(dir, 'rules'))
      .map((name) => name.slice(0, 3))
      .sort()
  t.same(left(), ['111', '222', 'las'], 'nobody named the first')
  await tidyOn(dir, key, 11.6)
  t.same(left(), ['222', 'las'])
  await writeSigned(dir, key, 1, { now: () => NOON + 18 * DAY })
  await tidyOn(dir, key, 20)
  const newest = (await recordsOf(dir)).findLast(({ event }) => event.action === 'purge')
  t.match(newest.landline.facts, { tallies_through: tallies[2] })
  t.same(
    readdirSync(dir).filter((name) => name.startsWith('tally')),
    [],
    'the newest goes when it is old enough, as nothing may be written to it any more',
  )
})

/** A disk on which everything fails from its n-th change on, as if the machine had stopped there. */
function stopping(after: number): { disk: Disk; changes: () => number } {
  let changes = 0
  const change = async <T>(work: () => Promise<T>): Promise<T> => {
    if (changes >= after) throw Object.assign(new Error('stopped'), { code: 'EIO' })
    changes++
    return work()
  }
  const fileOf = (file: DiskFile): DiskFile => ({
    ...file,
    write: (bytes, position) => change(() => file.write(bytes, position)),
    truncate: (length) => change(() => file.truncate(length)),
    datasync: () => change(() => file.datasync()),
  })
  const disk: Disk = {
    ...realDisk,
    open: async (path, kind) => fileOf(await change(() => realDisk.open(path, kind))),
    remove: (path) => change(() => realDisk.remove(path)),
    rename: (from, to) => change(() => realDisk.rename(from, to)),
    syncFolder: (path) => change(() => realDisk.syncFolder(path)),
  }
  return { disk, changes: () => changes }
}

t.test('stopped at any step of a purge or a compression: nothing is lost, and the next run finishes it', async (t) => {
  const root = t.testdir({ whole: {} })
  const key = newKey()
  for (const day of [0, 1, 3, 8])
    await writeSigned(join(root, 'whole'), key, 3, { now: () => NOON + day * DAY }, { records: 3 })
  const files = readFiles(join(root, 'whole'))
  const run = async (dir: string, after: number) => {
    writeFiles(dir, files)
    const { disk, changes } = stopping(after)
    const signed = await openSigned(dir, key, housekeeping(12, { disk })).catch(() => null)
    await signed?.audit.tidy()
    await signed?.audit.close()
    return changes()
  }
  const dir = join(root, 'log')
  const steps = await run(dir, Number.POSITIVE_INFINITY)
  const want = segmentsOf(dir)
  t.ok(steps > 25, `${steps} steps`)
  for (let after = 0; after < steps; after++) {
    await run(dir, after)
    const stopped = told(await verify(dir, [key.verifier], undefined, NOON + 12 * DAY))
    if (String(stopped) !== 'consistent') t.fail(`stopped after ${after}: ${stopped}`)
    await tidyOn(dir, key, 12.01)
    const found = told(await verify(dir, [key.verifier], (await checkpointsOf(dir)).at(-1)))
    if (String(found) !== 'intact') t.fail(`after ${after}: ${found}`)
    const left = segmentsOf(dir)
    if (String(left.slice(0, -1)) !== String(want.slice(0, -1))) t.fail(`after ${after}: ${left}, not ${want}`)
    if (readdirSync(dir).some((name) => /part|tmp/.test(name))) t.fail(`after ${after}: ${readdirSync(dir)}`)
  }
})

t.test('a query by time finds also what a clock that was set back has recorded later', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await someDays(dir, key)
  await writeSigned(dir, key, 2, { now: () => NOON + 1.25 * DAY })
  await writeSigned(dir, key, 2, { now: () => NOON + 9 * DAY })
  const none = {
    segment: null,
    medium: null,
    service: null,
    rule: null,
    actions: ['block'],
    reference: null,
    source: null,
  }
  const find = async (until: number) => {
    const times: string[] = []
    for await (const { matches } of queryLog(dir, { ...none, since: null, until }))
      times.push(...matches.map((line) => JSON.parse(line)['@timestamp']))
    return times
  }
  const wanted = (await recordsOf(dir)).filter(({ event }) => event.action === 'block')
  for (const until of [NOON + 0.5 * DAY, NOON + 1.5 * DAY, NOON + 9.5 * DAY])
    t.same(
      await find(until),
      wanted.map((record) => record['@timestamp']).filter((time) => Date.parse(time) < until),
      `before day ${(until - NOON) / DAY}`,
    )
})
