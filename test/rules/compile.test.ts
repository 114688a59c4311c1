/** Compiled tables against the obvious reading of the rules; and the revision, which tells meanings apart, not spellings. */

import t from 'tap'
import { answersOf } from '../../rules/change/answers.ts'
import { diffPolicies } from '../../rules/change/diff.ts'
import { compile } from '../../rules/compile.ts'
import { decide } from '../../rules/decide.ts'
import { catalogue, compiled, parsed, sha256 } from '../compiled.ts'
import fc from '../properties.ts'
import { anyRuleFile, asking, compileSmall, EPOCH, HOUR, SOURCES, slowly } from './small-rules.ts'

const hours = fc.integer({ min: -10, max: 200 })

t.test('tables decide as a reader of the rules would', async (t) => {
  const actions = new Set<string>()
  fc.assert(
    fc.property(
      anyRuleFile,
      fc.constantFrom(...SOURCES),
      fc.constantFrom('x', 'y', 'z'),
      hours,
      (file, source, service, hour) => {
        const evidence = asking(source, `${service}.example`, EPOCH + hour * HOUR)
        const { action, rule, exception } = decide(compileSmall(file), evidence)
        actions.add(action)
        return `${action} ${rule} ${exception ?? ''}` === slowly(file, evidence, service)
      },
    ),
    { numRuns: 4000 },
  )
  t.equal(actions.size, 6, 'every action came up')
})

t.test('the answers over time hold the answer at any time', async () => {
  fc.assert(
    fc.property(
      anyRuleFile,
      fc.constantFrom(...SOURCES),
      fc.constantFrom('x', 'y', 'z'),
      hours,
      (file, source, service, hour) => {
        const policy = compileSmall(file)
        const { answers } = answersOf(policy, asking(source, `${service}.example`, EPOCH), true)
        const { action, rule } = decide(policy, asking(source, `${service}.example`, EPOCH + Math.abs(hour) * HOUR))
        return action === 'refuse' ? answers.size === 0 : answers.has(`${action} by ${rule}`)
      },
    ),
    { numRuns: 1500 },
  )
})

const BASE = `
version: 1
name: base
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16, 10.11.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.21.0.8-10.21.0.15] }
services:
  ours: { name: Ours, category: meeting, domains: [a.example, b.example], ports: [443, 8443-8445] }
rules:
  - { id: one, service: [zoom, cisco-webex], medium: [wireless, vpn], action: block, reason: { en: No, de: Nein }, except: { segment: [desks, wifi] } }
  - { id: two, category: meeting, action: log, during: { days: mon-fri, hours: 08:00-18:00, zone: Europe/Berlin } }
exceptions:
  - { id: e1, rule: [one, two], segment: [wifi, desks], expires: 2026-12-31T18:00:00+01:00, reason: r, ticket: t, approver: a }
  - { id: e2, rule: one, from: [10.1.0.0/16, 10.2.0.0/16], expires: 2026-12-31T18:00:00+01:00, reason: r, ticket: t, approver: a }
`
const EXCEPTION_1 = BASE.slice(BASE.indexOf('  - { id: e1'), BASE.indexOf('  - { id: e2'))
const revision = (yaml: string) => compiled(yaml).revision
const changed = (from: string | RegExp, to: string) => {
  const yaml = BASE.replace(from, to)
  if (yaml === BASE) throw new Error(`nothing to replace: ${from}`)
  return yaml
}

