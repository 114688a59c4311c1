/**
 * `landline audit verify-export`: is an extract what was taken out of a log that the key signed? Needs neither the log nor the
 * proxy, reads each file once with flat memory, and says what its judgement rests on.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { howMany } from '../../rules/words.ts'
import { type Problem, Problems } from '../problems.ts'
import { type Checkpoint, isOriginOf, parseCheckpoint } from '../proof/checkpoint.ts'
import type { OutsideCheckpoint } from '../proof/heads.ts'
import { checkSignature, isSameKey, type VerifierKey } from '../proof/note.ts'
import { RENDERED_FILES, renderingOf } from '../render/renderings.ts'
import { compareExtract, sumOf } from './compare.ts'
import { CHECKPOINT_FILE, MANIFEST, MANIFEST_NOTE, PROOF, RECORDS } from './files.ts'
import { type Manifest, manifestDigest, namedKeys, parseManifest, readManifestNote } from './manifest.ts'

export interface ExtractVerifyOptions {
  /** The extract's folder. */
  readonly dir: string
  /** Given by who verifies; none: the keys that the manifest itself names. */
  readonly keys: readonly VerifierKey[]
  readonly outside: readonly OutsideCheckpoint[]
}

export interface ExtractVerification {
  /** `intact`: against a key and a checkpoint from outside; `consistent`: by the word of the extract, at least in part. */
  readonly result: 'intact' | 'consistent' | 'tampered' | 'incomplete'
  readonly records: number
  readonly problems: readonly Problem[]
  readonly problemCount: number
  /** null where it cannot be read. */
  readonly manifest: Manifest | null
  readonly basis: ExtractBasis
}

/** What the result rests on. */
export interface ExtractBasis {
  /** The vkey that signed the checkpoint; null: none that is known. */
  readonly key: string | null
  readonly keyGiven: boolean
  /** Whether a checkpoint from outside is the extract's own. */
  readonly checkpointFromOutside: boolean
  /** The vkey that signed the manifest; null: nobody, or nobody who is known. */
  readonly manifestKey: string | null
  readonly manifestKeyGiven: boolean
  /** Of the record of the export in the log, by the word of who signed the manifest; null: it is on no record. */
  readonly reference: string | null
  /** Records between the first and the last that are not in the extract; null where that is not known. */
  readonly leftOut: number | null
}

/** Whether there is an extract in the folder at all. */
export function isExtract(dir: string): boolean {
  return existsSync(join(dir, MANIFEST))
}

/** Rejects with ERR_AUDIT_UNREADABLE or the system's error. */
export async function verifyExtract(options: ExtractVerifyOptions): Promise<ExtractVerification> {
  const problems = new Problems()
  const json = await readFile(join(options.dir, MANIFEST), 'utf8')
  const manifest = parseManifest(json)
  if (typeof manifest === 'string') {
    problems.add('edit', { file: MANIFEST, line: 1 }, null, `is no manifest of an extract: ${manifest}`)
    return { ...told(problems, 0, NOTHING), manifest: null }
  }
  const signature = await manifestSignature(options, json, manifest, problems)
  const signed = await signedCheckpoint(options, manifest, problems)
  const isWhole = await checkFiles(options.dir, manifest, problems)
  const { records, leftOut } = isWhole
    ? await compareExtract(options.dir, manifest, signed.checkpoint, problems)
    : { records: 0, leftOut: null }
  const { keyGiven, checkpointFromOutside } = signed
  const basis = { key: signed.key, keyGiven, checkpointFromOutside, ...signature, leftOut }
  return { ...told(problems, records, basis), manifest }
}

const NOTHING: ExtractBasis = {
  key: null,
  keyGiven: false,
  checkpointFromOutside: false,
  manifestKey: null,
  manifestKeyGiven: false,
  reference: null,
  leftOut: null,
}

function told(problems: Problems, records: number, basis: ExtractBasis) {
  const isProven = basis.keyGiven && basis.checkpointFromOutside
  const result =
    problems.result === 'fine' ? (isProven ? ('intact' as const) : ('consistent' as const)) : problems.result
  return { result, records, problems: problems.list, problemCount: problems.count, basis }
}

type SignatureBasis = Pick<ExtractBasis, 'manifestKey' | 'manifestKeyGiven' | 'reference'>

async function manifestSignature(
  { dir, keys }: ExtractVerifyOptions,
  json: string,
  manifest: Manifest,
  problems: Problems,
): Promise<SignatureBasis> {
  const nobody = { manifestKey: null, manifestKeyGiven: false, reference: null }
  const path = join(dir, MANIFEST_NOTE)
  if (!existsSync(path)) return nobody
  const place = { file: MANIFEST_NOTE, line: 1 }
  const note = readManifestNote(await readFile(path, 'utf8'), [...keys, ...namedKeys(manifest)])
  if (note === null) problems.add('edit', place, null, 'is no signed note, or does not fit its signature')
  else if (note.key === null)
    problems.add('foreign-key', place, null, 'is signed by a key that neither was given nor is named in the manifest')
  else if (note.digest !== manifestDigest(json))
    problems.add('edit', { file: MANIFEST, line: 1 }, null, `is not the manifest that was signed (${MANIFEST_NOTE})`)
  else {
    const isGiven = keys.some(({ text }) => text === note.key?.text)
    return { manifestKey: note.key.text, manifestKeyGiven: isGiven, reference: note.reference }
  }
  return nobody
}

