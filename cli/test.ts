/** `landline test`: run the tests of a rule file, and of files of cases, and say what no test reaches. */
import type { Coverage, TestReport } from '../rules/policy-tests.ts'
import { runTests } from '../rules/policy-tests.ts'
import { formatPlace } from '../rules/problems.ts'
import { EXIT, type ExitCode, type Io, printJson } from './io.ts'
import { loadPolicy, tellProblems } from './load.ts'

export interface TestFlags {
  readonly file: string
  /** Files with nothing but `tests:`. */
  readonly cases: readonly string[]
  readonly catalogue: string | undefined
  readonly json: boolean
}

/** 0: all passed; 1: one failed, or a file is bad. The last line is `N passed, N failed`. */
export async function test({ file, cases, catalogue, json }: TestFlags, io: Io): Promise<ExitCode> {
  const { policy, problems } = await loadPolicy(file, { monitor: false, now: io.now() }, catalogue, cases)
  if (policy === null) {
    tellProblems(problems, json, io)
    return EXIT.wrong
  }
  const report = runTests(policy, policy.file.tests, io.now())
  if (json) printJson(io, report)
  else printReport(report, io)
  return report.failed === 0 ? EXIT.fine : EXIT.wrong
}

function printReport({ passed, failed, failures, coverage }: TestReport, io: Io): void {
  for (const { place, message } of failures) io.print(`${formatPlace(place)}: ${message}`)
  for (const line of unreached(coverage)) io.print(line)
  io.print(`${passed} passed, ${failed} failed`)
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
