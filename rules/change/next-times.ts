/** When an answer may change by itself: where a `during` opens or closes, an exception starts or ends. */
import { isDuring } from '../during.ts'
import type { Policy } from '../policy.ts'

const MINUTE_MS = 60_000
const WEEK_MINUTES = 7 * 24 * 60

/** The instants after `at`, in milliseconds since 1970, in order: of one week for `during`, of all time for exceptions. */
export function duringInstants({ rules, exceptions }: Policy, at: number): readonly number[] {
  const windows = rules.flatMap(({ entry }) => (entry.mode === 'off' || entry.during === null ? [] : [entry.during]))
  const instants = new Set<number>()
  const first = Math.floor(at / MINUTE_MS) + 1
  const open = windows.map((during) => isDuring(during, at))
  // Minute by minute: all windows of a zone share the reading of its clock.
  for (let minute = first; windows.length > 0 && minute <= first + WEEK_MINUTES; minute++) {
    for (const [index, during] of windows.entries()) {
      const isOpen = isDuring(during, minute * MINUTE_MS)
      if (isOpen !== open[index]) instants.add(minute * MINUTE_MS)
      open[index] = isOpen
    }
  }
  for (const { entry } of exceptions) {
    if (entry.startsAt !== null && entry.startsAt > at) instants.add(entry.startsAt)
    if (entry.expiresAt > at) instants.add(entry.expiresAt)
  }
  return [...instants].sort((x, y) => x - y)
}
