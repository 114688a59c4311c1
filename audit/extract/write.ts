/**
 * Takes an extract out of a log: the records that a filter picks, word for word, with one proof that all of them are in the
 * log of a signed checkpoint. One pass over the log with flat memory; what it finds not to be what was signed is not exported.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FILE_MODE, FOLDER_MODE } from '../disk.ts'
import { type Base, findBase } from '../proof/base.ts'
import type { Checkpoint } from '../proof/checkpoint.ts'
import { Frontier, leafHash } from '../proof/merkle.ts'
import type { SigningKey, VerifierKey } from '../proof/note.ts'
import { subtreesOf } from '../proof/proof.ts'
import { BLOCK, readBlocks } from '../proof/tree.ts'
import { type Filter, firstIndexFor, matcherOf } from '../query.ts'
import type { AuditRecord } from '../read.ts'
import type { Format, Rendering } from '../render/rendering.ts'
import { renderingOf } from '../render/renderings.ts'
import { linesFrom } from '../seek.ts'
import { type LogSegment, listSegments } from '../segment.ts'
import { readStamp } from '../stamp.ts'
import { CHECKPOINT_FILE, type FileSum, MANIFEST, MANIFEST_NOTE, OutputFile, PROOF, RECORDS } from './files.ts'
import { formatFilter, formatManifest, type Manifest, manifestDigest, manifestOf, signManifest } from './manifest.ts'
import { formatPiece, Gap, type Piece } from './pieces.ts'

export interface ExtractOptions {
  readonly dir: string
  /** A folder that is not there yet. */
  readonly out: string
  readonly filter: Filter
  readonly format: Format
  /** Records up to it can be proven, and only they are exported. */
  readonly checkpoint: Checkpoint
  /** Who signed it. */
  readonly key: VerifierKey
  readonly by: string
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** Of who takes it; null: it is the log's own key that signs, or nobody. */
  readonly signer: SigningKey | null
  /** Tells the log of the export before the extract counts as one; rejects where it must not. */
  readonly record: (manifest: Manifest, digest: string) => Promise<Recorded>
}

/** What the log says of the export. */
export interface Recorded {
  /** Of its record; null: it is on no record. */
  readonly reference: string | null
  /** Signed by the log's own key (`signManifest`); null where only the proxy could. */
  readonly note: string | null
}

export interface Extracted extends Recorded {
  readonly manifest: Manifest
  readonly digest: string
}

/** `tampered`: the lines do not lead to the signed root. `incomplete`: lines are missing that no recorded purge explains. */
export type NoExtract = 'tampered' | 'incomplete'

/** Rejects with the system's error where the folder cannot be made (EEXIST: it is there); nothing of it is then left behind. */
export async function writeExtract(options: ExtractOptions): Promise<Extracted | NoExtract> {
  const { dir, out, checkpoint } = options
  const segments = await listSegments(dir)
  const base = await findBase(segments)
  if (base === null || base.frontier.size > checkpoint.size) return 'incomplete'
  await mkdir(out, { mode: FOLDER_MODE })
  try {
    for (const start of await startsOf(options, segments, base)) {
      const written = await writeRecords(options, segments, start)
      if (written !== null) return await finish(options, written)
    }
  } catch (error) {
    await rm(out, { recursive: true })
    throw error
  }
  await rm(out, { recursive: true })
  return 'tampered'
}

/** Where the reading may begin: the subtrees before it are known. */
interface Start {
  readonly subtrees: readonly { readonly leaves: number; readonly hash: Buffer }[]
  readonly size: number
}

/** By the cache of the tree, where it spares us from reading what the filter's time leaves out; always also without. */
async function startsOf(
  { dir, filter, checkpoint }: ExtractOptions,
  segments: readonly LogSegment[],
  { frontier }: Base,
): Promise<readonly Start[]> {
  const whole = { subtrees: [...subtreesOf(frontier)], size: frontier.size }
  const first = segments[firstIndexFor(segments, filter)]?.first ?? 1
  const lines = Math.min(first - 1, checkpoint.size)
  const blocks = lines < BLOCK || frontier.size > 0 ? null : await readBlocks(dir, lines)
  if (blocks === null) return [whole]
  return [{ subtrees: blocks.map((hash) => ({ leaves: BLOCK, hash })), size: blocks.length * BLOCK }, whole]
}

interface Written {
  readonly files: Readonly<Record<string, FileSum>>
  readonly records: number
  readonly first: number | null
  readonly last: number | null
  readonly unsigned: number
}

