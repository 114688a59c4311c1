/** Every stage of a block: a rule's mode, under the file's ceiling, under --monitor, with and without an exception. */
import t from 'tap'
import { decide } from '../../rules/decide.ts'
import type { Mode, RuleAction, RuleMode } from '../../rules/model.ts'
import { compiled, TODAY } from '../compiled.ts'
import { prefix } from './small-rules.ts'

const RULES = ({ action, mode, ceiling, excepted }: Stage) => `version: 1
name: stages
unknown_clients: refuse
mode: ${ceiling}
segments: { wifi: { medium: wireless, prefixes: [10.20.0.0/16] } }
rules:
  - { id: one, service: zoom, action: ${action}, mode: ${mode} }
  - { id: two, service: zoom, action: log }
otherwise: block
ip_literals: block
${excepted ? 'exceptions: [{ id: crisis, rule: one, segment: wifi, expires: 2026-12-01T00:00:00Z, reason: r, ticket: t, approver: a }]' : ''}
`

interface Stage {
  readonly action: RuleAction
  readonly mode: RuleMode
  readonly ceiling: Mode
  readonly monitor: boolean
  readonly excepted: boolean
}

/** What is said of Zoom from the wireless network, as `action mode rule`. */
function verdictOf(stage: Stage): string {
  const policy = compiled(RULES(stage), { monitor: stage.monitor })
  const evidence = {
    source: prefix('10.20.0.7').base,
    at: TODAY,
    address: null,
    port: 443,
    serverName: null,
    httpHost: null,
  }
  const { action, mode, rule } = decide(policy, { ...evidence, host: 'zoom.us' })
  return `${action} ${mode} ${rule}`
}

// `lowered`: by the file's own ceiling, by --monitor, or by both: it makes no difference which.
const TABLE: [action: RuleAction, mode: RuleMode, lowered: boolean, plain: string, excepted: string][] = [
  ['block', 'enforce', false, 'block enforce one', 'except enforce one'],
  ['block', 'enforce', true, 'would-block monitor one', 'except monitor one'],
  ['block', 'monitor', false, 'would-block monitor one', 'except monitor one'],
  ['block', 'monitor', true, 'would-block monitor one', 'except monitor one'],
  // Off is as if it were not there: an exception from it is none.
  ['block', 'off', false, 'log enforce two', 'log enforce two'],
  ['block', 'off', true, 'log monitor two', 'log monitor two'],
  ['log', 'enforce', false, 'log enforce one', 'except enforce one'],
  ['log', 'enforce', true, 'log monitor one', 'except monitor one'],
  ['log', 'monitor', false, 'log monitor one', 'except monitor one'],
  ['log', 'monitor', true, 'log monitor one', 'except monitor one'],
  ['log', 'off', false, 'log enforce two', 'log enforce two'],
  ['log', 'off', true, 'log monitor two', 'log monitor two'],
  ['allow', 'enforce', false, 'allow enforce one', 'except enforce one'],
  ['allow', 'enforce', true, 'allow monitor one', 'except monitor one'],
  ['allow', 'monitor', false, 'allow monitor one', 'except monitor one'],
  ['allow', 'monitor', true, 'allow monitor one', 'except monitor one'],
  ['allow', 'off', false, 'log enforce two', 'log enforce two'],
  ['allow', 'off', true, 'log monitor two', 'log monitor two'],
]

for (const [action, mode, lowered, plain, excepted] of TABLE) {
  t.test(`${action}, ${mode}, ${lowered ? 'under a lowered ceiling' : 'enforced'}`, async (t) => {
    const ways: [Mode, boolean][] = lowered
      ? [
          ['monitor', false],
          ['enforce', true],
          ['monitor', true],
        ]
      : [['enforce', false]]
    for (const [ceiling, monitor] of ways) {
      const stage = { action, mode, ceiling, monitor }
      t.equal(verdictOf({ ...stage, excepted: false }), plain, `ceiling ${ceiling}, --monitor ${monitor}`)
      t.equal(verdictOf({ ...stage, excepted: true }), excepted, `the same, excepted`)
    }
  })
}

t.test('the ceiling is over `otherwise` and `ip_literals`, and not over unknown clients', async (t) => {
  const evidence = { at: TODAY, port: 443, serverName: null, httpHost: null }
  const inside = { ...evidence, source: prefix('10.20.0.7').base }
  const stage = { action: 'block', mode: 'enforce', ceiling: 'enforce', excepted: false } as const
  for (const monitor of [false, true]) {
    const policy = compiled(RULES({ ...stage, monitor }), { monitor })
    const spared = monitor ? 'would-block' : 'block'
    const webex = decide(policy, { ...inside, host: 'webex.com', address: null })
    t.same([webex.action, webex.rule], [spared, 'otherwise'])
    const bare = decide(policy, { ...inside, host: null, address: prefix('203.0.113.9').base })
    t.same([bare.action, bare.rule], [spared, 'ip_literals'])
    const stranger = decide(policy, { ...evidence, source: prefix('192.0.2.1').base, host: 'zoom.us', address: null })
    t.equal(stranger.action, 'refuse')
  }
})
