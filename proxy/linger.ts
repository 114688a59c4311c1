/** The end of a connection after its last answer, such that a reset does not eat the answer (RFC 9112 §9.6). */
import type { Wire } from './wire.ts'

const SILENCE_MS = 2000
const LONGEST_MS = 30_000

/**
 * End our side, then read away what the client still sends: until it has ended too or falls silent, `longestMs` at most.
 * `flushed` is called once the answer has left; from then on nothing is lost when the connection is cut.
 */
export function linger(wire: Wire, flushed: () => void, longestMs = LONGEST_MS): void {
  let timer: NodeJS.Timeout | undefined
  const cut = () => wire.destroy()
  wire.end(() => {
    timer = setTimeout(cut, longestMs)
    wire.onIdle(SILENCE_MS, cut)
    flushed()
  })
  wire.attach({
    data: (chunk) => chunk.length,
    end: () => wire.destroySoon(),
    gone: () => clearTimeout(timer),
  })
}
