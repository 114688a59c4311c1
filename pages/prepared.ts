/**
 * Denial pages whose fixed parts are laid out once: in a storm of denials only host, segment and reference differ, and to lay a page
 * out costs several times the decision. What comes out is what `denialPage` says.
 */
import { BoundedLists } from '../rules/tables/bounded-lists.ts'
import { type DenialPage, denialPage } from './pages.ts'

/** Stand for what differs. No escaping touches them but that of a link; within Latin-1, as with any other character pages would cost twice. */
const HOST = '¤h¤'
const REFERENCE = '¤r¤'
const SEGMENT = '¤s¤'
const REFERENCE_IN_LINK = encodeURIComponent(REFERENCE)
const MARKS = new RegExp(`(${HOST}|${REFERENCE}|${SEGMENT}|${REFERENCE_IN_LINK})`)
/** What every form of page shows as it is. */
const PLAIN = /^[\w.:[\]-]*$/
/** The client's own words tell pages apart: longer ones are not kept. */
const MAX_LANGUAGE_LENGTH = 128
const MOST_KEPT = 512
/** Of one service; few are ever asked for, and each is looked at. */
const MOST_OF_ONE = 32

export interface PreparedPages {
  /** The page's bytes in UTF-8, each as a character of latin1: text that a socket takes as it is. */
  page(denial: DenialPage): string
}

/** All that a page depends on, but for what is filled in. */
type Fixed = Omit<DenialPage, 'host' | 'reference' | 'segment'>

interface Prepared {
  readonly of: Fixed
  readonly medium: string
  readonly hasHost: boolean
  /** Marks, and what stands around them; null where that would not come out right. */
  readonly parts: readonly string[] | null
}

export function preparePages(): PreparedPages {
  /** By service. */
  const kept = new BoundedLists<string | null, Prepared>(MOST_KEPT, MOST_OF_ONE)

  const partsOf = (denial: DenialPage) => {
    for (const prepared of kept.of(denial.service)) if (isFor(prepared, denial)) return prepared.parts
    const parts = partsFor(denial)
    kept.add(denial.service, { of: denial, medium: denial.segment.medium, hasHost: denial.host != null, parts })
    return parts
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

/** A rule's texts are the same ones for as long as the rules are in force. */
function isFor({ of, medium, hasHost }: Prepared, denial: DenialPage): boolean {
  return (
    of.html === denial.html &&
    of.language === denial.language &&
    of.acceptLanguage === denial.acceptLanguage &&
    of.unknownClient === denial.unknownClient &&
    of.reason === denial.reason &&
    of.alternative === denial.alternative &&
    of.ownHost === denial.ownHost &&
    medium === denial.segment.medium &&
    hasHost === (denial.host != null)
  )
}

function partsFor(denial: DenialPage): readonly string[] | null {
  const host = denial.host == null ? null : HOST
  const segment = { ...denial.segment, id: SEGMENT }
  const texts = denialPage({ ...denial, host, segment, reference: REFERENCE }).split(MARKS)
  const isRight = filled(texts, denial) === denialPage(denial) // else a rule's text holds a mark
  return isRight ? texts.map((text) => (MARKS.test(text) ? text : utf8Octets(text))) : null
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
