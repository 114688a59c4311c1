/** The signing of a live log: when, in which order, over restarts, other keys, crashes and meddling; and the proofs that follow. */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Disk, realDisk } from '../../audit/disk.ts'
import { CHECKPOINTS } from '../../audit/proof/checkpoint-file.ts'
import { loadKey, loadPrevious } from '../../audit/proof/keys.ts'
import { lookUp } from '../../audit/proof/look-up.ts'
import { Frontier, leafHash, verifyConsistency, verifyInclusion } from '../../audit/proof/merkle.ts'
import { checkSignature, verifierKey } from '../../audit/proof/note.ts'
import { formatInclusion, proveConsistency } from '../../audit/proof/proof.ts'
import type { SystemEvent } from '../../rules/events.ts'
import {
  checkpointsOf,
  DAY,
  LATER,
  linesOf,
  newKey,
  ofLines,
  openSigned,
  readFiles,
  told,
  verify,
  writeFiles,
  writeSigned,
} from './evidence-helpers.ts'
import { codeOf, denial, FaultyDisk, NOON, openWith, type Plain, readLog, systemEvent } from './helpers.ts'
import { storm } from './storm.ts'

async function sizes(dir: string): Promise<number[]> {
  return (await checkpointsOf(dir)).map(({ size }) => size)
}

/** Records that are acknowledged before each kill; LANDLINE_KILLS asks for more of them. */
const KILLED_AFTER = Array.from({ length: Number(process.env.LANDLINE_KILLS ?? 5) }, (_, n) => 1 + ((n * 89) % 211))
/** Each kill is followed by a whole verification: a log is left before that takes long. */
const KILLS_PER_LOG = 25

t.setTimeout(60_000 + KILLED_AFTER.length * 10_000)

