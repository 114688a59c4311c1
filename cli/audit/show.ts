/** `landline audit show DIR REF`: a record, the rule as it stood then, its neighbours, and the proof that it is in the log. */
import { type FoundRecord, lookUp } from '../../audit/proof/look-up.ts'
import { formatInclusion } from '../../audit/proof/proof.ts'
import type { AuditRecord } from '../../audit/read.ts'
import { clientOf } from '../../audit/render/rendering.ts'
import { visible } from '../../rules/hidden.ts'
import { howMany } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { keysOf, withLog } from './files.ts'
import { CHANGED_ARCHIVE, type RuleText, ruleText } from './rule-text.ts'

export interface AuditShowFlags {
  readonly dir: string
  readonly reference: string
  readonly keys: readonly string[]
  readonly json: boolean
}

const REFERENCE = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** 0: found, 1: there is no such record, or it or the archived rules were changed, 2: found, but not proven to be in the log. Throws UsageError. */
export async function auditShow({ dir, reference, keys, json }: AuditShowFlags, io: Io): Promise<ExitCode> {
  const wanted = reference.toLowerCase()
  if (!REFERENCE.test(wanted))
    throw new UsageError(
      `${reference} is no whole reference; landline audit query DIR --ref PREFIX finds those that begin so`,
    )
  const given = keysOf(keys)
  const found = await withLog(dir, () => lookUp(dir, wanted, given))
  if (found === null) {
    io.complain(`${wanted}: no such record in ${dir}`)
    return EXIT.wrong
  }
  const { id = null, version = null } = found.record.rule ?? {}
  const rule = id === null || version === null ? null : await ruleText(dir, version, id, io.now())
  if (json) printJson(io, jsonOf(found, rule))
  else for (const line of report(found, rule)) io.print(visible(line))
  if (found.isChanged || rule?.isGenuine === false) return EXIT.wrong
  return found.proof === null ? EXIT.incomplete : EXIT.fine
}

function jsonOf({ record, line, before, after, isChanged, adoptedBy, proof }: FoundRecord, rule: RuleText | null) {
  return {
    file: line.file,
    line: line.line,
    record,
    rule: rule && { file: rule.file, line: rule.line, text: rule.text, genuine: rule.isGenuine },
    before,
    after,
    changed: isChanged,
    found_unsigned_by: adoptedBy,
    proof: proof && {
      key: proof.key.text,
      checkpoint: proof.checkpoint.text,
      tlog_proof: formatInclusion(record.event.sequence, proof.hashes, proof.checkpoint),
    },
  }
}

function report(found: FoundRecord, rule: RuleText | null): string[] {
  const { record, line, before, after } = found
  return [
    `${line.file}:${line.line}`,
    JSON.stringify(record, null, 2),
    '',
    ...ruleLines(record, rule),
    '',
    `before: ${before === null ? '-' : brief(before)}`,
    `this:   ${brief(record)}`,
    `after:  ${after === null ? '-' : brief(after)}`,
    '',
    ...(found.isChanged ? [CHANGED] : proofLines(found)),
  ]
}

function ruleLines({ rule }: AuditRecord, found: RuleText | null): string[] {
  if (rule?.id == null) return ['No rule decided this.']
  const doubt = found?.isGenuine === false ? ` ${CHANGED_ARCHIVE}.` : ''
  if (found === null || found.text === null) return [`${rule.id} has no text in the archive (${rule.version}).${doubt}`]
  return [`The rule ${rule.id} as it stood (${found.file}:${found.line}, ${rule.version}):${doubt}`, found.text]
}

function brief(record: AuditRecord): string {
  const { event, source, destination } = record
  const who = source === undefined ? '' : ` ${clientOf(record)} → ${destination?.domain ?? destination?.ip ?? '-'}`
  return `${record['@timestamp']} #${event.sequence} ${event.action}${who} ${event.id}`
}

const CHANGED =
  'CHANGED: the record after it names another line as the one before. One of the two is not what was recorded; see landline audit verify.'

function proofLines({ record: { event }, adoptedBy, signedSize, proof }: FoundRecord): string[] {
  if (proof === null) return [`NOT PROVEN: ${whyUnproven(event.sequence, signedSize)}`]
  return [
    ...(adoptedBy === null ? [] : [adoptedLine(adoptedBy)]),
    `Proven to be record ${event.sequence} of ${proof.checkpoint.size} signed by ${proof.key.text}:`,
    formatInclusion(event.sequence, proof.hashes, proof.checkpoint).trimEnd(),
  ]
}

function adoptedLine(record: number): string {
  return `FOUND UNSIGNED when the proxy started (record ${record}), after a crash or otherwise: that it was there then is proven, and nothing of before.`
}

function whyUnproven(sequence: number, signedSize: number | null): string {
  if (signedSize === null)
    return 'there is no checkpoint, or the newest one is not signed by a key of the log; with --key, by one that was given.'
  if (sequence > signedSize)
    return `this is record ${sequence}, and the newest checkpoint covers ${signedSize === 1 ? 'record 1' : `records 1 to ${signedSize}`}. A running proxy signs the next one within a minute, unless it is set otherwise; for a copy, take a newer one.`
  return `the log does not lead to the newest checkpoint, that of ${howMany(signedSize, 'record')}: it is not what was signed, or lines are missing; see landline audit verify.`
}
