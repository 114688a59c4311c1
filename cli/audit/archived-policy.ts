/** The rules of an archived revision, made anew from its texts. */
import { type ArchivedRevision, readRevisionSync } from '../../audit/archive.ts'
import { AuditError } from '../../audit/error.ts'
import type { Policy } from '../../rules/policy.ts'
import { compileSources } from '../rules/load.ts'

/** null where the revision is not archived, or where this version makes another one of its texts. */
export function archivedPolicy(dir: string, revision: string, now: number): Policy | null {
  try {
    const policy = policyOf(readRevisionSync(dir, revision), now)
    return policy?.revision === revision ? policy : null
  } catch (error) {
    if (error instanceof AuditError) return null
    throw error
  }
}

/** What the texts come to: the revision itself where they still give it. null where they are refused. */
export function policyOf({ revision, main, files, catalogue }: ArchivedRevision, now: number): Policy | null {
  const sources = { main, files: new Map(Object.entries(files)), catalogue: new Map(Object.entries(catalogue)) }
  const asWritten = compileSources(sources, { monitor: false, now }).policy
  if (asWritten === null || asWritten.revision === revision) return asWritten
  // A ceiling of `--monitor` is part of the revision, and not of the files.
  const spared = compileSources(sources, { monitor: true, now }).policy
  return spared?.revision === revision ? spared : asWritten
}
