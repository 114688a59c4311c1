/** Break-glass on a running proxy, by a clock of the test's own: begun on the record, ended by time or by somebody, kept over restarts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock } from 'node:test'
import t from 'tap'
import { type Begin, BreakglassBook } from '../../cli/breakglass-book.ts'
import { type Breakglass, type BreakglassStore, breakglassStore } from '../../cli/breakglass-store.ts'
import { onDisk } from '../../cli/breakglass-wiring.ts'
import { decide } from '../../rules/decide.ts'
import type { SystemEvent } from '../../rules/events.ts'
import { FaultyDisk, openWith, systemEvent } from '../audit/helpers.ts'
import { compiled } from '../compiled.ts'
import { waitFor } from '../e2e/landline.ts'
import { prefix } from '../rules/small-rules.ts'

const START = Date.parse('2026-12-02T10:00:00Z')
const HOUR = 3_600_000
const ID = 'breakglass-20261202T100000Z'
const RULES = `version: 1
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [10.20.0.0/16] } }
rules: [{ id: zoom-off, service: zoom, action: block }, { id: teams-off, service: microsoft-teams, action: block }]
`

interface World {
  readonly store?: BreakglassStore
  readonly at?: number
}

function world({ store, at = START }: World = {}) {
  const clock = { now: at, elapsed: 5 }
  const state = {
    policy: compiled(RULES),
    fails: false,
    kept: [] as readonly Breakglass[],
    active: -1,
    tries: 0,
    hold: null as Promise<void> | null,
  }
  const told: string[] = []
  const records: SystemEvent[] = []
  const log: string[] = []
  const keep = (fields: object, message: string) => log.push(`${message} ${JSON.stringify(fields)}`)
  const book = new BreakglassBook({
    policy: () => state.policy,
    apply: async (lifts) => void told.push(`apply ${lifts.map(({ id }) => id).join()}`),
    async record(event) {
      state.tries++
      await state.hold
      if (state.fails) throw new Error('the disk is full')
      told.push(`record ${event.action}`)
      records.push(event)
    },
    metric(active) {
      state.active = active
    },
    store: store ?? {
      read: async () => state.kept,
      async write(lifts) {
        state.kept = lifts
      },
    },
    log: { info: keep, warn: keep, error: keep },
    now: () => clock.now,
    elapsed: () => clock.elapsed,
  })
  /** Both clocks go on. */
  const pass = (ms: number) => {
    clock.now += ms
    clock.elapsed += ms
    return book.look()
  }
  const zoom = () => {
    const source = prefix('10.20.0.7/32').base
    const asked = { source, at: clock.now, host: 'zoom.us', address: null, port: 443, serverName: null, httpHost: null }
    const { action, exception } = decide(book.policy, asked)
    return exception === null ? action : `${action} ${exception}`
  }
  return { book, clock, state, told, records, log, pass, zoom }
}

const asked = (changes: Partial<Begin> = {}): Begin => ({
  rules: ['zoom-off'],
  until: START + HOUR,
  ticket: 'CHG-1',
  by: 'head of IT',
  user: 'anna',
  ...changes,
})

t.test('it is recorded, then in force, and ends by itself to the second', async (t) => {
  const { book, told, records, state, pass, zoom, clock } = world()
  t.equal(zoom(), 'block')
  t.strictSame(await book.begin(asked()), { ...asked(), id: ID, began: START })
  t.strictSame(told.splice(0), ['record breakglass', `apply ${ID}`])
  t.equal(state.active, 1)
  t.equal(zoom(), `except ${ID}`)
  await pass(HOUR - 1)
  t.equal(zoom(), `except ${ID}`)
  clock.now += 1
  t.equal(zoom(), 'block', 'by the clock, before anybody has looked')
  await book.look()
  t.strictSame(told, ['apply ', 'record breakglass-ended'])
  t.equal(state.active, 0)
  t.strictSame(state.kept, [])
  const rules = ['zoom-off']
  const times = { began: '2026-12-02T10:00:00.000Z', until: '2026-12-02T11:00:00.000Z' }
  t.match(records, [
    {
      action: 'breakglass',
      outcome: 'success',
      policy: { revision: state.policy.revision },
      facts: { breakglass: ID, rules, ...times, ticket: 'CHG-1', by: 'head of IT', user: 'anna', resumed: false },
    },
    { action: 'breakglass-ended', facts: { breakglass: ID, rules, ...times, ended: times.until, by: 'time' } },
  ])
  await book.stop()
})

