/**
 * Housekeeping runs beside the proxy, on the same processor: it works a little and rests for three times as long, so that it
 * never takes more than a quarter of one core, and it stops where it stands when the log is closed.
 */

/** To be awaited between small pieces of work. Rejects once the work is no longer wanted. */
export type Pace = () => Promise<void>

const REST_FOR_EACH_MS = 3
/** Shorter rests are saved up: a timer for each piece would cost more than the piece. */
const LEAST_REST_MS = 5

/** A pace that ends with `signal`. */
export function createPace(signal: AbortSignal): Pace {
  let since = performance.now()
  return async () => {
    signal.throwIfAborted()
    const worked = performance.now() - since
    if (worked * REST_FOR_EACH_MS < LEAST_REST_MS) return
    await new Promise((resolve) => setTimeout(resolve, worked * REST_FOR_EACH_MS))
    signal.throwIfAborted()
    since = performance.now()
  }
}
