/** `landline test`: run the tests of a rule file, and of files of cases, and say what no test reaches. */

import {
  type Coverage,
  failureOf,
  runTests,
  type TestReport,
  type TestResult,
} from '../../rules/change/policy-tests.ts'
import type { Policy } from '../../rules/policy.ts'
import { formatPlace } from '../../rules/problems.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { hostAndPort } from '../settings/values.ts'
import { askLive, type LiveReport } from './live.ts'
import { LiveError } from './live-client.ts'
import { loadPolicy, tellProblems } from './load.ts'
import { junit, tap } from './test-report.ts'

const CLIENT_ADDRESS = ['socket', 'proxy-protocol', 'forwarded'] as const
const LIVE_TIMEOUT_MS = 15_000

export interface TestFlags {
  readonly file: string
  /** Files with nothing but `tests:`. */
  readonly cases: readonly string[]
  /** HOST:PORT of a running proxy that is asked as well. */
  readonly live: string | undefined
  /** How the proxy is told whose request it is, when it is not by the socket. */
  readonly clientAddress: string | undefined
  readonly form: 'text' | 'json' | 'junit' | 'tap'
  readonly catalogue: string | undefined
}

/** 0: all passed; 1: one failed, or a file is bad; 2: some could not be asked of the running proxy. The last line of text is `N passed, N failed`. */
export async function test({ file, cases, catalogue, form, ...flags }: TestFlags, io: Io): Promise<ExitCode> {
  const asking = askingOf(flags)
  const { policy, problems } = await loadPolicy(file, { monitor: false, now: io.now() }, catalogue, cases)
  if (policy === null) {
    tellProblems(problems, form === 'json', io)
    return EXIT.wrong
  }
  const report = runTests(policy, policy.file.tests, io.now())
  const live = asking === null ? null : await liveOrComplaint(policy, asking, io)
  if (live === 'unreachable') return EXIT.wrong
  const results = [...report.results, ...(live?.results ?? [])]
  print({ report, live, results, policy, file }, form, io)
  if (results.some(({ passed }) => !passed)) return EXIT.wrong
  return live !== null && live.notAsked.length > 0 ? EXIT.incomplete : EXIT.fine
}

function askingOf({ live, clientAddress = 'socket' }: Pick<TestFlags, 'live' | 'clientAddress'>) {
  const how = CLIENT_ADDRESS.find((word) => word === clientAddress)
  if (how === undefined)
    throw new UsageError(`--client-address ${clientAddress} is none of ${CLIENT_ADDRESS.join(', ')}`)
  if (live === undefined) return null
  const { data } = hostAndPort.safeParse(live)
  if (data === undefined) throw new UsageError(`--live ${live} is not HOST:PORT of a proxy; write it as 127.0.0.1:3128`)
  return { host: data.host, port: data.port, clientAddress: how, timeoutMs: LIVE_TIMEOUT_MS }
}

async function liveOrComplaint(
  policy: Policy,
  asking: NonNullable<ReturnType<typeof askingOf>>,
  io: Io,
): Promise<LiveReport | 'unreachable'> {
  try {
    return await askLive(policy, policy.file.tests, asking, io.now())
  } catch (error) {
    if (!(error instanceof LiveError)) throw error
    io.complain(`landline test: --live: ${error.message}`)
    return 'unreachable'
  }
}

interface Found {
  readonly report: TestReport
  readonly live: LiveReport | null
  /** Of the file, then of the running proxy. */
  readonly results: readonly TestResult[]
  readonly policy: Policy
  readonly file: string
}

function print(found: Found, form: TestFlags['form'], io: Io): void {
  const { results, file } = found
  if (form === 'junit') io.print(junit(results, file))
  else if (form === 'tap') io.print(tap(results))
  else if (form === 'json') printJson(io, asJson(found))
  else for (const line of asText(found)) io.print(line)
}

function asJson({ report, live, results, policy }: Found) {
  const asked = live && {
    live: {
      not_asked: live.notAsked.map(({ test: { place, from, to }, why }) => ({ place, from, to, why })),
      revisions: { file: policy.revision, others: live.otherRevisions },
    },
  }
  return { ...countsOf(results), failures: failuresOf(results), coverage: report.coverage, ...asked }
}

function asText({ report, live, results, policy }: Found): readonly string[] {
  const { passed, failed } = countsOf(results)
  return [
    ...failuresOf(results).map(({ place, message }) => `${formatPlace(place)}: ${message}`),
    ...(live?.notAsked ?? []).map(
      ({ test: { place, from, to }, why }) => `${formatPlace(place)}: ${from} to ${to}: not asked: ${why}`,
    ),
    ...(live?.otherRevisions ?? []).map(
      (revision) => `the proxy runs ${revision}, and this file is ${policy.revision}`,
    ),
    ...unreached(report.coverage),
    `${passed} passed, ${failed} failed`,
  ]
}

function failuresOf(results: readonly TestResult[]) {
  return results.filter(({ passed }) => !passed).map(failureOf)
}

function countsOf(results: readonly TestResult[]) {
  const failed = results.filter(({ passed }) => !passed).length
  return { passed: results.length - failed, failed }
}

function unreached({ rules, segments, services, exceptions }: Coverage): readonly string[] {
  const missed = {
    rules: rules.filter(({ hit }) => !hit).map(({ id }) => id),
    segments,
    services,
    exceptions,
  }
  return Object.entries(missed).flatMap(([what, ids]) =>
    ids.length === 0 ? [] : [`no test reaches the ${what} ${ids.join(', ')}`],
  )
}
