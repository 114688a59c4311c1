/**
 * A log that was tampered with, held against the last checkpoint kept outside: at random, a few hundred times (a larger number
 * in LANDLINE_TAMPERINGS), and one of each kind, which is told by its name.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { signCheckpoint } from '../../audit/proof/checkpoint.ts'
import { CHECKPOINTS, checkpointEntry, keyEntry } from '../../audit/proof/checkpoint-file.ts'
import { Frontier, leafHash } from '../../audit/proof/merkle.ts'
import type { SigningKey } from '../../audit/proof/note.ts'
import { sealOf, tallyName } from '../../audit/tallies/file.ts'
import {
  checkpointsOf,
  DAY,
  type Files,
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
import { NOON } from './helpers.ts'

const ROUNDS = Number(process.env.LANDLINE_TAMPERINGS ?? 170)
t.setTimeout(60_000 + ROUNDS * 500)

/** Four days, several segments each, two keys, one day compressed. */
async function realLog(dir: string): Promise<{ files: Files; first: SigningKey; second: SigningKey }> {
  const [first, second] = [newKey(), newKey()]
  for (const day of [0, 1, 2, 3]) {
    let at = NOON + day * DAY
    const change = { now: () => at++, segmentBytes: 14_000 }
    await writeSigned(dir, day < 2 ? first : second, 20, change, { records: 10 })
  }
  const files = new Map(readFiles(dir))
  const [compressed = ''] = [...files.keys()].filter((name) => name.startsWith('audit-20261124'))
  files.set(`${compressed}.gz`, gzipSync(files.get(compressed) ?? ''))
  files.delete(compressed)
  writeFiles(dir, files)
  return { files, first, second }
}

/** The same after its first two days were purged, with a tally. */
async function purgedLog(dir: string): Promise<{ files: Files; second: SigningKey }> {
  const { second } = await realLog(dir)
  const tally = tallyName(NOON + 4 * DAY)
  const { audit } = await openSigned(dir, second, { now: () => NOON + 4 * DAY })
  const content = Buffer.from('{"hour":"2026-11-27T12:00:00.000Z"}\n')
  writeFileSync(join(dir, tally), content)
  const facts = { ...sealOf(tally, content) }
  await audit.record({ action: 'tally', outcome: 'success', reason: 'closed', policy: null, facts })
  await audit.close()
  const tidy = { now: () => NOON + 11.6 * DAY, retentionDays: 10, pace: async () => {} }
  // A proxy that was off for a week waits a day.
  await writeSigned(dir, second, 12, { now: () => NOON + 8 * DAY, segmentBytes: 6000 }, { records: 5 })
  const signed = await openSigned(dir, second, tidy)
  await signed.audit.tidy()
  await signed.audit.close()
  const files = new Map(readFiles(dir))
  const packed = [...files.keys()].filter((name) => name.startsWith('audit-') && name.endsWith('.gz'))
  // One stays compressed; the others are easier to tamper with.
  for (const name of packed.slice(1)) {
    files.set(name.slice(0, -3), gunzipSync(files.get(name) ?? ''))
    files.delete(name)
  }
  const sorted = new Map([...files].sort())
  writeFiles(dir, sorted)
  return { files: sorted, second }
}

/** A small generator (mulberry32), so that a failure can be had again. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

type Random = ReturnType<typeof random>
type Tampering = (files: Files, pick: Random, foreign: SigningKey) => Map<string, Buffer>

function plain(files: Files): string[] {
  return [...files.keys()].filter((name) => name.endsWith('.jsonl'))
}

function one<T>(items: readonly T[], pick: Random): T {
  return items[pick(items.length)]! // there is one
}

/** With other lines in one plain segment. */
function withLines(files: Files, pick: Random, change: (lines: string[]) => string[]): Map<string, Buffer> {
  const name = one(plain(files), pick)
  return new Map([...files, [name, ofLines(change(linesOf(files.get(name))))]])
}

/** The checkpoint file in its parts: each key and each checkpoint. */
function entriesOf(files: Files): string[] {
  return (files.get(CHECKPOINTS)?.toString() ?? '').split(/(?<=\n\n)(?=key |landline-1(?:\/epoch-\d+)?\n)/)
}

