/**
 * Who stands still. Node.js sets the clock of a socket anew at each read and write, several times for a request. Where seconds do
 * not matter, a socket that is in use has no clock: all are looked at now and then, and those that have not moved get theirs.
 */
import { Arrivals, type Place } from '../rules/tables/arrivals.ts'

const LOOK_MS = 1000
/** Of shorter times, a look would be too large a part. */
export const LEAST_WATCHED_MS = 10 * LOOK_MS

export interface Watched {
  /** Has it moved since the last look? */
  look(): void
}

const watched = new Arrivals<Watched>()
let looking: NodeJS.Timeout | null = null

/** Look at this one, too, until it is taken out of the watch. */
export function watch(one: Watched): Place<Watched> {
  looking ??= setInterval(lookAtAll, LOOK_MS).unref()
  return watched.add(one)
}

export function unwatch(place: Place<Watched>): void {
  watched.remove(place)
}

function lookAtAll(): void {
  for (const one of watched) one.look()
  if (watched.size > 0 || looking === null) return
  clearInterval(looking)
  looking = null
}
