/** What is kept of what was made once, and how much of it. */
import t from 'tap'
import { BoundedLists } from '../../rules/tables/bounded-lists.ts'

t.test('the few of one key are found in their order', async (t) => {
  const lists = new BoundedLists<string | null, number>(10, 3)
  t.same(lists.of('a'), [])
  for (const value of [1, 2]) lists.add('a', value)
  lists.add(null, 3)
  t.same([lists.of('a'), lists.of(null), lists.of('b')], [[1, 2], [3], []])
})

t.test('too many of one key, or in all, and what was there goes', async (t) => {
  const ofOne = new BoundedLists<string, number>(10, 2)
  for (const value of [1, 2, 3]) ofOne.add('a', value)
  t.same(ofOne.of('a'), [3])
  const ofAll = new BoundedLists<number, number>(3, 2)
  for (let key = 0; key < 100; key++) {
    ofAll.add(key, key)
    t.same(ofAll.of(key), [key])
    const all = Array.from({ length: 100 }, (_, key) => ofAll.of(key).length)
    t.ok(all.reduce((sum, length) => sum + length, 0) <= 3)
  }
})
