/** Which form an answer takes: a page for browsers, JSON for programs that say so, and text for everything else (RFC 9110 §12.5.1). */
import { choicesOf } from './choices.ts'

export type Form = 'html' | 'json' | 'text'

/** The weight of a media type that the header names outright, 0 to 1; wildcards do not count. */
export function namedQuality(accept: string | null, type: string): number {
  let quality = 0
  for (const choice of choicesOf(accept)) if (choice.value === type) quality = Math.max(quality, choice.quality)
  return quality
}

/** Text unless another form is named outright and no less wanted: what accepts anything is read in a terminal. */
export function preferredForm(accept: string | null): Form {
  if (accept === null) return 'text'
  const html = Math.max(namedQuality(accept, 'text/html'), namedQuality(accept, 'application/xhtml+xml'))
  const json = namedQuality(accept, 'application/json')
  const text = namedQuality(accept, 'text/plain')
  if (html > 0 && html >= json && html >= text) return 'html'
  return json > 0 && json >= text ? 'json' : 'text'
}

/** True for browsers; false for curl, scripts, and the images and styles of a page. */
export function wantsHtml(accept: string | null): boolean {
  return preferredForm(accept) === 'html'
}
