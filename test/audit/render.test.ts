/** Renderings of records: read back by other programs, and by readers of their own written for the test from the formats' descriptions. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { cefRendering } from '../../audit/render/cef.ts'
import { COLUMNS, csvLine, csvRendering } from '../../audit/render/csv.ts'
import { ocsfRendering } from '../../audit/render/ocsf.ts'
import { TRAFFIC_ACTIONS } from '../../rules/events.ts'
import { missing, peer } from '../peers.ts'
import { denial, NOON, openWith, type Plain, readLog, systemEvent } from './helpers.ts'

const python = peer('Python', 'python3')
const NASTY = 'a|b\\c=d "e", f\r\ng;h\ti'

/** One record of every kind, by a log that was really written. */
async function records(dir: string): Promise<readonly Plain[]> {
  let at = NOON
  const { audit } = await openWith(join(dir, 'log'), {
    now: () => at,
    repeatSeconds: 60,
    privacy: { key: join(dir, 'key'), retentionDays: 90 },
  })
  await audit.record(denial(1, { exchange: 'cloaked', method: 'GET' }))
  await audit.close()
  const plain = await openWith(join(dir, 'log'), { now: () => at, repeatSeconds: 60 })
  const carried = { sentBytes: 10, receivedBytes: 20, milliseconds: 1500 }
  for (const action of TRAFFIC_ACTIONS)
    await plain.audit.record(denial(1, { action, because: NASTY, carried: action === 'end' ? carried : null }))
  await plain.audit.record(denial(1))
  await plain.audit.record(denial(1))
  at += 120_000
  const six = { ip: '2001:db8::7', port: 1 }
  const bare = { domain: null, ip: '2001:db8::9', port: 443 }
  await plain.audit.record(denial(2, { source: six, destination: bare, method: 'PROPFIND' }))
  await plain.audit.record(denial(3, { destination: null, method: null, action: 'refuse' }))
  await plain.audit.record({ ...systemEvent('reload'), facts: { changes: ['a=b', 'c|d'], bytes: 1 } })
  await plain.audit.record({ ...systemEvent('reload-failed'), outcome: 'failure' })
  await plain.audit.close()
  return readLog(join(dir, 'log')).records
}

t.test(
  'CSV: Python reads each cell as it was, and no spreadsheet finds a formula',
  { skip: python ? false : missing('Python') },
  async (t) => {
    const all = await records(t.testdir())
    const text = csvRendering.head + all.map((record) => csvRendering.render(record)).join('')
    const script =
      'import csv, io, json, sys\nprint(json.dumps(list(csv.reader(io.StringIO(sys.stdin.buffer.read().decode(), newline=""), strict=True))))'
    const rows: string[][] = JSON.parse(execFileSync(python ?? '', ['-c', script], { input: text, encoding: 'utf8' }))
    t.equal(
      text.split('\r\n').length,
      rows.length + 1 + all.filter(({ event }) => event.reason === NASTY).length,
      'lines end in CRLF',
    )
    t.same(
      rows[0],
      COLUMNS.map(([name]) => name),
    )
    for (const [index, record] of all.entries())
      t.same(
        rows[index + 1],
        COLUMNS.map(([, value]) => String(value(record) ?? '')),
        record.event.action,
      )
    const reason = COLUMNS.findIndex(([name]) => name === 'reason')
    t.ok(rows.some((row) => row[reason] === NASTY))
  },
)

