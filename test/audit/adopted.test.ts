/**
 * What somebody puts into the folder who has no key, and lets the proxy sign at its next start: such records are in the log from then on,
 * and have no say in what belongs to it.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { type Disk, realDisk } from '../../audit/disk.ts'
import { signCheckpoint } from '../../audit/proof/checkpoint.ts'
import { CHECKPOINTS, checkpointEntry, keyEntry } from '../../audit/proof/checkpoint-file.ts'
import { lookUp } from '../../audit/proof/look-up.ts'
import { Frontier, leafHash } from '../../audit/proof/merkle.ts'
import { checkSignature, type SigningKey } from '../../audit/proof/note.ts'
import { BLOCK } from '../../audit/proof/tree.ts'
import { verifyLog } from '../../audit/proof/verify.ts'
import type { OwnEvent } from '../../audit/record.ts'
import { sealOf, tallyName } from '../../audit/tallies/file.ts'
import type { SystemEvent } from '../../rules/events.ts'
import {
  checkpointsOf,
  DAY,
  linesOf,
  newKey,
  ofLines,
  openSigned,
  readFiles,
  told,
  verify,
  writeSigned,
} from './evidence-helpers.ts'
import { denial, NOON, openWith, readLog, systemEvent } from './helpers.ts'

t.setTimeout(60_000)

/** Appended by somebody who knows the format and has no key. */
async function forge(dir: string, ...events: readonly SystemEvent[]): Promise<void> {
  const { audit } = await openWith(dir, { now: () => NOON + DAY })
  for (const event of events) await audit.record(event)
  await audit.close()
}

function forged(action: OwnEvent['action'] | SystemEvent['action'], facts: SystemEvent['facts']): SystemEvent {
  return { ...systemEvent('purge'), action: action as SystemEvent['action'], facts } // others write what they like
}

function segmentsOf(dir: string): string[] {
  return [...readFiles(dir).keys()].filter((name) => name.startsWith('audit-'))
}

/** The facts of a purge of the first segments, as the proxy would write them. */
function purgeOf(dir: string, count: number): SystemEvent['facts'] {
  const names = segmentsOf(dir).slice(0, count)
  const lines = names.flatMap((name) => linesOf(readFiles(dir).get(name)))
  const tree = new Frontier()
  for (const line of lines) tree.add(leafHash(Buffer.from(line)))
  const next = JSON.parse(linesOf(readFiles(dir).get(segmentsOf(dir)[count] ?? ''))[0] ?? '{}')
  return { through: lines.length, prev: next.landline.prev, tree: tree.hashes.map((hash) => hash.toString('base64')) }
}

function remove(dir: string, count: number): void {
  for (const name of segmentsOf(dir).slice(0, count)) rmSync(join(dir, name))
}

/** Puts a checkpoint of `other` over the log as it is into the folder, as if `key` went on after it. */
function signBetween(dir: string, other: SigningKey, key: SigningKey): void {
  const { records } = readLog(dir)
  const tree = new Frontier()
  for (const record of records) tree.add(leafHash(Buffer.from(JSON.stringify(record))))
  const signed = signCheckpoint('landline-1', records.length, tree.root(), other)
  const path = join(dir, CHECKPOINTS)
  const added = keyEntry(other.verifier) + checkpointEntry(signed) + keyEntry(key.verifier)
  writeFileSync(path, readFileSync(path, 'utf8') + added)
}

t.test('a hand-over to another key that was found unsigned makes nobody an heir', async (t) => {
  const dir = t.testdir()
  const [key, other] = [newKey(), newKey()]
  await writeSigned(dir, key, 5)
  await forge(dir, forged('key-changed', { before: key.verifier.text, key: other.verifier.text, handed_over: true }))
  await writeSigned(dir, key, 2)
  const kept = (await checkpointsOf(dir)).at(-1)
  t.equal((await verify(dir, [key.verifier], kept)).result, 'intact', 'nothing is wrong yet')
  await writeSigned(dir, other, 3)
  const found = await verify(dir, [key.verifier], kept)
  t.equal(found.result, 'tampered')
  t.match(told(found)[1], /^foreign-key /)
})

