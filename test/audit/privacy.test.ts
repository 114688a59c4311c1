/** Pseudonyms in place of addresses: what stands in the log, who can tell whom it is, and until when. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { AuditOptions } from '../../audit/audit.ts'
import { coarsened } from '../../audit/coarse.ts'
import { destroyMonth, readMonthKey } from '../../audit/privacy-keys.ts'
import { verifyLog } from '../../audit/proof/verify.ts'
import { isPseudonym, monthAfter, monthKey, pseudonymOf, sealClient, unsealClient } from '../../audit/pseudonym.ts'
import { SYSTEM_ACTIONS } from '../../rules/events.ts'
import { LATER, newKey, openSigned } from './evidence-helpers.ts'
import { codeOf, denial, NOON, openWith, readLog, systemEvent } from './helpers.ts'

const DAY = 86_400_000
/** Every way in which an address could stand in a text. */
const ADDRESSES = ['10.20.0.7', '10.20.0.8', '2001:db8::7', '10.0.0.5', '10.0.0.6', '51234']

function client(ip: string, path: readonly string[] = []) {
  return denial(1, { source: { ip, port: 51234 }, client: { learnt: 'forwarded', path } })
}

function privacy(dir: string): Pick<AuditOptions, 'privacy'> {
  return { privacy: { key: join(dir, 'keys/privacy.key'), retentionDays: 90 } }
}

t.test('a client is the same for a month and another in the next; its address is nowhere in the folder', async (t) => {
  const dir = t.testdir()
  const log = join(dir, 'log')
  let at = Date.parse('2026-11-30T23:59:00Z')
  const { audit, counts } = await openWith(log, { now: () => at, repeatSeconds: 60, ...privacy(dir) })
  await audit.record(client('10.20.0.7', ['10.0.0.5', '10.0.0.6']))
  await audit.record(client('10.20.0.8'))
  await audit.record(client('2001:db8::7'))
  await audit.record(client('10.20.0.7'))
  at += 120_000
  await audit.record(client('10.20.0.7'))
  await audit.close()
  const { records, faults, files } = readLog(log)
  t.same(faults, [])
  const seen = records.map(
    ({ event, source }) => `${event.action} ${source.address.slice(0, 15)} ${source.ip} ${source.port}`,
  )
  const [november, december] = ['client-2026-11-', 'client-2026-12-']
  t.same(seen, [
    `block ${november} null null`,
    `block ${november} null null`,
    `block ${november} null null`,
    `block ${december} null null`,
    `repeat ${december} null null`,
  ])
  const [first, second, third, last, repeat] = records.map(({ source }) => source.address)
  t.equal(new Set([first, second, third, last]).size, 4)
  t.equal(repeat, last)
  t.ok([first, second, ...records[0].landline.client.path].every(isPseudonym))
  t.equal(records[0].landline.client.path.length, 2, 'hops have pseudonyms too')
  const all = files.map((name) => readFileSync(join(log, name), 'utf8')).join('')
  for (const address of ADDRESSES) t.notMatch(all, address)
  t.same(counts.logged, [])
})

