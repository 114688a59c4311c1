/**
 * Failed log-ins go on the record, and so do those that are not looked at because of earlier ones; a storm of them must not
 * fill it: the first of a user and address is recorded at once, what follows within a minute is counted and told in one record
 * at its end. Without the password; and without the name, where nobody has it, since people type passwords there.
 */
import type { Recorder } from '../rules/events.ts'

export interface FailedLogin {
  /** null: of nobody who may log in. */
  readonly user: string | null
  readonly address: string
}

export interface FailedLogins {
  /** Resolves when the first of a kind is on record, or cannot be; at once for those that are counted. Never rejects. */
  failed(login: FailedLogin): Promise<void>
  /** Records what was counted. */
  flush(): Promise<void>
}

export interface FailedLoginsOptions {
  readonly recorder: Recorder
  /** Whether the record may hold where a log-in came from. */
  readonly withAddress: boolean
  readonly log: { warn(fields: object, message: string): void }
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly windowMs?: number
  readonly maxWindows?: number
}

interface Window {
  readonly login: FailedLogin | null
  readonly timer: NodeJS.Timeout
  count: number
  firstAt: number
  lastAt: number
}

/** The window of all for whom there is none of their own. */
const OTHERS = ''

export function createFailedLogins(options: FailedLoginsOptions): FailedLogins {
  const { recorder, withAddress, log, now, windowMs = 60_000, maxWindows = 100 } = options
  const windows = new Map<string, Window>()

  const record = async (login: FailedLogin | null, again: Pick<Window, 'count' | 'firstAt' | 'lastAt'> | null) => {
    const count = again?.count ?? 1
    const times = again && { first: new Date(again.firstAt).toISOString(), last: new Date(again.lastAt).toISOString() }
    try {
      await recorder.record({
        action: 'login-failed',
        outcome: 'failure',
        reason: again ? 'Log-ins to the admin port failed again' : 'A log-in to the admin port failed',
        policy: null,
        facts: { user: login?.user ?? null, count, ...times },
        ...(login !== null && withAddress ? { source: { ip: login.address } } : {}),
      })
    } catch (error) {
      log.warn({ err: error }, 'a failed log-in could not be recorded')
    }
  }

  const end = async (key: string) => {
    const window = windows.get(key)
    if (window === undefined) return
    clearTimeout(window.timer)
    windows.delete(key)
    if (window.count > 0) await record(window.login, window)
  }

  return {
    async failed(login) {
      const own = `${login.user ?? ''} ${login.address}`
      const key = windows.has(own) || windows.size < maxWindows ? own : OTHERS
      const open = windows.get(key)
      if (open === undefined) {
        log.warn({ user: login.user }, 'a log-in to the admin port failed')
        const timer = setTimeout(() => void end(key), windowMs).unref()
        windows.set(key, { login: key === OTHERS ? null : login, timer, count: 0, firstAt: now(), lastAt: now() })
        await record(key === OTHERS ? null : login, null)
        return
      }
      if (open.count++ === 0) open.firstAt = now()
      open.lastAt = now()
    },
    async flush() {
      await Promise.all([...windows.keys()].map(end))
    },
  }
}
