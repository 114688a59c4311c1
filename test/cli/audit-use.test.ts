/** `landline audit export`, `verify-export`, `rules`, `reveal`, `forget` on copies of a log: what they print, and with which exit code. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ApiCall } from '../../admin/api.ts'
import { ApiRefusal } from '../../admin/api-refusal.ts'
import { AuditError } from '../../audit/error.ts'
import { CHECKPOINTS } from '../../audit/proof/checkpoint-file.ts'
import { exportRoute, revealRoute } from '../../cli/api/audit.ts'
import type { ApiParts } from '../../cli/api/parts.ts'
import { type AuditExportFlags, auditExport } from '../../cli/audit/export.ts'
import { auditForget } from '../../cli/audit/forget.ts'
import { unrecorded } from '../../cli/audit/recording.ts'
import { auditReveal } from '../../cli/audit/reveal.ts'
import { auditRules } from '../../cli/audit/rules.ts'
import { auditVerifyExport } from '../../cli/audit/verify-export.ts'
import { type Io, UsageError } from '../../cli/io.ts'
import { compileSources, readSources } from '../../cli/rules/load.ts'
import { smallSegments } from '../../cli/serve/small-segments.ts'
import type { SystemEvent, TrafficEvent } from '../../rules/events.ts'
import { checkpointsOf, DAY, LATER, newKey, openSigned } from '../audit/evidence-helpers.ts'
import { denial, NOON, openWith, REVISION, readLog, systemEvent } from '../audit/helpers.ts'
import { MAIN, run as runProgram } from '../e2e/landline.ts'

async function run(command: (io: Io) => number | Promise<number>, now = LATER) {
  let out = ''
  let errors = ''
  const io: Io = {
    print: (line) => (out += `${line}\n`),
    complain: (line) => (errors += `${line}\n`),
    lines: async function* () {},
    now: () => now,
  }
  return { code: await command(io), out, errors }
}

/** As the command line would leave them; the test names those that it gives. */
const FLAGS = {}
const given = <T>(flags: object): T => flags as T

async function log(dir: string, privacy = false) {
  const key = newKey()
  let at = NOON
  const cloak = privacy ? { privacy: { key: join(dir, 'privacy.key'), retentionDays: 400 } } : {}
  const path = join(dir, 'log')
  const { audit } = await openSigned(path, key, { now: () => at++, ...cloak }, { records: 4 })
  for (let n = 0; n < 8; n++) await audit.record(denial(n, n % 3 === 1 ? { source: { ip: '10.20.0.8', port: 1 } } : {}))
  await audit.close()
  return { path, vkey: key.verifier.text, records: readLog(path).records }
}

