/**
 * Who takes something out of a log, or looks behind a pseudonym, is on record. A running proxy writes its log itself and is told
 * through its admin port; on a copy there is nobody to tell, and the commands say so.
 */
import { formatManifest, type Manifest } from '../../audit/extract/manifest.ts'
import type { Recorded } from '../../audit/extract/write.ts'
import { isLive } from '../../audit/lock.ts'
import type { Client } from '../../audit/pseudonym.ts'
import { hiddenIn } from '../../rules/hidden.ts'
import type { ExportAnswer, RevealAnswer } from '../api/audit.ts'
import { type Io, UsageError } from '../io.ts'
import { type AdminClient, type AdminFlags, openAdminClient } from '../running/admin-client.ts'
import { CLIENT_VARIABLES } from '../settings/variables.ts'

export interface Recording {
  /** Who asks, where no `--by` says more. */
  readonly user: string | undefined
  /** Before an extract counts as one. */
  readonly exported: (manifest: Manifest, digest: string) => Promise<Recorded>
  /** Before an address is told; the reference, or null where it is on no record. */
  readonly revealed: (about: Revealed) => Promise<string | null>
  /** Has the proxy open what is sealed, with its own key; null on a copy. */
  readonly opened: ((about: Revealed & { readonly sealed: string }) => Promise<Opened>) | null
}

export interface Revealed {
  readonly by: string
  readonly reason: string
  /** Of the record whose client it is. */
  readonly reference: string
  readonly pseudonym: string
}

export interface Opened {
  readonly client: Client
  /** Of the record that tells of it. */
  readonly record: string
}

/** By way of the proxy where anything says who asks it or where it is; else as on a copy. Throws UsageError. */
export async function recordingFor(
  dir: string,
  flags: AdminFlags,
  env: Readonly<Record<string, string | undefined>>,
  io: Pick<Io, 'secret' | 'complain'>,
): Promise<Recording> {
  const user = flags.user ?? (env[CLIENT_VARIABLES.user] || undefined)
  if (user === undefined && flags.admin === undefined && flags.config === undefined) return unrecorded(dir)
  return throughProxy(await openAdminClient(flags, env, io), user)
}

/** Nobody is told. Throws UsageError where the folder is a running proxy's. */
export function unrecorded(dir: string): Recording {
  if (isLive(dir))
    throw new UsageError(
      `${dir} is written by a running proxy, which must put this on record: name who asks with --user (and where its admin port is, with --admin or --config)`,
    )
  return {
    user: undefined,
    exported: async () => ({ reference: null, note: null }),
    revealed: async () => null,
    opened: null,
  }
}

function throughProxy(client: AdminClient, user: string | undefined): Recording {
  return {
    user,
    exported: async (manifest) => {
      // The shapes are those of our own API.
      const answer = await client.call('POST', '/api/v1/export', { manifest: formatManifest(manifest) })
      const { record, note } = answer as ExportAnswer
      return { reference: record, note }
    },
    revealed: async (about) => ((await client.call('POST', '/api/v1/reveal', { ...about })) as RevealAnswer).record,
    opened: async (about) => (await client.call('POST', '/api/v1/reveal', { ...about })) as Opened,
  }
}

/** Throws UsageError. */
export function textOf(flag: string, text: string | undefined): string {
  if (text === undefined)
    throw new UsageError(`--${flag} ${flag === 'note' || flag === 'reason' ? 'TEXT' : 'NAME'} is missing`)
  const trimmed = text.trim()
  if (trimmed.length === 0 || trimmed.length > 1000 || /[\t\r\n]/.test(trimmed))
    throw new UsageError(`--${flag}: write one line of 1 to 1000 characters`)
  const hidden = hiddenIn(trimmed)
  if (hidden !== null) throw new UsageError(`--${flag}: leave out the hidden character ${hidden}`)
  return trimmed
}
