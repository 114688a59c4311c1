/** What has died goes back to the system: to look through the whole heap takes processor time, so it is done where that matters least. */
import { performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'

/** V8 lends what a thread held to the next one for a while; before that, a collection does not give it back. */
const LENT_MS = 30_000

let later: NodeJS.Timeout | undefined

/**
 * What a thread held that has just ended goes back to the system: to read a large rule file takes hundreds of megabytes. V8 gives it back
 * where it looks through all of the heap anyway, and with little to do it may not for hours. It is asked to, once for all threads that end
 * shortly after each other.
 */
export function giveBackLater(lentMs = LENT_MS, act = collect): void {
  clearTimeout(later)
  later = setTimeout(act, lentMs).unref()
}

/** More than V8 lets come on top before it looks through the heap: so much at least, and half of what is in use (`boundMemory`). */
const ENOUGH_BYTES = 64 * 1024 * 1024

/** Has all of the heap of this thread looked through, in the background. */
export function collect(): void {
  // V8 is made to believe in an outsized need, of which no page is ever touched. The calls that ask for a collection (`gc` of --expose-gc, the
  // inspector's) stop all for ten times as long, and throw the optimised code away with the hidden classes of which there is no object just then;
  // so does V8 itself where the need exceeds half of the heap that it may have.
  try {
    new ArrayBuffer(ENOUGH_BYTES + getHeapStatistics().used_heap_size / 2)
  } catch {
    // Where even addresses are rationed, V8 has looked through the heap before it gave up.
  }
}

/** How often it is looked whether this is a quiet time. */
const LOOK_MS = 10_000
/** The part of such a time in which a thread had something to do, at most, for it to be quiet. */
const QUIET = 0.05
/**
 * Work, in milliseconds for each MiB of the heap, that may have left something to give back. To look through it takes a millisecond: that
 * is at most a tenth of the work.
 */
const WORK_MS_PER_MIB = 10

/** What `giveBackInQuietTimes` works on. */
export interface QuietMeans {
  /** Milliseconds in which this thread had something to do, since it began. */
  readonly workedMs: () => number
  readonly heapBytes: () => number
  readonly every: (ms: number, act: () => void) => void
  readonly act: () => void
}

/** For this thread, from now on: in a quiet time after some work, what that has left is given back. */
export function giveBackInQuietTimes({ workedMs, heapBytes, every, act }: QuietMeans = QUIET_MEANS): void {
  let worked = workedMs()
  let workedBefore = 0
  every(LOOK_MS, () => {
    const last = worked
    worked = workedMs()
    if (worked - last > QUIET * LOOK_MS) return
    if (worked - workedBefore < (WORK_MS_PER_MIB * heapBytes()) / 2 ** 20) return
    workedBefore = worked
    act()
  })
}

const QUIET_MEANS: QuietMeans = {
  workedMs: () => performance.eventLoopUtilization().active,
  heapBytes: () => getHeapStatistics().used_heap_size,
  every: (ms, act) => void setInterval(act, ms).unref(),
  act: collect,
}