t.test('export and verify-export: a line for each thing to know, or one JSON value', async (t) => {
  const dir = t.testdir()
  const { path, vkey, records } = await log(dir)
  const exported = (flags: object) =>
    run((io) => {
      const about = { dir: path, reason: 'yearly review', by: 'Anna', ...flags }
      return auditExport(given<AuditExportFlags>({ ...FLAGS, ...about }), unrecorded(path), io)
    })
  const out = join(dir, 'extract')
  const told = await exported({ out, format: 'csv' })
  t.match(told, {
    code: 0,
    out: new RegExp(`^${out}: ${records.length} records, from 1 to ${records.length} without a gap\n`),
  })
  t.match(told.out, 'signed by nobody: --key FILE signs it\n  unrecorded: this folder is a copy')
  const verify = (flags: object) =>
    run((io) => auditVerifyExport({ dir: out, keys: [], checkpoints: [], json: false, ...flags }, io))
  t.match(await verify({}), { code: 0, out: new RegExp(`^consistent: ${records.length} records, 0 problems\n`) })
  const kept = join(path, CHECKPOINTS)
  const intact = await verify({ keys: [vkey], checkpoints: [kept] })
  t.match(intact, { code: 0, out: /^intact: (.*\n)*.*by Anna: yearly review\n(.*\n)*.*\(a key that was given\)\n/ })
  t.match(
    intact.out,
    /asked for: everything\n {2}complete: all records from 1 to 9; nothing between them was left out\n$/,
  )
  t.match(JSON.parse((await verify({ keys: [vkey], json: true })).out), {
    result: 'consistent',
    records: records.length,
    problems: [],
    problem_count: 0,
    basis: { key: vkey, key_given: true, checkpoint_from_outside: false, record: 'unrecorded', left_out_between: 0 },
  })
  const csv = join(out, 'records.csv')
  writeFileSync(csv, readFileSync(csv, 'utf8').replace('us1web', 'us9web'))
  t.match(await verify({}), {
    code: 1,
    out: /^records\.csv:1: mismatch.*\nrecords\.csv:3: edit \(record 2\): .*\ntampered: (.*\n)+ {2}complete\? Nothing follows from an extract/,
  })
  const empty = await exported({ out: join(dir, 'empty'), service: 'webexx' })
  t.match(empty, { code: 0, errors: /empty is empty: no record of \d+ signed ones matches; .*did you mean "webex"/ })
  const part = await exported({ out: join(dir, 'part'), source: '10.20.0.8', json: true })
  t.match(JSON.parse(part.out), { manifest: { records: 3, contiguous: false }, signed: false, record: 'unrecorded' })
  const several = await exported({ out: join(dir, 'several'), action: ['checkpoint', 'block'], json: true })
  t.match(JSON.parse(several.out), { manifest: { records: records.length, filter: { action: 'checkpoint,block' } } })
  t.match(await verify({ dir: join(dir, 'several') }), {
    code: 0,
    out: /^consistent: .*\n(.*\n)* {2}asked for: action/,
  })
  const [oldest] = await checkpointsOf(path)
  writeFileSync(join(dir, 'oldest.txt'), oldest?.text ?? '')
  const early = await exported({ out: join(dir, 'early'), checkpoint: join(dir, 'oldest.txt') })
  const behind = records.length - (oldest?.size ?? 0)
  t.match(early.out, `\n  left out: ${behind} behind the checkpoint of ${oldest?.size} records\n`)
  const asked = await verify({ dir: join(dir, 'part') })
  t.match(asked.out, /asked for: source 10\.20\.0\.8\n {2}complete\? \d records between \d and \d+ are not here\./)
  for (const [flags, message] of [
    [{ out }, /--out .*: is there already; name a folder that is not/],
    [{ out: join(dir, 'no/such') }, /--out .*ENOENT/],
    [{ out: join(dir, 'new'), format: 'xml' }, /--format xml is none of jsonl, csv, ocsf, cef/],
    [{ out: join(dir, 'new'), key: csv }, /--key: The signing key .* cannot be used/],
    [{ out: join(dir, 'new'), checkpoint: csv }, /no checkpoint in it|neither a checkpoint/],
    [{ out: join(dir, 'new'), by: undefined }, /--by NAME is missing/],
    [{ out: join(dir, 'new'), reason: 'two\nlines' }, /--reason: write one line/],
    [{ out: join(dir, 'new'), reason: 'a\u202eb' }, /--reason: leave out the hidden character U\+202E/],
  ] as const)
    await t.rejects(exported(flags), { name: 'UsageError', message })
  t.notOk(existsSync(join(dir, 'new')))
  await t.rejects(verify({ dir: path }), { name: 'UsageError', message: /no extract there/ })
  writeFileSync(kept, '')
  t.match(await exported({ out: join(dir, 'new') }), { code: 2, errors: /no checkpoint there that is signed/ })
})

const RULES = (reason: string) => `version: 1
name: office
unknown_clients: classify
rules: [{ id: memo, service: zoom, action: block, reason: ${reason} }]
otherwise: allow
`

