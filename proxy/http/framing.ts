/** Where a message's content ends (RFC 9112 §6): decided once, from fields that leave no doubt. */
import { isToken } from './chars.ts'
import { trimBlank } from './fields.ts'

export type Framing =
  | { readonly kind: 'none' }
  /** Bytes. */
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }

/** An answer may also end with its connection. */
export type ResponseFraming = Framing | { readonly kind: 'close' }

export const NO_CONTENT: Framing = { kind: 'none' }
export const CHUNKED: Framing = { kind: 'chunked' }
export const UNTIL_CLOSE: ResponseFraming = { kind: 'close' }

/** 2^53-1 has as many. */
const MAX_DIGITS = 16

/** A decimal number without sign, up to 2^53-1; -1 for anything else. */
export function parseDecimal(text: string): number {
  if (text.length === 0 || text.length > MAX_DIGITS) return -1
  let value = 0
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48
    if (!(digit >= 0 && digit <= 9)) return -1
    value = value * 10 + digit
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1
}

/** The length that a list of equal decimal numbers names (RFC 9110 §8.6); -1 for anything else. */
export function parseEqualDecimals(list: string): number {
  if (!list.includes(',')) return parseDecimal(list)
  const [first = '', ...others] = list.split(',').map(trimBlank)
  const length = parseDecimal(first)
  return others.every((other) => parseDecimal(other) === length) ? length : -1
}

/** What a Transfer-Encoding comes to; several lines joined by commas. `unknown`: chunked ends it, but over codings not spoken here. */
export function readTransferEncoding(value: string): 'chunked' | 'unknown' | 'invalid' {
  const lower = value.toLowerCase()
  if (lower === 'chunked') return 'chunked'
  const codings = lower.split(',').map(trimBlank)
  const last = codings.pop()
  return last === 'chunked' && codings.every((coding) => isToken(coding) && coding !== 'chunked')
    ? 'unknown'
    : 'invalid'
}
