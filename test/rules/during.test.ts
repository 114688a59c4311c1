/** `isDuring` by the wall clock of the zone, on both sides of each daylight-saving change. */

import t from 'tap'
import { isDuring } from '../../rules/during.ts'
import type { During } from '../../rules/model.ts'
import fc from '../properties.ts'

const ALL = 127
const MON_FRI = 31
const SATURDAY = 32
const SUNDAY = 64

const span = (days: number, hours: string, zone = 'Europe/Berlin'): During => {
  const [fromMinute = 0, toMinute = 0] = hours
    .split('-')
    .map((time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3)))
  return { days, fromMinute, toMinute, zone }
}

const office = span(MON_FRI, '08:00-18:00')
const gap = span(ALL, '02:30-02:31')
const night = span(SATURDAY, '22:00-06:00')
const sydney = span(ALL, '02:30-02:31', 'Australia/Sydney')

const cases: readonly { name: string; during: During; at: string; want: boolean }[] = [
  { name: 'winter: at eight', during: office, at: '2026-12-02T07:00:00Z', want: true },
  { name: 'winter: a millisecond before eight', during: office, at: '2026-12-02T06:59:59.999Z', want: false },
  { name: 'winter: a millisecond before six', during: office, at: '2026-12-02T16:59:59.999Z', want: true },
  { name: 'winter: at six', during: office, at: '2026-12-02T17:00:00Z', want: false },
  { name: 'summer: at eight', during: office, at: '2026-07-01T06:00:00Z', want: true },
  { name: 'summer: a millisecond before eight', during: office, at: '2026-07-01T05:59:59.999Z', want: false },
  { name: 'Friday is a day of mon-fri', during: office, at: '2026-12-04T12:00:00Z', want: true },
  { name: 'Saturday is not', during: office, at: '2026-12-05T12:00:00Z', want: false },
  { name: 'Monday is', during: office, at: '2026-12-07T12:00:00Z', want: true },
  {
    name: 'the day is that of the zone, not of UTC',
    during: span(SUNDAY, '00:00-01:00'),
    at: '2026-12-05T23:30:00Z',
    want: true,
  },
  { name: 'the last Friday of winter time', during: office, at: '2026-03-27T07:00:00Z', want: true },
  { name: 'the first Monday of summer time', during: office, at: '2026-03-30T06:00:00Z', want: true },
  {
    name: 'the first Monday of summer time, by the old clock',
    during: office,
    at: '2026-03-30T16:00:00Z',
    want: false,
  },
  { name: 'the first Monday of winter time', during: office, at: '2026-10-26T07:00:00Z', want: true },
  {
    name: 'the first Monday of winter time, by the old clock',
    during: office,
    at: '2026-10-26T06:00:00Z',
    want: false,
  },
  // Berlin, 29 March 2026: after 01:59 comes 03:00, at 01:00Z.
  { name: 'the hour that is left out: a second before', during: gap, at: '2026-03-29T00:59:59Z', want: false },
  { name: 'the hour that is left out: half past', during: gap, at: '2026-03-29T01:30:00Z', want: false },
  { name: 'the day before it 02:30 came', during: gap, at: '2026-03-28T01:30:00Z', want: true },
  { name: 'the day after it 02:30 came', during: gap, at: '2026-03-30T00:30:00Z', want: true },
  {
    name: 'a span begun in the hour left out begins at its end',
    during: span(ALL, '02:30-04:00'),
    at: '2026-03-29T01:00:00Z',
    want: true,
  },
  // Berlin, 25 October 2026: after 02:59 comes 02:00 again, at 01:00Z.
  { name: 'the hour that comes twice: the first time', during: gap, at: '2026-10-25T00:30:00Z', want: true },
  { name: 'the hour that comes twice: in between', during: gap, at: '2026-10-25T00:31:00Z', want: false },
  { name: 'the hour that comes twice: the second time', during: gap, at: '2026-10-25T01:30:00Z', want: true },
  { name: 'the hour that comes twice: not a third time', during: gap, at: '2026-10-25T02:30:00Z', want: false },
  // Sydney, where summer time ends on 5 April 2026 (16:00Z on the 4th) and begins on 4 October 2026 (16:00Z on the 3rd).
  { name: 'the south: the first time', during: sydney, at: '2026-04-04T15:30:00Z', want: true },
  { name: 'the south: the second time', during: sydney, at: '2026-04-04T16:30:00Z', want: true },
  { name: 'the south: not a third time', during: sydney, at: '2026-04-04T17:30:00Z', want: false },
  { name: 'the south: a second before the hour left out', during: sydney, at: '2026-10-03T15:59:59Z', want: false },
  { name: 'the south: half past the hour left out', during: sydney, at: '2026-10-03T16:30:00Z', want: false },
  { name: 'the south: the day after', during: sydney, at: '2026-10-04T15:30:00Z', want: true },
  { name: 'over midnight: a minute before it begins', during: night, at: '2026-12-05T20:59:00Z', want: false },
  { name: 'over midnight: as it begins', during: night, at: '2026-12-05T21:00:00Z', want: true },
  { name: 'over midnight: on the next day', during: night, at: '2026-12-06T04:59:59Z', want: true },
  { name: 'over midnight: as it ends', during: night, at: '2026-12-06T05:00:00Z', want: false },
  {
    name: 'over midnight: the morning of its day belongs to the day before',
    during: night,
    at: '2026-12-05T03:00:00Z',
    want: false,
  },
  {
    name: 'over midnight: the evening after belongs to another day',
    during: night,
    at: '2026-12-06T21:00:00Z',
    want: false,
  },
  {
    name: 'over midnight from Sunday: Monday morning',
    during: span(SUNDAY, '22:00-06:00'),
    at: '2026-12-07T04:00:00Z',
    want: true,
  },
  { name: 'over the midnight before an hour is left out', during: night, at: '2026-03-29T03:59:59Z', want: true },
  { name: 'which ends an hour of UTC earlier', during: night, at: '2026-03-29T04:00:00Z', want: false },
  {
    name: 'the whole day: its first second',
    during: span(SATURDAY, '00:00-24:00'),
    at: '2026-12-04T23:00:00Z',
    want: true,
  },
  {
    name: 'the whole day: its last second',
    during: span(SATURDAY, '00:00-24:00'),
    at: '2026-12-05T22:59:59Z',
    want: true,
  },
  { name: 'the whole day: the next', during: span(SATURDAY, '00:00-24:00'), at: '2026-12-05T23:00:00Z', want: false },
  {
    name: 'a zone with a quarter of an hour',
    during: span(ALL, '12:00-12:01', 'Asia/Kathmandu'),
    at: '2026-12-02T06:15:00Z',
    want: true,
  },
]

