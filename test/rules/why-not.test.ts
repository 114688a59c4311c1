/** What would let a request through: each remedy is tried, and what else it opens is what a slow look finds. */

import t from 'tap'
import { openingsFor, openingsOf } from '../../rules/change/openings.ts'
import { isLetThrough, type WhyNot, whyNot } from '../../rules/change/why-not.ts'
import { compile } from '../../rules/compile.ts'
import { decide } from '../../rules/decide.ts'
import type { Address, Evidence, RuleFile } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import { parseTarget } from '../../rules/target.ts'
import { catalogue, compiled, sha256 } from '../compiled.ts'
import fc from '../properties.ts'
import { anyRuleFile, asking, compileSmall, EPOCH, HOUR, prefix, SOURCES } from './small-rules.ts'

const RULES = `version: 1
name: w
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16, "2001:db8::/64"] }
  vpn: { medium: vpn, prefixes: [10.99.0.0/16] }
services:
  partner-meet: { name: P, category: meeting, domains: [meet.partner.example] }
rules:
  - { id: fixed-only, service: [zoom, partner-meet], except: { medium: wired }, action: block }
  - { id: office, service: zoom, medium: [wireless, wired], action: block, during: { days: mon-fri, hours: 08:00-18:00, zone: Europe/Berlin } }
exceptions:
  - { id: one-client, rule: fixed-only, from: 10.99.0.9, starts: 2026-12-03T00:00:00Z, expires: 2026-12-04T00:00:00Z, reason: r, ticket: t, approver: a }
ip_literals: block
`

const shown = ({ letThrough, remedies, elsewhere, opensAt }: WhyNot) => ({
  letThrough,
  remedies: remedies.map(({ lines, action, also }) => [
    lines.join(' ').replace(/\s+/g, ' '),
    action,
    also.map(({ who, services }) => `${who}: ${services.length > 3 ? services.length : services.join(' ')}`).join('; '),
  ]),
  elsewhere,
  opensAt: opensAt === null ? null : new Date(opensAt).toISOString(),
})

const evidenceOf = ({ from, to, at }: { from: string; to: string; at: number }): Evidence => {
  const target = parseTarget(to)
  if (typeof target === 'string') throw new Error(target)
  const { host, address, port } = target
  return { source: prefix(from).base, at, host, address, port, serverName: null, httpHost: null }
}
const AT = '2026-12-02T10:00:00Z'
const exception = (id: string, rules: string, who: string) =>
  `exceptions: - { id: ${id}, rule: [${rules}], ${who}, expires: 2026-12-09T10:00:00Z, reason: …, ticket: …, approver: … }`

t.test('the narrowest change comes first, with the lines to write and what else each lets through', async (t) => {
  const cases: { name: string; ask: { from: string; to: string; at?: string }; want: ReturnType<typeof shown> }[] = [
    {
      name: 'two rules block one after the other',
      ask: { from: '10.20.0.7', to: 'zoom.us' },
      want: {
        letThrough: false,
        remedies: [
          [exception('one-client-2', 'fixed-only, office', 'from: 10.20.0.7'), 'except', '10.20.0.7: partner-meet'],
          [
            'rules: - { id: wifi-zoom, service: [zoom], segment: wifi, action: log } # before fixed-only',
            'log',
            'wifi: zoom',
          ],
          [exception('all-of-wifi', 'fixed-only, office', 'segment: wifi'), 'except', 'wifi: zoom partner-meet'],
          [
            'rules: - { id: fixed-only, …, mode: monitor } - { id: office, …, mode: monitor }',
            'would-block',
            'desks: zoom; wifi: zoom partner-meet; vpn: zoom partner-meet',
          ],
        ],
        elsewhere: [],
        opensAt: null,
      },
    },
    {
      name: 'IPv6 is quoted in YAML',
      ask: { from: '2001:db8::7', to: 'meet.partner.example' },
      want: {
        letThrough: false,
        remedies: [
          [exception('one-client-2', 'fixed-only', 'from: "2001:db8::7"'), 'except', ''],
          [exception('all-of-wifi', 'fixed-only', 'segment: wifi'), 'except', 'wifi: partner-meet'],
          [
            'rules: - { id: wifi-partner-meet, service: [partner-meet], segment: wifi, action: log } # before fixed-only',
            'log',
            'wifi: partner-meet',
          ],
          [
            'rules: - { id: fixed-only, …, mode: monitor }',
            'would-block',
            'wifi: zoom partner-meet; vpn: zoom partner-meet',
          ],
        ],
        elsewhere: ['desks'],
        opensAt: null,
      },
    },
    {
      name: 'it opens by itself when the window closes',
      ask: { from: '10.10.0.7', to: 'zoom.us' },
      want: {
        letThrough: false,
        remedies: [
          [exception('one-client-2', 'office', 'from: 10.10.0.7'), 'except', ''],
          [exception('all-of-desks', 'office', 'segment: desks'), 'except', 'desks: zoom'],
          [
            'rules: - { id: desks-zoom, service: [zoom], segment: desks, action: log } # before office',
            'log',
            'desks: zoom',
          ],
          ['rules: - { id: office, …, mode: monitor }', 'would-block', 'desks: zoom'],
        ],
        elsewhere: [],
        opensAt: '2026-12-02T17:00:00.000Z',
      },
    },
    {
      name: 'a bare address of no service',
      ask: { from: '10.20.0.7', to: '203.0.113.9' },
      want: {
        letThrough: false,
        remedies: [['ip_literals: log', 'log', 'wifi: none; vpn: none']],
        elsewhere: ['desks'],
        opensAt: null,
      },
    },
    {
      name: 'an unknown client may be put where it sits',
      ask: { from: '192.0.2.1', to: 'webex.com' },
      want: {
        letThrough: false,
        remedies: [
          ['segments: wifi: { …, prefixes: [ …, 192.0.2.1 ] }', 'allow', '192.0.2.1: 76'],
          ['segments: vpn: { …, prefixes: [ …, 192.0.2.1 ] }', 'allow', '192.0.2.1: 76'],
          ['segments: desks: { …, prefixes: [ …, 192.0.2.1 ] }', 'allow', '192.0.2.1: 77'],
          ['unknown_clients: classify', 'allow', 'unknown: 77'],
        ],
        elsewhere: ['desks', 'wifi', 'vpn'],
        opensAt: null,
      },
    },
    {
      name: 'an exception that is to come opens it',
      ask: { from: '10.99.0.9', to: 'meet.partner.example' },
      want: {
        letThrough: false,
        remedies: [
          [exception('one-client-2', 'fixed-only', 'from: 10.99.0.9'), 'except', '10.99.0.9: zoom'],
          [
            'rules: - { id: vpn-partner-meet, service: [partner-meet], segment: vpn, action: log } # before fixed-only',
            'log',
            'vpn: partner-meet',
          ],
          [exception('all-of-vpn', 'fixed-only', 'segment: vpn'), 'except', 'vpn: zoom partner-meet'],
          [
            'rules: - { id: fixed-only, …, mode: monitor }',
            'would-block',
            'wifi: zoom partner-meet; vpn: zoom partner-meet',
          ],
        ],
        elsewhere: ['desks'],
        opensAt: '2026-12-03T00:00:00.000Z',
      },
    },
    {
      name: 'what is let through needs nothing',
      ask: { from: '10.10.0.7', to: 'webex.com' },
      want: { letThrough: true, remedies: [], elsewhere: [], opensAt: null },
    },
  ]
  const policy = compiled(RULES)
  const remake = (file: RuleFile) => compile(file, catalogue, { sha256 })
  for (const { name, ask, want } of cases) {
    const got = shown(whyNot(policy, evidenceOf({ ...ask, at: Date.parse(ask.at ?? AT) }), remake))
    t.strictSame(got, want, name)
  }
})

