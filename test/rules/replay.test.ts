/** What another rule file would have made of past requests: case by case, and at random, where a prediction is never wrong. */
import t from 'tap'
import { parseAddress } from '../../rules/address.ts'
import type { Foreseen } from '../../rules/change/foresee.ts'
import type { Past, PastAsked, PastVerdict } from '../../rules/change/past.ts'
import { type Barriers, createReplay } from '../../rules/change/replay.ts'
import { SimulationBuilder } from '../../rules/change/simulation.ts'
import { instantsWithin } from '../../rules/change/situations.ts'
import { decide, portIsOpenFor } from '../../rules/decide.ts'
import type { Evidence, Verdict } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import { compiled } from '../compiled.ts'

const HOUR_MS = 3_600_000
const NINE = Date.parse('2026-11-23T09:00:00Z')

const SEGMENTS = `
  desks: { medium: wired, prefixes: [10.10.0.0/16, "2001:db8:10::/48"] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
  vpn: { medium: vpn, prefixes: [10.99.0.0/16] }`

/** A rule file of these segments and rules. */
function file(rules: string, { segments = SEGMENTS, more = '', head = 'unknown_clients: classify' } = {}): string {
  return `version: 1\nname: replay\n${head}\nsegments:${segments}\nrules:${rules === '' ? ' []' : `\n${rules}`}\n${more}`
}

const OLD = compiled(
  file('', { more: 'services:\n  own: { name: Own, category: meeting, prefixes: [198.51.100.0/24] }\n' }),
)

function rowLike(change: Partial<PastAsked> = {}, past: Partial<Past> = {}): Past {
  return {
    segment: 'wifi',
    medium: 'wireless',
    prefix: null,
    source: null,
    from: NINE,
    to: NINE + HOUR_MS - 1,
    asked: {
      host: 'zoom.us',
      port: 443,
      tunnel: null,
      serverName: null,
      httpHost: null,
      address: null,
      held: null,
      ...change,
    },
    was: was({}),
    count: 1,
    ...past,
  }
}

function was(change: Partial<PastVerdict>): PastVerdict {
  return {
    action: 'allow',
    rule: 'otherwise',
    service: 'zoom',
    exception: null,
    revision: OLD.revision,
    by: 'rules',
    ...change,
  }
}

function recordLike(
  source: string,
  verdict: Partial<PastVerdict>,
  change: Partial<PastAsked> = {},
  past: Partial<Past> = {},
): Past {
  return rowLike(
    { held: 'unseen', tunnel: true, ...change },
    {
      source: parseAddress(source),
      from: NINE,
      to: NINE,
      was: was({ action: 'log', rule: 'watch', ...verdict }),
      ...past,
    },
  )
}

const BLOCK = '  - { id: no-zoom, service: zoom, medium: wireless, action: block }'
const exception = (what: string) =>
  `exceptions:\n  - { id: some, rule: no-zoom, ${what}, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }\n`
/** One port is listed, and one network guarded. */
const BARRIERS: Barriers = { listed: [[443, 443]], isGuarded: ({ text }) => text.startsWith('192.168.') }
/** Zoom, which has ports of its own, without them. */
const NO_PORTS = 'services:\n  zoom: { name: Zoom, category: meeting, domains: [zoom.us] }\n'
const during = (hours: string) =>
  `  - { id: no-zoom, service: zoom, medium: wireless, action: block, during: { days: mon-sun, hours: ${hours}, zone: UTC } }`

