/**
 * How much memory V8 may take for speed. Left to itself it lets what has died pile up to several times what lives, and gives
 * new objects 128 MiB: on a machine with much memory a proxy of 60 MiB then swings between 300 and 480 under a storm of
 * connections. With these bounds it stays below 300; the collector works a little more often for that.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Of what lives, in per cent: so much may come on top before all of the heap is looked through. */
const GROWTH = 50
/** For new objects; with less, too many of them outlive it while their request is under way. */
const YOUNG_BYTES = 32 * 1024 * 1024
const LOOK_MS = 1000

/** Holds for all threads of the process, from now on. These flags can be set at any time; those for a fixed size only at the start of Node.js. */
export function boundMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`)
  const timer = setInterval(() => {
    if (youngBytes() < YOUNG_BYTES) return
    setFlagsFromString('--semi-space-growth-factor=1')
    clearInterval(timer)
  }, LOOK_MS).unref()
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0
}
