/** A review from end to end: denials wait for it, an auditor signs them off through the running proxy, anybody can verify that. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask } from './ask.ts'
import { command, scratch, start, waitFor } from './landline.ts'
import { PASSWORD, usersFile } from './users.ts'

const CONFIG = `admin: { users: users.yaml }
audit: { checkpoint: { records: 1, seconds: 1 } }
`
// Each command is a process of its own.
t.setTimeout(120_000)

const UNREVIEWED = 'landline_audit_unreviewed_records'

t.test('a reviewer signs off what is there, on record, over a restart, and verifiable', async (t) => {
  const dir = scratch(t)
  usersFile(dir)
  const first = await start(t, { dir, config: CONFIG })
  const deny = async (port: number) => t.equal((await ask(port, 'http://zoom.us/', { from: '127.0.0.2' })).status, 403)
  for (let n = 0; n < 3; n++) await deny(first.port)
  t.equal(await first.metric(UNREVIEWED), 3)
  const made = await command(dir, ['audit', 'keygen', 'anna.pem', '--name', 'Anna-Auer'])
  const vkey = made.out.trim()
  const about = ['--reviewer', 'Anna Auer', '--role', 'internal audit', '--key', 'anna.pem']
  const asked = (port: number, user = 'otto') => [
    ...['--admin', `127.0.0.1:${port}`, '--user', user],
    ...['--password-file', 'password'],
  ]
  const signOff = (...more: readonly string[]) => command(dir, ['audit', 'sign-off', ...about, ...more])
  const { sequence = 0 } = first.records().findLast(({ event }) => event.action === 'block')?.event ?? {}
  const checkpoints = () => readFileSync(join(dir, 'data/audit/checkpoints.txt'), 'utf8')
  const covered = () =>
    Math.max(...[...checkpoints().matchAll(/^landline-1\n(\d+)$/gm)].map(([, size]) => Number(size)))
  await waitFor('a checkpoint over the denials', () => covered() >= sequence)

  t.match(await signOff('data/audit', '--range', '..', '--note', 'x'), { code: 3, errors: /name who asks with --user/ })
  t.match(await signOff('--range', '5..2', '--note', 'x', ...asked(first.adminPort)), {
    code: 3,
    errors: /--range 5\.\.2 ends before it begins/,
  })
  const petra = await signOff('--range', '..', '--note', 'x', ...asked(first.adminPort, 'petra'))
  t.match(petra, { code: 1, errors: /has not the role/ })
  const done = await signOff(
    '--range',
    '..',
    '--note',
    'All three are Zoom on Wi-Fi, as meant',
    ...asked(first.adminPort),
  )
  t.match(done, { code: 0, out: /^records 1 to \d+ signed off as in-order by Anna Auer, at the checkpoint of \d+ / })
  const record = first.records().find(({ event }) => event.action === 'sign-off')
  t.match(record, {
    event: { reason: 'All three are Zoom on Wi-Fi, as meant' },
    landline: { facts: { from: 1, user: 'otto', reviewer: 'Anna Auer', role: 'internal audit', key: vkey } },
  })
  t.ok(done.out.includes(`on record as ${record?.event.id}`))
  await waitFor('the count', async () => (await first.metric(UNREVIEWED)) === 0)
  const again = await signOff('--range', `1..${sequence + 1_000_000}`, '--note', 'x', ...asked(first.adminPort))
  t.match(again, {
    code: 2,
    errors:
      /^--range 1\.\.\d+: the newest checkpoint covers records 1 to (\d+), and not record \d+\. Wait .*, or sign off what it covers with --range 1\.\.\1\n/,
  })

  const post = (body: object) =>
    fetch(`http://127.0.0.1:${first.adminPort}/api/v1/sign-off`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(`otto:${PASSWORD}`).toString('base64')}`,
      },
      body: JSON.stringify(body),
    })
  const statement = String(record?.landline.facts?.statement)
  const other = (await command(dir, ['audit', 'keygen', 'other.pem', '--name', 'Anna-Auer'])).out.trim()
  for (const [body, status] of [
    [{ statement, key: other }, 400],
    [{ statement: statement.replace('"from":1', '"from":2'), key: vkey }, 400],
    [{ statement: 'x', key: vkey }, 400],
    [{ statement, key: vkey, more: 1 }, 400],
  ] as const)
    t.equal((await post(body)).status, status)

  await deny(first.port)
  t.equal(await first.stop(), 0)
  const second = await start(t, { dir, config: CONFIG })
  t.equal(await second.metric(UNREVIEWED), 1, 'a restart knows what was signed off')
  t.equal(await second.stop(), 0)

  const copy = await signOff('data/audit', '--note', 'On a copy', '--verdict', 'findings', '--json')
  t.match(JSON.parse(copy.out), {
    verdict: 'findings',
    record: 'unrecorded',
    key: vkey,
    statement: /^landline-sign-off/,
  })
  t.ok(JSON.parse(copy.out).from > 1, 'from the first that nobody has signed off')
  t.match(await command(dir, ['audit', 'verify', 'data/audit', '--reviewer-key', vkey]), {
    code: 0,
    out: /\n {2}sign-offs: 1 by reviewers' keys that were given\n/,
  })
})
