/** `landline audit …`: what each subcommand prints, and with which exit code. */
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CHECKPOINTS } from '../../audit/proof/checkpoint-file.ts'
import { auditConsistency } from '../../cli/audit/consistency.ts'
import { auditKeygen } from '../../cli/audit/keygen.ts'
import { auditQuery } from '../../cli/audit/query.ts'
import { auditRules } from '../../cli/audit/rules.ts'
import { auditShow } from '../../cli/audit/show.ts'
import { auditSignOff } from '../../cli/audit/sign-off.ts'
import { auditVerify } from '../../cli/audit/verify.ts'
import { type Io, UsageError } from '../../cli/io.ts'
import { parseCommandLine } from '../../cli/options.ts'
import { compileSources, readSources } from '../../cli/rules/load.ts'
import { hiddenIn } from '../../rules/hidden.ts'
import { checkpointsOf, DAY, LATER, newKey, openSigned } from '../audit/evidence-helpers.ts'
import { denial, NOON, openWith, type Plain, readLog, systemEvent } from '../audit/helpers.ts'

const RULES = `version: 1
name: foreign-office
unknown_clients: classify
rules:
  - id: other
    service: webex
    action: log
  - id: zoom-fixed-only
    service: zoom          # the memo
    except: { medium: wired }
    action: block

    reason: Memo 2020-04
otherwise: allow
`

interface Ran {
  readonly code: number
  readonly out: string
  readonly errors: string
}