t.test('where something was found too, the old key still signs the hand-over before the new one signs', async (t) => {
  const dir = t.testdir()
  const [key, next] = [newKey(), newKey()]
  await writeSigned(dir, key, 3)
  await forge(dir, forged('reload', {}))
  // Not both records in one batch.
  await writeSigned(dir, next, 2, { segmentBytes: 600 }, { previous: key })
  const kept = (await checkpointsOf(dir)).at(-1)
  const found = await verify(dir, [key.verifier], kept)
  t.match(found, { result: 'intact', basis: { keyHandedOver: true, key: next.verifier.text } })
  const [change] = readLog(dir).records.filter(({ event }) => event.action === 'key-changed')
  t.match(change?.landline.facts, { handed_over: true })
})

t.test('a purge that was found unsigned explains nothing, now or after the next one', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  for (const day of [0, 1])
    await writeSigned(dir, key, 12, { now: () => NOON + day * DAY, segmentBytes: 6000 }, { records: 5 })
  const facts = purgeOf(dir, 2)
  await forge(dir, forged('purge', facts))
  remove(dir, 2)
  const missing = async () => told(await verify(dir, [key.verifier], (await checkpointsOf(dir)).at(-1)))
  t.equal((await missing())[0], 'incomplete')
  await writeSigned(dir, key, 3, { now: () => NOON + 2 * DAY })
  const [result, first = '', second] = await missing()
  t.same([result, first.split(' ')[0]], ['incomplete', 'missing-segment'])
  t.match(second, /^missing-segment /, 'the proxy has found it too')
  const found = readLog(dir).records.find(({ landline }) => landline.facts?.missing_records > 0)

  await writeSigned(dir, key, 12, { now: () => NOON + 8 * DAY })
  const tidy = { now: () => NOON + 11.6 * DAY, retentionDays: 10, pace: async () => {} }
  const { audit } = await openSigned(dir, key, tidy)
  await audit.tidy()
  await audit.close()
  const purge = readLog(dir).records.findLast(({ event }) => event.action === 'purge')
  t.match(purge, { event: { outcome: 'success' } }, 'what is old goes all the same')
  t.ok(purge?.landline.facts.through > Number(facts.through))
  t.same(
    (await missing()).map((line) => line.replace(/ .*#/, ' #')),
    ['incomplete', `missing-segment #${found?.event.sequence}`],
  )
})

t.test('what was moved away and put back is no loss, nor once it is purged', async (t) => {
  const dir = t.testdir({ log: {} })
  const log = join(dir, 'log')
  const key = newKey()
  for (const day of [0, 1]) {
    // So many that the cache of the tree knows them without the file.
    const { audit } = await openSigned(log, key, { now: () => NOON + day * DAY })
    await Promise.all(Array.from({ length: 2 * BLOCK }, (_, n) => audit.record(denial(n))))
    await audit.close()
  }
  const [name = ''] = segmentsOf(log)
  renameSync(join(log, name), join(dir, name))
  await writeSigned(log, key, 3, { now: () => NOON + 8 * DAY })
  const kinds = async () => told(await verify(log, [key.verifier])).map((line) => line.split(' ')[0])
  t.same(await kinds(), ['incomplete', 'missing-segment'])
  renameSync(join(dir, name), join(log, name))
  t.same(await kinds(), ['consistent'])
  const tidy = { now: () => NOON + 11.6 * DAY, retentionDays: 10, pace: async () => {} }
  const { audit } = await openSigned(log, key, tidy)
  await audit.tidy()
  await audit.close()
  t.not(segmentsOf(log)[0], name)
  t.same(await kinds(), ['consistent'])
})

t.test('files that such a purge has left are not removed in its name', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  for (const day of [0, 1])
    await writeSigned(dir, key, 12, { now: () => NOON + day * DAY, segmentBytes: 6000 }, { records: 5 })
  await forge(dir, forged('purge', purgeOf(dir, 3)))
  remove(dir, 1)
  const left = segmentsOf(dir)[0] ?? ''
  const tidy = { now: () => NOON + 2 * DAY, retentionDays: 10, pace: async () => {} }
  const { audit } = await openSigned(dir, key, tidy)
  await audit.tidy()
  await audit.close()
  t.match(segmentsOf(dir)[0], left)
  const refused = readLog(dir).records.findLast(({ event }) => event.action === 'purge')
  t.match(refused?.event, { outcome: 'failure', reason: /found unsigned at a start.* 2 files .*move them away/ })
})