const cases: readonly { readonly name: string; readonly past: Past; readonly rules: string; readonly want: string }[] =
  [
    { name: 'a tally is blocked', past: rowLike(), rules: file(BLOCK), want: 'wifi zoom block no-zoom' },
    {
      name: 'another segment is not',
      past: rowLike({}, { segment: 'vpn', medium: 'vpn' }),
      rules: file(BLOCK),
      want: 'vpn zoom allow otherwise',
    },
    { name: 'nothing changes', past: rowLike(), rules: file(''), want: 'wifi zoom allow otherwise' },
    {
      name: 'a segment of another name, with the same addresses',
      past: rowLike(),
      rules: file(BLOCK, { segments: SEGMENTS.replace('wifi', 'air') }),
      want: 'air zoom block no-zoom',
    },
    {
      name: 'a segment that is cut in two, of which one is blocked',
      past: rowLike(),
      rules: file(BLOCK, { segments: `${SEGMENTS}\n  docks: { medium: wired, prefixes: [10.20.5.0/24] }` }),
      want: 'client-segment',
    },
    {
      name: 'a segment that is cut in two, which come to the same',
      past: rowLike(),
      rules: file(BLOCK, { segments: `${SEGMENTS}\n  hall: { medium: wireless, prefixes: [10.20.5.0/24] }` }),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'a segment that lost a prefix to nobody',
      past: rowLike(),
      rules: file(BLOCK, { segments: SEGMENTS.replace('10.20.0.0/16', '10.20.0.0/17') }),
      want: 'client-segment',
    },
    {
      name: 'a segment that grew',
      past: rowLike(),
      rules: file(BLOCK, { segments: SEGMENTS.replace('10.20.0.0/16', '10.20.0.0/15') }),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'an unknown client may be in a new segment',
      past: rowLike({}, { segment: 'unknown', medium: 'unknown' }),
      rules: file(BLOCK, { segments: `${SEGMENTS}\n  new: { medium: wireless, prefixes: [10.30.0.0/16] }` }),
      want: 'client-segment',
    },
    {
      name: 'an unknown client stays one',
      past: rowLike({}, { segment: 'unknown', medium: 'unknown' }),
      rules: file(BLOCK),
      want: 'unknown zoom allow otherwise',
    },
    {
      name: 'an exception for some of the segment',
      past: rowLike(),
      rules: file(BLOCK, { more: exception('from: [10.20.5.0/24]') }),
      want: 'client-exception',
    },
    {
      name: 'an exception for all of it, by address',
      past: rowLike(),
      rules: file(BLOCK, { more: exception('from: [10.0.0.0/8]') }),
      want: 'wifi zoom except no-zoom',
    },
    {
      name: 'an exception for the segment',
      past: rowLike(),
      rules: file(BLOCK, { more: exception('segment: wifi') }),
      want: 'wifi zoom except no-zoom',
    },
    {
      name: 'an exception for others',
      past: rowLike(),
      rules: file(BLOCK, { more: exception('from: [10.21.0.0/16]') }),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'an exception that starts within the hour',
      past: rowLike(),
      rules: file(BLOCK, { more: exception('segment: wifi, starts: 2026-11-23T09:30:00Z') }),
      want: 'hour',
    },
    {
      name: 'an exception that starts with the next hour',
      past: rowLike(),
      rules: file(BLOCK, { more: exception('segment: wifi, starts: 2026-11-23T10:00:00Z') }),
      want: 'wifi zoom block no-zoom',
    },
    { name: 'a during that ends within the hour', past: rowLike(), rules: file(during('08:00-09:30')), want: 'hour' },
    {
      name: 'a during over the whole hour',
      past: rowLike(),
      rules: file(during('08:00-10:00')),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'a during at another hour',
      past: rowLike(),
      rules: file(during('10:00-11:00')),
      want: 'wifi zoom allow otherwise',
    },
    {
      name: 'a during that changes nothing for the service',
      past: rowLike({ host: 'meet.jit.si' }),
      rules: file(during('08:00-09:30')),
      want: 'wifi jitsi-meet allow otherwise',
    },
    {
      name: 'what a tally counts together',
      past: rowLike({}, { asked: 'overflow' }),
      rules: file(BLOCK),
      want: 'overflow',
    },
    {
      name: 'times at which the rules of then did not say so are none',
      past: rowLike({}, { was: was({ revision: 'sha256:timed' }) }),
      rules: file(`${during('08:00-09:30')}\n  - { id: more, service: webex, action: block }`),
      want: 'wifi zoom allow otherwise',
    },
    {
      name: 'nor are clients whom an exception of then was for',
      past: rowLike({}, { was: was({ revision: 'sha256:lifted', rule: 'no-zoom' }) }),
      rules: file(BLOCK, { more: exception('from: [10.20.5.0/24]') }),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'a new service by its name',
      past: rowLike(),
      rules: file('  - { id: no-own, service: mine, action: block }', {
        more: 'services:\n  mine: { name: Mine, category: meeting, domains: [zoom.us] }\n',
      }),
      want: 'wifi mine block no-own',
    },
    {
      name: 'a new service by its prefix, which is blocked',
      past: rowLike(),
      rules: file('  - { id: no-own, service: mine, action: block }', {
        more: 'services:\n  mine: { name: Mine, category: meeting, prefixes: [203.0.113.0/24] }\n',
      }),
      want: 'destination-address',
    },
    {
      name: 'a new service by its prefix, which is allowed',
      past: rowLike(),
      rules: file(BLOCK, {
        more: 'services:\n  mine: { name: Mine, category: meeting, prefixes: [203.0.113.0/24] }\n',
      }),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'a bare address, told by the prefix that holds it',
      past: rowLike({ host: null, held: '198.51.100.0/24' }, { was: was({ service: 'own' }) }),
      rules: file('  - { id: no-own, service: own, action: block }', {
        more: 'services:\n  own: { name: Own, category: meeting, prefixes: [198.51.100.0/24] }\n',
      }),
      want: 'wifi own block no-own',
    },
    {
      name: 'a bare address, whose prefix is now of two services',
      past: rowLike({ host: null, held: '198.51.100.0/24' }, { was: was({ service: 'own' }) }),
      rules: file('  - { id: no-own, service: own, action: block }', {
        more: 'services:\n  own: { name: Own, category: meeting, prefixes: [198.51.100.0/24] }\n  part: { name: Part, category: meeting, prefixes: [198.51.100.0/25] }\n',
      }),
      want: 'destination-address',
    },
    {
      name: 'a name that the tunnel opened with',
      past: rowLike({ host: 'front.test', serverName: 'zoom.us' }),
      rules: file(BLOCK),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'rules that are not archived',
      past: rowLike({}, { was: was({ revision: 'sha256:gone' }) }),
      rules: file(BLOCK),
      want: 'rules-not-archived',
    },

    {
      name: 'a record is judged by its address',
      past: recordLike('10.20.5.1', {}),
      rules: file(BLOCK, { more: exception('from: [10.20.5.0/24]') }),
      want: 'wifi zoom except no-zoom',
    },
    {
      name: 'and at its time',
      past: recordLike('10.20.5.1', {}),
      rules: file(during('09:00-09:30')),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'also without the rules of then',
      past: recordLike('10.20.5.1', { revision: 'sha256:gone' }),
      rules: file(BLOCK),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'under monitor',
      past: recordLike('10.20.5.1', {}),
      rules: file(BLOCK, { head: 'unknown_clients: classify\nmode: monitor' }),
      want: 'wifi zoom would-block no-zoom',
    },
    {
      name: 'a repeat over a time in which the rules change',
      past: recordLike('10.20.5.1', { action: 'block' }, {}, { to: NINE + 40 * 60_000 }),
      rules: file(during('08:00-09:30')),
      want: 'hour',
    },
    {
      name: 'a pseudonym in a segment with its prefix',
      past: recordLike('', {}, {}, { prefix: '10.20.0.0/16' }),
      rules: file(BLOCK),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'a client that was unknown at an address of a segment',
      past: recordLike(
        '10.20.5.1',
        { rule: 'unknown_clients', action: 'refuse' },
        {},
        { segment: 'unknown', medium: 'unknown' },
      ),
      rules: file(BLOCK),
      want: 'unknown zoom allow otherwise',
    },
    {
      name: 'a client that was in no segment, and now is',
      past: recordLike(
        '10.30.0.1',
        { rule: 'unknown_clients', action: 'refuse' },
        {},
        { segment: 'unknown', medium: 'unknown' },
      ),
      rules: file(BLOCK, { segments: `${SEGMENTS}\n  new: { medium: wireless, prefixes: [10.30.0.0/16] }` }),
      want: 'new zoom block no-zoom',
    },
    {
      name: 'a refused client whose destination is hidden is refused again',
      past: recordLike(
        '10.30.0.1',
        { rule: 'unknown_clients', action: 'refuse', service: 'none' },
        {},
        { segment: 'unknown', medium: 'unknown', asked: 'hidden' },
      ),
      rules: file(BLOCK, { head: 'unknown_clients: refuse' }),
      want: 'unknown none refuse unknown_clients',
    },
    {
      name: 'or is no longer',
      past: recordLike(
        '10.30.0.1',
        { rule: 'unknown_clients', action: 'refuse', service: 'none' },
        {},
        { segment: 'unknown', medium: 'unknown', asked: 'hidden' },
      ),
      rules: file(BLOCK),
      want: 'destination-not-recorded',
    },
    {
      name: 'what the guard refused, it refuses again',
      past: recordLike('10.10.0.1', { action: 'refuse', by: 'guard' }),
      rules: file(''),
      want: 'desks zoom refuse otherwise',
    },
    {
      name: 'and hidden, too',
      past: recordLike('10.10.0.1', { action: 'refuse', by: 'guard' }, {}, { asked: 'hidden' }),
      rules: file(''),
      want: 'desks none refuse none',
    },
    {
      name: 'unless a rule blocks it first',
      past: recordLike('10.20.0.1', { action: 'refuse', by: 'guard' }),
      rules: file(BLOCK),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'a port that is not open',
      past: recordLike('10.20.0.1', { action: 'refuse', by: 'port' }, { port: 9 }),
      rules: file(''),
      want: 'wifi zoom refuse otherwise',
    },
    {
      name: 'a port that the new file opens',
      past: recordLike('10.20.0.1', { action: 'refuse', by: 'port' }, { port: 9 }),
      rules: file('', {
        more: 'services:\n  mine: { name: Mine, category: meeting, domains: [zoom.us], ports: [9] }\n',
      }),
      want: 'port',
    },
    {
      name: 'one of several ports that are told together, where the services are the same',
      past: recordLike('10.20.0.1', { action: 'refuse', by: 'port' }, { port: null, tunnel: null }),
      rules: file('', {
        more: 'services:\n  own: { name: Own, category: meeting, prefixes: [198.51.100.0/24] }\n',
      }),
      want: 'wifi zoom refuse otherwise',
    },
    {
      name: 'and where they are not',
      past: recordLike('10.20.0.1', { action: 'refuse', by: 'port' }, { port: null, tunnel: null }),
      rules: file(''),
      want: 'port',
    },
    {
      name: 'what a rule blocked is let through by a port that is listed',
      past: recordLike('10.20.0.1', { action: 'block' }),
      rules: file(''),
      want: 'wifi zoom allow otherwise',
    },
    {
      name: 'or by one of a service',
      past: recordLike('10.20.0.1', { action: 'block' }, { port: 8801 }),
      rules: file(''),
      want: 'wifi zoom allow otherwise',
    },
    {
      name: 'and by no other',
      past: recordLike('10.20.0.1', { action: 'block' }, { port: 9 }),
      rules: file(''),
      want: 'wifi zoom refuse otherwise',
    },
    {
      name: 'which plain requests do not need',
      past: recordLike('10.20.0.1', { action: 'block' }, { port: 9, tunnel: false }),
      rules: file(''),
      want: 'wifi zoom allow otherwise',
    },
    {
      name: 'a client that is no longer refused is by its port',
      past: recordLike(
        '10.30.0.1',
        { rule: 'unknown_clients', action: 'refuse' },
        { port: 9 },
        { segment: 'unknown', medium: 'unknown' },
      ),
      rules: file(''),
      want: 'unknown zoom refuse otherwise',
    },
    {
      name: 'what was blocked under one record, to ports that are not told',
      past: recordLike('10.20.0.1', { action: 'block' }, { port: null, tunnel: null }, { count: 3 }),
      rules: file(''),
      want: 'port',
    },
    {
      name: 'which are not asked for where it is blocked again',
      past: recordLike('10.20.0.1', { action: 'block' }, { port: null, tunnel: null }, { count: 3 }),
      rules: file(BLOCK),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'a port that a service opened then, and none opens now',
      past: recordLike('10.20.0.1', {}, { port: 8801 }),
      rules: file('', { more: NO_PORTS }),
      want: 'wifi zoom refuse otherwise',
    },
    {
      name: 'by a tunnel that was cut later',
      past: recordLike('10.20.0.1', { action: 'sever' }, { port: 8801 }),
      rules: file('', { more: NO_PORTS }),
      want: 'wifi zoom refuse otherwise',
    },
    {
      name: 'in a tally, which does not tell tunnels from other requests',
      past: rowLike({ port: 8801 }),
      rules: file('', { more: NO_PORTS }),
      want: 'port',
    },
    {
      name: 'where the rules of then are not archived',
      past: recordLike('10.20.0.1', { revision: 'sha256:gone' }, { port: 8801 }),
      rules: file('', { more: NO_PORTS }),
      want: 'port',
    },
    {
      name: 'a port that was let through, and that no service opened then',
      past: recordLike('10.20.0.1', {}, { port: 9 }),
      rules: file('', { more: NO_PORTS }),
      want: 'wifi zoom allow otherwise',
    },
    {
      name: 'an address that the guard may refuse',
      past: recordLike(
        '10.20.0.1',
        { action: 'block', rule: 'ip_literals', service: 'none' },
        { host: null, address: parseAddress('192.168.0.1') },
      ),
      rules: file(''),
      want: 'guard',
    },
    {
      name: 'that it has let through',
      past: recordLike(
        '10.20.0.1',
        { rule: 'ip_literals', service: 'none' },
        { host: null, address: parseAddress('192.168.0.1') },
      ),
      rules: file(''),
      want: 'wifi none log ip_literals',
    },
    {
      name: 'or that a rule blocks',
      past: recordLike(
        '10.20.0.1',
        { action: 'block', rule: 'ip_literals', service: 'none' },
        { host: null, address: parseAddress('192.168.0.1') },
      ),
      rules: file('', { head: 'unknown_clients: classify\nip_literals: block' }),
      want: 'wifi none block ip_literals',
    },
    {
      name: 'what break-glass let through',
      past: recordLike('10.20.0.1', { action: 'except', exception: 'breakglass-20261123T090000Z' }),
      rules: file(BLOCK),
      want: 'breakglass',
    },
    {
      name: 'and needs none any more',
      past: recordLike('10.20.0.1', { action: 'except', exception: 'breakglass-20261123T090000Z' }),
      rules: file(''),
      want: 'wifi zoom allow otherwise',
    },
    {
      name: 'a bare address of no service, whose tunnel opened with the name of one',
      past: rowLike({ host: null, serverName: 'zoom.us' }, { was: was({ revision: 'sha256:timed' }) }),
      rules: file(BLOCK),
      want: 'wifi zoom block no-zoom',
    },
    {
      name: 'that may be of a service now',
      past: rowLike({ host: null, serverName: 'zoom.us' }, { was: was({ revision: 'sha256:timed' }) }),
      rules: file('  - { id: no-own, service: mine, action: block }', {
        more: 'services:\n  mine: { name: Mine, category: meeting, prefixes: [203.0.113.0/24] }\n',
      }),
      want: 'destination-address',
    },
  ]

