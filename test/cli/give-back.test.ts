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

t.test('in the first quiet minute after much work what it left is given back, once', async (t) => {
  let worked = 1000
  let given = 0
  let look = () => {}
  giveBackInQuietTimes({
    workedMs: () => worked,
    every: (ms, act) => {
      t.equal(ms, 60_000)
      look = act
    },
    act: () => {
      given += 1
    },
  })
  /** A minute with so much work in it, in milliseconds. */
  const minute = (work: number) => {
    worked += work
    look()
    return given
  }
  t.equal(minute(100), 0, 'quiet, but nothing has been done yet')
  t.equal(minute(50_000), 0, 'much work, but no quiet time')
  t.equal(minute(100), 1)
  t.equal(minute(0), 1, 'nothing since')
  for (let index = 0; index < 9; index++) t.equal(minute(3000), 1)
  t.equal(minute(3000), 2, 'many minutes with a little work')
})
