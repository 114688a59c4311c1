/** Who may call: the users file, its hashes, the throttle, and what of a failed log-in goes on the record. */
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { createAuthenticator } from '../../admin/authentication.ts'
import { createFailedLogins } from '../../admin/failed-logins.ts'
import { hashPassword, isPassword, type PasswordHash, parsePasswordHash } from '../../admin/password.ts'
import { Throttle } from '../../admin/throttle.ts'
import { parseUsers, type Users } from '../../admin/users.ts'
import type { SystemEvent, TrafficEvent } from '../../rules/events.ts'

/** Well-formed, as cheap as is taken, and of no password. */
const tag = 'A'.repeat(43)
const HASH = `$argon2id$v=19$m=7168,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$${tag}`

t.test('a hash is right for its password and for no other', async (t) => {
  const text = await hashPassword('pässword of anna')
  t.match(text, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  t.not(text, await hashPassword('pässword of anna'), 'salted')
  const hash = parsePasswordHash(text) as PasswordHash
  t.equal(await isPassword('pässword of anna', hash), true)
  t.equal(await isPassword('pa\u0308ssword of anna'.normalize('NFD'), hash), true, 'however the ä was typed')
  for (const wrong of ['', 'password of anna', 'pässword of anna ', 'Pässword of anna'])
    t.equal(await isPassword(wrong, hash), false, wrong)
})

t.test('the answer to a test vector of another implementation', async (t) => {
  // From the tests of the reference implementation (phc-winner-argon2, src/test.c).
  const known = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  t.equal(await isPassword('password', parsePasswordHash(known) as PasswordHash), true)
})

const badHashes: readonly (readonly [name: string, text: string, want: RegExp])[] = [
  ['no hash', 'secret', /no argon2id hash/],
  ['another kind', '$2b$12$abcdefghijklmnopqrstuv', /no argon2id hash/],
  ['argon2i', HASH.replace('argon2id', 'argon2i'), /no argon2id hash/],
  ['an older version', HASH.replace('v=19', 'v=16'), /no argon2id hash/],
  ['too little memory', HASH.replace('m=7168', 'm=1024'), /memory \(m, in KiB\) of 1024; from 7168 to 262144/],
  ['all of the memory', HASH.replace('m=7168', 'm=4194304'), /of 4194304/],
  ['no pass', HASH.replace('t=1', 't=0'), /passes \(t\) of 0/],
  ['too many passes', HASH.replace('t=1', 't=99'), /passes \(t\) of 99/],
  ['no lane', HASH.replace('p=1', 'p=0'), /parallelism \(p\) of 0/],
  ['a short salt', HASH.replace('c29tZXNhbHRzb21lc2FsdA', 'c2Fs'), /salt in bytes of 3/],
  ['a short tag', HASH.replace(tag, 'AAAA'), /hash in bytes of 3/],
  ['something behind it', `${HASH}$`, /no argon2id hash/],
]

t.test('hashes that are not taken', async (t) => {
  t.type(parsePasswordHash(HASH), 'object')
  for (const [name, text, want] of badHashes) t.match(parsePasswordHash(text), want, name)
})

const users = (...lines: readonly string[]) => parseUsers('users.yaml', ['users:', ...lines].join('\n'))
const entry = (name: string, roles = 'operator', hash = HASH) =>
  `  - { name: ${name}, roles: [${roles}], hash: "${hash}" }`

const badFiles: readonly (readonly [name: string, text: string, want: RegExp])[] = [
  ['no YAML', 'users: [', /^users\.yaml:1:\d+: error: /],
  ['a list', '- a', /^users\.yaml:1:1: error: the file is no map with the key "users"$/],
  ['no users', '{}', /^users\.yaml:1:1: error: users is no list, or missing$/],
  ['an unknown key', `users: []\nuser: 1`, /^users\.yaml:2:1: error: unknown key "user"; did you mean "users"\?$/],
  [
    'a key of no entry',
    `users:\n${entry('a').replace(' }', ', password: x }')}`,
    /unknown key "password"; the keys here are name, roles, hash$/,
  ],
  [
    'a password',
    'users:\n  - { name: a, roles: [operator], hash: "hunter2" }',
    /^users\.yaml:2:\d+: error: the hash of "a" is no/,
  ],
  ['a name that is none', `users:\n${entry('"a b"')}`, /users\.name is no user name/],
  [
    'an unknown role',
    `users:\n${entry('a', 'root')}`,
    /^users\.yaml:2:24: error: users\.roles "root" is none of operator, auditor/,
  ],
  ['no role', `users:\n${entry('a', '')}`, /users\.roles is empty/],
  [
    'no hash',
    'users:\n  - { name: a, roles: [operator] }',
    /users\.hash is no text of the kind that is wanted, or missing/,
  ],
  ['a name twice', `users:\n${entry('a')}\n${entry('a')}`, /^users\.yaml:3:13: error: "a" is listed twice; keep one$/],
]

t.test('a users file is taken whole or not at all, and never quoted', async (t) => {
  const { users: read, problems } = users(entry('anna'), entry('otto', 'auditor, privacy-officer, auditor'))
  t.strictSame(problems, [])
  t.strictSame(
    [...(read ?? [])].map(([name, user]) => [name, user.roles]),
    [
      ['anna', ['operator']],
      ['otto', ['auditor', 'privacy-officer']],
    ],
  )
  for (const [name, text, want] of badFiles) {
    const { users: none, problems } = parseUsers('users.yaml', text)
    t.equal(none, null, name)
    t.match(problems[0], want, name)
    t.notMatch(problems.join(), /hunter2|A{20}/, name)
  }
})

t.test('failures slow down, more and more, and are forgotten', async (t) => {
  let at = 0
  const throttle = new Throttle({ free: 2, firstMs: 100, mostMs: 1000, forgetMs: 10_000, maxKeys: 3, now: () => at })
  const waits = [1, 2, 3, 4, 5, 6, 7, 8].map(() => {
    throttle.failed('a')
    return throttle.waitMs('a')
  })
  t.strictSame(waits, [0, 0, 100, 200, 400, 800, 1000, 1000])
  t.equal(throttle.waitMs('b'), 0, 'others do not wait')
  at += 600
  t.equal(throttle.waitMs('a'), 400)
  at -= 50_000
  t.equal(throttle.waitMs('a'), 1000, 'a clock that was set back locks nobody out for longer')
  at += 50_000 + 9400
  t.equal(throttle.waitMs('a'), 0)
  throttle.failed('a')
  t.equal(throttle.waitMs('a'), 0, 'forgotten: it begins anew')
  for (const key of ['a', 'a', 'b', 'c', 'd']) throttle.failed(key)
  throttle.failed('a')
  t.equal(throttle.waitMs('a'), 0, 'the oldest key made room')
  for (const key of ['x', 'x', 'x', 'y', 'z', 'x', 'other']) throttle.failed(key)
  t.ok(throttle.waitMs('x') > 0, 'and that is the one that failed longest ago')
  for (const _ of '1234') throttle.failed('d')
  throttle.succeeded('d')
  t.equal(throttle.waitMs('d'), 0)
})

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

/** Every password is right that is the user's name backwards. */
function authenticator({ names = ['anna', 'otto'] } = {}) {
  const clock = { at: 1_000_000 }
  const state = { users: users(...names.map((name) => entry(name))).users as Users, compared: 0, running: 0, most: 0 }
  const right = new Map(names.map((name) => [[...name].reverse().join(''), true]))
  let answer: Promise<void> = Promise.resolve()
  const made = createAuthenticator({
    users: () => state.users,
    now: () => clock.at,
    async isPassword(password, { passes }) {
      state.compared++
      state.most = Math.max(state.most, ++state.running)
      await answer
      state.running--
      return passes === 1 && right.has(password)
    },
  })
  const hang = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    answer = promise
    return resolve
  }
  const ask = async (credentials: string | undefined, address = '192.0.2.1') => {
    const found = await made.authenticate(credentials === undefined ? undefined : basic(credentials), address)
    return found.kind === 'user'
      ? `user ${found.user.name}`
      : found.kind === 'wrong'
        ? `wrong ${found.user}`
        : found.kind
  }
  return { clock, state, hang, ask, authenticate: made.authenticate }
}

