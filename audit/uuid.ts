/**
 * References: UUIDv7 (RFC 9562 §5.7) that only ever grow, also within a millisecond and when the clock is set back.
 * 48 bits time, a 12-bit counter in `rand_a` (§6.2, method 1), 62 random bits, so that nobody can guess another's.
 */
import { randomFillSync } from 'node:crypto'

const COUNTER_LIMIT = 0x1000
/** Random bytes are drawn in one go for this many ids: a call of the system each would cost more than the id. */
const POOLED_IDS = 512
const BYTES_PER_ID = 10
/** The counter as three hexadecimal digits. */
const COUNTERS = Array.from({ length: COUNTER_LIMIT }, (_, count) => count.toString(16).padStart(3, '0'))

export interface ReferenceSource {
  /** The next id; `at` is the clock's reading in milliseconds since 1970. */
  next(at: number): string
  /** What `referenceTime` says of the last one. */
  readonly time: number
}

/** Milliseconds since 1970 that a UUIDv7 carries. */
export function referenceTime(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** `after`: the last id given by an earlier process; the first one here is greater. */
export function createReferences(after: string | null = null): ReferenceSource {
  const pool = Buffer.alloc(POOLED_IDS * BYTES_PER_ID)
  let poolText = ''
  let used = pool.length
  let time = after === null ? 0 : referenceTime(after)
  let counter = after === null ? 0 : Number.parseInt(after.slice(15, 18), 16)
  let timeText = timeHex(time)

  function advance(to: number): void {
    time = to
    timeText = timeHex(time)
    // Half the range stays free for the ids of the same millisecond.
    counter = pool.readUInt16BE(used) & 0x7ff
  }

  function refill(): void {
    randomFillSync(pool)
    // The first two bits after the counter are the variant's (§4.1).
    for (let at = 2; at < pool.length; at += BYTES_PER_ID) pool[at] = ((pool[at] ?? 0) & 0x3f) | 0x80
    poolText = pool.toString('hex')
    used = 0
  }

  function next(at: number): string {
    if (used === pool.length) refill()
    if (at > time) advance(at)
    else if (++counter === COUNTER_LIMIT) advance(time + 1)
    const from = used * 2
    used += BYTES_PER_ID
    return `${timeText}-7${COUNTERS[counter]}-${poolText.slice(from + 4, from + 8)}-${poolText.slice(from + 8, from + 20)}`
  }
  return {
    next,
    get time() {
      return Math.floor(time)
    },
  }
}

function timeHex(time: number): string {
  const hex = Math.floor(time).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}`
}
