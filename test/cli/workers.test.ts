/** How many threads there are to be, what comes of their records, their silence and their deaths; and the one that reads long rules. */

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Candidate, readHere } from '../../cli/serve/candidate.ts'
import { workerProblems, workersOf } from '../../cli/serve/open-plane.ts'
import { readCandidate } from '../../cli/serve/read-candidate.ts'
import { Restarts } from '../../cli/serve/restarts.ts'
import { proxyOptionsOf } from '../../cli/serve/wiring.ts'
import type { NumberedEvent } from '../../cli/serve/worker-messages.ts'
import { createWorkerPlane } from '../../cli/serve/worker-plane.ts'
import { WorkerRecorder } from '../../cli/serve/worker-recorder.ts'
import { loadConfig } from '../../cli/settings/config.ts'
import { createMetrics } from '../../metrics/metrics.ts'
import type { SystemEvent, TrafficEvent } from '../../rules/events.ts'
import { compiled } from '../compiled.ts'

const AT = Date.parse('2026-12-02T11:00:00Z')

t.test('as many threads as were asked for, where they can share a port', async (t) => {
  const cases: readonly (readonly [
    workers: number | 'auto',
    platform: NodeJS.Platform,
    want: number,
    refused: boolean,
  ])[] = [
    [1, 'linux', 1, false],
    [4, 'linux', 4, false],
    ['auto', 'linux', availableParallelism(), false],
    [1, 'darwin', 1, false],
    [4, 'darwin', 4, true],
    ['auto', 'darwin', 1, false],
    ['auto', 'win32', 1, false],
  ]
  for (const [workers, platform, want, refused] of cases) {
    t.equal(workersOf({ workers }, platform), want, `${workers} on ${platform}`)
    t.equal(workerProblems({ workers }, platform).length > 0, refused, `${workers} on ${platform}`)
  }
})

t.test('after the first death another starts at once, then later and later, and at last no more', async (t) => {
  let now = 0
  const restarts = new Restarts(() => now)
  t.same(
    Array.from({ length: 6 }, () => restarts.died()),
    [0, 100, 200, 400, 800, null],
  )
  now += 60_000
  t.equal(restarts.died(), 0, 'what was a minute ago is forgotten')
  now += 59_999
  t.equal(restarts.died(), 100)
  now += 1
  t.equal(restarts.died(), 100, 'each death for itself')
})

t.test('records of one turn go together, and each has its own answer', async (t) => {
  const sent: (readonly NumberedEvent[])[] = []
  const recorder = new WorkerRecorder((events) => sent.push(events))
  const event = (reason: string): SystemEvent => ({
    action: 'start',
    outcome: 'success',
    reason,
    policy: null,
    facts: {},
  })
  const [first, second, third] = ['a', 'b', 'c'].map((reason) => recorder.record(event(reason)))
  await new Promise(setImmediate)
  const later = recorder.record(event('d'))
  await new Promise(setImmediate)
  t.same(
    sent.map((events) => events.map(([, event]) => 'reason' in event && event.reason)),
    [['a', 'b', 'c'], ['d']],
    'the second message does not wait for the answer to the first',
  )
  const numbers = sent.flat().map(([number]) => number)
  t.equal(new Set(numbers).size, 4)
  const settled = recorder.settled()
  recorder.recorded([
    { number: numbers[3] ?? 0, reference: 'of d', failure: '' },
    { number: numbers[1] ?? 0, reference: null, failure: 'the disk is full' },
  ])
  t.equal(await later, 'of d')
  await t.rejects(Promise.resolve(second), { message: 'the disk is full' })
  recorder.recorded([0, 2].map((index) => ({ number: numbers[index] ?? 0, reference: `of ${index}`, failure: '' })))
  t.same(await Promise.all([first, third]), ['of 0', 'of 2'])
  await settled
  await recorder.settled()
})

/** Makes threads of this process hang for good, by Node's own debugger. */
function debuggerOfThreads(t: Test): { hang(count: number): Promise<void> } {
  const session = new Session()
  session.connect()
  const told = new BroadcastChannel('hang')
  t.teardown(() => {
    session.disconnect()
    told.close()
  })
  const sessions = new Map<string, string>()
  session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
    if (workerInfo.title.includes('landline-')) sessions.set(workerInfo.title, sessionId)
  })
  session.on('NodeWorker.detachedFromWorker', ({ params }) => {
    for (const [title, id] of sessions) if (id === params.sessionId) sessions.delete(title)
  })
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
  const expression =
    'new BroadcastChannel("hang").postMessage("hangs"), Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'
  return {
    async hang(count) {
      while (sessions.size !== count) await new Promise(setImmediate)
      for (const sessionId of sessions.values()) {
        const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } })
        const hangs = once(told, 'message')
        session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
        await hangs
      }
    },
  }
}

