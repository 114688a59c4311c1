/**
 * RuleFile → Policy: packed tables and a revision. All slow work happens here, so that `decide` only looks up.
 */
import { withoutAliases } from './aliases.ts'
import { assemble } from './assemble.ts'
import { drawBlueprint } from './blueprint.ts'
import { canonicalRules } from './canonical.ts'
import type { Catalogue } from './file/catalog.ts'
import type { RuleFile } from './model.ts'
import type { Policy } from './policy.ts'

export interface CompileOptions {
  /** The SHA-256 of UTF-8 text, in hexadecimal digits. */
  readonly sha256: (text: string) => string
  /** Forces the ceiling down to `monitor`. */
  readonly monitor?: boolean
}

/** Cannot fail: what could be wrong with a rule file was found when it was parsed. About 1 s for 100,000 prefixes and names. */
export function compile(written: RuleFile, catalogue: Catalogue, { sha256, monitor = false }: CompileOptions): Policy {
  const file = withoutAliases(written, catalogue.aliases)
  const mode = monitor ? 'monitor' : file.mode
  const revision = `sha256:${sha256(`${canonicalRules(file, mode)}\n${catalogue.canonical}`)}`
  // A user's service stands in for the catalogue's of the same id as a whole.
  const services = [...new Map([...catalogue.services, ...file.services].map((entry) => [entry.id, entry])).values()]
  return assemble(drawBlueprint(revision, mode, file, services), { file, services })
}
