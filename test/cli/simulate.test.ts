/** `landline simulate` as an outside program meets it: exit codes, the JSON value, the table and the page. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { archiveRevision } from '../../audit/archive.ts'
import { openTallies } from '../../audit/tallies/tallies.ts'
import type { ExitCode, Io } from '../../cli/io.ts'
import { parseCommandLine } from '../../cli/options.ts'
import { BUILT_IN_CATALOGUE, compileSources, readSources } from '../../cli/rules/load.ts'
import { type SimulateFlags, simulate } from '../../cli/rules/simulate.ts'
import { parseAddress } from '../../rules/address.ts'
import { decide } from '../../rules/decide.ts'
import type { TrafficAction } from '../../rules/events.ts'
import type { Policy } from '../../rules/policy.ts'
import { denial, NOON, openWith, systemEvent } from '../audit/helpers.ts'

const HOUR_MS = 3_600_000
const NOW = NOON + 24 * HOUR_MS
const RULES = `version: 1
name: office
unknown_clients: classify
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
rules:
  - { id: zoom-fixed-only, service: zoom, except: { medium: wired }, action: block }
  - { id: watch, service: webex, action: log }
`
const PROPOSED = `${RULES.replace('service: zoom', 'service: jitsi-meet')}  - { id: no-teams, service: microsoft-teams, medium: wireless, action: block, during: { days: mon-sun, hours: 00:00-13:30, zone: UTC } }\n`

async function policyOf(file: string): Promise<Policy> {
  const { policy } = compileSources(await readSources(file), { monitor: false, now: NOON })
  if (policy === null) throw new Error(`${file} is bad`)
  return policy
}

/** Three denials of zoom, two of webex logged, and tallies of teams in two hours. */
async function folder(): Promise<{ dir: string; audit: string }> {
  const dir = t.testdir({ 'rules.yaml': RULES, 'proposed.yaml': PROPOSED, 'bad.yaml': 'version: 2\n' })
  const audit = join(dir, 'audit')
  mkdirSync(audit)
  const file = join(dir, 'rules.yaml')
  const policy = await policyOf(file)
  const catalogue = Object.fromEntries((await readSources(file, BUILT_IN_CATALOGUE)).catalogue)
  await archiveRevision(audit, { revision: policy.revision, main: file, files: { [file]: RULES }, catalogue }, NOON)
  let at = NOON
  const { audit: log } = await openWith(audit, { now: () => at })
  const ask = async (from: string, host: string) => {
    at += 60_000
    const source = parseAddress(from)
    const verdict = decide(policy, { source, at, host, address: null, port: 443, serverName: null, httpHost: null })
    await log.record(
      denial(1, {
        action: verdict.action as TrafficAction, // those asked for here are recorded
        verdict,
        policy,
        exchange: `e${at}`,
        source: { ip: from, port: 1 },
        destination: { domain: host, ip: null, port: 443 },
      }),
    )
  }
  for (const from of ['10.20.0.1', '10.20.0.1', '10.20.0.2']) await ask(from, 'us1web.zoom.us')
  await ask('10.10.0.1', 'acme.webex.com')
  await ask('10.20.0.9', '<b>.webex.com')
  await log.close()
  const quiet = { tallied: () => {}, failed: () => {} }
  const tallies = openTallies({ dir: audit, now: () => at, record: async () => {}, meter: quiet, log: () => {} })
  for (const [hour, count] of [
    [NOON, 40],
    [NOON + HOUR_MS, 7],
  ] as const) {
    const row = {
      segment: 'wifi',
      medium: 'wireless',
      service: 'microsoft-teams',
      rule: 'otherwise',
      mode: 'enforce',
    } as const
    const asked = { host: 'teams.microsoft.com', port: 443, serverName: null, httpHost: null, prefix: null }
    tallies.add([{ ...row, hour, revision: policy.revision, asked, count }])
  }
  await tallies.close()
  return { dir, audit }
}

const made = await folder()

async function said(change: Partial<SimulateFlags> = {}): Promise<{ code: ExitCode; out: string; complaints: string }> {
  const out: string[] = []
  const complaints: string[] = []
  const io: Io = {
    print: (line) => out.push(line),
    complain: (line) => complaints.push(line),
    async *lines() {},
    now: () => NOW,
  }
  const flags: SimulateFlags = {
    rules: join(made.dir, 'proposed.yaml'),
    against: made.audit,
    since: undefined,
    mostBlocked: undefined,
    html: undefined,
    catalogue: undefined,
    json: false,
    ...change,
  }
  const code = await simulate(flags, io)
  return { code, out: out.join('\n'), complaints: complaints.join('\n') }
}

