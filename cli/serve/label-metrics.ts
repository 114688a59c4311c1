/** The series of the metrics follow what is in force. */
import type { Metrics } from '../../metrics/metrics.ts'
import type { Policy } from '../../rules/policy.ts'
import type { InForce } from './plane.ts'

type Labels = Parameters<Metrics['policyChanged']>

export function labelMetrics({ policy, shadow }: InForce, metrics: Pick<Metrics, 'policyChanged'>): void {
  metrics.policyChanged(policyLabels(policy), shadow && shadowLabels(shadow))
}

function policyLabels({ name, revision, mode, segments, unknownSeat, services, rules, file }: Policy): Labels[0] {
  return {
    name,
    revision,
    mode,
    segments: [...segments.values(), unknownSeat.segment].map(({ id, medium }) => ({ id, medium })),
    services: [...services.keys()],
    rules: rules.map(({ entry }) => entry.id),
    exceptions: file.exceptions.map(({ id, expiresAt }) => ({ id, expiresAt })),
  }
}

function shadowLabels({ name, revision, services }: Policy): Labels[1] {
  return { name, revision, services: [...services.keys()] }
}
