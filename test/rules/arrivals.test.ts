/** Values in the order in which they came, any of which may be taken out. */
import t from 'tap'
import { ArrivalMap, Arrivals } from '../../rules/tables/arrivals.ts'

t.test('values come in their order, whichever was taken out', async (t) => {
  const arrivals = new Arrivals<string>()
  t.same([...arrivals], [])
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((value) => arrivals.add(value))
  t.same([...arrivals], ['a', 'b', 'c', 'd'])
  t.same(arrivals.latestFirst(), ['d', 'c', 'b', 'a'])
  for (const [place, left] of [
    [b, ['a', 'c', 'd']],
    [a, ['c', 'd']],
    [d, ['c']],
    [c, []],
  ] as const) {
    arrivals.remove(place!) // one of the four
    t.same([...arrivals], left)
    t.equal(arrivals.size, left.length)
    t.equal(arrivals.oldest?.value, left[0])
  }
  arrivals.add('e')
  t.same([...arrivals], ['e'], 'after it was empty')
})

t.test('what was taken out holds nothing that came after it', async (t) => {
  const arrivals = new Arrivals<string>()
  const first = arrivals.add('first')
  arrivals.add('second')
  arrivals.remove(first)
  t.same(Object.values(first), ['first', null, null])
})

t.test('a Map that knows its oldest entry', async (t) => {
  const map = new ArrivalMap<string, number>()
  t.equal(map.oldest, null)
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  t.same(map.oldest, ['b', 2], 'what is set again is the latest')
  t.equal(map.get('a'), 3)
  map.delete('b')
  map.delete('never there')
  t.same(map.oldest, ['a', 3])
  t.equal(map.size, 1)
})
