/** Opens what makes the log evidence: the tree over its lines, the checkpoints signed so far, and what signs the next ones. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { SystemEvent } from '../../rules/events.ts'
import { errorName } from '../error.ts'
import type { AuditLog } from '../meter.ts'
import type { OwnEvent } from '../record.ts'
import { Reviews, type ReviewsOptions } from '../reviews.ts'
import { linesFrom } from '../seek.ts'
import { listSegments } from '../segment.ts'
import { parseRecord, readStamp } from '../stamp.ts'
import { setAside, type Torn } from '../writing/recover.ts'
import { findBase } from './base.ts'
import { type Checkpoint, epochOrigin, isOriginOf } from './checkpoint.ts'
import { CHECKPOINTS, readCheckpoints } from './checkpoint-file.ts'
import { checkSignature, type SigningKey, type VerifierKey, verifierKey } from './note.ts'
import { type Regrown, regrow } from './regrow.ts'
import { Sealer, type SealerOptions } from './sealer.ts'
import type { Tree } from './tree.ts'

export interface EvidenceOptions
  extends Pick<SealerOptions, 'key' | 'records' | 'seconds' | 'treeSize' | 'checkpointed'> {
  /** The key that signed before, where it is still at hand. */
  readonly previous?: SigningKey | null
  /** Calls `tick` every so many milliseconds until the answer is called; an unreferenced timer where none is given. */
  readonly every?: (ms: number, tick: () => void) => () => void
}

export interface Evidence {
  readonly sealer: Sealer
  readonly tree: Tree
  readonly reviews: Reviews
  /** To be recorded before anything but what was found. */
  readonly keyChange: OwnEvent | null
  /** Of a recovery record: what is not as an orderly stop leaves it; null where all is. */
  readonly facts: SystemEvent['facts'] | null
  /** The log is not what was signed. */
  readonly isBroken: boolean
}

type Surroundings = Pick<SealerOptions, 'dir' | 'disk' | 'now' | 'log' | 'failed' | 'onDamage'> &
  Pick<ReviewsOptions, 'waiting'>

/** Reads what was signed and compares it with the log as it is. Rejects with ERR_AUDIT_UNREADABLE or the system's error. */
export async function openEvidence(options: EvidenceOptions, around: Surroundings): Promise<Evidence> {
  const { dir, now } = around
  const { verifier } = options.key
  const found = await readSigned(dir, verifier)
  const aside = await setAside(dir, found.torn, now())
  const { last, key } = found
  // Whoever can write the folder can add checkpoints of a key that only the folder names.
  const ours = found.keys.filter((named) => oldKey(named, [options.previous, options.key]) !== null)
  const own = found.newest.findLast(({ note }) => ours.some((known) => checkSignature(note, known) === 'good')) ?? null
  const signed = [...new Set([own, last])].filter((one) => one !== null)
  const { tree, broken } = await regrow(dir, signed)
  // Under another key than ours alone, it is for who verifies to say whether that is to be trusted.
  const missing = await unexplained(dir, own ?? last)
  const isKnown = last !== null && isOriginOf(last.origin, verifier.name)
  const { unnamed, review } = await readNamings(dir, found.newest, (own ?? last)?.size ?? 0)
  const reviews = new Reviews({ dir, start: review, waiting: around.waiting, failed: uncounted(around.log) })
  const origin = broken !== null ? epochOrigin(verifier.name, tree.size + 1) : isKnown ? last.origin : verifier.name
  const hasChanged = key !== null && key.text !== verifier.text
  const old = hasChanged && broken === null ? oldKey(key, [options.previous, options.key]) : null
  // Nobody vouches for a key that comes after a lost one: its log has another name.
  const fresh = hasChanged && old === null ? epochOrigin(verifier.name, tree.size + 1) : origin
  const sealer = new Sealer({
    ...options,
    ...around,
    tree,
    key: old ?? options.key,
    origin: old === null ? fresh : (last?.origin ?? origin),
    successor: old && { key: options.key, origin },
    last: broken === null ? last : null,
    unnamed,
    reviews: () => reviews.state,
    file: { length: found.length, namesKey: key !== null && (old !== null || key.text === verifier.text) },
  })
  await sealer.introduce()
  await reviews.open(tree.size)
  const unsigned = tree.size - (broken === null ? (own?.size ?? 0) : 0)
  const isAsLeft = unsigned === 0 && !found.damaged && aside.length === 0 && broken === null && missing === 0
  return {
    sealer,
    tree,
    reviews,
    keyChange: hasChanged ? keyChange(key, verifier, old === null ? fresh : null) : null,
    facts: isAsLeft
      ? null
      : {
          unsigned_records: unsigned,
          missing_records: missing,
          ...checkpointFacts(found, aside),
          ...epochFacts(broken, origin),
        },
    isBroken: broken !== null || found.damaged || missing > 0,
  }
}

/** How many records are gone from the beginning of the log that no purge explains which was signed. */
async function unexplained(dir: string, last: Checkpoint | null): Promise<number> {
  const segments = await listSegments(dir)
  const missing = (segments[0]?.first ?? 1) - 1
  if (missing === 0) return 0
  const base = await findBase(segments)
  return base !== null && base.sequence <= (last?.size ?? 0) ? 0 : missing
}

