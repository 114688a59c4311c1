/** What `landline doctor` finds, one thing at a time. */

/** `unknown`: it could not be looked at. */
export type Status = 'ok' | 'warning' | 'wrong' | 'unknown'

export interface Finding {
  /** What was looked at: `settings`, `rules`, `addresses`, … */
  readonly subject: string
  readonly status: Status
  /** What was seen. */
  readonly message: string
  /** What to do; null where nothing need be done. */
  readonly remedy: string | null
}

export const ok = (subject: string, message: string): Finding => ({ subject, status: 'ok', message, remedy: null })

export const warning = (subject: string, message: string, remedy: string): Finding => ({
  subject,
  status: 'warning',
  message,
  remedy,
})

export const wrong = (subject: string, message: string, remedy: string): Finding => ({
  subject,
  status: 'wrong',
  message,
  remedy,
})

export const unknown = (subject: string, message: string, remedy: string): Finding => ({
  subject,
  status: 'unknown',
  message,
  remedy,
})
