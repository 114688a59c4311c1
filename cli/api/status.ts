/** `GET /api/v1/status`: what runs, by which rules, and what is lifted. For anybody who may log in. */
import type { ApiRoute } from '../../admin/api.ts'
import { ROLES } from '../../admin/users.ts'
import packageJson from '../../package.json' with { type: 'json' }
import type { Policy } from '../../rules/policy.ts'
import { clientsInWords } from '../../rules/words.ts'
import { workersOf } from '../serve/open-plane.ts'
import { answerOf, type BreakglassAnswer } from './breakglass.ts'
import type { ApiParts } from './parts.ts'

/** What the call answers. Times are RFC 3339. */
export interface Status {
  readonly name: string
  readonly version: string
  readonly node: string
  readonly state: string
  readonly uptime_seconds: number
  readonly workers: number
  readonly rules: { readonly name: string; readonly revision: string; readonly mode: string }
  readonly recording: boolean
  readonly exceptions: readonly StatusException[]
  /** What is lifted now. */
  readonly breakglass: readonly BreakglassAnswer[]
}

interface StatusException {
  readonly id: string
  readonly rules: readonly string[]
  /** Whom it is for, in words. */
  readonly clients: string
  readonly state: 'in force' | 'not yet' | 'expired'
  readonly starts: string | null
  readonly expires: string
  readonly ticket: string
  readonly approver: string
}

export function statusRoute(parts: ApiParts): ApiRoute {
  return { method: 'GET', path: '/api/v1/status', roles: ROLES, answer: () => statusOf(parts) }
}

function statusOf({ config, keeper, breakglass, audit, now, state }: ApiParts): Status {
  const { policy } = keeper
  return {
    name: config.name,
    version: packageJson.version,
    node: process.version,
    state: state(),
    uptime_seconds: Math.round(process.uptime()),
    workers: workersOf(config),
    rules: { name: policy.name, revision: policy.revision, mode: policy.mode },
    recording: audit.healthy(),
    exceptions: exceptionsOf(policy, now()),
    breakglass: breakglass.active.map(answerOf),
  }
}

function exceptionsOf({ file }: Policy, now: number): readonly StatusException[] {
  return file.exceptions.map(({ id, rules, from, segments, startsAt, expiresAt, ticket, approver }) => ({
    id,
    rules,
    clients: clientsInWords({ from, segments }),
    state: now >= expiresAt ? 'expired' : startsAt !== null && now < startsAt ? 'not yet' : 'in force',
    starts: startsAt === null ? null : new Date(startsAt).toISOString(),
    expires: new Date(expiresAt).toISOString(),
    ticket,
    approver,
  }))
}
