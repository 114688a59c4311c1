/**
 * What the records of one decision share, word for word: its reason, its service and its rule. In a storm of denials these are the
 * longest part of a record, and the same thousands of times; so they are written out once.
 */

import type { TrafficEvent } from '../rules/events.ts'
import type { Texts } from '../rules/model.ts'
import { BoundedLists } from '../rules/tables/bounded-lists.ts'
import { NAME, quote, quoteOrNull } from './text.ts'

/** In characters. */
export const REASON = 1024

const MOST_KEPT = 1000
/** Of one service; few are ever decided at a time, and each is looked at. */
const MOST_OF_ONE = 16

export interface DecisionText {
  /** `event.reason`, as JSON. */
  readonly reason: string
  /** `network`, `rule` and `observer`, as members of an object. */
  readonly members: string
}

type Decided = Pick<TrafficEvent, 'verdict' | 'policy'>

interface Kept extends DecisionText {
  readonly texts: Texts | null
  readonly rule: string
  readonly ruleset: string
  readonly version: string
}

/** Texts of decisions; those of late are kept, within bounds. `observer`: as a member of an object. */
export function createDecisionTexts(observer: string): (decided: Decided) => DecisionText {
  /** By service. */
  const kept = new BoundedLists<string, Kept>(MOST_KEPT, MOST_OF_ONE)
  return (decided) => {
    const { service } = decided.verdict
    for (const one of kept.of(service)) if (isOf(one, decided)) return one
    const made = textOf(decided, observer)
    kept.add(service, made)
    return made
  }
}

/** A rule's texts are the same ones for as long as the rules are in force. */
function isOf({ texts, rule, ruleset, version }: Kept, { verdict, policy }: Decided): boolean {
  return rule === verdict.rule && texts === verdict.reason && version === policy.revision && ruleset === policy.name
}

function textOf({ verdict: { reason, service, rule }, policy: { name, revision } }: Decided, observer: string): Kept {
  return {
    texts: reason,
    rule,
    ruleset: name,
    version: revision,
    reason: quoteOrNull(plainText(reason), REASON),
    members:
      `"network":{"application":${named(service)},"transport":"tcp","direction":"outbound"},` +
      `"rule":{"id":${named(rule)},"ruleset":${quote(name, NAME)},"version":${quote(revision, NAME)}},${observer}`,
  }
}

/** 'none' in a verdict is the absence of a service or of a rule. */
export function named(id: string): string {
  return id === 'none' ? 'null' : quote(id, NAME)
}

/** The text for auditors: English, else the one given without a language, else whichever there is. */
function plainText(texts: Texts | null): string | null {
  if (texts === null) return null
  return texts.en ?? texts[''] ?? Object.values(texts)[0] ?? null
}
