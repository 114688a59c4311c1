/**
 * Host text → the one name or address that it means. Every host that is compared (request, SNI, rule file) comes
 * through here, so that no spelling of a name misses the rule for it.
 */
import { parseAddress, quoted } from './address.ts'
import type { Address } from './model.ts'
import { metBefore } from './tables/own-text.ts'

export type Host =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'invalid'; readonly message: string }

const DOT = 46
const MAX_NAME_BYTES = 253
const MAX_LABEL_BYTES = 63
/** Longer text is not worth mapping: what UTS 46 leaves out (soft hyphens, say) is rare in a name. */
const MAX_TEXT = 1024
const TOO_LONG = `a name has at most ${MAX_NAME_BYTES} bytes`

/**
 * The canonical form of a host: a name in lower case, in A-label form (UTS 46), without its trailing dot; an address from
 * strict dotted decimal or from `[IPv6]`; or why it is neither. A name of ASCII letters is taken as DNS would take it: its labels may
 * hold `_` and begin or end with `-`, and an A-label is not decoded.
 */
export function canonicalHost(text: string): Host {
  if (isCanonicalName(text)) return named(text)
  if (text.startsWith('[')) return bracketed(text)
  if (text.length > MAX_TEXT) return invalid(text, TOO_LONG)
  const ascii = toASCII(text)
  if (ascii === null)
    return invalid(text, 'it has characters that a name cannot have, or not there; use letters, digits, - and _')
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii
  if (isCanonicalName(name)) return named(name)
  // Only an address that was written as one: mapping turns full-width digits and 0x7f.1 into addresses too.
  const address = parseAddress(text.endsWith('.') ? text.slice(0, -1) : text)
  if (address?.family === 4) return { kind: 'address', address }
  return invalid(text, faultOf(name))
}

/** It is kept for hours: among the names that were looked up, in tallies. */
function named(name: string): Host {
  return { kind: 'name', name: metBefore(name) }
}

function bracketed(text: string): Host {
  const inner = text.endsWith(']') ? text.slice(1, -1) : ''
  const address = inner.includes(':') ? parseAddress(inner) : null
  if (address === null) return invalid(text, 'brackets hold an IPv6 address without zone, as in [2001:db8::1]')
  return { kind: 'address', address }
}

function invalid(text: string, why: string): Host {
  return { kind: 'invalid', message: `${quoted(text)} is no host: ${why}` }
}

/** Lower case, and A-labels for what is not ASCII; null if that cannot be. */
function toASCII(text: string): string | null {
  let isASCII = true
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 127) isASCII = false
    // URL would strip, decode or split at these; nothing that it could misread may reach it.
    else if (!isNameCode(code) && code !== DOT && (code < 65 || code > 90)) return null
  }
  if (isASCII) return text.toLowerCase()
  return URL.parse(`http://${text}/`)?.hostname ?? null
}

/** a-z, 0-9, `-` and `_`. */
function isNameCode(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 95
}

/** The hot path: one look at each byte, nothing made. */
function isCanonicalName(text: string): boolean {
  if (text.length > MAX_NAME_BYTES) return false
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === DOT) {
      if (at === start || at - start > MAX_LABEL_BYTES) return false
      start = at + 1
    } else if (!isNameCode(code)) return false
  }
  const last = text.length - start
  return last > 0 && last <= MAX_LABEL_BYTES && !endsInNumber(text, start)
}

/** Whether the last label, from `start`, makes a reader of IPv4 out of the name's reader (WHATWG URL, "ends in a number"). */
function endsInNumber(text: string, start: number): boolean {
  const first = text.charCodeAt(start)
  if (first < 48 || first > 57) return false
  return /^(\d+|0x[\da-f]*)$/.test(text.slice(start))
}

function faultOf(name: string): string {
  if (name === '') return 'it is empty'
  const labels = name.split('.')
  if (labels.includes('')) return 'it has an empty label; write one dot between labels'
  if (labels.some((label) => label.length > MAX_LABEL_BYTES)) return `a label has at most ${MAX_LABEL_BYTES} bytes`
  if (name.length > MAX_NAME_BYTES) return TOO_LONG
  return 'its last label is a number; an IPv4 address is four decimal numbers without leading zeros, as in 192.0.2.1'
}
