/** How the audit log can fail. Callers switch on `code`, never on the message. */

export const AUDIT_ERRORS = [
  /** Another live process writes this folder. */
  'ERR_AUDIT_LOCKED',
  /** The folder cannot be made, read, locked or repaired. */
  'ERR_AUDIT_FOLDER',
  /** The record could not be written; `cause` has the system's error. Nothing may be let through. */
  'ERR_AUDIT_WRITE',
  /** The disk has not answered in time. */
  'ERR_AUDIT_STALLED',
  /** More records wait than the bound allows. */
  'ERR_AUDIT_QUEUE_FULL',
  'ERR_AUDIT_CLOSED',
  /** A revision cannot be archived, or an archived one cannot be read back. */
  'ERR_AUDIT_ARCHIVE',
  /** A log file cannot be read as lines. */
  'ERR_AUDIT_UNREADABLE',
  /** The signing key cannot be made, read or used, or lies where it must not. */
  'ERR_AUDIT_KEY',
  /** The keys of the pseudonyms cannot be made, read or written, or lie where they must not. */
  'ERR_AUDIT_PRIVACY',
  /** Old records cannot be purged: they are not what was signed. */
  'ERR_AUDIT_PURGE',
] as const
export type AuditErrorCode = (typeof AUDIT_ERRORS)[number]

export class AuditError extends Error {
  override readonly name = 'AuditError'
  readonly code: AuditErrorCode
  constructor(code: AuditErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The system's name for a failure (`ENOSPC`), or the message where it has none. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
