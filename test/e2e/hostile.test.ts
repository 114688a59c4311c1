/** Short forms of what runs for long in bench/soak.ts and bench/series.ts: what hostile connections may not do. */
import t from 'tap'
import { seriesStorm } from './series-storm.ts'
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

t.test('hosts, methods, addresses and reloads make no series', async (t) => {
  const { counts, requests, decisions, suspects, reloads } = await seriesStorm(t, { clients: 40, seconds: 6 })
  t.ok(
    requests > 200 && decisions > 50 && suspects > 20,
    `${requests} requests, ${decisions} decisions, ${suspects} claims`,
  )
  t.ok(reloads > 0, `${reloads} reloads`)
  t.strictSame([...new Set(counts)], [counts[0]])
})
