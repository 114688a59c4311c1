/** `landline admin status`: what a running proxy says of itself. */

import type { Status } from '../api/status.ts'
import { EXIT, type ExitCode, type Io, printJson } from '../io.ts'
import { type AdminFlags, openAdminClient } from './admin-client.ts'
import { breakglassLine } from './breakglass.ts'

/** Rejects with AdminError where the proxy does not answer, or says no. */
export async function adminStatus(flags: AdminFlags, json: boolean, env: NodeJS.ProcessEnv, io: Io): Promise<ExitCode> {
  const client = await openAdminClient(flags, env, io)
  const answer = await client.call('GET', '/api/v1/status')
  if (json) printJson(io, answer)
  else for (const line of statusLines(answer as Status)) io.print(line) // the shape is the API's
  return EXIT.fine
}

function statusLines(status: Status): readonly string[] {
  const { name, version, state, uptime_seconds, rules, recording, breakglass, exceptions } = status
  return [
    `${name}: ${state}, Landline ${version}, up for ${uptime_seconds} s`,
    `rules: ${rules.name} ${rules.revision}, mode ${rules.mode}`,
    `records: ${recording ? 'written' : 'CANNOT BE WRITTEN'}`,
    ...breakglass.map((lift) => `BREAK-GLASS ${breakglassLine(lift)}`),
    ...exceptions.map(
      ({ id, state, rules, clients, expires, ticket }) =>
        `exception ${id}: ${state}, for ${clients}, lifts ${rules.join(', ')} until ${expires} (${ticket})`,
    ),
  ]
}
