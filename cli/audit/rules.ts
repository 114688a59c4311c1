/** `landline audit rules DIR --at TIME`: which rules were in force then, word for word, and by what that is known. */
import { type InForce, rulesInForce } from '../../audit/in-force.ts'
import type { RunState } from '../../audit/run-state.ts'
import { visible } from '../../rules/hidden.ts'
import { EXIT, type ExitCode, type Io, printJson } from '../io.ts'
import type { Flags } from '../options.ts'
import { withLog } from './files.ts'
import { timeOf } from './filter.ts'
import { type ArchivedRules, archivedRules, CHANGED_ARCHIVE } from './rule-text.ts'

export type AuditRulesFlags = Flags<'audit rules'> & { readonly dir: string }

/** 0: known and archived, 1: no record tells, or the archived text was changed, 2: known, but the text is not in the archive. Throws UsageError. */
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
  else for (const line of report(time, found, archived)) io.print(visible(line))
  if (archived === null) return EXIT.incomplete
  return archived.isGenuine ? EXIT.fine : EXIT.wrong
}

function jsonOf(time: string, { revision, record, isChange, run }: InForce, archived: ArchivedRules | null) {
  return {
    at: time,
    revision,
    ...runAsJson(run),
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

/** `running` null: no record tells. `stopped`: how it ended before that time or may have, and when it ran again. */
function runAsJson(run: RunState) {
  if (run.kind === 'running') return { running: true, stopped: null }
  const { kind, since } = run
  const until = kind === 'untold' ? null : run.until
  const by = kind === 'untold' ? null : kind === 'stopped' ? 'stop' : 'crash'
  const between = { since: since.time, since_record: since.record, until: until?.time ?? null }
  return {
    running: kind === 'stopped' ? false : null,
    stopped: { by, ...between, until_record: until?.record ?? null },
  }
}

function report(time: string, found: InForce, archived: ArchivedRules | null): string[] {
  const { revision, record, isChange, run } = found
  const { event } = record
  const since = isChange
    ? `in force since ${record['@timestamp']}, by the ${event.action} ${event.id}`
    : `named by the ${event.action} ${event.id} of ${record['@timestamp']}; the start or reload before it is in a file that is gone`
  const head = [...runInWords(time, revision, run), `  ${since}`]
  if (archived === null) return [...head, '  its text is not in the archive']
  const { files, archivedAt } = archived.archived
  const doubt = archived.isGenuine ? '' : `. ${CHANGED_ARCHIVE}`
  const texts = Object.entries(files).flatMap(([path, text]) => ['', `── ${path}`, text.trimEnd()])
  return [...head, `  archived ${archivedAt}${doubt}`, ...texts]
}

function runInWords(time: string, revision: string, run: RunState): string[] {
  if (run.kind === 'running') return [`${time}: ${revision}`]
  const { since } = run
  if (run.kind === 'untold')
    return [
      `${time}: ${revision}, if the proxy still ran`,
      `  no record tells: the log ends at ${since.time} (${since.record})`,
    ]
  const again =
    run.until === null
      ? 'and no start follows in this log'
      : `until the start at ${run.until.time} (${run.until.record})`
  if (run.kind === 'stopped')
    return [
      `${time}: the proxy was STOPPED, no rules were in force`,
      `  from the stop at ${since.time} (${since.record}) ${again}`,
      `  the rules before that: ${revision}`,
    ]
  return [
    `${time}: ${revision}, if the proxy still ran`,
    `  it ended without a stop, such as in a crash, some time after its last record at ${since.time} (${since.record}),`,
    `  ${run.until === null ? again : `and was down ${again}`}`,
  ]
}
