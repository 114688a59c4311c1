/**
 * `node bench/soak.ts [SECONDS]`: 2,000 tunnels and 200 requests a second beside 20,000 hostile connections, on loopback alone.
 * Exit code 1: an honest request was lost, the proxy failed, or memory or descriptors did not come back.
 */
import { MARGIN, type Soaked, soak, type Usage } from '../test/e2e/soak.ts'

const seconds = Number(process.argv[2] ?? 60)
const ends: (() => unknown)[] = []
try {
  const scale = { seconds, tunnels: 2000, requestsPerSecond: 200, hostile: 20_000 }
  const soaked = await soak(
    { teardown: (end: () => unknown) => ends.unshift(end) } as Parameters<typeof soak>[0],
    scale,
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

function report({ asked, lost, errors, exitCode, idle, before, after, end, slopeBytesPerSecond }: Soaked): void {
  console.log(
    `honest requests and echoes ${asked}, lost ${lost.length}; errors logged ${errors.length}; exit code ${exitCode}`,
  )
  for (const line of [...lost.slice(0, 5), ...errors.slice(0, 5)]) console.log(`  ${line}`)
  for (const [when, usage] of Object.entries({ idle, before, after, end }))
    console.log(`${when.padEnd(8)}${inWords(usage)}`)
  console.log(`slope   ${((slopeBytesPerSecond * 60) / 2 ** 20).toFixed(2)} MiB a minute, while they came and went`)
}

function inWords({ residentBytes, descriptors }: Usage): string {
  return `${(residentBytes / 2 ** 20).toFixed(1)} MiB resident, ${descriptors} descriptors`
}
