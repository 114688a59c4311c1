/** What the proxy says instead of passing an answer on: a denial with its reason and its way out, and a failure. */
import type { Segment, Texts } from '../rules/model.ts'
import { type Html, html } from './html.ts'
import { type ChosenText, type Language, pickText } from './language.ts'
import { page, plainText } from './shell.ts'
import { WORDS, type Words } from './words.ts'

export interface DenialPage {
  /** A page, or text. */
  readonly html: boolean
  /** Of Landline's own sentences. */
  readonly language: Language
  /** The Accept-Language value, for the rule's own texts, which may exist in more languages; `language` when absent. */
  readonly acceptLanguage?: string | null
  readonly reason: Texts | null
  readonly alternative: Texts | null
  /** `event.id` of the record. */
  readonly reference: string
  /** The name to show, `Zoom`; null when no service was named: a bare address, or an unknown client. */
  readonly service: string | null
  readonly segment: Segment
  /** The client is in no segment, and such are refused. */
  readonly unknownClient: boolean
  /** What was asked for, without path; null or absent leaves it out. */
  readonly host?: string | null
  /** The name of the proxy's own pages, to link to them; null or absent leaves the links out. */
  readonly ownHost?: string | null
}

export interface FailurePage {
  readonly html: boolean
  readonly language: Language
  readonly status: number
  /** The proxy does not want to; else something failed. */
  readonly denied: boolean
  /** A sentence in English that says what failed. */
  readonly message: string
  readonly reference: string | null
}

const STATUS = /\b\d{3}\b/

/** The body of a 403. In text, the longest line is the rule's own. */
export function denialPage(denial: DenialPage): string {
  const words = WORDS[denial.language]
  const { title, lead, reason, alternative } = toldBy(denial, words)
  const segment = `${words.media[denial.segment.medium]}, ${words.segment(denial.segment.id)}`
  const host = denial.host ?? null
  const link = linkFor(denial, words)
  if (!denial.html) {
    return plainText(
      [`${title}.`, `${words.why}: ${reason.text}`, `${words.instead}: ${alternative.text}`],
      [
        host === null ? null : [words.askedFor, host],
        [words.connection, segment],
        [words.reference, denial.reference],
        link === null ? null : [link.text, link.url],
      ],
    )
  }
  const body = html`<p>${lead}</p>
<section><h2>${words.why}</h2>${said(reason)}</section>
<section class="instead"><h2>${words.instead}</h2>${said(alternative)}</section>
${referenceSection(denial.reference, words, words.referenceHint)}
<dl class="facts">
${host === null ? null : html`<dt>${words.askedFor}</dt><dd>${host}</dd>`}
<dt>${words.connection}</dt><dd>${segment}</dd>
</dl>
${link === null ? null : html`<footer><p class="quiet"><a href="${link.url}">${link.text}</a></p></footer>`}`
  return page({ language: denial.language, title, body })
}

/** The body of any other answer of the proxy's own that is an error. */
export function failurePage({ html: asPage, language, status, denied, message, reference }: FailurePage): string {
  const words = WORDS[language]
  const [title, lead] = words.failure[denied ? 'denied' : failureKind(status)]
  const own = translated(message, words)
  if (!asPage)
    return plainText([`${title}.`, own ?? message], [reference === null ? null : [words.reference, reference]])
  const body = html`<p>${lead}</p>
<section><h2>${words.failure.detail}</h2>${own === undefined ? html`<p lang="en">${message}</p>` : html`<p>${own}</p>`}<p class="quiet">HTTP ${status}</p></section>
${reference === null ? null : referenceSection(reference, words, words.failure.referenceHint)}`
  return page({ language, title, body })
}

/** What failed, in the language of `words`; undefined where that has no words for it. */
function translated(message: string, words: Words): string | undefined {
  const [status = ''] = STATUS.exec(message) ?? []
  return words.failure.messages[message.replace(STATUS, '#')]?.replace('#', status)
}

/** A text of the rule file or of Landline, in its own language where that is known. Line breaks stay. */
export function said({ text, language }: ChosenText): Html {
  return language === '' ? html`<p class="said">${text}</p>` : html`<p class="said" lang="${language}">${text}</p>`
}

function referenceSection(reference: string, words: Words, hint: string): Html {
  return html`<section><h2>${words.reference}</h2><code class="reference">${reference}</code><p class="quiet">${hint}</p></section>`
}

interface Told {
  readonly title: string
  readonly lead: string
  readonly reason: ChosenText
  readonly alternative: ChosenText
}

function toldBy(
  { service, unknownClient, reason, alternative, language, acceptLanguage }: DenialPage,
  words: Words,
): Told {
  const wanted = acceptLanguage ?? language
  const own = (text: string): ChosenText => ({ text, language })
  if (unknownClient) {
    const { title, lead } = words.deniedClient
    return { title, lead, reason: own(words.deniedClient.reason), alternative: own(words.deniedClient.alternative) }
  }
  const [title, lead, instead] =
    service === null
      ? [words.deniedAddress.title, words.deniedAddress.lead, words.deniedAddress.alternative]
      : [words.denied.title(service), words.denied.lead(service), words.noAlternative]
  return {
    title,
    lead,
    reason: reason === null ? own(words.noReason) : pickText(reason, wanted),
    alternative: alternative === null ? own(instead) : pickText(alternative, wanted),
  }
}

/** Where the client can read on. The look-up by reference works for shared addresses too. */
function linkFor(
  { ownHost, unknownClient, reference }: DenialPage,
  words: Words,
): { text: string; url: string } | null {
  if (!ownHost) return null
  if (unknownClient) return { text: words.whatTheProxySees, url: `http://${ownHost}/whoami` }
  return { text: words.lookUpAgain, url: `http://${ownHost}/blocked?ref=${encodeURIComponent(reference)}` }
}

function failureKind(status: number): keyof Omit<Words['failure'], 'detail' | 'referenceHint' | 'messages'> {
  if (status === 403) return 'denied'
  if (status < 500) return 'request'
  if (status === 503) return 'busy'
  if (status === 504) return 'slow'
  return status === 502 ? 'upstream' : 'internal'
}
