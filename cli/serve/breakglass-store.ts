/**
 * What is lifted, beside the records: so that a restart in the middle of an outage does not end it, and a crash does not leave it
 * without the record of its end. Read back as strictly as a request would be.
 */
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { realDisk } from '../../audit/disk.ts'
import { replaceFile } from '../../audit/replace.ts'
import { fileTime } from '../../audit/segment.ts'
import { isBreakglassId, type RuleLift } from '../../rules/breakglass.ts'

const NAME = 'breakglass.json'
export const MOST_MS = 24 * 3_600_000
export const MOST_LIFTS = 20

/** A break-glass with all that the record says of it. */
export interface Breakglass extends RuleLift {
  /** Milliseconds since 1970. */
  readonly began: number
  readonly ticket: string
  /** Who asked for it. */
  readonly by: string
  /** Who was logged in. */
  readonly user: string
}

export interface Ending {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Who ended it, or what did. */
  readonly by: string
}

/** One as it is kept from its beginning until its end is on record. */
export interface Kept extends Breakglass {
  /** False: its beginning is not on record yet, and it is not in force. */
  readonly begun: boolean
  /** null: it has not ended. */
  readonly ended: Ending | null
}

/** What was kept and cannot be used. */
export interface Damage {
  readonly cause: unknown
  /** As far as they can be made out. */
  readonly ids: readonly string[]
  /** The file that it was moved to; null where that failed. */
  readonly aside: string | null
}

export interface BreakglassStore {
  /** What was kept last; nothing of it where it is damaged. `at` names what is set aside: milliseconds since 1970. */
  read(at: number): Promise<{ readonly kept: readonly Kept[]; readonly damage: Damage | null }>
  /** Rejects where that cannot be kept; then what has ended is forgotten with all else, or this rejects again until it is. */
  write(kept: readonly Kept[]): Promise<void>
}

const text = z.string().min(1).max(200)
const schema = z
  .array(
    z
      .strictObject({
        id: z.string().refine(isBreakglassId, 'it is no id of break-glass'),
        rules: z.array(text).min(1).max(1000),
        until: z.int(),
        began: z.int(),
        ticket: text,
        by: text,
        user: text,
        begun: z.boolean(),
        ended: z.strictObject({ at: z.int(), by: z.string() }).nullable(),
      })
      .refine(({ began, until }) => until > began && until <= began + MOST_MS, 'it lasts more than 24 hours'),
  )
  .max(MOST_LIFTS)

/** In the audit folder, which only the proxy writes. */
export function breakglassStore(dir: string): BreakglassStore {
  const path = join(dir, NAME)
  /** What a start might find in the file and go on with. */
  let resumable: ReadonlySet<string> = new Set()
  const remove = async () => {
    await rm(path, { force: true })
    await realDisk.syncFolder(dir)
    resumable = new Set()
  }
  return {
    async read(at) {
      let found = ''
      try {
        found = await readFile(path, 'utf8')
        const kept = schema.parse(JSON.parse(found))
        resumable = resumableOf(kept)
        return { kept, damage: null }
      } catch (cause) {
        if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return { kept: [], damage: null }
        return { kept: [], damage: { cause, ids: idsIn(found), aside: await setAside(dir, at) } }
      }
    },
    async write(kept) {
      const wanted = resumableOf(kept)
      if (kept.length === 0) return remove()
      resumable = resumable.union(wanted)
      try {
        await replaceFile(dir, NAME, `${JSON.stringify(kept, null, 1)}\n`)
      } catch (error) {
        // What has ended must not come back: on a full disk a file can still be removed.
        if (!resumable.isSubsetOf(wanted)) await remove()
        throw error
      }
      resumable = wanted
    },
  }
}

function resumableOf(kept: readonly Kept[]): ReadonlySet<string> {
  return new Set(kept.filter(({ begun, ended }) => begun && ended === null).map(({ id }) => id))
}

/** Each as it was written, whole. */
function idsIn(text: string): readonly string[] {
  const quoted = [...text.matchAll(/"(breakglass-[^"]{1,40})"/g)].map(([, id = '']) => id)
  return [...new Set(quoted.filter(isBreakglassId))].slice(0, MOST_LIFTS)
}

async function setAside(dir: string, at: number): Promise<string | null> {
  const name = `breakglass-damaged-${fileTime(at)}.json`
  try {
    await rename(join(dir, NAME), join(dir, name))
    await realDisk.syncFolder(dir)
    return name
  } catch {
    return null
  }
}
