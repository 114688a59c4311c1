/** The audit log of a running proxy: opened once, by one process, whatever the workers. See `openAudit`. */
import type { Recorder, SystemEvent } from '../rules/events.ts'
import { type ArchivedRevision, archiveRevision, type RulesRevision, readLastGood } from './archive.ts'
import { coarsenedEvent } from './coarse.ts'
import { type Disk, FOLDER_MODE, realDisk } from './disk.ts'
import { AuditError, errorName } from './error.ts'
import { makeFolder } from './folder.ts'
import { type Holder, lockFolder } from './lock.ts'
import type { AuditLog, AuditMeter } from './meter.ts'
import { openPrivacy, type Privacy, type PrivacyOptions } from './privacy.ts'
import { type Evidence, type EvidenceOptions, everyUnreferenced, openEvidence } from './proof/evidence.ts'
import { createEncoder, type RecordedEvent } from './record.ts'
import { Housekeeper } from './retention/housekeeper.ts'
import type { Pace } from './retention/pace.ts'
import type { ReviewState } from './reviews.ts'
import { createReferences, referenceTime } from './uuid.ts'
import { Leap } from './writing/leap.ts'
import { findEnd, type LogEnd, setAside } from './writing/recover.ts'
import { Repeats } from './writing/repeats.ts'
import { Tail } from './writing/tail.ts'
import { Writer } from './writing/writer.ts'
import { Written } from './writing/written.ts'

export interface AuditOptions {
  /** Made if missing. */
  readonly dir: string
  readonly sync: 'fsync' | 'write'
  readonly onFailure: 'block' | 'continue'
  /** Goes into every record. */
  readonly observer: { readonly name: string; readonly version: string }
  readonly repeatSeconds: number
  readonly segmentBytes: number
  /** Signs the log; absent: nothing is signed. */
  readonly evidence?: EvidenceOptions
  /** Pseudonyms in place of clients' addresses; absent: addresses are recorded as they are. */
  readonly privacy?: PrivacyOptions
  /** Of a signed log: days after which records are purged. Absent: nothing is compressed, nothing is purged. */
  readonly retentionDays?: number
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number
  readonly meter: AuditMeter
  readonly log: AuditLog
  /** Told of each record as its caller is answered; the own page `/blocked` lives on it. */
  readonly onRecord?: (event: RecordedEvent, reference: string) => void
  readonly disk?: Disk
  readonly maxQueued?: { readonly records: number; readonly bytes: number }
  /** How long a write may take before its callers are told that it failed. */
  readonly stallMs?: number
  /** How fast old segments are compressed and purged; slowly where none is given. */
  readonly pace?: Pace
  /** How often free space is measured, and whether the open segment still is what was written to it. */
  readonly checkMs?: number
}

export interface Audit extends Recorder {
  /** False while records cannot be written. */
  healthy(): boolean
  /** How far the log is safe, for those who read it on. */
  readonly written: Written
  /** Archives a revision that now runs and makes it the last good one. Rejects with ERR_AUDIT_ARCHIVE. */
  archive(rules: RulesRevision): Promise<void>
  /** Archives a revision that records name, and does not make it the last good one. Rejects with ERR_AUDIT_ARCHIVE. */
  archiveOnly(rules: RulesRevision): Promise<void>
  /** The revision that ran last; null where none did. Rejects with ERR_AUDIT_ARCHIVE where it cannot be read back. */
  lastGood(): Promise<ArchivedRevision | null>
  /** How far the log is reviewed; null where nothing is signed. */
  reviewed(): ReviewState | null
  /** Compresses and purges what is old enough now; else that is done once an hour. */
  tidy(): Promise<void>
  /** Ends the repeat windows, writes what waits and lets the folder go. Later records are refused. */
  close(): Promise<void>
}

const MAX_QUEUED = { records: 20_000, bytes: 32 * 1024 * 1024 }
const STALL_MS = 10_000
const CHECK_MS = 10_000
const MAX_REPEAT_WINDOWS = 10_000
/** A clock is stepped by less than this in ordinary times. */
const CLOCK_TOLERANCE_MS = 1000