/** Looks at each turn of the event loop. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

t.test(
  'a checkpoint comes after so many records, after so much time also when idle, at rotation and at the end',
  async (t) => {
    const dir = t.testdir()
    const key = newKey()
    let now = NOON
    const signed = await openSigned(dir, key, { now: () => now, segmentBytes: 20_000 }, { records: 10 })
    const { audit, tick } = signed
    for (let n = 0; n < 10; n++) await audit.record(denial(n))
    await until(() => signed.told.length === 1)
    t.same(await sizes(dir), [10], 'so many records')
    await audit.record(denial())
    now += 59_999
    tick()
    await audit.record(denial())
    t.same(await sizes(dir), [10], 'nothing is due')
    now += 1
    tick()
    await until(() => signed.told.length === 2)
    t.same(await sizes(dir), [10, 13], 'so much time: two records, and the one that names the first checkpoint')
    now += 60_000
    tick()
    await until(() => signed.told.length === 3)
    t.same(await sizes(dir), [10, 13], 'nothing new to sign')
    t.same(
      signed.told,
      [NOON, NOON + 60_000, NOON + 120_000].map((at) => at / 1000),
      'and it is said that nothing is',
    )
    for (let n = 0; n < 8; n++) await audit.record(denial(n))
    await until(() => signed.told.length === 4)
    t.equal(readLog(dir).files.length, 2)
    const [, , rotated = 0] = await sizes(dir)
    t.ok(rotated > 13 && rotated < 23, `at rotation: ${rotated}`)
    now += 60_000
    tick()
    await until(() => signed.told.length === 5)
    await audit.record(systemEvent('stop'))
    await audit.close()
    const { records, faults } = readLog(dir)
    t.same([faults, (await sizes(dir)).at(-1), records.at(-1).event.action], [[], records.length, 'stop'])
    t.equal(signed.treeSizes.at(-1), records.length)
    const checkpoints = await checkpointsOf(dir)
    t.same(
      signed.notes,
      checkpoints.map(({ text }) => text),
      'each is in the operator’s log, whole',
    )
    t.same(
      records.filter(({ event }) => event.action === 'checkpoint').map(({ landline }) => landline.facts.size),
      checkpoints.slice(0, -1).map(({ size }) => size),
      'each but the last is named by a record',
    )
    t.same(told(await verify(dir, [key.verifier], checkpoints.at(-1))), ['intact'])
  },
)

t.test(
  'what is signed is on the disk before, also where records need not be, and the checkpoint before it is told',
  async (t) => {
    for (const sync of ['write', 'fsync'] as const) {
      const calls: string[] = []
      const disk: Disk = {
        ...realDisk,
        async open(path, kind) {
          const file = await realDisk.open(path, kind)
          const what = path.endsWith(CHECKPOINTS) ? 'checkpoint' : path.endsWith('.jsonl') ? 'log' : 'cache'
          return {
            ...file,
            write: (bytes, at) => file.write(bytes, at).finally(() => calls.push(`write ${what}`)),
            datasync: () => file.datasync().finally(() => calls.push(`sync ${what}`)),
          }
        },
        syncFolder: (path) => realDisk.syncFolder(path).finally(() => calls.push('sync folder')),
      }
      const checkpointed = () => void calls.push('told')
      const { audit } = await openSigned(t.testdir(), newKey(), { sync, disk }, { records: 1, checkpointed })
      t.same(calls.splice(0), ['write checkpoint', 'sync checkpoint', 'sync folder'], 'who signs')
      await audit.record(denial())
      await until(() => calls.includes('told'))
      const want = ['sync folder', 'write log', 'sync log', 'write checkpoint', 'sync checkpoint', 'told']
      t.same(
        calls.filter((call) => !call.endsWith('cache')),
        want,
        sync,
      )
      await audit.close()
    }
  },
)

t.test('a clock that is set back holds up no checkpoint', async (t) => {
  const dir = t.testdir()
  let now = NOON
  const { audit, tick } = await openSigned(dir, newKey(), { now: () => now })
  await audit.record(denial(1))
  now -= 1
  tick()
  await audit.record(denial(2))
  t.same(await sizes(dir), [1])
  await audit.close()
})

for (const [where, open] of [
  ['no checkpoint can be written', () => Promise.reject(new Error('ENOSPC'))],
  [
    'a checkpoint is written by half',
    async (path: string, kind: 'existing' | 'new') => {
      const file = await realDisk.open(path, kind)
      return { ...file, write: (bytes: Uint8Array, at: number) => file.write(bytes.subarray(0, bytes.length / 2), at) }
    },
  ],
] as const)
  t.test(`where ${where}, records go on, and it is tried again`, async (t) => {
    const dir = t.testdir()
    const key = newKey()
    let isFull = true
    const disk: Disk = {
      ...realDisk,
      open: (path, kind) => (isFull && path.endsWith(CHECKPOINTS) ? open : realDisk.open)(path, kind),
    }
    const { audit, counts } = await openSigned(dir, key, { disk }, { records: 2 })
    for (let n = 0; n < 3; n++) await audit.record(denial(n))
    await until(() => counts.writeErrors > 0)
    t.ok(audit.healthy())
    t.match(counts.logged.at(-1), 'error audit: no checkpoint could be written')
    isFull = false
    await audit.record(denial())
    await audit.close()
    t.same(told(await verify(dir, [key.verifier])), ['consistent'])
    t.equal((await sizes(dir)).at(-1), 4)
    t.notOk(counts.recorded.recovered, 'nor is the file taken for one that others have changed')
  })

t.test('a restart goes on with the tree, with its cache, without it and with a wrong one', async (t) => {
  for (const [name, spoil] of [
    ['cache', () => {}],
    ['no cache', (dir: string) => rmSync(join(dir, 'audit.tree'))],
    ['a wrong cache', (dir: string) => writeFileSync(join(dir, 'audit.tree'), Buffer.alloc(96, 1))],
    ['a torn cache', (dir: string) => writeFileSync(join(dir, 'audit.tree'), Buffer.alloc(7, 1))],
  ] as const) {
    const dir = t.testdir()
    const key = newKey()
    for (const day of [0, 1]) {
      const { audit, counts } = await openSigned(dir, key, { now: () => NOON + day * DAY })
      await Promise.all(Array.from({ length: 1100 }, (_, n) => audit.record(denial(n))))
      await audit.close()
      t.same(
        counts.logged.filter((line) => !line.startsWith('info')),
        [],
        name,
      )
      if (day === 0) spoil(dir)
    }
    t.equal(statSync(join(dir, 'audit.tree')).size, 64)
    const kept = (await checkpointsOf(dir)).at(-1)
    t.same(told(await verify(dir, [key.verifier], kept)), ['intact'], name)
  }
})

t.test(
  'another key goes on where a lost one left off: recorded, under another name, and signed by it from there',
  async (t) => {
    const dir = t.testdir()
    const [first, second, foreign] = [newKey(), newKey(), newKey()]
    await writeSigned(dir, first, 5)
    const { counts } = await writeSigned(dir, second, 5)
    t.match(counts.logged.slice(0, 2), [
      'warn audit: recovered',
      'warn audit: another key signs checkpoints from here on',
    ])
    await writeSigned(dir, second, 1)
    const { records } = readLog(dir)
    t.match(records[5], {
      event: { action: 'recovered', outcome: 'success' },
      landline: { facts: { last_sequence: 5, unsigned_records: 5, missing_records: 0 } },
    })
    t.match(
      records.find(({ event }) => event.action === 'key-changed'),
      {
        event: { sequence: 8 },
        landline: {
          facts: {
            key: second.verifier.text,
            before: first.verifier.text,
            handed_over: false,
            epoch: 'landline-1/epoch-6',
          },
        },
      },
    )
    t.equal(records.filter(({ event }) => event.action === 'key-changed').length, 1)
    const checkpoints = await checkpointsOf(dir)
    t.same(
      checkpoints.map(({ note }) => [checkSignature(note, first.verifier), checkSignature(note, second.verifier)]),
      [
        ['good', 'unsigned'],
        ['unsigned', 'good'],
        ['unsigned', 'good'],
      ],
    )
    const results: string[] = []
    for (const keys of [[], [second], [first, second], [first], [foreign]])
      results.push(
        ...told(
          await verify(
            dir,
            keys.map(({ verifier }) => verifier),
            checkpoints.at(-1),
          ),
        ).slice(0, 2),
      )
    const beyond = `foreign-key ${CHECKPOINTS}:11 #13`
    t.same(
      results.slice(0, 5),
      ['consistent', 'intact', 'intact', 'tampered', beyond],
      'the new key vouches for all records',
    )
    t.equal(results[5], 'tampered')
  },
)

t.test('a key that is still there hands over to the next, and who trusts it can trust that one', async (t) => {
  const dir = t.testdir()
  const [first, second, third, foreign] = [newKey(), newKey(), newKey(), newKey()]
  await writeSigned(dir, first, 5)
  const { counts } = await writeSigned(dir, second, 5, {}, { previous: first })
  t.ok(counts.logged.includes('info audit: the old key has handed over to the new one'))
  await writeSigned(dir, second, 1, {}, { previous: first })
  await writeSigned(dir, third, 3, {}, { previous: second })
  const changes = readLog(dir).records.filter(({ event }) => event.action === 'key-changed')
  t.match(
    changes.map(({ event, landline: { facts } }) => [event.sequence, facts]),
    [
      [6, { key: second.verifier.text, before: first.verifier.text, handed_over: true }],
      [Number, { key: third.verifier.text, before: second.verifier.text, handed_over: true }],
    ],
  )
  const checkpoints = await checkpointsOf(dir)
  const by = (key: typeof first) => checkpoints.filter(({ note }) => checkSignature(note, key.verifier) === 'good')
  const last = by(first)[1]?.size ?? 0
  t.ok(by(first).length === 2 && last > 5, 'the old key signs the change')
  t.ok(checkpoints.every(({ origin }) => origin === 'landline-1'))
  const kept = checkpoints.at(-1)
  for (const keys of [[first], [second], [third], [first, third]]) {
    const found = await verify(
      dir,
      keys.map(({ verifier }) => verifier),
      kept,
    )
    t.same(
      [...told(found), found.basis.keyGiven, found.basis.keyHandedOver],
      ['intact', keys.includes(third), !keys.includes(third)],
    )
  }
  t.equal((await verify(dir, [foreign.verifier], kept)).result, 'tampered')

  const path = join(dir, CHECKPOINTS)
  const covering = `${by(first)[1]?.text}\n`
  writeFileSync(path, readFileSync(path, 'utf8').replace(covering, ''))
  const [result, ...kinds] = told(await verify(dir, [first.verifier], kept))
  t.same(
    [result, kinds.some((kind) => kind.startsWith('foreign-key'))],
    ['tampered', true],
    'not by the word of a record',
  )
})

t.test('a proxy that is named anew signs that itself: it has the key', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await writeSigned(dir, key, 3)
  const renamed = { verifier: verifierKey('landline-2', key.privateKey), privateKey: key.privateKey }
  await writeSigned(dir, renamed, 3)
  t.equal(readLog(dir).records[3].landline.facts.handed_over, true)
  const kept = (await checkpointsOf(dir)).at(-1)
  t.equal(kept?.origin, 'landline-2')
  t.same(told(await verify(dir, [key.verifier], kept)), ['intact'])
  t.same(told(await verify(dir, [renamed.verifier], kept)), ['intact'])
})

t.test('the key is made once, for its owner alone, and never in the log’s folder', async (t) => {
  const dir = t.testdir({ log: {}, rsa: '', other: 'no key' })
  const log = join(dir, 'log')
  const path = join(dir, 'keys/a/audit.pem')
  const made = loadKey(path, 'my+proxy', log)
  t.same([made.made, made.exposed, statSync(path).mode & 0o777], [true, false, 0o600])
  t.equal(statSync(join(dir, 'keys')).mode & 0o77, 0)
  t.match(made.key.verifier.text, /^my-proxy\+[0-9a-f]{8}\+A/)
  chmodSync(path, 0o644)
  const again = loadKey(path, 'my+proxy', log)
  t.same([again.made, again.exposed, again.key.verifier.text], [false, true, made.key.verifier.text])
  symlinkSync(log, join(dir, 'link'))
  for (const inside of ['log/audit.pem', 'log/keys/audit.pem', 'link/x.pem', 'other/../log/k.pem']) {
    t.throws(
      () => loadKey(join(dir, inside), 'x', log),
      { code: 'ERR_AUDIT_KEY', message: /lies in the audit folder/ },
      inside,
    )
    t.notOk(existsSync(join(dir, inside)))
  }
  t.doesNotThrow(() => loadKey(join(dir, 'log-keys.pem'), 'x', log), 'a name that begins alike is not inside')
  t.equal(loadPrevious(path, 'x', log), null)
  writeFileSync(`${path}.old`, readFileSync(path))
  t.equal(loadPrevious(path, 'my+proxy', log)?.verifier.text, made.key.verifier.text)
  writeFileSync(join(log, 'k.old'), readFileSync(path))
  t.throws(() => loadPrevious(join(log, 'k'), 'x', log), { code: 'ERR_AUDIT_KEY', message: /lies in the audit folder/ })
  t.throws(() => loadKey(join(dir, 'other'), 'x', log), { code: 'ERR_AUDIT_KEY', message: /must be an Ed25519/ })
  t.throws(() => loadKey(join(dir, 'other/x.pem'), 'x', log), { code: 'ERR_AUDIT_KEY', message: /ENOTDIR/ })
})

interface Meddling {
  readonly name: string
  readonly meddle: (dir: string) => void
  /** The record of the next start, and how verification begins after it. */
  readonly event: object
  readonly want: readonly string[]
}