t.test('it can be ended early, one or another', async (t) => {
  const { book, records, zoom, pass } = world()
  const first = await book.begin(asked())
  const second = await book.begin(asked({ rules: ['all'] }))
  t.equal(second.id, `${ID}-2`, 'two in one second')
  await pass(60_000)
  t.equal((await book.end(first.id, 'otto'))?.id, first.id)
  t.equal(zoom(), `except ${ID}-2`)
  t.equal(await book.end(first.id, 'otto'), null)
  await book.end(second.id, 'otto')
  t.equal(zoom(), 'block')
  t.match(records.slice(-2), [
    { action: 'breakglass-ended', facts: { breakglass: ID, by: 'otto', ended: '2026-12-02T10:01:00.000Z' } },
    { action: 'breakglass-ended', facts: { breakglass: `${ID}-2`, by: 'otto' } },
  ])
  await book.stop()
})

const refused: readonly (readonly [name: string, changes: Partial<Begin>, kind: string, want: RegExp])[] = [
  ['an unknown rule', { rules: ['zoom'] }, 'asked', /no rule "zoom"; .*what blocks is zoom-off, teams-off$/],
  ['what is over', { until: START }, 'asked', /2026-12-02T10:00:00.000Z is over/],
  ['more than a day', { until: START + 24 * HOUR + 1 }, 'asked', /more than 24 hours/],
]

t.test('what is not begun changes nothing', async (t) => {
  const { book, told, state } = world()
  for (const [name, changes, kind, want] of refused)
    await t.rejects(book.begin(asked(changes)), { name: 'BreakglassRefused', kind, message: want }, name)
  state.fails = true
  await t.rejects(book.begin(asked()), { kind: 'state', message: /cannot be recorded, so it is not begun/ })
  t.strictSame(told, [])
  t.strictSame(book.active, [])
  state.fails = false
  for (let n = 0; n < 20; n++) await book.begin(asked({ until: START + 24 * HOUR }))
  await t.rejects(book.begin(asked()), { kind: 'state', message: /20 are active already/ })
  await book.stop()
})

t.test('it ends although the end cannot be recorded, and the record follows', async (t) => {
  const { book, state, records, pass, zoom, log } = world()
  await book.begin(asked())
  state.fails = true
  await pass(HOUR)
  t.equal(zoom(), 'block')
  t.strictSame(book.active, [])
  t.match(log.join('\n'), /recording the end of break-glass: not now, it is tried again/)
  state.fails = false
  await waitFor('the record of the end', () => records.length >= 2)
  t.match(records[1], { action: 'breakglass-ended', facts: { ended: '2026-12-02T11:00:00.000Z' } })
  await book.stop()
})

for (const isUnderWay of [false, true]) {
  t.test(
    `an end whose ${isUnderWay ? 'first try is under way' : 'record has failed'} is tried no more after the stop`,
    async (t) => {
      const { book, state, log, pass } = world()
      await book.begin(asked())
      state.fails = true
      const { promise, resolve } = Promise.withResolvers<void>()
      if (isUnderWay) state.hold = promise
      mock.timers.enable({ apis: ['setTimeout'] })
      t.teardown(() => mock.timers.reset())
      await pass(HOUR)
      await book.stop()
      resolve()
      await new Promise((resolve) => setImmediate(resolve))
      t.match(log.at(-1), /recording the end of break-glass: not now/)
      mock.timers.tick(HOUR)
      t.equal(state.tries, 2, 'its beginning, and its end once')
    },
  )
}

t.test('after the stop nothing ends any more, not even what was begun meanwhile', async (t) => {
  const { book, clock, state, records } = world()
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  await book.begin(asked())
  const { promise, resolve } = Promise.withResolvers<void>()
  state.hold = promise
  const second = book.begin(asked({ rules: ['all'] }))
  await new Promise((resolve) => setImmediate(resolve))
  const stopped = book.stop()
  clock.now += 2 * HOUR
  mock.timers.tick(1000)
  resolve()
  await Promise.all([second, stopped])
  mock.timers.tick(1000)
  await new Promise((resolve) => setImmediate(resolve))
  t.match(records, [{ action: 'breakglass' }, { action: 'breakglass' }])
  t.equal(records.length, 2)
})

t.test('a clock that is set back makes it no longer', async (t) => {
  const { book, clock, pass, zoom } = world()
  await book.begin(asked())
  await pass(HOUR / 2)
  clock.now -= 10 * HOUR
  await pass(HOUR / 2 - 1)
  t.equal(zoom(), `except ${ID}`)
  await pass(1)
  t.equal(zoom(), 'block')
  await book.stop()
})

t.test('rules that change under it: it lifts what is there then', async (t) => {
  const { book, state, zoom } = world()
  await book.begin(asked())
  state.policy = compiled(RULES.replace('name', 'named').replace('zoom-off', 'zoom-banned'))
  t.equal(zoom(), 'block', 'a rule of another name is another rule')
  state.policy = compiled(RULES.replace('action: block }]', 'action: log }]'))
  t.equal(zoom(), `except ${ID}`)
  t.equal(book.policy, book.policy, 'made once for each change')
  await book.stop()
})

