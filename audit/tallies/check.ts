/** Holds the tallies of a folder against the records that named them when they were closed. */
import { hash } from 'node:crypto'
import { AuditError } from '../error.ts'
import type { Place, Problems } from '../problems.ts'
import type { AuditRecord } from '../read.ts'
import { listTallies, readTally, type TallyFile } from './file.ts'
import { HOUR_MS } from './row.ts'

interface Seal {
  readonly size: number
  readonly sha256: string
  readonly sequence: number
}

/** A file is closed within the minute after its hour; twice the time is a crash that nobody has mended. */
const MOST_OPEN_MS = 2 * HOUR_MS

export class TallyCheck {
  readonly #problems: Problems
  readonly #seals = new Map<string, Seal>()
  /** Up to and with which name they were purged, and which record says so. */
  readonly #purges: { readonly through: string; readonly sequence: number }[] = []
  #purgedThrough = ''
  /** Closed files that are as they were recorded. */
  good = 0
  /** Files that no record names yet. */
  open: readonly string[] = []

  constructor(problems: Problems) {
    this.#problems = problems
  }

  /** What a record says of tallies. */
  told({ event, landline: { facts = {} } }: AuditRecord, place: Place): void {
    const { file, size, sha256, tallies_through: through } = facts
    if (event.action === 'purge' && typeof through === 'string')
      this.#purges.push({ through, sequence: event.sequence })
    if (event.action !== 'tally') return
    if (typeof file !== 'string' || typeof size !== 'number' || typeof sha256 !== 'string') return
    const before = this.#seals.get(file)
    if (before === undefined) this.#seals.set(file, { size, sha256, sequence: event.sequence })
    else if (before.sha256 !== sha256) {
      const what = `it names ${file} with another hash than record ${before.sequence} did: a closed tally never changes`
      this.#problems.add('edit', place, event.sequence, what)
    }
  }

  /**
   * To be called after the last record. `counts`: whether a record has a say in what belongs to the log. What is open is judged as at that time; `hint`: what may be the matter with it. Rejects with the system's error where the folder cannot be read.
   */
  async end(dir: string, at: number, counts: (sequence: number) => boolean, hint: string): Promise<void> {
    for (const { through, sequence } of this.#purges)
      if (counts(sequence) && through > this.#purgedThrough) this.#purgedThrough = through
    const files = new Map((await listTallies(dir)).map((file) => [file.plainName, file]))
    for (const [name, seal] of this.#seals) {
      const file = files.get(name)
      if (file !== undefined) await this.#compare(file, seal)
      else if (name > this.#purgedThrough)
        this.#tell('missing-segment', name, seal, 'is gone, and no purge explains it')
    }
    // A purge that could not remove a file has removed the record that named it.
    const unnamed = [...files.values()].filter(({ plainName }) => !this.#seals.has(plainName))
    const open = unnamed.filter(({ plainName }) => plainName > this.#purgedThrough)
    this.open = open.map(({ name }) => name)
    for (const { name, startedAt } of open) {
      if (at - startedAt <= MOST_OPEN_MS) continue
      const what = `the tally is named by no record; a start of the proxy would close what a crash left${hint}`
      this.#problems.add('unsigned-tail', { file: name, line: 1 }, null, what)
    }
  }

  async #compare(file: TallyFile, seal: Seal): Promise<void> {
    const content = await this.#read(file, seal)
    if (content === null) return
    if (hash('sha256', content, 'hex') === seal.sha256) this.good++
    else if (content.length < seal.size)
      this.#tell('truncation', file.name, seal, `has ${content.length} bytes, not ${seal.size}`)
    else this.#tell('edit', file.name, seal, 'is not what it was when it was closed')
  }

  async #read(file: TallyFile, seal: Seal): Promise<Buffer | null> {
    try {
      return await readTally(file)
    } catch (error) {
      if (!(error instanceof AuditError)) throw error
      this.#tell('mismatch', file.name, seal, error.message)
      return null
    }
  }

  #tell(kind: 'missing-segment' | 'truncation' | 'edit' | 'mismatch', name: string, seal: Seal, what: string): void {
    const message = `the tally ${what} (record ${seal.sequence} names its hash)`
    this.#problems.add(kind, { file: name, line: 1 }, seal.sequence, message)
  }
}
