/** Break-glass on a running proxy, by a clock of the test's own: begun on the record, ended by time or by somebody, kept over restarts. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock } from 'node:test'
import t from 'tap'
import type { Begin } from '../../cli/serve/breakglass-asked.ts'
import { BreakglassBook } from '../../cli/serve/breakglass-book.ts'
import { type BreakglassStore, breakglassStore, type Kept } from '../../cli/serve/breakglass-store.ts'
import { onDisk } from '../../cli/serve/breakglass-wiring.ts'
import { isBreakglassId } from '../../rules/breakglass.ts'
import { decide } from '../../rules/decide.ts'
import type { SystemEvent } from '../../rules/events.ts'
import { FaultyDisk, openWith, systemEvent } from '../audit/helpers.ts'
import { compiled } from '../compiled.ts'
import { waitFor } from '../e2e/landline.ts'
import { prefix } from '../rules/small-rules.ts'

const START = Date.parse('2026-12-02T10:00:00Z')
const HOUR = 3_600_000
const ID = 'breakglass-20261202T100000Z-000'
const RULES = `version: 1
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [10.20.0.0/16] } }
rules: [{ id: zoom-off, service: zoom, action: block }, { id: teams-off, service: microsoft-teams, action: block }]
`

interface World {
  readonly store?: BreakglassStore
  readonly apply?: () => Promise<void>
  readonly at?: number
}

function world({ store, apply = async () => {}, at = START }: World = {}) {
  const clock = { now: at, elapsed: 5 }
  const state = {
    policy: compiled(RULES),
    fails: false,
    kept: [] as readonly Kept[],
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
    apply(lifts) {
      told.push(`apply ${lifts.map(({ id }) => id).join()}`)
      return apply()
    },
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
      read: async () => ({ kept: state.kept, damage: null }),
      async write(kept) {
        state.kept = kept
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
  await book.stop()
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
})

t.test('it can be ended early, one or another', async (t) => {
  const { book, records, zoom, pass } = world()
  const first = await book.begin(asked())
  const second = await book.begin(asked({ rules: ['all'] }))
  t.equal(second.id, 'breakglass-20261202T100000Z-001', 'two at once')
  await pass(60_000)
  t.strictSame(await book.end(first.id, 'otto'), [first])
  t.equal(zoom(), `except ${second.id}`)
  t.strictSame(await book.end(first.id, 'otto'), [])
  await book.end(second.id, 'otto')
  t.equal(zoom(), 'block')
  t.match(records.slice(-2), [
    { action: 'breakglass-ended', facts: { breakglass: ID, by: 'otto', ended: '2026-12-02T10:01:00.000Z' } },
    { action: 'breakglass-ended', facts: { breakglass: second.id, by: 'otto' } },
  ])
  await book.stop()
})

const refused: readonly (readonly [name: string, changes: Partial<Begin>, kind: string, want: RegExp])[] = [
  ['an unknown rule', { rules: ['zoom'] }, 'asked', /no rule "zoom"; .*what blocks is zoom-off, teams-off$/],
  ['what is over', { until: START }, 'asked', /2026-12-02T10:00:00.000Z is over/],
  ['more than a day', { until: START + 24 * HOUR + 1 }, 'asked', /more than 24 hours/],
]

t.test('what is not begun changes nothing', async (t) => {
  const { book, told, records, state } = world()
  for (const [name, changes, kind, want] of refused)
    await t.rejects(book.begin(asked(changes)), { name: 'BreakglassRefused', kind, message: want }, name)
  state.fails = true
  await t.rejects(book.begin(asked()), { kind: 'state', message: /cannot be recorded or kept, so it is not begun/ })
  t.strictSame(told, [])
  t.strictSame(book.active, [])
  state.fails = false
  await waitFor('the end of what was not begun', () => records.length === 1)
  t.match(records[0], { action: 'breakglass-ended', facts: { by: /^nobody: it could not be recorded/ } })
  for (let n = 0; n < 20; n++) await book.begin(asked({ until: START + 24 * HOUR }))
  await t.rejects(book.begin(asked()), { kind: 'state', message: /20 are active/ })
  await book.stop()
})

t.test('it ends although the end cannot be recorded, and the record follows', async (t) => {
  const { book, state, records, pass, zoom, log } = world()
  await book.begin(asked())
  state.fails = true
  await pass(HOUR)
  t.equal(zoom(), 'block')
  t.strictSame(book.active, [])
  await waitFor('the log', () => /recording the end of break-glass: not now, it is tried again/.test(log.join()))
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
      await settled()
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
  t.equal(after.zoom(), 'except breakglass-20261202T100001Z-000')
  t.match(
    after.records.toSorted((x, y) => (x.action < y.action ? -1 : 1)),
    [
      { action: 'breakglass', facts: { breakglass: 'breakglass-20261202T100001Z-000', user: 'anna', resumed: true } },
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

  const recorded = world({ store: breakglassStore(dir), at: START + HOUR + 1 })
  await recorded.book.resume()
  t.equal(recorded.zoom(), 'block', 'nor later')
  t.match(recorded.records, [{ action: 'breakglass-ended', facts: { by: /^a start that could not record/ } }])
  await recorded.book.stop()
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

t.test('what cannot be read back is over on record, set aside, and told once', async (t) => {
  const dir = scratch(t)
  const before = world({ store: breakglassStore(dir) })
  await before.book.begin(asked())
  const { id } = await before.book.begin(asked())
  await before.book.stop()
  const whole = readFileSync(join(dir, 'breakglass.json'), 'utf8')
  for (const [text, ids] of [
    [whole.slice(0, -5), [ID, id]],
    [whole.slice(0, whole.indexOf(id) + 5), [ID]],
    ['', [null]],
  ] as const) {
    writeFileSync(join(dir, 'breakglass.json'), text)
    const { book, records, log } = world({ store: breakglassStore(dir) })
    await book.resume()
    const aside = 'breakglass-damaged-20261202T100000000Z.json'
    const ended = { ended: '2026-12-02T10:00:00.000Z', by: 'a start that could not read it back', set_aside: aside }
    t.strictSame(
      records.map(({ action, outcome, facts }) => ({ action, outcome, facts })),
      ids.map((breakglass) => ({ action: 'breakglass-ended', outcome: 'failure', facts: { breakglass, ...ended } })),
    )
    t.equal(log.length, 1)
    await book.stop()
    t.strictSame(readdirSync(dir), [aside])
    t.equal(readFileSync(join(dir, aside), 'utf8'), text)

    const next = world({ store: breakglassStore(dir) })
    await next.book.resume()
    t.strictSame([next.records, next.log], [[], []])
    await next.book.stop()
  }
})

t.test('nothing kept, nothing resumed, nothing told', async (t) => {
  const { book, told } = world({ store: breakglassStore(scratch(t)) })
  await book.resume()
  t.strictSame(told, [])
  await book.stop()
})

/** As a disk that takes no new file; the function that it returns mends it. */
function breakDisk(dir: string): () => void {
  const inTheWay = join(dir, 'breakglass.json.tmp')
  mkdirSync(inTheWay)
  return () => rmdirSync(inTheWay)
}