function withEntries(files: Files, change: (entries: string[]) => string[]): Map<string, Buffer> {
  return new Map([...files, [CHECKPOINTS, Buffer.from(change(entriesOf(files)).join(''))]])
}

/** All lines from one on, each chained to the one before it: what somebody can do who has no key. */
function rechained(files: Files, pick: Random): Map<string, Buffer> {
  const changed = new Map(files)
  const names = plain(files).filter((name) => !name.startsWith('audit-20261123'))
  const start = one(names, pick)
  let prev: string | null = null
  for (const name of names.slice(names.indexOf(start))) {
    const lines = linesOf(files.get(name)).map((line) => {
      const first = prev === null ? line.replace('"wireless"', '"wired"').replace('"action":"', '"action":"un') : line
      const chained: string = prev === null ? first : first.replace(/"prev":"[^"]*"/, `"prev":"${prev}"`)
      prev = createHash('sha256').update(chained).digest('base64')
      return chained
    })
    changed.set(name, ofLines(lines))
  }
  return changed
}

/** All checkpoints signed anew by a key, over the lines as they are. */
function resigned(files: Files, key: SigningKey): Map<string, Buffer> {
  const tree = new Frontier()
  const names = [...files.keys()].filter((name) => name.endsWith('.jsonl'))
  let text = keyEntry(key.verifier)
  for (const name of names) {
    for (const line of linesOf(files.get(name))) tree.add(leafHash(Buffer.from(line)))
    text += checkpointEntry(signCheckpoint('landline-1', tree.size, tree.root(), key))
  }
  return new Map([...files, [CHECKPOINTS, Buffer.from(text)]])
}

const TAMPERINGS: Readonly<Record<string, Tampering>> = {
  'one bit': (files, pick) => {
    const name = one([...files.keys()], pick)
    const bytes = Buffer.from(files.get(name) ?? '')
    // The head of a gzip file has a time and a system that say nothing of its content.
    const from = name.endsWith('.gz') ? 10 : 0
    const at = from + pick(bytes.length - from)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << pick(8))
    return new Map([...files, [name, bytes]])
  },
  'one bit of a line': (files, pick) =>
    withLines(files, pick, (lines) => {
      const at = pick(lines.length)
      const bytes = Buffer.from(lines[at] ?? '')
      const where = pick(bytes.length)
      bytes[where] = (bytes[where] ?? 0) ^ 1
      return lines.with(at, bytes.toString())
    }),
  'a line taken out': (files, pick) => withLines(files, pick, (lines) => lines.toSpliced(pick(lines.length), 1)),
  'a line twice': (files, pick) =>
    withLines(files, pick, (lines) => lines.toSpliced(pick(lines.length + 1), 0, one(lines, pick))),
  'two lines exchanged': (files, pick) =>
    withLines(files, pick, (lines) => {
      const a = pick(lines.length)
      const b = (a + 1 + pick(lines.length - 1)) % lines.length
      return lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '')
    }),
  'a forged line': (files, pick) =>
    withLines(files, pick, (lines) =>
      lines.toSpliced(pick(lines.length + 1), 0, one(lines, pick).replace('10.20.0.7', '10.20.0.8')),
    ),
  'an empty line': (files, pick) => withLines(files, pick, (lines) => lines.toSpliced(pick(lines.length + 1), 0, '')),
  'another address': (files, pick) =>
    withLines(files, pick, (lines) => {
      const at = lines.findIndex((line) => line.includes('10.20.0.7'))
      return lines.with(at, (lines[at] ?? '').replace('10.20.0.7', '10.20.0.9'))
    }),
  'the end of a file': (files, pick) => withLines(files, pick, (lines) => lines.slice(0, pick(lines.length))),
  'a cut anywhere': (files, pick) => {
    const name = one(plain(files), pick)
    const bytes = files.get(name) ?? Buffer.alloc(0)
    return new Map([...files, [name, bytes.subarray(0, pick(bytes.length))]])
  },
  'a file gone': (files, pick) => {
    const name = one([...files.keys()], pick)
    return new Map([...files].filter(([other]) => other !== name))
  },
  'a file named anew': (files, pick) => {
    const name = one(plain(files), pick)
    const to = name.replace(
      /\d{6}Z-\d{12}/,
      `${String(pick(235_959)).padStart(6, '0')}Z-${String(pick(200)).padStart(12, '0')}`,
    )
    return new Map([...files].map(([other, bytes]) => [other === name ? to : other, bytes] as const).sort())
  },
  'two files exchanged': (files, pick) => {
    const [a, b] = [one(plain(files).slice(1), pick), plain(files)[0] ?? '']
    return new Map([...files, [a, files.get(b) ?? Buffer.alloc(0)], [b, files.get(a) ?? Buffer.alloc(0)]])
  },
  'a file twice': (files, pick) => {
    const name = one(plain(files), pick)
    const copy = name.replace(/\d{12}/, '000000000999')
    return new Map([...files, [copy, files.get(name) ?? Buffer.alloc(0)]])
  },
  'lines chained anew': rechained,
  'chained and signed anew by a foreign key': (files, pick, foreign) => resigned(rechained(files, pick), foreign),
  'signed anew by a foreign key': (files, _pick, foreign) => resigned(files, foreign),
  'a checkpoint taken away': (files, pick) =>
    withEntries(files, (entries) => entries.toSpliced(pick(entries.length), 1)),
  'a checkpoint twice': (files, pick) =>
    withEntries(files, (entries) => entries.toSpliced(pick(entries.length + 1), 0, one(entries, pick))),
  'checkpoints exchanged': (files, pick) =>
    withEntries(files, (entries) => {
      const a = pick(entries.length - 1)
      return entries.with(a, entries[a + 1] ?? '').with(a + 1, entries[a] ?? '')
    }),
  'a key that signs nothing': (files, pick, foreign) =>
    withEntries(files, (entries) => {
      const keys = entries.filter((entry) => entry.startsWith('key '))
      return entries.toSpliced(entries.indexOf(one(keys, pick)), 0, keyEntry(foreign.verifier))
    }),
  'a foreign checkpoint': (files, pick, foreign) =>
    withEntries(files, (entries) => {
      const forged = checkpointEntry(signCheckpoint('landline-1', 1 + pick(100), Buffer.alloc(32, 7), foreign))
      return entries.toSpliced(pick(entries.length + 1), 0, forged)
    }),
  'the checkpoint file cut': (files, pick) => {
    const bytes = files.get(CHECKPOINTS) ?? Buffer.alloc(0)
    return new Map([...files, [CHECKPOINTS, bytes.subarray(0, pick(bytes.length))]])
  },
}

