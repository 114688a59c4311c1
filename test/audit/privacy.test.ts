/** Pseudonyms in place of addresses: what stands in the log, who can tell whom it is, and until when. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { AuditOptions } from '../../audit/audit.ts'
import { destroyMonth, readMonthKey } from '../../audit/privacy-keys.ts'
import { isPseudonym, monthAfter, monthKey, pseudonymOf, sealClient, unsealClient } from '../../audit/pseudonym.ts'
import { verifyLog } from '../../audit/verify.ts'
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
