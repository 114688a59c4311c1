/** The matrix: its cells are what `decide` says, and its forms are safe to open. */
import t from 'tap'
import { matrix } from '../../rules/change/matrix.ts'
import { csvCell, matrixCSV, matrixHTML, matrixText } from '../../rules/change/matrix-text.ts'
import { decide } from '../../rules/decide.ts'
import { compiled } from '../compiled.ts'
import { AT, POLICIES } from '../decisions.ts'
import { asking, prefix } from './small-rules.ts'

const office = compiled(POLICIES.office)
const cellsOf = (policy: typeof office, at = AT) => {
  const { segments, services, cells } = matrix(policy, Date.parse(at))
  return (segment: string, service: string) =>
    cells[segments.findIndex(({ id }) => id === segment)]?.[
      services.findIndex((column) => column.services.includes(service))
    ]
}

t.test('a cell says what a client of the segment gets, and which exceptions are open', async (t) => {
  const cases: { policy?: keyof typeof POLICIES; at?: string; segment: string; service: string; want: string }[] = [
    { segment: 'wifi', service: 'zoom', want: 'block zoom-fixed-only [g7-prep]' },
    { segment: 'vpn', service: 'zoom', want: 'block zoom-fixed-only []' },
    { segment: 'desks', service: 'zoom', want: 'allow otherwise []' },
    { segment: 'wifi', service: 'cisco-webex', want: 'log roaming-meetings []' },
    { segment: 'wifi', service: 'google-meet', want: 'log roaming-meetings []' },
    { segment: 'wifi', service: 'town-hall', want: 'would-block trial []' },
    { segment: 'guests', service: 'cisco-webex', want: 'block guests-no-webex []' },
    {
      segment: 'guests',
      service: 'cisco-webex',
      at: '2026-12-10T12:00:00Z',
      want: 'except guests-no-webex [guest-day]',
    },
    { segment: 'guests', service: 'town-hall', at: '2026-12-10T12:00:00Z', want: 'except trial [guest-day]' },
    { segment: 'wifi', service: 'zoom', at: '2026-12-31T17:00:00Z', want: 'block zoom-fixed-only []' },
    { segment: 'wifi', service: 'none', want: 'log ip_literals []' },
    { segment: 'desks', service: 'none', want: 'allow none []' },
    { segment: 'unknown', service: 'zoom', want: 'refuse unknown_clients []' },
    { segment: 'unknown', service: 'none', want: 'refuse unknown_clients []' },
    { policy: 'conditions', segment: 'unknown', service: 'zoom', want: 'block strangers []' },
    { policy: 'conditions', segment: 'unknown', service: 'none', want: 'block ip_literals []' },
    { policy: 'conditions', segment: 'desks', service: 'google-meet', want: 'block office-hours []' },
    {
      policy: 'conditions',
      segment: 'desks',
      service: 'google-meet',
      at: '2026-12-02T20:00:00Z',
      want: 'log otherwise []',
    },
    { policy: 'twice', segment: 'wifi', service: 'zoom', want: 'block first [lifts-both,lifts-first]' },
    { policy: 'twice', segment: 'wifi', service: 'cisco-webex', want: 'block second [lifts-both,lifts-second]' },
  ]
  for (const { policy, at, segment, service, want } of cases) {
    const cell = cellsOf(policy === undefined ? office : compiled(POLICIES[policy]), at)(segment, service)
    t.equal(`${cell?.action} ${cell?.rule} [${cell?.exceptions.join(',')}]`, want, `${segment} ${service} ${at ?? ''}`)
  }
})

t.test('an exception is open where a client that it is for could sit', async (t) => {
  const opens = (from: string) => {
    const policy = compiled(`
version: 1
unknown_clients: classify
segments:
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
  bench: { medium: wired, prefixes: [10.20.9.0/24] }
  lab: { medium: wired, prefixes: [10.30.0.0/24, 10.40.0.0/24] }
rules: [{ id: z, service: zoom, action: block }]
exceptions: [{ id: e, rule: z, from: ${from}, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }]
`)
    const cell = cellsOf(policy)
    return ['wifi', 'lab', 'bench', 'unknown'].filter((segment) => cell(segment, 'zoom')?.exceptions.includes('e'))
  }
  const cases: [from: string, ...want: string[]][] = [
    ['10.20.5.0/24', 'wifi'],
    ['10.40.0.7', 'lab'],
    ['10.40.0.0/24', 'lab'],
    ['10.40.0.0/23', 'lab', 'unknown'],
    ['10.29.255.0-10.30.0.255', 'lab', 'unknown'],
    ['"::/0"', 'unknown'],
    // The segment inside has all of it, so none of its clients sit in the outer one.
    ['10.20.9.0/24', 'bench'],
    ['10.20.8.0/23', 'wifi', 'bench'],
    ['10.0.0.0/8', 'wifi', 'lab', 'bench', 'unknown'],
    ['203.0.113.0/24', 'unknown'],
    ['[10.20.0.1, 203.0.113.0/24]', 'wifi', 'unknown'],
  ]
  for (const [from, ...want] of cases) t.strictSame(opens(from), want, from)
})

