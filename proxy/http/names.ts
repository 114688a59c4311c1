/**
 * The field names that this proxy has a use for, or meets in most heads. They are told apart where they stand in the text: nothing
 * is cut out, put into lower case or hashed for them. All others go the long way, and mean nothing here.
 */

/** Says something of the message as a whole: see `pick`. */
export const PICKED = 1
/** Ends here in a request. */
export const NOT_IN_REQUESTS = 2
/** Ends here in an answer. */
export const NOT_IN_RESPONSES = 4

/** Ends at every hop, whether Connection lists it or not (RFC 9110 §7.6.1). Framing is among these because it is written anew. */
const HOP_BY_HOP = NOT_IN_REQUESTS | NOT_IN_RESPONSES

export interface Name {
  readonly lower: string
  /** The sum of what it is. */
  readonly roles: number
}

const ROLES = {
  connection: PICKED | HOP_BY_HOP,
  'content-length': PICKED | HOP_BY_HOP,
  'transfer-encoding': PICKED | HOP_BY_HOP,
  upgrade: PICKED | HOP_BY_HOP,
  'keep-alive': HOP_BY_HOP,
  'proxy-connection': HOP_BY_HOP,
  'proxy-authenticate': HOP_BY_HOP,
  'proxy-authentication-info': HOP_BY_HOP,
  te: HOP_BY_HOP,

  host: PICKED | NOT_IN_REQUESTS,
  expect: PICKED | NOT_IN_REQUESTS,
  'max-forwards': PICKED,
  authorization: PICKED,
  'www-authenticate': PICKED,
  'proxy-authorization': NOT_IN_REQUESTS,
  'http2-settings': NOT_IN_REQUESTS,
  // A client's address is between it and the proxy, and what a client says of it is no one's knowledge.
  forwarded: NOT_IN_REQUESTS,
  'x-forwarded-for': NOT_IN_REQUESTS,

  // None but Landline speaks for Landline.
  'landline-reference': NOT_IN_RESPONSES,

  accept: 0,
  'accept-encoding': 0,
  'accept-language': 0,
  'accept-ranges': 0,
  age: 0,
  'cache-control': 0,
  'content-encoding': 0,
  'content-type': 0,
  cookie: 0,
  date: 0,
  etag: 0,
  expires: 0,
  'if-modified-since': 0,
  'if-none-match': 0,
  'last-modified': 0,
  location: 0,
  origin: 0,
  pragma: 0,
  range: 0,
  referer: 0,
  server: 0,
  'set-cookie': 0,
  trailer: 0,
  'upgrade-insecure-requests': 0,
  'user-agent': 0,
  vary: 0,
  via: 0,
} as const satisfies Readonly<Record<string, number>>

interface Entry extends Name {
  readonly codes: Uint8Array
}

const SLOTS = 256
/** Lowers the case of a letter; makes no other character of a token into a letter, a digit or a hyphen. */
const LOWER = 32

const TABLE: readonly (readonly Entry[])[] = makeTable()

/** The name at `at`, a token of that length in any case; null: it is none of these. */
export function knownName(text: string, at: number, length: number): Name | null {
  const slot = TABLE[slotOf(length, text.charCodeAt(at), text.charCodeAt(at + length - 1))]! // within SLOTS
  for (const entry of slot) {
    const { codes } = entry
    if (codes.length !== length) continue
    let same = 0
    while (same < length && (text.charCodeAt(at + same) | LOWER) === codes[same]) same++
    if (same === length) return entry
  }
  return null
}

function slotOf(length: number, first: number, last: number): number {
  return (length * 37 + (first | LOWER) * 11 + (last | LOWER) * 3) % SLOTS
}

function makeTable(): readonly (readonly Entry[])[] {
  const table: Entry[][] = Array.from({ length: SLOTS }, () => [])
  for (const [lower, roles] of Object.entries(ROLES)) {
    const codes = Uint8Array.from(lower, (char) => char.charCodeAt(0))
    table[slotOf(lower.length, codes[0]!, codes.at(-1)!)]!.push({ lower, roles, codes }) // no name is empty
  }
  return table
}