/**
 * Takes the folder, sets aside what a crash left torn (and says so in a record), and goes on where the log ends.
 * Rejects with ERR_AUDIT_LOCKED, ERR_AUDIT_FOLDER or ERR_AUDIT_UNREADABLE.
 */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const { dir, now } = options
  await makeLogFolder(dir)
  const lock = lockFolder(dir, now())
  try {
    const end = await findEnd(dir)
    const names = await setAside(dir, end.torn, now())
    const parts = await createWriter(options, end)
    const { evidence, writer } = parts
    const recovered = recovery(end, names, lock.crashed, now(), evidence)
    if (recovered !== null) {
      options.log(evidence?.isBroken ? 'error' : 'warn', 'audit: recovered', { ...recovered.facts })
      evidence?.sealer.hold()
      writer.keep(recovered)
    }
    // After what was found: nothing is signed before it is said which records were not.
    if (evidence?.keyChange) {
      options.log('warn', 'audit: another key signs checkpoints from here on', evidence.keyChange.facts)
      writer.keep(evidence.keyChange)
    }
    return createAudit(options, parts, () => lock.release())
  } catch (cause) {
    lock.release()
    if (cause instanceof AuditError) throw cause
    throw new AuditError('ERR_AUDIT_FOLDER', `The log in ${dir} cannot be gone on with: ${errorName(cause)}`, { cause })
  }
}

interface Parts {
  readonly writer: Writer
  readonly tail: Tail
  readonly evidence: Evidence | null
  readonly written: Written
  readonly privacy: Privacy | null
  readonly leap: Leap
  readonly housekeeper: Housekeeper | null
}

async function createWriter(options: AuditOptions, end: LogEnd): Promise<Parts> {
  const { dir, sync, onFailure, segmentBytes, now, meter, log, disk = realDisk, onRecord = () => {} } = options
  const damaged = (reason: string) => (file: string, what: string) => {
    log('error', 'audit: a file was changed by others', { file, what })
    writer.keep({ action: 'recovered', outcome: 'failure', reason, policy: null, facts: { file, what } })
  }
  const onDamage = damaged('A segment no longer holds what was written to it; the log goes on in a new one')
  const evidence =
    options.evidence === undefined
      ? null
      : await openEvidence(options.evidence, {
          dir,
          disk,
          now,
          log,
          failed: meter.writeFailed,
          waiting: meter.unreviewed ?? (() => {}),
          onDamage: damaged('The checkpoints in the folder are not those that were written; the next ones follow'),
        })
  const privacy =
    options.privacy === undefined ? null : openPrivacy(options.privacy, { dir, now, log, failed: meter.writeFailed })
  const tail = new Tail({ dir, disk, sync, segmentBytes, end, tree: evidence?.tree ?? null, onDamage })
  const written = new Written(end.sequence)
  const writer: Writer = new Writer({
    written,
    tail,
    sealer: evidence?.sealer ?? null,
    encoder: createEncoder(options.observer, privacy?.cloak),
    references: createReferences(end.reference),
    onFailure,
    maxQueued: options.maxQueued ?? MAX_QUEUED,
    stallMs: options.stallMs ?? STALL_MS,
    segmentBytes,
    now,
    meter,
    log,
    wrote: (event, sequence) => {
      evidence?.reviews.wrote(event, sequence)
      evidence?.sealer.wrote(event)
    },
    onRecord,
  })
  const leap = new Leap({ dir, disk, now, log, newest: end.at })
  return { writer, tail, evidence, written, privacy, leap, housekeeper: createHousekeeper(options, writer, leap) }
}

function createHousekeeper(options: AuditOptions, writer: Writer, leap: Leap): Housekeeper | null {
  const { dir, disk = realDisk, now, log, meter, evidence, retentionDays, pace } = options
  if (evidence === undefined || retentionDays === undefined) return null
  return new Housekeeper({
    dir,
    disk,
    now,
    log,
    leap,
    retentionDays,
    key: evidence.key.verifier,
    record: (event) => writer.submit(event),
    seal: () => writer.seal(),
    prune: (through) => writer.prune(through),
    oldest: meter.oldestRecord ?? (() => {}),
    ...(pace && { pace }),
  })
}