function inWords(outcome: Foreseen | string): string {
  return typeof outcome === 'string'
    ? outcome
    : `${outcome.segment} ${outcome.service} ${outcome.action} ${outcome.rule}`
}

/** Rules of then: one that blocked until half past nine, and one that allowed, and was lifted for some. */
const TIMED = compiled(file(during('08:00-09:30')))
const LIFTED = compiled(
  file(BLOCK.replace('action: block', 'action: allow'), { more: exception('from: [10.20.5.0/24]') }),
)
const rulesOf = (revision: string) =>
  ({ [OLD.revision]: OLD, 'sha256:timed': TIMED, 'sha256:lifted': LIFTED })[revision] ?? null

t.test('a past request is foreseen, or it is said why not', async (t) => {
  for (const { name, past, rules, want } of cases)
    t.equal(inWords(createReplay(compiled(rules), rulesOf, BARRIERS)(past)), want, name)
})

t.test('without the list of ports, those of services are known, and those that were let through', async (t) => {
  const table: readonly { readonly name: string; readonly past: Past; readonly want: string }[] = [
    { name: 'blocked', past: recordLike('10.20.0.1', { action: 'block' }, { port: 8443 }), want: 'port' },
    {
      name: 'to a port of the service',
      past: recordLike('10.20.0.1', { action: 'block' }, { port: 8801 }),
      want: 'wifi zoom allow otherwise',
    },
    {
      name: 'by no tunnel',
      past: recordLike('10.20.0.1', { action: 'block' }, { port: 8443, tunnel: false }),
      want: 'wifi zoom allow otherwise',
    },
    { name: 'let through', past: recordLike('10.20.0.1', {}, { port: 8443 }), want: 'wifi zoom allow otherwise' },
    { name: 'in a tally', past: rowLike({ port: 8443 }), want: 'wifi zoom allow otherwise' },
  ]
  const replay = createReplay(compiled(file('')), rulesOf, { ...BARRIERS, listed: null })
  for (const { name, past, want } of table) t.equal(inWords(replay(past)), want, name)
})

