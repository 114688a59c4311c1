/** The small form of `node bench/reloads.ts`. */
import t from 'tap'
import { storm } from './reload-storm.ts'

t.test('random changes: one revision an exchange, and what is refused changes nothing', async (t) => {
  const { faults, lost, applied, refused, exchanges } = await storm(120, 20261123)
  t.same(faults, [])
  t.equal(lost, 0)
  t.ok(applied > 30 && refused > 30, `${applied} applied, ${refused} refused`)
  t.ok(exchanges > 120, `${exchanges} exchanges`)
})