t.test(`${ROUNDS} random tamperings are all found, and none in the log as it was`, async (t) => {
  const dir = t.testdir()
  const { files, first, second } = await realLog(dir)
  const kept = (await checkpointsOf(dir)).at(-1)
  for (const keys of [[second.verifier], [first.verifier, second.verifier]])
    t.same(told(await verify(dir, keys, kept)), ['intact'])
  t.same(told(await verify(dir)), ['consistent'])
  t.same(told(await verify(dir, [first.verifier])).slice(0, 1), ['tampered'], 'the second key was not given')
  const names = Object.keys(TAMPERINGS)
  const found = new Map<string, number>()
  let same = 0
  for (let round = 0; round < ROUNDS; round++) {
    const pick = random(round)
    const name = names[round % names.length] ?? ''
    const tampered = TAMPERINGS[name]?.(files, pick, newKey()) ?? files
    if (isSame(files, tampered)) {
      same++
      continue
    }
    writeChanges(dir, files, tampered)
    const { result, problems } = await verify(dir, [second.verifier], kept)
    if (problems.length === 0 || result === 'intact' || result === 'consistent')
      t.fail(`round ${round}, ${name}: ${result}`)
    found.set(name, (found.get(name) ?? 0) + 1)
    writeChanges(dir, tampered, files)
  }
  t.same(told(await verify(dir, [second.verifier], kept)), ['intact'])
  t.ok(same < ROUNDS / 20, `${same} changed nothing`)
  t.same([...found.keys()].sort(), names.toSorted(), 'each was tried')
})

