/** Landline's own sentences, in each of its languages. Written for people who are trying to join a meeting, not for engineers. */
import type { Medium } from '../rules/model.ts'
import type { Language } from './language.ts'
import { de } from './words-de.ts'
import { en } from './words-en.ts'

export interface Words {
  readonly proxy: string
  readonly why: string
  readonly instead: string
  readonly reference: string
  readonly referenceHint: string
  readonly noReason: string
  readonly noAlternative: string
  readonly connection: string
  readonly askedFor: string
  readonly lookUpAgain: string
  readonly whatTheProxySees: string
  readonly media: Readonly<Record<Medium, string>>
  readonly segment: (id: string) => string
  readonly denied: { readonly title: (service: string) => string; readonly lead: (service: string) => string }
  readonly deniedAddress: { readonly title: string; readonly lead: string; readonly alternative: string }
  readonly deniedClient: {
    readonly title: string
    readonly lead: string
    readonly reason: string
    readonly alternative: string
  }
  readonly failure: {
    readonly detail: string
    readonly referenceHint: string
    /** What failed, by the sentence in English, a status in it as #; what is not there is said in English. */
    readonly messages: Readonly<Record<string, string>>
    readonly request: readonly [title: string, lead: string]
    readonly denied: readonly [title: string, lead: string]
    readonly busy: readonly [title: string, lead: string]
    readonly upstream: readonly [title: string, lead: string]
    readonly slow: readonly [title: string, lead: string]
    readonly internal: readonly [title: string, lead: string]
  }
  readonly home: {
    readonly title: string
    readonly lead: string
    readonly whoami: string
    readonly blocked: string
    readonly pac: string
  }
  readonly whoami: {
    readonly title: string
    readonly lead: string
    readonly address: string
    readonly port: string
    readonly learnt: string
    readonly learntBy: Readonly<Record<'socket' | 'proxy-protocol' | 'forwarded', string>>
    readonly path: string
    readonly segment: string
    readonly medium: string
    readonly prefix: string
    readonly none: string
    readonly shared: string
    readonly refused: string
    readonly decisions: string
    /** Beside what was asked about. */
    readonly asked: string
    readonly more: (shown: number, all: number) => string
    readonly service: string
    readonly target: string
    readonly decision: string
    readonly rule: string
    readonly actions: Readonly<Record<'allow' | 'log' | 'block' | 'would-block' | 'except' | 'refuse', string>>
  }
  readonly blocked: {
    readonly title: string
    readonly lead: string
    readonly sharedLead: string
    readonly none: string
    readonly notFound: string
    readonly refusedBy: Readonly<Record<'guard' | 'port', string>>
    readonly refusedInstead: string
    readonly lookUp: string
    readonly when: string
    readonly ago: (minutes: number) => string
  }
  readonly notFound: readonly [title: string, lead: string]
  readonly forbidden: readonly [title: string, lead: string]
}

export const WORDS: Readonly<Record<Language, Words>> = { en, de }
