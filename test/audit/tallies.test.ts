/** Tallies: rows that add up within bounds, files that a crash, a full disk and a set-back clock leave whole, and what verify says of them. */
import { hash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Audit } from '../../audit/audit.ts'
import { TallyBook } from '../../audit/tallies/book.ts'
import { contentOf } from '../../audit/tallies/content.ts'
import { listTallies, readRows, sealOf } from '../../audit/tallies/file.ts'
import { HOUR_MS, parseRow, rowOf, type TallyRow, writeRow } from '../../audit/tallies/row.ts'
import { FLUSH_MS, openTallies, type Tallies, type TalliesOptions } from '../../audit/tallies/tallies.ts'
import type { Allowed } from '../../rules/events.ts'
import { newKey, openSigned, told, verify } from './evidence-helpers.ts'
import { denial, NOON, REVISION } from './helpers.ts'

const FIRST = 'tally-20261123T120000Z.jsonl'

const ROW: TallyRow = {
  hour: NOON,
  segment: 'wifi',
  medium: 'wireless',
  service: 'zoom',
  rule: 'otherwise',
  mode: 'enforce',
  revision: REVISION,
  asked: { host: 'zoom.us', port: 443, serverName: null, httpHost: null, prefix: null },
  count: 1,
}

function asking(host: string, change: Partial<TallyRow> = {}): TallyRow {
  return { ...ROW, asked: { host, port: 443, serverName: null, httpHost: null, prefix: null }, ...change }
}

t.test('a row says what was asked for, and of the client its segment alone', async (t) => {
  const { verdict } = denial()
  const allowed: Allowed = {
    at: NOON + 59 * 60_000,
    verdict: {
      ...verdict,
      action: 'allow',
      rule: 'otherwise',
      evidence: [{ kind: 'address', value: '3.7.35.9', match: '3.7.35.0/25', service: 'zoom' }],
    },
    revision: REVISION,
    host: 'zoom.us',
    port: 443,
    serverName: 'zoom.us',
    httpHost: null,
  }
  t.same(rowOf(allowed), {
    ...ROW,
    asked: { host: 'zoom.us', port: 443, serverName: null, httpHost: null, prefix: '3.7.35.0/25' },
  })
  t.same(rowOf({ ...allowed, serverName: 'other.zoom.us' }).asked?.serverName, 'other.zoom.us')
  t.notMatch(writeRow(rowOf(allowed)), /10\.20|3\.7\.35\.9/, 'no address, of either side')
})

t.test('a row is read back as it was written', async (t) => {
  const rows: readonly TallyRow[] = [
    ROW,
    { ...ROW, asked: null, count: 17 },
    { ...ROW, asked: { host: null, port: 8801, serverName: 'a.test', httpHost: 'b.test', prefix: '3.7.35.0/25' } },
    asking('ω"\\\u2028.test'),
  ]
  for (const row of rows) t.same(parseRow(writeRow(row).trimEnd()), row)
  const text = writeRow(ROW).trimEnd()
  for (let end = 0; end < text.length; end++) t.equal(parseRow(text.slice(0, end)), null, `cut at ${end}`)
  for (const [from, to] of [
    ['"count":1', '"count":-1'],
    ['"count":1', '"count":1.5'],
    ['"port":443', '"port":null'],
    ['"host":"zoom.us"', '"host":7'],
    ['wireless', 'telepathy'],
    ['enforce', 'ask'],
    ['2026-11-23', 'yesterday'],
  ] as const)
    t.equal(parseRow(text.replace(from, to)), null, to)
})

t.test('a client that asks for a million names makes no million rows, and takes no room from others', async (t) => {
  const book = new TallyBook({ rows: 2000, perGroup: 1000 })
  for (let n = 0; n < 1_000_000; n++) book.add(asking(`h${n}.zoom.us`))
  for (let n = 0; n < 500; n++) book.add(asking(`h${n}.zoom.us`, { segment: 'desks', medium: 'wired' }))
  book.add(asking('h1.zoom.us'))
  const rows = [...book.rows()]
  t.equal(rows.length, 1000 + 1 + 500)
  t.equal(
    rows.reduce((sum, { count }) => sum + count, 0),
    1_000_501,
    'every request is in a row',
  )
  t.same(
    rows.filter(({ asked }) => asked === null),
    [{ ...ROW, asked: null, count: 999_000 }],
  )
  t.equal(rows.find(({ asked, segment }) => segment === 'wifi' && asked?.host === 'h1.zoom.us')?.count, 2)
  t.same([book.requests, book.overflowed, book.lost], [1_000_501, 999_000, 0])
  t.equal(book.take().length, 1501)
  t.same([book.isEmpty, [...book.rows()]], [true, []])
})