t.test('who says who they are', async (t) => {
  const { ask, authenticate } = authenticator()
  t.equal(await ask('anna:anna'), 'user anna', 'a palindrome of a name')
  t.equal(await ask('otto:otto'), 'user otto')
  t.equal(await ask('anna:otta'), 'wrong anna')
  t.equal(await ask('correct horse:x'), 'wrong null', 'what is no user may be a password, and is not told on')
  t.equal(await ask(undefined), 'missing')
  const unread = [
    '',
    'Basic',
    'Basic !',
    'Bearer YTpi',
    basic('no colon'),
    `Basic ${'A'.repeat(5000)}`,
    'Basic YTpi YTpi',
  ]
  for (const given of unread)
    t.strictSame(await authenticate(given, '192.0.2.1'), { kind: 'missing' }, given.slice(0, 20))
  t.match(
    await authenticate(`bASIC  ${basic('anna:anna').slice(6)}`, '192.0.2.1'),
    { kind: 'user' },
    'the scheme in any case',
  )
})

t.test('a log-in is good for a minute, then it is looked at again; a changed users file ends it at once', async (t) => {
  const { clock, state, ask } = authenticator()
  for (const _ of '123') t.equal(await ask('anna:anna'), 'user anna')
  t.equal(state.compared, 1)
  t.equal(await ask('anna:wrong'), 'wrong anna', 'no other password goes with it')
  clock.at += 60_000
  t.equal(await ask('anna:anna'), 'user anna')
  t.equal(state.compared, 3)
  state.users = users(entry('anna', 'auditor', HASH.replace('c29t', 'c29u'))).users as Users
  await ask('anna:anna')
  t.equal(state.compared, 4, 'another hash')
  state.users = new Map()
  t.equal(await ask('anna:anna'), 'wrong null')
})