/** null where the lines do not lead to the root that was signed. */
async function writeRecords(
  { out, filter, format, checkpoint }: ExtractOptions,
  segments: readonly LogSegment[],
  start: Start,
): Promise<Written | null> {
  const output = await ExtractFiles.create(out, renderingOf(format))
  try {
    const judge = matcherOf(filter)
    for (const { hash, leaves } of start.subtrees) output.pass(hash, leaves)
    let index = start.size
    let unsigned = 0
    let isNumbered = true
    for await (const lines of linesFrom(segments, start.size + 1)) {
      for (const { bytes } of lines) {
        const found = judge(bytes)
        const isSigned = index++ < checkpoint.size
        if (!isSigned) unsigned += found === 'match' ? 1 : 0
        else if (found === 'match') output.take(bytes, index)
        else output.pass(leafHash(bytes), 1)
        if (isSigned && found === 'match') isNumbered &&= readStamp(bytes)?.sequence === index
      }
      await output.drain()
    }
    const ended = await output.end()
    if (isNumbered && ended.size === checkpoint.size && ended.root.equals(checkpoint.root))
      return { ...ended, unsigned }
  } catch (error) {
    await output.abandon()
    throw error
  }
  await output.remove()
  return null
}

/** What is written in one pass: the records, their proof, and the rendering. */
class ExtractFiles {
  readonly #out: string
  readonly #rendering: Rendering | null
  readonly #files: ReadonlyMap<string, OutputFile>
  readonly #tree = new Frontier()
  readonly #gap = new Gap()
  #records = 0
  #first: number | null = null
  #last: number | null = null

  private constructor(out: string, rendering: Rendering | null, files: ReadonlyMap<string, OutputFile>) {
    this.#out = out
    this.#rendering = rendering
    this.#files = files
    if (rendering !== null) this.#file(rendering.file).add(rendering.head)
  }

  static async create(out: string, rendering: Rendering | null): Promise<ExtractFiles> {
    const files = new Map<string, OutputFile>()
    for (const name of [RECORDS, PROOF, ...(rendering === null ? [] : [rendering.file])])
      files.set(name, await OutputFile.create(join(out, name)))
    return new ExtractFiles(out, rendering, files)
  }

  /** A record of the extract. */
  take(line: Buffer, sequence: number): void {
    this.#add(this.#gap.end())
    this.#add([{ first: sequence, leaves: 1, hash: leafHash(line), isRecord: true }])
    this.#file(RECORDS).add(line)
    this.#file(RECORDS).add('\n')
    if (this.#rendering !== null) {
      const record: AuditRecord = JSON.parse(line.toString())
      this.#file(this.#rendering.file).add(this.#rendering.render(record))
    }
    this.#records++
    this.#first ??= sequence
    this.#last = sequence
  }

  /** What is none of it. */
  pass(hash: Buffer, leaves: number): void {
    this.#gap.add(hash, leaves)
  }

  async drain(): Promise<void> {
    for (const file of this.#files.values()) await file.drain()
  }

  async end() {
    this.#add(this.#gap.end())
    const files: Record<string, FileSum> = {}
    for (const [name, file] of this.#files) files[name] = await file.end()
    const { size } = this.#tree
    return { files, records: this.#records, first: this.#first, last: this.#last, size, root: this.#tree.root() }
  }

  async abandon(): Promise<void> {
    for (const file of this.#files.values()) await file.abandon()
  }

  async remove(): Promise<void> {
    for (const name of this.#files.keys()) await rm(join(this.#out, name))
  }

  #add(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      this.#tree.add(piece.hash, piece.leaves)
      this.#file(PROOF).add(formatPiece(piece))
    }
  }

  #file(name: string): OutputFile {
    // Made with all the names that are asked for.
    return this.#files.get(name)!
  }
}

/** The manifest comes last: without it there is no extract. */
async function finish(options: ExtractOptions, { files, records, first, last, unsigned }: Written): Promise<Extracted> {
  const { out, filter, format, checkpoint, key, by, reason, now, signer } = options
  const manifest = manifestOf({
    created: new Date(now).toISOString(),
    by,
    reason,
    rendering: { format, version: renderingOf(format)?.version ?? 1 },
    filter: formatFilter(filter),
    records,
    first_sequence: first,
    last_sequence: last,
    contiguous: first === null || last === null || last - first + 1 === records,
    unsigned_left_out: unsigned,
    signer: signer?.verifier.text ?? null,
    checkpoint: {
      origin: checkpoint.origin,
      size: checkpoint.size,
      root: checkpoint.root.toString('base64'),
      key: key.text,
    },
    files,
  })
  const json = formatManifest(manifest)
  const digest = manifestDigest(json)
  const { reference, note } = await options.record(manifest, digest)
  const signed = note ?? (signer === null ? null : signManifest(digest, reference, signer))
  const write = (name: string, text: string) =>
    writeFile(join(out, name), text, { mode: FILE_MODE, flag: 'wx', flush: true })
  await write(CHECKPOINT_FILE, checkpoint.text)
  if (signed !== null) await write(MANIFEST_NOTE, signed)
  await write(MANIFEST, json)
  return { manifest, digest, reference, note: signed }
}
