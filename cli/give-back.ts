/** What has died goes back to the system: to look through the whole heap stops a thread for 40 ms and more, so it is done where that matters least. */
import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

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

let gc: unknown

/** Looks through all of the heap of this thread now. */
export function collect(): void {
  gc ??= exposedGc()
  if (typeof gc === 'function') gc()
}

function exposedGc(): unknown {
  // Node.js has no call for it; its inspector has one that stops everything for twice as long, and gives less back. The flag is one for all
  // threads and stays set, as another one may be about to do the same; what runs already does not see it.
  setFlagsFromString('--expose-gc')
  return runInNewContext('globalThis.gc')
}

/** How often it is looked whether this is a quiet time. */
const LOOK_MS = 10_000
/** The part of such a time in which a thread had something to do, at most, for it to be quiet. */
const QUIET = 0.05
/** Work, in milliseconds, that may have left something to give back. */
const WORK_MS = 500
/** A large heap takes longer to look through: this part of all time may go into it. */
const SHARE = 1 / 500

/** What `giveBackInQuietTimes` works on. */
export interface QuietMeans {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Milliseconds in which this thread had something to do, since it began. */
  readonly workedMs: () => number
  readonly every: (ms: number, act: () => void) => void
  readonly act: () => void
}

/** For this thread, from now on: in a quiet time after some work, what that has left is given back. */
export function giveBackInQuietTimes({ now, workedMs, every, act }: QuietMeans = QUIET_MEANS): void {
  let worked = workedMs()
  let workedBefore = 0
  let notBefore = 0
  every(LOOK_MS, () => {
    const last = worked
    worked = workedMs()
    const isQuiet = worked - last <= QUIET * LOOK_MS
    if (!isQuiet || worked - workedBefore < WORK_MS || now() < notBefore) return
    const begin = now()
    act()
    notBefore = now() + (now() - begin) / SHARE
    workedBefore = workedMs() // this was no work that leaves anything
  })
}

const QUIET_MEANS: QuietMeans = {
  now: () => performance.now(),
  workedMs: () => performance.eventLoopUtilization().active,
  every: (ms, act) => void setInterval(act, ms).unref(),
  act: collect,
}
