/** Text that came from outside, made fit for one line of JSON: capped, and nothing in it that a terminal would obey. */
import { visible } from '../rules/hidden.ts'

/** A host name has at most so many characters (RFC 1035 §2.3.4), and no name is given more. */
export const NAME = 253

/** Printable ASCII that JSON takes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/

/** `value` as a JSON string of at most `limit` UTF-16 units of text. */
export function quote(value: string, limit: number): string {
  // Nearly all text is this plain, and a record is then encoded in half the time (bench/audit.ts).
  if (value.length <= limit && PLAIN.test(value)) return `"${value}"`
  return visible(JSON.stringify(value.length > limit ? cut(value, limit) : value))
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