t.test(`${ROUNDS} random tamperings of a purged log with a tally are all found`, async (t) => {
  const dir = t.testdir()
  const { files, second } = await purgedLog(dir)
  const kept = (await checkpointsOf(dir)).at(-1)
  const before = await verify(dir, [second.verifier], kept)
  t.same([told(before), before.basis.purgedThrough > 0, before.basis.tallies], [['intact'], true, 1])
  const names = Object.keys(TAMPERINGS).filter((name) => name !== 'another address')
  let same = 0
  for (let round = 0; round < ROUNDS; round++) {
    const name = names[round % names.length] ?? ''
    const tampered = TAMPERINGS[name]?.(files, random(1_000_000 + round), newKey()) ?? files
    if (isSame(files, tampered)) {
      same++
      continue
    }
    writeChanges(dir, files, tampered)
    const { result, problems } = await verify(dir, [second.verifier], kept)
    if (problems.length === 0 || result === 'intact' || result === 'consistent')
      t.fail(`round ${round}, ${name}: ${result}`)
    writeChanges(dir, tampered, files)
  }
  t.same(told(await verify(dir, [second.verifier], kept)), ['intact'])
  t.ok(same < ROUNDS / 20, `${same} changed nothing`)
})

function isSame(a: Files, b: Files): boolean {
  return a.size === b.size && [...a].every(([name, bytes]) => b.get(name)?.equals(bytes))
}

function writeChanges(dir: string, from: Files, to: Files): void {
  if ([...from.keys()].some((name) => !to.has(name))) writeFiles(dir, to)
  for (const [name, bytes] of to) if (from.get(name) !== bytes) writeFileSync(join(dir, name), bytes)
}

interface Kind {
  readonly name: string
  readonly tamper: (files: Files, foreign: SigningKey) => Map<string, Buffer>
  /** `A` and `B` are the two segments, `C` is the checkpoint file. */
  readonly want: readonly string[]
  /** Whether the last checkpoint was kept elsewhere; true where absent. */
  readonly isKept?: boolean
}

/** Two days of eight denials. A holds records 1 to 9, B 10 to 21; 7, 11, 12, 16 and 20 name the checkpoints of 4, 8, 9, 13 and 17 records. */
async function smallLog(dir: string): Promise<{ files: Files; key: SigningKey }> {
  const key = newKey()
  for (const day of [0, 1]) await writeSigned(dir, key, 8, { now: () => NOON + day * DAY }, { records: 4 })
  return { files: readFiles(dir), key }
}

function segments(files: Files): [string, string] {
  const [a = '', b = ''] = plain(files)
  return [a, b]
}

/** With other lines in the first or second segment. */
function change(files: Files, index: 0 | 1, edit: (lines: string[]) => string[]): Map<string, Buffer> {
  const name = segments(files)[index]
  return new Map([...files, [name, ofLines(edit(linesOf(files.get(name))))]])
}

function edited(line: string | undefined): string {
  return (line ?? '').replace('10.20.0.7', '10.20.0.8')
}

