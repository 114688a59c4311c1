/**
 * Text that is safe by default. `html` escapes all that is put into it, unless that is Html itself, so that leaving
 * something unescaped takes an effort that shows.
 */

export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type HtmlPart = Html | string | number | null | readonly Html[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Characters that a page or a terminal would obey instead of show: C0 and C1 controls, and directional overrides. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** The text with what cannot be shown replaced by `�`. Tabs and line feeds stay. */
export function printable(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(UNPRINTABLE, '\ufffd')
}

/** The text on one line, for a terminal. */
export function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, ' ').trim()
}

function rendered(part: HtmlPart): string {
  if (part === null) return ''
  if (part instanceof Html) return part.text
  if (typeof part === 'object') return part.map(rendered).join('')
  return printable(String(part)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

/** Template tag: the literal parts are markup, what is put in is text. Attribute values must stand in quotes. */
export function html(markup: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  let text = markup[0] ?? ''
  parts.forEach((part, index) => {
    text += rendered(part) + (markup[index + 1] ?? '')
  })
  return new Html(text)
}
