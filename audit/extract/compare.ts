/** Reads an extract's records beside their proof and their rendering, and says where they part. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { howMany } from '../../rules/words.ts'
import type { Place, Problems } from '../problems.ts'
import type { Checkpoint } from '../proof/checkpoint.ts'
import { Frontier, leafHash } from '../proof/merkle.ts'
import { type Filter, matcherOf } from '../query.ts'
import { type LogLine, readSegment } from '../read.ts'
import type { Rendering } from '../render/rendering.ts'
import { renderingOf } from '../render/renderings.ts'
import { parseRecord, readStamp } from '../stamp.ts'
import { type FileSum, PROOF, RECORDS } from './files.ts'
import { filterOfManifest, type Manifest } from './manifest.ts'
import { type Piece, parsePiece } from './pieces.ts'

export interface Compared {
  readonly records: number
  /** Records between the first and the last that are not in the extract. */
  readonly leftOut: number
}

/** `checkpoint`: what the pieces must lead to; null: none that can be trusted. */
export async function compareExtract(
  dir: string,
  manifest: Manifest,
  checkpoint: Checkpoint | null,
  problems: Problems,
): Promise<Compared> {
  const tree = new Frontier()
  const records = new Records(dir, manifest, problems)
  let isProof = true
  for await (const { bytes, line } of linesOf(dir, PROOF)) {
    const piece = parsePiece(bytes.toString())
    isProof = piece !== null && piece.first === tree.size + 1
    if (piece === null || !isProof) {
      problems.add('edit', { file: PROOF, line }, null, 'is no piece of the tree, or not the next one')
      break
    }
    tree.add(piece.hash, piece.leaves)
    if (piece.isRecord) await records.meet(piece)
  }
  if (isProof) await records.end()
  if (isProof && checkpoint !== null && !(tree.size === checkpoint.size && tree.root().equals(checkpoint.root))) {
    const what = `the records and what stands between them do not lead to the root that was signed for ${howMany(checkpoint.size, 'record')}`
    problems.add('mismatch', { file: PROOF, line: 1 }, null, what)
  }
  return { records: records.count, leftOut: records.leftOut }
}

/** The lines of the records, held against the pieces that name them. */
class Records {
  readonly #problems: Problems
  readonly #manifest: Manifest
  readonly #lines: AsyncGenerator<LogLine>
  readonly #matches: ReturnType<typeof matcherOf>
  readonly #rendered: Rendered | null
  #next: LogLine | null = null
  #isOpen = false
  #first: number | null = null
  #last = 0
  #isFilterTold = false
  count = 0

  constructor(dir: string, manifest: Manifest, problems: Problems) {
    const rendering = renderingOf(manifest.rendering.format)
    const filter: Filter = filterOfManifest(manifest)
    this.#problems = problems
    this.#manifest = manifest
    this.#lines = linesOf(dir, RECORDS)
    this.#matches = matcherOf(filter)
    // What another version of Landline rendered cannot be rendered again; `verifyExtract` says so.
    const isSame = rendering?.version === manifest.rendering.version
    this.#rendered = rendering !== null && isSame ? new Rendered(dir, rendering, problems) : null
  }

  get leftOut(): number {
    return this.#first === null ? 0 : this.#last - this.#first + 1 - this.count
  }

