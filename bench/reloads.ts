/**
 * `node bench/reloads.ts [CHANGES] [SEED]`: ten thousand random changes of a rule file while clients ask without a pause, on
 * loopback alone. Exit code 1: an exchange was judged by more than one revision, a refused change did something, a request
 * was lost, or memory did not stay where it was.
 */
import { storm } from '../test/cli/reload-storm.ts'

/** What a heap may have grown by: compiled code and what the collector has not got round to. */
const MARGIN = 1.2

const changes = Number(process.argv[2] ?? 10_000)
const seed = Number(process.argv[3] ?? 1)
const { applied, refused, exchanges, lost, faults, heapBytes } = await storm(changes, seed)
const [before, after] = heapBytes.map((bytes) => bytes / 2 ** 20) as [number, number] // two in, two out
console.log(`${changes} changes (seed ${seed}): ${applied} applied, ${refused} refused`)
console.log(`${exchanges} exchanges, ${lost} lost; ${faults.length} faults`)
for (const fault of faults.slice(0, 10)) console.log(`  ${fault}`)
console.log(`heap ${before.toFixed(1)} MiB after a tenth of them, ${after.toFixed(1)} MiB at the end`)
process.exitCode = faults.length === 0 && lost === 0 && after <= before * MARGIN ? 0 : 1