t.test('what has no room in any row is counted as lost', async (t) => {
  const book = new TallyBook({ rows: 2, perGroup: 1 })
  for (let n = 0; n < 10; n++) for (const host of ['a.test', 'b.test']) book.add(asking(host, { segment: `s${n}` }))
  const rows = [...book.rows()]
  t.equal(rows.length, 4, 'two of each kind')
  t.equal(rows.reduce((sum, { count }) => sum + count, 0) + book.lost, 20)
  t.equal(book.requests, 20)
})

t.test('a large book is written in pieces, and the seal tells what was written while requests went on', async (t) => {
  const book = new TallyBook()
  for (let n = 0; n < 900; n++) book.add(asking(`h${n}.zoom.us`))
  let pauses = 0
  const { bytes, seal } = await contentOf(FIRST, book.rows(), async () => {
    pauses++
    for (const host of ['h0.zoom.us', 'h899.zoom.us']) book.add(asking(host))
    if (pauses < 3) book.add(asking(`new${pauses}.zoom.us`))
  })
  t.ok(pauses >= 4, `${pauses} pauses`)
  t.same(seal, sealOf(FIRST, bytes), 'as who reads the file would say')
  t.equal(seal.rows, 902)
  t.ok(seal.requests > 902 && seal.requests < book.requests, 'what came too late is in the next file')
  t.same((await contentOf(FIRST, new TallyBook().rows())).seal, sealOf(FIRST, Buffer.alloc(0)), 'nothing')
})

t.test('what is asked for while the file is written is in it the next time', async (t) => {
  const dir = t.testdir()
  const { tallies, clock } = open(dir, {
    write: async (folder, name, content) => {
      if (clock.at === NOON) tallies.add([ROW])
      writeFileSync(join(folder, name), content)
    },
  })
  tallies.add([ROW])
  await tallies.flush()
  t.same(await rowsIn(dir), [ROW])
  clock.at += 1
  await tallies.flush()
  t.same(await rowsIn(dir), [{ ...ROW, count: 2 }])
  await tallies.close()
})

interface Open {
  readonly tallies: Tallies
  readonly records: Record<string, unknown>[]
  readonly counts: { row: number; overflow: number; lost: number; failed: number }
  readonly logged: string[]
  readonly clock: { at: number }
  readonly tick: () => void
}

function open(dir: string, change: Partial<TalliesOptions> = {}, audit: Audit | null = null): Open {
  const records: Record<string, unknown>[] = []
  const counts = { row: 0, overflow: 0, lost: 0, failed: 0 }
  const logged: string[] = []
  const clock = { at: NOON }
  let tick = () => {}
  const tallies = openTallies({
    dir,
    now: () => clock.at,
    record: async (event) => {
      await audit?.record(event)
      records.push({ action: event.action, ...event.facts })
    },
    meter: {
      tallied: (as, requests) => {
        counts[as] += requests
      },
      failed: () => counts.failed++,
    },
    log: (level, message) => logged.push(`${level} ${message}`),
    every: (ms, call) => {
      t.equal(ms, FLUSH_MS)
      tick = call
      return () => {}
    },
    ...change,
  })
  return { tallies, records, counts, logged, clock, tick: () => tick() }
}

function textOf(dir: string, name: string): string {
  return readFileSync(join(dir, name), 'utf8')
}

function filesIn(dir: string): string[] {
  return readdirSync(dir).filter((name) => name.startsWith('tally-'))
}

async function rowsIn(dir: string): Promise<(TallyRow | null)[]> {
  const rows: (TallyRow | null)[] = []
  for (const file of await listTallies(dir)) for await (const row of readRows(file)) rows.push(row)
  return rows
}

t.test('an hour is written again and again, and named with its hash once it is over', async (t) => {
  const dir = t.testdir()
  const { tallies, records, counts, clock, tick } = open(dir)
  await tallies.flush()
  t.same(filesIn(dir), [], 'no file without rows')
  tallies.add([ROW, ROW, asking('a.zoom.us')])
  tick()
  await tallies.flush()
  t.same(await rowsIn(dir), [{ ...ROW, count: 2 }, asking('a.zoom.us')])
  tallies.add([ROW])
  await tallies.flush()
  t.same(
    (await rowsIn(dir)).map((row) => row?.count),
    [3, 1],
    'rows add up',
  )
  t.same(records, [], 'an open file is named by nobody')
  clock.at += HOUR_MS
  tallies.add([asking('late.zoom.us'), { ...ROW, hour: clock.at }])
  await tallies.flush()
  const text = textOf(dir, FIRST)
  t.same(records, [
    { action: 'tally', file: FIRST, rows: 2, requests: 4, size: text.length, sha256: hash('sha256', text) },
  ])
  const second = 'tally-20261123T130000Z.jsonl'
  t.same(
    (await rowsIn(dir)).slice(2),
    [asking('late.zoom.us'), { ...ROW, hour: clock.at }],
    'late rows keep their hour',
  )
  await tallies.close()
  t.match(records[1], { file: second, rows: 2, requests: 2 })
  t.same(filesIn(dir), [FIRST, second])
  t.same(counts, { row: 6, overflow: 0, lost: 0, failed: 0 })
})

