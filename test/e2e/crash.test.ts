/** `kill -9`, a torn line, a second proxy on the same folder: what a client was told is on record, and the next start is clean. */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask, open, referenceOf } from './ask.ts'
import { command, type Running, scratch, start, startAndFail } from './landline.ts'
import { chainFaults, readRecords } from './records.ts'

const CONNECTIONS = 64
const REQUESTS = 10_000
const RULES = `version: 1
name: crash
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [127.0.0.1] } }
rules: [{ id: no-zoom, service: zoom, action: block }]
`
const REQUEST = 'GET http://us04web.zoom.us/j/1 HTTP/1.1\r\nHost: us04web.zoom.us\r\n\r\n'
const REFERENCE = /^Landline-Reference: (\S{36})\r$/gm

/**
 * Blocked requests on keep-alive connections, one after the other on each; every reference goes to `told`. Resolves when
 * each connection has had its share, or is gone.
 */
async function storm({ port }: Running, requests: number, told: (reference: string) => void): Promise<void> {
  const worker = (share: number) =>
    new Promise<void>((resolve) => {
      const socket = open(port)
      let text = ''
      let answered = 0
      socket.on('error', () => {}) // it is killed
      socket.on('close', () => resolve())
      socket.on('connect', () => socket.write(REQUEST))
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        // What comes last may not be whole: a reference counts once its line is.
        const whole = text.lastIndexOf('\r\n') + 2
        for (const [, reference = ''] of text.slice(0, whole).matchAll(REFERENCE)) {
          told(reference)
          answered++
          if (answered < share) socket.write(REQUEST)
          else socket.end()
        }
        text = text.slice(whole)
      })
    })
  const share = Math.ceil(requests / CONNECTIONS)
  await Promise.all(Array.from({ length: CONNECTIONS }, () => worker(share)))
}

t.test(
  'kill -9 in the middle of 10,000 blocked requests: every reference that a client saw is in the record',
  async (t) => {
    const dir = scratch(t)
    const folder = join(dir, 'data', 'audit')
    const seen: string[] = []
    for (const dieAfter of [2500, 5000, Number.POSITIVE_INFINITY]) {
      const landline = await start(t, { dir, rules: RULES })
      await storm(landline, REQUESTS - seen.length, (reference) => {
        seen.push(reference)
        if (seen.length === dieAfter) landline.process.kill('SIGKILL')
      })
      const code = await landline.stop()
      t.equal(code, dieAfter === Number.POSITIVE_INFINITY ? 0 : null, `${seen.length} references seen by now`)
    }
    t.ok(seen.length >= REQUESTS)
    const records = readRecords(folder)
    const recorded = new Set(records.filter(({ event }) => event.action === 'block').map(({ event }) => event.id))
    t.strictSame(
      seen.filter((reference) => !recorded.has(reference)),
      [],
    )
    t.equal(new Set(seen).size, seen.length, 'each reference is of one request')
    t.ok(recorded.size - seen.length <= 2 * CONNECTIONS, 'what nobody heard of was under way')
    t.strictSame(chainFaults(folder), [])
    t.strictSame(
      records.map(({ event }) => event.action).filter((action) => action !== 'block'),
      ['start', 'recovered', 'start', 'recovered', 'start', 'stop'],
      'and each crash is on record',
    )
  },
)

t.test('a torn last line is set aside and reported, and the log goes on where it was whole', async (t) => {
  const dir = scratch(t)
  const folder = join(dir, 'data', 'audit')
  const first = await start(t, { dir, rules: RULES })
  const told = referenceOf(await ask(first.port, 'http://zoom.us/'))
  await first.stop('SIGKILL')
  const torn = '{"@timestamp":"2026-11-23T09:14:07.123Z","ecs":{"vers'
  const [segment = ''] = readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
  appendFileSync(join(folder, segment), torn)
  const second = await start(t, { dir })
  await second.waitForLog('audit: recovered')
  const again = referenceOf(await ask(second.port, 'http://zoom.us/'))
  t.equal(await second.stop(), 0)
  t.strictSame(chainFaults(folder), [])
  const records = second.records()
  t.strictSame(
    records.map(({ event }) => event.action),
    ['start', 'block', 'recovered', 'start', 'block', 'stop'],
  )
  t.strictSame([records[1]?.event.id, records[4]?.event.id], [told, again])
  const { set_aside: names, torn_bytes: bytes } = records[2]?.landline.facts ?? {}
  t.equal(bytes, torn.length)
  const [name = ''] = names as readonly string[] // the record's list of files
  t.equal(readFileSync(join(folder, name), 'utf8'), torn, 'its bytes are kept')
  const [, last, , next, , stop] = records
  for (const [at, running, by, since, until] of [
    [last, null, 'crash', last, next],
    [next, true, null, null, null],
    [stop, false, 'stop', stop, null],
  ] as const) {
    const { out } = await command(dir, ['audit', 'rules', 'data/audit', '--at', `${at?.['@timestamp']}`, '--json'])
    const between = { by, since: since?.['@timestamp'], until: until?.['@timestamp'] ?? null }
    t.match(JSON.parse(out), { running, stopped: by === null ? null : between })
  }
})

t.test('of two proxies on one folder the second does not start, and the first does not notice', async (t) => {
  const landline = await start(t, { rules: RULES })
  const second = await startAndFail(t, { dir: landline.dir })
  t.equal(second.code, 1)
  t.match(second.errors, `The audit folder data/audit is written by process ${landline.pid} `)
  t.notMatch(second.errors, 'stack', 'what there is to do is said in the message')
  referenceOf(await ask(landline.port, 'http://zoom.us/'))
  t.equal(await landline.stop(), 0)
  t.strictSame(chainFaults(join(landline.dir, 'data', 'audit')), [])
  t.strictSame(
    landline.records().map(({ event }) => event.action),
    ['start', 'block', 'stop'],
  )
})
