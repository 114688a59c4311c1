/** Text that came from outside, made fit for one line of JSON: capped, and nothing in it that a terminal would obey. */

/** A host name has at most so many characters (RFC 1035 §2.3.4), and no name is given more. */
export const NAME = 253

/** Printable ASCII that JSON takes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/

/**
 * JSON escapes only what is below a space. These would still move a terminal's cursor (C1), break a line (U+2028, U+2029)
 * or turn the reading direction round.
 */
const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

/** `value` as a JSON string of at most `limit` UTF-16 units of text. */
export function quote(value: string, limit: number): string {
  // Nearly all text is this plain, and a record is then encoded in half the time (bench/audit.ts).
  if (value.length <= limit && PLAIN.test(value)) return `"${value}"`
  const text = JSON.stringify(value.length > limit ? cut(value, limit) : value)
  return text.replace(UNSAFE, escaped)
}

/** As `quote`, without the quotes around it. */
export function withinQuotes(value: string, limit: number): string {
  return value.length <= limit && PLAIN.test(value) ? value : quote(value, limit).slice(1, -1)
}

export function quoteOrNull(value: string | null, limit: number): string {
  return value === null ? 'null' : quote(value, limit)
}

function cut(value: string, limit: number): string {
  const last = value.charCodeAt(limit - 1)
  // Half of a surrogate pair is no character.
  return value.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit)
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