t.test('an hour that is over is closed without another request', async (t) => {
  const dir = t.testdir()
  const { tallies, records, clock, tick } = open(dir)
  tallies.add([ROW])
  clock.at += HOUR_MS
  tick()
  await tallies.flush()
  t.match(records, [{ file: FIRST, requests: 1 }])
})

t.test(
  'no file is written twice, also where the clock is set back or the process starts again within the second',
  async (t) => {
    const dir = t.testdir()
    const first = open(dir)
    first.tallies.add([ROW])
    first.clock.at += HOUR_MS
    first.tallies.add([ROW])
    first.clock.at -= HOUR_MS
    first.tallies.add([ROW])
    await first.tallies.close()
    const second = open(dir)
    second.tallies.add([ROW])
    await second.tallies.close()
    t.same(filesIn(dir), [
      FIRST,
      'tally-20261123T120001Z.jsonl',
      'tally-20261123T130000Z.jsonl',
      'tally-20261123T130001Z.jsonl',
    ])
    t.equal((await rowsIn(dir)).length, 4)
  },
)

t.test('what a crash left open is named at the next start', async (t) => {
  const dir = t.testdir()
  const { audit } = await openSigned(dir, newKey())
  const crashed = open(dir, {}, audit)
  crashed.tallies.add([ROW])
  crashed.clock.at += HOUR_MS
  crashed.tallies.add([ROW, ROW])
  await crashed.tallies.flush()
  t.equal(crashed.records.length, 1)
  writeFileSync(join(dir, `${FIRST}.tmp`), 'half')
  const next = open(dir, {}, audit)
  await next.tallies.close()
  t.match(next.records, [{ file: 'tally-20261123T130000Z.jsonl', rows: 1, requests: 2 }])
  t.notOk(filesIn(dir).includes(`${FIRST}.tmp`), 'half a file goes')
  const third = open(dir, {}, audit)
  await third.tallies.close()
  t.same(third.records, [], 'once')
  await audit.close()
  t.same(told(await verify(dir)), ['consistent'])
})

t.test('on a full disk tallies wait, hour by hour, and what goes beyond is told', async (t) => {
  const dir = t.testdir()
  let isFull = true
  const { tallies, records, counts, logged, clock } = open(dir, {
    write: async (folder, name, content) => {
      if (isFull) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      writeFileSync(join(folder, name), content)
    },
  })
  for (let hour = 0; hour < 7; hour++) {
    tallies.add([ROW, ROW])
    await tallies.flush()
    clock.at += HOUR_MS
  }
  t.equal(counts.lost, 4, 'the two oldest of six hours that are over')
  t.same(
    logged.filter((line) => line.startsWith('warn')),
    ['warn tallies: cannot be written'],
    'told once, not at each try',
  )
  isFull = false
  await tallies.flush()
  t.equal(
    (await rowsIn(dir)).reduce((sum, row) => sum + (row?.count ?? 0), 0),
    8,
  )
  t.equal(records.length, 4)
  t.equal(counts.lost, 6, 'and the one that was over last')
  t.same(logged.slice(-1), ['info tallies: written again'])
  t.equal(counts.failed, 7)
  await tallies.close()
})

t.test('a file whose record cannot be written waits for it', async (t) => {
  const dir = t.testdir()
  let isBroken = true
  const named: unknown[] = []
  const { tallies, clock } = open(dir, {
    record: async ({ facts }) => {
      if (isBroken) throw new Error('no record')
      named.push(facts.file)
    },
  })
  tallies.add([ROW])
  clock.at += HOUR_MS
  await tallies.flush()
  clock.at += HOUR_MS
  tallies.add([ROW])
  await tallies.flush()
  t.same(named, [])
  isBroken = false
  await tallies.close()
  t.same(named, [FIRST, 'tally-20261123T140000Z.jsonl'])
})

