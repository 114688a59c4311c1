/** Records to a real rsyslog, over TCP and TLS, while it goes away and Landline is killed: each arrives, none twice that need not. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { missing, peer } from '../peers.ts'
import { freePort } from '../ports.ts'
import { ask } from './ask.ts'
import { makeCertificate } from './certificate.ts'
import { scratch, start, waitFor } from './landline.ts'

const rsyslogd = peer('rsyslog', 'rsyslogd')
const openssl = peer('OpenSSL', 'openssl')
const skip = (rsyslogd === null && missing('rsyslog')) || (openssl === null && missing('OpenSSL'))

const SHIPPED = 'landline_audit_shipped_records_total{target="file"}'
const RULES = `version: 1
name: ship
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [127.0.0.2] } }
rules: [{ id: no-zoom, service: zoom, action: block }]
`

function settings(dir: string, tcp: number, tls: number): string {
  return `global(workDirectory="${dir}" defaultNetstreamDriverCAFile="${dir}/origin.crt"
  defaultNetstreamDriverCertFile="${dir}/origin.crt" defaultNetstreamDriverKeyFile="${dir}/origin.key" maxMessageSize="256k")
module(load="imtcp")
input(type="imtcp" port="${tcp}" address="127.0.0.1" ruleset="tcp")
input(type="imtcp" port="${tls}" address="127.0.0.1" ruleset="tls" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="line" type="string" string="%hostname% %app-name% %msgid% %structured-data%%msg%\\n")
ruleset(name="tcp") { action(type="omfile" file="${dir}/tcp.log" template="line") }
ruleset(name="tls") { action(type="omfile" file="${dir}/tls.log" template="line") }
`
}

function startSyslog(t: Test, dir: string): ChildProcess {
  const args = ['-n', '-f', join(dir, 'rsyslog.conf'), '-i', join(dir, 'rsyslog.pid')]
  const child = spawn(rsyslogd ?? '', args, { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** The sequence numbers that arrived, from the messages' structured data. */
function arrived(dir: string, file: string): readonly number[] {
  const path = join(dir, file)
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return [...text.matchAll(/^landline-1 landline \S+ \[meta sequenceId="(\d+)"\] ?\{"@timestamp"/gm)].map(([, n]) =>
    Number(n),
  )
}

t.test('rsyslog has every record once it is there, over TCP and TLS', { skip }, async (t) => {
  const dir = scratch(t)
  await makeCertificate(dir, openssl ?? '')
  const [tcp, tls] = [await freePort(), await freePort()]
  writeFileSync(join(dir, 'rsyslog.conf'), settings(dir, tcp, tls))
  const config = `audit:
  ship:
    - { to: stdout }
    - { to: file, path: shipped/records.jsonl }
    - { to: "syslog+tcp://127.0.0.1:${tcp}" }
    - { to: "syslog+tls://localhost:${tls}", ca: ${dir}/origin.crt }
`
  const work = t.testdir({ shipped: {} })
  const deny = async (port: number, times: number) => {
    for (let time = 0; time < times; time++)
      t.equal((await ask(port, 'http://zoom.us/', { from: '127.0.0.2' })).status, 403)
  }
  const all = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
  const has = (file: string, count: number) =>
    waitFor(`${count} records in ${file}`, () => arrived(dir, file).length >= count)

  const first = startSyslog(t, dir)
  const landline = await start(t, { dir: work, rules: RULES, config })
  await deny(landline.port, 3)
  for (const file of ['tcp.log', 'tls.log']) await has(file, 4)
  first.kill('SIGKILL')
  await deny(landline.port, 20)
  await landline.stop('SIGKILL')

  startSyslog(t, dir)
  const again = await start(t, { dir: work })
  await deny(again.port, 1)
  await again.stop()
  const last = again.records().at(-1)?.event.sequence ?? 0
  // What was under way when it was killed may come twice.
  const once = (numbers: readonly number[]) => [...new Set(numbers)]
  for (const file of ['tcp.log', 'tls.log']) t.strictSame(once(arrived(dir, file)), all(last), file)
  const shipped = readFileSync(join(work, 'shipped', 'records.jsonl'), 'utf8')
  t.strictSame(once([...shipped.matchAll(/"sequence":(\d+)/g)].map(([, number]) => Number(number))), all(last))
  const printed = again.log().filter(({ ecs }) => ecs !== undefined)
  t.match(printed.at(-1), { event: { action: 'stop', sequence: last } }, 'standard output has the last word')
})

t.test('a receiver that is taken out of the settings leaves the cursors of the others alone', async (t) => {
  const work = t.testdir({ shipped: {} })
  const receivers = (...paths: string[]) =>
    `audit:\n  ship:\n${paths.map((path) => `    - { to: file, path: ${path} }\n`).join('')}`
  const landline = await start(t, { dir: work, rules: RULES, config: receivers('shipped/a.jsonl', 'late/b.jsonl') })
  await ask(landline.port, 'http://zoom.us/', { from: '127.0.0.2' })
  await waitFor('the first to have them', async () => (await landline.metric(SHIPPED)) >= 2)
  await landline.waitForLog('audit: records cannot be shipped')
  await landline.stop('SIGKILL')

  mkdirSync(join(work, 'late'))
  const again = await start(t, { dir: work, config: receivers('late/b.jsonl') })
  t.equal(await again.stop(), 0)
  const last = again.records().at(-1)?.event.sequence ?? 0
  const b = readFileSync(join(work, 'late', 'b.jsonl'), 'utf8')
  t.strictSame(
    [...b.matchAll(/"sequence":(\d+)/g)].map(([, number]) => Number(number)),
    Array.from({ length: last }, (_, index) => index + 1),
  )
})
