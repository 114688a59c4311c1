/** Texts that are kept for longer than what they were read from. */

/** The same text with memory of its own: a part of a longer text keeps all of that, a name the whole head that it came in. */
export function onItsOwn(text: string): string {
  // What was put together is written out, once, before a part of it is taken.
  return ` ${text}`.slice(1)
}