function keptIn(dir: string): readonly string[] {
  const file = join(dir, 'breakglass.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as readonly Kept[]).map(({ id }) => id) : []
}

t.test('an end is an end, also where it could not be written', async (t) => {
  const dir = scratch(t)
  const { book, zoom } = world({ store: breakglassStore(dir) })
  const first = await book.begin(asked())
  const second = await book.begin(asked({ until: START + 2 * HOUR }))
  t.strictSame(keptIn(dir), [first.id, second.id])
  const mend = breakDisk(dir)
  await book.end(first.id, 'otto')
  t.strictSame(keptIn(dir), [], 'removed, where it cannot be replaced')
  const crashed = world({ store: breakglassStore(dir) })
  await crashed.book.resume()
  t.equal(crashed.zoom(), 'block')
  await crashed.book.stop()
  t.equal(zoom(), `except ${second.id}`)
  mend()
  await waitFor('the other to be kept again', () => keptIn(dir).length > 0)
  await book.stop()
  t.strictSame(keptIn(dir), [second.id])
})

t.test('what cannot be kept does not begin, and takes nothing else out of the file', async (t) => {
  const dir = scratch(t)
  const { book, zoom, records } = world({ store: breakglassStore(dir) })
  await book.begin(asked())
  t.strictSame(keptIn(dir), [ID], 'by the time that it is answered')
  t.teardown(breakDisk(dir))
  await t.rejects(book.begin(asked({ rules: ['all'] })), { kind: 'state', message: /cannot be recorded or kept/ })
  t.equal(zoom(), `except ${ID}`)
  t.strictSame(keptIn(dir), [ID])
  t.match(records.at(-1), { action: 'breakglass-ended', facts: { rules: ['all'], by: /^nobody/ } })
  await book.end('all', 'otto')
  await book.stop()
  t.strictSame(keptIn(dir), [], 'nor is what may have been written half forgotten')
})

/** A store that writes only while `works` is true, and hangs while `hangs` is set. */
function badStore() {
  const bad = { works: true, hangs: null as Promise<void> | null, writes: [] as number[] }
  const store: BreakglassStore = {
    read: async () => ({ kept: [], damage: null }),
    async write(kept) {
      bad.writes.push(kept.length)
      await bad.hangs
      if (!bad.works) throw new Error('the disk is full')
    },
  }
  return { bad, store }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

t.test('what could not be kept is tried again each second, and once more at the stop', async (t) => {
  const { bad, store } = badStore()
  const { book, log } = world({ store })
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  await book.begin(asked())
  bad.works = false
  await book.end('all', 'otto')
  await settled()
  const { length } = bad.writes
  mock.timers.tick(999)
  t.equal(bad.writes.length, length)
  mock.timers.tick(1)
  await settled()
  t.equal(bad.writes.length, length + 1)
  bad.works = true
  await book.stop()
  t.equal(bad.writes.length, length + 2)
  t.match(log.at(-1), /keeping what is lifted: done after all/)
  mock.timers.tick(HOUR)
  t.equal(bad.writes.length, length + 2)
})

t.test('a disk that hangs keeps nothing in force, and a stop waits for it a little', async (t) => {
  const { bad, store } = badStore()
  const { book, zoom, told, log, state } = world({ store })
  const begun = [await book.begin(asked()), await book.begin(asked())]
  const { promise, resolve } = Promise.withResolvers<void>()
  bad.hangs = promise
  bad.writes = []
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const ended = book.end('all', 'otto')
  t.equal(zoom(), 'block', 'at once')
  t.equal(state.active, 0)
  t.equal(told.filter((what) => what === 'apply ').length, 1, 'all in one go')
  await settled()
  mock.timers.tick(4000)
  t.strictSame(await ended, begun)
  t.match(log.at(-1), /does not take its end/)
  const stopped = book.stop()
  mock.timers.tick(4000)
  await stopped
  t.match(log.at(-1), /does not take its end/)
  t.strictSame(bad.writes, [2], 'one at a time')
  resolve()
  await settled()
  t.strictSame(bad.writes, [2, 0], 'the latest alone')
})

t.test('what the disk does not take in time does not begin', async (t) => {
  const { bad, store } = badStore()
  const { book, zoom } = world({ store })
  const { promise, resolve } = Promise.withResolvers<void>()
  bad.hangs = promise
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const begun = t.rejects(book.begin(asked()), { kind: 'state', message: /recorded or kept/ })
  await settled()
  mock.timers.tick(4000)
  await begun
  resolve()
  await settled()
  t.equal(zoom(), 'block')
  await book.stop()
})

t.test('an end waits for nothing that begins, and ends that too', async (t) => {
  const { book, zoom, state, records } = world()
  const first = await book.begin(asked())
  const { promise, resolve } = Promise.withResolvers<void>()
  state.hold = promise
  const second = book.begin(asked({ ticket: 'CHG-2' }))
  const ended = await book.end('all', 'otto')
  t.equal(zoom(), 'block')
  t.match(ended, [{ id: first.id }, { ticket: 'CHG-2' }])
  resolve()
  await t.rejects(second, { kind: 'state', message: /was ended before it was in force/ })
  t.strictSame(book.active, [])
  t.match(
    records.map(({ action, facts: { ticket, by } }) => `${action} ${ticket} ${by}`),
    [
      'breakglass CHG-1 head of IT',
      'breakglass CHG-2 head of IT',
      'breakglass-ended CHG-1 otto',
      'breakglass-ended CHG-2 otto',
    ],
  )
  await book.stop()
})

t.test('it is kept before it is in force, so that a crash at any time leaves its end on record', async (t) => {
  const { book, state } = world()
  const { promise, resolve } = Promise.withResolvers<void>()
  state.hold = promise
  const begun = book.begin(asked())
  await settled()
  const whileBeginning = state.kept
  resolve()
  await begun
  await settled()
  const whileInForce = state.kept
  await book.stop()
  for (const [kept, at, want, facts] of [
    [whileBeginning, START + 1000, 'block', { by: 'a stop while it began', ended: '2026-12-02T10:00:01.000Z' }],
    [whileInForce, START + 1000, `except ${ID}`, { resumed: true }],
    [whileInForce, START + HOUR, 'block', { by: 'time, while Landline did not run' }],
  ] as const) {
    const after = world({ at })
    after.state.kept = kept
    await after.book.resume()
    t.equal(after.zoom(), want)
    t.match(after.records, [{ facts: { breakglass: ID, ticket: 'CHG-1', ...facts } }])
    await after.book.stop()
  }
})

t.test('a thread that hangs does not keep it from the file', async (t) => {
  const { state, ...parts } = world({ apply: () => new Promise(() => {}) })
  void parts.book.begin(asked())
  await settled()
  t.match(state.kept, [{ id: ID, begun: true, ended: null }])
  await parts.book.stop()
})

t.test('an end that is not on record yet is recorded after a restart, with its time', async (t) => {
  const dir = scratch(t)
  const before = world({ store: breakglassStore(dir) })
  await before.book.begin(asked())
  before.state.fails = true
  before.clock.now += 60_000
  await before.book.end('all', 'otto')
  await before.book.stop()
  const after = world({ store: breakglassStore(dir), at: START + HOUR / 2 })
  await after.book.resume()
  t.equal(after.zoom(), 'block')
  t.match(after.records, [
    { action: 'breakglass-ended', facts: { breakglass: ID, ended: '2026-12-02T10:01:00.000Z', by: 'otto' } },
  ])
  await after.book.stop()
  t.strictSame(keptIn(dir), [])
})

for (const [name, ahead, want] of [
  ['by a clock that was ahead is over', 60_001, 'block'],
  ['within a minute of a clock that was set back goes on', 60_000, 'except'],
] as const) {
  t.test(`what began ${name}`, async (t) => {
    const dir = scratch(t)
    const before = world({ store: breakglassStore(dir), at: START + ahead })
    await before.book.begin(asked({ until: START + ahead + 24 * HOUR }))
    await before.book.stop()
    const { book, zoom, records } = world({ store: breakglassStore(dir) })
    await book.resume()
    t.match(zoom(), want)
    const ended = { action: 'breakglass-ended', facts: { by: /a clock was wrong/, ended: '2026-12-02T10:00:00.000Z' } }
    t.match(records, [want === 'block' ? ended : { action: 'breakglass' }])
    await book.stop()
  })
}

t.test('no id is given twice, within a second or by a clock that is set back', async (t) => {
  const { book, clock } = world()
  const given: string[] = []
  for (const step of [0, 0, 250, -HOUR]) {
    clock.now += step
    given.push((await book.begin(asked())).id)
    await book.end('all', 'otto')
  }
  await book.stop()
  const restarted = world({ at: START + 700 })
  given.push((await restarted.book.begin(asked())).id)
  await restarted.book.stop()
  t.strictSame(
    given.map((id) => id.slice(-4)),
    ['-000', '-001', '-250', '-251', '-700'],
  )
  t.ok(given.every((id) => isBreakglassId(id) && id.startsWith(ID.slice(0, -3))))
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
