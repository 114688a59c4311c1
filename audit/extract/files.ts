/** The files of an extract, and the writing of one: hashed as it grows, so that nothing is read twice. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { FILE_MODE } from '../disk.ts'

export const MANIFEST = 'manifest.json'
/** The signed note over the manifest; absent where nobody signed. */
export const MANIFEST_NOTE = 'manifest.note'
export const CHECKPOINT_FILE = 'checkpoint.txt'
export const PROOF = 'proof.txt'
export const RECORDS = 'records.jsonl'

/** What the manifest says of a file. */
export interface FileSum {
  readonly bytes: number
  /** Hexadecimal, as `sha256sum` prints it. */
  readonly sha256: string
}

const CHUNK_BYTES = 256 * 1024

export class OutputFile {
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #bytes = 0

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** Rejects with the system's error, EEXIST where there is such a file. */
  static async create(path: string): Promise<OutputFile> {
    return new OutputFile(await open(path, 'wx', FILE_MODE))
  }

  add(content: string | Buffer): void {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
  }

  /** To be called now and then, so that not all of it waits in memory. */
  async drain(): Promise<void> {
    if (this.#waitingBytes >= CHUNK_BYTES) await this.#write()
  }

  /** Syncs and closes. */
  async end(): Promise<FileSum> {
    await this.#write()
    await this.#file.sync()
    await this.#file.close()
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }

  /** For what will not be finished. */
  async abandon(): Promise<void> {
    await this.#file.close()
  }

  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#hash.update(bytes)
    this.#bytes += bytes.length
    await this.#file.writeFile(bytes)
  }
}