t.test('--json says what changes, for whom, how often, and what cannot be told', async (t) => {
  const { code, out } = await said({ json: true })
  const value = JSON.parse(out)
  t.equal(code, 0)
  t.same(value.totals, {
    requests: 52,
    newly_blocked: 40,
    newly_allowed: 3,
    unchanged: 2,
    undecidable: 7,
    changed_rule: 0,
  })
  t.equal(value.changes.length, 2)
  t.match(value.changes[0], {
    change: 'newly_blocked',
    segment: 'wifi',
    medium: 'wireless',
    service: 'microsoft-teams',
    before: { action: 'allow', rule: 'otherwise' },
    after: { action: 'block', rule: 'no-teams' },
    requests: 40,
    clients: null,
    tallied: 40,
    first: '2026-11-23T12:00:00.000Z',
    last: '2026-11-23T12:59:59.999Z',
    hosts: ['teams.microsoft.com'],
    references: [],
  })
  t.match(value.changes[1], {
    change: 'newly_allowed',
    service: 'zoom',
    before: { action: 'block', rule: 'zoom-fixed-only' },
    after: { action: 'allow', rule: 'otherwise' },
    requests: 3,
    clients: 2,
    clients_at_least: false,
    first: '2026-11-23T12:01:00.000Z',
    last: '2026-11-23T12:03:00.000Z',
  })
  t.equal(value.changes[1].references.length, 3)
  t.match(value.undecidable, [{ reason: 'hour', explanation: /during/, service: 'microsoft-teams', requests: 7 }])
  t.equal(
    value.cells.reduce((sum: number, { requests }: { requests: number }) => sum + requests, 0),
    45,
    'all that is decided',
  )
  t.match(value.against, { records: 5, rows: 2, illegible: 0, from: '2026-11-23T12:00:00.000Z' })
  t.ok(value.outside.length > 3)
})

t.test('ports are those of the last start on record, and of services', async (t) => {
  const table: readonly {
    readonly ports: unknown
    readonly newly: number
    readonly undecidable: readonly (readonly [string, number])[]
    readonly told: RegExp
  }[] = [
    {
      ports: ['443', '8000-9000'],
      newly: 3,
      undecidable: [['guard', 1]],
      told: /origins\.connect_ports\): 443, 8000-9000\.$/,
    },
    { ports: ['443', '9999'], newly: 3, undecidable: [['guard', 1]], told: /: 443, 9999\.$/ },
    { ports: [], newly: 2, undecidable: [['guard', 1]], told: /: none\.$/ },
    {
      ports: null,
      newly: 2,
      undecidable: [
        ['port', 2],
        ['guard', 1],
      ],
      told: /not on record/,
    },
    {
      ports: ['443', 'many'],
      newly: 2,
      undecidable: [
        ['port', 2],
        ['guard', 1],
      ],
      told: /not on record/,
    },
  ]
  const policy = await policyOf(join(made.dir, 'rules.yaml'))
  for (const { ports, newly, undecidable, told } of table) {
    const dir = t.testdir({ 'new.yaml': RULES.replace('action: block', 'action: allow') })
    const { audit } = await openWith(dir, { now: () => NOON })
    const start = (connect_ports: unknown) =>
      audit.record({ ...systemEvent('start'), facts: { connect_ports: connect_ports as null } }) // as another version may have written it
    await start(['1-65535'])
    await start(ports)
    const source = parseAddress('10.20.0.1')
    const ask = async (host: string | null, port: number, method: string, ip: string | null = null) => {
      const address = ip === null ? null : parseAddress(ip)
      const verdict = decide(policy, { source, at: NOON, host, address, port, serverName: null, httpHost: null })
      const destination = { domain: host, ip, port }
      await audit.record(
        denial(1, {
          verdict: { ...verdict, action: 'block' },
          policy,
          method,
          destination,
          exchange: `e${port}${method}`,
        }),
      )
    }
    await ask('us04web.zoom.us', 8801, 'CONNECT')
    await ask('us04web.zoom.us', 8500, 'CONNECT')
    await ask('us04web.zoom.us', 9999, 'CONNECT')
    await ask('us04web.zoom.us', 9999, 'GET')
    await ask(null, 80, 'GET', '10.1.2.3')
    await audit.close()
    const value = JSON.parse((await said({ rules: join(dir, 'new.yaml'), against: dir, json: true })).out)
    t.equal(value.totals.newly_allowed, newly, JSON.stringify(ports))
    t.same(
      value.undecidable.map(({ reason, requests }: { reason: string; requests: number }) => [reason, requests]),
      undecidable,
    )
    t.ok(
      value.outside.some((sentence: string) => told.test(sentence)),
      value.outside.join('\n'),
    )
  }
})

t.test('the rules that were in force change nothing', async (t) => {
  const { out } = await said({ rules: join(made.dir, 'rules.yaml'), json: true })
  t.same(JSON.parse(out).totals, {
    requests: 52,
    newly_blocked: 0,
    newly_allowed: 0,
    unchanged: 52,
    undecidable: 0,
    changed_rule: 0,
  })
})

