/** V8's flags, as the room for new objects grows and is taken back. */
import t from 'tap'
import { boundMemory } from '../../cli/serve/memory.ts'

const MIB = 2 ** 20
/** That are set once, at the start. */
const AT_START = [
  '--heap-growing-percent=50',
  '--no-allocation-site-pretenuring',
  '--retain-maps-for-n-gc=1000000',
  '--memory-reducer-gc-count=0',
]

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
  t.same(flags, AT_START)
  t.same(at(8 * MIB), [], 'V8 may double it, as it does by itself')
  t.same(at(32 * MIB), ['--semi-space-growth-factor=1'])
  t.same(at(32 * MIB), [], 'nothing to change')
  t.same(at(2 * MIB), ['--semi-space-growth-factor=2'], 'taken back while nothing happened')
  t.same(at(64 * MIB), ['--semi-space-growth-factor=1'])
})

t.test('with several threads nothing keeps one from growing because another is large', async (t) => {
  const { flags, acts } = bounded(2)
  t.same(flags, AT_START)
  t.same(acts, [])
})
