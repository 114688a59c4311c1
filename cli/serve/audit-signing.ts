/** What `serve` signs its records with, and how it says so: in the operator's log, and in the record of the start. */
import type { EvidenceOptions } from '../../audit/proof/evidence.ts'
import { loadKey, loadPrevious } from '../../audit/proof/keys.ts'
import type { Metrics } from '../../metrics/metrics.ts'
import type { SystemEvent } from '../../rules/events.ts'
import type { ServerConfig } from '../settings/settings.ts'

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface Signing {
  readonly evidence: EvidenceOptions
  /** Of the start's record: who signs, and how often. */
  readonly facts: SystemEvent['facts']
}

/** Loads the key, or makes it at the first start. Throws ERR_AUDIT_KEY. */
export function signingOf({ audit, name }: ServerConfig, metrics: Metrics, log: Log): Signing {
  const { key, made, exposed } = loadKey(audit.key, name, audit.dir)
  const { records, seconds } = audit.checkpoint
  log.info({ key: key.verifier.text, file: audit.key, made }, 'the audit log is signed by this key')
  if (exposed) log.warn({ file: audit.key }, 'others on this machine can read the signing key: chmod 600')
  return {
    evidence: {
      key,
      previous: loadPrevious(audit.key, name, audit.dir),
      records,
      seconds,
      treeSize: metrics.auditTreeSize,
      checkpointed: metrics.auditCheckpoint,
    },
    facts: { key: key.verifier.text, checkpoint_records: records, checkpoint_seconds: seconds },
  }
}
