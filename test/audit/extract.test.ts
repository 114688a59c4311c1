/** Extracts: what is taken out of a log, with its proof; and how a tampered one is found out. */
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { signManifest } from '../../audit/extract/manifest.ts'
import { Gap, type Piece, parsePiece } from '../../audit/extract/pieces.ts'
import { type ExtractVerifyOptions, verifyExtract } from '../../audit/extract/verify.ts'
import { type ExtractOptions, writeExtract } from '../../audit/extract/write.ts'
import { CHECKPOINTS } from '../../audit/proof/checkpoint-file.ts'
import { Frontier, leafHash } from '../../audit/proof/merkle.ts'
import type { SigningKey } from '../../audit/proof/note.ts'
import type { Filter } from '../../audit/query.ts'
import { FORMATS } from '../../audit/render/rendering.ts'
import { ANY } from '../../cli/audit/filter.ts'
import { missing, peer } from '../peers.ts'
import fc from '../properties.ts'
import { checkpointsOf, DAY, newKey, openSigned } from './evidence-helpers.ts'
import { denial, NOON, readLog, systemEvent } from './helpers.ts'

const python = peer('Python', 'python3')

/** Two days of records, a third of them of desks. */
async function signedLog(dir: string, key: SigningKey, records = 40) {
  for (const day of [0, 1]) {
    let at = NOON + day * DAY
    const { audit } = await openSigned(dir, key, { now: () => at++ }, { records: 16 })
    const waiting: Promise<string>[] = []
    for (let n = 0; n < records / 2; n++) {
      const verdict = { ...denial().verdict, segment: { id: 'desks', medium: 'wired', shared: false } as const }
      waiting.push(audit.record(denial(n, n % 3 === 0 ? { action: 'log', verdict } : {})))
      if (records < 1000) await Promise.all(waiting)
    }
    await Promise.all(waiting)
    await audit.record(systemEvent('stop'))
    await audit.close()
  }
  return (await checkpointsOf(dir)).at(-1)!
}

const UNRECORDED = async () => ({ reference: null, note: null })

async function taken(dir: string, key: SigningKey, change: Partial<ExtractOptions> & { filter?: Filter } = {}) {
  const checkpoint = change.checkpoint ?? (await checkpointsOf(dir)).at(-1)!
  const options = { filter: ANY, format: 'jsonl', by: 'auditor', reason: 'yearly review', signer: null } as const
  const out = `${dir}-extract-${readdirSync(join(dir, '..')).length}`
  const extracted = await writeExtract({
    dir,
    out,
    ...options,
    checkpoint,
    key: key.verifier,
    now: NOON + 2 * DAY,
    record: UNRECORDED,
    ...change,
  })
  return { out, extracted }
}

async function judged(dir: string, options: Partial<ExtractVerifyOptions> = {}) {
  const { result, problems, basis, records } = await verifyExtract({ dir, keys: [], outside: [], ...options })
  const told = problems.map(({ kind, file, line }) => `${kind} ${file}:${line}`)
  return { result, told, basis, records, messages: problems.map(({ message }) => message) }
}

t.test('an extract in each format is what it says, against the key and a checkpoint from outside', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  const checkpoint = await signedLog(dir, key)
  const outside = [{ checkpoint, file: 'kept.txt', line: 1 }]
  for (const format of FORMATS) {
    const filter = { ...ANY, segment: 'wifi' }
    const { out, extracted } = await taken(dir, key, { format, filter })
    const want = readLog(dir).records.filter((record) => record.landline.segment?.id === 'wifi')
    const lines = readFileSync(join(out, 'records.jsonl'), 'utf8').split('\n').slice(0, -1)
    t.same(
      lines.map((line) => JSON.parse(line)),
      want,
      'the records, in their order',
    )
    t.match(extracted, { manifest: { records: want.length, contiguous: false, unsigned_left_out: 0 } })
    t.match(await judged(out), { result: 'consistent', told: [], records: want.length, basis: { keyGiven: false } })
    const proven = await judged(out, { keys: [key.verifier], outside })
    t.match(proven, { result: 'intact', told: [], basis: { keyGiven: true, checkpointFromOutside: true } })
    t.ok((proven.basis.leftOut ?? 0) > 0, 'and that it proves nothing of what lies between')
  }
})

