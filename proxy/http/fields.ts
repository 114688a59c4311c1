/**
 * Header and trailer lines (RFC 9112 §5): a token, a colon, a value, CRLF, and nothing else. No white space before the
 * colon, no folding, no bare CR or LF, no NUL.
 */
import { CHARS, COLON, CR, HTAB, isToken, LF, RARE, SP, TCHAR, TEXT } from './chars.ts'
import { knownName } from './names.ts'

export interface Field {
  /** The name, in lower case. */
  readonly lower: string
  /** Without the white space around it. */
  readonly value: string
  /** As it goes on: the name as it was written, a colon, a space, the value, CRLF. */
  readonly line: string
  /** What names.ts has of the name. */
  readonly roles: number
}

export type FieldFault = 'lineEnd' | 'fold' | 'fieldName' | 'tooManyFields'

/** More options than this in Connection, or members in a list that is read, come from no honest sender. */
const MAX_LIST_MEMBERS = 32

/** Names that gateways take for these when they turn `_` and its like into `-`. */
const LOOKED_ALIKE: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'connection'])

/**
 * Fields on which framing, routing, loops and waiting hang. Connection may not name them: a recipient that obeyed
 * would read another message than one that did not.
 */
const NEVER_NOMINATED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'content-type',
  'content-range',
  'max-forwards',
  'expect',
  'via',
])

/**
 * Reads the lines from `from` to the empty line, which must end `text`, into `fields`. Returns what is wrong, or null. White space
 * before a colon is a fault in a request, and removed from an answer (RFC 9112 §5.1): `ofAnswer`.
 */
export function parseFields(
  text: string,
  from: number,
  maxFields: number,
  fields: Field[],
  ofAnswer = false,
): FieldFault | null {
  for (let at = from; ; ) {
    const first = text.charCodeAt(at)
    if (first === CR) return text.charCodeAt(at + 1) === LF && at + 2 === text.length ? null : 'lineEnd'
    if (first === SP || first === HTAB) return 'fold'
    if (fields.length === maxFields) return 'tooManyFields'
    let seen = 0
    let nameEnd = at
    // undefined & TCHAR is 0, so the end of the text ends the loop; likewise below.
    for (let kinds = CHARS[first]!; kinds & TCHAR; kinds = CHARS[text.charCodeAt(++nameEnd)]!) seen |= kinds
    let colon = nameEnd
    if (ofAnswer) while (isBlank(text.charCodeAt(colon))) colon++
    if (nameEnd === at || text.charCodeAt(colon) !== COLON) return 'fieldName'
    let start = colon + 1
    while (isBlank(text.charCodeAt(start))) start++
    let cr = start
    while (CHARS[text.charCodeAt(cr)]! & TEXT) cr++
    if (text.charCodeAt(cr) !== CR || text.charCodeAt(cr + 1) !== LF) return 'lineEnd'
    let end = cr
    while (end > start && isBlank(text.charCodeAt(end - 1))) end--
    const value = text.slice(start, end)
    // Most lines are as they should be, and go on in one piece: to put one together costs several times as much.
    const isCanonical = colon === nameEnd && start === colon + 2 && text.charCodeAt(colon + 1) === SP && end === cr
    const line = isCanonical ? text.slice(at, cr + 2) : `${text.slice(at, nameEnd)}: ${value}\r\n`
    const known = knownName(text, at, nameEnd - at)
    if (known !== null) fields.push({ lower: known.lower, value, line, roles: known.roles })
    else {
      const lower = text.slice(at, nameEnd).toLowerCase()
      if (seen & RARE && LOOKED_ALIKE.has(lower.replace(/[^a-z0-9]/g, '-'))) return 'fieldName'
      fields.push({ lower, value, line, roles: 0 })
    }
    at = cr + 2
  }
}

/** The members of a comma-separated list of tokens, in lower case; empty ones are skipped (RFC 9110 §5.6.1.2). Null if it is none. */
function parseTokenList(value: string): readonly string[] | null {
  const members: string[] = []
  for (const part of value.toLowerCase().split(',', MAX_LIST_MEMBERS + 1)) {
    const member = trimBlank(part)
    if (member === '') continue
    if (!isToken(member) || members.length === MAX_LIST_MEMBERS) return null
    members.push(member)
  }
  return members
}

/** The options of a Connection field (RFC 9110 §7.6.1); null if it is malformed or names a field that may not be dropped. */
export function parseConnection(value: string): readonly string[] | null {
  const options = parseTokenList(value)
  return options?.some((option) => NEVER_NOMINATED.has(option)) ? null : options
}

/** Without the spaces and tabs around it; `trim` would take more than that. */
export function trimBlank(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB
}
