/** Records and tallies are read back as requests: each once, with the evidence of all its records. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readPast } from '../../audit/past.ts'
import { tallyName } from '../../audit/tallies/file.ts'
import { openTallies } from '../../audit/tallies/tallies.ts'
import type { Past } from '../../rules/change/past.ts'
import type { Witness } from '../../rules/change/simulation.ts'
import { PORT_REFUSAL, type TrafficEvent } from '../../rules/events.ts'
import { denial, NOON, openWith, REVISION, systemEvent } from './helpers.ts'

const HOUR_MS = 3_600_000
const { verdict } = denial()
const LOGGED: Partial<TrafficEvent> = {
  action: 'log',
  verdict: { ...verdict, action: 'log', rule: 'watch' },
  destination: { domain: 'us1web.zoom.us', ip: '3.7.35.9', port: 443 },
}
const CARRIED = { sentBytes: 1, receivedBytes: 2, milliseconds: 3 }
const REJUDGED = { why: 'a reload', action: 'log', rule: 'watch', exception: null, revision: REVISION } as const
const SNI = {
  kind: 'sni',
  value: 'teams.microsoft.com',
  match: 'teams.microsoft.com',
  service: 'microsoft-teams',
} as const

async function read(dir: string, since: number | null = null) {
  const taken: (Past & Witness)[] = []
  const sources = await readPast(dir, { since, take: (past, witness) => taken.push({ ...past, ...witness }) })
  return { taken, sources }
}

const exchange = (n: number) => ({ exchange: `01990000-0000-7000-8000-00000000000${n}` })

const cases: readonly {
  readonly name: string
  readonly events: readonly Partial<TrafficEvent>[]
  readonly want: readonly string[]
}[] = [
  { name: 'a denial', events: [{}], want: ['block 1 us1web.zoom.us null'] },
  {
    name: 'a tunnel that was logged, and its end',
    events: [LOGGED, { ...LOGGED, action: 'end', carried: CARRIED }],
    want: ['log 1 us1web.zoom.us null'],
  },
  {
    name: 'its end, which knows of another name',
    events: [
      LOGGED,
      {
        ...LOGGED,
        action: 'end',
        carried: CARRIED,
        verdict: { ...verdict, action: 'log', rule: 'watch', evidence: [...verdict.evidence, SNI] },
      },
    ],
    want: ['log 1 us1web.zoom.us teams.microsoft.com'],
  },
  {
    name: 'a tunnel that was logged, cut, and its end',
    events: [
      LOGGED,
      { action: 'sever', verdict: { ...verdict, evidence: [SNI] } },
      { action: 'end', carried: CARRIED },
    ],
    want: ['sever 1 us1web.zoom.us teams.microsoft.com'],
  },
  {
    name: 'a request that was logged by its name, and blocked by its address',
    events: [LOGGED, {}],
    want: ['block 1 us1web.zoom.us null'],
  },
  {
    name: 'a tunnel that was logged, and cut by later rules',
    events: [LOGGED, { action: 'sever', rejudged: REJUDGED }, { action: 'end', carried: CARRIED }],
    want: ['log 1 us1web.zoom.us null'],
  },
  { name: 'one that was tallied, and cut by later rules', events: [{ action: 'sever', rejudged: REJUDGED }], want: [] },
  { name: 'an end alone, of a request before', events: [{ ...LOGGED, action: 'end', carried: CARRIED }], want: [] },
  {
    name: 'two requests',
    events: [{}, exchange(2)],
    want: ['block 1 us1web.zoom.us null', 'block 1 us1web.zoom.us null'],
  },
  {
    name: 'what may not be recorded',
    events: [{ action: 'refuse', destination: null, verdict: { ...verdict, service: 'none', rule: 'none' } }],
    want: ['refuse 1 hidden guard'],
  },
  {
    name: 'the port list',
    events: [{ action: 'refuse', because: 'CONNECT to a port that is not listed' }],
    want: ['refuse 1 us1web.zoom.us null port'],
  },
  {
    name: 'an unknown client',
    events: [{ action: 'refuse', verdict: { ...verdict, rule: 'unknown_clients' } }],
    want: ['refuse 1 us1web.zoom.us null'],
  },
]

function inWords({ was, count, asked }: Past): string {
  const by = was.by === 'rules' ? '' : ` ${was.by}`
  return `${was.action} ${count} ${typeof asked === 'string' ? asked : `${asked.host} ${asked.serverName}`}${by}`
}

t.test('port, method and address are told of one request, and of many that are alike', async (t) => {
  const dir = t.testdir()
  let at = NOON
  const { audit } = await openWith(dir, { repeatSeconds: 60, now: () => at++ })
  const to = (port: number, change: Partial<TrafficEvent> = {}) =>
    audit.record(denial(1, { destination: { domain: 'us1web.zoom.us', ip: null, port }, ...change }))
  await to(443)
  await to(9999)
  const hidden = {
    action: 'refuse',
    destination: null,
    verdict: { ...verdict, service: 'none', rule: 'none' },
  } as const
  await to(0, { ...hidden, because: 'The destination lies in a guarded range of addresses' })
  await to(0, { ...hidden, because: PORT_REFUSAL })
  for (const method of ['GET', 'GET'])
    await audit.record(denial(2, { method, destination: { domain: 'us2web.zoom.us', ip: null, port: 80 } }))
  for (const method of ['GET', 'CONNECT'])
    await audit.record(denial(3, { method, destination: { domain: 'us3web.zoom.us', ip: '3.7.35.9', port: 443 } }))
  await audit.close()
  const { taken } = await read(dir)
  t.same(
    taken.map(({ asked, was, count }) =>
      typeof asked === 'string'
        ? `${asked} by ${was.by} ${count}`
        : `${asked.port} ${asked.tunnel} ${asked.address?.text ?? asked.held} ${count}`,
    ),
    [
      '443 true unseen 1',
      'hidden by guard 1',
      '80 false unseen 1',
      '443 false 3.7.35.9 1',
      'null null unseen 1',
      'hidden by port 1',
      '80 false unseen 1',
      'null null unseen 1',
    ],
    'of what is hidden, one that was refused by its port may be among others',
  )
})

t.test('a request counts once, with what came of it at last', async (t) => {
  for (const { name, events, want } of cases) {
    const dir = t.testdir()
    const { audit } = await openWith(dir)
    await audit.record(systemEvent('start'))
    for (const event of events) await audit.record(denial(1, event))
    await audit.close()
    const { taken, sources } = await read(dir)
    t.same(taken.map(inWords), want, name)
    t.equal(sources.records, events.length)
  }
})

t.test('a record tells where from, when, and what the rules said', async (t) => {
  const dir = t.testdir()
  let at = NOON
  const { audit } = await openWith(dir, { now: () => at })
  await audit.record(denial(1, LOGGED))
  at += 5000
  const reference = await audit.record(denial(1, { action: 'sever' }))
  await audit.close()
  const { taken, sources } = await read(dir)
  t.match(taken, [
    {
      segment: 'wifi',
      medium: 'wireless',
      prefix: '10.20.0.0/16',
      source: { text: '10.20.0.7' },
      from: NOON,
      to: NOON,
      asked: { host: 'us1web.zoom.us', port: 443, address: null, held: 'unseen' },
      was: {
        action: 'sever',
        rule: 'zoom-fixed-only',
        service: 'zoom',
        exception: null,
        revision: REVISION,
        by: 'rules',
      },
      reference,
      client: '10.20.0.7',
    },
  ])
  t.same(sources, { records: 2, rows: 0, illegible: 0, from: NOON, to: NOON + 5000 })
  t.same((await read(dir, NOON + 1)).taken.length, 1, 'what came since')
  t.same((await read(dir, NOON + 5001)).sources.records, 0)
})

t.test('a repeat is so many requests more', async (t) => {
  const dir = t.testdir()
  let at = NOON
  const { audit } = await openWith(dir, { now: () => at, repeatSeconds: 60 })
  const reference = await audit.record(denial())
  for (at = NOON + 1000; at < NOON + 5000; at += 1000) await audit.record(denial())
  await audit.close()
  const { taken } = await read(dir)
  t.match(taken, [
    { count: 1, from: NOON, to: NOON, reference },
    { count: 4, from: NOON + 1000, to: NOON + 4000, reference, was: { action: 'block', by: 'rules' } },
  ])
  t.equal((await read(dir, NOON + 4000)).taken.length, 1, 'what came again since')
  t.equal((await read(dir, NOON + 4001)).taken.length, 0, 'however late it was recorded')
})

t.test('a tally tells of its hour, and not of whom', async (t) => {
  const dir = t.testdir()
  const quiet = { tallied: () => {}, failed: () => {} }
  const tallies = openTallies({ dir, now: () => NOON, record: async () => {}, meter: quiet, log: () => {} })
  const row = {
    hour: NOON,
    segment: 'wifi',
    medium: 'wireless',
    service: 'zoom',
    rule: 'otherwise',
    mode: 'enforce',
    revision: REVISION,
    count: 7,
  } as const
  const asked = { host: null, port: 8801, serverName: 'zoom.us', httpHost: null, prefix: '3.7.35.0/25' }
  tallies.add([
    { ...row, asked },
    { ...row, asked: null },
  ])
  await tallies.close()
  writeFileSync(join(dir, tallyName(NOON + HOUR_MS)), 'no row\n')
  const { taken, sources } = await read(dir)
  const past = {
    segment: 'wifi',
    medium: 'wireless',
    prefix: null,
    source: null,
    from: NOON,
    to: NOON + HOUR_MS - 1,
    count: 7,
  }
  const was = { action: 'allow', rule: 'otherwise', service: 'zoom', exception: null, revision: REVISION, by: 'rules' }
  const witness = { reference: null, client: null }
  t.same(taken, [
    {
      ...past,
      was,
      ...witness,
      asked: {
        host: null,
        port: 8801,
        tunnel: null,
        serverName: 'zoom.us',
        httpHost: null,
        address: null,
        held: '3.7.35.0/25',
      },
    },
    { ...past, was, ...witness, asked: 'overflow' },
  ])
  t.same(sources, { records: 0, rows: 2, illegible: 1, from: NOON, to: NOON + HOUR_MS - 1 })
  t.equal((await read(dir, NOON + HOUR_MS - 1)).taken.length, 2, 'an hour counts while it lasts')
  t.equal((await read(dir, NOON + HOUR_MS)).taken.length, 0)
})

t.test('so many open tunnels that some are told before their end', async (t) => {
  const dir = t.testdir()
  const { audit } = await openWith(dir)
  const first = denial(1, LOGGED)
  const writing: Promise<string>[] = []
  for (let n = 0; n < 41_000; n++) {
    writing.push(audit.record({ ...first, exchange: `e${n}` }))
    if (writing.length < 5000) continue
    await Promise.all(writing.splice(0))
  }
  await Promise.all(writing)
  await audit.close()
  const { taken } = await read(dir)
  t.equal(taken.length, 41_000, 'each once')
})
