/** What has died goes back to the system: when, and that it does. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import t from 'tap'
import { collect, giveBackInQuietTimes, giveBackLater } from '../../cli/serve/give-back.ts'

t.test('the heap is looked through when that is asked for', async (t) => {
  const refs = Array.from({ length: 100 }, () => new WeakRef(['text']))
  const alive = () => refs.filter((ref) => ref.deref() !== undefined).length
  t.equal(alive(), 100, 'nothing else has collected them')
  // What was looked at is held until the turn has ended.
  await new Promise((resolve) => setTimeout(resolve, 10))
  const looked = new Promise<void>((resolve) => {
    const observer = new PerformanceObserver((list, it) => {
      if (!list.getEntries().some(isMajor)) return
      it.disconnect()
      resolve()
    })
    observer.observe({ entryTypes: ['gc'] })
  })
  const waiting = setInterval(() => {}, 1000) // neither of the two keeps a process running
  const before = process.memoryUsage.rss()
  collect()
  t.ok(process.memoryUsage.rss() - before < 32 * 1024 * 1024, 'what is asked for is not used')
  await looked
  clearInterval(waiting)
  t.equal(alive(), 0)
  t.equal('gc' in globalThis, false, 'nobody else can ask for it')
})

function isMajor(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } } // as Node.js says of one of type `gc`
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}

t.test('threads that end shortly after each other are given back in one go', async (t) => {
  const done: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  giveBackLater(0, () => done.push('first'))
  giveBackLater(0, () => done.push('second'))
  giveBackLater(0, () => {
    done.push('last')
    resolve()
  })
  const waiting = setInterval(() => {}, 1000) // it keeps no process running by itself
  await promise
  clearInterval(waiting)
  t.same(done, ['last'])
})

t.test('in a quiet time after some work what that has left is given back', async (t) => {
  let worked = 0
  let given = 0
  let heapMib = 80
  let look = () => {}
  giveBackInQuietTimes({
    workedMs: () => worked,
    heapBytes: () => heapMib * 2 ** 20,
    every: (ms, act) => {
      t.equal(ms, 10_000)
      look = act
    },
    act: () => {
      given += 1
      worked += heapMib
    },
  })
  /** Ten seconds with so much work in them, in milliseconds; how often something has been given back by their end. */
  const pass = (work: number) => {
    worked += work
    look()
    return given
  }
  t.equal(pass(100), 0, 'quiet, but hardly anything was done')
  t.equal(pass(5000), 0, 'work, but no quiet time')
  t.equal(pass(100), 1)
  for (let index = 0; index < 50; index++) t.equal(pass(0), 1, 'nothing was done since')
  t.equal(pass(5000), 1)
  t.equal(pass(0), 2)
  t.equal(pass(500), 2)
  t.equal(pass(500), 3, 'a little all the time: now and then')
  heapMib = 2000
  t.equal(pass(15_000), 3)
  t.equal(pass(0), 3, 'a large heap takes longer to look through: not after so little')
  t.equal(pass(15_000), 3)
  t.equal(pass(0), 4)
  for (let index = 0; index < 50; index++) t.equal(pass(0), 4, 'to look through it was no work that leaves anything')
})
