/**
 * `landline audit verify`: reads a log once, with flat memory and without the proxy, and says what is wrong with it and
 * what that judgement rests on.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AuditError } from '../error.ts'
import { type Place, type Problem, Problems } from '../problems.ts'
import { type LogLine, readSegment } from '../read.ts'
import { type LogSegment, listSegments } from '../segment.ts'
import { parseRecord, readStamp, type Stamp } from '../stamp.ts'
import { TallyCheck } from '../tallies/check.ts'
import type { AdoptedRange } from './adopted.ts'
import { type Base, findBase } from './base.ts'
import { Chain } from './chain.ts'
import { CHECKPOINTS } from './checkpoint-file.ts'
import { type Head, Heads, type OutsideCheckpoint } from './heads.ts'
import { Losses } from './losses.ts'
import { Frontier, leafHash } from './merkle.ts'
import type { VerifierKey } from './note.ts'
import { SignOffCheck } from './sign-off-check.ts'

export interface VerifyOptions {
  readonly dir: string
  /** Given by who verifies; none: the keys that the folder itself names. */
  readonly keys: readonly VerifierKey[]
  readonly outside: readonly OutsideCheckpoint[]
  /** Of those who sign reviews. */
  readonly reviewers?: readonly VerifierKey[]
  /** Milliseconds since 1970: how old is what nobody has signed? */
  readonly now: number
  /** When the copy was made, where that is known: its end was as old then as it ever will be. */
  readonly asOf?: number | null
}

export interface Verification {
  /** `intact`: against a key and a checkpoint from outside; `consistent`: against what lies in the folder. */
  readonly result: 'intact' | 'consistent' | 'tampered' | 'incomplete'
  readonly records: number
  /** That the log was compared with and fits. */
  readonly checkpoints: number
  /** In the order of files and lines; the first thousand of `problemCount`. */
  readonly problems: readonly Problem[]
  readonly problemCount: number
  readonly basis: Basis
}

/** What the result rests on. */
export interface Basis {
  /** The vkey that signed the newest checkpoint; null where nothing is signed. */
  readonly key: string | null
  readonly keyGiven: boolean
  /** A key that was given has signed that this one comes after it. */
  readonly keyHandedOver: boolean
  /** Records under the newest fitting checkpoint from outside; 0: there was none, or no key for it was given. */
  readonly outsideSize: number
  /** Records under the newest fitting checkpoint at all. */
  readonly signedSize: number
  /** Records behind it. */
  readonly unsignedTail: number
  /** Some of them are signed all the same, by a checkpoint that the log does not fit or cannot be compared with. */
  readonly tailSigned: boolean
  /** Records that a purge has removed, by a record of it that counts. */
  readonly purgedThrough: number
  /** Closed tallies that are as the log names them, and the names of those that it does not name yet. */
  readonly tallies: number
  readonly openTallies: readonly string[]
  /** Records that starts found unsigned, and that are signed since: a crash leaves some, and others could add some. */
  readonly adopted: readonly AdoptedRange[]
  /** Files of purged records that are still there; they were not judged. */
  readonly leftovers: readonly string[]
  /** Sign-offs by reviewers' keys that were given, and by others, whose vkeys follow. */
  readonly signOffs: { readonly byGiven: number; readonly byOthers: number; readonly others: readonly string[] }
}

/** As in the server file, where no record says otherwise. */
const CHECKPOINT_SECONDS = 60

/** Clocks of an honest proxy and of who verifies differ by less. */
const MOST_AHEAD_MS = 3_600_000

/** Age alone makes an honest copy incomplete. */
const COPY_HINT =
  '. A copy that was made while the proxy ran ends so, too: give the time at which it was made, --as-of TIME'

/** Never rejects for what is wrong with the log. Rejects with the system's error where the folder cannot be read. */
export async function verifyLog(options: VerifyOptions): Promise<Verification> {
  const before = await listSegments(options.dir)
  const found = await verifyOnce(options)
  const isFine = found.result === 'intact' || found.result === 'consistent'
  // A running proxy may have purged files before they were read.
  return isFine || !haveGone(before) ? found : verifyOnce(options)
}

function haveGone(segments: readonly LogSegment[]): boolean {
  return segments.some(({ path }) => !existsSync(path) && !existsSync(`${path}.gz`))
}