function segment(dir: string): string {
  return join(dir, readLog(dir).files[0] ?? '')
}

const MEDDLING: readonly Meddling[] = [
  {
    name: 'records cut off',
    meddle: (dir) => writeFileSync(segment(dir), ofLines(linesOf(readFileSync(segment(dir))).slice(0, 15))),
    event: { outcome: 'failure', facts: { signed_size: 20, found_root: null, epoch: 'landline-1/epoch-16' } },
    want: ['tampered', 'truncation'],
  },
  {
    name: 'a record changed',
    meddle: (dir) => writeFileSync(segment(dir), readFileSync(segment(dir), 'utf8').replace('us3web', 'us4web')),
    event: { outcome: 'failure', facts: { signed_size: 20, found_root: /.{44}/, epoch: 'landline-1/epoch-21' } },
    want: ['tampered', 'edit'],
  },
  {
    name: 'the checkpoints gone',
    meddle: (dir) => rmSync(join(dir, CHECKPOINTS)),
    event: { outcome: 'success', facts: { unsigned_records: 20 } },
    want: ['tampered', 'replaced-checkpoint'],
  },
  {
    name: 'half a checkpoint at the end',
    meddle: (dir) => appendFileSync(join(dir, CHECKPOINTS), 'landline-1\n21\n'),
    event: { outcome: 'success', facts: { checkpoints_set_aside: [/^torn-/], unsigned_records: 0 } },
    want: ['consistent'],
  },
  {
    name: 'a damaged checkpoint',
    meddle: (dir) => {
      const path = join(dir, CHECKPOINTS)
      writeFileSync(path, readFileSync(path, 'utf8').replace('\n10\n', '\n11\n'))
    },
    event: { outcome: 'failure', facts: { checkpoints_damaged: true } },
    want: ['tampered', 'replaced-checkpoint'],
  },
]
for (const { name, meddle, event, want } of MEDDLING) {
  t.test(`a start finds ${name}, and says so`, async (t) => {
    const dir = t.testdir()
    const key = newKey()
    await writeSigned(dir, key, 19, {}, { records: 10 })
    meddle(dir)
    const { counts } = await writeSigned(dir, key, 1)
    const recovered = readLog(dir).records.findLast((record) => record.event.action === 'recovered')
    t.match({ ...recovered?.event, facts: recovered?.landline.facts }, event)
    t.ok(counts.logged.some((line) => line.endsWith('audit: recovered')))
    const found = await verify(dir, [key.verifier])
    t.same([found.result, ...new Set(found.problems.map(({ kind }) => kind))].slice(0, 2), want)
    const { counts: next } = await writeSigned(dir, key, 1)
    // A damaged checkpoint stays where it is, and is told at each start.
    const again = name === 'a damaged checkpoint' ? ['error audit: recovered'] : []
    t.same(
      next.logged.filter((line) => !line.startsWith('info')),
      again,
    )
  })
}