t.test('guessing slows down the address that guesses, and hardly its victim', async (t) => {
  const { clock, state, ask } = authenticator()
  t.equal(await ask('anna:anna', '192.0.2.9'), 'user anna')
  clock.at += 60_000
  const first = []
  for (const _ of '1234567') first.push(await ask('anna:x', '2001:db8::1'))
  t.strictSame(first, [...Array(6).fill('wrong anna'), 'throttled'])
  t.equal(await ask('anna:anna', '2001:db8::2'), 'throttled', 'the next address of the same client')
  t.equal(await ask('otto:otto', '2001:db8:0:1::1'), 'user otto', 'somebody else')
  const compared = state.compared
  t.equal(await ask('anna:anna', '2001:db8::1'), 'throttled', 'not even looked at, right or wrong')
  t.equal(state.compared, compared)
  clock.at += 1000
  t.equal(await ask('anna:anna', '2001:db8::1'), 'user anna')
  for (let n = 0; n < 40; n++) await ask('anna:x', `198.51.100.${n}`)
  clock.at += 60_000
  for (let n = 0; n < 2; n++) await ask('anna:x', `203.0.113.${n}`)
  t.equal(await ask('anna:anna', '203.0.113.99'), 'throttled', 'many addresses guess: the name is slowed down')
  t.equal(await ask('anna:anna', '192.0.2.9'), 'user anna', 'but not where anna has logged in before')
  clock.at += 10_000
  t.equal(await ask('anna:anna', '203.0.113.99'), 'user anna', 'and nobody for more than ten seconds')
})

t.test('who has to wait is not looked at, whatever is remembered of others', async (t) => {
  const { state, ask } = authenticator()
  const [owner, guesser] = ['192.0.2.1', '198.51.100.1']
  t.equal(await ask('anna:anna', owner), 'user anna')
  for (let n = 0; n < 6; n++) t.equal(await ask(`anna:${n}`, guesser), 'wrong anna')
  const compared = state.compared
  t.equal(await ask('anna:anna', guesser), 'throttled', 'the right password')
  t.equal(await ask('anna:x', guesser), 'throttled', 'a wrong one')
  for (let n = 0; n < 30; n++) t.equal(await ask('anna:anna', owner), 'user anna', 'the owner elsewhere')
  t.equal(state.compared, compared, 'at no cost, for either')
})

t.test('a log-in is remembered for where it came from', async (t) => {
  const { state, ask } = authenticator()
  for (const _ of '12') {
    t.equal(await ask('anna:anna', '192.0.2.1'), 'user anna')
    t.equal(await ask('anna:anna', '2001:db8::1'), 'user anna')
    t.equal(await ask('anna:anna', '2001:db8::2'), 'user anna')
  }
  t.equal(state.compared, 2)
})

t.test('who gets it right has all failures free again', async (t) => {
  const { ask } = authenticator()
  for (const given of ['1', '2', '3', '4', '5', 'anna', '6', '7', '8', '9'])
    t.equal(await ask(`anna:${given}`), given === 'anna' ? 'user anna' : 'wrong anna')
})

t.test('a flood of names that nobody has makes none be forgotten that is guessed at', async (t) => {
  const { ask } = authenticator()
  for (let n = 0; n < 22; n++) await ask('anna:x', `198.51.100.${n}`)
  for (let n = 0; n < 10_000; n++) await ask(`nobody ${n}:x`, `10.0.${n >> 8}.${n & 255}`)
  t.equal(await ask('anna:anna', '203.0.113.9'), 'throttled')
})

t.test('where somebody has logged in is remembered of the latest so many places', async (t) => {
  const { clock, ask } = authenticator()
  const homes = (first: number, last: number) =>
    Array.from({ length: last - first }, (_, n) => `10.0.${(first + n) >> 8}.${(first + n) & 255}`)
  const [back = '', oldest = '', next = ''] = homes(0, 3)
  for (const home of [...homes(0, 1000), back, ...homes(1000, 1001)]) {
    clock.at += 60_000
    await ask('anna:anna', home)
  }
  clock.at += 60_000
  for (let n = 0; n < 22; n++) await ask('anna:x', `198.51.100.${n}`)
  t.equal(await ask('anna:anna', oldest), 'throttled')
  for (const home of [back, next]) t.equal(await ask('anna:anna', home), 'user anna')
})