t.test('the table shows the same, and what is not in it', async (t) => {
  const { code, out } = await said()
  t.equal(code, 0)
  t.match(out, /newly blocked +40\n/)
  t.match(
    out,
    /NEWLY BLOCKED\n.*\nwifi +wireless +microsoft-teams +allow by otherwise +block by no-teams +40 +not told +2026-11-23T12:00:00Z +2026-11-23T13:00:00Z /,
  )
  t.match(out, /NEWLY ALLOWED\n.*\nwifi +wireless +zoom +block by zoom-fixed-only +allow by otherwise +3 +2 /)
  t.match(out, /UNDECIDABLE\n.*\nwifi .* hour +7/)
  t.match(out, /^Of tallied requests only the hour is known/m)
  t.match(out, /audit: 2026-11-23T12:00:00Z to 2026-11-23T14:00:00Z; 5 records, 2 rows of tallies$/m)
  t.match(out, /NOT IN THESE NUMBERS\n- Traffic of no service/)
})

t.test('the page is whole, loads nothing, and takes no text for markup', async (t) => {
  const file = join(made.dir, 'report.html')
  const { code, out } = await said({ html: file })
  t.equal(code, 0)
  t.match(out, 'NEWLY BLOCKED', 'the table is printed all the same')
  const page = readFileSync(file, 'utf8')
  t.match(page, /^<!doctype html>/)
  t.match(page, '<b>40</b> newly blocked')
  t.match(page, '2026-11-23T12:00:00Z<small>2026-11-23T13:00:00Z</small>')
  t.match(page, 'Of tallied requests only the hour is known')
  t.notMatch(page, /<script|src=|https?:\/\//i)
  t.equal((await said({ html: '-' })).out, page.trimEnd())
  writeFileSync(join(made.dir, 'all.yaml'), PROPOSED.replace('action: log', 'action: block'))
  const { out: hostile } = await said({ rules: join(made.dir, 'all.yaml'), html: '-' })
  t.match(hostile, '&lt;b&gt;.webex.com')
  t.notMatch(hostile, '<b>.webex')
})

t.test('exit codes: 1 for bad rules, 2 over the threshold, 3 for a mistake in the call', async (t) => {
  const cases: readonly (readonly [string, Partial<SimulateFlags>, ExitCode, RegExp])[] = [
    ['at the threshold', { mostBlocked: '40' }, 0, /^$/],
    ['over it', { mostBlocked: '39' }, 2, /40 requests would be newly blocked, more than 39/],
    ['none at all', { mostBlocked: '0', json: true }, 2, /newly blocked/],
    ['only what came since', { mostBlocked: '0', since: '2026-11-23T13:00:00Z' }, 0, /^$/],
    ['a day ago, all of it', { mostBlocked: '0', since: '1d' }, 2, /40 requests/],
    ['bad rules', { rules: join(made.dir, 'bad.yaml') }, 1, /bad\.yaml/],
    ['no rules', { rules: join(made.dir, 'none.yaml') }, 1, /none\.yaml/],
  ]
  for (const [name, flags, code, complaint] of cases) {
    const answer = await said(flags)
    t.equal(answer.code, code, name)
    t.match(answer.complaints, complaint, name)
  }
  const mistakes: readonly (readonly [Partial<SimulateFlags>, RegExp])[] = [
    [{ mostBlocked: 'many' }, /no number/],
    [{ mostBlocked: '-1' }, /no number/],
    [{ since: 'yesterday' }, /--since/],
    [{ against: join(made.dir, 'nowhere') }, /no audit log there/],
    [{ against: made.dir }, /no audit log there/],
    [{ json: true, html: '-' }, /both print/],
    [{ html: join(made.dir, 'no', 'folder.html') }, /cannot be written/],
  ]
  for (const [flags, message] of mistakes)
    await t.rejects(said(flags), { name: 'UsageError', message }, JSON.stringify(flags))
})

t.test('--html takes a file, or none', async (t) => {
  const cases: readonly (readonly [readonly string[], string | undefined])[] = [
    [[], undefined],
    [['--html'], '-'],
    [['--html', '--json'], '-'],
    [['--html', 'a.html', '--json'], 'a.html'],
    [['--html=a.html'], 'a.html'],
  ]
  for (const [argv, want] of cases) {
    const line = parseCommandLine(['simulate', '--rules', 'r', '--against', 'd', ...argv])
    t.match(line, { command: 'simulate', flags: { html: want } }, argv.join(' '))
  }
  t.match(parseCommandLine(['simulate', '--rules', 'r']), { exitCode: 3, usage: /--against DIR is missing/ })
})
