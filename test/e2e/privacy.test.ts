/** The record as auditors and a privacy officer use it on a running proxy: pseudonyms, reveal, forget, export. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask } from './ask.ts'
import { command, scratch, start, waitFor } from './landline.ts'
import { PASSWORD, usersFile } from './users.ts'

/** Not to be found in anything that is kept. */
const CLIENTS = ['10.77.88.99', '10.77.88.98', '2001:db8:77::99', '127.9.9.9', '127.8.8.8']

const RULES = `version: 1
name: office
unknown_clients: refuse
segments:
  wifi: { medium: wireless, prefixes: [10.77.0.0/16, "2001:db8:77::/48"] }
rules:
  - { id: zoom-fixed-only, service: zoom, except: { medium: wired }, action: block, reason: Memo 2020-04 }
otherwise: allow
`
const CONFIG = `admin: { users: users.yaml }
audit: { privacy: pseudonymous, repeat_seconds: 1 }
listeners: [{ address: "127.0.0.1:0", client_address: forwarded, trusted: [127.0.0.0/8] }]
`

// Each command is a process of its own.
t.setTimeout(120_000)

/** All text under a folder, but for the keys. */
function allText(dir: string): string {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n')
}

t.test('no address of a client is kept, and who may find it out is on record', async (t) => {
  const dir = scratch(t)
  usersFile(dir)
  const landline = await start(t, { dir, rules: RULES, config: CONFIG })
  const audit = join(dir, 'data', 'audit')
  const forwarded = (...hops: readonly string[]) => ({
    fields: { 'X-Forwarded-For': hops.join(', ') },
    from: '127.9.9.9',
  })
  const [ip = '', other = '', six = ''] = CLIENTS
  const denied = await ask(landline.port, 'http://zoom.us/j/1', forwarded(ip, '127.8.8.8'))
  t.equal(denied.status, 403)
  await ask(landline.port, 'http://zoom.us/j/1', forwarded(ip))
  await ask(landline.port, 'http://webex.zoom.us/', forwarded(other))
  await ask(landline.port, 'http://zoom.us/', forwarded(six))
  await ask(landline.port, 'http://zoom.us/', forwarded('192.0.2.77'))
  await ask(landline.port, 'zoom.us:443', { method: 'CONNECT', ...forwarded(other) })
  await ask(landline.port, 'http://10.1.2.3/', forwarded(other))
  const own = await ask(landline.port, 'http://landline.internal/blocked', forwarded(ip))
  t.match(own.body, denied.fields.get('landline-reference'), 'clients still find their own denials')
  await waitFor('the repeat', () => landline.records().some(({ event }) => event.action === 'repeat'))

  const reference = denied.fields.get('landline-reference') ?? ''
  const asked = ['--admin', `127.0.0.1:${landline.adminPort}`, '--password-file', 'password']
  const reveal = (wanted: string, user: string, ...more: readonly string[]) =>
    command(dir, ['audit', 'reveal', 'data/audit', wanted, '--reason', 'case 17', '--user', user, ...asked, ...more])
  const told = await reveal(reference, 'petra', '--json')
  const answer = JSON.parse(told.out)
  t.match(answer, { reference, address: ip, port: 0, path: ['127.9.9.9', '127.8.8.8'], pseudonym: /^client-/ })
  const withKey = await reveal(answer.pseudonym, 'petra', '--privacy-key', 'data/keys/privacy.key', '--by', 'Petra P.')
  t.match(withKey, { code: 0, out: new RegExp(` is ${ip}\n(.*\n)*.*on record as `) })
  const refused = await fetch(`http://127.0.0.1:${landline.adminPort}/api/v1/reveal`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`otto:${PASSWORD}`).toString('base64')}`,
    },
    body: '{}',
  })
  t.match([refused.status, await refused.text()], [403, /has not the role/], 'an auditor may not')
  const reveals = landline.records().filter(({ event }) => event.action === 'reveal')
  t.match(
    reveals.map(({ event, landline: { facts } }) => [event.id, event.reason, facts]),
    [
      [answer.record, 'case 17', { user: 'petra', by: 'petra', reference, pseudonym: answer.pseudonym }],
      [String, 'case 17', { user: 'petra', by: 'Petra P.' }],
    ],
  )
  const bare = [
    'audit',
    'reveal',
    'data/audit',
    reference,
    '--privacy-key',
    'data/keys/privacy.key',
    '--reason',
    'a',
    '--by',
    'b',
  ]
  t.match(await command(dir, bare), {
    code: 3,
    out: '',
    errors: /written by a running proxy, which must put this on record/,
  })

  const metrics = await fetch(`http://127.0.0.1:${landline.adminPort}/metrics`, {
    headers: { accept: 'application/openmetrics-text' },
  })
  t.equal(await landline.stop(), 0)
  const kept = allText(audit) + JSON.stringify(landline.log()) + (await metrics.text())
  for (const address of [...CLIENTS, '192.0.2.77']) t.notMatch(kept, address, address)
  t.match(kept, '10.77.0.0/16', 'the rules are kept word for word')
})

