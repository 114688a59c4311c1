/** Kills, torn ends and power cuts: no acknowledged record is lost, and nothing is repaired in silence. */
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codeOf, denial, NOON, openWith, readLog } from './helpers.ts'
import { storm } from './storm.ts'

const DAY = 86_400_000
/** How far from its end a segment is first looked at (audit/writing/recover.ts). */
const WINDOW_BYTES = 4 * 1024 * 1024

/** `count` records on each day, in order; resolves with the segments' paths. */
async function write(dir: string, count: number, days = 1): Promise<string[]> {
  for (let day = 0; day < days; day++) {
    const { audit } = await openWith(dir, { now: () => NOON + day * DAY })
    for (let n = 0; n < count; n++) await audit.record(denial(n))
    await audit.close()
  }
  return readLog(dir).files.map((name) => join(dir, name))
}

function lines(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

interface Torn {
  readonly name: string
  readonly days?: number
  /** Tears the last segment; `all` are its lines. */
  readonly tear: (path: string, all: readonly string[]) => void
  /** Records that are left, and the bytes that are set aside; null = not to be reported at all. */
  readonly left: number
  readonly aside: ((all: readonly string[]) => string) | null
}
const TORN: readonly Torn[] = [
  {
    name: 'half a line',
    tear: (path) => appendFileSync(path, '{"@timestamp":"2026'),
    left: 3,
    aside: () => '{"@timestamp":"2026',
  },
  {
    name: 'a whole line without its newline',
    tear: (path, all) => writeFileSync(path, all.join('\n')),
    left: 2,
    aside: (all) => all[2] ?? '',
  },
  {
    name: 'a line that is not JSON',
    tear: (path) => appendFileSync(path, 'no json\n'),
    left: 3,
    aside: () => 'no json\n',
  },
  {
    name: 'a line that is no record',
    tear: (path) => appendFileSync(path, '{"event":{"id":1}}\n'),
    left: 3,
    aside: () => '{"event":{"id":1}}\n',
  },
  {
    name: 'a record that is not chained',
    tear: (path, all) => appendFileSync(path, `${all[2]}\n`),
    left: 3,
    aside: (all) => `${all[2]}\n`,
  },
  {
    name: 'blocks that never reached the disk',
    tear: (path) => appendFileSync(path, Buffer.alloc(5000)),
    left: 3,
    aside: () => '\0'.repeat(5000),
  },
  {
    name: 'several bad lines',
    tear: (path) => appendFileSync(path, '\0\n\0\n{}\n\n'),
    left: 3,
    aside: () => '\0\n\0\n{}\n\n',
  },
  {
    name: 'more than one look back takes',
    tear: (path) => appendFileSync(path, 'x'.repeat(5_000_000)),
    left: 3,
    aside: () => 'x'.repeat(5_000_000),
  },
  {
    name: 'a record that is not chained, just where the look back begins',
    tear: (path, all) => appendFileSync(path, `${all[2]}\n${'x'.repeat(WINDOW_BYTES - 1 - (all[2] ?? '').length)}`),
    left: 3,
    aside: (all) => `${all[2]}\n${'x'.repeat(WINDOW_BYTES - 1 - (all[2] ?? '').length)}`,
  },
  {
    name: 'the only line',
    tear: (path, all) => writeFileSync(path, (all[0] ?? '').slice(0, 100)),
    left: 0,
    aside: (all) => (all[0] ?? '').slice(0, 100),
  },
  {
    name: 'the first line of a day',
    days: 2,
    tear: (path, all) => writeFileSync(path, (all[0] ?? '').slice(0, 100)),
    left: 3,
    aside: (all) => (all[0] ?? '').slice(0, 100),
  },
  {
    name: 'a first line of another log',
    days: 2,
    tear: (path, all) => writeFileSync(path, `${all[0]?.replace('"prev":"', '"prev":"x')}\n`),
    left: 3,
    aside: (all) => `${all[0]?.replace('"prev":"', '"prev":"x')}\n`,
  },
  { name: 'an empty new segment', days: 2, tear: (path) => truncateSync(path), left: 3, aside: null },
  { name: 'nothing torn', tear: () => {}, left: 3, aside: null },
]
for (const { name, days = 1, tear, left, aside } of TORN) {
  t.test(`a start finds ${name}`, async (t) => {
    const dir = t.testdir()
    const path = (await write(dir, 3, days)).at(-1) ?? ''
    const all = lines(path)
    tear(path, all)
    const now = NOON + (days - 1) * DAY + 1000
    const { audit, counts } = await openWith(dir, { now: () => now })
    const reference = await audit.record(denial(9))
    await audit.close()
    const { records, faults, files: log } = readLog(dir)
    t.same(faults, [])
    const files = readdirSync(dir).filter((file) => file.startsWith('torn-'))
    t.equal(records.at(-1).event.id, reference)
    t.ok(
      log.every((file) => statSync(join(dir, file)).size > 0),
      'no segment is left without a record',
    )
    t.equal(records.length, left + (aside === null ? 1 : 2))
    if (aside === null) return t.same([files, counts.logged], [[], []])
    const want = aside(all)
    t.same(
      files.map((file) => readFileSync(join(dir, file), 'utf8') === want),
      [true],
      'the very bytes are kept',
    )
    const { event, landline } = records[left]
    t.same([event.action, landline.facts.torn_bytes, landline.facts.set_aside], ['recovered', want.length, files])
    t.match(counts.logged, ['warn audit: recovered'])
  })
}

t.test('a segment cut at any byte loses what is behind the cut, and only that', async (t) => {
  const dir = t.testdir()
  const [path = ''] = await write(dir, 3)
  const whole = readFileSync(path)
  const ends = [...whole.entries()].filter(([, byte]) => byte === 10).map(([index]) => index + 1)
  for (let length = 1; length < whole.length; length += 97) {
    writeFileSync(path, whole.subarray(0, length))
    const { audit } = await openWith(dir)
    await audit.record(denial(9))
    await audit.close()
    const { records, faults, files } = readLog(dir)
    const left = ends.filter((end) => end <= length).length
    if (faults.length > 0 || records.filter(({ event }) => event.action === 'block').length !== left + 1)
      t.fail(`at byte ${length}: ${faults}`)
    for (const name of files) writeFileSync(join(dir, name), '')
  }
  t.ok(readdirSync(dir).filter((name) => name.startsWith('torn-')).length > 20)
})

for (const sync of ['fsync', 'write']) {
  t.test(`kill -9 under load, with sync: ${sync}: every acknowledged record is there, the chain holds`, async (t) => {
    const dir = t.testdir()
    const acknowledged: string[] = []
    for (const count of [1, 150, 777, 33]) {
      const { child, printed, ended } = await storm(dir, sync, count)
      child.kill('SIGKILL')
      await ended
      // A kill can cut the last print short: that caller was not answered.
      acknowledged.push(...printed.filter((line) => line.length === 36))
    }
    const { audit } = await openWith(dir, { now: Date.now })
    await audit.record(denial())
    await audit.close()
    const { records, faults, files } = readLog(dir)
    t.same(faults, [])
    const recorded = new Set(records.map(({ event }) => event.id))
    t.ok(
      acknowledged.length >= 961 && files.length > 1,
      `${acknowledged.length} acknowledged, ${files.length} segments`,
    )
    t.same(
      acknowledged.filter((reference) => !recorded.has(reference)),
      [],
    )
    const recoveries = records.filter(({ event }) => event.action === 'recovered')
    t.equal(recoveries.length, 4, 'each kill is on record')
    t.ok(recoveries.every(({ landline }) => landline.facts.writer_pid > 0))
  })
}

t.test('of two live processes on one folder the second is refused; a killed one leaves it free', async (t) => {
  const dir = t.testdir()
  const first = await storm(dir, 'fsync', 1)
  const error = await openWith(dir).catch((error) => error)
  t.equal(codeOf(error), 'ERR_AUDIT_LOCKED')
  t.match(error.message, `is written by process ${first.child.pid} on `)
  const second = await storm(dir, 'fsync', 1)
  t.match(second.printed, [/^ERR_AUDIT_LOCKED: The audit folder .* is written by process \d+ .*Stop that one/])
  first.child.kill('SIGKILL')
  await first.ended
  const { audit } = await openWith(dir, { now: Date.now })
  await audit.record(denial())
  await audit.close()
  t.same(readLog(dir).faults, [])
})