t.test('threads that no longer answer are replaced, on record, and do not hold up a drain', async (t) => {
  const threads = debuggerOfThreads(t)
  const logged: string[] = []
  const log = (fields: object, message: string) => {
    const { err, worker } = fields as { err?: { code?: string }; worker?: number } // as worker-plane.ts gives them
    logged.push(`${worker} ${message}${err?.code === undefined ? '' : `: ${err.code}`}`)
  }
  const records: (TrafficEvent | SystemEvent)[] = []
  const record = async (event: TrafficEvent | SystemEvent) => `${records.push(event)}`
  const metrics = createMetrics({ version: '0', node: 'v0', tunnelsLimit: 1, shipTargets: [] })
  const policy = compiled(
    'version: 1\nname: small\nunknown_clients: classify\nsegments: { wifi: { medium: wireless, prefixes: [10.0.0.0/8] } }\nrules: []\n',
  )
  const { config } = loadConfig({ flags: { listen: '127.0.0.1:0' }, env: {}, readFile: () => '' })
  if (config === null) throw new Error('the defaults are good')
  let look = () => {}
  let looks = true
  const lookOften = (times: number) => {
    for (let time = 0; time < times; time++) look()
  }
  const plane = createWorkerPlane(
    {
      ...proxyOptionsOf(config),
      rules: { policy, lifts: [], shadow: null },
      recorder: { record },
      observer: metrics,
      tallied: () => {},
      log: { info: log, warn: log, error: log },
      now: () => AT,
      newId: () => 'of no thread',
      ownPages: { port: 1, token: 'secret' },
      alsoOurs: [],
      threads: 2,
      key: 1,
      meter: metrics,
    },
    (act) => {
      look = act
      return () => {
        looks = false
      }
    },
  )
  await plane.listen()
  for (let time = 0; time < 20; time++) {
    look()
    await plane.rejudge('they answer')
  }
  t.strictSame([logged, plane.troubles], [[], []], 'those that answer are left alone')

  await threads.hang(2)
  lookOften(6)
  t.strictSame(logged, ['1 a worker does not answer', '2 a worker does not answer'])
  lookOften(1)
  while (logged.filter((line) => line.includes('serves in place')).length < 2) await new Promise(setImmediate)
  t.strictSame(
    logged.slice(2, 4).sort(),
    [1, 2].map((worker) => `${worker} a worker has died, another takes its place: ERR_WORKER_SILENT`),
  )
  t.match(
    records,
    [1, 2].map(() => ({ action: 'worker-replaced', facts: { cause: 'WorkerError ERR_WORKER_SILENT' } })),
  )
  t.strictSame(plane.troubles, [])

  logged.length = 0
  await threads.hang(2)
  const drained = plane.drain()
  lookOften(7)
  await drained
  t.equal(logged.filter((line) => line.endsWith('died before it had drained: ERR_WORKER_SILENT')).length, 2)
  t.notOk(looks, 'and then nobody looks any more')
})

t.test('long rules are read in a thread of their own, and what comes of it is the same', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'landline-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const main = join(dir, 'rules.yaml')
  const names = Array.from({ length: 9000 }, (_, index) => `name-${index}.own.example`).join(', ')
  const rules = (reason: string, expect: string) => `version: 1
name: long
unknown_clients: classify
segments: { wifi: { medium: wireless, prefixes: [10.20.0.0/16] } }
services: { own: { name: Own, category: meeting, domains: [${names}] } }
rules: [{ id: no-own, service: own, action: block, reason: ${reason} }]
tests: [{ from: 10.20.0.7, to: "name-8999.own.example:443", expect: ${expect}, rule: no-own }]
`
  // As a keeper asks: with much more than can be sent to a thread.
  const options = { main, catalogueDir: undefined, monitor: false, now: () => AT, events: { changed: () => {} } }
  writeFileSync(main, rules('before', 'block'))
  const before = await readCandidate(options)
  t.equal(before.policy?.services.get('own')?.entry.domains.length, 9000)

  for (const expect of ['block', 'allow']) {
    writeFileSync(main, rules('after', expect))
    const here = await readHere(options, before.policy)
    const elsewhere = await readCandidate(options, before.policy)
    const told = ({ problems, changes, revision }: Candidate) => ({ problems, changes, revision })
    t.strictSame(told(elsewhere), told(here), expect)
    t.equal(elsewhere.sources.files.get(main), here.sources.files.get(main))
    t.equal(elsewhere.policy === null, here.policy === null)
    t.equal(here.policy === null, expect === 'allow')
    if (expect === 'block') t.match(here.changes, [/reason/])
  }
})
