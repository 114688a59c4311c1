/**
 * Denial pages whose fixed parts are laid out once: in a storm of denials only host, segment and reference differ, and to lay a page
 * out costs several times the decision. What comes out is what `denialPage` says.
 */
import type { Texts } from '../rules/model.ts'
import { type DenialPage, denialPage } from './pages.ts'

/** Stand for what differs. No escaping touches them but that of a link; within Latin-1, as with any other character pages would cost twice. */
const HOST = '¤h¤'
const REFERENCE = '¤r¤'
const SEGMENT = '¤s¤'
const REFERENCE_IN_LINK = encodeURIComponent(REFERENCE)
const MARKS = new RegExp(`(${HOST}|${REFERENCE}|${SEGMENT}|${REFERENCE_IN_LINK})`)
/** What every form of page shows as it is. */
const PLAIN = /^[\w.:[\]-]*$/
/** The client's own words are part of the key: longer ones are not kept. */
const MAX_LANGUAGE_LENGTH = 128
const MOST_KEPT = 512

export interface PreparedPages {
  /** The page's bytes in UTF-8, each as a character of latin1: text that a socket takes as it is. */
  page(denial: DenialPage): string
}

export function preparePages(): PreparedPages {
  /** Marks, and what stands around them; null where that would not come out right. */
  const kept = new Map<string, readonly string[] | null>()
  const numberOf = createNumbers()

  const partsOf = (denial: DenialPage) => {
    const key = keyOf(denial, numberOf)
    const known = kept.get(key)
    if (known !== undefined) return known
    const host = denial.host == null ? null : HOST
    const segment = { ...denial.segment, id: SEGMENT }
    const texts = denialPage({ ...denial, host, segment, reference: REFERENCE }).split(MARKS)
    const isRight = filled(texts, denial) === denialPage(denial) // else a rule's text holds a mark
    const made = isRight ? texts.map((text) => (MARKS.test(text) ? text : utf8Octets(text))) : null
    if (kept.size >= MOST_KEPT) kept.clear()
    kept.set(key, made)
    return made
  }

  return {
    page(denial) {
      const { host, reference, segment, acceptLanguage } = denial
      const isPlain = PLAIN.test(host ?? '') && PLAIN.test(reference) && PLAIN.test(segment.id)
      const parts = isPlain && (acceptLanguage ?? '').length <= MAX_LANGUAGE_LENGTH ? partsOf(denial) : null
      return parts === null ? utf8Octets(denialPage(denial)) : filled(parts, denial)
    },
  }
}

/** The bytes of the text in UTF-8, each as a character of latin1. */
export function utf8Octets(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function filled(parts: readonly string[], { host, reference, segment }: DenialPage): string {
  let text = ''
  for (const part of parts) {
    if (part === HOST) text += host ?? ''
    else if (part === SEGMENT) text += segment.id
    else text += part === REFERENCE || part === REFERENCE_IN_LINK ? reference : part
  }
  return text
}

/** All that the page depends on, but for what is filled in. A name may be any text, so it stands last; a field's value is one line. */
function keyOf(denial: DenialPage, numberOf: (texts: Texts | null) => number): string {
  const { html, language, acceptLanguage, unknownClient, host, segment, service, ownHost, reason, alternative } = denial
  const own = `${numberOf(reason)} ${numberOf(alternative)} ${segment.medium} ${ownHost}`
  return `${html} ${language} ${unknownClient} ${host == null} ${own} ${marked(acceptLanguage)}\n${marked(service)}`
}

/** So that no text means its absence. */
function marked(text: string | null | undefined): string {
  return text == null ? '-' : `=${text}`
}

/** A number for each set of texts: those of a rule are the same ones for as long as the rules are in force. */
function createNumbers(): (texts: Texts | null) => number {
  const numbers = new WeakMap<Texts, number>()
  let last = 0
  return (texts) => {
    if (texts === null) return 0
    const known = numbers.get(texts)
    if (known !== undefined) return known
    numbers.set(texts, ++last)
    return last
  }
}