t.test('a flood of log-ins: one is hashed at a time, few wait', async (t) => {
  const { state, hang, ask } = authenticator()
  const go = hang()
  const all = Array.from({ length: 200 }, (_, n) => ask(`anna:guess ${n}`, `198.51.${n}.1`))
  await Promise.resolve()
  go()
  const answers = await Promise.all(all)
  t.equal(state.most, 1)
  t.equal(answers.filter((answer) => answer === 'busy').length, 200 - 17)
  t.equal(await ask('otto:otto', '192.0.2.3'), 'user otto', 'afterwards it goes on')
})

t.test('a flood from one address leaves room for others', async (t) => {
  const { state, hang, ask } = authenticator()
  const go = hang()
  const flood = Array.from({ length: 50 }, (_, n) => ask(`anna:${n}`, `2001:db8::${n}`))
  const other = ask('otto:otto', '192.0.2.3')
  go()
  const answers = await Promise.all(flood)
  t.equal(answers.filter((answer) => answer === 'busy').length, 46)
  t.equal(state.compared, 5)
  t.equal(await other, 'user otto')
})

t.test('what waits behind failures of its own address is not looked at any more', async (t) => {
  const { state, ask } = authenticator()
  for (let n = 0; n < 5; n++) await ask(`anna:${n}`, '198.51.100.1')
  const answers = await Promise.all([1, 2, 3].map((n) => ask(`anna:x${n}`, '198.51.100.1')))
  t.strictSame(answers, ['wrong anna', 'throttled', 'throttled'])
  t.equal(state.compared, 6)
})

function logins(
  t: { teardown(work: () => unknown): unknown },
  options: { windowMs?: number; fails?: boolean; withAddress?: boolean } = {},
) {
  const records: SystemEvent[] = []
  const lines: string[] = []
  const made = createFailedLogins({
    recorder: {
      async record(event: SystemEvent | TrafficEvent) {
        if (options.fails) throw new Error('the disk is full')
        records.push(event as SystemEvent) // nothing else is recorded here
        return 'reference'
      },
    },
    withAddress: options.withAddress ?? true,
    log: { warn: (fields, message) => lines.push(JSON.stringify([fields, message])) },
    now: () => Date.UTC(2026, 10, 25),
    windowMs: options.windowMs ?? 60_000,
    maxWindows: 10,
  })
  t.teardown(() => made.flush())
  return { records, lines, ...made }
}

t.test('the first failure is recorded at once, those that follow as one', async (t) => {
  const { records, failed, flush, lines } = logins(t)
  for (const _ of '1234') await failed({ user: 'anna', address: '192.0.2.1' })
  await failed({ user: null, address: '192.0.2.1' })
  t.match(records, [
    { action: 'login-failed', outcome: 'failure', facts: { user: 'anna', count: 1 }, source: { ip: '192.0.2.1' } },
    { facts: { user: null, count: 1 } },
  ])
  await flush()
  t.match(records.slice(2), [{ facts: { user: 'anna', count: 3, first: '2026-11-25T00:00:00.000Z' } }])
  t.equal(records.length, 3)
  t.notMatch(lines.join(), '192.0.2', 'no address in the log')
})

t.test('where the record holds pseudonyms, it holds no address of a log-in', async (t) => {
  const { records, failed, flush } = logins(t, { withAddress: false })
  for (const _ of '12') await failed({ user: 'anna', address: '192.0.2.1' })
  await flush()
  t.equal(records.length, 2)
  t.notMatch(JSON.stringify(records), '192.0.2')
})

t.test('a storm from everywhere makes a bounded number of records', async (t) => {
  const { records, failed, flush, lines } = logins(t)
  for (let n = 0; n < 5000; n++) await failed({ user: null, address: `198.51.${n >> 8}.${n & 255}` })
  t.equal(records.length, 11)
  t.equal(lines.length, 11)
  await flush()
  t.equal(records.length, 12)
  t.match(records.at(-1), { facts: { user: null, count: 4989 } })
  t.notOk(records.at(-1)?.source)
})

t.test('a window ends by itself, and a full disk is told of', async (t) => {
  const { records, failed } = logins(t, { windowMs: 5 })
  await failed({ user: 'anna', address: '192.0.2.1' })
  await failed({ user: 'anna', address: '192.0.2.1' })
  while (records.length < 2) await wait(2)
  t.match(records[1], { facts: { count: 1 } })
  const full = logins(t, { fails: true })
  await full.failed({ user: 'anna', address: '192.0.2.1' })
  t.match(full.lines.join(), 'could not be recorded')
})