t.test('tallies that such a purge has taken are missing', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  const name = tallyName(NOON)
  const content = Buffer.from('{"hour":"2026-11-23T12:00:00.000Z"}\n')
  writeFileSync(join(dir, name), content)
  const { audit } = await openSigned(dir, key)
  await audit.record(forged('tally', { ...sealOf(name, content) }))
  await audit.close()
  await forge(dir, forged('purge', { tallies_through: name }))
  rmSync(join(dir, name))
  await writeSigned(dir, key, 1)
  t.same(told(await verify(dir, [key.verifier])), ['incomplete', `missing-segment ${name}:1 #1`])
})

t.test('a key that only the folder names makes nothing signed', async (t) => {
  const dir = t.testdir()
  const [key, other] = [newKey(), newKey()]
  for (const day of [0, 1])
    await writeSigned(dir, key, 12, { now: () => NOON + day * DAY, segmentBytes: 6000 }, { records: 5 })
  const facts = purgeOf(dir, 2)
  await forge(dir, forged('start', { key: other.verifier.text }), forged('purge', facts))
  const { records } = readLog(dir)
  signBetween(dir, other, key)
  remove(dir, 2)
  await writeSigned(dir, key, 1, { now: () => NOON + 2 * DAY })
  const recovered = readLog(dir).records.findLast(({ event }) => event.action === 'recovered')
  t.match(recovered, {
    event: { outcome: 'failure' },
    landline: { facts: { unsigned_records: 2, missing_records: facts.through } },
  })
  const by = recovered?.event.sequence
  t.equal((await lookUp(dir, records.at(-1)?.event.id, [key.verifier]))?.adoptedBy, by)
  const found = await verify(dir, [key.verifier], (await checkpointsOf(dir)).at(-1))
  t.ok(found.problems.some(({ kind }) => kind === 'missing-segment'))
  t.not(found.result, 'intact')
})

t.test('purges under a key that was lost count for who gives that key, too', async (t) => {
  const dir = t.testdir()
  const [lost, key] = [newKey(), newKey()]
  for (const day of [0, 1, 2])
    await writeSigned(dir, lost, 12, { now: () => NOON + day * DAY, segmentBytes: 6000 }, { records: 5 })
  await writeSigned(dir, lost, 12, { now: () => NOON + 8 * DAY })
  const { audit } = await openSigned(dir, lost, {
    now: () => NOON + 11.6 * DAY,
    retentionDays: 10,
    pace: async () => {},
  })
  await audit.tidy()
  await audit.close()
  t.ok(readdirSync(dir).length > 2 && segmentsOf(dir)[0] !== 'audit-20261123T120000Z-000000000001.jsonl')
  await writeSigned(dir, key, 3, { now: () => NOON + 12 * DAY })
  const recovered = readLog(dir).records.findLast(({ event }) => event.action === 'recovered')
  t.match(recovered, { event: { outcome: 'success' }, landline: { facts: { missing_records: 0 } } })
  const kept = (await checkpointsOf(dir)).at(-1)
  t.same(told(await verify(dir, [lost.verifier, key.verifier], kept)), ['intact'])
  const alone = await verify(dir, [key.verifier], kept)
  t.equal(alone.result, 'incomplete')
  t.match(alone.problems[0]?.message, /another key signed before, give that one too/)
})

t.test('what was found unsigned is told, of the log and of each record', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await writeSigned(dir, key, 3)
  const { audit } = await openWith(dir)
  const reference = (await audit.record(denial(9))) ?? ''
  await audit.close()
  const before = await lookUp(dir, reference, [key.verifier])
  t.match(before, { proof: null, adoptedBy: null })
  await writeSigned(dir, key, 1)
  t.same((await verify(dir, [key.verifier])).basis.adopted, [{ from: 4, through: 4, record: 5 }])
  t.equal((await lookUp(dir, reference, [key.verifier]))?.adoptedBy, 5)
  const path = join(dir, CHECKPOINTS)
  const genuine = readFileSync(path, 'utf8')
  // Of another log of the same key.
  const elsewhere = checkpointEntry(signCheckpoint('landline-1', 4, Buffer.alloc(32, 1), key))
  writeFileSync(path, genuine.replace(/(?<=\n\n)(?=landline-1\n[5-9]\n)/, elsewhere))
  t.equal((await lookUp(dir, reference, [key.verifier]))?.adoptedBy, 5)
  writeFileSync(path, genuine)
  const others = readLog(dir).records.filter(({ event }) => event.id !== reference)
  for (const { event } of others) t.equal((await lookUp(dir, event.id, []))?.adoptedBy, null, `#${event.sequence}`)
})

