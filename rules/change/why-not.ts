/**
 * The smallest changes to the rules that would let one request through, and what else each would let through. Every one is
 * tried: the changed rules are compiled and asked the same question, so that none is named that would not help.
 */
import { decide } from '../decide.ts'
import type { Evidence, ExceptionEntry, RuleEntry, RuleFile, VerdictAction } from '../model.ts'
import type { Policy } from '../policy.ts'
import { instantInWords, listed } from '../words.ts'
import { duringInstants } from './next-times.ts'
import { type Opening, openingsFor, openingsOf } from './openings.ts'

export interface Remedy {
  /** What to change, in words. */
  readonly change: string
  /** The lines to write into the rule file; `…` is for people to fill in. */
  readonly lines: readonly string[]
  /** What the request then gets, and by which rule. */
  readonly action: VerdictAction
  readonly rule: string
  /** What else is then let through that is not now. */
  readonly also: readonly Opening[]
}

export interface WhyNot {
  /** Already, as the rules stand: then there is nothing to change. */
  readonly letThrough: boolean
  /** The narrowest first. */
  readonly remedies: readonly Remedy[]
  /** Segments from which the same request is let through as the rules stand. */
  readonly elsewhere: readonly string[]
  /** When the rules as they stand will let it through, in milliseconds since 1970; null: not within a week. */
  readonly opensAt: number | null
}

/** Makes a policy of a changed rule file, with the same catalogue. */
export type Remake = (file: RuleFile) => Policy

interface Attempt {
  readonly change: string
  readonly lines: readonly string[]
  readonly file: RuleFile
  /** For the one client only: no other one's verdicts change. */
  readonly isForClient: boolean
}

/** An exception needs an end; people will choose their own. */
const SUGGESTED_MS = 7 * 24 * 60 * 60 * 1000
/** So many segments are named that an unknown client could be put into. */
const MOST_SEGMENTS = 3

export function whyNot(policy: Policy, evidence: Evidence, remake: Remake): WhyNot {
  if (isLetThrough(decide(policy, evidence).action))
    return { letThrough: true, remedies: [], elsewhere: [], opensAt: null }
  const elsewhere = segmentsThatMay(policy, evidence)
  const remedies = attemptsFor(policy, evidence, elsewhere, remake)
    .flatMap((attempt) => remedyOf(attempt, policy, evidence, remake))
    .sort((x, y) => breadthOf(x.also) - breadthOf(y.also))
  return { letThrough: false, remedies, elsewhere, opensAt: opensAt(policy, evidence) }
}

/** An action that does not stop the request. */
export function isLetThrough(action: VerdictAction): boolean {
  return action !== 'block' && action !== 'refuse'
}

function remedyOf(attempt: Attempt, before: Policy, evidence: Evidence, remake: Remake): readonly Remedy[] {
  const after = remake(attempt.file)
  const { action, rule } = decide(after, evidence)
  if (!isLetThrough(action)) return []
  const also = attempt.isForClient ? openingsFor(before, after, evidence) : openingsOf(before, after, evidence.at)
  return [{ change: attempt.change, lines: attempt.lines, action, rule, also }]
}

/** One client counts less than a segment. */
function breadthOf(also: readonly Opening[]): number {
  return also.reduce((sum, { isSegment, services }) => sum + services.length * (isSegment ? 1000 : 1), 0)
}

function attemptsFor(
  policy: Policy,
  evidence: Evidence,
  elsewhere: readonly string[],
  remake: Remake,
): readonly Attempt[] {
  const { rule, segment } = decide(policy, evidence)
  const { file } = policy
  if (rule === 'unknown_clients') return attemptsForUnknown(file, evidence, elsewhere)
  if (rule === 'ip_literals')
    return [setting('let bare addresses through and record them', 'ip_literals: log', { ...file, ipLiterals: 'log' })]
  const { rules, services, ends } = blockersOf(policy, evidence, remake)
  return [
    ...exceptionAttempts(policy, evidence, rules, segment.id),
    ruleAttempt(file, rules, services, segment.id),
    ...monitorAttempts(file, rules),
    ...(ends === 'otherwise'
      ? [setting('let through and record what no rule matches', 'otherwise: log', { ...file, otherwise: 'log' })]
      : []),
  ]
}

interface Blockers {
  /** In the order in which they were met. */
  readonly rules: readonly string[]
  readonly services: readonly string[]
  /** What stands in the way once all of them are lifted. */
  readonly ends: 'nothing' | 'otherwise'
}

/** Lifts one blocking rule after the other, until none is left that blocks. */
function blockersOf(policy: Policy, evidence: Evidence, remake: Remake): Blockers {
  const rules: string[] = []
  const services = new Set<string>()
  let current = policy
  for (;;) {
    const { action, rule, service } = decide(current, evidence)
    if (isLetThrough(action)) return { rules, services: [...services], ends: 'nothing' }
    services.add(service)
    if (rule === 'otherwise' || rules.includes(rule)) return { rules, services: [...services], ends: 'otherwise' }
    rules.push(rule)
    current = remake(withException(policy, exceptionFor(policy, evidence, rules, null)))
  }
}

/** `segment` null: for the client's address alone. */
function exceptionFor(
  { file }: Policy,
  { source, at }: Evidence,
  rules: readonly string[],
  segment: string | null,
): ExceptionEntry {
  const prefix = source === null ? [] : [{ base: source, length: source.family === 4 ? 32 : 128, text: source.text }]
  return {
    id: freeId(segment === null ? 'one-client' : `all-of-${segment}`, file.exceptions),
    rules,
    from: segment === null ? prefix : null,
    segments: segment === null ? null : [segment],
    startsAt: null,
    expiresAt: at + SUGGESTED_MS,
    reason: '…',
    ticket: '…',
    approver: '…',
    place: { file: '', line: 0, column: 0 },
  }
}