async function verifyOnce(options: VerifyOptions): Promise<Verification> {
  const path = join(options.dir, CHECKPOINTS)
  // Before the lines are looked for: those that are signed by then are there.
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  const segments = await listSegments(options.dir)
  const problems = new Problems()
  const base = await baseOf(segments, problems)
  const heads = new Heads({ path, bytes, keys: options.keys, outside: options.outside, problems })
  const chain = new Chain(problems, segments, base && { sequence: base.frontier.size, prev: base.prev })
  const tree = new Frontier(base?.frontier.size ?? 0, base?.frontier.hashes ?? [])
  const tallies = new TallyCheck(problems)
  const signOffs = new SignOffCheck(problems, options.reviewers ?? [])
  const losses = new Losses()
  const reading = new Reading({ heads, chain, tree, tallies, signOffs, losses, problems, base })
  await heads.open(tree)
  await reading.meet()
  const left = base?.segments ?? segments
  for (const segment of left) await reading.read(segment, segment === left.at(-1))
  chain.end()
  await heads.end(reading.head)
  /** Anybody who can write the folder can add records behind the last checkpoint. */
  const counts = (sequence: number) => sequence <= heads.goodSize && heads.adopted.by(sequence) === null
  const isDoubtful = base !== null && base.frontier.size > 0 && !(reading.hasMetPurge && counts(base.sequence))
  if (isDoubtful) tellDoubtfulPurge(base, heads, problems)
  losses.end(base?.frontier.size ?? Number.POSITIVE_INFINITY, problems, counts)
  const at = options.asOf ?? options.now
  const hint = options.asOf == null ? COPY_HINT : ''
  reading.judgeEnd(at, Math.max(at, options.now), hint)
  await tallies.end(options.dir, at, counts, hint)
  const purgedThrough = base?.frontier.size ?? 0
  await signOffs.end(path, purgedThrough, heads.goodSize)
  const { result } = problems
  const isGiven = options.keys.some(({ text }) => text === heads.signer?.text)
  const isIntact = options.keys.length > 0 && heads.outsideSize > 0
  return {
    result: result !== 'fine' ? result : isIntact ? 'intact' : 'consistent',
    records: reading.records,
    checkpoints: heads.checked,
    problems: problems.list.toSorted(byPlace),
    problemCount: problems.count,
    basis: {
      key: heads.signer?.text ?? null,
      keyGiven: isGiven,
      keyHandedOver: heads.isInherited && !isGiven,
      outsideSize: heads.outsideSize,
      signedSize: heads.goodSize,
      unsignedTail: base === null ? reading.records : tree.size - Math.max(heads.goodSize, purgedThrough),
      tailSigned: heads.hasMore,
      purgedThrough: isDoubtful ? 0 : purgedThrough,
      tallies: tallies.good,
      openTallies: tallies.open,
      adopted: heads.adopted.ranges,
      leftovers: base?.leftovers.map(({ name }) => name) ?? [],
      signOffs: { byGiven: signOffs.byGiven, byOthers: signOffs.byOthers, others: [...signOffs.others] },
    },
  }
}

/** Whether there is anything that could be verified. */
export async function isLog(dir: string): Promise<boolean> {
  return existsSync(dir) && ((await listSegments(dir)).length > 0 || existsSync(join(dir, CHECKPOINTS)))
}

async function baseOf(segments: readonly LogSegment[], problems: Problems): Promise<Base | null> {
  const base = await findBase(segments).catch(() => null)
  const [segment] = segments
  if (base !== null || segment === undefined) return base
  const what = `records 1 to ${segment.first - 1} are missing, and no record of a purge explains it; what is left cannot be compared with a checkpoint`
  problems.add('missing-segment', { file: segment.name, line: 1 }, segment.first, what)
  return null
}

function tellDoubtfulPurge({ frontier, sequence, segments }: Base, { adopted }: Heads, problems: Problems): void {
  const by = adopted.by(sequence)
  const doubt =
    by === null
      ? 'no checkpoint that fits covers that record'
      : `that record was found unsigned when the proxy started (record ${by}), so that anybody may have written it. If another key signed before, give that one too`
  const what = `records 1 to ${frontier.size} are missing; record ${sequence} says that they were purged, and ${doubt}`
  problems.add('missing-segment', { file: segments[0]?.name ?? '', line: 1 }, frontier.size + 1, what)
}

interface Parts {
  readonly heads: Heads
  readonly chain: Chain
  readonly tree: Frontier
  readonly tallies: TallyCheck
  readonly signOffs: SignOffCheck
  readonly losses: Losses
  readonly problems: Problems
  /** What the tree begins with; null: it is not that of the whole log. */
  readonly base: Base | null
}

