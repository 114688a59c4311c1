/**
 * `npm run bench -- series`, or `node bench/series.ts [--clients 200] [--seconds 300]`: hostile clients with random hosts, methods
 * and addresses while the rules are reloaded, on loopback alone. Exit code 1: the number of series did not stay the same.
 */
import { parseArgs } from 'node:util'
import { seriesStorm } from '../test/e2e/series-storm.ts'

const { values } = parseArgs({
  options: { clients: { type: 'string', default: '200' }, seconds: { type: 'string', default: '300' } },
})
const ends: (() => unknown)[] = []
try {
  const { counts, ...totals } = await seriesStorm(
    { teardown: (end: () => unknown) => ends.unshift(end) } as Parameters<typeof seriesStorm>[0],
    { clients: Number(values.clients), seconds: Number(values.seconds) },
  )
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  for (const [name, total] of Object.entries(totals)) console.log(`${name.padEnd(10)}${total.toLocaleString('en')}`)
  console.log(`series    ${least} at least, ${most} at most, in ${counts.length} looks`)
  process.exitCode = least === most ? 0 : 1
} finally {
  for (const end of ends) await end()
}