function withException({ file }: Policy, exception: ExceptionEntry): RuleFile {
  return { ...file, exceptions: [...file.exceptions, exception] }
}

function exceptionAttempts(
  policy: Policy,
  evidence: Evidence,
  rules: readonly string[],
  segment: string,
): readonly Attempt[] {
  if (rules.length === 0) return []
  const scopes = evidence.source === null ? [segment] : [null, segment]
  return scopes.map((scope) => {
    const exception = exceptionFor(policy, evidence, rules, scope)
    const who = scope === null ? `from: ${yamlText(evidence.source?.text ?? '')}` : `segment: ${scope}`
    const until = instantInWords(Math.floor(exception.expiresAt / 1000) * 1000)
    const whom = scope === null ? `${evidence.source?.text} alone` : `segment ${scope}`
    return {
      change: `an exception for ${whom} that lifts ${listed(rules, 'and')} until ${until} (choose the end, 90 days at most)`,
      lines: [
        'exceptions:',
        `  - { id: ${exception.id}, rule: [${rules.join(', ')}], ${who}, expires: ${until}, reason: …, ticket: …, approver: … }`,
      ],
      file: withException(policy, exception),
      isForClient: scope === null,
    }
  })
}

/** A rule of its own, just before the first that blocks; where `otherwise` does, behind all others. */
function ruleAttempt(
  file: RuleFile,
  blocking: readonly string[],
  services: readonly string[],
  segment: string,
): Attempt {
  const found = file.rules.findIndex(({ id }) => blocking.includes(id))
  const index = found < 0 ? file.rules.length : found
  const entry: RuleEntry = {
    id: freeId(`${segment}-${services[0]}`, file.rules),
    services: { kind: 'services', ids: services },
    media: null,
    segments: [segment],
    except: null,
    action: 'log',
    mode: 'enforce',
    reason: null,
    alternative: null,
    during: null,
    place: { file: '', line: 0, column: 0 },
  }
  const before = file.rules[index]?.id
  return {
    change: `a rule for segment ${segment} and ${listed(services, 'and')}, ${before === undefined ? 'as the last one' : `before ${before}`}`,
    lines: [
      'rules:',
      `  - { id: ${entry.id}, service: [${services.join(', ')}], segment: ${segment}, action: log }${before === undefined ? '' : `   # before ${before}`}`,
    ],
    file: { ...file, rules: file.rules.toSpliced(index, 0, entry) },
    isForClient: false,
  }
}

function monitorAttempts(file: RuleFile, blocking: readonly string[]): readonly Attempt[] {
  if (blocking.length === 0) return []
  return [
    {
      change: `${listed(blocking, 'and')} only monitored, for everybody`,
      lines: ['rules:', ...blocking.map((id) => `  - { id: ${id}, …, mode: monitor }`)],
      file: {
        ...file,
        rules: file.rules.map((rule) => (blocking.includes(rule.id) ? { ...rule, mode: 'monitor' as const } : rule)),
      },
      isForClient: false,
    },
  ]
}

function attemptsForUnknown(file: RuleFile, { source }: Evidence, elsewhere: readonly string[]): readonly Attempt[] {
  const classify = setting('judge unknown clients by the rules, as segment unknown', 'unknown_clients: classify', {
    ...file,
    unknownClients: 'classify',
  })
  if (source === null) return [classify]
  const prefix = { base: source, length: source.family === 4 ? 32 : 128, text: source.text }
  const seats = elsewhere.slice(0, MOST_SEGMENTS).map(
    (id): Attempt => ({
      change: `${source.text}, or the prefix that it belongs to, in segment ${id}, if that is where it sits`,
      lines: ['segments:', `  ${id}: { …, prefixes: [ …, ${yamlText(source.text)} ] }`],
      file: {
        ...file,
        segments: file.segments.map((segment) =>
          segment.id === id ? { ...segment, prefixes: [...segment.prefixes, prefix] } : segment,
        ),
      },
      isForClient: true,
    }),
  )
  return [...seats, classify]
}

function setting(change: string, line: string, file: RuleFile): Attempt {
  return { change, lines: [line], file, isForClient: false }
}

function segmentsThatMay(policy: Policy, evidence: Evidence): readonly string[] {
  return [...policy.segments.values()].flatMap(({ id, prefixes }) => {
    const source = prefixes[0]?.base
    if (source === undefined) return []
    const { segment, action } = decide(policy, { ...evidence, source })
    return segment.id === id && isLetThrough(action) ? [id] : []
  })
}

/** The first of the instants at which something opens or closes that lets the request through. */
function opensAt(policy: Policy, evidence: Evidence): number | null {
  for (const at of duringInstants(policy, evidence.at)) {
    if (isLetThrough(decide(policy, { ...evidence, at }).action)) return at
  }
  return null
}

function freeId(wish: string, taken: readonly { readonly id: string }[]): string {
  const ids = new Set(taken.map(({ id }) => id))
  let id = wish
  for (let number = 2; ids.has(id); number++) id = `${wish}-${number}`
  return id
}

/** A colon would make IPv6 a map. */
function yamlText(text: string): string {
  return text.includes(':') ? `"${text}"` : text
}