t.test('records put behind the last checkpoint while nothing ran are told by the next start', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  await writeSigned(dir, key, 3)
  const { audit } = await openWith(dir)
  await audit.record(denial(9))
  await audit.close()
  t.same(told(await verify(dir, [key.verifier])), ['incomplete', `unsigned-tail ${readLog(dir).files[0]}:4 #4`])
  t.same(told(await verify(dir, [key.verifier], undefined, NOON + 119_000)), ['consistent'], 'it may be on its way')
  await writeSigned(dir, key, 1)
  t.match(readLog(dir).records[4], { event: { action: 'recovered' }, landline: { facts: { unsigned_records: 1 } } })
  t.same(told(await verify(dir, [key.verifier])), ['consistent'])
})

t.test('the checkpoint file changed under a running log is told in a record', async (t) => {
  const dir = t.testdir()
  const { audit, told: seen } = await openSigned(dir, newKey(), {}, { records: 2 })
  for (let n = 0; n < 2; n++) await audit.record(denial(n))
  await until(() => seen.length === 1)
  rmSync(join(dir, CHECKPOINTS))
  for (let n = 0; n < 4; n++) await audit.record(denial(n))
  await audit.close()
  const told = readLog(dir).records.filter(({ event }) => event.action === 'recovered')
  t.match(told[0], {
    event: { outcome: 'failure' },
    landline: { facts: { file: CHECKPOINTS, what: /^it has 0 bytes, of / } },
  })
})

