/**
 * `npm run bench -- soak`, or `node bench/soak.ts [--seconds 3600] [--tunnels N] [--requests N] [--hostile N]`: tunnels that
 * stay open and requests at a steady rate (2,000 and 200 a second) beside hostile connections that come and go (20,000), on
 * loopback alone. Tells how memory and descriptors moved meanwhile.
 * Exit code 1: an honest request was lost, the proxy failed, or memory or descriptors did not come back.
 */
import { parseArgs } from 'node:util'
import { MARGIN, type Soaked, soak, type Usage } from '../test/e2e/soak.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    tunnels: { type: 'string', default: '2000' },
    requests: { type: 'string', default: '200' },
    hostile: { type: 'string', default: '20000' },
  },
})
const ends: (() => unknown)[] = []
try {
  const scale = {
    seconds: Number(values.seconds),
    tunnels: Number(values.tunnels),
    requestsPerSecond: Number(values.requests),
    hostile: Number(values.hostile),
  }
  const soaked = await soak(
    { teardown: (end: () => unknown) => ends.unshift(end) } as Parameters<typeof soak>[0],
    scale,
    (second, usage) => second % 60 === 0 && console.log(`${String(second).padStart(5)} s ${inWords(usage)}`),
  )
  report(soaked)
  process.exitCode = isGood(soaked) ? 0 : 1
} finally {
  for (const end of ends) await end()
}

function isGood({ lost, errors, exitCode, idle, end, before, after }: Soaked): boolean {
  const isBack =
    after.residentBytes <= before.residentBytes * MARGIN && after.descriptors <= before.descriptors * MARGIN
  return (
    lost.length === 0 && errors.length === 0 && exitCode === 0 && isBack && end.descriptors <= idle.descriptors * MARGIN
  )
}

function report({ asked, lost, errors, exitCode, idle, before, after, end, slope }: Soaked): void {
  console.log(
    `honest requests and echoes ${asked}, lost ${lost.length}; errors logged ${errors.length}; exit code ${exitCode}`,
  )
  for (const line of [...lost.slice(0, 5), ...errors.slice(0, 5)]) console.log(`  ${line}`)
  for (const [when, usage] of Object.entries({ idle, before, after, end }))
    console.log(`${when.padEnd(8)}${inWords(usage)}`)
  const percent = (100 * (after.residentBytes - before.residentBytes)) / before.residentBytes
  console.log(`memory  ${percent.toFixed(1)} % more after than before`)
  console.log(
    `slope   ${((slope.residentBytes * 60) / 2 ** 20).toFixed(2)} MiB and ${(slope.descriptors * 60).toFixed(1)} descriptors a minute, over the second half`,
  )
}

function inWords({ residentBytes, descriptors }: Usage): string {
  return `${(residentBytes / 2 ** 20).toFixed(1)} MiB resident, ${descriptors} descriptors`
}
