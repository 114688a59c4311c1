/** The dashboards, by the file that Grafana is provisioned with. */
import { evidence } from './evidence.ts'
import { health } from './health.ts'
import { log } from './logs.ts'
import { policy } from './policy.ts'

export const DASHBOARDS = {
  'policy.json': policy,
  'health.json': health,
  'evidence.json': evidence,
  'logs.json': log,
} as const
