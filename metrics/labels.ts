/** The values of labels that have closed sets, and what to say of those that follow the rule file. */
import {
  ERROR_TYPES,
  EXCHANGE_KINDS,
  LIMITS,
  OUTCOMES,
  REJUDGED_FATES,
  SHADOW_RESULTS,
  SUSPECT_REASONS,
  SYSTEM_ACTIONS,
  TRAFFIC_ACTIONS,
} from '../rules/events.ts'
import { MEDIA, VERDICT_ACTIONS } from '../rules/model.ts'
import { labelValue, MOST_VALUES, OTHER } from './series.ts'

export const DIAL_RESULTS = ['ok', 'refused', 'timeout', 'error'] as const
export const LOOKUP_RESULTS = ['ok', 'not_found', 'timeout', 'error'] as const
export const DIRECTIONS = ['sent', 'received'] as const
export const TALLIED_AS = ['row', 'overflow', 'lost'] as const

/** Beyond the rules of the file: what else decides. Traffic that nothing decided on matches no rule. */
export const BUILT_IN_RULES = ['otherwise', 'ip_literals', 'unknown_clients']
export const NONE = 'none'
export const BREAKGLASS = 'breakglass'
export const UNKNOWN = 'unknown'

/** Beside the actions of events, what the log writes of its own accord. */
const LOG_ACTIONS = ['repeat', 'checkpoint', 'key-changed']
export const RECORD_ACTIONS = [...TRAFFIC_ACTIONS, ...SYSTEM_ACTIONS, ...LOG_ACTIONS, OTHER]

/** A closed set of values; or, in words, where a bounded number of them comes from. */
export type LabelValues = readonly string[] | string

const actions = VERDICT_ACTIONS.map(labelValue)
const services = `ids of services, built-in and of the rule file; \`${NONE}\`: a bare address, or a refusal of what is no conferencing`
const segments = `ids of segments of the rule file; \`${UNKNOWN}\`: the client is in none`

/** By what they stand for: one name can have several sets. */
export const LABELS = {
  kind: EXCHANGE_KINDS,
  outcome: OUTCOMES,
  action: actions,
  medium: MEDIA,
  service: services,
  segment: segments,
  rule: `ids of rules of the rule file, and ${BUILT_IN_RULES.map((id) => `\`${id}\``).join(', ')}`,
  exceptionUsed: `ids of exceptions of the rule file, and \`${BREAKGLASS}\``,
  exception: 'ids of exceptions of the rule file',
  dialResult: DIAL_RESULTS,
  lookupResult: LOOKUP_RESULTS,
  error: [...ERROR_TYPES, OTHER],
  direction: DIRECTIONS,
  fate: REJUDGED_FATES,
  suspect: [...SUSPECT_REASONS, OTHER],
  limit: [...LIMITS, OTHER],
  name: '`name` of the rule file',
  revision: 'SHA-256 over rules and catalogue',
  mode: ['enforce', 'monitor'],
  shadowResult: SHADOW_RESULTS,
  recordAction: RECORD_ACTIONS.map(labelValue),
  talliedAs: TALLIED_AS,
  target: 'receivers of `audit.ship`',
  version: 'of Landline',
  node: 'of Node.js',
} as const satisfies Readonly<Record<string, LabelValues>>

/** What holds of every label whose values follow the rule file. */
export const BOUND = `at most ${MOST_VALUES} of them; what comes after these, or is no longer in the file, is \`${OTHER}\``
