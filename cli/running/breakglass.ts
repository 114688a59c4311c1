/** `landline breakglass`: what is lifted on the running proxy; lifting rules, and ending that before its time. */
import { parseInstant } from '../../rules/instant.ts'
import type { BreakglassAnswer } from '../api/breakglass.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { type AdminFlags, openAdminClient } from './admin-client.ts'

const PATH = '/api/v1/breakglass'
const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000 }
/** To begin takes all of these. */
const NEEDED = ['rule', 'until', 'ticket', 'by'] as const

export interface BreakglassFlags extends AdminFlags {
  readonly rule: readonly string[] | undefined
  readonly until: string | undefined
  readonly ticket: string | undefined
  readonly by: string | undefined
  readonly end: string | undefined
  readonly json: boolean | undefined
}

/** Exit code 0 when it is in force, or ended, or listed. Throws UsageError; rejects with AdminError where the proxy says no. */
export async function breakglass(flags: BreakglassFlags, env: NodeJS.ProcessEnv, io: Io): Promise<ExitCode> {
  const { rule, until, ticket, by, end } = flags
  const isBeginning = rule !== undefined || until !== undefined || ticket !== undefined
  if (end !== undefined && isBeginning) throw new UsageError('--end goes with --by alone; begin and end are two calls')
  if (end === undefined && by !== undefined && !isBeginning) throw new UsageError('--by goes with --rule or --end')
  const missing = NEEDED.find((flag) => flags[flag] === undefined)
  if (isBeginning && missing !== undefined)
    throw new UsageError(`--${missing} is missing; to begin takes --rule, --until, --ticket and --by`)
  const instant = until === undefined ? undefined : instantOf(until, io.now())
  const client = await openAdminClient(flags, env, io)
  if (isBeginning) {
    const begun = (await client.call('POST', PATH, { rules: rule, until: instant, ticket, by })) as BreakglassAnswer // the API's shape
    return told(flags, io, begun, [
      `lifted: ${breakglassLine(begun)}`,
      `end it earlier with: landline breakglass --end ${begun.id}`,
    ])
  }
  if (end !== undefined) {
    const answer = (await client.call('DELETE', PATH, { id: end, by })) as {
      readonly ended: readonly BreakglassAnswer[]
    } // the API's shape
    return told(
      flags,
      io,
      answer,
      answer.ended.length === 0 ? ['none was active'] : answer.ended.map(({ id }) => `ended: ${id}`),
    )
  }
  const answer = (await client.call('GET', PATH)) as { readonly active: readonly BreakglassAnswer[] } // the API's shape
  return told(flags, io, answer, answer.active.length === 0 ? ['none is active'] : answer.active.map(breakglassLine))
}

function told({ json }: BreakglassFlags, io: Io, answer: object, lines: readonly string[]): ExitCode {
  if (json) printJson(io, answer)
  else for (const text of lines) io.print(text)
  return EXIT.fine
}

/** One that is active, for people. */
export function breakglassLine({ id, rules, until, ticket, by, user }: BreakglassAnswer): string {
  return `${id}: ${rules.join(', ')} until ${until}, ${ticket}, by ${by} (${user})`
}

/** An instant as in the rule file, or `90m`, `2h` from now. */
function instantOf(text: string, now: number): string {
  const [, amount, unit = ''] = /^(\d{1,4})([mh])$/.exec(text) ?? []
  if (amount !== undefined) return new Date(now + Number(amount) * (UNITS[unit] ?? 0)).toISOString()
  const parsed = parseInstant(text)
  if (typeof parsed === 'string') throw new UsageError(`--until: ${parsed}; or 90m, 2h from now`)
  return text
}
