/** `landline audit rules DIR --at TIME`: which rules were in force then, word for word, and by what that is known. */
import { type InForce, rulesInForce } from '../audit/in-force.ts'
import { withLog } from './audit-files.ts'
import { timeOf } from './audit-filter.ts'
import { EXIT, type ExitCode, type Io, printJson } from './io.ts'
import type { Flags } from './options.ts'
import { type ArchivedRules, archivedRules } from './rule-text.ts'

export type AuditRulesFlags = Flags<'audit rules'> & { readonly dir: string }

/** 0: known and archived, 1: no record tells, 2: known, but the text is not in the archive, or not that revision's. Throws UsageError. */
export async function auditRules({ dir, at: text, json = false }: AuditRulesFlags, io: Io): Promise<ExitCode> {
  const at = timeOf('at', text, io.now()) ?? io.now()
  const time = new Date(at).toISOString()
  const found = await withLog(dir, () => rulesInForce(dir, at))
  if (found === null) {
    io.complain(`${time}: no record up to then says which rules were in force`)
    return EXIT.wrong
  }
  const archived = await archivedRules(dir, found.revision, io.now())
  if (json) printJson(io, jsonOf(time, found, archived))
  else for (const line of report(time, found, archived)) io.print(line)
  return archived?.isGenuine ? EXIT.fine : EXIT.incomplete
}

function jsonOf(time: string, { revision, record, isChange, isRunning }: InForce, archived: ArchivedRules | null) {
  return {
    at: time,
    revision,
    running: isRunning,
    since: isChange ? record['@timestamp'] : null,
    record,
    archived: archived && {
      at: archived.archived.archivedAt,
      main: archived.archived.main,
      files: archived.archived.files,
      genuine: archived.isGenuine,
    },
  }
}

function report(time: string, found: InForce, archived: ArchivedRules | null): string[] {
  const { revision, record, isChange, isRunning } = found
  const { event } = record
  const since = isChange
    ? `in force since ${record['@timestamp']}, by the ${event.action} ${event.id}`
    : `named by the ${event.action} ${event.id} of ${record['@timestamp']}; the start or reload before it is in a file that is gone`
  const head = [`${time}: ${revision}`, `  ${since}`, ...(isRunning ? [] : ['  the proxy had been stopped by then'])]
  if (archived === null) return [...head, '  its text is not in the archive']
  const { files, archivedAt } = archived.archived
  const doubt = archived.isGenuine ? '' : '. The archived text does NOT make that revision: it was changed'
  const texts = Object.entries(files).flatMap(([path, text]) => ['', `── ${path}`, text.trimEnd()])
  return [...head, `  archived ${archivedAt}${doubt}`, ...texts]
}