t.test('an hour has an instant for each change within it', async (t) => {
  const policy = compiled(
    file(
      `${during('09:15-09:45')}\n  - { id: other, service: zoom, action: log, mode: off, during: { days: mon-sun, hours: 09:20-09:21, zone: UTC } }`,
      {
        more: exception('segment: wifi, starts: 2026-11-23T09:30:30Z'),
      },
    ),
  )
  const at = (time: string) => Date.parse(`2026-11-23T${time}Z`)
  t.same(
    [...instantsWithin([policy], NINE, NINE + HOUR_MS - 1)].sort(),
    ['09:00:00', '09:15:00', '09:30:30', '09:45:00'].map(at),
    'of a rule that is off, none',
  )
  t.same(instantsWithin([policy], at('10:00:00'), at('10:59:59')), [at('10:00:00')])
})

// ── At random: whatever happened, what is foreseen of its record or tally is what the new rules say of the request itself ──

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
const oneOf = <T>(pick: Random, list: readonly [T, ...T[]]): T => list[pick(list.length)] ?? list[0]

function someFile(pick: Random): string {
  const segments = ['a', 'b', 'c'].map((id, n) => {
    const prefixes = new Set(Array.from({ length: 1 + pick(2) }, () => `10.${n}.${pick(4) * 64}.0/${18 + pick(3)}`))
    return `\n  ${id}: { medium: ${oneOf(pick, ['wired', 'wireless', 'vpn'])}, prefixes: [${[...prefixes].join(', ')}${pick(3) === 0 ? `, 10.9.${n}.0/24` : ''}] }`
  })
  const rules = Array.from({ length: pick(4) }, (_, n) => {
    const service = oneOf(pick, ['service: zoom', 'service: [own, webex]', 'category: meeting', 'service: any'])
    const medium = oneOf(pick, ['', ', medium: wireless', ', except: { medium: wired }', ', segment: a'])
    const when =
      pick(3) > 0
        ? ''
        : `, during: { days: mon-fri, hours: ${oneOf(pick, ['08:00-09:30', '09:00-10:00', '22:00-09:10'])}, zone: UTC }`
    return `  - { id: r${n}, ${service}${medium}, action: ${oneOf(pick, ['allow', 'log', 'block'])}${pick(5) === 0 ? ', mode: monitor' : ''}${when} }`
  })
  const lifts =
    rules.length === 0 || pick(2) === 0
      ? ''
      : `exceptions:\n  - { id: e, rule: r0, ${oneOf(pick, ['from: [10.0.0.0/12]', 'from: [10.1.64.0/24]', 'segment: b'])}, ${pick(2) === 0 ? 'starts: 2026-11-23T09:20:00Z, ' : ''}expires: 2026-11-23T11:00:00Z, reason: r, ticket: t, approver: a }\n`
  const own =
    pick(2) === 0
      ? ''
      : `services:\n  own: { name: Own, category: meeting, domains: [own.test], prefixes: [${oneOf(pick, ['198.51.100.0/24', '198.51.100.0/25', '203.0.113.0/24'])}], ports: ${oneOf(pick, ['[]', '[9]', '[8801]'])} }\n`
  const named = own === '' ? rules.map((rule) => rule.replace('[own, webex]', 'webex')) : rules
  return file(named.join('\n'), {
    segments: segments.join(''),
    more: own + lifts,
    head: `unknown_clients: ${oneOf(pick, ['classify', 'refuse'])}\notherwise: ${oneOf(pick, ['allow', 'allow', 'log'])}`,
  })
}

