/**
 * Change without fear: two weeks of mixed traffic of 200 clients in six segments go through a proxy. A new rule file is proposed and
 * simulated; it goes live, and the same traffic comes again. What was predicted has come true, cell by cell, and what could not be
 * predicted was listed before.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { archiveRevision } from '../../audit/archive.ts'
import { portsFact } from '../../audit/listed-ports.ts'
import { rowOf } from '../../audit/tallies/row.ts'
import { openTallies } from '../../audit/tallies/tallies.ts'
import { compileSources, readSources } from '../../cli/rules/load.ts'
import { simulate } from '../../cli/rules/simulate.ts'
import type { ExchangeEnd } from '../../rules/events.ts'
import type { Policy } from '../../rules/policy.ts'
import { newKey, openSigned, told, verify } from '../audit/evidence-helpers.ts'
import { type Harness, type Origin, request, startOrigin, startProxy } from '../proxy/harness.ts'
import { clientHello, inRecords } from '../proxy/hellos.ts'

t.setTimeout(120_000)

const REQUESTS = 2000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const FORTNIGHT_MS = 14 * 24 * HOUR_MS
/** A Monday, at midnight in Berlin. */
const START = Date.parse('2026-11-09T00:00:00+01:00')

const OLD = `version: 1
name: ministry
unknown_clients: refuse
segments:
  desks:  { medium: wired,    prefixes: [127.10.0.0/16] }
  lab:    { medium: wired,    prefixes: [127.11.0.0/16] }
  wifi:   { medium: wireless, prefixes: [127.20.0.0/16] }
  guests: { medium: wireless, prefixes: [127.21.0.0/16], shared: true }
  vpn:    { medium: vpn,      prefixes: [127.99.0.0/16] }
  mobile: { medium: mobile,   prefixes: [127.50.0.0/16] }
services:
  bridge: { name: Bridge, category: meeting, prefixes: [127.0.0.77] }
rules:
  - { id: zoom-fixed-only, service: zoom, except: { medium: wired }, action: block }
  - { id: vpn-webex, service: webex, medium: vpn, action: log }
exceptions:
  - { id: g7, rule: zoom-fixed-only, from: [127.20.2.0/24], starts: 2026-11-01T00:00:00Z, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }
`

/** Docks come out of the wireless segment, partners get a service of their own, and rules by the hour, by address and by prefix. */
const NEW = OLD.replace(
  'services:',
  `  docks:  { medium: wired,    prefixes: [127.20.1.0/24] }
services:
  partner: { name: Partner, category: meeting, domains: [partner.test] }`,
)
  .replace('except: { medium: wired }, action', 'except: { medium: [wired, vpn] }, action')
  .replace('medium: vpn, action: log', 'medium: vpn, action: block')
  .replace(
    'exceptions:',
    `  - { id: no-chat-on-air, service: whatsapp, medium: [wireless, mobile], action: block, during: { days: mon-fri, hours: 08:30-17:00, zone: Europe/Berlin } }
  - { id: no-jitsi-for-guests, service: jitsi-meet, segment: guests, action: block }
  - { id: no-bridge-mobile, service: bridge, medium: mobile, action: block }
  - { id: no-partner-on-air, service: partner, medium: wireless, action: block }
  - { id: watch-teams, service: microsoft-teams, action: log }
exceptions:
  - { id: press, rule: no-jitsi-for-guests, from: [127.21.2.0/24], starts: 2026-11-01T00:00:00Z, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }`,
  )