for (const fault of [null, 'ENOSPC'])
  t.test(
    `what the last signature finds changed ${fault === null ? 'is on record' : 'is not written later'}`,
    async (t) => {
      const dir = t.testdir()
      const disk = new FaultyDisk()
      const { audit, counts } = await openSigned(dir, newKey(), { disk, onFailure: 'continue' })
      await audit.record(denial(1))
      appendFileSync(join(dir, CHECKPOINTS), 'meddled\n\n')
      if (fault !== null) disk.faults.set('write', fault)
      await audit.record(denial(2))
      await audit.close()
      const errors = counts.writeErrors
      const actions = () => readLog(dir).records.map(({ event }) => event.action)
      const before = actions()
      if (fault === null) t.same(before.filter((action) => action === 'recovered').length, 1)
      disk.faults.clear()
      await new Promise((resolve) => setTimeout(resolve, 300))
      t.same([actions(), counts.writeErrors], [before, errors], 'nothing after the folder was released')
    },
  )

t.test('a purge that is recorded explains what is gone, and nothing else does', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  for (const day of [0, 1]) await writeSigned(dir, key, 6, { now: () => NOON + day * DAY }, { records: 4 })
  const [first = ''] = readLog(dir).files
  const lines = linesOf(readFiles(dir).get(first))
  const tree = new Frontier()
  for (const line of lines) tree.add(leafHash(Buffer.from(line)))
  const through = lines.length
  const { audit } = await openSigned(dir, key, { now: () => NOON + 2 * DAY })
  const { prev } = readLog(dir).records[through].landline
  const facts = { through, prev, tree: tree.hashes.map((hash) => hash.toString('base64')), segments: [first] }
  const purge: SystemEvent = { action: 'purge', outcome: 'success', reason: 'retention', policy: null, facts }
  await audit.record(purge)
  await audit.close()
  rmSync(join(dir, first))
  const kept = (await checkpointsOf(dir)).at(-1)
  const found = await verify(dir, [key.verifier], kept)
  t.same([told(found), found.basis.purgedThrough], [['intact'], through])
  rmSync(join(dir, 'audit.tree'))
  for (const { event } of readLog(dir).records)
    t.equal((await lookUp(dir, event.id, []))?.proof?.checkpoint.size, kept?.size, `record ${event.sequence} is proven`)
  await writeSigned(dir, key, 2, { now: () => NOON + 3 * DAY })
  t.same(told(await verify(dir, [key.verifier], kept)), ['intact'], 'and the log goes on')
  const files = readFiles(dir)
  const [second = '', third = ''] = [...files.keys()].filter((name) => name.endsWith('.jsonl'))
  writeFiles(dir, new Map([...files].filter(([name]) => name !== second)))
  t.match(told(await verify(dir, [key.verifier], kept)), ['incomplete', `missing-segment ${third}:1`])
  const changed = ofLines(linesOf(files.get(second)).with(0, linesOf(files.get(second))[0]?.replace('us', 'uz') ?? ''))
  writeFiles(dir, new Map([...files, [second, changed]]))
  t.equal((await verify(dir, [key.verifier], kept)).result, 'tampered')
})

