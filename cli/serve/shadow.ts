/**
 * A shadow: a second rule file that is judged beside the one in force and never acts. It is kept like that one, with
 * reloads, tests and problems of its own, and what happens to it never disturbs the rules in force.
 */
import type { Audit } from '../../audit/audit.ts'
import type { Metrics } from '../../metrics/metrics.ts'
import type { Policy } from '../../rules/policy.ts'
import type { ServerConfig } from '../settings/settings.ts'
import type { Candidate, CandidateOptions } from './candidate.ts'
import { revisionOf, StartError } from './first-policy.ts'
import { Keeper, type KeeperWords } from './keeper.ts'
import type { Log } from './operator-log.ts'
import { readCandidate } from './read-candidate.ts'
import { untilDone } from './until-done.ts'

const WORDS: KeeperWords = {
  reload: 'shadow-reload',
  failed: 'shadow-reload-failed',
  modeChange: null,
  done: 'shadow rules reloaded',
  refused: 'shadow rules refused, the last good ones stay the shadow',
  inForce: 'new rules are the shadow',
}

/** The shadow that a start begins with; null where none is asked for. Throws StartError where it may not be one. */
export async function firstShadow(config: ServerConfig, now: () => number): Promise<Candidate | null> {
  if (config.shadow === null) return null
  const candidate = await readCandidate(optionsOf(config, config.shadow, now))
  if (candidate.policy !== null) return candidate
  throw new StartError([`the shadow ${config.shadow} is refused:`, ...candidate.problems])
}

export interface ShadowParts {
  readonly config: ServerConfig
  readonly shadow: Candidate | null
  readonly audit: Audit
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => number
  /** The policy is the shadow from here on. */
  readonly changed: (policy: Policy) => Promise<void>
}

/** Keeps the shadow; null where there is none. */
export function shadowKeeperFor(parts: ShadowParts): Keeper | null {
  const { config, shadow, audit, metrics, log, now, changed } = parts
  if (config.shadow === null || shadow?.policy == null) return null
  const { policy, sources } = shadow
  const events = {
    archive: (policy: Policy, sources: Candidate['sources']) => audit.archiveOnly(revisionOf(policy, sources)),
    record: (event: Parameters<Audit['record']>[0]) => audit.record(event),
    changed,
    reloaded: (ok: boolean) => metrics.shadowReloaded(ok),
    log,
  }
  const options = { ...optionsOf(config, config.shadow, now), events, words: WORDS }
  const keeper = new Keeper(options, { policy, watched: sources, isWhatWasAskedFor: true })
  log.info({ shadow: policy.name, revision: policy.revision }, 'a shadow judges each request too, and never acts')
  void untilDone('archiving the shadow', () => audit.archiveOnly(revisionOf(policy, sources)), log)
  return keeper
}

function optionsOf({ catalog, monitor }: ServerConfig, main: string, now: () => number): CandidateOptions {
  // The same ceiling as for the rules in force, or every block would be a difference.
  return { main, catalogueDir: catalog ?? undefined, monitor, now }
}