t.test('rules: those that were in force at a time, by starts and reloads and not by late ends', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'log')
  const file = join(dir, 'rules.yaml')
  let at = NOON
  const { audit } = await openSigned(path, newKey(), { now: () => at })
  const policies = []
  for (const reason of ['first', 'second']) {
    writeFileSync(file, RULES(reason))
    const sources = await readSources(file)
    const { policy } = compileSources(sources, { monitor: false, now: NOON })
    const { revision = '', name = '' } = policy ?? {}
    const files = Object.fromEntries([...sources.files].map(([one, text]) => [one, text ?? '']))
    await audit.archive({ revision, main: file, files, catalogue: Object.fromEntries(sources.catalogue) })
    policies.push({ revision, name })
  }
  const [first, second] = policies
  const of = (minute: number) => NOON + minute * 60_000
  for (const [minute, event] of [
    [10, { ...systemEvent('start'), policy: first! }],
    [20, denial(1, { policy: first! })],
    [42, { ...systemEvent('reload'), policy: second! }],
    [50, denial(2, { action: 'end', policy: first! })],
    [60, { ...systemEvent('reload-failed'), policy: second! }],
    [70, { ...systemEvent('stop'), policy: second! }],
    [24 * 60 + 10, denial(3, { policy: second! })],
  ] as const) {
    at = of(minute)
    await audit.record(event)
  }
  await audit.close()
  const rules = (minute: number, json = true) =>
    run((io) => auditRules({ dir: path, at: new Date(of(minute)).toISOString(), json }, io))
  t.match(await rules(9), { code: 1, out: '', errors: /no record up to then says which rules were in force/ })
  for (const [minute, revision, since, running] of [
    [10, first, 10, true],
    [41, first, 10, true],
    [42, second, 42, true],
    [55, second, 42, true],
    [69, second, 42, true],
    [71, second, 42, false],
    [24 * 60 + 20, second, 42, false],
  ] as const) {
    const { code, out } = await rules(minute)
    const want = { revision: revision?.revision, since: new Date(of(since)).toISOString(), running }
    t.match([code, JSON.parse(out)], [0, { ...want, archived: { genuine: true } }], `minute ${minute}`)
  }
  t.match(
    (await rules(41, false)).out,
    /in force since .*, by the start .*\n.*archived .*\n\n── .*rules\.yaml\nversion: 1\n(.*\n)*.*reason: first/,
  )
  const archive = join(path, 'rules', `${first?.revision.slice('sha256:'.length)}.json`)
  writeFileSync(archive, readFileSync(archive, 'utf8').replace('reason: first', 'reason: other'))
  t.match(await rules(41, false), { code: 1, out: /does NOT make that revision/ })
  writeFileSync(archive, '{}')
  t.match(await rules(41, false), { code: 2, out: /its text is not in the archive/ })
  await t.rejects(
    run((io) => auditRules({ dir: path, at: 'noon', json: true }, io)),
    UsageError,
  )
})