t.test('each record is proven to be under the newest checkpoint, each checkpoint to begin the next', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  for (const day of [0, 1, 2]) {
    const { audit } = await openSigned(
      dir,
      key,
      { now: () => NOON + day * DAY, segmentBytes: 600_000 },
      { records: 500 },
    )
    for (let n = 0; n < 16; n++) await Promise.all(Array.from({ length: 60 }, (_, k) => audit.record(denial(k))))
    await audit.close()
  }
  const { records, files } = readLog(dir)
  const newest = (await checkpointsOf(dir)).at(-1)
  if (newest === undefined) return t.fail('no checkpoint')
  t.ok(records.length > 2 * 1024 && files.length > 4)
  const { root, size } = newest
  const some = [1, 2, 1023, 1024, 1025, 2048, 2049, Math.floor(size / 3), size - 1, size]
  for (const isCached of [true, false]) {
    for (const sequence of isCached ? some : some.slice(2, 5)) {
      const id = records[sequence - 1].event.id
      const found = await lookUp(dir, id, [])
      const hashes = found?.proof?.hashes ?? []
      t.equal(
        found?.line.bytes && verifyInclusion(leafHash(found.line.bytes), sequence - 1, { size, root }, hashes),
        true,
      )
      t.same(
        [found?.record.event.id, found?.before?.event.id, found?.after?.event.id],
        [id, records[sequence - 2]?.event.id, records[sequence]?.event.id],
        `record ${sequence}`,
      )
      t.equal(found?.line.line, sequence - Number(found?.line.file.slice(-18, -6)) + 1)
      const text = formatInclusion(sequence, hashes, newest)
      t.ok(text.startsWith(`c2sp.org/tlog-proof@v1\nindex ${sequence - 1}\n`) && text.endsWith(`\n\n${newest.text}`))
    }
    for (const older of await checkpointsOf(dir)) {
      const proof = await proveConsistency(dir, older, newest)
      t.ok(proof && verifyConsistency(older, newest, proof), `${older.size} before ${size}`)
    }
    rmSync(join(dir, 'audit.tree'), { force: true })
  }
  t.equal(await lookUp(dir, '01990000-0000-7000-8000-000000000001', []), null)
  t.equal((await lookUp(dir, records[4].event.id, [newKey().verifier]))?.proof, null, 'not by this key')
  const path = join(dir, files[0] ?? '')
  writeFileSync(path, readFileSync(path, 'utf8').replace('us7web', 'us8web'))
  t.equal((await lookUp(dir, records[1500].event.id, []))?.proof, null, 'a changed log proves nothing')
})

