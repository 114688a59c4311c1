/** A rule as it stood in an archived revision: its very lines, and whether the archive still makes that revision. */
import { type ArchivedRevision, readRevision } from '../../audit/archive.ts'
import { AuditError } from '../../audit/error.ts'
import type { Policy } from '../../rules/policy.ts'
import { policyOf } from './archived-policy.ts'

export const CHANGED_ARCHIVE = 'The archived text does NOT make that revision: it was changed'

export interface RuleText {
  /** null, as are the two below: a changed archive has no such rule. */
  readonly file: string | null
  /** Counts from 1. */
  readonly line: number | null
  readonly text: string | null
  /** Whether the archived texts give the revision that the record names. */
  readonly isGenuine: boolean
}

export interface ArchivedRules {
  readonly archived: ArchivedRevision
  /** What the archived texts make; null where they make no rules. */
  readonly policy: Policy | null
  /** Whether that is the revision under whose name they lie there. */
  readonly isGenuine: boolean
}

/** null where the revision is not archived, or cannot be read. */
export async function archivedRules(dir: string, revision: string, now: number): Promise<ArchivedRules | null> {
  const archived = await readRevision(dir, revision).catch((error: unknown) => {
    if (error instanceof AuditError) return null
    throw error
  })
  if (archived === null) return null
  const policy = policyOf(archived, now)
  return { archived, policy, isGenuine: policy?.revision === revision }
}

/** null where the revision is not archived, or never had such a rule. */
export async function ruleText(dir: string, revision: string, id: string, now: number): Promise<RuleText | null> {
  const found = await archivedRules(dir, revision, now)
  if (found === null) return null
  const { archived, policy, isGenuine } = found
  const place = policy?.file.rules.find((rule) => rule.id === id)?.place
  const text = place && archived.files[place.file]
  if (place && text !== undefined) return { ...block(text, place.line), file: place.file, isGenuine }
  return isGenuine ? null : { file: null, line: null, text: null, isGenuine }
}

/** The item of a YAML list that begins in this line: up to the next line that is indented no further. */
function block(text: string, line: number): { line: number; text: string } {
  const [first = '', ...rest] = text.split('\n').slice(line - 1)
  const indent = indentOf(first)
  const end = rest.findIndex((next) => next.trim() !== '' && indentOf(next) <= indent)
  const lines = [first, ...rest.slice(0, end === -1 ? rest.length : end)]
  return {
    line,
    text: lines
      .map((one) => one.slice(Math.min(indent, indentOf(one))))
      .join('\n')
      .trimEnd(),
  }
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}