function scratch(t: { teardown(work: () => unknown): unknown }): string {
  const dir = mkdtempSync(join(tmpdir(), 'landline-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

t.test('a restart goes on with what has time left, and records what has not', async (t) => {
  const dir = scratch(t)
  const before = world({ store: breakglassStore(dir) })
  await before.book.begin(asked({ ticket: 'CHG-"ü"' }))
  before.clock.now += 1000
  await before.book.begin(asked({ until: START + 2 * HOUR, rules: ['all'] }))
  await before.book.stop()

  const after = world({ store: breakglassStore(dir), at: START + HOUR })
  await after.book.resume()
  t.equal(after.zoom(), 'except breakglass-20261202T100001Z')
  t.match(
    after.records.toSorted((x, y) => (x.action < y.action ? -1 : 1)),
    [
      { action: 'breakglass', facts: { breakglass: 'breakglass-20261202T100001Z', user: 'anna', resumed: true } },
      {
        action: 'breakglass-ended',
        facts: {
          breakglass: ID,
          ticket: 'CHG-"ü"',
          by: 'time, while Landline did not run',
          ended: '2026-12-02T11:00:00.000Z',
        },
      },
    ],
  )
  await after.book.stop()

  const unrecorded = world({ store: breakglassStore(dir), at: START + HOUR })
  unrecorded.state.fails = true
  await unrecorded.book.resume()
  t.equal(unrecorded.zoom(), 'block', 'what cannot be recorded does not go on')
  await unrecorded.book.stop()
})

t.test('what ended while nothing ran ended at its time, and is told once', async (t) => {
  const dir = scratch(t)
  const before = world({ store: breakglassStore(dir) })
  await before.book.begin(asked())
  await before.book.stop()
  for (const [times, wanted] of [
    [1, [{ action: 'breakglass-ended', facts: { breakglass: ID, ended: '2026-12-02T11:00:00.000Z' } }]],
    [2, []],
  ] as const) {
    const after = world({ store: breakglassStore(dir), at: START + (2 + times) * HOUR })
    await after.book.resume()
    t.match([after.records.length, after.records], [wanted.length, wanted])
    t.equal(after.zoom(), 'block')
    await after.book.stop()
  }
})

t.test('what was kept is believed only as it was written', async (t) => {
  const dir = scratch(t)
  const file = join(dir, 'breakglass.json')
  const { book } = world({ store: breakglassStore(dir) })
  await book.begin(asked())
  await book.stop()
  const good = readFileSync(file, 'utf8')
  const [kept] = JSON.parse(good)
  const bad: readonly (readonly [name: string, text: string])[] = [
    ['half of it', good.slice(0, 40)],
    ['no list', '{}'],
    ['a day and more', JSON.stringify([{ ...kept, until: kept.began + 24 * HOUR + 1 }])],
    ['another name', JSON.stringify([{ ...kept, id: 'g7-prep' }])],
    ['no rules', JSON.stringify([{ ...kept, rules: [] }])],
    ['a field more', JSON.stringify([{ ...kept, from: 'x' }])],
    ['too many', JSON.stringify(Array(21).fill(kept))],
  ]
  for (const [name, text] of bad) {
    writeFileSync(file, text)
    const { book, zoom, log } = world({ store: breakglassStore(dir) })
    await book.resume()
    t.equal(zoom(), 'block', name)
    t.match(log.join(), 'cannot be read back', name)
    await book.stop()
  }
  writeFileSync(file, good)
  const { book: again, zoom } = world({ store: breakglassStore(dir) })
  await again.resume()
  t.equal(zoom(), `except ${ID}`)
  await again.stop()
})

t.test('nothing kept, nothing resumed, nothing told', async (t) => {
  const { book, told } = world({ store: breakglassStore(scratch(t)) })
  await book.resume()
  t.strictSame(told, [])
  await book.stop()
})

t.test('where records may wait in memory, break-glass waits for the disk', async (t) => {
  const dir = scratch(t)
  const disk = new FaultyDisk()
  const { audit } = await openWith(dir, { onFailure: 'continue', disk })
  t.teardown(() => audit.close())
  const record = onDisk(audit)
  const event = systemEvent('breakglass')
  await record(event)
  disk.faults.set('write', 'ENOSPC')
  await t.rejects(record(event), /may not be written yet/)
  await t.rejects(record(event), /cannot be written now/)
  disk.faults.clear()
  await waitFor('records to be written again', () => audit.healthy())
  await record(event)
})
