/** A shadow judges every request beside the rules in force, is told where it would decide otherwise, and never acts. */
import t from 'tap'
import type { Policy } from '../../rules/policy.ts'
import { compiled } from '../compiled.ts'
import {
  answer,
  answering,
  DESK,
  type Harness,
  RULES,
  request,
  STRANGER,
  startOrigin,
  startProxy,
  WIFI,
} from './harness.ts'
import { clientHello, inRecords } from './hellos.ts'

/** Meetings from everywhere, nothing logged, and nobody unknown. */
const LOOSE = RULES.replace('action: block', 'action: allow')
  .replace('action: log', 'action: allow')
  .replace('unknown_clients: refuse', 'unknown_clients: classify')
/** Not even from desks, and a service that the rules in force do not know. */
const STRICT = RULES.replace('except: { medium: wired }, ', '')
  .replace('services:\n', 'services:\n  plain: { name: Plain, category: meeting, domains: [plain.test] }\n')
  .replace('service: [zoom, meet]', 'service: [zoom, meet, plain]')

let shadow: Policy | null = null
const origin = await startOrigin(answering(answer('through')))
const proxy: Harness = await startProxy({ shadow: () => shadow })
t.teardown(async () => {
  await proxy.close()
  origin.close()
})

async function statusOf(host: string, from: string): Promise<string> {
  const client = proxy.client(from).send(request('GET', `http://${host}:${origin.port}/`))
  const text = await client.until((text) => /\r\n\r\n./s.test(text))
  client.close()
  return text.slice(9, 12)
}

const CASES: [
  name: string,
  rules: string,
  host: string,
  from: string,
  status: string,
  record: string | null,
  outcome: object,
][] = [
  ['agrees', RULES, 'meet.test', WIFI, '403', 'block', { result: 'same' }],
  [
    'would let through',
    LOOSE,
    'meet.test',
    WIFI,
    '403',
    'block allow fixed-only',
    { result: 'different', action: 'allow', service: 'meet' },
  ],
  [
    'would not record',
    LOOSE,
    'logged.test',
    DESK,
    '200',
    'log allow watch',
    { result: 'different', action: 'allow', service: 'logged' },
  ],
  [
    'knows the unknown',
    LOOSE,
    'meet.test',
    STRANGER,
    '403',
    'refuse allow fixed-only',
    { result: 'different', action: 'allow', service: 'meet' },
  ],
  [
    'would block what has no record',
    STRICT,
    'meet.test',
    DESK,
    '200',
    null,
    { result: 'different', action: 'block', service: 'meet' },
  ],
  [
    'knows another service',
    STRICT,
    'plain.test',
    DESK,
    '200',
    null,
    { result: 'different', action: 'block', service: 'plain' },
  ],
  ['says the same of what is no conferencing', LOOSE, 'plain.test', DESK, '200', null, { result: 'same' }],
]

for (const [name, rules, host, from, status, record, outcome] of CASES) {
  t.test(`a shadow that ${name}`, async (t) => {
    shadow = compiled(rules)
    const [ends, records] = [proxy.ends.length, proxy.records.length]
    t.equal(await statusOf(host, from), status, 'the rules in force decide')
    await proxy.ended(ends + 1)
    t.match(proxy.ends[ends], { shadow: outcome })
    const told = proxy.records.slice(records).map(({ action, shadow: other }) => {
      if (other == null) return action
      t.equal(other.revision, shadow?.revision)
      return `${action} ${other.action} ${other.rule}`
    })
    t.same(told, record === null ? [] : [record])
  })
}

t.test('a shadow sees what a tunnel opens with', async (t) => {
  shadow = compiled(STRICT)
  const records = proxy.records.length
  const target = `other.test:${origin.port}`
  const ends = proxy.ends.length
  const client = proxy.client().send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  await client.until((text) => text.includes('\r\n\r\n'))
  client.send(inRecords(clientHello('meet.test')))
  client.socket.end()
  await proxy.ended(ends + 1)
  t.match(proxy.ends[ends], { outcome: 'ok', shadow: { result: 'different', action: 'block', service: 'meet' } })
  t.equal(proxy.records.length, records)
})

t.test('an exchange keeps the shadow that it began with, and none where there was none', async (t) => {
  for (const first of [null, compiled(LOOSE)]) {
    shadow = first
    const ends = proxy.ends.length
    const target = `other.test:${origin.port}`
    const client = proxy.client(WIFI).send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
    await client.until((text) => text.includes('\r\n\r\n'))
    shadow = compiled(STRICT)
    client.send(inRecords(clientHello('meet.test')))
    await client.until(() => client.ended || client.closed)
    await proxy.ended(ends + 1)
    const want = first === null ? null : { result: 'different', action: 'allow', service: 'meet' }
    t.match(proxy.ends[ends], { outcome: 'denied', shadow: want })
    const sever = proxy.records.findLast(({ action }) => action === 'sever')
    t.equal(sever?.shadow?.revision ?? null, first?.revision ?? null)
  }
})

t.test('a shadow that fails is counted, and disturbs nobody', async (t) => {
  const broken = compiled(LOOSE)
  shadow = {
    ...broken,
    names: {
      lookup: () => {
        throw new Error('a shadow that fails')
      },
    },
  }
  for (const [host, from, status] of [
    ['meet.test', DESK, '200'],
    ['meet.test', WIFI, '403'],
  ] as const) {
    const ends = proxy.ends.length
    t.equal(await statusOf(host, from), status)
    await proxy.ended(ends + 1)
    t.match(proxy.ends[ends], { shadow: { result: 'failed' } })
  }
  t.equal(proxy.records.at(-1)?.shadow ?? null, null)
  t.same(proxy.errors, [])
})