interface SignedCheckpoint extends Pick<ExtractBasis, 'key' | 'keyGiven' | 'checkpointFromOutside'> {
  readonly checkpoint: Checkpoint | null
}

async function signedCheckpoint(
  { dir, keys, outside }: ExtractVerifyOptions,
  manifest: Manifest,
  problems: Problems,
): Promise<SignedCheckpoint> {
  const nothing = { checkpoint: null, key: null, keyGiven: false, checkpointFromOutside: false }
  const path = join(dir, CHECKPOINT_FILE)
  const place = { file: CHECKPOINT_FILE, line: 1 }
  if (!existsSync(path)) {
    problems.add('missing-file', place, null, 'the checkpoint is not there')
    return nothing
  }
  const checkpoint = parseCheckpoint(await readFile(path, 'utf8'))
  const { origin, size, root } = manifest.checkpoint
  if (checkpoint === null) problems.add('replaced-checkpoint', place, null, 'is no checkpoint')
  else if (checkpoint.origin !== origin || checkpoint.size !== size || checkpoint.root.toString('base64') !== root)
    problems.add('replaced-checkpoint', place, null, 'is not the checkpoint that the manifest names')
  else {
    const key = signerOf(checkpoint, keys, manifest, problems)
    const keyGiven = keys.some(({ text }) => text === key?.text)
    const checkpointFromOutside = meetOutside(checkpoint, outside, key, problems)
    return { checkpoint, key: key?.text ?? null, keyGiven, checkpointFromOutside }
  }
  return nothing
}

/** Whose good signature the checkpoint has; null, and a problem, where it has none by a key that counts. */
function signerOf(
  checkpoint: Checkpoint,
  keys: readonly VerifierKey[],
  manifest: Manifest,
  problems: Problems,
): VerifierKey | null {
  const place = { file: CHECKPOINT_FILE, line: 1 }
  const { note, origin } = checkpoint
  const trusted = keys.length > 0 ? keys : namedKeys(manifest)
  const key = trusted.find((known) => note.signatures.some((signature) => isSameKey(signature, known)))
  if (key === undefined) {
    const [signature] = note.signatures
    const what = `is signed by ${signature?.name}+${signature?.id}, a key that was not given`
    problems.add('foreign-key', place, null, what)
    return null
  }
  if (checkSignature(note, key) === 'good' && isOriginOf(origin, key.name)) return key
  problems.add('replaced-checkpoint', place, null, 'does not fit its signature')
  return null
}

/** Whether one from outside says the same. One of another size says nothing: the extract has no proof between the two. */
function meetOutside(
  { size, root, origin }: Checkpoint,
  outside: readonly OutsideCheckpoint[],
  key: VerifierKey | null,
  problems: Problems,
): boolean {
  if (key === null || outside.length === 0) return false
  const good = outside.filter(({ checkpoint }) => checkSignature(checkpoint.note, key) === 'good')
  const met = good.filter(({ checkpoint }) => checkpoint.size === size && checkpoint.origin === origin)
  for (const { checkpoint, file, line } of met)
    if (!checkpoint.root.equals(root)) {
      const what = `the checkpoint of ${howMany(size, 'record')} that was kept elsewhere has another root: there are two logs`
      problems.add('mismatch', { file, line }, size, what)
    }
  if (met.length > 0) return true
  const what = `none of the checkpoints that were given is of ${howMany(size, 'record')} and signed by the log's key; ask for an export against one that you have (--checkpoint)`
  problems.add('no-checkpoint', { file: CHECKPOINT_FILE, line: 2 }, size, what)
  return false
}

/** Whether all that is to be compared can be. */
async function checkFiles(dir: string, { files, rendering }: Manifest, problems: Problems): Promise<boolean> {
  const rendered = renderingOf(rendering.format)
  const expected = [RECORDS, PROOF, rendered?.file ?? RECORDS]
  // Nothing that is compared with the records may lie beside what is.
  for (const file of RENDERED_FILES.filter((name) => name !== rendered?.file && existsSync(join(dir, name))))
    problems.add('insertion', { file, line: 1 }, null, 'is no file of this extract, and is compared with nothing')
  if (rendered !== null && rendered.version !== rendering.version) {
    const what = 'was rendered by another version of Landline: whether it says what the records say could not be seen'
    problems.add('other-version', { file: rendered.file, line: 1 }, null, what)
  }
  let isWhole = true
  for (const name of new Set(expected)) {
    const place = { file: name, line: 1 }
    const sum = existsSync(join(dir, name)) ? await sumOf(join(dir, name)) : null
    if (sum === null) problems.add('missing-file', place, null, 'is not there')
    else if (sum.sha256 !== files[name]?.sha256 || sum.bytes !== files[name]?.bytes)
      problems.add('mismatch', place, null, 'is not the file that the manifest names')
    isWhole &&= sum !== null
  }
  return isWhole
}
