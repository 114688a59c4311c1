/** The policy that a start begins with, and what it means for a policy to be in force. */
import { existsSync } from 'node:fs'
import type { RulesRevision } from '../../audit/archive.ts'
import type { Audit } from '../../audit/audit.ts'
import type { Metrics } from '../../metrics/metrics.ts'
import type { Policy } from '../../rules/policy.ts'
import { QUICK_START, type Sources } from '../rules/load.ts'
import type { ServerConfig } from '../settings/settings.ts'
import { type Candidate, quotedLines, testCandidate } from './candidate.ts'
import type { Log } from './operator-log.ts'
import { readCandidate } from './read-candidate.ts'

/** Why there is nothing to run; the lines say it all. */
export class StartError extends Error {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines[0] ?? 'landline could not start')
    this.lines = lines
  }
}

/** The file that was named, or is there by its usual name; else the quick-start policy. */
export function ruleFileOf({ rules, rulesNamed }: ServerConfig): string {
  return rulesNamed || existsSync(rules) ? rules : QUICK_START
}

export interface First {
  readonly policy: Policy
  /** What the policy was made from. */
  readonly sources: Sources
  /** The file that was asked for and all that it names: what is watched. */
  readonly watched: Sources
  /** False: the file is bad, and what runs is the archived last good revision. */
  readonly isWhatWasAskedFor: boolean
}

/** The file's policy; where the file is there and bad, the last one that ran, unless `strict`. Throws StartError where there is none. */
export async function firstPolicy(
  main: string,
  config: ServerConfig,
  audit: Audit,
  metrics: Metrics,
  log: Log,
  now: () => number,
): Promise<First> {
  const asked = { main, catalogueDir: config.catalog ?? undefined, monitor: config.monitor, now }
  const candidate = await readCandidate(asked)
  if (candidate.policy !== null)
    return { policy: candidate.policy, sources: candidate.sources, watched: candidate.sources, isWhatWasAskedFor: true }
  const isMissing = config.rulesNamed && !existsSync(main)
  const last = config.strict || isMissing ? null : await lastGood(audit, config, log, now())
  if (last?.policy == null) throw new StartError(candidate.problems)
  metrics.reloaded(false, now() / 1000)
  const { name, revision } = last.policy
  log.error({ problems: candidate.problems, name, revision }, 'rules refused, the last good ones run')
  await audit.record({
    action: 'reload-failed',
    outcome: 'failure',
    reason: `${main} is refused at start; the last good rules run`,
    policy: last.policy,
    facts: { why: 'start', refused: candidate.revision, problems: quotedLines(candidate.problems) },
  })
  return { policy: last.policy, sources: last.sources, watched: candidate.sources, isWhatWasAskedFor: false }
}

async function lastGood(audit: Audit, { monitor }: ServerConfig, log: Log, now: number): Promise<Candidate | null> {
  try {
    const archived = await audit.lastGood()
    if (archived === null) return null
    const { main, files, catalogue } = archived
    const sources = { main, files: new Map(Object.entries(files)), catalogue: new Map(Object.entries(catalogue)) }
    return testCandidate(sources, monitor, now)
  } catch (error) {
    log.error({ err: error }, 'the last good rules cannot be read')
    return null
  }
}

/** Keeps the texts that a policy was made from beside the records: what runs must be there to be looked up. */
export function archive(policy: Policy, sources: Sources, audit: Audit): Promise<void> {
  const revision = revisionOf(policy, sources)
  // Who tried the demonstration must not have it stand in, one day, for a rule file of theirs that is bad.
  return sources.main === QUICK_START ? audit.archiveOnly(revision) : audit.archive(revision)
}

/** A policy and the texts that it was made from. */
export function revisionOf({ revision }: Policy, { main, files, catalogue }: Sources): RulesRevision {
  const texts = [...files].flatMap(([path, text]) => (text === null ? [] : [[path, text] as const]))
  return { revision, main, files: Object.fromEntries(texts), catalogue: Object.fromEntries(catalogue) }
}
