/** What the clock brings: to the second, recorded once, with a warning seven days ahead, and tunnels judged again. */
import t from 'tap'
import { TimeWatch } from '../../cli/serve/time-watch.ts'
import { timeState } from '../../rules/clock.ts'
import type { SystemEvent } from '../../rules/events.ts'
import { compiled } from '../compiled.ts'

const DAY = 24 * 60 * 60 * 1000
const at = (text: string) => Date.parse(text)
const exception = (id: string, starts: string | null, expires: string) =>
  `  - { id: ${id}, rule: office, segment: desks, ${starts === null ? '' : `starts: ${starts}, `}expires: ${expires}, reason: r, ticket: CHG-${id}, approver: a }\n`
const RULES = `version: 1
name: timed
unknown_clients: classify
segments: { desks: { medium: wired, prefixes: [10.0.0.0/8] } }
rules:
  - { id: office, service: zoom, action: block, during: { days: mon-fri, hours: 08:00-18:00, zone: Europe/Berlin } }
  - { id: night, service: webex, action: block, during: { days: mon-sun, hours: 22:00-06:00, zone: UTC } }
exceptions:
`
const CRISIS = exception('crisis', '2026-11-24T09:00:00Z', '2026-12-10T09:30:15Z')

function watched(yaml: string, start: string) {
  let policy = compiled(yaml, { now: at('2026-11-20T00:00:00Z') })
  let now = at(start)
  const events: SystemEvent[] = []
  const warnings: object[] = []
  let turns = 0
  const watch = new TimeWatch({
    policy: () => policy,
    now: () => now,
    record: async (event) => events.push(event),
    turned: () => {
      turns += 1
    },
    log: { warn: (fields) => warnings.push(fields) },
  })
  return {
    events,
    warnings,
    turns: () => turns,
    use: (text: string) => {
      policy = compiled(text, { now: at('2026-11-20T00:00:00Z') })
    },
    /** Looks as of then; what that brought. */
    look(when: number | string) {
      now = typeof when === 'number' ? when : at(when)
      const [hadEvents, hadTurns] = [events.length, turns]
      watch.look()
      return [events.slice(hadEvents).map(({ action, facts }) => `${action} ${facts.exception}`), turns - hadTurns]
    },
  }
}

t.test('exceptions and hours begin and end to the second, and each is told once', async (t) => {
  const it = watched(RULES + CRISIS, '2026-11-24T06:30:00Z')
  const rows: [when: string, events: string[], turns: number][] = [
    ['2026-11-24T06:59:59.999Z', [], 0],
    ['2026-11-24T07:00:00Z', [], 1], // 08:00 in Berlin
    ['2026-11-24T08:59:59Z', [], 0],
    ['2026-11-24T09:00:00Z', ['exception-started crisis'], 1],
    ['2026-11-24T09:00:01Z', [], 0],
    ['2026-11-24T17:00:00Z', [], 1],
    ['2026-11-24T22:00:00Z', [], 1],
    ['2026-11-25T06:00:00Z', [], 1],
    ['2026-12-10T09:30:14.999Z', [], 1], // some hours went by: one judgement is enough
    ['2026-12-10T09:30:15Z', ['exception-expired crisis'], 1],
    ['2026-12-10T09:30:14Z', [], 0], // a clock set back tells nothing twice
    ['2026-12-10T09:30:16Z', [], 0],
  ]
  for (const [when, events, turns] of rows) t.same(it.look(when), [events, turns], when)
  t.match(it.events, [
    {
      reason: 'The exception crisis has begun',
      facts: {
        rules: ['office'],
        started: '2026-11-24T09:00:00.000Z',
        expires: '2026-12-10T09:30:15.000Z',
        ticket: 'CHG-crisis',
      },
    },
    { reason: 'The exception crisis has ended', facts: { expired: '2026-12-10T09:30:15.000Z', approver: 'a' } },
  ])
})

t.test('new rules are not judged again for what they say of the time', async (t) => {
  const it = watched(RULES + CRISIS, '2026-11-24T06:30:00Z')
  it.use(RULES + CRISIS.replace('09:00:00Z', '06:00:00Z'))
  t.same(it.look('2026-11-24T07:00:00Z'), [[], 0])
  t.same(it.look('2026-11-24T17:00:00Z'), [[], 1], 'but from then on')
})

t.test('it warns seven days ahead: at once, of each that comes into them, and once a day', async (t) => {
  const ends = at('2026-12-10T09:30:15Z')
  const it = watched(RULES + CRISIS, '2026-11-24T06:30:00Z')
  it.look(ends - 7 * DAY - 1)
  t.same(it.warnings, [])
  it.look(ends - 7 * DAY)
  const crisis = { exception: 'crisis', expires: '2026-12-10T09:30:15.000Z', ticket: 'CHG-crisis' }
  t.same(it.warnings, [{ count: 1, exceptions: [crisis] }])
  it.look(ends - 6 * DAY - 1)
  t.equal(it.warnings.length, 1)
  it.look(ends - 6 * DAY)
  t.equal(it.warnings.length, 2)
  it.use(RULES + CRISIS + exception('second', null, '2026-12-11T00:00:00Z'))
  it.look(ends - 6 * DAY + 1)
  t.match(it.warnings[2], { count: 2, exceptions: [{ exception: 'crisis' }, { exception: 'second' }] })
  it.look(ends)
  t.match(
    it.warnings[3],
    { count: 1, exceptions: [{ exception: 'second' }] },
    'one that has ended is no more warned of',
  )
  const many = Array.from({ length: 60 }, (_, n) => exception(`e${n}`, null, '2026-12-12T00:00:00Z')).join('')
  it.use(RULES + many)
  it.look(ends + 1)
  const last = it.warnings.at(-1) as { count: number; exceptions: object[] } // as `warn` is called
  t.same([last.count, last.exceptions.length], [60, 50])
})

t.test('the state of the time differs wherever a verdict may', async (t) => {
  const policy = compiled(RULES + CRISIS, { now: at('2026-11-20T00:00:00Z') })
  const states = new Set<string>()
  for (let minute = 0; minute < 24 * 60; minute += 30)
    states.add(timeState(policy, at('2026-11-24T00:00:00Z') + minute * 60_000))
  t.same([...states].sort(), ['000', '001', '010', '100', '101', '110'])
})
