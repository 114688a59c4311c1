/** `landline audit export DIR`: an extract of the log, with the proof that it is one, and on record where the log is a running proxy's. */
import { resolve } from 'node:path'
import { AuditError, errorName } from '../../audit/error.ts'
import { type Extracted, type NoExtract, writeExtract } from '../../audit/extract/write.ts'
import type { Checkpoint } from '../../audit/proof/checkpoint.ts'
import { loadPrivateKey } from '../../audit/proof/keys.ts'
import { newestCheckpoint } from '../../audit/proof/look-up.ts'
import { checkSignature, type SigningKey, type VerifierKey } from '../../audit/proof/note.ts'
import { FORMATS, type Format } from '../../audit/render/rendering.ts'
import { howMany } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import type { Flags } from '../options.ts'
import { knownKeys, outsideCheckpoints, withLog } from './files.ts'
import { filterOf, nothingMatched, withoutAlias } from './filter.ts'
import { type Recording, textOf } from './recording.ts'

export type AuditExportFlags = Flags<'audit export'> & { readonly dir: string }

/** 0: exported, 1: the log is not what was signed, 2: lines are missing, nothing is signed, or the disk is full. Throws UsageError; rejects with AdminError. */
export async function auditExport(flags: AuditExportFlags, recording: Recording, io: Io): Promise<ExitCode> {
  const { dir, out = '', json = false } = flags
  const format = formatOf(flags.format)
  const by = textOf('by', flags.by ?? recording.user)
  const signer = signerOf(flags.key, by)
  const about = { by, reason: textOf('reason', flags.reason) }
  const filter = await withoutAlias(filterOf(flags, io.now()), io)
  const extracted = await withLog(dir, async () => {
    const signed = await checkpointOf(dir, flags.checkpoint)
    if (signed === null) return 'unsigned'
    const options = { dir, out, filter, format, ...signed, ...about, now: io.now(), signer }
    return writeExtract({ ...options, record: recording.exported }).catch(unwritten(out))
  })
  if (typeof extracted === 'string') {
    io.complain(`${dir}: ${REFUSALS[extracted]}`)
    return extracted === 'tampered' ? EXIT.wrong : EXIT.incomplete
  }
  if ('failure' in extracted) {
    io.complain(`--out ${out}: nothing exported: ${extracted.failure}; make room, or name a folder elsewhere`)
    return EXIT.incomplete
  }
  const { records, checkpoint } = extracted.manifest
  if (records === 0)
    io.complain(`${out} is empty: ${await nothingMatched(`no record of ${checkpoint.size} signed ones`, filter)}`)
  if (json) printJson(io, jsonOf(out, extracted))
  else for (const line of report(out, extracted)) io.print(line)
  return EXIT.fine
}

const REFUSALS: Readonly<Record<NoExtract | 'unsigned', string>> = {
  unsigned: 'nothing exported: no checkpoint there that is signed by a key of the log; an extract could prove nothing',
  tampered: 'nothing exported: the log is not what was signed, see landline audit verify',
  incomplete: 'nothing exported: lines are missing that no recorded purge explains, see landline audit verify',
}

function formatOf(text = 'jsonl'): Format {
  const format = FORMATS.find((known) => known === text)
  if (format === undefined) throw new UsageError(`--format ${text} is none of ${FORMATS.join(', ')}`)
  return format
}

/** Named after who takes the extract: a key's name holds no spaces and no plus. */
function signerOf(file: string | undefined, by: string): SigningKey | null {
  if (file === undefined) return null
  try {
    return loadPrivateKey(file, by)
  } catch (error) {
    if (error instanceof AuditError) throw new UsageError(`--key: ${error.message}`)
    throw error
  }
}

/** The newest of the folder, or the newest that was kept elsewhere and is signed by a key of the folder. Throws UsageError. */
async function checkpointOf(
  dir: string,
  file: string | undefined,
): Promise<{ readonly checkpoint: Checkpoint; readonly key: VerifierKey } | null> {
  if (file === undefined) return newestCheckpoint(dir, [])
  const given = (await outsideCheckpoints([file])).toSorted((a, b) => b.checkpoint.size - a.checkpoint.size)
  const keys = await knownKeys(dir)
  for (const { checkpoint } of given) {
    const key = keys.find((known) => checkSignature(checkpoint.note, known) === 'good')
    if (key !== undefined) return { checkpoint, key }
  }
  throw new UsageError(`--checkpoint ${file}: none in it is signed by a key of this log`)
}

/** A folder that cannot be made is a mistake in the call, throws UsageError; a disk that takes no more is none. */
function unwritten(out: string): (error: unknown) => { readonly failure: string } {
  return (error) => {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    if ('path' in error && !resolve(String(error.path)).startsWith(resolve(out))) throw error // of the log
    const code = errorName(error)
    if (error.syscall !== 'mkdir' || code === 'ENOSPC' || code === 'EDQUOT') return { failure: error.message }
    throw new UsageError(
      `--out ${out}: ${code === 'EEXIST' ? 'is there already; name a folder that is not' : error.message}`,
    )
  }
}

function jsonOf(out: string, { manifest, digest, reference, note }: Extracted) {
  return { extract: out, manifest, manifest_digest: digest, signed: note !== null, record: reference ?? 'unrecorded' }
}

function report(out: string, { manifest, digest, reference, note }: Extracted): string[] {
  const { records, first_sequence: first, last_sequence: last, contiguous, checkpoint, signer } = manifest
  const range = first === null ? '' : `, from ${first} to ${last}${contiguous ? ' without a gap' : ''}`
  const left = manifest.unsigned_left_out
  return [
    `${out}: ${howMany(records, 'record')}${range}`,
    `  in the log of ${howMany(checkpoint.size, 'record')} signed by ${checkpoint.key}`,
    ...(left > 0 ? [`  left out: ${left} behind the checkpoint of ${howMany(checkpoint.size, 'record')}`] : []),
    `  manifest ${digest}, ${note === null ? 'signed by nobody: --key FILE signs it' : `signed by ${signer ?? 'the key of the log'}`}`,
    `  ${reference === null ? 'unrecorded: this folder is a copy, no running proxy was told' : `on record as ${reference}`}`,
  ]
}
