/** A short soak: what hostile connections may not do to honest ones. `node bench/soak.ts` is the long one. */
import t from 'tap'
import { MARGIN, soak } from './soak.ts'

t.setTimeout(120_000)

t.test('while hostile connections come and go, no honest request is lost and nothing stays behind', async (t) => {
  t.setTimeout(120_000)
  const soaked = await soak(t, { seconds: 10, tunnels: 100, requestsPerSecond: 50, hostile: 500 })
  const { idle, before, after, end } = soaked
  t.ok(soaked.asked > 500, `${soaked.asked} asked`)
  t.strictSame(soaked.lost, [])
  t.strictSame(soaked.errors, [])
  t.ok(after.descriptors <= before.descriptors * MARGIN, `${before.descriptors} descriptors, then ${after.descriptors}`)
  t.ok(
    end.descriptors <= idle.descriptors * MARGIN,
    `${idle.descriptors} descriptors at first, ${end.descriptors} at last`,
  )
  t.equal(soaked.exitCode, 0)
})