t.test('what is said of the rules, and by people, names no single address in the records either', async (t) => {
  const dir = scratch(t)
  usersFile(dir)
  const config = CONFIG.replace('repeat_seconds: 1', 'checkpoint: { seconds: 1 }')
  const landline = await start(t, { dir, rules: RULES, config })
  const [one = '', other = '', six = ''] = CLIENTS
  const reload = async (desk: string, more: string, message: string) => {
    const segments = `segments:\n  desk: { medium: wired, prefixes: [${desk}] }`
    writeFileSync(join(dir, 'rules.yaml'), `${RULES.replace('segments:', segments)}${more}`)
    landline.process.kill('SIGHUP')
    await landline.waitForLog(message)
  }
  await reload(`${one}, ${one}/32`, '', 'rules refused')
  const times = 'starts: 2020-01-01T00:00:00Z, expires: 2020-02-01T00:00:00Z'
  const why = `reason: for ${other}, ticket: CHG-1, approver: head of ${six}`
  const exception = `{ id: g7, rule: zoom-fixed-only, from: [${other}, "${six}"], ${times}, ${why} }`
  await reload(`${one}, 10.77.90.0/24`, `exceptions: [${exception}]\n`, 'rules reloaded')
  const asked = ['--admin', `127.0.0.1:${landline.adminPort}`, '--password-file', 'password', '--user']
  await ask(landline.port, 'http://zoom.us/', { fields: { 'X-Forwarded-For': '10.77.1.1' }, from: '127.9.9.9' })
  await waitFor('a checkpoint', () => landline.log().some(({ note }) => note !== undefined))
  const reference = landline.records().find(({ event }) => event.action === 'block')?.event.id ?? ''
  const because = ['--reason', `who was ${one}?`, '--by', `${other}'s head`]
  t.match(await command(dir, ['audit', 'reveal', 'data/audit', reference, ...because, ...asked, 'petra']), { code: 0 })
  const out = ['--out', 'extract', '--source', one, '--reason', `all of ${one}`]
  t.match(await command(dir, ['audit', 'export', 'data/audit', ...out, ...asked, 'otto']), { code: 0 })
  await command(dir, ['audit', 'keygen', 'anna.pem', '--name', 'Anna'])
  const review = ['--reviewer', 'Anna', '--key', 'anna.pem', '--note', `${one} has stopped`]
  t.match(await command(dir, ['audit', 'sign-off', ...review, ...asked, 'otto']), {
    code: 1,
    errors: /names an address, in "10\.77\.88\.99 has stopped"/,
  })
  t.equal(await landline.stop(), 0)
  const records = landline.records()
  const factsOf = (action: string) => records.find(({ event }) => event.action === action)?.landline.facts
  t.match(factsOf('reload-failed')?.problems, [/rules\.yaml:\d+:\d+: error: .*part of 10\.77\.88\.0\/24/])
  t.match(String(factsOf('reload')?.changes), 'prefixes part of 10.77.88.0/24 and 10.77.90.0/24')
  t.match(String(factsOf('reload')?.changes), 'from part of 10.77.88.0/24 and part of 2001:db8:77::/64')
  t.match(records.find(({ event }) => event.action === 'reveal')?.event.reason, 'who was part of 10.77.88.0/24?')
  const written = readdirSync(join(dir, 'data/audit')).filter((name) => /^(audit|tally)-/.test(name))
  const text = written.map((name) => readFileSync(join(dir, 'data/audit', name), 'utf8')).join('')
  for (const address of CLIENTS) t.notMatch(text, address, address)
})

t.test('an export is put on record by the proxy, which signs its manifest', async (t) => {
  const dir = scratch(t)
  usersFile(dir)
  const landline = await start(t, {
    dir,
    rules: RULES,
    config: `${CONFIG}`.replace('repeat_seconds: 1', 'checkpoint: { seconds: 1 }'),
  })
  for (let n = 0; n < 3; n++)
    await ask(landline.port, 'http://zoom.us/', { fields: { 'X-Forwarded-For': CLIENTS[0] ?? '' } })
  await waitFor('a checkpoint over them', () => landline.log().some(({ note, size }) => note && Number(size) >= 4))
  const asked = ['--admin', `127.0.0.1:${landline.adminPort}`, '--password-file', 'password', '--user', 'otto']
  const about = ['--reason', 'yearly review', '--action', 'block', '--source', '10.77.88.97']
  const exported = (out: string, ...more: readonly string[]) =>
    command(dir, [
      'audit',
      'export',
      'data/audit',
      '--out',
      out,
      '--format',
      'csv',
      '--reason',
      'yearly review',
      ...more,
    ])
  const made = await exported('extract', '--action', 'block', ...asked, '--json')
  const { record, manifest, manifest_digest } = JSON.parse(made.out)
  t.match(manifest, { by: 'otto', records: 3, reason: 'yearly review' })
  t.match(await command(dir, ['audit', 'export', 'data/audit', '--out', 'other', ...about, ...asked]), { code: 0 })
  const exports = landline.records().filter(({ event }) => event.action === 'export')
  t.match(
    exports.map(({ event, landline: { facts } }) => [event.id, facts]),
    [
      [record, { user: 'otto', records: 3, filter: ['action block'], manifest: manifest_digest }],
      [String, { filter: ['action block', 'source (an address)'] }],
    ],
  )
  const started = landline.records().find(({ event }) => event.action === 'start')?.landline.facts
  t.same(started?.connect_ports, ['443', '8443'], 'of settings, no word is lost')
  const key = String(started?.key)
  const verify = await command(dir, [
    'audit',
    'verify-export',
    'extract',
    '--key',
    key,
    '--checkpoint',
    'data/audit/checkpoints.txt',
  ])
  t.match(verify, { code: 0, out: new RegExp(`^intact: 3 records(.*\n)*.*on record in the log as ${record}`) })
  t.equal(await landline.stop(), 0)
  t.match(await exported('copy', '--by', 'otto'), { code: 0, out: /unrecorded: this folder is a copy/ })
})
