/** The audit log as an auditor reads it: by its documented form alone, with none of the code that wrote it. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Lines of the audit log; only what tests ask for is typed. */
export interface AuditLine {
  readonly '@timestamp': string
  readonly event: { readonly id: string; readonly sequence: number; readonly action: string; readonly reason: string }
  readonly source?: { readonly ip: string; readonly bytes?: number }
  readonly destination?: {
    readonly domain: string | null
    readonly ip: string | null
    readonly port: number | null
    readonly bytes?: number
  }
  readonly rule?: { readonly id?: string; readonly version: string }
  readonly landline: {
    readonly exchange?: string
    readonly exception?: string | null
    readonly shadow?: { readonly action: string; readonly rule: string | null; readonly revision: string }
    readonly rejudged?: { readonly why: string; readonly exception: string | null; readonly version: string }
    readonly facts?: Readonly<Record<string, unknown>>
    readonly prev: string
  }
}

/** The log's whole lines, over all segments. */
function logLines(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^audit-.*\.jsonl$/.test(name))
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
}

/** The records in the folder, in their order; without checkpoints, which the log writes when it sees fit. */
export function readRecords(folder: string): readonly AuditLine[] {
  const records = logLines(folder).map((line) => JSON.parse(line) as AuditLine) // the contract's form
  return records.filter(({ event }) => event.action !== 'checkpoint')
}

/** What breaks the promise that sequences have no gap and each line names the one before it; empty: it is kept. */
export function chainFaults(folder: string): readonly string[] {
  const faults: string[] = []
  let before: string | null = null
  for (const [index, line] of logLines(folder).entries()) {
    const { event, landline } = JSON.parse(line) as AuditLine
    if (event.sequence !== index + 1) faults.push(`line ${index + 1} has the sequence ${event.sequence}`)
    const prev = before === null ? null : createHash('sha256').update(before).digest('base64')
    if (prev !== null && landline.prev !== prev) faults.push(`line ${index + 1} does not name the line before it`)
    before = line
  }
  return faults
}
