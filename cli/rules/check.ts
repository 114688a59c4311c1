/** `landline check F`: is the rule file right? Prints every problem, or one line with the revision and the counts. */
import type { Policy } from '../../rules/policy.ts'
import { formatProblem } from '../../rules/problems.ts'
import { howMany } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io, printJson } from '../io.ts'
import { loadPolicy } from './load.ts'

export interface CheckFlags {
  readonly file: string
  readonly catalogue: string | undefined
  readonly json: boolean
}

/** 0: fine, warnings included; 1: there is an error. */
export async function check({ file, catalogue, json }: CheckFlags, io: Io): Promise<ExitCode> {
  const { policy, problems } = await loadPolicy(file, { monitor: false, now: io.now() }, catalogue)
  if (json) {
    const facts = policy === null ? null : { name: policy.name, revision: policy.revision, counts: countsOf(policy) }
    printJson(io, { ok: policy !== null, ...facts, problems })
  } else {
    for (const problem of problems) (policy === null ? io.complain : io.print)(formatProblem(problem))
    if (policy !== null) io.print(`${file}: ${describe(policy)}`)
  }
  return policy === null ? EXIT.wrong : EXIT.fine
}

function countsOf({ segments, file, rules, exceptions, services }: Policy) {
  const prefixes = file.segments.reduce((sum, segment) => sum + segment.prefixes.length, 0)
  return {
    segments: segments.size,
    prefixes,
    services: services.size,
    rules: rules.length,
    exceptions: exceptions.length,
    tests: file.tests.length,
  }
}

/** The one of what there are many of. */
const SINGULAR: Readonly<Record<string, string>> = { prefixes: 'prefix' }

function describe(policy: Policy): string {
  const counts = Object.entries(countsOf(policy)).map(([what, count]) => {
    return howMany(count, SINGULAR[what] ?? what.slice(0, -1), what)
  })
  return `ok ${policy.name} ${policy.revision} (${counts.join(', ')})`
}
