/**
 * The policy in force, and how it changes: a whole new policy is built beside it, its own tests are run, and one
 * reference is swapped. What is bad changes nothing, and is told, counted and recorded.
 */
import type { SystemAction, SystemEvent } from '../../rules/events.ts'
import type { Policy } from '../../rules/policy.ts'
import { howMany } from '../../rules/words.ts'
import type { Sources } from '../rules/load.ts'
import { type FileStates, sameStates, statesOf, yamlPathsIn } from '../rules/read-files.ts'
import { type Candidate, type CandidateOptions, quotedLines } from './candidate.ts'
import { readCandidate } from './read-candidate.ts'

/** Files are looked at this often. Not `fs.watch`: it misses files that are mounted, swapped by symbolic link, or on a network. */
const POLL_MS = 1000
/** Files that are never left alone are read all the same after so many looks. */
const MOST_UNSETTLED_LOOKS = 10

/** What is told of the rules in force. */
export const RULES_IN_FORCE: KeeperWords = {
  reload: 'reload',
  failed: 'reload-failed',
  modeChange: 'mode-change',
  done: 'rules reloaded',
  refused: 'rules refused, the last good ones stay in force',
  inForce: 'new rules are in force',
}

export interface KeeperWords {
  readonly reload: SystemAction
  readonly failed: SystemAction
  /** null: of no interest. */
  readonly modeChange: SystemAction | null
  readonly done: string
  readonly refused: string
  readonly inForce: string
}

export interface KeeperOptions extends CandidateOptions {
  readonly events: KeeperEvents
  readonly words?: KeeperWords
}

/** What the keeper tells; it waits for each before it goes on. */
export interface KeeperEvents {
  /** Keeps what the policy was made from, before anything else. Where it rejects, nothing changes. */
  readonly archive: (policy: Policy, sources: Sources) => Promise<void>
  /** A change stands on the record before it is in force. Where it rejects, nothing changes. */
  readonly record: (event: SystemEvent) => Promise<unknown>
  /** The policy is in force from here on. */
  readonly changed: (policy: Policy, why: string) => Promise<void>
  readonly reloaded: (ok: boolean) => void
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void }
}

/** What is in force at the start. */
export interface Beginning {
  readonly policy: Policy
  /** The files that were asked for, and all that they name. */
  readonly watched: Sources
  /** False: they may not take over, and something else is in force. */
  readonly isWhatWasAskedFor: boolean
}

export class Keeper {
  #options: KeeperOptions
  #words: KeeperWords
  #policy: Policy
  /** What the watched files looked like when they were last read, by whatever caused it. */
  #seen: FileStates
  #running: Promise<void> = Promise.resolve()
  /** The reload that waits for the one that runs: it will read whatever is there then, so one is enough. */
  #waiting: Promise<void> | null = null
  /** What was found at the last look, if it was new. */
  #pending: FileStates | null = null
  #looks = 0
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  /** The last reload did not come to an end for a reason outside the files: it is tried again. */
  #isOwed = false
  #isRefused = false

  constructor(options: KeeperOptions, { policy, watched, isWhatWasAskedFor }: Beginning) {
    this.#options = options
    this.#words = options.words ?? RULES_IN_FORCE
    this.#policy = policy
    this.#seen = watched.states ?? new Map()
    this.#isRefused = !isWhatWasAskedFor
  }

  get policy(): Policy {
    return this.#policy
  }

  /** Whether what was last read may not take over. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  /** Resolves when what is in the files now has been tried, whether it changed anything or not. Never rejects. */
  reload(why: string): Promise<void> {
    if (this.#waiting !== null) return this.#waiting
    const next = this.#running.then(() => {
      this.#waiting = null
      return this.#stopped ? undefined : this.#attempt(why)
    })
    this.#waiting = next
    this.#running = next
    return next
  }

  /** Look at the files now and then. */
  watch(): void {
    const next = async () => {
      await this.look()
      if (!this.#stopped) this.#timer = setTimeout(() => void next(), POLL_MS)
    }
    void next()
  }

  /** Reload if a file has changed and has then been left alone for one look. Never rejects. */
  async look(): Promise<void> {
    const states = await this.#statesNow()
    const isChanged = !sameStates(states, this.#seen)
    const isSettled = isChanged && this.#pending !== null && sameStates(states, this.#pending)
    this.#pending = isChanged ? states : null
    this.#looks = isChanged || this.#isOwed ? this.#looks + 1 : 0
    if (!isSettled && this.#looks < MOST_UNSETTLED_LOOKS) return
    this.#looks = 0
    await this.reload('a changed file')
  }

  /** Resolves when a reload that is under way has ended; none begins after this. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #attempt(why: string): Promise<void> {
    const { events } = this.#options
    try {
      await this.#reload(why)
      this.#isOwed = false
    } catch (error) {
      // A full disk, say: told once, and tried again until it is done.
      if (!this.#isOwed) events.log.error({ err: error, why }, 'a reload failed; it is tried again')
      this.#isOwed = true
      events.reloaded(false)
    }
  }

  async #reload(why: string): Promise<void> {
    const { events } = this.#options
    const candidate = await readCandidate(this.#options, this.#policy)
    // The files to watch are those that are named now, also by a file that is refused.
    this.#seen = candidate.sources.states ?? new Map()
    const { policy, sources, changes } = candidate
    this.#isRefused = policy === null
    if (policy === null) return this.#refuse(candidate, why)
    const before = this.#policy
    await events.archive(policy, sources)
    await events.record(this.#changeOf(before, policy, why, changes))
    const { modeChange } = this.#words
    if (modeChange !== null && policy.mode !== before.mode)
      await events.record(modeChangeOf(modeChange, before, policy, why))
    await events.changed(policy, why)
    this.#policy = policy
    events.reloaded(true)
    events.log.info({ why, revision: policy.revision, before: before.revision }, this.#words.done)
  }

  async #refuse({ problems, revision }: Candidate, why: string): Promise<void> {
    const { events } = this.#options
    const lines = quotedLines(problems)
    events.reloaded(false)
    if (!this.#isOwed) events.log.error({ why, refused: revision, problems: lines }, this.#words.refused)
    await events.record({
      action: this.#words.failed,
      outcome: 'failure',
      reason: `${howMany(problems.length, 'problem')}; the rules in force stay`,
      policy: this.#policy,
      facts: { why, refused: revision, problems: lines },
    })
  }

  #changeOf(before: Policy, policy: Policy, why: string, changes: readonly string[]): SystemEvent {
    const isSame = policy.revision === before.revision
    return {
      action: this.#words.reload,
      outcome: 'success',
      reason: isSame ? 'the rules mean the same as before' : this.#words.inForce,
      policy,
      facts: { why, before: before.revision, changes },
    }
  }

  /** A user's catalogue may have got files that nobody has read yet. */
  async #statesNow(): Promise<FileStates> {
    const { catalogueDir } = this.#options
    const catalogue = catalogueDir === undefined ? [] : await yamlPathsIn(catalogueDir)
    return statesOf(new Set([...this.#seen.keys(), ...catalogue]))
  }
}

/** What auditors ask for first: whether blocks were blocks at the time. */
function modeChangeOf(action: SystemAction, before: Policy, policy: Policy, why: string): SystemEvent {
  return {
    action,
    outcome: 'success',
    reason: `The mode is ${policy.mode}, it was ${before.mode}`,
    policy,
    facts: { why, before: before.mode, mode: policy.mode },
  }
}
