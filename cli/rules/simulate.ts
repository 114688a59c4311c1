/** `landline simulate`: what another rule file would have made of the traffic on record. */
import { writeFile } from 'node:fs/promises'
import { listedPorts, portsFact } from '../../audit/listed-ports.ts'
import { readPast } from '../../audit/past.ts'
import { outsideOf, REASON_WORDS, type SimulationReport } from '../../pages/simulation.ts'
import { simulationPage } from '../../pages/simulation-page.ts'
import { simulationText } from '../../pages/simulation-text.ts'
import { createGuard } from '../../proxy/guard.ts'
import { quoted } from '../../rules/address.ts'
import { createReplay } from '../../rules/change/replay.ts'
import { type Seen, SimulationBuilder } from '../../rules/change/simulation.ts'
import type { Address } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import { howMany } from '../../rules/words.ts'
import { archivedPolicy } from '../audit/archived-policy.ts'
import { withLog } from '../audit/files.ts'
import { timeOf } from '../audit/filter.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { policyOrProblems } from './load.ts'

export interface SimulateFlags {
  /** The new rule file. */
  readonly rules: string
  /** The audit folder. */
  readonly against: string
  readonly since: string | undefined
  readonly mostBlocked: string | undefined
  /** Where to write the page; `-` prints it. */
  readonly html: string | undefined
  readonly catalogue: string | undefined
  readonly json: boolean
}

const guard = createGuard({ allow: [], own: () => [] })
const isGuarded = (address: Address, port: number) => guard.refusal(address, port) !== null

/** Revisions whose services are compared with the new file's. */
const MOST_COMPARED = 20

/** 0: simulated; 1: the rule file is bad; 2: more is newly blocked than `mostBlocked`. Throws UsageError. */
export async function simulate(flags: SimulateFlags, io: Io): Promise<ExitCode> {
  const { rules, against, since, mostBlocked, html, catalogue, json } = flags
  if (json && html === '-') throw new UsageError('--json and --html both print; name a file for the page: --html FILE')
  const most = mostBlocked === undefined ? null : countOf(mostBlocked)
  const from = timeOf('since', since, io.now())
  const policy = await policyOrProblems(rules, { catalogue, json }, io)
  if (policy === null) return EXIT.wrong
  const report = await withLog(against, () => simulateOver(policy, rules, against, from, io.now()))
  if (html !== undefined && html !== '-') await writePage(html, report)
  if (json) printJson(io, jsonOf(report, most))
  else io.print((html === '-' ? simulationPage : simulationText)(report).trimEnd())
  const blocked = report.simulation.totals.newly_blocked
  if (most === null || blocked <= most) return EXIT.fine
  io.complain(`${howMany(blocked, 'request')} would be newly blocked, more than ${most} (--max-newly-blocked)`)
  return EXIT.incomplete
}

async function simulateOver(
  policy: Policy,
  file: string,
  dir: string,
  since: number | null,
  now: number,
): Promise<SimulationReport> {
  const rulesOf = remembered((revision) => archivedPolicy(dir, revision, now))
  const ports = await listedPorts(dir)
  const replay = createReplay(policy, rulesOf, { listed: ports, isGuarded })
  const builder = new SimulationBuilder()
  const revisions = new Set<string>()
  const sources = await readPast(dir, {
    since,
    take(past, witness) {
      revisions.add(past.was.revision)
      builder.add(past, replay(past), witness)
    },
  })
  const { name, revision, mode } = policy
  const newest = [...revisions].slice(-MOST_COMPARED)
  return {
    simulation: builder.build(),
    rules: { file, name, revision, mode },
    against: { dir, ...sources },
    outside: outsideOf(
      policy,
      newest.map(rulesOf).filter((before) => before !== null),
      ports === null ? null : (portsFact(ports) ?? []),
    ),
    at: now,
  }
}

function remembered(make: (revision: string) => Policy | null): (revision: string) => Policy | null {
  const made = new Map<string, Policy | null>()
  return (revision) => {
    const known = made.get(revision)
    if (known !== undefined) return known
    const policy = make(revision)
    made.set(revision, policy)
    return policy
  }
}

async function writePage(file: string, report: SimulationReport): Promise<void> {
  try {
    await writeFile(file, simulationPage(report))
  } catch (error) {
    throw new UsageError(`--html ${file} cannot be written: ${error instanceof Error ? error.message : error}`)
  }
}

function countOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`--max-newly-blocked ${quoted(text)} is no number of requests: 0, 1, 2, …`)
}

/** The shape is the contract's; times are ISO 8601. */
function jsonOf({ simulation, rules, against, outside }: SimulationReport, most: number | null) {
  const { totals, changes, undecidable, cells } = simulation
  return {
    totals,
    changes: changes.map(({ change, before, after, ...seen }) => {
      const { segment, medium, service } = after
      return { change, segment, medium, service, before, after, ...seenOf(seen) }
    }),
    undecidable: undecidable.map(({ reason, before, ...seen }) => {
      const { segment, medium, service } = before
      return { reason, explanation: REASON_WORDS[reason], segment, medium, service, before, ...seenOf(seen) }
    }),
    cells,
    outside,
    rules,
    against: { ...against, from: timeOrNull(against.from), to: timeOrNull(against.to) },
    max_newly_blocked: most,
  }
}

function seenOf({ requests, clients, clientsAtLeast, tallied, first, last, references, hosts }: Seen) {
  return {
    requests,
    /** null: no record tells of them. */
    clients: tallied === requests ? null : clients,
    clients_at_least: clientsAtLeast || tallied > 0,
    tallied,
    first: timeOrNull(first),
    last: timeOrNull(last),
    hosts,
    references,
  }
}

function timeOrNull(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