t.test('nobody can say of records that they were found unsigned once they are signed', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await writeSigned(dir, key, 3)
  await forge(
    dir,
    forged('reload', {}),
    forged('recovered', { last_sequence: 4, unsigned_records: 4 }),
    forged('recovered', { last_sequence: 3, unsigned_records: 3 }),
  )
  await writeSigned(dir, key, 1)
  t.same((await verify(dir, [key.verifier])).basis.adopted, [
    { from: 4, through: 4, record: 5 },
    { from: 4, through: 6, record: 7 },
  ])
})

t.test('records at the end cannot say themselves when they should have been signed', async (t) => {
  const cases: readonly [string, SystemEvent['facts'], number][] = [
    ['an interval of years', { checkpoint_seconds: 1e9 }, NOON],
    ['a time to come', {}, NOON + 100_000 * DAY],
  ]
  for (const [name, facts, at] of cases) {
    const dir = t.testdir({ [name.replaceAll(' ', '-')]: {} })
    const log = join(dir, name.replaceAll(' ', '-'))
    const key = newKey()
    await writeSigned(log, key, 3)
    const { audit } = await openWith(log, { now: () => at })
    await audit.record(forged('start', facts))
    await audit.record(denial(7))
    await audit.close()
    t.equal((await verify(log, [key.verifier], undefined, NOON + DAY)).result, 'incomplete', name)
  }
  const dir = t.testdir()
  const key = newKey()
  await writeSigned(dir, key, 3)
  const { audit } = await openSigned(dir, key)
  await audit.record(forged('start', { checkpoint_seconds: 3600 }))
  await audit.close()
  const later = await openWith(dir)
  await later.audit.record(denial(8))
  await later.audit.close()
  t.equal(
    (await verify(dir, [key.verifier], undefined, NOON + 7000_000)).result,
    'consistent',
    'as a signed start says',
  )
  t.equal((await verify(dir, [key.verifier], undefined, NOON - 3000_000)).result, 'consistent', 'clocks may differ')
})

/** The last line of the log, written anew. */
function editLast(dir: string, change: (line: string) => string): void {
  const name = segmentsOf(dir).at(-1) ?? ''
  const lines = linesOf(readFiles(dir).get(name))
  writeFileSync(join(dir, name), ofLines([...lines.slice(0, -1), change(lines.at(-1) ?? '')]))
}

t.test('a purge that gives itself the number of a signed record explains nothing', async (t) => {
  const dir = t.testdir({ twice: {}, beside: {} })
  for (const way of ['twice', 'beside']) {
    const log = join(dir, way)
    const key = newKey()
    await writeSigned(log, key, 20, { segmentBytes: 6000 }, { records: 5 })
    const kept = (await checkpointsOf(log)).at(-1)
    await forge(log, forged('purge', purgeOf(log, 2)))
    if (way === 'twice')
      editLast(log, (line) => line.replace('"outcome":"success"', '"outcome":"success","sequence":18'))
    else {
      const [line = ''] = linesOf(readFiles(log).get(segmentsOf(log).at(-1) ?? '')).slice(-1)
      editLast(log, () => line)
      remove(log, 2)
      const name = segmentsOf(log).at(-1) ?? ''
      writeFileSync(join(log, name), ofLines(linesOf(readFiles(log).get(name)).slice(0, -1)))
      const beside = 'audit-20200101T000000Z-000000000002.jsonl'
      writeFileSync(join(log, beside), `${line.replace(/"sequence":\d+/, '"sequence":18')}\n`)
    }
    if (way === 'twice') remove(log, 2)
    for (const restarts of [0, 1]) {
      if (restarts > 0) await writeSigned(log, key, 1, { now: () => NOON + DAY })
      const { result, problems } = await verify(log, [key.verifier], kept)
      t.not(result, 'intact', `${way}, ${restarts} restarts`)
      t.ok(problems.some(({ kind }) => kind === 'missing-segment'))
    }
  }
})