  /** The next record of the proof. */
  async meet({ first: sequence, hash }: Piece): Promise<void> {
    if (!this.#isOpen) await this.#advance()
    this.#isOpen = true
    this.#first ??= sequence
    this.#last = sequence
    for (; this.#next !== null; await this.#advance()) {
      const { bytes } = this.#next
      const found = readStamp(bytes)?.sequence ?? sequence
      if (found > sequence) break
      if (found === sequence) {
        await this.#judge(this.#next, sequence, hash)
        return this.#advance()
      }
      this.#problems.add(
        'insertion',
        placeOf(this.#next),
        found,
        `record ${found} is none of the extract, or stands twice or too late`,
        true,
      )
    }
    const place = this.#next === null ? { file: RECORDS, line: this.count + 1 } : placeOf(this.#next)
    this.#problems.add('deletion', place, sequence, `record ${sequence} is missing`, true)
  }

  /** What nothing in the proof speaks of, and what the manifest says of all. */
  async end(): Promise<void> {
    if (!this.#isOpen) await this.#advance()
    for (; this.#next !== null; await this.#advance()) {
      const found = readStamp(this.#next.bytes)?.sequence ?? null
      this.#problems.add('insertion', placeOf(this.#next), found, 'is none of the records of the proof', true)
    }
    await this.#rendered?.end()
    const { records, first_sequence, last_sequence, contiguous } = this.#manifest
    const last = this.#first === null ? null : this.#last
    const isAsSaid = records === this.count && first_sequence === this.#first && last_sequence === last
    if (isAsSaid && contiguous === (this.leftOut === 0)) return
    const what = `it speaks of ${howMany(records, 'record')} from ${first_sequence} to ${last_sequence}, and not of those that are here`
    this.#problems.add('mismatch', { file: 'manifest.json', line: 1 }, null, what)
  }

  async #advance(): Promise<void> {
    const { value } = await this.#lines.next()
    this.#next = value ?? null
  }

  async #judge(line: LogLine, sequence: number, hash: Buffer): Promise<void> {
    this.count++
    const { bytes, ended } = line
    const place = placeOf(line)
    if (!ended || !leafHash(bytes).equals(hash))
      this.#problems.add('edit', place, sequence, `record ${sequence} is not the one in the log`)
    if (this.#matches(bytes) !== 'match' && !this.#isFilterTold) {
      this.#isFilterTold = true
      this.#problems.add('mismatch', place, sequence, `record ${sequence} is not one that the manifest's filter picks`)
    }
    await this.#rendered?.compare(bytes, sequence)
  }
}

/** A rendering, held against what the records give when they are rendered again. */
class Rendered {
  readonly #rendering: Rendering
  readonly #problems: Problems
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)
  #line = 1
  #isTold = false
  #isBegun = false

  constructor(dir: string, rendering: Rendering, problems: Problems) {
    this.#rendering = rendering
    this.#problems = problems
    this.#chunks = createReadStream(join(dir, rendering.file))[Symbol.asyncIterator]()
  }

  async compare(record: Buffer, sequence: number): Promise<void> {
    const parsed = parseRecord(record)
    // After the first place where the two part, all that follows is out of step.
    if (parsed === null || this.#isTold) return
    await this.#begin()
    const expected = this.#rendering.render(parsed)
    if (await this.#isNext(expected)) this.#line += expected.split('\n').length - 1
    else this.#tell(sequence, `does not say what record ${sequence} says`)
  }

  async end(): Promise<void> {
    await this.#begin()
    if (!this.#isTold && (await this.#read(1)).length > 0) this.#tell(null, 'is of no record')
    await this.#chunks.return?.()
  }

  async #begin(): Promise<void> {
    if (this.#isBegun) return
    this.#isBegun = true
    if (await this.#isNext(this.#rendering.head)) this.#line += this.#rendering.head.split('\n').length - 1
    else this.#tell(null, 'is not the head of such a file')
  }

  async #isNext(expected: string): Promise<boolean> {
    const bytes = Buffer.from(expected)
    return (await this.#read(bytes.length)).equals(bytes)
  }

  #tell(sequence: number | null, what: string): void {
    this.#isTold = true
    this.#problems.add('edit', { file: this.#rendering.file, line: this.#line }, sequence, what)
  }

  async #read(count: number): Promise<Buffer> {
    while (this.#rest.length < count) {
      const { value, done } = await this.#chunks.next()
      if (done) break
      this.#rest = Buffer.concat([this.#rest, value])
    }
    const bytes = this.#rest.subarray(0, count)
    this.#rest = this.#rest.subarray(bytes.length)
    return bytes
  }
}

function placeOf({ file, line }: LogLine): Place {
  return { file, line }
}

async function* linesOf(dir: string, name: string): AsyncGenerator<LogLine> {
  const file = { path: join(dir, name), name, first: 1, startedAt: 0, compressed: false }
  for await (const lines of readSegment(file)) yield* lines
}

/** Rejects with the system's error. */
export async function sumOf(path: string): Promise<FileSum> {
  const digest = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    digest.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: digest.digest('hex') }
}
