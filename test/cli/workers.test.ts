/** How many threads there are to be, what comes of their records and of their deaths, without starting one. */
import { availableParallelism } from 'node:os'
import t from 'tap'
import { workerProblems, workersOf } from '../../cli/open-plane.ts'
import { Restarts } from '../../cli/restarts.ts'
import type { NumberedEvent } from '../../cli/worker-messages.ts'
import { WorkerRecorder } from '../../cli/worker-recorder.ts'
import type { SystemEvent } from '../../rules/events.ts'

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