t.test('an exception from a later rule is open where another lets its clients past the first', async (t) => {
  const opens = (from: string) => {
    const exception = (id: string, rule: string, scope: string) =>
      `  - { id: ${id}, rule: ${rule}, from: ${scope}, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }\n`
    const policy = compiled(`
version: 1
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [10.20.0.0/16] } }
rules:
  - { id: first, service: zoom, action: block }
  - { id: second, service: zoom, action: block }
exceptions:
${exception('one', 'first', '10.20.1.0/24')}${exception('two', 'second', from)}`)
    return cellsOf(policy)('wifi', 'zoom')?.exceptions
  }
  t.strictSame(opens('10.20.1.64/26'), ['one', 'two'])
  t.strictSame(opens('10.20.0.0/16'), ['one', 'two'])
  t.strictSame(opens('10.20.2.0/24'), ['one'])
})

t.test('every service stands in one column, with those that no rule tells apart', async (t) => {
  const { services, segments } = matrix(office, Date.parse(AT))
  const all = services.flatMap((column) => column.services)
  t.strictSame([...all].sort(), [...office.services.keys(), 'none'].sort())
  const labels = services.map(({ label }) => label.replace(/\d+/, 'N'))
  t.strictSame(labels, [
    'cisco-webex',
    'zoom, partner-meet',
    'other meeting (N)',
    'chat-call (N)',
    'webinar (N)',
    'infrastructure (N)',
    'bare address',
  ])
  t.strictSame(
    segments.map(({ id }) => id),
    ['desks', 'wifi', 'atrium', 'guests', 'vpn', 'unknown'],
  )
})

t.test('each cell is what decide says to an ordinary client', async (t) => {
  for (const [name, yaml] of Object.entries(POLICIES)) {
    const policy = compiled(yaml)
    const cell = cellsOf(policy)
    for (const { id, prefixes } of policy.segments.values()) {
      const source = prefix(`${prefixes[0]?.text}`).base
      for (const service of policy.services.values()) {
        const [host] = [...service.entry.domains, ...service.entry.hosts]
        if (host === undefined || policy.names.lookup(host)?.service?.id !== service.id) continue
        const { action, rule } = decide(policy, asking(source, host, Date.parse(AT)))
        const { action: shown, rule: by } = cell(id, service.id) ?? {}
        if (shown !== action || by !== rule)
          t.fail(`${name} ${id} ${service.id}: ${shown} ${by}, not ${action} ${rule}`)
      }
    }
  }
  t.pass('all agree')
})

t.test('text has a line for each segment and column', async (t) => {
  const text = matrixText(matrix(office, Date.parse(AT)))
  t.match(text, `foreign-office at 2026-12-02T11:00:00Z, mode enforce, ${office.revision}`)
  t.match(text, /^wifi {5}wireless {2}zoom, partner-meet {2}block {8}zoom-fixed-only {3}g7-prep$/m)
  t.match(
    text,
    /^g7-prep: for 10\.20\.5\.0\/24, lifts zoom-fixed-only until 2026-12-31T17:00:00Z; Delegation without desks; CHG-1234, approved by head of division$/m,
  )
  t.notMatch(text, / $/m)
})

t.test('a page of one instant names the rules that hold at certain times only', async (t) => {
  const policy = compiled(POLICIES.conditions)
  for (const [at, holds] of [
    [AT, 'also'],
    ['2026-12-02T20:00:00Z', 'not'],
  ] as const) {
    const table = matrix(policy, Date.parse(at))
    const note = `office-hours: holds mon-fri 08:00-18:00 Europe/Berlin, so ${holds} at the time of this page`
    t.match(matrixText(table), `\n${note}\n`)
    t.match(matrixHTML(table), `<li>${note}</li>`)
  }
})

t.test('CSV has a record for each segment and service, and no formula', async (t) => {
  const lines = matrixCSV(matrix(office, Date.parse(AT)))
    .trimEnd()
    .split('\n')
  t.equal(lines.length, 1 + 6 * (office.services.size + 1))
  t.equal(lines[0], 'segment,medium,service,action,mode,rule,exceptions')
  t.ok(lines.includes('wifi,wireless,zoom,block,enforce,zoom-fixed-only,g7-prep'))
  t.ok(lines.includes('unknown,unknown,none,refuse,enforce,unknown_clients,'))
  const cells = [
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', `"'\r=1"`],
    ['a,b', '"a,b"'],
    ['say "no"', '"say ""no"""'],
    ['two\nlines', '"two\nlines"'],
    ['=A1,"B"', `"'=A1,""B"""`],
    ['a=1', 'a=1'],
    ['', ''],
  ]
  for (const [text = '', want] of cells) t.equal(csvCell(text), want)
})

t.test('HTML stands alone, and what users wrote is text in it', async (t) => {
  const policy = compiled(
    POLICIES.office
      .replace('name: foreign-office', `name: '<script>alert("1")</script> & co'`)
      .replace('Delegation', '<b>Delegation'),
  )
  const html = matrixHTML(matrix(policy, Date.parse(AT)))
  t.match(html, '<h1>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; co: what each segment may use</h1>')
  t.match(html, '&lt;b&gt;Delegation')
  t.notMatch(html, /<script|<b>|https?:|src=|@import|url\(/)
  t.match(html, '<td class="block">block<small>zoom-fixed-only</small><small>open: g7-prep</small></td>')
  t.match(html, 'Reviewed by')
  t.match(html, 'guests<small>wireless, shared</small>')
})
