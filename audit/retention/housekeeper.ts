/**
 * What is done beside the writing, an hour after the last time: old segments compressed, those beyond retention purged. One
 * thing at a time, at a slow pace; what is interrupted is finished by the next run, also after a restart.
 */
import { join } from 'node:path'
import type { SystemEvent } from '../../rules/events.ts'
import { howMany } from '../../rules/words.ts'
import { RULES_FOLDER } from '../archive.ts'
import type { Disk } from '../disk.ts'
import { AuditError, errorName } from '../error.ts'
import type { AuditLog } from '../meter.ts'
import { adopterOf } from '../proof/adopted.ts'
import { type Base, findBase, purgeFacts } from '../proof/base.ts'
import type { VerifierKey } from '../proof/note.ts'
import { readSegment } from '../read.ts'
import { DAY_MS, listSegments } from '../segment.ts'
import { readStamp } from '../stamp.ts'
import { listTallies, type TallyFile } from '../tallies/file.ts'
import { HOUR_MS } from '../tallies/row.ts'
import type { Leap } from '../writing/leap.ts'
import { compressible, compressSegment, removeUnfinished } from './compress.ts'
import { createPace, type Pace } from './pace.ts'
import { type Purge, planPurge } from './purge.ts'
import { unusedRules } from './unused-rules.ts'

export interface HousekeeperOptions {
  readonly dir: string
  readonly disk: Disk
  readonly now: () => number
  readonly retentionDays: number
  /** The key that signs. */
  readonly key: VerifierKey
  readonly leap: Leap
  readonly log: AuditLog
  /** Resolves once the event is recorded. */
  readonly record: (event: SystemEvent) => Promise<unknown>
  /** Signs what is recorded; false where that failed. */
  readonly seal: () => Promise<boolean>
  /** Takes the checkpoints of purged records away. */
  readonly prune: (through: number) => Promise<boolean>
  /** Of the oldest record that is there, in milliseconds since 1970. */
  readonly oldest: (at: number) => void
  /** How fast it works; slow enough beside a proxy where none is given. */
  readonly pace?: Pace
}

/** Names of files that a record of a purge lists. */
const MOST_NAMES = 32
const OLDEST_UNREAD = 'the oldest record cannot be read'

export class Housekeeper {
  readonly #options: HousekeeperOptions
  readonly #pace: Pace
  readonly #abort = new AbortController()
  #last = Number.NEGATIVE_INFINITY
  #run: Promise<void> | null = null
  /** Known once it was looked for: only a purge changes it. */
  #base: Base | null = null
  /** What was refused to be purged is told once. */
  #refused = ''
  #hasToldOldest = false

  constructor(options: HousekeeperOptions) {
    this.#options = options
    this.#pace = options.pace ?? createPace(this.#abort.signal)
  }