/** What is asked for, and whether by CONNECT. */
type Request = Evidence & { readonly tunnel: boolean }

function someRequest(pick: Random): Request {
  const source = parseAddress(`10.${oneOf(pick, [0, 1, 2, 9])}.${pick(256)}.${pick(256)}`)
  const destination = parseAddress(oneOf(pick, ['198.51.100.7', '198.51.100.200', '203.0.113.9', '192.0.2.1']))
  const host = oneOf(pick, ['zoom.us', 'a.own.test', 'acme.webex.com', 'plain.test', null])
  const serverName = oneOf(pick, [host, null, 'zoom.us'])
  const at = NINE + pick(3 * HOUR_MS)
  const port = oneOf(pick, [443, 443, 9, 8801])
  return { source, at, host, address: destination, port, serverName, httpHost: null, tunnel: pick(4) > 0 }
}

interface Judged {
  readonly verdict: Verdict
  /** What of the request was known by then. */
  readonly seen: Request
  readonly isByPort: boolean
}

/** What the proxy does: the name is judged, then the port, then all else. */
function judged(policy: Policy, request: Request): Judged {
  const asked = { ...request, address: request.host === null ? request.address : null, serverName: null }
  const first = decide(policy, asked)
  if (first.action === 'block' || first.action === 'refuse') return { verdict: first, seen: asked, isByPort: false }
  const isOpen = !request.tunnel || request.port === 443 || portIsOpenFor(policy, asked)
  if (!isOpen) return { verdict: { ...first, action: 'refuse', rule: 'none' }, seen: asked, isByPort: true }
  const seen = request.tunnel ? request : { ...request, serverName: null }
  return { verdict: decide(policy, seen), seen, isByPort: false }
}

