/** What the tests of the evidence share: keys, signed logs, and a folder as it can be tampered with: names and bytes. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Audit, AuditOptions } from '../../audit/audit.ts'
import type { Checkpoint } from '../../audit/proof/checkpoint.ts'
import { CHECKPOINTS, readCheckpoints } from '../../audit/proof/checkpoint-file.ts'
import type { EvidenceOptions } from '../../audit/proof/evidence.ts'
import type { OutsideCheckpoint } from '../../audit/proof/heads.ts'
import { type SigningKey, type VerifierKey, verifierKey } from '../../audit/proof/note.ts'
import { type Verification, verifyLog } from '../../audit/proof/verify.ts'
import { type Counts, denial, NOON, openWith } from './helpers.ts'

export const DAY = 86_400_000
/** Long after everything that the tests write. */
export const LATER = NOON + 1000 * DAY

export function newKey(name = 'landline-1'): SigningKey {
  const { privateKey } = generateKeyPairSync('ed25519')
  return { verifier: verifierKey(name, privateKey), privateKey }
}

export interface Signed {
  readonly audit: Audit
  readonly counts: Counts
  /** Lets the log look whether a checkpoint is due, as its timer would. */
  readonly tick: () => void
  readonly treeSizes: number[]
  /** Seconds since 1970 of each checkpoint told. */
  readonly told: number[]
  readonly notes: string[]
}

/** A log that is signed; its timer is the test's. */
export async function openSigned(
  dir: string,
  key: SigningKey,
  change: Partial<AuditOptions> = {},
  every: Partial<EvidenceOptions> = {},
): Promise<Signed> {
  let tick = () => {}
  const treeSizes: number[] = []
  const told: number[] = []
  const notes: string[] = []
  const evidence: EvidenceOptions = {
    key,
    records: 1000,
    seconds: 60,
    treeSize: (size) => treeSizes.push(size),
    checkpointed: (at) => told.push(at),
    every: (_ms, call) => {
      tick = call
      return () => {}
    },
    ...every,
  }
  const logged: string[] = []
  const log: AuditOptions['log'] = (level, message, facts) => {
    logged.push(`${level} ${message}`)
    if (typeof facts.note === 'string') notes.push(facts.note)
  }
  const { audit, counts } = await openWith(dir, { evidence, log, ...change })
  counts.logged = logged
  return { audit, counts, tick: () => tick(), treeSizes, told, notes }
}

/** Writes `count` records from `first` on, one after the other, and closes. */
export async function writeSigned(
  dir: string,
  key: SigningKey,
  count: number,
  change: Partial<AuditOptions> = {},
  every: Partial<EvidenceOptions> = {},
): Promise<Signed> {
  const signed = await openSigned(dir, key, change, every)
  for (let n = 0; n < count; n++) await signed.audit.record(denial(n))
  await signed.audit.close()
  return signed
}

/** A folder's evidence, by file name. */
export type Files = ReadonlyMap<string, Buffer>

export function readFiles(dir: string): Files {
  const names = readdirSync(dir).filter((name) => /^(audit|tally)-.*\.jsonl(\.gz)?$/.test(name) || name === CHECKPOINTS)
  return new Map(names.sort().map((name) => [name, readFileSync(join(dir, name))]))
}

/** The folder then holds these files, and nothing else. */
export function writeFiles(dir: string, files: Files): void {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  for (const [name, bytes] of files) writeFileSync(join(dir, name), bytes)
}

export function linesOf(bytes: Buffer | undefined): string[] {
  return (bytes?.toString() ?? '').split('\n').slice(0, -1)
}

export function ofLines(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''))
}

export async function checkpointsOf(dir: string): Promise<Checkpoint[]> {
  const found: Checkpoint[] = []
  for await (const entry of readCheckpoints(join(dir, CHECKPOINTS)))
    if (entry.kind === 'checkpoint') found.push(entry.checkpoint)
  return found
}

export function outside(checkpoint: Checkpoint | undefined): OutsideCheckpoint[] {
  return checkpoint === undefined ? [] : [{ checkpoint, file: 'kept.txt', line: 1 }]
}

export function verify(
  dir: string,
  keys: readonly VerifierKey[] = [],
  kept?: Checkpoint,
  now = LATER,
): Promise<Verification> {
  return verifyLog({ dir, keys, outside: outside(kept), now })
}

/** What was found, shortly: the result, then `kind file:line` of each problem. */
export function told({ result, problems }: Verification): string[] {
  return [result, ...problems.map(({ kind, file, line, sequence }) => `${kind} ${file}:${line} #${sequence}`)]
}