t.test('rules: at times when the proxy was stopped, had crashed, or of which nothing is on record', async (t) => {
  const path = join(t.testdir(), 'log')
  let at = NOON
  const minute = (n: number) => new Date(NOON + n * 60_000).toISOString()
  const { audit } = await openSigned(path, newKey(), { now: () => at }, { seconds: 10 * DAY })
  const references = new Map<number, string>()
  const policy = { name: 'office', revision: REVISION }
  const record = async (n: number, event: SystemEvent | TrafficEvent) => {
    at = NOON + n * 60_000
    references.set(n, await audit.record(event))
  }
  const crashed = () => ({ ...systemEvent('recovered'), facts: { last_sequence: readLog(path).records.length } })
  await record(10, { ...systemEvent('start'), policy })
  await record(20, denial(1))
  await record(25, { ...systemEvent('recovered'), facts: { cause: 'ENOSPC', lost: 0 } })
  await record(30, { ...systemEvent('stop'), policy })
  await record(40, { ...systemEvent('recovered'), facts: { last_sequence: 4, clock_behind_ms: 5000 } })
  await record(41, { ...systemEvent('reload-failed'), policy })
  await record(42, { ...systemEvent('start'), policy })
  await record(24 * 60 + 50, denial(2))
  await record(24 * 60 + 70, crashed())
  await record(24 * 60 + 71, { ...systemEvent('start'), policy })
  await record(24 * 60 + 80, denial(3))
  await record(24 * 60 + 90, { ...systemEvent('start'), policy })
  await record(24 * 60 + 100, { ...systemEvent('reload'), policy })
  const rules = (n: number, json: boolean) => run((io) => auditRules({ dir: path, at: minute(n), json }, io))
  const asked = async (n: number) => {
    const { running, stopped } = JSON.parse((await rules(n, true)).out)
    return { running, stopped }
  }
  const moment = (n: number | null) => (n === null ? [null, null] : [minute(n), references.get(n)])
  const ran = { running: true, stopped: null }
  const end = (running: false | null, by: string | null, from: number, to: number | null) => {
    const [[since, since_record], [until, until_record]] = [moment(from), moment(to)]
    return { running, stopped: { by, since, since_record, until, until_record } }
  }
  const day = 24 * 60
  t.same(await asked(day + 101), ran, 'a proxy writes this log now')
  await audit.close()
  const cases: readonly (readonly [number, object])[] = [
    [10, ran],
    [15, ran],
    [22, ran],
    [26, ran],
    [30, end(false, 'stop', 30, 42)],
    [35, end(false, 'stop', 30, 42)],
    [41, end(false, 'stop', 30, 42)],
    [42, ran],
    [day + 45, ran],
    [day + 55, end(null, 'crash', day + 50, day + 71)],
    [day + 70, end(null, 'crash', day + 50, day + 71)],
    [day + 71, ran],
    [day + 85, end(null, 'crash', day + 80, day + 90)],
    [day + 90, ran],
    [day + 100, end(null, null, day + 100, null)],
  ]
  for (const [n, want] of cases) t.same(await asked(n), want, `minute ${n}`)
  for (const [n, want] of [
    [20, [`${minute(20)}: ${REVISION}`, `  in force since ${minute(10)}, by the start ${references.get(10)}`]],
    [
      35,
      [
        `${minute(35)}: the proxy was STOPPED, no rules were in force`,
        `  from the stop at ${minute(30)} (${references.get(30)}) until the start at ${minute(42)} (${references.get(42)})`,
        `  the rules before that: ${REVISION}`,
      ],
    ],
    [
      day + 55,
      [
        `${minute(day + 55)}: ${REVISION}, if the proxy still ran`,
        `  it ended without a stop, such as in a crash, some time after its last record at ${minute(day + 50)} (${references.get(day + 50)}),`,
        `  and was down until the start at ${minute(day + 71)} (${references.get(day + 71)})`,
      ],
    ],
    [
      day + 120,
      [
        `${minute(day + 120)}: ${REVISION}, if the proxy still ran`,
        `  no record tells: the log ends at ${minute(day + 100)} (${references.get(day + 100)})`,
      ],
    ],
  ] as const) {
    const { code, out } = await rules(n, false)
    t.equal(code, 2, 'known, but not archived here')
    t.same(out.split('\n').slice(0, want.length), want)
  }
  const reopened = await openWith(path, { now: () => at })
  await reopened.audit.record({ ...systemEvent('stop'), policy })
  await reopened.audit.close()
  t.match(await rules(day + 120, false), {
    out: /STOPPED.*\n {2}from the stop at .* and no start follows in this log\n/,
  })
})

