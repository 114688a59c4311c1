/**
 * Random changes of a rule file, one after the other, while clients ask without a pause: good ones, bad ones, files cut and
 * swapped. Tells whether each exchange was judged by one revision, whether each refused change left the old one in force, and
 * what the process holds before and after.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Keeper } from '../../cli/serve/keeper.ts'
import { readCandidate } from '../../cli/serve/read-candidate.ts'
import type { SystemEvent } from '../../rules/events.ts'
import { heapAfterCollection } from '../heap.ts'
import { answer, answering, Client, type Harness, request, startOrigin, startProxy } from '../proxy/harness.ts'
import { clientHello, inRecords } from '../proxy/hellos.ts'

export interface Storm {
  readonly applied: number
  readonly refused: number
  readonly exchanges: number
  /** Exchanges that were not judged by exactly one revision, and changes that did not do what they should. */
  readonly faults: readonly string[]
  /** Requests that had no answer. */
  readonly lost: number
  /** After a tenth of the changes, and after all of them. */
  readonly heapBytes: readonly [before: number, after: number]
}

const ASKERS = 3
const HELLO = inRecords(clientHello('meet.test'))

const rules = (n: number, action: string) => `version: 1
name: rules-${n}
include: [more.yaml]
unknown_clients: classify
rules: [{ id: rule-${n}, service: meet, action: ${action}, reason: "Number ${n}" }]
tests: [{ from: 127.0.0.1, to: meet.test, expect: ${action}, rule: rule-${n} }]
`
const more = (n: number) => `segments: { segment-${n}: { medium: wireless, prefixes: [127.0.0.1] } }
services: { meet: { name: Meet, category: meeting, hosts: [meet.test] } }
`

/** What a change is to come to; `either`: a file that is cut may by chance be a good one. */
type Result = 'applied' | 'refused' | 'either'
type Change = (n: number, files: Files, chance: () => number) => Result
interface Files {
  readonly put: (name: string, text: string) => void
  /** By a finished file renamed over it. */
  readonly swap: (name: string, text: string) => void
  readonly remove: (name: string) => void
}

const good = (n: number, { put, swap }: Files, chance: () => number): Result => {
  const write = chance() < 0.5 ? put : swap
  write('more.yaml', more(n))
  write('rules.yaml', rules(n, chance() < 0.5 ? 'block' : 'log'))
  return 'applied'
}
const bad =
  (damage: (n: number, files: Files) => void): Change =>
  (n, files) => {
    damage(n, files)
    return 'refused'
  }
const CHANGES: readonly Change[] = [
  good,
  good,
  good,
  (n, files, chance) => {
    good(n, files, chance)
    files.put('rules.yaml', `# a comment\n${rules(n, 'log')}otherwise: allow\n`)
    return 'applied'
  },
  (n, { put }, chance) => {
    const text = rules(n, 'block')
    put('more.yaml', more(n))
    put('rules.yaml', text.slice(0, Math.floor(chance() * text.length)))
    return 'either'
  },
  bad((n, { put }) => put('rules.yaml', rules(n, 'log').replace('expect: log', 'expect: block'))),
  bad((n, { put }) => put('rules.yaml', `${rules(n, 'log')}colour: blue\n`)),
  bad((n, { put }) => put('rules.yaml', rules(n, 'log').replace('more.yaml', 'nowhere.yaml'))),
  bad((_, { remove }) => remove('rules.yaml')),
  bad((_, { remove }) => remove('more.yaml')),
]

