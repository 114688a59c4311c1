/** What keeps clients' addresses out of the log: the cloak for each record, and the care for the months' keys. */
import type { SystemEvent } from '../rules/events.ts'
import { errorName } from './error.ts'
import type { AuditLog } from './meter.ts'
import { isExposed, PrivacyKeys, refuseInside } from './privacy-keys.ts'
import { pseudonymOf, sealClient } from './pseudonym.ts'
import type { Cloak } from './record.ts'
import { listSegments } from './segment.ts'

export interface PrivacyOptions {
  /** The key file; made where there is none. */
  readonly key: string
  /** Keys of months that are past it are destroyed, once the records of those months have been purged. */
  readonly retentionDays: number
}

export interface PrivacySurroundings {
  /** Of the log. */
  readonly dir: string
  readonly now: () => number
  readonly log: AuditLog
  /** To be told each time that the keys cannot be cared for: without the next one, no record could be written. */
  readonly failed: () => void
}

export interface Privacy {
  readonly cloak: Cloak
  /** To be called now and then: makes the next month's key, destroys what is too old, and tells what was destroyed. Never rejects. */
  care(record: (event: SystemEvent) => Promise<unknown>): Promise<void>
}

const DAY_MS = 86_400_000

/** Throws ERR_AUDIT_PRIVACY where the keys cannot be had: no record may then be written. */
export function openPrivacy(
  { key, retentionDays }: PrivacyOptions,
  { dir, now, log, failed }: PrivacySurroundings,
): Privacy {
  refuseInside(key, dir)
  const keys = new PrivacyKeys(key, now())
  if (isExposed(key)) log('warn', 'audit: others on this machine can read the privacy key: chmod 600', { file: key })
  let complaint: string | null = null
  let isCaring = false
  return {
    cloak({ ip, port, path }, at) {
      const month = keys.at(at)
      const hops = path.map((hop) => pseudonymOf(month, hop))
      return { pseudonym: pseudonymOf(month, ip), path: hops, sealed: sealClient(month, { ip, port, path }) }
    },
    async care(record) {
      if (isCaring) return
      isCaring = true
      try {
        keys.prepare(now())
        // With the records, not by the clock alone: one that leaps ahead would destroy for good what a purge knows to wait for.
        const [oldest] = await listSegments(dir)
        if (oldest !== undefined) keys.expire(Math.min(oldest.startedAt, now() - retentionDays * DAY_MS), now())
        for (const destroyed of keys.untold()) {
          await record(destruction(destroyed))
          keys.told(destroyed.month)
        }
        complaint = null
      } catch (error) {
        failed()
        const why = errorName(error)
        if (why !== complaint) log('error', 'audit: the privacy keys cannot be cared for', { error: why, file: key })
        complaint = why
      } finally {
        isCaring = false
      }
    },
  }
}

function destruction({ month, by, reason }: { month: string; by: string; reason: string }): SystemEvent {
  return { action: 'key-destroyed', outcome: 'success', reason, policy: null, facts: { month, by } }
}
