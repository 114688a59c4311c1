/** One pass over the lines of a log: each goes to all who judge it. What is left at the end is judged by its age. */
import { AuditError } from '../error.ts'
import type { Place, Problems } from '../problems.ts'
import { type LogLine, readSegment } from '../read.ts'
import type { LogSegment } from '../segment.ts'
import { parseRecord, readStamp, type Stamp } from '../stamp.ts'
import type { TallyCheck } from '../tallies/check.ts'
import type { Base } from './base.ts'
import type { Chain } from './chain.ts'
import { CHECKPOINTS } from './checkpoint-file.ts'
import type { Head, Heads } from './heads.ts'
import type { Losses } from './losses.ts'
import { type Frontier, leafHash } from './merkle.ts'
import type { SignOffCheck } from './sign-off-check.ts'

/** As in the server file, where no record says otherwise. */
const CHECKPOINT_SECONDS = 60

/** Clocks of an honest proxy and of who verifies differ by less. */
const MOST_AHEAD_MS = 3_600_000

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

export class Reading {
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
