/**
 * How much memory V8 may take for speed. Left to itself it lets what has died pile up to several times what lives, and gives
 * new objects 128 MiB: on a machine with much memory a proxy of 60 MiB then swings between 300 and 480 under a storm of
 * connections. With these bounds it stays below 300; the collector works a little more often for that.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Of what lives, in per cent: so much may come on top before all of the heap is looked through. */
const GROWTH = 50
/** For new objects; with less, too many of them outlive it while their request is under way. */
const YOUNG_BYTES = 32 * 1024 * 1024

/** The same bound for a thread of its own, as Node.js takes it: three times one of the two halves. */
export const WORKER_LIMITS = { maxYoungGenerationSizeMb: ((YOUNG_BYTES / 2) * 3) / 2 ** 20 } as const

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

/** V8 lends what a thread held to the next one for a while; before that, a collection does not give it back. */
const LENT_MS = 30_000

let later: NodeJS.Timeout | undefined

/**
 * What a thread held that has just ended goes back to the system: to read a large rule file takes hundreds of megabytes. V8 gives it back
 * where it looks through all of the heap anyway, and with little to do it may not for hours. That takes some 40 ms, once for all threads
 * that end shortly after each other.
 */
export function giveBackLater(lentMs = LENT_MS, act = collect): void {
  clearTimeout(later)
  later = setTimeout(act, lentMs).unref()
}

/** Looks through all of the heap now. */
export function collect(): void {
  // Node.js has no call for it; its inspector has one that stops everything for twice as long, and gives less back.
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  if (typeof gc === 'function') gc()
}

const MEANS: Means = {
  youngBytes: () =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? YOUNG_BYTES,
  setFlag: setFlagsFromString,
  everySecond: (act) => void setInterval(act, 1000).unref(),
}