async function run(command: (io: Io) => number | Promise<number>, now = LATER): Promise<Ran> {
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

/** Two days, with the rules in the archive, and what was kept elsewhere: the key, the newest checkpoint, the operator's log. */
async function sampleLog(dir: string) {
  const log = join(dir, 'log')
  const key = newKey()
  const rules = join(dir, 'rules.yaml')
  writeFileSync(rules, RULES)
  const sources = await readSources(rules)
  const { policy } = compileSources(sources, { monitor: false, now: NOON })
  const revision = policy?.revision ?? ''
  const ruled = { policy: { name: 'foreign-office', revision } }
  let operatorLog = '{"level":30,"msg":"landline listens on 127.0.0.1:3128"}\n'
  for (const day of [0, 1]) {
    let at = NOON + day * DAY
    const { audit, notes } = await openSigned(log, key, { now: () => at++ }, { records: 5 })
    const files = Object.fromEntries([...sources.files].map(([path, text]) => [path, text ?? '']))
    await audit.archive({ revision, main: rules, files, catalogue: Object.fromEntries(sources.catalogue) })
    for (let n = 0; n < 6; n++) await audit.record(denial(n, ruled))
    const verdict = { ...denial().verdict, segment: { id: 'desks', medium: 'wired', shared: false } as const }
    await audit.record(denial(7, { ...ruled, source: { ip: '10.10.0.1', port: 1 }, action: 'log', verdict }))
    const evil = { domain: '=HYPERLINK("x")', ip: null, port: 443 }
    await audit.record(denial(8, { ...ruled, destination: evil, because: 'a, "b"' }))
    await audit.record(systemEvent('stop'))
    await audit.close()
    for (const note of notes) operatorLog += `${JSON.stringify({ level: 30, msg: 'audit: checkpoint', note })}\n`
  }
  const kept = join(dir, 'kept.txt')
  writeFileSync(kept, (await checkpointsOf(log)).at(-1)?.text ?? '')
  writeFileSync(join(dir, 'copy.txt'), readFileSync(join(log, CHECKPOINTS)))
  writeFileSync(join(dir, 'operator.log'), operatorLog)
  return { log, key, kept, revision, records: readLog(log).records }
}

t.test('verify: result, exit code, problems, and what it rests on', async (t) => {
  const dir = t.testdir()
  const { log, key, kept, records } = await sampleLog(dir)
  const verify = (keys: readonly string[], checkpoints: readonly string[], json = false) =>
    run((io) => auditVerify({ dir: log, keys, checkpoints, json }, io))
  const vkey = key.verifier.text
  const bare = await verify([], [])
  t.same([bare.code, bare.out.split(':')[0]], [0, 'consistent'])
  t.match(bare.out, `signed by ${vkey} (by the word of the folder itself)`)
  t.match(bare.out, 'from outside: nothing')
  for (const file of [kept, join(dir, 'copy.txt'), join(dir, 'operator.log')]) {
    const { code, out } = await verify([vkey], [file])
    t.same([code, out.split(':')[0]], [0, 'intact'], file)
    t.match(out, `covers records 1 to ${records.length}`)
  }
  t.match((await verify([], [kept])).out, 'no key to judge them by')
  const json = JSON.parse((await verify([vkey], [kept], true)).out)
  t.match(json, { result: 'intact', records: records.length, checkpoints: Number, problems: [] })
  t.same(json.basis, {
    key: vkey,
    key_given: true,
    key_handed_over: false,
    checkpoint_from_outside: records.length,
    signed_records: records.length,
    unsigned_tail: 0,
    tail_not_proven: false,
    purged_through: 0,
    purged_and_there: [],
    found_unsigned: [],
    sign_offs: { by_given_keys: 0, by_others: 0, other_keys: [] },
    tallies: 0,
    open_tallies: [],
  })

  const path = join(log, readLog(log).files[0] ?? '')
  const whole = readFileSync(path, 'utf8')
  writeFileSync(path, whole.replace('us3web', 'us4web'))
  const tampered = await verify([vkey], [kept])
  t.equal(tampered.code, 1)
  t.match(tampered.out, /^audit-20261123T120000Z-000000000001\.jsonl:4: edit \(record 4\): .*\n(.*\n)*tampered: /)
  t.match(JSON.parse((await verify([vkey], [kept], true)).out), {
    basis: { tail_not_proven: true },
    result: 'tampered',
    problems: [{ kind: 'edit', file: /^audit-/, line: 4, sequence: 4, message: String }],
  })
  rmSync(path)
  const incomplete = await verify([vkey], [kept])
  t.same([incomplete.code, /^incomplete/m.test(incomplete.out)], [2, true])
})

t.test('query: each filter picks what it names, in each form', async (t) => {
  const { log, records } = await sampleLog(t.testdir())
  const query = (flags: Omit<Parameters<typeof auditQuery>[0], 'dir'> | object) =>
    run((io) => auditQuery({ dir: log, ...NO_FLAGS, ...flags }, io), NOON + DAY + 3_600_000)
  const is = (test: (record: Plain) => boolean) => records.filter(test)
  const cases: [string, object, readonly Plain[]][] = [
    ['nothing', {}, records],
    ['since', { since: '2026-11-24T00:00:00Z' }, is((r) => r['@timestamp'] >= '2026-11-24')],
    ['since ago', { since: '2h' }, is((r) => r['@timestamp'] >= '2026-11-24')],
    ['until', { until: '2026-11-24T00:00:00Z' }, is((r) => r['@timestamp'] < '2026-11-24')],
    ['segment', { segment: 'desks' }, is((r) => r.landline.segment?.id === 'desks')],
    ['medium', { medium: 'wireless' }, is((r) => r.landline.segment?.medium === 'wireless')],
    ['service', { service: 'zoom' }, is((r) => r.network?.application === 'zoom')],
    ['rule', { rule: 'zoom-fixed-only', action: ['log'] }, is((r) => r.event.action === 'log')],
    ['action', { action: ['stop'] }, is((r) => r.event.action === 'stop')],
    ['one of two', { action: ['stop', 'log'] }, is(({ event }) => ['stop', 'log'].includes(event.action))],
    ['a rule too', { action: ['stop', 'log'], rule: 'zoom-fixed-only' }, is((r) => r.event.action === 'log')],
    ['reference', { ref: records[3].event.id.toUpperCase() }, [records[3]]],
    ['source', { source: '10.10.0.1' }, is((r) => r.source?.ip === '10.10.0.1')],
    ['source in another form', { source: '::ffff:10.10.0.1' }, is((r) => r.source?.ip === '10.10.0.1')],
    ['no such', { service: 'nothing' }, []],
    ['what stands elsewhere in the record', { segment: 'zoom-fixed-only' }, []],
  ]
  for (const [name, flags, want] of cases) {
    const { code, out } = await query({ ...flags, json: true })
    t.same([code, JSON.parse(out)], [0, want], name)
    if (name !== 'no such' && name !== 'what stands elsewhere in the record') t.ok(want.length > 0, name)
  }
  const table = (await query({ action: ['log'] })).out.split('\n')
  t.match(table[0], /^time +action +segment +medium +source +service +destination +port +rule +reference +says$/)
  const system = (await query({ action: ['stop'] })).out
  t.match(system, / stop .* reason="[^"]+"/, 'who did what to the system, and why, is in the table too')
  t.match(table[1], /^2026-11-23T12:00:00\.\d{3}Z log +desks +wired +10\.10\.0\.1 +zoom +us7web\.zoom\.us /)
  const csv = (await query({ csv: true, ref: records[8].event.id.slice(0, 13) })).out
  t.match(csv, `"'=HYPERLINK(""x"")",443,`, 'no spreadsheet runs it')
  t.match(csv, '"a, ""b"""')
  for (const [service, told] of [
    ['webex', `--service webex stands for cisco-webex\nno record of ${records.length} matches\n`],
    ['own-service', `no record of ${records.length} matches\n`],
    [
      'zooom',
      `no record of ${records.length} matches; --service zooom is not in the catalogue; did you mean "zoom"?\n`,
    ],
  ] as const)
    t.same((await query({ service })).errors, told, service)
  appendFileSync(join(log, readLog(log).files.at(-1) ?? ''), 'no record\n')
  t.match((await query({ json: true })).errors, '1 line is no record: see landline audit verify')
  for (const [flags, message] of [
    [{ medium: 'wifi' }, /--medium wifi is none of wired/],
    [{ since: 'yesterday' }, /--since: "yesterday" is no time; .*; or 90m, 24h, 7d ago/],
    [{ since: '1h', until: '2h' }, /--until 2h is not after --since 1h/],
    [
      { action: ['block', 'would_block'] },
      /--action would_block is none of block, would-block, .*; did you mean "would-block"\?/,
    ],
    [{ source: 'me' }, /--source me is no address/],
    [{ ref: 'xyz' }, /--ref xyz/],
  ] as const)
    await t.rejects(query(flags), { message })
})

t.test('query: the table says what a reload changed, and why another one was refused, as far as it fits', async (t) => {
  const log = join(t.testdir(), 'log')
  const { audit } = await openWith(log)
  const changes = ['service zoom was added', 'rule memo: action "log" is now "block"']
  await audit.record({ ...systemEvent('reload'), facts: { why: 'signal', changes } })
  const problems = Array.from({ length: 20 }, (_, n) => `rules.yaml:${n + 3}:5: error: "zooom" is no service`)
  await audit.record({ ...systemEvent('reload-failed'), facts: { problems, none: [], nothing: null } })
  await audit.record({ ...systemEvent('reload-failed'), facts: { problems: ['"'.repeat(500)] } })
  await audit.close()
  const { out } = await run((io) => auditQuery({ dir: log, ...NO_FLAGS }, io))
  const [, changed = '', refused = '', quotes = ''] = out.split('\n')
  t.ok(changed.endsWith(` why="signal" changes=${JSON.stringify(changes.join('; '))}`), changed)
  t.match(refused, / problems="rules\.yaml:3:5: error: \\"zooom\\" is no service; rules\.yaml:4:5: .*…"$/)
  for (const line of [refused, quotes]) {
    const [, text = ''] = line.split(' problems=')
    t.ok(text.length >= 118 && text.length <= 120 && JSON.parse(text).endsWith('…'), text)
  }
})

t.test(
  'query: the table is as wide as its first rows need, also for pseudonyms and IPv6, and goes on by and by',
  async (t) => {
    const dir = t.testdir()
    const key = join(dir, 'privacy.key')
    for (const [name, ips, options] of [
      ['plain', ['10.20.0.7', '2001:db8:1234:5678:9abc:def0:1234:5678'], {}],
      ['pseudonymous', ['10.20.0.7', '2001:db8::7'], { privacy: { key, retentionDays: 90 } }],
    ] as const) {
      const log = join(dir, name)
      const { audit } = await openWith(log, options)
      await audit.record(systemEvent('start'))
      const rows = Array.from({ length: 1000 }, (_, n) =>
        audit.record(denial(n, { source: { ip: ips[n % 2]!, port: 1 } })),
      ) // of two
      await Promise.all(rows)
      await audit.close()
      const printed: string[] = []
      const io: Io = {
        print: (text) => printed.push(text),
        complain: t.fail,
        lines: async function* () {},
        now: () => NOON,
      }
      await auditQuery({ dir: log, ...NO_FLAGS }, io)
      t.ok(printed.length > 2, 'not all at once')
      const lines = printed.flatMap((text) => text.split('\n'))
      t.equal(lines.length, 1 + 1 + rows.length)
      const service = lines[0]?.indexOf('service') ?? -1
      const longest = Math.max(
        ...readLog(log).records.map(({ source }) => (source?.ip ?? source?.address ?? '').length),
      )
      t.equal(service - (lines[0]?.indexOf('source') ?? 0), longest + 1, `${name}: no wider than needed`)
      t.same([...new Set(lines.slice(2).map((line) => line.slice(service, service + 5)))], ['zoom '], name)
    }
  },
)

t.test('sign-off: what cannot be signed off is told with what can, and how', async (t) => {
  const dir = t.testdir()
  const log = join(dir, 'log')
  const key = join(dir, 'anna.pem')
  const { audit } = await openSigned(log, newKey(), { now: () => NOON })
  const signOff = (range?: string) => {
    const flags = { dir: log, reviewer: 'Anna', key, note: 'seen', range }
    return run((io) => auditSignOff(flags as Parameters<typeof auditSignOff>[0], {}, io)) // the command line leaves out what is not given
  }
  await run((io) => auditKeygen({ file: key, name: 'Anna', json: false }, io))
  for (let n = 0; n < 5; n++) await audit.record(denial(n))
  await audit.record({ ...systemEvent('sign-off'), facts: { from: 1, to: 3 } })
  await audit.close()
  const newest = 'the newest checkpoint covers records 1 to 6'
  for (const [range, code, told] of [
    [undefined, 0, /^records 4 to 6 signed off/],
    ['1..6', 0, /^records 1 to 6 signed off/],
    ['2..7', 2, `--range 2..7: ${newest}, and not record 7. Wait for the next one`],
    ['2..7', 2, /, or sign off what it covers with --range 2\.\.6\n$/],
    ['7..9', 2, /and not record 9\. Wait .*, or sign off what it covers with --range 4\.\.6\n$/],
    ['7..', 2, /and not record 7\. /],
    ['..2', 2, '--range ..2: records 1 to 3 are signed off; to sign off again, name the first one too: FROM..TO'],
    ['2020-01-01T00:00:00Z..2020-01-02T00:00:00Z', 2, `no record is of that time; ${newest}`],
  ] as const) {
    const { code: found, out, errors } = await signOff(range)
    t.equal(found, code, `${range}`)
    t.match(out + errors, told, `${range}`)
  }
  writeFileSync(join(log, CHECKPOINTS), '')
  t.match(await signOff(), {
    code: 2,
    errors: /^nothing to sign off: there is no checkpoint\. Wait .*checkpoints\.txt\n$/,
  })
})

const NO_FLAGS = {
  since: undefined,
  until: undefined,
  segment: undefined,
  medium: undefined,
  service: undefined,
  rule: undefined,
  action: undefined,
  ref: undefined,
  source: undefined,
  csv: undefined,
  json: undefined,
}

t.test('show: the record, the rule as it stood, the neighbours and the proof', async (t) => {
  const { log, key, records, revision } = await sampleLog(t.testdir())
  const show = (reference: string, json = false, keys: readonly string[] = []) =>
    run((io) => auditShow({ dir: log, reference, keys, json }, io))
  const { event } = records[1]
  const { code, out } = await show(event.id.toUpperCase(), false, [key.verifier.text])
  t.equal(code, 0)
  const rule = `- id: zoom-fixed-only
  service: zoom          # the memo
  except: { medium: wired }
  action: block

  reason: Memo 2020-04`
  for (const want of [
    'audit-20261123T120000Z-000000000001.jsonl:2\n',
    `The rule zoom-fixed-only as it stood (`,
    `${rule}\n`,
    `before: ${records[0]['@timestamp']} #1 block 10.20.0.7 → us0web.zoom.us ${records[0].event.id}\n`,
    `after:  ${records[2]['@timestamp']} #3 `,
    `Proven to be record 2 of ${records.length} signed by ${key.verifier.text}:\nc2sp.org/tlog-proof@v1\nindex 1\n`,
  ])
    t.ok(out.includes(want), want)
  t.match(JSON.parse((await show(event.id, true)).out), {
    record: records[1],
    rule: { text: rule, genuine: true },
    before: records[0],
    after: records[2],
    proof: { key: key.verifier.text, tlog_proof: /^c2sp\.org/ },
  })
  const archive = join(log, 'rules', `${revision.slice('sha256:'.length)}.json`)
  const archived = readFileSync(archive, 'utf8')
  writeFileSync(archive, archived.replace('action: block', 'action: allow'))
  t.match(await show(event.id), { code: 1, out: 'does NOT make that revision' })
  for (const [find, put] of [
    ['id: zoom-fixed-only', 'id: other-rule'],
    ['version: 1', 'version: 2'],
  ] as const) {
    writeFileSync(archive, archived.replace(find, put))
    t.match(await show(event.id), { code: 1, out: 'zoom-fixed-only has no text in the archive' }, put)
    t.match((await show(event.id)).out, 'does NOT make that revision', put)
    t.match(JSON.parse((await show(event.id, true)).out), { rule: { text: null, genuine: false } }, put)
  }
  rmSync(archive)
  t.match((await show(event.id)).out, 'has no text in the archive')
  t.match((await show(records.at(-1).event.id)).out, 'No rule decided this.')
  t.same((await show('01990000-0000-7000-8000-000000000001')).code, 1)
  await t.rejects(show(event.id.slice(0, 9)), UsageError)
  const path = join(log, readLog(log).files[0] ?? '')
  writeFileSync(path, readFileSync(path, 'utf8').replace('us1web', 'us9web'))
  const changed = await show(event.id)
  t.match([changed.code, changed.out], [1, /\nCHANGED: the record after it names another line/], 'its line was changed')
  writeFileSync(path, readFileSync(path, 'utf8').replace('us9web', 'us1web'))
  const unproven = await show(event.id, false, [newKey().verifier.text])
  t.match(unproven, {
    code: 2,
    out: 'NOT PROVEN: there is no checkpoint, or the newest one is not signed by a key of the log',
  })
  const checkpoints = join(log, CHECKPOINTS)
  const signed = readFileSync(checkpoints, 'utf8')
  const cut = signed.split(/(?<=\n\n)(?=landline-1\n)/).slice(0, 2)
  writeFileSync(checkpoints, cut.join(''))
  const { size = 0 } = (await checkpointsOf(log)).at(-1) ?? {}
  t.match(await show(records[size].event.id), {
    code: 2,
    out: `NOT PROVEN: this is record ${size + 1}, and the newest checkpoint covers records 1 to ${size}. `,
  })
  writeFileSync(checkpoints, signed)
  writeFileSync(path, readFileSync(path, 'utf8').replace('us5web', 'us9web'))
  t.match(await show(event.id), {
    code: 2,
    out: `NOT PROVEN: the log does not lead to the newest checkpoint, that of ${records.length} records: `,
  })
})

t.test('what nobody sees in a record or a rule is shown escaped', async (t) => {
  const dir = t.testdir({ 'rules.yaml': RULES.replace('# the memo', '# the\u202e memo') })
  const log = join(dir, 'log')
  const main = join(dir, 'rules.yaml')
  const { files, catalogue, ...sources } = await readSources(main)
  const { policy } = compileSources({ files, catalogue, ...sources }, { monitor: false, now: NOON })
  const { revision = '', name = '' } = policy ?? {}
  const { audit } = await openSigned(log, newKey())
  const texts = Object.fromEntries([...files].map(([path, text]) => [path, text ?? '']))
  await audit.archive({ revision, main, files: texts, catalogue: Object.fromEntries(catalogue) })
  const because = 'Memo\u2066 2020'
  const denied = await audit.record(denial(1, { policy: { name, revision }, because }))
  const lifted = await audit.record({
    ...systemEvent('breakglass'),
    facts: { ticket: 'CHG\u202e1', by: 'می\u200cخواهم' },
  })
  await audit.close()
  const query = (flags: object) => run((io) => auditQuery({ dir: log, ...NO_FLAGS, ...flags }, io))
  const show = (reference: string, json = false) => run((io) => auditShow({ dir: log, reference, keys: [], json }, io))
  const printed = [
    [(await query({})).out, 'ticket="CHG\\u202e1" by="می\u200cخواهم"'],
    [(await query({ csv: true })).out, 'Memo\\u2066 2020'],
    [(await show(lifted)).out, '"ticket": "CHG\\u202e1"'],
    [(await show(denied)).out, '# the\\u202e memo'],
    [(await show(denied, true)).out, '"reason": "Memo\\u2066 2020"'],
    [(await run((io) => auditRules({ dir: log, at: undefined, json: false }, io))).out, '# the\\u202e memo'],
  ] as const
  for (const [out, want] of printed) {
    t.ok(out.includes(want), want)
    t.equal(hiddenIn(out), null, want)
  }
  t.match(JSON.parse((await show(denied, true)).out), { record: { event: { reason: because } } }, 'the same JSON')
})

t.test('keygen: a key is made once; its public half is printed', async (t) => {
  const file = join(t.testdir(), 'keys/audit.pem')
  const first = await run((io) => auditKeygen({ file, name: undefined, json: false }, io))
  t.match(first, { code: 0, out: /^landline-1\+[0-9a-f]{8}\+A\S+\n$/, errors: /was made/ })
  const again = await run((io) => auditKeygen({ file, name: 'landline-1', json: true }, io))
  t.same(JSON.parse(again.out), { file, made: false, key: first.out.trim() })
  const other = await run((io) => auditKeygen({ file, name: 'landline-2', json: false }, io))
  t.match(other, { out: /^landline-2\+/, errors: /unchanged/ })
  writeFileSync(file, 'no key')
  await t.rejects(
    run((io) => auditKeygen({ file, name: undefined, json: false }, io)),
    UsageError,
  )
})

t.test('what cannot be judged is a mistake in the call', async (t) => {
  const dir = t.testdir({ empty: {}, 'no.txt': 'no checkpoint\n' })
  const { log } = await sampleLog(dir)
  const verify = (flags: { dir?: string; keys?: string[]; checkpoints?: string[] }) =>
    run((io) => auditVerify({ dir: log, keys: [], checkpoints: [], json: false, ...flags }, io))
  for (const [flags, message] of [
    [{ dir: join(dir, 'none') }, /no audit log there/],
    [{ dir: join(dir, 'empty') }, /no audit log there/],
    [{ dir: join(dir, 'no.txt') }, /no\.txt is a file; name the folder that holds it/],
    [{ keys: ['landline-1+00000000+AAAA'] }, /--key "landline-1\+00000000\+AAAA" is no public key/],
    [{ checkpoints: [join(dir, 'none')] }, /cannot be read/],
    [{ checkpoints: [join(dir, 'no.txt')] }, /is neither a checkpoint nor a key|no checkpoint in it/],
  ] as const)
    await t.rejects(verify(flags as object), { name: 'UsageError', message })
})

t.test('subcommands on the command line', async (t) => {
  const parse = (line: string) => parseCommandLine(line.split(' '))
  t.strictSame(parse('audit verify DIR --key a --key b --checkpoint c --json d'), {
    command: 'audit verify',
    flags: { key: ['a', 'b'], checkpoint: ['c'], json: true },
    positionals: ['DIR', 'd'],
  })
  for (const [line, exitCode, first] of [
    ['audit', 3, 'landline audit: no subcommand'],
    ['audit export DIR', 3, 'landline audit export: --out FOLDER is missing'],
    ['audit purge DIR', 3, 'landline audit: "purge" is no subcommand of this version'],
    ['audit verfy DIR', 3, 'landline audit: "verfy" is no subcommand of this version; did you mean "verify"?'],
    ['audit --help', 0, 'Usage: landline audit SUBCOMMAND …'],
    ['audit verify --help', 0, 'Usage: landline audit verify DIR [CHECKPOINT…] [FLAGS]'],
    ['audit verify', 3, 'landline audit verify: DIR is missing'],
    ['audit query DIR --csv --json', 3, 'landline audit query: --csv and --json do not go together; give one'],
  ] as const) {
    const told = parse(line)
    t.strictSame('usage' in told && [told.exitCode, told.usage.split('\n')[0]], [exitCode, first], line)
  }
})

t.test('a consistency proof is made from the log, and checked without it', async (t) => {
  const root = t.testdir({ log: {} })
  const dir = join(root, 'log')
  const key = newKey()
  const { audit } = await openSigned(dir, key, {}, { records: 5 })
  for (let number = 1; number <= 23; number++) await audit.record(denial(number))
  await audit.close()
  const heads = await checkpointsOf(dir)
  const [older, newer] = [heads[0], heads.at(-1)]
  if (older === undefined || newer === undefined) return t.fail('no checkpoints')
  const file = (name: string, text: string) => {
    const path = join(root, name)
    writeFileSync(path, text)
    return path
  }
  const from = file('older.txt', older.text)
  const to = file('newer.txt', newer.text)
  const vkey = key.verifier.text
  const ask = (positionals: readonly string[], keys: readonly string[] = [], json = false) =>
    run((io) => auditConsistency({ positionals, keys, json }, io))

  const made = await ask([dir, from, to], [vkey])
  t.equal(made.code, 0, made.errors)
  const proof = file('proof.txt', made.out)
  t.match(await ask([proof], [vkey]), {
    code: 0,
    out: `The ${older.size} records of the older checkpoint are the first of the ${newer.size} of the newer one.\n`,
  })
  t.match((await ask([proof])).out, 'No key was given')
  t.match(JSON.parse((await ask([dir, from, to], [], true)).out), {
    consistent: true,
    older: { size: older.size },
    newer: { origin: 'landline-1', size: newer.size },
    faults: [],
    proof: /^landline-consistency-proof v1\n/,
  })

  const lines = made.out.trimEnd().split('\n')
  const tampered: readonly (readonly [name: string, text: string, error: RegExp])[] = [
    ['a hash', made.out.replace(lines[1] ?? '', Buffer.alloc(32).toString('base64')), /is not the beginning/],
    ['a hash less', lines.toSpliced(1, 1).join('\n'), /is not the beginning/],
    [
      'a root',
      made.out.replace(newer.root.toString('base64'), Buffer.alloc(32, 1).toString('base64')),
      /is not the beginning[\s\S]*newer checkpoint is not signed/,
    ],
    ['a size', made.out.replace(`\n${newer.size}\n`, `\n${newer.size + 1}\n`), /newer checkpoint is not signed/],
  ]
  for (const [name, text, error] of tampered) {
    const checked = await ask([file('bad.txt', text)], [vkey])
    t.equal(checked.code, 1, name)
    t.match(checked.errors, error, name)
  }
  t.match(await ask([dir, to, from]), { code: 2, errors: /not to be proven from what is here/ })
  t.match(await ask([proof], [newKey().verifier.text]), { code: 1, errors: /not signed by a key that was given/ })
  for (const positionals of [[dir, from], ['/nowhere'], [to]]) await t.rejects(ask(positionals), UsageError)
})