/** The request as a record or a tally would tell it; null where neither does. */
function told(policy: Policy, { verdict, seen, isByPort }: Judged, isPseudonymous: boolean): Past | null {
  const { segment, service, action, rule, exception } = verdict
  if (action === 'allow' && service === 'none') return null
  const hour = seen.at - (seen.at % HOUR_MS)
  const isTallied = action === 'allow'
  const { host, port, tunnel, serverName, httpHost, address } = seen
  const held = verdict.evidence.find(({ kind }) => kind === 'address')?.match ?? null
  const asked: Past['asked'] =
    service === 'none' && rule !== 'ip_literals'
      ? 'hidden'
      : {
          host,
          port,
          tunnel: isTallied ? null : tunnel,
          serverName,
          httpHost,
          address: isTallied ? null : address,
          held,
        }
  return {
    segment: segment.id,
    medium: segment.medium,
    prefix: isTallied ? null : verdict.prefix,
    source: isTallied || isPseudonymous ? null : seen.source,
    from: isTallied ? hour : seen.at,
    to: isTallied ? hour + HOUR_MS - 1 : seen.at,
    asked,
    was: { action, rule, service, exception, revision: policy.revision, by: isByPort ? 'port' : 'rules' },
    count: 1,
  }
}

t.test('what is foreseen is what the new rules would have said, at random', async (t) => {
  const pick = random(20_261_123)
  const counts = { told: 0, decided: 0, tallied: 0, byPort: 0 }
  for (let round = 0; round < 60; round++) {
    const before = compiled(someFile(pick))
    const text = pick(4) === 0 ? null : someFile(pick)
    const after = text === null ? before : compiled(text)
    const replay = createReplay(after, (revision) => (revision === before.revision ? before : null), BARRIERS)
    const builder = new SimulationBuilder()
    for (let n = 0; n < 250; n++) {
      const was = judged(before, someRequest(pick))
      const past = told(before, was, pick(3) === 0)
      if (past === null) continue
      const outcome = replay(past)
      builder.add(past, outcome, { reference: 'r', client: 'c' })
      counts.told++
      if (typeof outcome === 'string') continue
      counts.decided++
      if (past.was.action === 'allow') counts.tallied++
      if (past.was.by === 'rules' && outcome.action === 'refuse' && outcome.rule !== 'unknown_clients') counts.byPort++
      // What a denial kept from being seen is none of what is foreseen.
      const { verdict: real } = judged(after, was.seen)
      if (real.action === outcome.action) continue
      t.fail(`round ${round}: foreseen ${inWords(outcome)}, and it is ${real.action} by ${real.rule}`, {
        seen: was.seen,
        past,
        text,
      })
    }
    const { totals, changes } = builder.build()
    t.equal(totals.newly_blocked + totals.newly_allowed + totals.unchanged + totals.undecidable, totals.requests)
    if (text === null)
      t.same(
        [totals.newly_blocked, totals.newly_allowed, totals.changed_rule, changes],
        [0, 0, 0, []],
        'the same file changes nothing',
      )
  }
  t.ok(counts.told > 5000 && counts.tallied > 1000, `enough was judged: ${JSON.stringify(counts)}`)
  t.ok(counts.byPort > 100, `and of that, some by its port: ${JSON.stringify(counts)}`)
  t.ok(counts.decided / counts.told > 0.5, `and most of it foreseen: ${JSON.stringify(counts)}`)
})