const HOSTS = ['x.example', 'y.example', 'z.example']
/** One client of each segment, whom no exception by address is for. */
const SEATS: readonly (readonly [segment: string, source: Address])[] = [
  ['a', prefix('10.0.0.200').base],
  ['b', prefix('10.0.1.1').base],
  ['c', prefix('10.0.3.200').base],
  ['unknown', prefix('192.0.2.200').base],
]
const withoutAddresses = (file: RuleFile): RuleFile => ({
  ...file,
  exceptions: file.exceptions.filter(({ from }) => from === null),
})
const isStopped = (policy: Policy, evidence: Evidence) => !isLetThrough(decide(policy, evidence).action)

t.test('for any rules, a remedy is one, and without any the request is let through', async () => {
  const ask = fc.record({ source: fc.constantFrom(...SOURCES), host: fc.constantFrom(...HOSTS), hours: fc.nat(100) })
  fc.assert(
    fc.property(anyRuleFile, ask, (file, { source, host, hours }) => {
      const evidence = asking(source, host, EPOCH + hours * HOUR)
      const policy = compileSmall(file)
      const { letThrough, remedies, opensAt } = whyNot(policy, evidence, compileSmall)
      if (letThrough) return !isStopped(policy, evidence) && remedies.length === 0
      const isOpen = opensAt === null || !isStopped(policy, { ...evidence, at: opensAt })
      return isOpen && isStopped(policy, evidence) && remedies.every(({ action }) => isLetThrough(action))
    }),
    { numRuns: 500 },
  )
})

t.test('what one policy opens over another is what asking finds, exceptions by address aside', async () => {
  fc.assert(
    fc.property(anyRuleFile, anyRuleFile, fc.nat(100), (one, other, hours) => {
      const at = EPOCH + hours * HOUR
      const next = { ...other, segments: one.segments }
      const [before, after] = [compileSmall(withoutAddresses(one)), compileSmall(withoutAddresses(next))]
      const asked = SEATS.flatMap(([who, source]) =>
        HOSTS.filter((host) => {
          const evidence = asking(source, host, at)
          return isStopped(before, evidence) && !isStopped(after, evidence)
        }).map((host) => `${who} ${host[0]}`),
      )
      const found = openingsOf(compileSmall(one), compileSmall(next), at).flatMap(({ who, services }) =>
        services.filter((id) => id !== 'none').map((id) => `${who} ${id}`),
      )
      return [...found].sort().join() === [...asked].sort().join()
    }),
    { numRuns: 500 },
  )
})

t.test('and for one client it is what asking for that one finds', async () => {
  fc.assert(
    fc.property(anyRuleFile, anyRuleFile, fc.constantFrom(...SOURCES), fc.nat(100), (one, other, source, hours) => {
      const at = EPOCH + hours * HOUR
      const [before, after] = [compileSmall(one), compileSmall({ ...other, segments: one.segments })]
      const asked = HOSTS.filter((host) => {
        const evidence = asking(source, host, at)
        return isStopped(before, evidence) && !isStopped(after, evidence)
      }).map((host) => host[0])
      const found = openingsFor(before, after, asking(source, null, at)).flatMap(({ services }) => services)
      return found.join() === asked.join()
    }),
    { numRuns: 500 },
  )
})
