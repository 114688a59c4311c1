/**
 * A clock that leaps ahead would make all records old at once. So where it stands more than a week beyond the newest record
 * (or beyond where it stood a second ago), nothing is purged for a day: long enough for somebody to notice, and to set it right.
 * A proxy that was off for a week waits that day too. What is known of the leap outlives a restart.
 */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Disk, FILE_MODE } from '../disk.ts'
import { errorName } from '../error.ts'
import type { AuditLog } from '../meter.ts'
import { DAY_MS } from '../segment.ts'

const LEAP_MS = 7 * DAY_MS
const HOLD_MS = DAY_MS
/** Beside the log, while the leap is in doubt. */
const FILE = 'audit.leap.json'

/** Milliseconds since 1970: where the clock came from and went to, and until when it is doubted. */
interface Doubt {
  readonly from: number
  readonly to: number
  readonly until: number
}

export interface LeapOptions {
  readonly dir: string
  readonly disk: Disk
  readonly now: () => number
  readonly log: AuditLog
  /** When the newest record was written; null: there is none. */
  readonly newest: number | null
}

export class Leap {
  readonly #options: LeapOptions
  #seen: number
  #doubt: Doubt | null

  constructor(options: LeapOptions) {
    this.#options = options
    this.#doubt = readDoubt(join(options.dir, FILE))
    this.#seen = Math.max(options.newest ?? options.now(), this.#doubt?.to ?? Number.NEGATIVE_INFINITY)
  }

  /** To be called often. */
  async look(): Promise<void> {
    const { now, log } = this.#options
    const at = now()
    if (at - this.#seen > LEAP_MS) {
      this.#doubt = { from: this.#doubt?.from ?? this.#seen, to: at, until: at + HOLD_MS }
      const facts = { clock: iso(at), before: iso(this.#doubt.from), until: iso(this.#doubt.until) }
      log('warn', 'audit: the clock has leapt ahead; nothing is purged for a day. Is it right?', facts)
      await this.#write(this.#doubt)
    }
    this.#seen = at
    if (this.#doubt === null || (at < this.#doubt.until && at >= this.#doubt.to - HOLD_MS)) return
    const what = at < this.#doubt.to ? 'was set back' : 'has stood for a day'
    log('info', `audit: the clock ${what} after its leap; purging goes on`, { clock: iso(at) })
    this.#doubt = null
    await this.#write(null)
  }

  get isDoubted(): boolean {
    return this.#doubt !== null
  }

  async #write(doubt: Doubt | null): Promise<void> {
    const { dir, disk, log } = this.#options
    try {
      if (doubt === null) await disk.remove(join(dir, FILE))
      else await writeFile(join(dir, FILE), `${JSON.stringify(doubt)}\n`, { mode: FILE_MODE, flush: true })
    } catch (error) {
      log('warn', 'audit: the leap of the clock cannot be written down', { error: errorName(error) })
    }
  }
}

function readDoubt(path: string): Doubt | null {
  try {
    const { from, to, until } = JSON.parse(readFileSync(path, 'utf8'))
    return [from, to, until].every((time) => Number.isFinite(time)) ? { from, to, until } : null
  } catch {
    return null
  }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