t.test('a range without a gap proves that nothing between was left out, with a few hashes', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  await signedLog(dir, key)
  const second = readLog(dir).records.filter((record) => record['@timestamp'] >= '2026-11-24')
  const { out, extracted } = await taken(dir, key, { filter: { ...ANY, since: Date.parse('2026-11-24') } })
  t.match(extracted, { manifest: { contiguous: true, records: second.length } })
  t.equal((await judged(out)).basis.leftOut, 0)
  const proof = readFileSync(join(out, 'proof.txt'), 'utf8').split('\n').slice(0, -1)
  t.ok(proof.length - second.length <= 2 * Math.log2(readLog(dir).records.length), 'few beside the records')
  const none = await taken(dir, key, { filter: { ...ANY, service: 'nothing' } })
  t.match(none.extracted, { manifest: { records: 0, first_sequence: null } })
  t.match(await judged(none.out), { result: 'consistent', records: 0 })
})

t.test('the cache of the tree spares the reading of what came before, and is not believed', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  await signedLog(dir, key, 4400)
  const filter = { ...ANY, since: NOON + DAY + 1500 }
  const first = readLog(dir).files[0] ?? ''
  const text = readFileSync(join(dir, first), 'utf8')
  writeFileSync(join(dir, first), text.replace('us1web', 'us9web'))
  const spared = await taken(dir, key, { filter })
  t.match(await judged(spared.out), { result: 'consistent', told: [] })
  const cache = readFileSync(join(dir, 'audit.tree'))
  cache[3]! ^= 1
  writeFileSync(join(dir, 'audit.tree'), cache)
  t.equal((await taken(dir, key, { filter })).extracted, 'tampered')
  writeFileSync(join(dir, first), text)
  const whole = await taken(dir, key, { filter })
  t.match(await judged(whole.out), { result: 'consistent', told: [] })
})

t.test('only what is signed is exported, from a log that is what was signed', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  const newest = await signedLog(dir, key)
  const [older] = await checkpointsOf(dir)
  const early = await taken(dir, key, { checkpoint: older! })
  t.match(early.extracted, { manifest: { records: older!.size, unsigned_left_out: newest.size - older!.size } })
  t.match(await judged(early.out, { keys: [key.verifier] }), { result: 'consistent', told: [] })
  const [first = '', second = ''] = readLog(dir).files
  const bytes = readFileSync(join(dir, first))
  writeFileSync(join(dir, first), bytes.toString().replace('us4web', 'us5web'))
  const edited = await taken(dir, key)
  t.same([edited.extracted, existsSync(edited.out)], ['tampered', false], 'nothing is left behind')
  rmSync(join(dir, first))
  t.equal((await taken(dir, key)).extracted, 'incomplete')
  writeFileSync(join(dir, `${first}.gz`), gzipSync(bytes))
  t.match((await taken(dir, key)).extracted, { manifest: { records: newest.size } }, 'compressed segments too')
  await t.rejects(taken(dir, key, { out: dir }), { code: 'EEXIST' })
  const refused = join(dir, '..', 'refused')
  const record = async () => Promise.reject(new Error('not recorded'))
  await t.rejects(taken(dir, key, { out: refused, record }), { message: 'not recorded' })
  t.notOk(existsSync(refused), 'what is not on record is not exported')
  t.ok(second)
})

t.test('of a log whose oldest records were purged, the rest is exported as ever', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  await signedLog(dir, key)
  const [first = ''] = readLog(dir).files
  const lines = readFileSync(join(dir, first), 'utf8').split('\n').slice(0, -1)
  const tree = new Frontier()
  for (const line of lines) tree.add(leafHash(Buffer.from(line)))
  const through = lines.length
  const { prev } = readLog(dir).records[through].landline
  const facts = { through, prev, tree: tree.hashes.map((one) => one.toString('base64')), segments: [first] }
  const { audit } = await openSigned(dir, key, { now: () => NOON + 2 * DAY })
  await audit.record({ ...systemEvent('purge'), facts })
  await audit.close()
  rmSync(join(dir, first))
  for (const filter of [ANY, { ...ANY, segment: 'wifi' }, { ...ANY, since: NOON + DAY + 1500 }]) {
    const { out, extracted } = await taken(dir, key, { filter })
    t.match(extracted, { manifest: { records: Number } })
    t.match(await judged(out, { keys: [key.verifier] }), { result: 'consistent', told: [] })
  }
  const [older] = await checkpointsOf(dir)
  t.equal((await taken(dir, key, { checkpoint: older! })).extracted, 'incomplete', 'all that it covers is gone')
})

