/** The language an answer is in (RFC 9110 §12.5.4, matched as RFC 4647 §3.3.1 and §3.4 do). A header that makes no sense says nothing. */
import type { Texts } from '../rules/model.ts'
import { type Choice, choicesOf } from './choices.ts'

/** The languages in which Landline's own sentences exist. */
export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

export interface ChosenText {
  readonly text: string
  /** Its language tag; '' where the rule file does not say. */
  readonly language: string
}

/** The language for Landline's own sentences, from an Accept-Language value; English where it does not say. */
export function chooseLanguage(acceptLanguage: string | null): Language {
  if (acceptLanguage === null) return 'en'
  return bestTag(LANGUAGES, acceptLanguage, true) === 'de' ? 'de' : 'en'
}

/**
 * The text to show to a client whose Accept-Language value is `wanted` (one tag is such a value too): in the language it
 * wants most, else the text given without a language, else English, else any, and which language that is. '' when there is none at all.
 */
export function pickText(texts: Texts, wanted: string | null): ChosenText {
  const tags = Object.keys(texts)
  const named = tags.filter((tag) => tag !== '')
  const english = named.find((tag) => tag.toLowerCase() === 'en')
  const fallback = tags.includes('') ? '' : (english ?? named[0] ?? '')
  const language = bestTag(named, wanted, false) ?? fallback
  return { text: texts[language] ?? '', language }
}

interface Fit {
  readonly quality: number
  readonly position: number
  readonly closeness: number
}

/** The tag that the client wants most, the earlier element winning a tie; null when it wants none. `*` counts where `wildcard` says so. */
function bestTag(tags: readonly string[], wanted: string | null, wildcard: boolean): string | null {
  const choices = choicesOf(wanted)
  const fits = tags
    .map((tag) => ({ tag, ...fitOf(tag.toLowerCase(), choices, wildcard) }))
    .filter(({ quality }) => quality > 0)
    .sort((x, y) => y.quality - x.quality || x.position - y.position || y.closeness - x.closeness)
  return fits[0]?.tag ?? null
}

/** What the element that fits the tag most closely says of it. */
function fitOf(tag: string, choices: readonly Choice[], wildcard: boolean): Fit {
  let fit: Fit = { quality: 0, position: 0, closeness: wildcard ? 0 : 1 }
  for (const [position, { value, quality }] of choices.entries()) {
    const closeness = closenessOf(value, tag)
    // A dialect that is refused (`de-AT;q=0`) does not refuse the language.
    if (closeness <= fit.closeness || (closeness === 2 && quality === 0)) continue
    fit = { quality, position, closeness }
  }
  return fit
}

/** How closely a language range fits a tag: the same, a wider range, a narrower one (`de-AT` for `de`), `*`, or not at all. */
function closenessOf(range: string, tag: string): number {
  if (range === tag) return 4
  if (tag.startsWith(`${range}-`)) return 3
  if (range.startsWith(`${tag}-`)) return 2
  return range === '*' ? 1 : 0
}