/** So many changes; the same `seed` makes the same ones. */
export async function storm(changes: number, seed: number): Promise<Storm> {
  const dir = mkdtempSync(join(tmpdir(), 'landline-storm-'))
  const files = filesIn(dir)
  const chance = chanceOf(seed)
  good(0, files, chance)
  const origin = await startOrigin(answering(answer('through')))
  const proxy = await startProxy()
  const told = { applied: 0, refused: 0, exchanges: 0, lost: 0, faults: [] as string[] }
  const events: SystemEvent[] = []
  const keeper = await keeperOf(join(dir, 'rules.yaml'), proxy, events)
  const asking = { busy: true }
  const askers = Array.from({ length: ASKERS }, () => ask(proxy, origin.port, asking, told))
  const heap: number[] = []
  for (let n = 1; n <= changes; n++) {
    const before = keeper.policy
    const expected = CHANGES[Math.floor(chance() * CHANGES.length)]?.(n, files, chance)
    await keeper.reload(`change ${n}`)
    const isRefused = events.at(-1)?.action === 'reload-failed'
    if (isRefused) told.refused += 1
    else told.applied += 1
    if (expected !== 'either' && isRefused !== (expected === 'refused'))
      told.faults.push(`change ${n}: not ${expected}`)
    if (isRefused && keeper.policy !== before) told.faults.push(`change ${n}: refused, and yet in force`)
    if (proxy.policy !== keeper.policy) told.faults.push(`change ${n}: not what the proxy judges by`)
    events.length = 0
    checkExchanges(proxy, told)
    if (n === Math.ceil(changes / 10) || n === changes) heap.push(heapAfterCollection())
  }
  asking.busy = false
  await Promise.all(askers)
  checkExchanges(proxy, told)
  await keeper.stop()
  await proxy.close()
  origin.close()
  rmSync(dir, { recursive: true })
  return { ...told, heapBytes: [heap[0] ?? 0, heap.at(-1) ?? 0] }
}

async function keeperOf(main: string, proxy: Harness, events: SystemEvent[]): Promise<Keeper> {
  const asked = { main, catalogueDir: undefined, monitor: false, now: Date.now }
  const { policy, sources } = await readCandidate(asked)
  if (policy === null) throw new Error('the first rules are good')
  proxy.policy = policy
  const keeping = {
    archive: async () => {},
    record: async (event: SystemEvent) => events.push(event),
    changed: async (next: typeof policy) => {
      proxy.policy = next
    },
    reloaded: () => {},
    log: { info: () => {}, error: () => {} },
  }
  return new Keeper({ ...asked, events: keeping }, { policy, watched: sources, isWhatWasAskedFor: true })
}

/** Requests, and tunnels that show their name only later, until it is over. */
async function ask(proxy: Harness, port: number, asking: { busy: boolean }, told: { lost: number }): Promise<void> {
  while (asking.busy) {
    const plain = new Client(proxy.port)
    const text = await plain.send(request('GET', `http://meet.test:${port}/`)).until((text) => /\r\n\r\n./s.test(text))
    if (!/^HTTP\/1\.1 (?:200|403) /.test(text)) told.lost += 1
    plain.close()
    const tunnel = new Client(proxy.port)
    const head = await tunnel
      .send(`CONNECT meet.test:${port} HTTP/1.1\r\nHost: meet.test\r\n\r\n`)
      .until((text) => text.includes('\r\n\r\n'))
    if (!/^HTTP\/1\.1 (?:200|403) /.test(head)) told.lost += 1
    await new Promise((resolve) => setImmediate(resolve))
    tunnel.send(HELLO)
    await new Promise((resolve) => setImmediate(resolve))
    tunnel.close()
  }
}

/** Rule, segment, reason and revision of each record say the same number, and all records of an exchange the same. */
function checkExchanges({ records, ends }: Harness, told: { exchanges: number; faults: string[] }): void {
  const byExchange = new Map<string, string>()
  for (const { exchange, verdict, policy } of records) {
    const { rule, segment, reason } = verdict
    const numbers = new Set(
      [rule, segment.id, policy.name, ...Object.values(reason ?? {})].map((text) => /\d+$/.exec(text)?.[0]),
    )
    const story = `${policy.revision} ${[...numbers].join(' ')}`
    if (numbers.size !== 1 || (byExchange.get(exchange) ?? story) !== story) told.faults.push(`${exchange}: ${story}`)
    byExchange.set(exchange, story)
  }
  for (const { verdict } of ends) {
    const rule = numberIn(verdict?.rule)
    // A file that was cut before its rules is a good one without any.
    if (rule !== undefined && rule !== numberIn(verdict?.segment.id))
      told.faults.push(`${verdict?.rule} in ${verdict?.segment.id}`)
  }
  told.exchanges += ends.length
  records.length = 0
  ends.length = 0
}

function numberIn(id: string | undefined): string | undefined {
  return /\d+$/.exec(id ?? '')?.[0]
}

function filesIn(dir: string): Files {
  const put = (name: string, text: string) => writeFileSync(join(dir, name), text)
  return {
    put,
    swap(name, text) {
      put('next', text)
      renameSync(join(dir, 'next'), join(dir, name))
    },
    remove: (name) => rmSync(join(dir, name), { force: true }),
  }
}

/** mulberry32: small, and the same everywhere. */
function chanceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