t.test('two files that mean the same have the same revision', async (t) => {
  const same: Record<string, string> = {
    comments: changed('name: base', 'name: base # a comment'),
    'order of keys': changed(
      'medium: wired, prefixes: [10.10.0.0/16, 10.11.0.0/16]',
      'prefixes: [10.10.0.0/16, 10.11.0.0/16], medium: wired',
    ),
    'order of prefixes': changed('10.10.0.0/16, 10.11.0.0/16', '10.11.0.0/16, 10.10.0.0/16'),
    'order of segments': changed(/( {2}desks: .*\n)( {2}wifi: .*\n)/, '$2$1'),
    'a range and its prefixes': changed('10.21.0.8-10.21.0.15', '10.21.0.8/29'),
    'order of names': changed('a.example, b.example', 'b.example, a.example'),
    'spelling of names': changed('a.example, b', 'A.Example., b'),
    'order of ports, and ranges of them': changed('443, 8443-8445', '8445, 8443-8444, 443'),
    'order of services in a rule': changed('zoom, cisco-webex', 'cisco-webex, zoom'),
    'an alias': changed('zoom, cisco-webex', 'zoom, webex'),
    'a group': `${changed('service: [zoom, cisco-webex]', 'service: us')}groups: { services: { us: [webex, zoom] } }\n`,
    'order of media': changed('wireless, vpn', 'vpn, wireless'),
    'order in except': changed('segment: [desks, wifi]', 'segment: [wifi, desks]'),
    'one value or a list': changed('rule: one,', 'rule: [one],'),
    'order of languages': changed('en: No, de: Nein', 'de: Nein, en: No'),
    'all media': changed(
      'category: meeting, action',
      'category: meeting, medium: [wired, wireless, vpn, mobile, unknown], action',
    ),
    'other offsets': changed(/18:00:00\+01:00/g, '17:00:00Z'),
    'explicit defaults': changed('name: base', 'name: base\nmode: enforce\notherwise: allow\nip_literals: log'),
    'a default in a rule': changed('action: log', 'action: log, mode: enforce'),
    'shared: false': changed('medium: wired,', 'medium: wired, shared: false,'),
    'case of a zone': changed('Europe/Berlin', 'europe/BERLIN'),
    'spelling of days': changed('mon-fri', '[mon, tue, "wed-fri"]'),
    'order of exceptions': `${BASE.replace(EXCEPTION_1, '')}${EXCEPTION_1}`,
    'every hour of the week': changed('action: block', 'action: block, during: { hours: 00:00-24:00, zone: UTC }'),
    'an exception from a rule that is off': changed(
      'exceptions:',
      '  - { id: three, service: any, action: block, mode: off }\nexceptions:\n  - { id: e0, rule: three, segment: wifi, expires: 2026-12-31T18:00:00Z, reason: r, ticket: t, approver: a }',
    ),
    'an exception from such a rule as well': changed('rule: one, from', 'rule: [one, three], from').replace(
      'exceptions:',
      '  - { id: three, service: any, action: block, mode: off }\nexceptions:',
    ),
    'a rule that is off': changed(
      'exceptions:',
      '  - { id: three, service: any, action: block, mode: off }\nexceptions:',
    ),
    tests: `${BASE}tests:\n  - { from: 10.10.0.1, to: zoom.us, expect: allow }\n`,
  }
  for (const [what, yaml] of Object.entries(same)) t.equal(revision(yaml), revision(BASE), what)
  const inline = parsed(BASE)
  const [head = '', rules = ''] = BASE.split(/^(?=rules:)/m)
  const included = parsed(head.replace('version: 1', 'version: 1\ninclude: more.yaml'), { 'more.yaml': rules })
  t.equal(
    compile(included, catalogue, { sha256 }).revision,
    compile(inline, catalogue, { sha256 }).revision,
    'an include',
  )
  const csv = changed('prefixes: [10.10.0.0/16, 10.11.0.0/16]', 'file: desks.csv')
  const filed = parsed(csv, { 'desks.csv': 'prefix,description\n10.11.0.0/16,second floor\n10.10.0.0/16,\n' })
  t.equal(compile(filed, catalogue, { sha256 }).revision, revision(BASE), 'a file of prefixes, whatever it describes')
})

