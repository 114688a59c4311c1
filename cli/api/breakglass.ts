/** `/api/v1/breakglass`: what is lifted, and lifting more or less. Operators act, everybody who may log in can see it. */
import type { ApiCall, ApiRoute } from '../../admin/api.ts'
import { type ApiBody, ApiRefusal, onlyFields, textField } from '../../admin/api-refusal.ts'
import { ROLES } from '../../admin/users.ts'
import { ALL_RULES } from '../../rules/breakglass.ts'
import { parseInstant } from '../../rules/instant.ts'
import { BreakglassRefused } from '../serve/breakglass-asked.ts'
import type { Breakglass } from '../serve/breakglass-store.ts'
import type { ApiParts } from './parts.ts'

const PATH = '/api/v1/breakglass'
const MOST_RULES = 1000
/** The record waits for the disk, which may take its time. */
const DEADLINE_MS = 15_000

/** A break-glass as it is answered. Times are RFC 3339. */
export interface BreakglassAnswer {
  readonly id: string
  readonly rules: readonly string[]
  readonly began: string
  readonly until: string
  readonly ticket: string
  readonly by: string
  readonly user: string
}

export function breakglassRoutes({ breakglass }: ApiParts): readonly ApiRoute[] {
  return [
    { method: 'GET', path: PATH, roles: ROLES, answer: () => ({ active: breakglass.active.map(answerOf) }) },
    {
      method: 'POST',
      path: PATH,
      roles: ['operator'],
      deadlineMs: DEADLINE_MS,
      async answer({ body, user }) {
        onlyFields(body, 'rules', 'until', 'ticket', 'by')
        const asked = {
          rules: rulesOf(body),
          until: untilOf(body),
          ticket: textField(body, 'ticket'),
          by: textField(body, 'by'),
          user: user.name,
        }
        try {
          return answerOf(await breakglass.begin(asked))
        } catch (error) {
          throw error instanceof BreakglassRefused ? refusalOf(error) : error
        }
      },
    },
    {
      method: 'DELETE',
      path: PATH,
      roles: ['operator'],
      deadlineMs: DEADLINE_MS,
      answer: (call) => end(call, breakglass),
    },
  ]
}

async function end({ body, user }: ApiCall, breakglass: ApiParts['breakglass']) {
  onlyFields(body, 'id', 'by')
  const asked = textField(body, 'id')
  const by = body.by === undefined ? user.name : `${textField(body, 'by')} (${user.name})`
  const ended = await breakglass.end(asked, by)
  if (ended.length === 0 && asked !== ALL_RULES) throw notActive(asked, breakglass.active)
  return { ended: ended.map(answerOf) }
}

function notActive(asked: string, active: readonly Breakglass[]): ApiRefusal {
  const there = active.map(({ id }) => id).join(', ')
  return new ApiRefusal(
    404,
    `there is no break-glass ${JSON.stringify(asked)}`,
    there === '' ? 'none is active' : `active: ${there}`,
  )
}

function refusalOf({ kind, message }: BreakglassRefused): ApiRefusal {
  if (kind === 'asked') return new ApiRefusal(400, message, 'ask for something else; nothing has changed')
  return new ApiRefusal(503, message, 'nothing has changed; the log says why')
}

function rulesOf({ rules }: ApiBody): readonly string[] {
  const isList = Array.isArray(rules) && rules.length > 0 && rules.length <= MOST_RULES
  if (isList && rules.every((rule) => typeof rule === 'string' && rule.length <= 64)) return [...new Set<string>(rules)]
  throw new ApiRefusal(400, '"rules" is missing or no list of rule ids', 'give ["RULE", …] or ["all"]')
}

function untilOf(body: ApiBody): number {
  const until = parseInstant(textField(body, 'until'))
  if (typeof until === 'number') return until
  throw new ApiRefusal(400, `"until": ${until}`, 'give an instant within 24 hours')
}

export function answerOf({ id, rules, began, until, ticket, by, user }: Breakglass): BreakglassAnswer {
  return { id, rules, began: new Date(began).toISOString(), until: new Date(until).toISOString(), ticket, by, user }
}
