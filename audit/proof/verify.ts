/**
 * `landline audit verify`: reads a log once, with flat memory and without the proxy, and says what is wrong with it and
 * what that judgement rests on.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Problem, Problems } from '../problems.ts'
import { type LogSegment, listSegments } from '../segment.ts'
import { TallyCheck } from '../tallies/check.ts'
import type { AdoptedRange } from './adopted.ts'
import { type Base, findBase } from './base.ts'
import { Chain } from './chain.ts'
import { CHECKPOINTS } from './checkpoint-file.ts'
import { Heads, type OutsideCheckpoint } from './heads.ts'
import { Losses } from './losses.ts'
import { Frontier } from './merkle.ts'
import type { VerifierKey } from './note.ts'
import { Reading } from './reading.ts'
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

function byPlace(a: Problem, b: Problem): number {
  const [fileA, fileB] = [a.file ?? '', b.file ?? '']
  if (fileA !== fileB) return fileA < fileB ? -1 : 1
  return (a.line ?? 0) - (b.line ?? 0)
}