t.test('what changes a verdict, or what is said, changes the revision', async (t) => {
  const different: Record<string, string> = {
    name: changed('name: base', 'name: other'),
    unknown_clients: changed('refuse', 'classify'),
    mode: changed('name: base', 'name: base\nmode: monitor'),
    otherwise: changed('name: base', 'name: base\notherwise: log'),
    ip_literals: changed('name: base', 'name: base\nip_literals: block'),
    medium: changed('medium: wired', 'medium: vpn'),
    shared: changed('medium: wired,', 'medium: wired, shared: true,'),
    prefix: changed('10.11.0.0/16', '10.12.0.0/16'),
    'name of a service': changed('name: Ours', 'name: Theirs'),
    'domain or host': changed('domains: [a.example, b.example]', 'domains: [a.example], hosts: [b.example]'),
    ports: changed('8443-8445', '8443-8446'),
    'order of rules': changed(/( {2}- \{ id: one.*\n)( {2}- \{ id: two.*\n)/, '$2$1'),
    action: changed('action: block', 'action: log'),
    'mode of a rule': changed('action: block', 'action: block, mode: monitor'),
    reason: changed('en: No', 'en: Never'),
    alternative: changed('action: log', 'action: log, alternative: Telephone'),
    hours: changed('18:00, zone', '18:01, zone'),
    zone: changed('Europe/Berlin', 'Europe/London'),
    except: changed('segment: [desks, wifi] } }', 'segment: [desks] } }'),
    'what except asks for': changed(
      'except: { segment: [desks, wifi] }',
      'except: { segment: [desks, wifi], service: zoom }',
    ),
    'rules of an exception': changed('rule: [one, two]', 'rule: [one]'),
    'scope of an exception': changed('10.2.0.0/16', '10.3.0.0/16'),
    'end of an exception': changed('18:00:00+01:00', '18:00:01+01:00'),
    'start of an exception': changed('e1, ', 'e1, starts: 2026-12-01T00:00:00Z, '),
    'ticket of an exception': changed('ticket: t', 'ticket: u'),
  }
  const seen = new Map([[revision(BASE), 'base']])
  for (const [what, yaml] of Object.entries(different)) {
    const own = revision(yaml)
    t.equal(seen.get(own), undefined, what)
    seen.set(own, what)
  }
  const file = parsed(BASE)
  t.match(compile(file, catalogue, { sha256 }).revision, /^sha256:[0-9a-f]{64}$/)
  t.not(compile(file, { ...catalogue, canonical: '{}' }, { sha256 }).revision, revision(BASE), 'the catalogue')
  const forced = compile(file, catalogue, { sha256, monitor: true })
  t.equal(forced.mode, 'monitor')
  t.equal(
    forced.revision,
    revision(changed('name: base', 'name: base\nmode: monitor')),
    'a forced ceiling is a ceiling',
  )
})

t.test('a difference is told in words and cells', async (t) => {
  const now = Date.parse('2026-12-02T11:00:00Z')
  const words = (yaml: string) => diffPolicies(compiled(BASE), compiled(yaml), now).changes
  t.strictSame(words(BASE), [])
  const cases: [yaml: string, ...want: string[]][] = [
    [changed('medium: wired', 'medium: vpn'), 'segment desks: medium wired → vpn'],
    [
      changed('10.11.0.0/16', '10.12.0.0/16'),
      'segment desks: prefixes added: 10.12.0.0/16',
      'segment desks: prefixes removed: 10.11.0.0/16',
    ],
    [changed('medium: wired,', 'medium: wired, shared: true,'), 'segment desks: shared (none) → yes'],
    [
      changed('  wifi: {', '  lab: { medium: wired, prefixes: [10.30.0.0/16] }\n  wifi: {'),
      'segment lab: added (medium wired; prefixes 10.30.0.0/16)',
    ],
    [changed('a.example, b.example', 'a.example'), 'service ours: domains removed: b.example'],
    [
      changed('service: [zoom, cisco-webex]', 'service: zoom'),
      'rule one: for service cisco-webex or zoom → service zoom',
    ],
    [changed('action: block', 'action: log'), 'rule one: action block → log'],
    [
      changed('hours: 08:00', 'hours: 09:00'),
      'rule two: during mon-fri 08:00-18:00 Europe/Berlin → mon-fri 09:00-18:00 Europe/Berlin',
    ],
    [changed(/( {2}- \{ id: one.*\n)( {2}- \{ id: two.*\n)/, '$2$1'), 'rule two: moved, now tried before one'],
    [changed('name: base', 'name: base\notherwise: log'), 'otherwise allow → log'],
    [
      BASE.replace(EXCEPTION_1, ''),
      'exception e1: removed (lifts one and two; segment wifi and desks; expires 2026-12-31T17:00:00Z; reason r; ticket t; approver a)',
    ],
  ]
  for (const [yaml, ...want] of cases) t.strictSame(words(yaml), want)
  const { cells } = diffPolicies(
    compiled(BASE.replace(EXCEPTION_1, '')),
    compiled(changed(EXCEPTION_1, '').replace('action: block', 'action: log')),
    now,
  )
  t.strictSame(cells, [], 'both segments are excepted from rule one')
  const bare = BASE.replace(EXCEPTION_1, '').replace(', except: { segment: [desks, wifi] }', '')
  const difference = diffPolicies(compiled(bare), compiled(bare.replace('action: block', 'action: log')), now)
  t.strictSame(difference.cells, [
    {
      segment: 'wifi',
      service: 'cisco-webex, zoom',
      services: ['cisco-webex', 'zoom'],
      before: { action: 'block', mode: 'enforce', rule: 'one', exceptions: [] },
      after: { action: 'log', mode: 'enforce', rule: 'one', exceptions: [] },
    },
  ])
})
