/** How the audit log reports on itself: to the metrics and to the operator's log, which the caller passes in. */
import type { RecordedEvent } from './record.ts'

/** What the log reports as it goes; the metrics come from it. */
export interface AuditMeter {
  /** One record is safe. */
  recorded(action: RecordedEvent['action']): void
  writeFailed(): void
  /** Records that wait, those being written included. */
  queued(records: number): void
  /** One batch took this long to be safe. */
  synced(seconds: number): void
  diskFree(bytes: number): void
  /** So many records of traffic wait for review. */
  unreviewed?(records: number): void
  /** When the oldest record that is there was made, in milliseconds since 1970. */
  oldestRecord?(at: number): void
}

/** The operator's log. */
export type AuditLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  facts: Readonly<Record<string, unknown>>,
) => void
