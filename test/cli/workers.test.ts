/** How many threads there are to be, what comes of their records and of their deaths; and the one that reads long rules. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Candidate, readHere } from '../../cli/candidate.ts'
import { workerProblems, workersOf } from '../../cli/open-plane.ts'
import { readCandidate } from '../../cli/read-candidate.ts'
import { Restarts } from '../../cli/restarts.ts'
import type { NumberedEvent } from '../../cli/worker-messages.ts'
import { WorkerRecorder } from '../../cli/worker-recorder.ts'
import type { SystemEvent } from '../../rules/events.ts'

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
