/** Texts to slots of a table of a power of two: FNV-1a, over the UTF-16 codes from the right, so that a name is hashed label by label. */

export const HASH_START = 0x811c9dc5
const HASH_PRIME = 0x01000193
/** Spreads the hash over its upper bits, which choose the slot (Knuth's multiplicative hashing). */
const SPREAD = 0x9e3779b1

/** The hash of a text to the right, taken on by one code to the left. */
export function hashedOn(hash: number, code: number): number {
  return Math.imul(hash ^ code, HASH_PRIME)
}

export function hashOf(text: string): number {
  let hash = HASH_START
  for (let at = text.length - 1; at >= 0; at--) hash = hashedOn(hash, text.charCodeAt(at))
  return hash
}

/** Of 2^(32 - shift) slots. */
export function slotOf(hash: number, shift: number): number {
  return Math.imul(hash, SPREAD) >>> shift
}