interface Signed {
  /** The last ones with good signatures. */
  readonly newest: readonly Checkpoint[]
  /** The newest of them. */
  readonly last: Checkpoint | null
  /** The one that signs now, and those that the file names. */
  readonly keys: readonly VerifierKey[]
  /** Who signed last, by the file itself. */
  readonly key: VerifierKey | null
  readonly damaged: boolean
  readonly torn: readonly Torn[]
  /** Without what is torn. */
  readonly length: number
}

/** Signatures are checked of so many checkpoints at the end: the last good one counts, and all of them cost seconds. */
const CHECKED = 8

async function readSigned(dir: string, own: VerifierKey): Promise<Signed> {
  const path = join(dir, CHECKPOINTS)
  const keys = [own]
  let key: VerifierKey | null = null
  let newest: Checkpoint[] = []
  let damaged = false
  let torn: Torn[] = []
  let length = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  for await (const entry of readCheckpoints(path)) {
    if (entry.kind === 'damaged') damaged = true
    else if (entry.kind === 'checkpoint') newest = [...newest, entry.checkpoint].slice(-CHECKED)
    else if (entry.kind === 'key') {
      key = entry.key
      if (!keys.some((known) => known.text === entry.key.text)) keys.push(entry.key)
    } else {
      const segment = { name: CHECKPOINTS, path, first: 1, startedAt: 0, compressed: false }
      torn = [{ segment, from: entry.from, bytes: length - entry.from }]
      length = entry.from
    }
  }
  const good = newest.filter(({ note }) => keys.some((known) => checkSignature(note, known) === 'good'))
  return {
    newest: good,
    last: good.at(-1) ?? null,
    keys,
    key,
    damaged: damaged || good.length < newest.length,
    torn,
    length,
  }
}

interface Namings {
  /** Those that no record names: the last ones before a stop, or a crash. */
  readonly unnamed: readonly Checkpoint[]
  /** As the last record says that names a checkpoint and is under one. */
  readonly review: ReviewsOptions['start']
}

const NO_REVIEW: Namings['review'] = { reviewed: 0, unreviewed: null, size: 0 }

/** Reads the records behind the oldest of these checkpoints; so many records are `signed`. */
async function readNamings(dir: string, checkpoints: readonly Checkpoint[], signed: number): Promise<Namings> {
  const [oldest] = checkpoints
  const named = new Set<unknown>()
  let review = NO_REVIEW
  for await (const lines of linesFrom(await listSegments(dir), (oldest?.size ?? 0) + 1)) {
    for (const { bytes } of lines) {
      const record = readStamp(bytes)?.isSystem ? parseRecord(bytes) : null
      if (record?.event.action !== 'checkpoint') continue
      const { size, root, reviewed, unreviewed } = record.landline.facts ?? {}
      named.add(`${size} ${root}`)
      if (record.event.sequence > signed) continue
      if (typeof size === 'number' && typeof reviewed === 'number' && typeof unreviewed === 'number')
        review = { size, reviewed, unreviewed }
    }
  }
  // A log that begins with this process has nothing to be reviewed.
  if (oldest === undefined && review === NO_REVIEW) review = { reviewed: 0, unreviewed: 0, size: 0 }
  return { unnamed: checkpoints.filter(({ size, root }) => !named.has(`${size} ${root.toString('base64')}`)), review }
}

function uncounted(log: AuditLog): (error: unknown) => void {
  return (error) => log('warn', 'audit: records to be reviewed cannot be counted', { error: errorName(error) })
}

/** The one of these that signed as `verifier`, whatever the proxy was called then. */
function oldKey(verifier: VerifierKey, keys: readonly (SigningKey | null | undefined)[]): SigningKey | null {
  const found = keys.find((key) => key && verifierKey(verifier.name, key.privateKey).text === verifier.text)
  return found ? { verifier, privateKey: found.privateKey } : null
}

/** `epoch`: the log's name from here on, where the old key is not there to sign this. */
function keyChange(before: VerifierKey, now: VerifierKey, epoch: string | null): OwnEvent {
  const isLost = epoch !== null
  return {
    action: 'key-changed',
    outcome: 'success',
    reason: isLost
      ? 'Another key signs checkpoints from here on; the old one was not there to say so'
      : 'Another key signs checkpoints once the old one has signed this',
    policy: null,
    facts: { key: now.text, before: before.text, handed_over: !isLost, ...(isLost && { epoch }) },
  }
}

function checkpointFacts({ damaged }: Signed, aside: readonly string[]): SystemEvent['facts'] {
  return { checkpoints_damaged: damaged, checkpoints_set_aside: aside }
}

function epochFacts(broken: Regrown['broken'], origin: string): SystemEvent['facts'] {
  if (broken === null) return {}
  const { signed } = broken
  const facts = { signed_origin: signed.origin, signed_size: signed.size, signed_root: signed.root.toString('base64') }
  return { ...facts, found_root: broken.root, epoch: origin }
}

/** What `every` is where nobody gives another; does not keep the process running. */
export function everyUnreferenced(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms).unref()
  return () => clearInterval(timer)
}