t.test('a log rewritten under a checkpoint of another key is not what ours has signed', async (t) => {
  const dir = t.testdir()
  const [key, other] = [newKey(), newKey()]
  await writeSigned(dir, key, 3)
  const [kept] = await checkpointsOf(dir)
  await writeSigned(dir, key, 4)
  const [name = ''] = segmentsOf(dir)
  writeFileSync(join(dir, name), ofLines(linesOf(readFiles(dir).get(name)).slice(0, 3)))
  rmSync(join(dir, 'audit.tree'), { force: true })
  const rewritten = Array.from({ length: 12 }, () => forged('reload', {}))
  await forge(dir, forged('start', { key: other.verifier.text }), ...rewritten)
  signBetween(dir, other, key)
  await writeSigned(dir, key, 1, { now: () => NOON + 2 * DAY })
  const recovered = readLog(dir).records.findLast(({ event }) => event.action === 'recovered')
  t.match(recovered, { event: { outcome: 'failure' }, landline: { facts: { epoch: String } } })
  t.not((await verify(dir, [key.verifier], kept)).result, 'intact')
})

t.test('how far the log is reviewed is not for anybody to say', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await writeSigned(dir, key, 14)
  await forge(dir, forged('checkpoint', { size: 14, root: '', reviewed: 14, unreviewed: 0 }))
  const waiting: number[] = []
  const meter = {
    recorded() {},
    writeFailed() {},
    queued() {},
    synced() {},
    diskFree() {},
    unreviewed: (n: number) => waiting.push(n),
  }
  const { audit } = await openSigned(dir, key, { meter })
  await audit.close()
  t.equal(waiting.at(-1), 14)
})

t.test('nothing is signed before it is recorded what was found unsigned', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await writeSigned(dir, key, 3)
  await forge(dir, forged('reload', {}))
  const disk: Disk = {
    ...realDisk,
    open: (path, kind) => (path.endsWith('.jsonl') ? Promise.reject(new Error('EACCES')) : realDisk.open(path, kind)),
  }
  const { audit } = await openSigned(dir, key, { disk })
  await audit.close()
  t.equal((await checkpointsOf(dir)).at(-1)?.size, 3)
  await writeSigned(dir, key, 1)
  t.same((await verify(dir, [key.verifier])).basis.adopted, [{ from: 4, through: 4, record: 5 }])
})

t.test('an end of the log without a time, or with a start of another’s, is as old as any', async (t) => {
  const dir = t.testdir({ time: {}, start: {} })
  const key = newKey()
  const [time, start] = [join(dir, 'time'), join(dir, 'start')]
  await writeSigned(time, key, 3)
  await forge(time, forged('reload', {}))
  editLast(time, (line) => line.replace(/"@timestamp":"[^"]+"/, `"@timestamp":"${'x'.repeat(24)}"`))
  t.equal((await verify(time, [key.verifier])).result, 'incomplete')
  await writeSigned(start, key, 3)
  await forge(start, forged('start', { checkpoint_seconds: 1e9 }))
  await writeSigned(start, key, 1)
  await forge(start, forged('reload', {}))
  t.equal((await verify(start, [key.verifier])).result, 'incomplete')
})

t.test('who is handed over to has signed before the old key may go', async (t) => {
  const dir = t.testdir()
  const [key, next] = [newKey(), newKey()]
  await writeSigned(dir, key, 3)
  const signed = await openSigned(dir, next, {}, { previous: key })
  await signed.audit.record(denial(1))
  while (!signed.counts.logged.some((line) => line.includes('handed over'))) await turn()
  const last = (await checkpointsOf(dir)).at(-1)
  t.equal(last && checkSignature(last.note, next.verifier), 'good')
  await signed.audit.close()
})

t.test('records made old, which the proxy then purges, are not those of a checkpoint that was kept', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await writeSigned(dir, key, 14)
  const [kept] = await checkpointsOf(dir)
  rmSync(dir, { recursive: true })
  const { audit } = await openWith(dir, { now: () => NOON - 200 * DAY, segmentBytes: 6000 })
  for (let n = 0; n < 20; n++) await audit.record(denial(n))
  await audit.close()
  await forge(dir, forged('reload', {}))
  const late = await openSigned(dir, key, { now: () => NOON + DAY, retentionDays: 10, pace: async () => {} })
  await late.audit.record(denial(1))
  await late.audit.tidy()
  await late.audit.close()
  const newer = (await checkpointsOf(dir)).at(-1)
  const outside = [kept, newer].flatMap((checkpoint) => (checkpoint ? [{ checkpoint, file: 'kept.txt', line: 1 }] : []))
  const found = await verifyLog({ dir, keys: [key.verifier], outside, now: NOON + DAY })
  t.ok(found.basis.purgedThrough > 14, 'it has purged them')
  t.equal(found.result, 'tampered')
})