t.test('who signs the manifest, and which record tells of it', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  await signedLog(dir, key)
  const own = newKey('auditor')
  const reference = '01a20938-9ec9-758a-929b-c861a1cec56d'
  const signed = await taken(dir, key, { signer: own })
  const byOwn = { manifestKey: own.verifier.text, manifestKeyGiven: false, reference: null }
  t.match((await judged(signed.out)).basis, byOwn)
  t.match((await judged(signed.out, { keys: [key.verifier, own.verifier] })).basis, { manifestKeyGiven: true })
  const record = async (_: unknown, digest: string) => ({ reference, note: signManifest(digest, reference, key) })
  const live = await taken(dir, key, { record })
  const byLog = { manifestKey: key.verifier.text, manifestKeyGiven: true, reference }
  t.match((await judged(live.out, { keys: [key.verifier] })).basis, byLog)
  t.same((await judged((await taken(dir, key)).out)).basis.manifestKey, null)
})

/** Changes a file of an extract; the manifest stays as it is, or (`resealed`) is made to fit what was done. */
interface Tampering {
  readonly name: string
  readonly file: string
  readonly change: (text: string) => string
  readonly want: string
}
const line = (text: string, index: number) => text.split('\n')[index] ?? ''
const swapLines = (text: string, a: number, b: number) =>
  text
    .split('\n')
    .map((one, index, all) => (index === a ? all[b] : index === b ? all[a] : one))
    .join('\n')
const dropLine = (text: string, at: number) =>
  text
    .split('\n')
    .filter((_, index) => index !== at)
    .join('\n')
const repeatLine = (text: string, at: number) =>
  text
    .split('\n')
    .flatMap((one, i) => (i === at ? [one, one] : [one]))
    .join('\n')

const TAMPERINGS: readonly Tampering[] = [
  {
    name: 'a value',
    file: 'records.jsonl',
    change: (s) => s.replace('us4web', 'us5web'),
    want: 'edit records.jsonl:3',
  },
  {
    name: 'a space',
    file: 'records.jsonl',
    change: (s) => s.replace('"ecs":{', '"ecs": {'),
    want: 'edit records.jsonl:1',
  },
  { name: 'a line taken out', file: 'records.jsonl', change: (s) => dropLine(s, 2), want: 'deletion records.jsonl:3' },
  { name: 'the last line cut', file: 'records.jsonl', change: (s) => s.slice(0, -2), want: 'edit records.jsonl:26' },
  { name: 'a line twice', file: 'records.jsonl', change: (s) => repeatLine(s, 2), want: 'insertion records.jsonl:4' },
  {
    name: 'a line at the end',
    file: 'records.jsonl',
    change: (s) => `${s}${line(s, 2)}\n`,
    want: 'insertion records.jsonl:27',
  },
  {
    name: 'two lines swapped',
    file: 'records.jsonl',
    change: (s) => swapLines(s, 2, 3),
    want: 'deletion records.jsonl:3',
  },
  {
    name: 'no record',
    file: 'records.jsonl',
    change: (s) => s.replace(line(s, 2), 'nothing'),
    want: 'edit records.jsonl:3',
  },
  {
    name: 'a hash of the proof',
    file: 'proof.txt',
    change: (s) => s.replace(/^1-1 ./, '1-1 A'),
    want: 'mismatch proof.txt:1',
  },
  { name: 'a piece of the proof', file: 'proof.txt', change: (s) => dropLine(s, 3), want: 'edit proof.txt:4' },
  {
    name: 'the size of a piece',
    file: 'proof.txt',
    change: (s) => s.replace('1-1 ', '1-3 '),
    want: 'edit proof.txt:1',
  },
  { name: 'a cell', file: 'records.csv', change: (s) => s.replace('us4web', 'us5web'), want: 'edit records.csv:4' },
  { name: 'a row taken out', file: 'records.csv', change: (s) => dropLine(s, 4), want: 'edit records.csv:5' },
  { name: 'a row more', file: 'records.csv', change: (s) => `${s}a,b\r\n`, want: 'edit records.csv:28' },
  { name: 'the head', file: 'records.csv', change: (s) => s.replace('source', 'sauce'), want: 'edit records.csv:1' },
  {
    name: 'the size of the checkpoint',
    file: 'checkpoint.txt',
    change: (s) => s.replace(/\n\d+\n/, '\n41\n'),
    want: 'replaced-checkpoint checkpoint.txt:1',
  },
  {
    name: 'the signature',
    file: 'checkpoint.txt',
    change: (s) => s.replace(/(— \S+ .{20})../, '$1AA'),
    want: 'replaced-checkpoint checkpoint.txt:1',
  },
  {
    name: 'who took it',
    file: 'manifest.json',
    change: (s) => s.replace('"auditor"', '"nobody"'),
    want: 'edit manifest.json:1',
  },
  {
    name: 'the filter',
    file: 'manifest.json',
    change: (s) => s.replace('"wifi"', '"desks"'),
    want: 'mismatch records.jsonl:1',
  },
  {
    name: 'the number of records',
    file: 'manifest.json',
    change: (s) => s.replace('"records": 26', '"records": 25'),
    want: 'mismatch manifest.json:1',
  },
  { name: 'no JSON', file: 'manifest.json', change: (s) => s.slice(1), want: 'edit manifest.json:1' },
  {
    name: 'the note',
    file: 'manifest.note',
    change: (s) => s.replace('record none', 'record 01a20938-9ec9-758a-929b-c861a1cec56d'),
    want: 'edit manifest.note:1',
  },
]