  /** To be called often: once an hour there is something to do, and in a new folder the first record is told as soon as it is there. */
  tick(): void {
    if (this.#run !== null) return
    const waited = this.#options.now() - this.#last
    if (waited >= HOUR_MS || waited < 0) void this.tidy()
    else if (!this.#hasToldOldest) void this.#alone(() => this.#step(OLDEST_UNREAD, () => this.#tellOldest()))
  }

  /** Does what is due now, and resolves when that is done or has failed; failures are logged. */
  tidy(): Promise<void> {
    return this.#alone(() => this.#tidy())
  }

  /** Stops where it stands. */
  async close(): Promise<void> {
    this.#abort.abort()
    await this.#run
  }

  /** One thing at a time: what is under way already is joined. */
  #alone(work: () => Promise<void>): Promise<void> {
    this.#run ??= work().finally(() => {
      this.#run = null
    })
    return this.#run
  }

  async #tidy(): Promise<void> {
    const { leap, now } = this.#options
    this.#last = now()
    await leap.look()
    await this.#step('old records cannot be purged', () => this.#purge())
    await this.#step('old segments cannot be compressed', () => this.#compress())
    await this.#step(OLDEST_UNREAD, () => this.#tellOldest())
  }

  async #step(failure: string, work: () => Promise<void>): Promise<void> {
    if (this.#abort.signal.aborted) return
    try {
      await work()
    } catch (error) {
      if (this.#abort.signal.aborted) return
      const message = error instanceof AuditError ? error.message : undefined
      this.#options.log('error', `audit: ${failure}`, { error: errorName(error), ...(message && { message }) })
    }
  }

  async #compress(): Promise<void> {
    const { dir, disk, now, log } = this.#options
    await removeUnfinished(dir, disk)
    for (const segment of await compressible(dir, now())) {
      await compressSegment(segment, disk, this.#pace)
      log('info', 'audit: segment compressed', { file: `${segment.name}.gz` })
    }
  }

  async #purge(): Promise<void> {
    const { dir, now, retentionDays, key, leap } = this.#options
    if (leap.isDoubted) return
    const base = await this.#findBase()
    if (base === null) return
    if (!(await this.#finish(base))) return
    const before = now() - retentionDays * DAY_MS
    try {
      const purge = await planPurge({ dir, base, before, key, pace: this.#pace })
      if (purge !== null) await this.#carryOut(purge, base, before)
    } catch (error) {
      if (error instanceof AuditError && error.code === 'ERR_AUDIT_PURGE') await this.#refuse(error.message)
      throw error
    }
  }

  /** With the segments as they are now. */
  async #findBase(): Promise<Base | null> {
    const segments = await listSegments(this.#options.dir)
    const known = this.#base
    this.#base =
      known !== null && segments[0]?.first === known.frontier.size + 1
        ? { ...known, segments, leftovers: [] }
        : await findBase(segments)
    return this.#base
  }

  /** What an earlier purge recorded and did not come to. False where that cannot be finished. */
  async #finish({ leftovers, frontier, sequence }: Base): Promise<boolean> {
    const { dir, log, prune, seal } = this.#options
    if (frontier.size === 0) return true
    if (leftovers.length > 0) {
      // The record that explains them must be signed before they go: it may be the last one before a crash.
      if (!(await seal())) return false
      // A purge signs its record before it removes anything: one that a start found unsigned has removed nothing.
      const adopter = await adopterOf(await listSegments(dir), sequence, Number.POSITIVE_INFINITY)
      if (adopter !== null) {
        const what = `record ${sequence} of a purge was found unsigned at a start (record ${adopter}), so that anybody may have written it; it names ${howMany(leftovers.length, 'file')} that ${leftovers.length === 1 ? 'is' : 'are'} still there, from ${leftovers[0]?.name} on`
        await this.#refuse(
          `Nothing is purged: ${what}. Look at it with landline audit verify; where all is explained, move them away`,
        )
        return false
      }
      log('warn', 'audit: a purge is finished that was interrupted', { files: leftovers.map(({ name }) => name) })
      await this.#removeAll(leftovers.map(({ name }) => name))
    }
    await prune(frontier.size)
    return true
  }

  async #carryOut(purge: Purge, base: Base, before: number): Promise<void> {
    const { dir, retentionDays, record, seal, prune, log } = this.#options
    const { segments, tree, prev, oldest, newest } = purge
    const rest = base.segments.slice(segments.length)
    const rules = await unusedRules(dir, rest, before, this.#pace)
    const tallies = await oldTallies(dir, before)
    const facts = {
      ...purgeFacts(tree, prev),
      from: base.frontier.size + 1,
      oldest,
      newest,
      retention_days: retentionDays,
      files: segments.slice(0, MOST_NAMES).map(({ name }) => name),
      file_count: segments.length,
      rules,
      tallies: tallies.length,
      tallies_through: tallies.at(-1)?.plainName ?? null,
    }
    const reason = `Records older than ${howMany(retentionDays, 'day')} were removed`
    await record({ action: 'purge', outcome: 'success', reason, policy: null, facts })
    // What explains the gap is signed and on the disk before there is one.
    if (!(await seal())) return
    await this.#removeAll(segments.map(({ name }) => name))
    await this.#removeAll(tallies.map(({ name }) => name))
    await this.#removeAll(rules.map((name) => join(RULES_FOLDER, name)))
    await prune(tree.size)
    this.#base = null
    log('info', 'audit: old records purged', { through: tree.size, files: segments.length, rules: rules.length })
  }

  /** Oldest first, so that what is left after a crash is the end of what goes. */
  async #removeAll(names: readonly string[]): Promise<void> {
    const { dir, disk } = this.#options
    for (const name of names) {
      await disk.remove(join(dir, name))
      await this.#pace()
    }
    if (names.length > 0) await disk.syncFolder(dir)
  }

  /** An auditor should find in the log that old records are kept because something is wrong with them. */
  async #refuse(reason: string): Promise<void> {
    if (this.#refused === reason) return
    this.#refused = reason
    const { record, retentionDays } = this.#options
    await record({
      action: 'purge',
      outcome: 'failure',
      reason,
      policy: null,
      facts: { retention_days: retentionDays },
    })
  }

  async #tellOldest(): Promise<void> {
    const [segment] = await listSegments(this.#options.dir)
    if (segment === undefined) return
    for await (const [line] of readSegment(segment)) {
      const stamp = line === undefined ? null : readStamp(line.bytes)
      if (stamp === null) return
      this.#options.oldest(Date.parse(stamp.time))
      this.#hasToldOldest = true
      return
    }
  }
}

/** Tallies whose hour ended before a time. */
async function oldTallies(dir: string, before: number): Promise<TallyFile[]> {
  return (await listTallies(dir)).filter(({ startedAt }) => startedAt + HOUR_MS <= before)
}
