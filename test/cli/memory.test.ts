/** V8's flags, as the room for new objects grows and is taken back. */
import t from 'tap'
import { boundMemory, collect, giveBackLater } from '../../cli/memory.ts'

const MIB = 2 ** 20

function bounded(workers: number) {
  const flags: string[] = []
  const acts: (() => void)[] = []
  let young = MIB
  boundMemory(workers, {
    youngBytes: () => young,
    setFlag: (flag) => flags.push(flag),
    everySecond: (act) => acts.push(act),
  })
  const at = (bytes: number) => {
    young = bytes
    flags.length = 0
    for (const act of acts) act()
    return [...flags]
  }
  return { flags, acts, at }
}

t.test('the room for new objects grows to a bound, and grows again where V8 has taken it back', async (t) => {
  const { flags, at } = bounded(1)
  t.same(flags, ['--heap-growing-percent=50'])
  t.same(at(8 * MIB), [], 'V8 may double it, as it does by itself')
  t.same(at(32 * MIB), ['--semi-space-growth-factor=1'])
  t.same(at(32 * MIB), [], 'nothing to change')
  t.same(at(2 * MIB), ['--semi-space-growth-factor=2'], 'taken back while nothing happened')
  t.same(at(64 * MIB), ['--semi-space-growth-factor=1'])
})

t.test('with several threads nothing keeps one from growing because another is large', async (t) => {
  const { flags, acts } = bounded(2)
  t.same(flags, ['--heap-growing-percent=50'])
  t.same(acts, [])
})

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