t.test('whatever is changed in an extract is found and named, also where the sums are made to fit', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  await signedLog(dir, key)
  const { out } = await taken(dir, key, {
    format: 'csv',
    filter: { ...ANY, segment: 'wifi' },
    signer: newKey('auditor'),
  })
  const files = readdirSync(out).map((name) => [name, readFileSync(join(out, name), 'utf8')] as const)
  for (const { name, file, change, want } of TAMPERINGS) {
    for (const isResealed of [false, true]) {
      for (const [other, text] of files) writeFileSync(join(out, other), text)
      const before = readFileSync(join(out, file), 'utf8')
      const after = change(before)
      t.not(after, before, `${name}: something is changed`)
      writeFileSync(join(out, file), after)
      if (isResealed) reseal(out, file, after)
      const { result, told } = await judged(out, { keys: [key.verifier] })
      t.equal(result, 'tampered', name)
      t.ok(told.includes(want), `${name}${isResealed ? ', resealed' : ''}: ${want} in ${told.join(', ')}`)
    }
  }
  for (const [gone] of files.filter(([name]) => !name.startsWith('manifest'))) {
    for (const [other, text] of files) writeFileSync(join(out, other), text)
    rmSync(join(out, gone))
    t.match(await judged(out), { result: 'incomplete', told: [`missing-file ${gone}:1`] }, gone)
  }
})

/** As somebody would who has no key: the sums in the manifest fit, and nobody signs it. */
function reseal(out: string, file: string, text: string): void {
  if (file === 'manifest.note') return
  const path = join(out, 'manifest.json')
  const manifest = readFileSync(path, 'utf8')
  if (!file.startsWith('manifest')) {
    const known = JSON.parse(manifest)
    if (file in known.files) known.files[file] = { bytes: Buffer.byteLength(text), sha256: hash('sha256', text, 'hex') }
    writeFileSync(path, `${JSON.stringify(known, null, 2)}\n`)
  }
}

t.test('a rendering that is compared with nothing is not passed off as one that is', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  await signedLog(dir, key)
  const csv = await taken(dir, key, { format: 'csv' })
  const manifest = JSON.parse(readFileSync(join(csv.out, 'manifest.json'), 'utf8'))
  const forged = readFileSync(join(csv.out, 'records.csv'), 'utf8').replace('us4web', 'us5web')
  writeFileSync(join(csv.out, 'records.csv'), forged)
  manifest.rendering.version = 99
  manifest.files['records.csv'] = { bytes: Buffer.byteLength(forged), sha256: hash('sha256', forged, 'hex') }
  writeFileSync(join(csv.out, 'manifest.json'), JSON.stringify(manifest))
  t.match(await judged(csv.out), { result: 'incomplete', told: ['other-version records.csv:1'] })
  const plain = await taken(dir, key)
  writeFileSync(join(plain.out, 'records.csv'), forged)
  t.match(await judged(plain.out), { result: 'tampered', told: ['insertion records.csv:1'] })
})

t.test('a single bit anywhere in an extract is found', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  const checkpoint = await signedLog(dir, key, 12)
  const { out } = await taken(dir, key, { format: 'cef', signer: key })
  const names = readdirSync(out)
  const outside = [{ checkpoint, file: 'kept.txt', line: 1 }]
  const flip = fc.record({
    name: fc.constantFrom(...names),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bit: fc.nat(7),
  })
  await fc.assert(
    fc.asyncProperty(flip, async ({ name, at, bit }) => {
      const path = join(out, name)
      const bytes = readFileSync(path)
      const changed = Buffer.from(bytes)
      changed[Math.floor(at * bytes.length)]! ^= 1 << bit
      writeFileSync(path, changed)
      const { result } = await judged(out, { keys: [key.verifier], outside }).finally(() => writeFileSync(path, bytes))
      return result === 'tampered'
    }),
    { numRuns: 150 },
  )
  t.match(await judged(out, { keys: [key.verifier], outside }), { result: 'intact' })
})