t.test('reveal and forget, with the key file', async (t) => {
  const dir = t.testdir()
  const { path, records } = await log(dir, true)
  const [first] = records
  const reveal = (wanted: string, flags: object = {}) =>
    run((io) => {
      const about = { dir: path, wanted, reason: 'case 17', by: 'Petra', 'privacy-key': join(dir, 'privacy.key') }
      return auditReveal(given({ ...FLAGS, ...about, ...flags }), unrecorded(path), io)
    })
  for (const wanted of [first.event.id.toUpperCase(), first.source.address])
    t.match(await reveal(wanted), {
      code: 0,
      out: `${first.source.address} is 10.20.0.7\n  of record ${first.event.id}: port 51234\n  unrecorded`,
    })
  t.match(JSON.parse((await reveal(first.event.id, { json: true })).out), {
    address: '10.20.0.7',
    record: 'unrecorded',
  })
  t.match(await reveal(first.source.address.replace(/.{4}$/, '0000')), { code: 1, errors: /no such record/ })
  t.match(await reveal(records.find(({ event }) => event.action === 'checkpoint')?.event.id), {
    code: 1,
    errors: /holds no pseudonym/,
  })
  const forget = (month: string, now = NOON + 30 * DAY) =>
    run((io) => {
      const about = { month, reason: 'agreed', by: 'Petra', 'privacy-key': join(dir, 'privacy.key') }
      return auditForget(given({ ...FLAGS, ...about }), io)
    }, now)
  await t.rejects(forget('2026-11', NOON), { name: 'UsageError', message: /2026-11 is not over yet/ })
  await t.rejects(forget('November'), { name: 'UsageError', message: /November is no month/ })
  t.match(await forget('2026-11'), { code: 0, out: /its key is destroyed/ })
  t.match(await forget('2026-11'), { code: 1, errors: /has no key of that month/ })
  t.match(await reveal(first.event.id), { code: 2, out: '', errors: /nobody can reveal it any more/ })
  for (const [wanted, flags, message] of [
    ['10.20.0.7', {}, /neither a whole reference nor a pseudonym/],
    [first.event.id, { 'privacy-key': join(dir, 'none') }, /There is no privacy key/],
    [first.event.id, { 'privacy-key': undefined }, /on a copy --privacy-key FILE is needed/],
    [first.event.id, { reason: ' ' }, /--reason: write one line/],
  ] as const)
    await t.rejects(reveal(wanted, flags), { name: 'UsageError', message })
})

t.test('segments of few addresses are known by their size, unless many people share an address', async (t) => {
  const file = join(t.testdir(), 'rules.yaml')
  const segments = [
    'boss: { medium: wired, prefixes: [10.1.0.1] }',
    'pair: { medium: wired, prefixes: [10.2.0.0/31, 10.3.0.0/30] }',
    'enough: { medium: wired, prefixes: [10.4.0.0/29, 10.5.0.0/29] }',
    'nat: { medium: wireless, prefixes: [192.0.2.7], shared: true }',
    'six: { medium: wired, prefixes: ["2001:db8::7/128"] }',
    'lan: { medium: wired, prefixes: ["2001:db8:1::/64"] }',
  ]
  writeFileSync(file, RULES('memo').replace('rules:', `segments:\n  ${segments.join('\n  ')}\nrules:`))
  const { policy } = compileSources(await readSources(file), { monitor: false, now: NOON })
  t.same(policy && smallSegments(policy.file), ['boss', 'pair', 'six'])
})

