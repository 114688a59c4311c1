/**
 * What is lifted, beside the records: so that a restart in the middle of an outage does not end it, and a crash does not leave it
 * without the record of its end. Read back as strictly as a request would be.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { replaceFile } from '../audit/replace.ts'
import { isBreakglassId, type RuleLift } from '../rules/breakglass.ts'

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

export interface BreakglassStore {
  /** Rejects where there is a file that cannot be used. */
  read(): Promise<readonly Breakglass[]>
  write(lifts: readonly Breakglass[]): Promise<void>
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
      })
      .refine(({ began, until }) => until > began && until <= began + MOST_MS, 'it lasts more than 24 hours'),
  )
  .max(MOST_LIFTS)

/** In the audit folder, which only the proxy writes. */
export function breakglassStore(dir: string): BreakglassStore {
  return {
    async read() {
      try {
        return schema.parse(JSON.parse(await readFile(join(dir, NAME), 'utf8')))
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
        throw error
      }
    },
    write: (lifts) => replaceFile(dir, NAME, `${JSON.stringify(lifts, null, 1)}\n`),
  }
}