/** One pass over the lines. */
class Reading {
  readonly #parts: Parts
  records = 0
  #place: Place | null = null
  #torn: Place | null = null
  #checkpointSeconds = CHECKPOINT_SECONDS
  /** As the last start says; counts once that is signed. */
  #nextSeconds = { seconds: CHECKPOINT_SECONDS, sequence: 0 }
  /** When the first record behind the newest fitting checkpoint was written, and the last one at all. */
  #unsignedSince: string | null = null
  #lastTime: string | null = null
  /** The purge that explains what is gone stands in its place. */
  hasMetPurge = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get head(): Head {
    const { tree, chain } = this.#parts
    const { sequence, faults } = chain
    return { size: tree.size, root: () => tree.root(), place: this.#place, sequence, faults }
  }

  async read(segment: LogSegment, isLast: boolean): Promise<void> {
    const { chain, problems } = this.#parts
    chain.beginSegment(segment)
    const before = this.records
    let isUnreadable = false
    try {
      for await (const lines of readSegment(segment)) {
        for (const line of lines) {
          if (!line.ended && isLast) this.#torn = line
          else this.#line(line)
          if (this.#parts.tree.size === this.#parts.heads.nextSize) await this.meet()
        }
      }
    } catch (error) {
      if (!(error instanceof AuditError)) throw error
      isUnreadable = true
      chain.breakOff()
      problems.add('mismatch', { file: segment.name, line: 1 }, segment.first, error.message)
    }
    // A crash leaves an empty file at the end of the log.
    if (this.records === before && !isLast && !isUnreadable)
      problems.add('mismatch', { file: segment.name, line: 1 }, segment.first, 'the file holds no record')
  }

  async meet(): Promise<void> {
    const { heads, tree, base } = this.#parts
    if (base === null || tree.size !== heads.nextSize) return
    await heads.meet(this.head)
    if (heads.goodSize !== tree.size) return
    this.#unsignedSince = null
    if (heads.adopted.by(this.#nextSeconds.sequence) === null) this.#checkpointSeconds = this.#nextSeconds.seconds
  }

  /** What is at the end and was too old at that time to be still on its way, or is of a time to come `now`; `hint`: what may be the matter. */
  judgeEnd(at: number, now: number, hint: string): void {
    const { heads, problems, tree, base } = this.#parts
    const isPast = (time: string) => Date.parse(time) <= now + MOST_AHEAD_MS
    // What is of a time to come, or of none, would never be old.
    const isOld = (time: string | null) =>
      time !== null && !(at - Date.parse(time) <= 2 * this.#checkpointSeconds * 1000 && isPast(time))
    if (this.#torn !== null && isOld(this.#lastTime))
      problems.add('torn', this.#torn, null, 'the last line has no end; a start of the proxy would set it aside')
    if (heads.isTorn && isOld(this.#lastTime))
      problems.add('torn', { file: CHECKPOINTS, line: 1 }, null, 'the last checkpoint has no end')
    if (base === null || problems.result === 'tampered' || !isOld(this.#unsignedSince)) return
    const from = heads.goodSize + 1
    const isAhead = this.#unsignedSince !== null && !isPast(this.#unsignedSince)
    const why = isAhead
      ? `are of no time that could be (${this.#unsignedSince}), and signed by no checkpoint. Look at the clocks of the proxy and of this machine`
      : `are signed by no checkpoint, and should have been within ${this.#checkpointSeconds} s${hint}`
    const what = `records ${from} to ${tree.size} ${why}`
    problems.add('unsigned-tail', this.#place, from, what)
  }

  #line({ file, line, bytes, ended }: LogLine): void {
    const { chain, tree, heads, base } = this.#parts
    const stamp = ended ? readStamp(bytes) : null
    const place = { file, line }
    this.#place = place
    this.records++
    if (stamp === null) chain.illegible(place)
    else chain.add(stamp, bytes, place)
    tree.add(leafHash(bytes))
    if (heads.isUnsettled) heads.settle(chain.faults)
    this.#lastTime = stamp?.time ?? this.#lastTime
    this.#unsignedSince ??= stamp?.time ?? null
    if (stamp !== null && stamp.sequence === base?.sequence) this.hasMetPurge ||= bytes.equals(base.line)
    if (stamp?.isSystem) this.#system(stamp, bytes, place)
  }

  #system({ sequence }: Stamp, bytes: Buffer, place: Place): void {
    const { chain, heads, tallies, signOffs, losses } = this.#parts
    const record = parseRecord(bytes)
    const facts = record?.landline?.facts
    if (record === null || facts === undefined || record.event.sequence !== sequence) return
    heads.told(record, place, chain.faults)
    tallies.told(record, place)
    losses.told(record, place)
    signOffs.told(record, place)
    if (record.event.action === 'checkpoint') chain.follows(facts.file, facts.after)
    if (record.event.action === 'start' && typeof facts.checkpoint_seconds === 'number')
      this.#nextSeconds = { seconds: facts.checkpoint_seconds, sequence }
  }
}

function byPlace(a: Problem, b: Problem): number {
  const [fileA, fileB] = [a.file ?? '', b.file ?? '']
  if (fileA !== fileB) return fileA < fileB ? -1 : 1
  return (a.line ?? 0) - (b.line ?? 0)
}
