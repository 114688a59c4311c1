/**
 * Which bytes may stand where in a head (RFC 9110 §5.6.2 tokens, §5.5 field values; RFC 3986 for targets and hosts),
 * as one table that the readers walk. A code beyond latin1 has no entry and so may stand nowhere.
 */

/** Part of a token. */
export const TCHAR = 1
/** Part of a field value or a reason phrase: HTAB, SP, VCHAR, obs-text. */
export const TEXT = 2
/** Part of a request-target. `|^{}` and their like are no URI characters, but browsers send them and no two readers differ on them. */
export const TARGET = 4
/** Part of a host written as a name or as dotted decimal. */
export const HOST = 8
/** A token character that is neither letter, digit nor hyphen. */
export const RARE = 16

export const HTAB = 9
export const LF = 10
export const CR = 13
export const SP = 32
export const COLON = 58

const TOKEN_MARKS = "!#$%&'*+-.^_`|~"
/** Fragments, other people's path separators, and what browsers always escape. */
const NOT_IN_TARGET = '"#<>\\'

export const CHARS: Uint8Array = makeTable()

/** One or more token characters. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false
  for (let at = 0; at < text.length; at++) if (!is(text.charCodeAt(at), TCHAR)) return false
  return true
}

/** Whether every character is of the class; true for the empty text. */
export function consistsOf(text: string, kind: number): boolean {
  for (let at = 0; at < text.length; at++) if (!is(text.charCodeAt(at), kind)) return false
  return true
}

/** Whether a character of this code (NaN past the end of a text) is of the class. */
export function is(code: number, kind: number): boolean {
  return (CHARS[code]! & kind) !== 0 // undefined & kind is 0: what has no entry is of no class
}

function makeTable(): Uint8Array {
  const table = new Uint8Array(256)
  for (let code = 0; code < 256; code++) {
    const char = String.fromCharCode(code)
    const isAlphanumeric = /[0-9A-Za-z]/.test(char)
    const isVisible = code > 32 && code < 127
    let kinds = 0
    if (isAlphanumeric || TOKEN_MARKS.includes(char)) kinds |= TCHAR
    if (isVisible || code === HTAB || code === SP || code > 127) kinds |= TEXT
    if (isVisible && !NOT_IN_TARGET.includes(char)) kinds |= TARGET
    if (isAlphanumeric || char === '.' || char === '-' || char === '_') kinds |= HOST
    if (!isAlphanumeric && char !== '-' && TOKEN_MARKS.includes(char)) kinds |= RARE
    table[code] = kinds
  }
  return table
}