t.test('CSV: what begins a formula does so no more', (t) => {
  for (const [cell, want] of [
    ['=1+1', "'=1+1"],
    ['+49', "'+49"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', `"'\r=1"`],
    ['\n=1', `"'\n=1"`],
    ['＝1', "'＝1"],
    ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
    ['a=1', 'a=1'],
    [' =1', ' =1'],
    [-1, '-1'],
    [null, ''],
    ['', ''],
  ] as const)
    t.equal(csvLine([cell]), want, JSON.stringify(cell))
  t.end()
})

/** By the words of the standard: bars part the header, a key begins after a space and ends before an equals sign. */
function parseCef(line: string): { header: string[]; extension: Record<string, string> } {
  const header: string[] = []
  let rest = line
  for (let n = 0; n < 7; n++) {
    const [whole = '', field = ''] = /^((?:[^\\|]|\\[\\|])*)\|/.exec(rest) ?? []
    header.push(field.replace(/\\(.)/g, '$1'))
    rest = rest.slice(whole.length)
  }
  const extension: Record<string, string> = {}
  for (const [, key = '', value = ''] of rest.matchAll(/(?:^| )(\w+)=((?:[^\\=]|\\[\\=nr])*?)(?=$| \w+=)/g))
    extension[key] = value.replace(/\\(.)/g, (_, escaped) => ({ n: '\n', r: '\r' })[escaped as string] ?? escaped)
  return { header, extension }
}

t.test('CEF: a reader finds each field as it was', async (t) => {
  for (const record of await records(t.testdir())) {
    const line = cefRendering.render(record)
    t.equal(line.indexOf('\n'), line.length - 1, 'one line')
    const { header, extension } = parseCef(line.slice(0, -1))
    const { event, source, destination, rule, landline } = record
    t.match(header, [
      'CEF:0',
      'Landline',
      'Landline',
      record.observer.version,
      event.action,
      new RegExp(event.action),
      /^\d$/,
    ])
    const v6 = source?.ip?.includes(':')
    const want = {
      rt: String(Date.parse(record['@timestamp'])),
      externalId: event.id,
      reason: event.reason,
      src: v6 ? undefined : (source?.ip ?? undefined),
      c6a2: v6 ? source.ip : undefined,
      suid: source?.address,
      spt: source?.port?.toString(),
      dhost: destination?.domain ?? undefined,
      cs1: rule?.id,
      cs2: landline.segment?.id,
      cs6: landline.facts && JSON.stringify(landline.facts),
      cn1: String(event.sequence),
    }
    for (const [key, value] of Object.entries(want)) t.equal(extension[key], value, `${event.action} ${key}`)
  }
  t.equal(parseCef(String.raw`a\|b\\|2|3|4|5|6|7|k=v`).header[0], String.raw`a|b\ `.trim(), 'the reader itself')
})

/** Schema 1.5.0: attributes that base_event requires, and one at least of those that http_activity, network and network_endpoint ask for. */
const REQUIRED = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid']

t.test('OCSF: every event has what its class requires', async (t) => {
  const seen = new Map<string, string>()
  for (const record of await records(t.testdir())) {
    const text = ocsfRendering.render(record)
    t.equal(text.indexOf('\n'), text.length - 1, 'one line')
    const event: Plain = JSON.parse(text)
    for (const name of REQUIRED) t.ok(event[name] !== undefined, `${record.event.action}: ${name}`)
    t.match(event.metadata, { version: '1.5.0', product: { name: 'Landline' }, uid: record.event.id })
    t.equal(event.type_uid, event.class_uid * 100 + event.activity_id)
    t.equal(new Date(event.time).toISOString(), record['@timestamp'])
    if (event.class_uid === 4002) {
      t.equal(event.category_uid, 4)
      t.ok(event.src_endpoint.ip ?? event.src_endpoint.uid, 'a source with a name')
      t.ok(event.dst_endpoint.ip ?? event.dst_endpoint.hostname ?? event.dst_endpoint.name, 'a destination with a name')
      t.ok(event.http_request !== undefined && event.connection_info.direction_id === 2)
      t.notMatch(JSON.stringify(event), /"(?:path|query_string)"/)
    }
    seen.set(record.event.action, `${event.type_uid} ${event.action ?? '-'} ${event.severity_id}`)
  }
  t.same(Object.fromEntries(seen), {
    block: '400299 Denied 2',
    'would-block': '400201 Observed 1',
    log: '400201 Allowed 1',
    except: '400201 Allowed 1',
    refuse: '400200 Denied 2',
    sever: '400201 Denied 2',
    end: '400201 Observed 1',
    repeat: '400201 Denied 2',
    reload: '99 - 1',
    'reload-failed': '99 - 3',
  })
})