const KINDS: readonly Kind[] = [
  { name: 'nothing', tamper: (files) => new Map(files), want: ['intact'] },
  {
    name: 'an edit',
    tamper: (files) => change(files, 0, (all) => all.with(2, edited(all[2]))),
    want: ['tampered', 'edit A:3 #3'],
  },
  {
    name: 'an edit of what a line is chained to',
    tamper: (files) =>
      change(files, 0, (all) => all.with(2, (all[2] ?? '').replace(/"prev":"./, '"prev":"_'.replace('_', 'A')))),
    want: ['tampered', 'edit A:3 #3'],
  },
  {
    name: 'an edit of the first line',
    tamper: (files) => change(files, 0, (all) => all.with(0, edited(all[0]))),
    want: ['tampered', 'edit A:1 #1'],
  },
  {
    name: 'an edit of the last line of a file',
    tamper: (files) => change(files, 0, (all) => all.with(7, edited(all[7]))),
    want: ['tampered', 'edit A:8 #8'],
  },
  {
    name: 'an edit of the very last line',
    tamper: (files) => change(files, 1, (all) => all.with(-1, (all.at(-1) ?? '').replace('us', 'uz'))),
    want: ['tampered', 'mismatch B:12 #21'],
  },
  {
    name: 'a line that is no record any more',
    tamper: (files) => change(files, 0, (all) => all.with(3, '{}')),
    want: ['tampered', 'edit A:4 #4'],
  },
  {
    name: 'a line taken out',
    tamper: (files) => change(files, 0, (all) => all.toSpliced(4, 1)),
    want: ['tampered', 'deletion A:5 #5'],
  },
  {
    name: 'the first lines taken out',
    tamper: (files) => change(files, 1, (all) => all.slice(2)),
    want: ['tampered', 'deletion B:1 #10'],
  },
  {
    name: 'an older line put in',
    tamper: (files) => change(files, 0, (all) => all.toSpliced(6, 0, all[1] ?? '')),
    want: ['tampered', 'insertion A:7 #2'],
  },
  {
    name: 'a forged line put in',
    tamper: (files) => change(files, 0, (all) => all.toSpliced(3, 0, edited(all[3]))),
    want: ['tampered', 'insertion A:4 #4'],
  },
  {
    name: 'a forged line put in behind',
    tamper: (files) => change(files, 0, (all) => all.toSpliced(4, 0, edited(all[3]))),
    want: ['tampered', 'insertion A:5 #4'],
  },
  {
    name: 'a line that is no record put in',
    tamper: (files) => change(files, 0, (all) => all.toSpliced(4, 0, 'x')),
    want: ['tampered', 'insertion A:5 #null'],
  },
  {
    name: 'two lines exchanged',
    tamper: (files) => change(files, 0, (all) => all.with(2, all[3] ?? '').with(3, all[2] ?? '')),
    want: ['tampered', 'reordering A:4 #3'],
  },
  {
    name: 'the end cut off',
    tamper: (files) => change(files, 1, (all) => all.slice(0, 5)),
    want: ['tampered', 'truncation B:5 #14'],
  },
  {
    name: 'the end cut off, within a line',
    tamper: (files) => {
      const [, b] = segments(files)
      return new Map([...files, [b, (files.get(b) ?? Buffer.alloc(0)).subarray(0, -3)]])
    },
    want: ['tampered', 'truncation B:11 #20', 'torn B:12 #null'],
  },
  {
    name: 'two files exchanged',
    tamper: (files) => {
      const [a, b] = segments(files)
      return new Map([...files, [a, files.get(b)!], [b, files.get(a)!]])
    },
    want: ['tampered', 'swapped-segment A:1 #10', 'swapped-segment B:1 #1'],
  },
  {
    name: 'a file of another day',
    tamper: (files) => {
      const [a] = segments(files)
      const renamed = a.replace('20261123T12', '20261123T11')
      return new Map([...files].map(([name, bytes]) => [name === a ? renamed : name, bytes]))
    },
    want: ['tampered', 'mismatch A:1 #1'],
  },
  {
    name: 'the first file gone',
    tamper: (files) => new Map([...files].filter(([name]) => name !== segments(files)[0])),
    want: ['incomplete', 'missing-segment B:1 #10'],
  },
  {
    name: 'the end of the first file cut off, which the second tells',
    tamper: (files) => change(files, 0, (all) => all.slice(0, 6)),
    want: ['tampered', 'deletion B:1 #7'],
  },
  {
    name: 'a checkpoint taken away',
    tamper: (files) => withEntries(files, (all) => all.toSpliced(2, 1)),
    want: ['tampered', 'replaced-checkpoint B:2 #11'],
  },
  {
    name: 'the newest checkpoint taken away',
    tamper: (files) => withEntries(files, (all) => all.slice(0, -1)),
    want: ['tampered', 'replaced-checkpoint kept.txt:1 #21'],
  },
  {
    name: 'the newest checkpoint taken away, and none kept elsewhere',
    isKept: false,
    tamper: (files) => withEntries(files, (all) => all.slice(0, -1)),
    want: ['incomplete', 'unsigned-tail B:12 #18'],
  },
  {
    name: 'a checkpoint of another root',
    tamper: (files) => withEntries(files, (all) => all.with(1, (all[1] ?? '').replace(/^(.*\n.*\n)(.)/, anotherRoot))),
    want: ['tampered', 'replaced-checkpoint A:7 #7', 'replaced-checkpoint C:3 #4'],
  },
  {
    name: 'all checkpoints by a foreign key',
    tamper: resigned,
    want: [
      'tampered',
      'replaced-checkpoint A:7 #7',
      'replaced-checkpoint B:2 #11',
      'replaced-checkpoint B:3 #12',
      'replaced-checkpoint B:7 #16',
      'replaced-checkpoint B:11 #20',
      'foreign-key C:3 #9',
      'foreign-key C:9 #21',
    ],
  },
  {
    name: 'records chained anew by somebody without the key',
    tamper: (files) => {
      const [a] = segments(files)
      const chained = rechained(new Map([...files].filter(([name]) => name !== a)), () => 0)
      return new Map([...files, ...chained])
    },
    want: ['tampered', 'mismatch B:4 #13'],
  },
]

t.test('each kind of tampering is told by its name, its file, its line and its record', async (t) => {
  const dir = t.testdir()
  const { files, key } = await smallLog(dir)
  const kept = (await checkpointsOf(dir)).at(-1)
  const [a, b] = segments(files)
  for (const { name, tamper, want, isKept = true } of KINDS) {
    writeFiles(dir, tamper(files, newKey()))
    const found = told(await verify(dir, [key.verifier], isKept ? kept : undefined))
    const short = found.map((line) =>
      line
        .replace(/audit-20261123T1[12]\S*jsonl/, 'A')
        .replace(b, 'B')
        .replace(CHECKPOINTS, 'C'),
    )
    t.same(short, want, name)
  }
  t.match(a, '20261123')
})

t.test('who holds the key can rewrite what nobody else has seen, and only that', async (t) => {
  const dir = t.testdir({ log: {}, rewritten: {} })
  const { key } = await smallLog(join(dir, 'log'))
  const kept = (await checkpointsOf(join(dir, 'log'))).at(-1)
  const rewritten = join(dir, 'rewritten')
  const change = { now: () => NOON + 1 }
  await writeSigned(rewritten, key, 30, change, { records: 4 })
  t.same(told(await verify(rewritten, [key.verifier])), ['consistent'], 'as docs/evidence.md says')
  const found = await verify(rewritten, [key.verifier], kept)
  t.same(
    [found.result, new Set(found.problems.map(({ kind }) => kind))],
    ['tampered', new Set(['mismatch', 'replaced-checkpoint'])],
  )
})

t.test('a checkpoint of another log does not count, though the key is the same', async (t) => {
  const dir = t.testdir()
  const { files, key } = await smallLog(dir)
  const other = signCheckpoint('landline-2', 22, Buffer.alloc(32, 1), key)
  writeFiles(
    dir,
    withEntries(files, (entries) => [...entries, checkpointEntry(other)]),
  )
  t.same(told(await verify(dir, [key.verifier])), ['tampered', `replaced-checkpoint ${CHECKPOINTS}:39 #22`])
  writeFiles(dir, files)
  t.equal((await verify(dir, [key.verifier], other)).result, 'tampered')
})

t.test('checkpoints that stand after longer ones in two places are told as two', async (t) => {
  const dir = t.testdir()
  const { files, key } = await smallLog(dir)
  const again = (entries: string[]) => [...entries.toSpliced(3, 0, entries[1] ?? ''), ...entries.slice(1, 3)]
  writeFiles(dir, withEntries(files, again))
  const { problems } = await verify(dir, [key.verifier])
  t.match(
    problems.map(({ message }) => message),
    [
      'the checkpoint of 4 records stands after one of 8',
      'the checkpoint of 4 records stands after one of 21, and so does 1 behind it',
    ],
  )
})

t.test('a checkpoint alone makes nothing intact, nor a key alone', async (t) => {
  const dir = t.testdir()
  const { key } = await smallLog(dir)
  const checkpoints = await checkpointsOf(dir)
  t.equal((await verify(dir, [key.verifier])).result, 'consistent')
  t.equal((await verify(dir, [], checkpoints.at(-1))).result, 'consistent')
  const early = await verify(dir, [key.verifier], checkpoints[0])
  t.same([early.result, early.basis.outsideSize, early.basis.signedSize], ['intact', 4, 21])
  t.equal((await verify(dir, [newKey().verifier], checkpoints.at(-1))).result, 'tampered')
})

/** Never the character that stands there already. */
function anotherRoot(_: string, before: string, first: string): string {
  return `${before}${first === '/' ? '+' : '/'}`
}
