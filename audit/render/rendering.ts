/** What a rendering is: each record, on its own, as text that another program reads. */
import type { AuditRecord } from '../read.ts'

export const FORMATS = ['jsonl', 'csv', 'ocsf', 'cef'] as const
export type Format = (typeof FORMATS)[number]

/** Pure: the same record always gives the same bytes, so that a reader of an extract can render it again and compare. */
export interface Rendering {
  readonly format: Exclude<Format, 'jsonl'>
  /** Goes up whenever the same record would be rendered otherwise. */
  readonly version: number
  /** Its name in an extract. */
  readonly file: string
  /** Stands before the first record. */
  readonly head: string
  /** With its line end. */
  readonly render: (record: AuditRecord) => string
}

/** The client's address, or the pseudonym that stands for it; null where the record is of no client. */
export function clientOf({ source }: Pick<AuditRecord, 'source'>): string | null {
  return source?.ip ?? source?.address ?? null
}

/** Whether the record says that somebody was refused. */
export function isDenied({ event }: Pick<AuditRecord, 'event'>): boolean {
  return event.type.includes('denied')
}

/** Whether the record is of a client's request, not of the system itself. */
export function isTraffic({ event }: Pick<AuditRecord, 'event'>): boolean {
  return event.category.includes('network')
}