t.test('the calls: what they refuse, and that nothing is given out that is not on record', async (t) => {
  const dir = t.testdir()
  const { path, records } = await log(dir, true)
  const key = newKey()
  const out = join(dir, 'extract')
  const about = { dir: path, out, reason: 'a', by: 'b', ref: undefined }
  await run((io) => auditExport(given<AuditExportFlags>({ ...FLAGS, ...about }), unrecorded(path), io))
  const manifest = readFileSync(join(out, 'manifest.json'), 'utf8')
  const recorded: SystemEvent[] = []
  let failure: Error | null = null
  const record = async (event: SystemEvent) => {
    if (failure !== null) throw failure
    recorded.push(event)
    return '01a20938-9ec9-758a-929b-c861a1cec56d'
  }
  const config = { audit: { privacy: 'pseudonymous', privacyKey: join(dir, 'privacy.key'), dir: path } }
  const call = async (route: typeof exportRoute, body: object, signingKey = key) => {
    const parts = { audit: { record }, config, signingKey, keeper: { policy: null } } as unknown as ApiParts
    const user = { name: 'petra', roles: ['privacy-officer'] } as const
    const asked = { user, body, query: new URLSearchParams() } as unknown as ApiCall
    return Promise.resolve(route(parts).answer(asked)).catch((error: unknown) =>
      error instanceof ApiRefusal ? `${error.status} ${error.message}; ${error.remedy}` : Promise.reject(error),
    )
  }
  const [{ event, source, landline }] = records
  const reveal = {
    reference: event.id,
    pseudonym: source.address,
    sealed: landline.client.sealed,
    reason: 'a',
    by: 'b',
  }
  const someone = source.address.replace(/.{4}$/, '0000')
  for (const [route, body, want] of [
    [exportRoute, {}, /^400 "manifest" is none of an extract: it is missing or long/],
    [exportRoute, { manifest: manifest.slice(1) }, /^400 .*not JSON/],
    [exportRoute, { manifest: manifest.replace('"records"', '"record"') }, /^400 .*records/],
    [exportRoute, { manifest: manifest.padEnd(20_000) }, /^400 .*it is missing or long/],
    [exportRoute, { manifest, more: 1 }, /^400 "more" is no field of this call/],
    [
      exportRoute,
      { manifest: manifest.replace(/"key": ".*"/, `"key": "${key.verifier.text}x"`) },
      /^409 the extract is of a log signed/,
    ],
    [revealRoute, { ...reveal, reference: 'me' }, /^400 "reference" is no whole reference/],
    [revealRoute, { ...reveal, pseudonym: '10.20.0.7' }, /^400 "pseudonym" is none/],
    [revealRoute, { ...reveal, reason: '' }, /^400 "reason" is missing/],
    [revealRoute, { ...reveal, pseudonym: someone }, /^409 what is sealed in the record does not fit its pseudonym/],
    [
      revealRoute,
      { ...reveal, pseudonym: someone.replace('2026-11', '2025-11') },
      /^410 the key of that month is gone/,
    ],
  ] as const)
    t.match(await call(route, body), want)
  t.same(recorded, [])
  failure = new AuditError('ERR_AUDIT_WRITE', 'the disk is full')
  for (const [route, body] of [
    [exportRoute, { manifest }],
    [revealRoute, reveal],
  ] as const)
    t.match(await call(route, body), /^503 this cannot be put on record: the disk is full; nothing was given out/)
  failure = null
  t.match(await call(revealRoute, reveal), { client: { ip: '10.20.0.7', port: 51234 } })
  const { sealed: _, ...unsealed } = reveal
  t.match(await call(revealRoute, unsealed), { client: null })
  t.match(
    await call(exportRoute, { manifest }),
    { note: /^landline-extract\/v1\nmanifest sha256:/ },
    'a key that signed before',
  )
  t.same(
    recorded.map(({ action, facts }) => [action, facts.user, facts.by]),
    [
      ['reveal', 'petra', 'b'],
      ['reveal', 'petra', 'b'],
      ['export', 'petra', 'b'],
    ],
  )
  t.notMatch(JSON.stringify(recorded), '10.20.0.7')
})

t.test('an extract for which there is no room is no mistake in the call, and nothing of it stays', async (t) => {
  const dir = t.testdir()
  const { path } = await log(dir)
  const out = join(dir, 'extract')
  // What a full disk is to all: a limit of 4 KiB, which needs no disk of its own.
  // What the test runner loads into each program would end it by a signal.
  const call = [process.execPath, MAIN, 'audit', 'export', path, '--out', out, '--reason', 'a', '--by', 'b']
  const ended = await runProgram('sh', ['-c', 'unset NODE_OPTIONS; ulimit -f 8; exec "$@"', 'sh', ...call])
  t.match(ended, {
    code: 2,
    errors: /^--out .*extract: nothing exported: EFBIG.*; make room, or name a folder elsewhere\n$/,
  })
  t.notOk(existsSync(out))
})
