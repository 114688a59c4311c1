/**
 * Characters that nobody sees and that change what is seen around them: controls, marks that turn the reading direction, spaces
 * without width, halves of a pair. Text with them is refused where it comes in, and shown with escapes.
 */

/** ZWNJ and ZWJ are none of them: Persian, Indic scripts and emoji are written with them. Nor are tabs and line ends. */
const HIDDEN = /(?!\r\n)[[\p{Cc}\p{Cs}\p{Zl}\p{Zp}[\p{Cf}&&\p{Default_Ignorable_Code_Point}]]--[\t\n\u200c\u200d]]/v
const EACH = new RegExp(HIDDEN, 'gv')

/** The first hidden character, as `U+202E`; null: there is none. */
export function hiddenIn(text: string): string | null {
  const code = HIDDEN.exec(text)?.[0].codePointAt(0)
  return code === undefined ? null : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

/** `text` for a terminal, hidden characters as `\u202e`. JSON stays the same JSON. */
export function visible(text: string): string {
  return text.replace(EACH, (found) => found.split('').map(escaped).join(''))
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