t.test('verify holds tallies against the records that name them', async (t) => {
  const second = 'tally-20261123T130000Z.jsonl'
  const left = 'tally-20261123T140000Z.jsonl'
  const cases: readonly {
    readonly name: string
    readonly change: (dir: string) => void
    readonly want: readonly string[]
    readonly facts?: Record<string, string>
  }[] = [
    { name: 'as they were written', change: () => {}, want: ['consistent'] },
    {
      name: 'a number changed',
      change: (dir) => writeFileSync(join(dir, FIRST), textOf(dir, FIRST).replace('"count":1', '"count":2')),
      want: ['tampered', `edit ${FIRST}:1 #2`],
    },
    {
      name: 'a row put in',
      change: (dir) => writeFileSync(join(dir, FIRST), textOf(dir, FIRST).repeat(2)),
      want: ['tampered', `edit ${FIRST}:1 #2`],
    },
    {
      name: 'cut',
      change: (dir) => writeFileSync(join(dir, second), textOf(dir, second).slice(0, -10)),
      want: ['tampered', `truncation ${second}:1 #3`],
    },
    {
      name: 'exchanged',
      change: (dir) => {
        const text = textOf(dir, FIRST)
        writeFileSync(join(dir, FIRST), textOf(dir, second))
        writeFileSync(join(dir, second), text)
      },
      want: ['tampered', `edit ${FIRST}:1 #2`, `truncation ${second}:1 #3`],
    },
    { name: 'gone', change: (dir) => rmSync(join(dir, FIRST)), want: ['incomplete', `missing-segment ${FIRST}:1 #2`] },
    {
      name: 'purged',
      change: (dir) => rmSync(join(dir, FIRST)),
      facts: { tallies_through: FIRST },
      want: ['consistent'],
    },
    {
      name: 'gone beyond what was purged',
      change: (dir) => rmSync(join(dir, second)),
      facts: { tallies_through: FIRST },
      want: ['incomplete', `missing-segment ${second}:1 #3`],
    },
    {
      name: 'compressed',
      change: (dir) => {
        writeFileSync(join(dir, `${FIRST}.gz`), gzipSync(textOf(dir, FIRST)))
        rmSync(join(dir, FIRST))
      },
      want: ['consistent'],
    },
    {
      name: 'compressed, and broken',
      change: (dir) => {
        writeFileSync(join(dir, `${FIRST}.gz`), gzipSync(textOf(dir, FIRST)).subarray(0, 20))
        rmSync(join(dir, FIRST))
      },
      want: ['tampered', `mismatch ${FIRST}.gz:1 #2`],
    },
    {
      name: 'renamed',
      change: (dir) => renameSync(join(dir, FIRST), join(dir, 'tally-20261123T120005Z.jsonl')),
      want: ['incomplete', `missing-segment ${FIRST}:1 #2`, 'unsigned-tail tally-20261123T120005Z.jsonl:1 #null'],
    },
    {
      name: 'closed twice, with other content',
      change: () => {},
      facts: { again: FIRST },
      want: ['tampered', 'edit audit-20261123T120000Z-000000000001.jsonl:4 #4'],
    },
    {
      name: 'left open, long ago',
      change: (dir) => writeFileSync(join(dir, left), writeRow(ROW)),
      want: ['incomplete', `unsigned-tail ${left}:1 #null`],
    },
  ]
  for (const { name, change, facts, want } of cases) {
    await t.test(name, async (t) => {
      const dir = t.testdir()
      const { audit } = await openSigned(dir, newKey())
      await audit.record(denial())
      const { tallies, clock } = open(dir, {}, audit)
      tallies.add([ROW])
      clock.at += HOUR_MS
      tallies.add([ROW, asking('a.zoom.us')])
      await tallies.close()
      if (facts?.again !== undefined) {
        const again = { file: facts.again, rows: 1, requests: 1, size: 1, sha256: 'ff' }
        await audit.record({ action: 'tally', outcome: 'success', reason: 'again', policy: null, facts: again })
      } else if (facts !== undefined)
        await audit.record({ action: 'purge', outcome: 'success', reason: 'a purge', policy: null, facts })
      await audit.close()
      change(dir)
      t.same(told(await verify(dir)), want)
    })
  }
  await t.test('one that is still open is no fault, and is named', async (t) => {
    const dir = t.testdir()
    const { audit } = await openSigned(dir, newKey())
    await audit.record(denial())
    await audit.close()
    writeFileSync(join(dir, FIRST), writeRow(ROW))
    const found = await verify(dir, [], undefined, NOON + HOUR_MS)
    t.same(told(found), ['consistent'])
    t.match(found.basis, { tallies: 0, openTallies: [FIRST] })
  })
})
