/** /blocked: the client's own denials, for those whose application showed them nothing but a failed connection. */

import type { Decider } from '../rules/change/past.ts'
import type { Texts } from '../rules/model.ts'
import { type Html, html, oneLine } from './html.ts'
import { type ChosenText, type Language, pickText } from './language.ts'
import { said } from './pages.ts'
import { page, plainText } from './shell.ts'
import { WORDS, type Words } from './words.ts'

export interface BlockedEntry {
  readonly reference: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** The name to show; null when no service was named. */
  readonly service: string | null
  /** '' where it may not be kept: no conferencing was asked for. */
  readonly host: string
  readonly by: Decider
  readonly reason: Texts | null
  readonly alternative: Texts | null
}

export interface BlockedPage {
  readonly html: boolean
  readonly language: Language
  readonly acceptLanguage: string | null
  /** `list`: the client's latest. `lookup`: only a form, for an address that several people use. `one`: what a reference led to. */
  readonly view: 'list' | 'lookup' | 'one'
  readonly entries: readonly BlockedEntry[]
  /** Milliseconds since 1970. */
  readonly now: number
}

export function blockedPage({ html: asPage, language, acceptLanguage, view, entries, now }: BlockedPage): string {
  const words = WORDS[language]
  const { title, lead, sharedLead, none, notFound } = words.blocked
  const opening = view === 'lookup' ? sharedLead : view === 'list' && entries.length > 0 ? lead : null
  const empty = entries.length > 0 || view === 'lookup' ? null : view === 'one' ? notFound : none
  const wanted = acceptLanguage ?? language
  if (!asPage) {
    const blocks = entries.map((entry) => entryText(entry, words, wanted, now))
    return plainText([opening, empty, ...blocks, view === 'lookup' ? '/blocked?ref=…' : null])
  }
  const body = html`${[opening, empty].map((text) => (text === null ? html`` : html`<p>${text}</p>`))}
${view === 'list' ? null : lookUpForm(words)}
${entries.map((entry) => entryHtml(entry, words, wanted, now))}`
  return page({ language, title, body })
}

function entryText(entry: BlockedEntry, words: Words, wanted: string, now: number): string {
  const { reference, at, service, host } = entry
  const { reason, alternative } = toldBy(entry, words, wanted)
  const rows = [
    service === null || service === host ? host || words.failure.denied[0] : `${service}: ${host}`,
    `${words.blocked.when}: ${agoText(at, words, now)} (${clockTime(at)})`,
    `${words.why}: ${reason.text}`,
    `${words.instead}: ${alternative.text}`,
    `${words.reference}: ${reference}`,
  ]
  return rows.map(oneLine).join('\n')
}

function entryHtml(entry: BlockedEntry, words: Words, wanted: string, now: number): Html {
  const { reference, at, service, host } = entry
  const { reason, alternative } = toldBy(entry, words, wanted)
  return html`<article><h2>${(service ?? host) || words.failure.denied[0]}</h2>
<p class="quiet">${service === null ? null : html`<code>${host}</code> · `}${agoText(at, words, now)} · <time datetime="${new Date(at).toISOString()}">${clockTime(at)}</time></p>
<section><h3>${words.why}</h3>${said(reason)}</section>
<section class="instead"><h3>${words.instead}</h3>${said(alternative)}</section>
<section><h3>${words.reference}</h3><code class="reference">${reference}</code></section>
</article>
`
}

/** The rule's own texts; what the guard or the port list refused is told as its first answer was. */
function toldBy({ by, reason, alternative }: BlockedEntry, words: Words, wanted: string) {
  const own = (text: string): ChosenText => ({ text, language: '' })
  if (by !== 'rules')
    return { reason: own(words.blocked.refusedBy[by]), alternative: own(words.blocked.refusedInstead) }
  return {
    reason: reason === null ? own(words.noReason) : pickText(reason, wanted),
    alternative: alternative === null ? own(words.noAlternative) : pickText(alternative, wanted),
  }
}

function lookUpForm(words: Words): Html {
  return html`<form action="/blocked" method="get"><label>${words.reference}<input name="ref" required maxlength="64" autocomplete="off" spellcheck="false"></label><button>${words.blocked.lookUp}</button></form>`
}

function agoText(at: number, words: Words, now: number): string {
  return words.blocked.ago(Math.max(0, Math.floor((now - at) / 60_000)))
}

/** UTC, and says so: the proxy does not know where its client's clock stands. */
function clockTime(at: number): string {
  return `${new Date(at).toISOString().slice(11, 19)} UTC`
}