for (const { name, during, at, want } of cases)
  t.test(name, async (t) => t.equal(isDuring(during, Date.parse(at)), want))

t.test('the runtime’s own calendar agrees, whatever was asked before', async () => {
  const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
  const zones = ['Europe/Berlin', 'Australia/Sydney', 'America/St_Johns', 'Pacific/Apia', 'UTC']
  const formats = new Map(
    zones.map((timeZone) => [
      timeZone,
      new Intl.DateTimeFormat('en', {
        timeZone,
        weekday: 'short',
        hour: '2-digit',
        minute: '2-digit',
        hourCycle: 'h23',
      }),
    ]),
  )
  const minute = fc.integer({ min: 0, max: 1439 })
  const instant = fc.integer({ min: Date.parse('2020-01-01Z'), max: Date.parse('2035-01-01Z') })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 127 }),
      minute,
      minute,
      fc.constantFrom(...zones),
      instant,
      (days, fromMinute, toMinute, zone, at) => {
        const parts = new Map(
          formats
            .get(zone)
            ?.formatToParts(at)
            .map(({ type, value }) => [type, value]),
        )
        const day = names.indexOf(parts.get('weekday') ?? '')
        const now = Number(parts.get('hour')) * 60 + Number(parts.get('minute'))
        const on = (of: number) => (days & (1 << (of % 7))) !== 0
        const want =
          fromMinute < toMinute
            ? on(day) && fromMinute <= now && now < toMinute
            : (on(day) && now >= fromMinute) || (on(day + 6) && now < toMinute)
        return isDuring({ days, fromMinute, toMinute, zone }, at) === want
      },
    ),
    { numRuns: 2000 },
  )
})
