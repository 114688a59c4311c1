/**
 * How much memory V8 may take for speed. Left to itself it lets what has died pile up to several times what lives, and gives
 * new objects 128 MiB: on a machine with much memory a proxy of 60 MiB then swings between 300 and 480 under a storm of
 * connections. With these bounds it stays below 300; the collector works a little more often for that.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Of what lives, in per cent: so much may come on top before all of the heap is looked through. */
const GROWTH = 50
/**
 * For new objects, in one of the two halves that they move between (both, for Node.js 24); with less, too many of them outlive it while their
 * request is under way.
 */
const YOUNG_BYTES = 32 * 1024 * 1024

/**
 * V8 throws optimised code away with the hidden classes that it was made for, and those with the last objects of them: after a few looks
 * through the heap in which no connection was open, or the first one in a quiet moment, all that carries the traffic would be slow again for
 * a second of work. So they stay for as good as ever, and what has died in a quiet time is given back by give-back.ts instead. They are no
 * more than the code that is in use refers to.
 */
const KEEP_CODE = ['--retain-maps-for-n-gc=1000000', '--memory-reducer-gc-count=0'] as const

/**
 * V8 puts what is made at a place in the code right among the old objects where what was made there before has lived long. In a burst all of
 * it does; from then on the few that are put there hold, when they have died, all that they refer to until the whole heap is looked through:
 * every connection that has ended.
 */
const NO_PRETENURING = '--no-allocation-site-pretenuring'

/** The same bound for a thread of its own, as Node.js takes it: three times one half (for Node.js 24, twice the bound). */
export const WORKER_LIMITS = { maxYoungGenerationSizeMb: (3 * YOUNG_BYTES) / 2 ** 20 } as const

/** What `boundMemory` works on. */
export interface Means {
  /** That new objects have room in. */
  readonly youngBytes: () => number
  readonly setFlag: (flag: string) => void
  readonly everySecond: (act: () => void) => void
}

/**
 * Holds from now on; the flags are those that can be set at any time. `workers`: that many threads carry the traffic, and are bounded by
 * `WORKER_LIMITS`; else this one does.
 */
export function boundMemory(workers: number, { youngBytes, setFlag, everySecond }: Means = MEANS): void {
  setFlag(`--heap-growing-percent=${GROWTH}`)
  setFlag(NO_PRETENURING)
  for (const flag of KEEP_CODE) setFlag(flag)
  if (workers > 1) return
  let mayGrow = true
  everySecond(() => {
    // V8 takes the room back where little happens. What was kept from growing must grow again then: in the little that is left of it,
    // one processor second in five goes into collections.
    const isSmall = youngBytes() < YOUNG_BYTES
    if (isSmall !== mayGrow) setFlag(`--semi-space-growth-factor=${isSmall ? 2 : 1}`)
    mayGrow = isSmall
  })
}

const MEANS: Means = {
  youngBytes: () =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? YOUNG_BYTES,
  setFlag: setFlagsFromString,
  everySecond: (act) => void setInterval(act, 1000).unref(),
}
