/**
 * The policy in force, and how it changes: a whole new policy is built beside it, its own tests are run, and one
 * reference is swapped. What is bad changes nothing, and is told, counted and recorded.
 */
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diffPolicies } from '../rules/diff.ts'
import type { SystemEvent } from '../rules/events.ts'
import type { Problem } from '../rules/model.ts'
import type { Policy } from '../rules/policy.ts'
import { runTests } from '../rules/policy-tests.ts'
import { formatPlace, formatProblem } from '../rules/problems.ts'
import { compileSources, readSources, type Sources } from './load.ts'

/** Files are looked at this often. Not `fs.watch`: it misses files that are mounted, swapped by symbolic link, or on a network. */
const POLL_MS = 1000
/** What a record or a log line quotes of a longer list. */
export const MAX_LINES = 50

export interface KeeperOptions {
  readonly main: string
  readonly catalogueDir: string | undefined
  /** Force the ceiling `monitor`. */
  readonly monitor: boolean
  readonly now: () => number
  readonly events: KeeperEvents
}

/** What the keeper tells; it waits for the record before it goes on. */
export interface KeeperEvents {
  /** The policy is in force from here on. */
  readonly changed: (policy: Policy, sources: Sources) => Promise<void>
  readonly record: (event: SystemEvent) => Promise<unknown>
  readonly reloaded: (ok: boolean) => void
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void }
}

/** A candidate: a policy that may take over, or why not. */
export interface Candidate {
  readonly policy: Policy | null
  readonly problems: readonly string[]
  readonly sources: Sources
}

/** Read, compile and test; nothing is in force by this. */
export async function readCandidate({
  main,
  catalogueDir,
  monitor,
  now,
}: Pick<KeeperOptions, 'main' | 'catalogueDir' | 'monitor' | 'now'>): Promise<Candidate> {
  return testCandidate(await readSources(main, catalogueDir), monitor, now())
}

/** Compile and test texts that are at hand, such as archived ones. */
export function testCandidate(sources: Sources, monitor: boolean, now: number): Candidate {
  const { policy, problems } = compileSources(sources, { monitor, now })
  const told = problems.filter(isError).map(formatProblem)
  if (policy === null) return { policy: null, problems: told, sources }
  // The tests are of the file; what `--monitor` makes of its blocks at this start is not their matter.
  const { failures } = runTests(monitor ? (withoutCeiling(sources, now) ?? policy) : policy, policy.file.tests, now)
  if (failures.length === 0) return { policy, problems: [], sources }
  return { policy: null, problems: failures.map(({ place, message }) => `${formatPlace(place)}: ${message}`), sources }
}

function withoutCeiling(sources: Sources, now: number): Policy | null {
  return compileSources(sources, { monitor: false, now }).policy
}

function isError({ severity }: Problem): boolean {
  return severity === 'error'
}

export class Keeper {
  #options: KeeperOptions
  #policy: Policy
  #sources: Sources
  #running: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  /** The state of the files that was last read, by whatever caused it. */
  #seen: string | null = null

  constructor(options: KeeperOptions, policy: Policy, sources: Sources) {
    this.#options = options
    this.#policy = policy
    this.#sources = sources
  }

  get policy(): Policy {
    return this.#policy
  }

  /** One after the other; resolves when this one is done, whether it changed anything or not. Never rejects. */
  reload(why: string): Promise<void> {
    this.#running = this.#running
      .then(() => this.#reload(why))
      .catch((error: unknown) => {
        this.#options.events.log.error({ err: error }, 'a reload failed')
        this.#options.events.reloaded(false)
      })
    return this.#running
  }

  /** Reload when a file has changed and has then been left alone for one look. */
  watch(): void {
    let pending: string | null = null
    const look = async () => {
      const state = await this.#fileStates()
      if (this.#seen === null) this.#seen = state
      else if (state !== this.#seen) {
        if (state === pending) await this.reload('a changed file')
        pending = state
      }
      if (!this.#stopped) this.#timer = setTimeout(() => void look(), POLL_MS)
    }
    void look()
  }

  /** Resolves when a reload that is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #reload(why: string): Promise<void> {
    const { events } = this.#options
    const states = await this.#fileStates()
    const { policy, problems, sources } = await readCandidate(this.#options)
    const before = this.#policy
    // The files to watch are those that are named now, also by a file that was refused.
    const isSameSet = [...sources.files.keys()].join('\n') === [...this.#sources.files.keys()].join('\n')
    this.#sources = sources
    // What was written while the files were read differs from `states`, and is read again at the next look.
    this.#seen = isSameSet ? states : await this.#fileStates()
    if (policy === null) {
      events.reloaded(false)
      events.log.error(
        { why, problems: problems.slice(0, MAX_LINES) },
        'rules refused, the last good ones stay in force',
      )
      await events.record({
        action: 'reload-failed',
        outcome: 'failure',
        reason: `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}; the rules in force stay`,
        policy: before,
        facts: { why, problems: problems.slice(0, MAX_LINES) },
      })
      return
    }
    const changes = policy.revision === before.revision ? [] : diffPolicies(before, policy, this.#options.now()).changes
    await events.changed(policy, sources)
    this.#policy = policy
    events.reloaded(true)
    events.log.info({ why, revision: policy.revision, before: before.revision }, 'rules reloaded')
    await events.record({
      action: 'reload',
      outcome: 'success',
      reason: policy.revision === before.revision ? 'the rules mean the same as before' : 'new rules are in force',
      policy,
      facts: { why, before: before.revision, changes: changes.slice(0, MAX_LINES) },
    })
  }

  /** What would differ if a file were replaced, written to, or its folder's link swapped. */
  async #fileStates(): Promise<string> {
    const { main, files } = this.#sources
    const paths = new Set([main, ...files.keys()])
    const states = await Promise.all(
      [...paths, ...new Set([...paths].map(dirname))].map(async (path) => {
        const found = await stat(path, { bigint: true }).catch(() => null)
        if (found === null) return `${path} -`
        // A folder's own times change with every file put beside the rules; only its identity counts.
        return found.isDirectory() ? `${path} ${found.ino}` : `${path} ${found.ino} ${found.size} ${found.mtimeNs}`
      }),
    )
    return states.join('\n')
  }
}
