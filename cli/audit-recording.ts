/**
 * Who takes something out of a log, or looks behind a pseudonym, is on record. A running proxy writes its log itself and is told
 * through its admin port; on a copy there is nobody to tell, and the commands say so.
 */
import type { Manifest } from '../audit/extract/manifest.ts'
import type { Recorded } from '../audit/extract/write.ts'
import { isLive } from '../audit/lock.ts'
import { UsageError } from './io.ts'

export interface Recording {
  /** Before an extract counts as one. */
  readonly exported: (manifest: Manifest, digest: string) => Promise<Recorded>
  /** Before an address is told; the reference, or null where it is on no record. */
  readonly revealed: (about: Revealed) => Promise<string | null>
}

export interface Revealed {
  readonly by: string
  readonly reason: string
  /** Of the record whose client it is. */
  readonly reference: string
  readonly pseudonym: string
}

/** Nobody is told. Throws UsageError where the folder is a running proxy's. */
export function unrecorded(dir: string): Recording {
  if (isLive(dir))
    throw new UsageError(
      `${dir} is written by a running proxy, which must put this on record: name who asks with --user (and where its admin port is, with --admin or --config)`,
    )
  return { exported: async () => ({ reference: null, note: null }), revealed: async () => null }
}

/** Throws UsageError. */
export function textOf(flag: string, text: string | undefined): string {
  const trimmed = text?.trim() ?? ''
  if (trimmed.length === 0 || trimmed.length > 1000) throw new UsageError(`--${flag}: write 1 to 1000 characters`)
  return trimmed
}
