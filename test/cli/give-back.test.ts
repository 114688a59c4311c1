/** What has died goes back to the system: when, and that it does. */
import t from 'tap'
import { collect, giveBackInQuietTimes, giveBackLater } from '../../cli/give-back.ts'

t.test('the heap is looked through when that is asked for', async (t) => {
  const refs = Array.from({ length: 100 }, () => new WeakRef(['text']))
  const alive = () => refs.filter((ref) => ref.deref() !== undefined).length
  // What was looked at is held until the turn has ended.
  const turn = () => new Promise((resolve) => setTimeout(resolve, 10))
  t.equal(alive(), 100, 'nothing else has collected them')
  await turn()
  collect()
  await turn()
  t.equal(alive(), 0)
  t.equal('gc' in globalThis, false, 'nobody else can ask for it')
})

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
  let now = 0
  let worked = 0
  let given = 0
  let takes = 50
  let look = () => {}
  giveBackInQuietTimes({
    now: () => now,
    workedMs: () => worked,
    every: (ms, act) => {
      t.equal(ms, 10_000)
      look = act
    },
    act: () => {
      given += 1
      now += takes
      worked += takes
    },
  })
  /** Ten seconds with so much work in them, in milliseconds; how often something has been given back by their end. */
  const pass = (work: number) => {
    now += 10_000
    worked += work
    look()
    return given
  }
  t.equal(pass(100), 0, 'quiet, but hardly anything was done')
  t.equal(pass(5000), 0, 'work, but no quiet time')
  t.equal(pass(100), 1)
  for (let index = 0; index < 6; index++) t.equal(pass(0), 1, 'nothing was done since')
  t.equal(pass(5000), 1)
  t.equal(pass(0), 2)
  t.equal(pass(500), 2, 'it takes 50 ms: not again before 25 s are over')
  t.equal(pass(0), 2)
  takes = 600
  t.equal(pass(0), 3)
  for (let index = 0; index < 40; index++)
    t.equal(pass(0), 3, 'a large heap: to look through it was no work that leaves anything')
})