/** How often it is looked whether a checkpoint is due, or housekeeping. */
const TICK_MS = 1000

function createAudit(options: AuditOptions, parts: Parts, release: () => void): Audit {
  const { writer, tail, written, privacy, leap, housekeeper } = parts
  const { dir, now, meter, log, disk = realDisk, evidence } = options
  // Events that come from without: what the log says of itself has no words of others in it.
  const submit = (event: SystemEvent) => writer.submit(privacy === null ? event : coarsenedEvent(event))
  const repeats = new Repeats({
    windowMs: options.repeatSeconds * 1000,
    maxWindows: MAX_REPEAT_WINDOWS,
    record: (event) => ('verdict' in event ? writer.submit(event) : submit(event)),
    keep: (repeat) => writer.keep(repeat),
    now,
  })
  const measure = () => {
    disk.freeBytes(dir).then(meter.diskFree, (error: unknown) => {
      log('warn', 'audit: free space cannot be measured', { error: errorName(error) })
    })
  }
  const care = () => void privacy?.care(submit)
  measure()
  care()
  const check = setInterval(() => {
    tail.suspect()
    measure()
    care()
  }, options.checkMs ?? CHECK_MS).unref()
  const tick = () => {
    void leap.look()
    writer.tick()
    housekeeper?.tick()
  }
  const stopTicks = evidence === undefined ? null : (evidence.every ?? everyUnreferenced)(TICK_MS, tick)
  let closing: Promise<void> | null = null
  async function close(): Promise<void> {
    clearInterval(check)
    stopTicks?.()
    await housekeeper?.close()
    await repeats.flush()
    // While a call to the disk still hangs, nobody else may write here; the system frees the folder when the process ends.
    if (await writer.close()) release()
  }
  return {
    // The last word of an orderly stop comes after what it stopped.
    record: (event) => (event.action === 'stop' ? repeats.flush().then(() => submit(event)) : repeats.record(event)),
    healthy: () => writer.healthy,
    written,
    archive: (rules) => archiveRevision(dir, rules, now()),
    archiveOnly: (rules) => archiveRevision(dir, rules, now(), false),
    lastGood: () => readLastGood(dir),
    reviewed: () => parts.evidence?.reviews.state ?? null,
    tidy: () => housekeeper?.tidy() ?? Promise.resolve(),
    close: () => (closing ??= close()),
  }
}

/** What was found at the start that an orderly stop would not have left; null where there was nothing. */
function recovery(
  end: LogEnd,
  names: readonly string[],
  crashed: Holder | null,
  now: number,
  evidence: Evidence | null,
): SystemEvent | null {
  const behind = end.reference === null ? 0 : referenceTime(end.reference) - now
  const clockBehind = behind > CLOCK_TOLERANCE_MS
  const unsigned = evidence?.facts ?? null
  if (names.length === 0 && crashed === null && !clockBehind && unsigned === null) return null
  const asFound =
    crashed === null ? 'The log was not as an orderly stop leaves it' : 'The last writer did not stop in order'
  return {
    action: 'recovered',
    outcome: evidence?.isBroken ? 'failure' : 'success',
    reason: evidence?.isBroken ? 'The log is not what was signed' : asFound,
    policy: null,
    facts: {
      torn_bytes: end.torn.reduce((sum, { bytes }) => sum + bytes, 0),
      torn_segments: end.torn.filter(({ bytes }) => bytes > 0).map(({ segment }) => segment.name),
      set_aside: names,
      last_sequence: end.sequence,
      writer_pid: crashed?.pid ?? null,
      writer_host: crashed?.host ?? null,
      writer_since: crashed?.since ?? null,
      clock_behind_ms: clockBehind ? behind : 0,
      ...unsigned,
    },
  }
}

async function makeLogFolder(dir: string): Promise<void> {
  try {
    await makeFolder(dir, FOLDER_MODE)
  } catch (cause) {
    throw new AuditError('ERR_AUDIT_FOLDER', `The audit folder ${dir} cannot be made: ${errorName(cause)}`, { cause })
  }
}