t.test('a prefix that would tell who it was is left out', async (t) => {
  const dir = t.testdir()
  const { audit } = await openWith(join(dir, 'log'), privacy(dir))
  const cases: readonly (readonly [prefix: string | null, want: string | null])[] = [
    ['10.20.0.0/16', '10.20.0.0/16'],
    ['10.20.0.0/24', '10.20.0.0/24'],
    ['10.20.0.0/25', null],
    ['10.20.0.7/32', null],
    ['2001:db8:1:2::/64', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::/65', null],
    [null, null],
  ]
  for (const [prefix] of cases) await audit.record(denial(1, { verdict: { ...denial().verdict, prefix } }))
  await audit.close()
  t.same(
    readLog(join(dir, 'log')).records.map(({ landline }) => landline.segment.prefix),
    cases.map(([, want]) => want),
  )
})

t.test('what a record says in words names no address either, whatever the record is of', async (t) => {
  const dir = t.testdir()
  const log = join(dir, 'log')
  const { audit } = await openWith(log, privacy(dir))
  const signed = 'seen from 10.20.0.7'
  const wordForWord: readonly string[] = ['start', 'tally', 'sign-off']
  for (const action of SYSTEM_ACTIONS) {
    const words = ['segment wifi: prefixes added: 10.20.0.7/32 and 10.20.0.0/16', '[2001:db8::7]:443, from 10.0.0.5']
    const facts = { changes: words, ticket: 'CHG-1 for 10.20.0.8', count: 3, ended: null }
    const event = { action, outcome: 'success', reason: 'asked by 10.0.0.6', policy: null, facts } as const
    const own = { ...event, reason: signed, facts: { statement: signed, key: 'landline-1+10.0.0.6+AAAA' } }
    await audit.record({ ...(wordForWord.includes(action) ? own : event), source: { ip: '10.20.0.7' } })
  }
  await audit.close()
  const { records } = readLog(log)
  t.same(records.map(({ event }) => event.action).sort(), [...SYSTEM_ACTIONS].sort())
  for (const { event, source, landline } of records) {
    const isOwn = wordForWord.includes(event.action)
    t.equal(source, undefined, `${event.action} has no source`)
    t.equal(event.reason, isOwn ? signed : 'asked by part of 10.0.0.0/24', event.action)
    const changes = [
      'segment wifi: prefixes added: part of 10.20.0.0/24 and 10.20.0.0/16',
      '[part of 2001:db8::/64]:443, from part of 10.0.0.0/24',
    ]
    const coarse = { changes, ticket: 'CHG-1 for part of 10.20.0.0/24', count: 3, ended: null }
    t.same(landline.facts, isOwn ? { statement: signed, key: 'landline-1+10.0.0.6+AAAA' } : coarse, event.action)
  }
})

t.test('addresses in words become as coarse as the prefixes that records show', (t) => {
  const cases: readonly (readonly [text: string, want: string])[] = [
    ['10.20.5.7', 'part of 10.20.5.0/24'],
    ['10.20.5.7/32 and 10.20.5.128/25', 'part of 10.20.5.0/24 and part of 10.20.5.0/24'],
    ['10.20.5.0/24, 10.0.0.0/8, 0.0.0.0/0', '10.20.5.0/24, 10.0.0.0/8, 0.0.0.0/0'],
    ['10.20.5.0', 'part of 10.20.5.0/24'],
    ['10.20.5.7/16 has host bits set', 'part of 10.20.0.0/16 has host bits set'],
    ['10.20.5.7/99', 'part of 10.20.5.0/24'],
    ['10.20.5.10-10.20.6.99', 'part of 10.20.5.0/24-part of 10.20.6.0/24'],
    ['"10.20.5.300", 010.20.5.7', '"(an address)", (an address)'],
    ['http://10.20.5.7:8080/ (10.20.5.7)', 'http://part of 10.20.5.0/24:8080/ (part of 10.20.5.0/24)'],
    ['ws-10.20.5.7.office', 'ws-part of 10.20.5.0/24.office'],
    ['2001:db8:1:2:3::4', 'part of 2001:db8:1:2::/64'],
    ['2001:DB8:1:2::4/128: error', 'part of 2001:db8:1:2::/64: error'],
    ['2001:db8:1:2::4: error: no', 'part of 2001:db8:1:2::/64: error: no'],
    ['2001:db8:1:2:3:4:5:6', 'part of 2001:db8:1:2::/64'],
    ['2001:db8:1:2:3:4:5:6:443', 'part of 2001:db8:1:2::/64:443'],
    ['2001:db8:1:2::/64, 2001:db8::/32, ::/0', '2001:db8:1:2::/64, 2001:db8::/32, ::/0'],
    ['2001:db8:1:2::/65', 'part of 2001:db8:1:2::/64'],
    ['[::1]:3128', '[part of ::/64]:3128'],
    ['fe80::1%eth0', 'part of fe80::/64%eth0'],
    ['::ffff:10.20.5.7', 'part of 10.20.5.0/24'],
    ['::ffff:10.20.5.7/128 ::ffff:10.20.0.0/112', 'part of 10.20.5.0/24 ::ffff:10.20.0.0/112'],
    ['64:ff9b::10.20.5.7', 'part of 64:ff9b::/64'],
    ['rules.yaml:5:7: error: a::b:c', 'rules.yaml:5:7: error: part of a::/64'],
    ['rules.yaml:10:20', 'rules.yaml:10:20'],
    ['rules.yaml:5:7:2001:db8::7', 'rules.yaml(an address)'],
    ['2001:db8:0:0:0:0:0:7:2001:db8::9', 'part of 2001:db8::/64(an address)'],
    [`${'1:'.repeat(5000)} 12:00`, 'part of 1:1:1:1::/64(an address) 12:00'],
    ['5:7:10.20.5.7', '5:7:part of 10.20.5.0/24'],
    ['2026-12-31T18:00:00.000Z 18:00:00 mon-fri 08:00-18:00', '2026-12-31T18:00:00.000Z 18:00:00 mon-fri 08:00-18:00'],
    ['sha256:dcede88e52bf 1.2.3 v24.1.0 :: CHG-1234', 'sha256:dcede88e52bf 1.2.3 v24.1.0 part of ::/64 CHG-1234'],
    ['client-2026-11-9c1de07a41f2b8d3506e7fa1c2b94d08', 'client-2026-11-9c1de07a41f2b8d3506e7fa1c2b94d08'],
    ['', ''],
  ]
  for (const [text, want] of cases) {
    t.equal(coarsened(text), want)
    t.equal(coarsened(coarsened(text)), want, 'once is enough')
  }
  t.end()
})

t.test(
  'with the key of its month a record is revealed; once that is destroyed, it is not, and the log is whole',
  async (t) => {
    const dir = t.testdir()
    const log = join(dir, 'log')
    const path = join(dir, 'keys/privacy.key')
    const key = newKey()
    let at = Date.parse('2026-10-31T12:00:00Z')
    const months = ['2026-10', '2026-11'] as const
    for (const _ of months) {
      const { audit } = await openSigned(log, key, { now: () => at, ...privacy(dir) })
      await audit.record(client('10.20.0.7', ['10.0.0.5']))
      await audit.close()
      at += 7 * DAY
    }
    const [october, november] = readLog(log).records.filter(({ event }) => event.action === 'block')
    const revealed = (record: typeof october) => {
      const { mac } = { mac: readMonthKey(path, record.source.address.slice(7, 14)) }
      return mac === null ? null : unsealClient(mac, record.landline.client.sealed)
    }
    const want = { ip: '10.20.0.7', port: 51234, path: ['10.0.0.5'] }
    t.same([revealed(october), revealed(november)], [want, want])
    t.equal(destroyMonth(path, { month: '2026-10', by: 'privacy officer', reason: 'agreed' }, at), true)
    t.equal(destroyMonth(path, { month: '2026-10', by: 'privacy officer', reason: 'agreed' }, at), false)
    t.same([revealed(october), revealed(november)], [null, want])
    for (let start = 0; start < 2; start++) {
      const { audit, counts } = await openSigned(log, key, { now: () => at, ...privacy(dir) })
      await audit.record(systemEvent('start'))
      while (start === 0 && counts.recorded['key-destroyed'] === undefined) await wait(1)
      await audit.close()
    }
    const told = readLog(log).records.filter(({ event }) => event.action === 'key-destroyed')
    t.same(
      told.map(({ event, landline }) => [event.reason, landline.facts]),
      [['agreed', { month: '2026-10', by: 'privacy officer' }]],
    )
    const { result, problems } = await verifyLog({ dir: log, keys: [], outside: [], now: LATER })
    t.same([result, problems], ['consistent', []])
  },
)

t.test(
  'the keys: for their owner alone, beside the log and never in it, the next month before it is needed',
  async (t) => {
    const dir = t.testdir()
    const log = join(dir, 'log')
    const path = join(dir, 'keys/privacy.key')
    let at = Date.parse('2026-11-15T12:00:00Z')
    const first = await openWith(log, { now: () => at, ...privacy(dir) })
    await first.audit.record(client('10.20.0.7'))
    await first.audit.close()
    t.equal(statSync(path).mode & 0o777, 0o600)
    t.equal(statSync(join(dir, 'keys')).mode & 0o777, 0o700)
    t.ok(readMonthKey(path, '2026-11') && readMonthKey(path, '2026-12'))
    t.not(
      readMonthKey(path, '2026-11')?.mac.export().toString('hex'),
      readMonthKey(path, '2026-12')?.mac.export().toString('hex'),
    )
    t.same(readdirSync(join(dir, 'keys')), ['privacy.key'], 'nothing is left of writing it')
    const inside = join(log, 'privacy.key')
    await t.rejects(openWith(log, { privacy: { key: inside, retentionDays: 90 } }), { code: 'ERR_AUDIT_PRIVACY' })
    t.notOk(existsSync(inside))
    at = Date.parse('2027-03-20T12:00:00Z')
    const months = ['2026-11', '2026-12', '2027-03', '2027-04']
    for (const [isPurged, want] of [
      [false, [true, true, true, true]],
      [true, [false, true, true, true]],
    ] as const) {
      const [oldest = ''] = readLog(log).files
      if (isPurged) rmSync(join(log, oldest))
      const { audit, counts } = await openWith(log, { now: () => at, checkMs: 5, ...privacy(dir) })
      await audit.record(client('10.20.0.8'))
      while (isPurged && counts.recorded['key-destroyed'] === undefined) await wait(1)
      await audit.close()
      const found = months.map((month) => readMonthKey(path, month) !== null)
      t.same(found, want, 'beyond the retention a key goes, but not before its records')
    }
    for (const text of [
      '{',
      '{"format":"other"}',
      '{"format":"landline-privacy-keys/1","months":{"2026-13":{}},"destroyed":{}}',
    ]) {
      writeFileSync(path, text)
      await t.rejects(openWith(log, privacy(dir)), { code: 'ERR_AUDIT_PRIVACY', message: /it is no file of such keys/ })
    }
  },
)

t.test('what cannot be given a pseudonym is not recorded, and not let through', async (t) => {
  const dir = t.testdir()
  const log = join(dir, 'log')
  const path = join(dir, 'keys/privacy.key')
  for (const onFailure of ['block', 'continue'] as const) {
    let at = NOON
    const { audit, counts } = await openWith(log, { now: () => at, onFailure, repeatSeconds: 60, ...privacy(dir) })
    await audit.record(client('10.20.0.7'))
    await audit.record(client('10.20.0.7'))
    const kept = readFileSync(path)
    writeFileSync(path, 'damaged')
    at += 100 * DAY
    const refused = await audit.record(client('10.20.0.8')).catch(codeOf)
    t.equal(refused, 'ERR_AUDIT_PRIVACY', onFailure)
    await audit.close()
    t.ok(counts.logged.includes('error audit: a record is lost'), 'the repeat, which nobody waits for')
    writeFileSync(path, kept)
  }
  const text = readLog(log)
    .files.map((name) => readFileSync(join(log, name), 'utf8'))
    .join('')
  for (const address of ADDRESSES) t.notMatch(text, address)
})

t.test('keys that cannot be cared for are told and counted, long before they are needed', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'keys/privacy.key')
  const { audit, counts } = await openWith(join(dir, 'log'), { checkMs: 1, ...privacy(dir) })
  writeFileSync(path, 'damaged')
  while (counts.writeErrors < 3) await wait(1)
  t.same(counts.logged, ['error audit: the privacy keys cannot be cared for'], 'told once, counted each time')
  await audit.record(client('10.20.0.7'))
  await audit.close()
  t.equal(readLog(join(dir, 'log')).records.length, 1, 'and records go on')
})

