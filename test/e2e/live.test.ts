/** `landline test --live`: the tests of a file, asked of a running proxy, find what only a running proxy can have wrong. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { command, LOOPBACK, listen, start } from './landline.ts'

const RULES = `version: 1
name: live
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [127.0.0.4] }
  wifi: { medium: wireless, prefixes: [127.0.0.2, 10.20.0.0/16] }
rules: [{ id: fixed-only, service: zoom, except: { medium: wired }, action: block }]
tests:
`
/** Tests that the proxy agrees with. */
const tests = (port: number) => `
  - { from: 127.0.0.2, to: zoom.us, expect: block, rule: fixed-only }
  - { from: 127.0.0.2, to: "http://zoom.us/", expect: block }
  - { from: 127.0.0.4, to: "127.0.0.1:${port}", expect: allow }
  - { from: 127.0.0.4, to: "127.0.0.1:${port}", sni: zoom.us, expect: allow }
  - { from: 127.0.0.2, to: "127.0.0.1:${port}", sni: zoom.us, expect: block, rule: fixed-only }
  - { from: 127.0.0.3, to: zoom.us, expect: refuse }
`
/** A TLS alert (RFC 8446 §6). */
const HANDSHAKE_FAILURE = Buffer.from([21, 3, 3, 0, 2, 2, 40])
const CONFIG = `${LOOPBACK}limits: { head_ms: 500 }
listeners:
  - { address: "127.0.0.1:0" }
  - { address: "127.0.0.1:0", client_address: proxy-protocol, trusted: [127.0.0.1] }
  - { address: "127.0.0.1:0", client_address: forwarded, trusted: [127.0.0.1] }
  - { address: "127.0.0.1:0", client_address: forwarded, trusted: [127.0.0.0/29] }
`

t.test('a running proxy agrees with the file it runs, and not with another', async (t) => {
  // Whatever the tunnel opens with, the origin says no: it has been reached.
  const origin = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.end(HANDSHAKE_FAILURE))
  })
  const rules = RULES + tests(await listen(t, origin))
  const landline = await start(t, { rules, config: CONFIG })
  const [bySocket = '', byProxyProtocol = '', byForwarded = '', trustingClients = ''] = landline.listeners
  const write = (name: string, text: string) => writeFileSync(join(landline.dir, name), text)
  const live = async (file: string, at: string, ...flags: string[]) => {
    const { code, out, errors } = await command(landline.dir, ['test', file, '--live', at, ...flags])
    return { code, out, errors }
  }
  t.match(await live('rules.yaml', bySocket), { code: 0, out: /^12 passed, 0 failed$/m })

  write('elsewhere.yaml', `${rules}  - { from: 10.20.0.7, to: zoom.us, expect: block }\n`)
  const elsewhere = await live('elsewhere.yaml', bySocket)
  t.match(elsewhere, {
    code: 2,
    out: /10\.20\.0\.7 to zoom\.us: not asked: 10\.20\.0\.7 is no address of this machine/,
  })
  t.match(elsewhere.out, /^13 passed, 0 failed$/m)
  for (const [at, how] of [
    [byProxyProtocol, 'proxy-protocol'],
    [byForwarded, 'forwarded'],
  ] as const)
    t.match(await live('elsewhere.yaml', at, '--client-address', how), { code: 0, out: /^14 passed, 0 failed$/m }, how)

  const other = rules.replaceAll('action: block', 'action: log').replaceAll('expect: block', 'expect: log')
  write('other.yaml', other)
  const differs = await live('other.yaml', bySocket)
  t.equal(differs.code, 1)
  t.match(differs.out, /127\.0\.0\.2 to zoom\.us: expected log by fixed-only \(live\), got block by fixed-only/)
  t.match(differs.out, /^the proxy runs sha256:[0-9a-f]{64}, and this file is sha256:[0-9a-f]{64}$/m)

  const trusted = await live('rules.yaml', trustingClients, '--client-address', 'forwarded')
  t.equal(trusted.code, 1, 'also where the rule is the same: it is that for unknown clients')
  t.match(
    trusted.out,
    /127\.0\.0\.2 to \S+: expected \S+ by \S+ \(live\), got \S+ by \S+ in segment unknown: the listener's "trusted" holds 127\.0\.0\.2/,
  )
  t.notMatch(trusted.out, 'docs/', 'one remedy is enough')

  const masked = await live('elsewhere.yaml', byProxyProtocol)
  t.equal(masked.code, 1, 'a listener that waits for a header it does not get')
  t.match(masked.errors, /did not answer/)
  t.match(await live('rules.yaml', '127.0.0.1'), { code: 3, errors: /--live 127\.0\.0\.1 is not HOST:PORT/ })
  t.match(await live('rules.yaml', bySocket, '--client-address', 'guess'), { code: 3, errors: /is none of socket/ })
})
