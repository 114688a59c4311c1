/** What a simulation is told with, whatever the form: its facts, the reasons why something cannot be told, and what is not in it. */

import type { Reason } from '../rules/change/past.ts'
import type { ChangeKind, Simulation } from '../rules/change/simulation.ts'
import type { Policy } from '../rules/policy.ts'
import { instantInWords } from '../rules/words.ts'

export interface SimulationReport {
  readonly simulation: Simulation
  readonly rules: { readonly file: string; readonly name: string; readonly revision: string; readonly mode: string }
  readonly against: {
    readonly dir: string
    /** Of what was read, in milliseconds since 1970; null where there is nothing. */
    readonly from: number | null
    readonly to: number | null
    readonly records: number
    readonly rows: number
    readonly illegible: number
  }
  /** What no record and no tally tells of: a sentence each. */
  readonly outside: readonly string[]
  readonly at: number
}

export const CHANGE_WORDS: Readonly<Record<ChangeKind, string>> = {
  newly_blocked: 'newly blocked',
  newly_allowed: 'newly allowed',
  changed_rule: 'by another rule or action, let through or not as before',
}

export const REASON_WORDS: Readonly<Record<Reason, string>> = {
  overflow: 'more hosts were asked for in that hour than a tally holds: these requests are counted without their host',
  'destination-not-recorded':
    'it was no conferencing by the rules of then, so its destination was not recorded; the new file no longer refuses its client, or knows of other services',
  'rules-not-archived':
    'the address is not told, and the rules of that revision are not archived beside the log (or this version reads them otherwise)',
  'client-segment':
    'the address is not told, and the new file puts clients of that segment in several segments, which it treats differently',
  'client-exception': 'the address is not told, and an exception of the new file is for some addresses of that segment',
  hour: 'only the hour is told, and within it the new file changes what it says (a during, or an exception that starts or ends)',
  'destination-address':
    'the address of the destination is not told, and the new file has services with prefixes that the old one had not',
  port: 'whether a tunnel may go to that port is not told: no service of the new file opens it, and no start on record says whether origins.connect_ports does (or a record or row stands for requests to several ports, or of several kinds); or it was closed, the new file opens it, and whether the address is allowed was not tried',
  guard:
    'the address lies in a guarded range, and a rule denied it before that mattered: whether origins.allow lets it through is not on record',
  breakglass: 'a break-glass lift let it through; no file says whether one will be in force',
}

const HOUR_MS = 3_600_000

/** The end of a span. That of a tally is its hour's, told as the full hour: its last millisecond would look like a time that was seen. */
export function endInWords(at: number): string {
  return instantInWords((at + 1) % HOUR_MS === 0 ? at + 1 : at)
}

/** How to read the times of rows that are tallied; null: there are none. */
export function talliesInWords({ changes, undecidable }: Simulation): string | null {
  return [...changes, ...undecidable].some(({ tallied }) => tallied > 0)
    ? 'Of tallied requests only the hour is known, and not the client: first and last are then the full hours around them.'
    : null
}

/**
 * What no simulation can know, and what of this file in particular. `known`: the rules of the revisions that were met; `ports`: the
 * server's own list, null where it is not on record.
 */
export function outsideOf(
  policy: Policy,
  known: readonly Policy[],
  ports: readonly string[] | null,
): readonly string[] {
  const added = [...policy.services.values()].filter(({ id, entry }) => {
    const names = new Set([...entry.domains, ...entry.hosts, ...entry.prefixes.map(({ text }) => text)])
    return known.some(({ services }) => {
      const before = services.get(id)?.entry
      for (const name of [...(before?.domains ?? []), ...(before?.hosts ?? [])]) names.delete(name)
      for (const { text } of before?.prefixes ?? []) names.delete(text)
      return names.size > 0
    })
  })
  const services =
    added.length === 0
      ? 'The new file knows no names or prefixes that the rules of then did not know.'
      : `The new file knows names or prefixes that the rules of then did not: those of ${listed(added.map(({ id }) => id))}.`
  return [
    `Traffic of no service, by the rules of then, is neither recorded nor tallied. ${services}`,
    `Bare addresses of no service are told only where they were logged or blocked; those that were allowed are not. By the new file they are: ${policy.ipLiterals.action} (off wired segments).`,
    'A request that was blocked by its name was not resolved, and its tunnel not opened: that it is newly allowed means that the name and the port are let through.',
    ports === null
      ? 'Which ports are open for tunnels whatever they ask for (origins.connect_ports) is not on record: only the ports of services are known.'
      : `Open for tunnels, whatever they ask for, are the ports of the last start on record (origins.connect_ports): ${ports.join(', ') || 'none'}.`,
    'The name that a tunnel opened with is known where it named a service by the rules of then. One that named none could name a service of the new file.',
    'What was refused without its destination on record counts as of no service.',
    'Clients react: an app that is blocked tries again, or another way; one that is let through no longer does.',
  ]
}

function listed(ids: readonly string[]): string {
  return ids.length <= 10 ? ids.join(', ') : `${ids.slice(0, 10).join(', ')} and ${ids.length - 10} more`
}