t.test('a pseudonym and what is sealed beside it, by the key of a month', (t) => {
  const november = monthKey('2026-11', Buffer.alloc(32, 1))
  const other = monthKey('2026-11', Buffer.alloc(32, 2))
  const december = monthKey('2026-12', Buffer.alloc(32, 1))
  const names = [november, other, december].flatMap((key) =>
    ['10.20.0.7', '10.20.0.8'].map((ip) => pseudonymOf(key, ip)),
  )
  t.equal(new Set(names).size, 6)
  t.equal(
    pseudonymOf(november, '10.20.0.7'),
    'client-2026-11-4fa0a3ae760a57358d42ecfbd8225985',
    'as computed by Python: HMAC-SHA-256 under the key derived by HKDF',
  )
  const someone = { ip: '2001:db8::7', port: null, path: [] }
  const sealed = sealClient(november, someone)
  t.not(sealClient(november, someone), sealed, 'never the same twice')
  t.same(unsealClient(november, sealed), someone)
  for (const key of [other, december]) t.equal(unsealClient(key, sealed), null)
  for (let at = 0; at < sealed.length - 4; at += 3)
    t.equal(
      unsealClient(november, `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`),
      null,
    )
  for (const text of ['', 'AAAA', 'no base64']) t.equal(unsealClient(november, text), null)
  t.same(['2026-11', '2026-12', '2026-02'].map(monthAfter), ['2026-12', '2027-01', '2026-03'])
  for (const text of ['client-2026-11-', 'client-2026-13-'.padEnd(47, 'a'), 'client-2026-11-'.padEnd(47, 'G')])
    t.equal(isPseudonym(text), false)
  t.end()
})
