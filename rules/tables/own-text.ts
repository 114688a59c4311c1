/** Texts that are kept for longer than what they were read from. */
import { hashOf, slotOf } from './text-hash.ts'

/** V8 copies a part of a text that is shorter than this, whatever it is a part of. */
const SHORTEST_PART = 13

/** The same text with memory of its own: a part of a longer text keeps all of that, a name the whole head that it came in. */
export function onItsOwn(text: string): string {
  if (text.length < SHORTEST_PART) return text
  // What was put together is written out, once, before a part of it is taken.
  return ` ${text}`.slice(1)
}

/** Names that were met last; each has one slot, and gives way to the next one that falls on it. */
const SLOT_BITS = 12
const met: string[] = new Array(2 ** SLOT_BITS).fill('')

/**
 * The same text on its own, and for a name that is met again mostly the very one of before: V8 has looked that up in its table of all texts
 * already, as it does with each new one that a Map is asked for.
 */
export function metBefore(name: string): string {
  const slot = slotOf(hashOf(name), 32 - SLOT_BITS)
  const known = met[slot]! // below 2^SLOT_BITS
  if (known === name) return known
  const own = onItsOwn(name)
  met[slot] = own
  return own
}
