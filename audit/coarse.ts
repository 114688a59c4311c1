/**
 * Addresses in the words of a record, where clients have pseudonyms: what a reload quotes of the rules, what is wrong with a
 * file, what people write in reasons and tickets. So coarse that none tells who it was, and without a pseudonym: the rules are
 * archived word for word, and beside them it would tell whose it is.
 */
import { compareAddresses, parseAddress, prefixAt } from '../rules/address.ts'
import type { SystemAction, SystemEvent } from '../rules/events.ts'

/** The longest prefixes that stand in a record beside pseudonyms. */
export const WIDEST_SHOWN = { 4: 24, 6: 64 }
const WIDTH = { 4: 32, 6: 128 }
const MAPPED_BITS = 96

const DOTTED = String.raw`(?:\d{1,3}\.){3}\d{1,3}`
const LENGTH = String.raw`(?:\/(\d{1,3}))?`
const V4 = `(?<![0-9])(${DOTTED})(?![0-9])${LENGTH}`
const V6 = `(?<![0-9a-f:])((?:[0-9a-f]{0,4}:){2,}(?:${DOTTED}|[0-9a-f]{1,4})?)${LENGTH}`
const EITHER = new RegExp(`${V6}|${V4}`, 'gi')
const V4_ALONE = new RegExp(V4, 'g')
const LIKE_V6 = /::|(?::[^:]+){7}/
/** Of an address in characters. */
const LONGEST = 45
/** In place of what is none, and was meant to be one: `010.20.5.7`. */
const UNREAD = '(an address)'

/** Facts that `audit verify` reads back, and a reviewer has signed; the call that takes a review sees to its words. */
const WORD_FOR_WORD: ReadonlySet<SystemAction> = new Set(['start', 'tally', 'sign-off'])

/** `10.20.5.7` and `10.20.5.7/32` become `part of 10.20.5.0/24`; prefixes up to /24 (IPv6: /64) stand as they are. */
export function coarsened(text: string): string {
  return text.replace(EITHER, (found, v6?: string, length6?: string, v4 = '', length4?: string) =>
    v6 === undefined ? coarse(v4, length4) : coarseV6(found, v6, length6),
  )
}

/** The event without the address of any client. */
export function coarsenedEvent(event: SystemEvent): SystemEvent {
  const { source: _, ...rest } = event
  if (WORD_FOR_WORD.has(event.action)) return rest
  const facts = Object.entries(event.facts).map(([name, value]) => [name, coarsenedFact(value)] as const)
  return { ...rest, reason: coarsened(event.reason), facts: Object.fromEntries(facts) }
}

type Fact = SystemEvent['facts'][string]

function coarsenedFact(value: Fact): Fact {
  if (typeof value === 'string') return coarsened(value)
  return typeof value === 'object' && value !== null ? value.map(coarsened) : value
}

/** Times and places in files have colons too, and one may follow an address: `2001:db8::7: error`, `2001:db8:0:0:0:0:0:7:443`. */
function coarseV6(found: string, written: string, length?: string): string {
  if (parseAddress(written) !== null) return coarse(written, length)
  for (let text = written.slice(0, LONGEST); text !== ''; text = text.slice(0, Math.max(0, text.lastIndexOf(':'))))
    if (parseAddress(text) !== null) return coarse(text) + coarsened(found.slice(text.length))
  return LIKE_V6.test(written) ? UNREAD : found.replace(V4_ALONE, (_, v4: string, bits?: string) => coarse(v4, bits))
}

function coarse(written: string, digits?: string): string {
  const shown = digits === undefined ? written : `${written}/${digits}`
  const address = parseAddress(written)
  if (address === null) return UNREAD
  const { family } = address
  const offset = family === 4 && written.includes(':') ? MAPPED_BITS : 0
  const length = digits === undefined ? WIDTH[family] : Math.max(0, Number(digits) - offset)
  const prefix = prefixAt(address, Math.min(length, WIDEST_SHOWN[family]))
  return length === prefix.length && compareAddresses(prefix.base, address) === 0 ? shown : `part of ${prefix.text}`
}