t.test('the extract of another log is told from that of this one', async (t) => {
  const dir = t.testdir()
  const [key, other] = [newKey(), newKey()]
  const checkpoint = await signedLog(join(dir, 'log'), key)
  await signedLog(join(dir, 'other'), other)
  const { out } = await taken(join(dir, 'other'), other)
  t.match(await judged(out, { keys: [key.verifier] }), { result: 'tampered', told: ['foreign-key checkpoint.txt:1'] })
  await signedLog(join(dir, 'fork'), key)
  const fork = await taken(join(dir, 'fork'), key)
  const outside = [{ checkpoint, file: 'kept.txt', line: 7 }]
  t.match(await judged(fork.out, { keys: [key.verifier], outside }), {
    result: 'tampered',
    told: ['mismatch kept.txt:7'],
  })
  const [smaller] = await checkpointsOf(join(dir, 'fork'))
  const incomparable = [{ checkpoint: smaller!, file: 'kept.txt', line: 1 }]
  const options = { keys: [key.verifier], outside: incomparable }
  t.match(await judged(fork.out, options), { result: 'incomplete', told: ['no-checkpoint checkpoint.txt:2'] })
})

t.test('the pieces between any records are as few as can be, and lead to the same root', (t) => {
  const leaves = Array.from({ length: 70 }, (_, index) => leafHash(Buffer.from(`line ${index}`)))
  const whole = new Frontier()
  for (const leaf of leaves) whole.add(leaf)
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(69), { maxLength: 12 }), (chosen) => {
      const gap = new Gap()
      const pieces: Piece[] = []
      for (const [index, leaf] of leaves.entries()) {
        if (!chosen.includes(index)) gap.add(leaf)
        else pieces.push(...gap.end(), { first: index + 1, leaves: 1, hash: leaf, isRecord: true })
      }
      pieces.push(...gap.end())
      const tree = new Frontier()
      for (const { first, leaves: width, hash } of pieces) {
        if (first !== tree.size + 1) return false
        tree.add(hash, width)
      }
      return tree.root().equals(whole.root()) && pieces.length <= (chosen.length + 1) * 2 * Math.log2(70)
    }),
  )
  const fine = leaves[0]?.toString('base64')
  for (const text of [
    '',
    '1',
    `0 ${fine}`,
    `2-3 ${fine}`,
    `1-3 ${fine}`,
    `4-1 ${fine}`,
    '1 AAAA',
    `1  ${fine}`,
    `1 ${fine} `,
  ])
    t.equal(parsePiece(text), null, text)
  t.match(parsePiece(`3-4 ${fine}`), { first: 3, leaves: 2, isRecord: false })
  t.end()
})

t.test('a copy of checkpoints.txt is as good as one checkpoint', async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  await signedLog(dir, key)
  const { out } = await taken(dir, key)
  const outside = (await checkpointsOf(dir)).map((checkpoint, index) => ({
    checkpoint,
    file: CHECKPOINTS,
    line: index,
  }))
  t.match(await judged(out, { keys: [key.verifier], outside }), { result: 'intact' })
})

t.test('the program of docs/evidence.md says the same', { skip: python ? false : missing('Python') }, async (t) => {
  const dir = join(t.testdir(), 'log')
  const key = newKey()
  await signedLog(dir, key)
  const docs = readFileSync(join(import.meta.dirname, '../../docs/evidence.md'), 'utf8')
  const program = /```python\n([\s\S]*?)```/.exec(docs)?.[1] ?? ''
  const judge = (out: string) => spawnSync(python ?? '', ['-c', program, out], { encoding: 'utf8' })
  for (const filter of [ANY, { ...ANY, segment: 'wifi' }, { ...ANY, actions: ['checkpoint'] }]) {
    const { out } = await taken(dir, key, { filter })
    t.match(judge(out), { status: 0, stdout: /^all in the log landline-1 of \d+ records\n$/ })
    const records = join(out, 'records.jsonl')
    const text = readFileSync(records, 'utf8')
    writeFileSync(records, text.replace('"outcome":"', '"outcome" :"'))
    t.match(judge(out), { status: 1, stderr: /^record \d+ is not the one in the log/ })
    writeFileSync(records, text)
    const proof = join(out, 'proof.txt')
    writeFileSync(proof, readFileSync(proof, 'utf8').split('\n').slice(0, -2).join('\n'))
    t.equal(judge(out).status, 1, 'a piece that is missing at the end')
  }
})