for (let first = 0; first < KILLED_AFTER.length; first += KILLS_PER_LOG) {
  const counts = KILLED_AFTER.slice(first, first + KILLS_PER_LOG)
  const kills = `kills ${first + 1} to ${first + counts.length} by -9, mostly during a checkpoint`
  t.test(`${kills}: verify never says tampered, and nothing acknowledged is missing`, async (t) => {
    t.setTimeout(20_000 + counts.length * 5000)
    const dir = t.testdir({ log: {} })
    const [log, keyFile] = [join(dir, 'log'), join(dir, 'audit.pem')]
    const acknowledged: string[] = []
    for (const count of counts) {
      const { child, printed, ended } = await storm(log, count % 2 === 0 ? 'write' : 'fsync', count, keyFile)
      const live = await verify(log, [], undefined, Date.now())
      t.same([live.result, live.problems], ['consistent', []], 'also while it is written')
      child.kill('SIGKILL')
      await ended
      acknowledged.push(...printed.filter((line) => line.length === 36))
      const { result, problems } = await verify(log, [], undefined, Date.now())
      t.same([result, problems], ['consistent', []])
    }
    const { key } = loadKey(keyFile, 'landline-1', log)
    const { audit } = await openSigned(log, key, { now: Date.now })
    await audit.record(systemEvent('stop'))
    await audit.close()
    const { records, faults } = readLog(log)
    const recorded = new Set(records.map(({ event }: Plain) => event.id))
    t.same([faults, acknowledged.filter((reference) => !recorded.has(reference))], [[], []])
    const kept = (await checkpointsOf(log)).at(-1)
    t.same(told(await verify(log, [key.verifier], kept, LATER)), ['intact'], 'a crash that was recovered is no fault')
  })
}

t.test('a signed log that is opened without a key goes on unsigned, as the caller asked', async (t) => {
  const dir = t.testdir()
  await writeSigned(dir, newKey(), 2)
  const { audit } = await openWith(dir)
  await audit.close()
  t.equal(await openWith(join(dir, CHECKPOINTS)).catch(codeOf), 'ERR_AUDIT_FOLDER')
})