interface Asking {
  readonly at: number
  readonly from: string
  readonly kind: 'get' | 'tunnel'
  readonly host: string
  readonly serverName: string
  readonly port: 'origin' | 9
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

/** By their weight, in percent. */
const HOSTS: readonly (readonly [weight: number, host: string, serverName: string])[] = [
  [26, 'teams.microsoft.com', 'teams.microsoft.com'],
  [18, 'web.whatsapp.com', 'web.whatsapp.com'],
  [12, 'us04web.zoom.us', 'us04web.zoom.us'],
  [4, 'front.test', 'zoom.us'],
  [10, 'meet.jit.si', 'meet.jit.si'],
  [10, 'acme.webex.com', 'acme.webex.com'],
  [6, '127.0.0.77', ''],
  [5, 'partner.test', 'partner.test'],
  [9, 'plain.test', 'plain.test'],
]
function someHost(percent: number): (typeof HOSTS)[number] {
  let left = percent
  for (const host of HOSTS) {
    left -= host[0]
    if (left < 0) return host
  }
  return [0, 'plain.test', 'plain.test']
}

const SEGMENTS = [10, 11, 20, 21, 99, 50]

function traffic(): readonly Asking[] {
  const pick = random(2026)
  const clients = Array.from(
    { length: 200 },
    (_, n) => `127.${SEGMENTS[n % 6]}.${1 + (n % 3)}.${1 + Math.floor(n / 6)}`,
  )
  const asked: Asking[] = []
  while (asked.length < REQUESTS) {
    const day = pick(14)
    const at = START + day * 24 * HOUR_MS + (7 + pick(12)) * HOUR_MS + pick(HOUR_MS)
    const from = pick(40) === 0 ? '127.77.0.1' : (clients[pick(clients.length)] ?? '')
    const [, host, serverName] = someHost(pick(100))
    const kind = pick(3) === 0 || host === 'front.test' ? 'tunnel' : 'get'
    const isOdd = pick(100) === 0
    const one: Asking = { at, from, kind, host, serverName, port: 'origin' }
    if (isOdd) asked.push({ ...one, kind: 'tunnel', host: 'acme.webex.com', from: clients[0] ?? '', port: 9 })
    else asked.push(one)
    // An app that is refused asks again and again.
    for (let again = 1; again < 4 && host.includes('zoom') && pick(2) === 0; again++)
      asked.push({ ...one, at: at + again * 1000 })
  }
  return asked.sort((x, y) => x.at - y.at)
}

/** What became of a request, as the proxy itself tells it at the end: `segment service action rule`; null for no conferencing. */
function outcome({ verdict, refused, bareAddress }: ExchangeEnd): string | null {
  if (verdict === null) return null
  const { segment, rule } = verdict
  // What an unknown client asks for is on record where it is conferencing: partners were not, and are refused all the same.
  const service = verdict.service === 'partner' && segment.id === 'unknown' ? 'none' : verdict.service
  const action = refused ? 'refuse' : verdict.action
  if (service === 'none' && action !== 'refuse' && !(bareAddress && action !== 'allow')) return null
  return `${segment.id} ${service} ${action} ${rule}`
}

async function ask(
  proxy: Harness,
  origin: Origin,
  { from, kind, host, serverName, port }: Asking,
): Promise<string | null> {
  const before = proxy.ends.length
  const target = `${host}:${port === 'origin' ? origin.port : port}`
  const client = proxy.client(from)
  const answered = (text: string) => /^HTTP\/1\.1 \d+ [\s\S]*?\r\n\r\n/.test(text)
  if (kind === 'get') await client.send(request('GET', `http://${target}/`)).until(answered)
  else {
    client.send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
    const text = await client.until(answered)
    // The tunnel's first words are judged before the origin hears, and answers.
    if (text.startsWith('HTTP/1.1 200')) {
      client.take()
      await client
        .send(inRecords(clientHello(serverName === '' ? null : serverName)))
        .until((said) => said !== '' || client.ended)
    }
  }
  client.close()
  await proxy.ended(before + 1)
  const end = proxy.ends[before]
  return end === undefined ? null : outcome(end)
}

function count<T>(items: Iterable<T>, keyOf: (item: T) => string | null, weightOf: (item: T) => number = () => 1) {
  const counts = new Map<string, number>()
  for (const item of items) {
    const key = keyOf(item)
    if (key !== null) counts.set(key, (counts.get(key) ?? 0) + weightOf(item))
  }
  return counts
}

const sum = (counts: Iterable<number>) => [...counts].reduce((total, one) => total + one, 0)

interface Verdict {
  readonly segment: string
  readonly service: string
  readonly action: string
  readonly rule: string
}
/** A tunnel that is cut ends, to the proxy, with a block. */
const inWords = ({ segment, service, action, rule }: Verdict) =>
  `${segment} ${service} ${action === 'sever' ? 'block' : action} ${rule}`
const isDenied = (words: string | null) => /^\S+ \S+ (?:block|refuse)/.test(words ?? '')

t.test('a proposed rule file is simulated, goes live, and does what was predicted', async (t) => {
  const dir = t.testdir({ 'old.yaml': OLD, 'new.yaml': NEW, audit: {} })
  const audit = join(dir, 'audit')
  const load = async (name: string): Promise<Policy> => {
    const main = join(dir, name)
    const sources = await readSources(main)
    const { policy, problems } = compileSources(sources, { monitor: false, now: START })
    if (policy === null) throw new Error(JSON.stringify(problems))
    const files = Object.fromEntries([...sources.files].map(([path, text]) => [path, text ?? '']))
    await archiveRevision(
      audit,
      { revision: policy.revision, main, files, catalogue: Object.fromEntries(sources.catalogue) },
      START,
    )
    return policy
  }
  const before = await load('old.yaml')
  let clock = START
  const { audit: log } = await openSigned(audit, newKey(), { now: () => clock, sync: 'write', repeatSeconds: 60 })
  const tallies = openTallies({
    dir: audit,
    now: () => clock,
    record: (event) => log.record(event),
    meter: { tallied: () => {}, failed: () => t.fail('a tally could not be written') },
    log: () => {},
    write: async (folder, name, content) => writeFileSync(join(folder, name), content),
    every: () => () => {},
  })
  const origin = await startOrigin((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    socket.on('end', () => socket.end())
  }, '0.0.0.0')
  const proxy = await startProxy({
    rules: OLD,
    now: () => clock,
    connectPorts: [[origin.port, origin.port]],
    recording: async (event) => void (await log.record(event)),
  })
  t.teardown(async () => {
    await proxy.close()
    origin.close()
  })
  proxy.policy = before

  await log.record({
    action: 'start',
    outcome: 'success',
    reason: 'so that the ports are on record',
    policy: before,
    facts: { connect_ports: portsFact([[origin.port, origin.port]]) },
  })
  const asked = traffic()
  const send = async (later: number): Promise<(string | null)[]> => {
    const outcomes: (string | null)[] = []
    for (const one of asked) {
      if (Math.floor((one.at + later) / HOUR_MS) !== Math.floor(clock / HOUR_MS)) {
        clock = one.at + later
        await tallies.flush()
      }
      clock = one.at + later
      outcomes.push(await ask(proxy, origin, one))
      tallies.add(proxy.allowed.splice(0).map(rowOf))
    }
    clock += 2 * HOUR_MS
    await tallies.flush()
    return outcomes
  }
  const predict = async (since?: number) => {
    const out: string[] = []
    const io = {
      print: (line: string) => out.push(line),
      complain: (line: string) => t.fail(line),
      async *lines() {},
      now: () => clock,
    }
    const flags = { mostBlocked: undefined, html: undefined, catalogue: undefined, json: true }
    const from = since === undefined ? undefined : new Date(since).toISOString()
    t.equal(await simulate({ ...flags, rules: join(dir, 'new.yaml'), against: audit, since: from }, io), 0)
    return JSON.parse(out.join('\n'))
  }

  const then = await send(0)
  // Denials that came again within the minute are on record once that is over.
  await log.record({
    action: 'stop',
    outcome: 'success',
    reason: 'so that all is on record',
    policy: before,
    facts: {},
  })
  const prediction = await predict()
  proxy.policy = await load('new.yaml')
  const live = clock
  const now = await send(FORTNIGHT_MS)
  await tallies.close()
  await log.record({
    action: 'stop',
    outcome: 'success',
    reason: 'so that all is on record',
    policy: before,
    facts: {},
  })

  const toldThen = then.filter((words) => words !== null)
  const { totals, changes, undecidable, cells, outside } = prediction
  t.ok(toldThen.filter((words) => words.includes(' allow ')).length > toldThen.length / 2, 'most of it was allowed')
  t.equal(totals.requests, toldThen.length, 'every request of conferencing is in it, once')
  t.equal(totals.newly_blocked + totals.newly_allowed + totals.unchanged + totals.undecidable, totals.requests)
  t.ok(totals.newly_blocked > 50 && totals.newly_allowed > 10 && totals.undecidable > 20, JSON.stringify(totals))
  t.same(
    new Set(undecidable.map(({ reason }: { reason: string }) => reason)),
    new Set(['hour', 'client-segment', 'client-exception']),
    'and for each reason that this file has',
  )

  await t.test('group by group: what a segment, service and rule came to', async (t) => {
    const groups = count(toldThen, (words) => words)
    const open = count<{ before: Verdict; requests: number }>(
      undecidable,
      (one) => inWords(one.before),
      (one) => one.requests,
    )
    const real = count(then.keys(), (n) => (then[n] === null ? null : `${then[n]} → ${now[n]}`))
    const foreseen = count<{ before: Verdict; after: Verdict; requests: number }>(
      changes,
      (one) => `${inWords(one.before)} → ${inWords(one.after)}`,
      (one) => one.requests,
    )
    for (const [group, requests] of groups) {
      const changed = sum([...foreseen].filter(([key]) => key.startsWith(`${group} → `)).map(([, one]) => one))
      const left = requests - changed - (open.get(group) ?? 0)
      if (left > 0) foreseen.set(`${group} → ${group}`, (foreseen.get(`${group} → ${group}`) ?? 0) + left)
    }
    for (const [group] of groups) {
      const keys = [...new Set([...real.keys(), ...foreseen.keys()])].filter((key) => key.startsWith(`${group} → `))
      const wrong = keys
        .map((key) => [key, (real.get(key) ?? 0) - (foreseen.get(key) ?? 0)] as const)
        .filter(([, n]) => n !== 0)
      if (!open.has(group)) t.same(wrong, [], group)
      else {
        t.ok(
          wrong.every(([, n]) => n > 0),
          `${group}: nothing predicted that did not come`,
        )
        t.equal(sum(wrong.map(([, n]) => n)), open.get(group), `${group}: and what was not, is as much as was listed`)
      }
    }
  })

  await t.test('cell by cell: the predicted matrix', async (t) => {
    const real = count(now, (words) => words)
    const predicted = count<Verdict & { requests: number }>(cells, inWords, (one) => one.requests)
    const open = count<{ before: Verdict; requests: number }>(
      undecidable,
      ({ before: { segment, service } }) => `${segment} ${service}`,
      (one) => one.requests,
    )
    let beyond = 0
    for (const cell of new Set([...real.keys(), ...predicted.keys()])) {
      const [segment = '', service = ''] = cell.split(' ')
      const more = (real.get(cell) ?? 0) - (predicted.get(cell) ?? 0)
      const isOpen = open.has(`${segment === 'docks' ? 'wifi' : segment} ${service}`)
      if (service === 'partner') t.notOk(predicted.has(cell), `${cell} could not be predicted`)
      else if (isOpen) t.ok(more >= 0, `${cell}: at least what was predicted`)
      else t.equal(more, 0, cell)
      if (service !== 'partner') beyond += more
    }
    t.equal(beyond, totals.undecidable, 'what came beyond the prediction was listed')
    t.ok(
      outside.some((sentence: string) => /\bpartner\b/.test(sentence)),
      'as was that of partners nothing is known',
    )
    t.ok(now.filter((words) => words?.includes(' partner ')).length > 20)
  })

  await t.test('in totals: newly blocked and newly allowed', async (t) => {
    const pairs = [...then.keys()].filter((n) => then[n] !== null)
    const blocked = pairs.filter((n) => !isDenied(then[n] ?? null) && isDenied(now[n] ?? null)).length
    const allowed = pairs.filter((n) => isDenied(then[n] ?? null) && !isDenied(now[n] ?? null)).length
    t.ok(blocked >= totals.newly_blocked && blocked <= totals.newly_blocked + totals.undecidable, `${blocked}`)
    t.equal(allowed, totals.newly_allowed, 'denials are on record, with their addresses')
  })

  await t.test('the rules that are now in force would change nothing of what they decided', async (t) => {
    const { totals } = await predict(live)
    t.match(totals, { newly_blocked: 0, newly_allowed: 0, undecidable: 0, changed_rule: 0 })
    t.equal(totals.requests, now.filter((words) => words !== null).length)
  })

  await log.close()
  t.same(told(await verify(audit, [], undefined, clock)), ['consistent'], 'and the folder is whole, tallies and all')
})
