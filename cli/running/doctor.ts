/** `landline doctor`: is the set-up sound, and are the addresses that the proxy sees true? */
import { existsSync, readFileSync } from 'node:fs'
import { matrix } from '../../rules/change/matrix.ts'
import { runTests } from '../../rules/change/policy-tests.ts'
import type { Problem, VerdictAction } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import { formatProblem } from '../../rules/problems.ts'
import { howMany, shortened } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io, printJson } from '../io.ts'
import { loadPolicy, QUICK_START } from '../rules/load.ts'
import { type ConfigFlags, formatConfigProblem, loadConfig } from '../settings/config.ts'
import type { ServerConfig } from '../settings/settings.ts'
import { addressFindings, type Machine, machineFindings, thisMachine } from './doctor-machine.ts'
import { runningFindings } from './doctor-running.ts'
import { type Finding, ok, type Status, warning, wrong } from './finding.ts'

export interface DoctorFlags extends Pick<ConfigFlags, 'config' | 'rules' | 'admin' | 'audit' | 'listen' | 'catalog'> {
  readonly json?: boolean | undefined
}

const MARKS: Readonly<Record<Status, string>> = {
  ok: 'ok     ',
  warning: 'warning',
  wrong: 'WRONG  ',
  unknown: 'unknown',
}

/** 0: sound, warnings included; 1: something is wrong; 2: something could not be looked at, such as a proxy that does not run. */
export async function doctor(
  { json = false, ...flags }: DoctorFlags,
  env: NodeJS.ProcessEnv,
  io: Io,
  machine: Machine = thisMachine(io.now),
): Promise<ExitCode> {
  const findings = await look(flags, env, io, machine)
  const has = (status: Status) => findings.some((finding) => finding.status === status)
  const result = has('wrong') ? 'wrong' : has('unknown') ? 'incomplete' : 'sound'
  if (json) printJson(io, { result, findings })
  else {
    for (const { status, subject, message, remedy } of findings) {
      io.print(`${MARKS[status]}  ${subject}: ${message}`)
      if (remedy !== null) io.print(`         → ${remedy}`)
    }
  }
  return result === 'wrong' ? EXIT.wrong : result === 'incomplete' ? EXIT.incomplete : EXIT.fine
}

async function look(flags: ConfigFlags, env: NodeJS.ProcessEnv, io: Io, machine: Machine): Promise<Finding[]> {
  const { config, problems } = loadConfig({ flags, env, readFile: (path) => readFileSync(path, 'utf8') })
  const settings = problems.map((problem) =>
    (problem.severity === 'error' ? wrong : warning)(
      'settings',
      formatConfigProblem(problem),
      'see docs/configuration.md',
    ),
  )
  if (config === null) return settings
  const { policy, findings } = await rulesOf(config, io.now())
  return [
    ...settings,
    ...(settings.length === 0 ? [ok('settings', config.configFile ?? 'no server file: the defaults')] : []),
    ...findings,
    ...addressFindings(machine, config, policy),
    ...machineFindings(machine, config),
    ...(await runningFindings(config, policy, config.rulesNamed, io.now())),
  ]
}

async function rulesOf(
  config: ServerConfig,
  now: number,
): Promise<{ readonly policy: Policy | null; readonly findings: readonly Finding[] }> {
  const isQuickStart = !config.rulesNamed && !existsSync(config.rules)
  const file = isQuickStart ? QUICK_START : config.rules
  const { policy, problems } = await loadPolicy(file, { monitor: config.monitor, now }, config.catalog ?? undefined)
  const found = problems.map(problemFinding)
  if (policy === null) return { policy, findings: found }
  const { passed, failed } = runTests(policy, policy.file.tests, now)
  if (isQuickStart)
    found.push(
      warning('rules', 'the quick-start policy runs, which is for trying out', 'write rules.yaml (docs/rule-file.md)'),
    )
  else found.push(ok('rules', `${file}: ${policy.name} ${policy.revision}`))
  if (failed > 0)
    found.push(
      wrong(
        'rules',
        `${howMany(failed, "of the file's own tests fails", "of the file's own tests fail")}: a reload would be refused`,
        `landline test ${file}`,
      ),
    )
  else if (passed === 0)
    found.push(
      warning('rules', 'the file has no tests', 'write down what must never happen (docs/rule-file.md, "tests")'),
    )
  else found.push(ok('rules', `${howMany(passed, 'test passes', 'tests pass')}`))
  return { policy, findings: [...found, ...strangerFindings(policy, now)] }
}

const isBlock = (action: VerdictAction | undefined) => action === 'block' || action === 'would-block'

/** Who is in no segment may have come there by a wrong address: no better a place than the others. */
function strangerFindings(policy: Policy, now: number): readonly Finding[] {
  const { services, cells } = matrix(policy, now)
  const strangers = cells.at(-1) ?? []
  const isOpen = (column: number) => strangers[column]?.action === 'allow' || strangers[column]?.action === 'log'
  const open = services.filter((_, column) => isOpen(column) && cells.some((row) => isBlock(row[column]?.action)))
  if (open.length === 0) return []
  const labels = shortened(open.map(({ label }) => label))
  return [
    warning(
      'rules',
      `a client in no segment may use what is blocked in some: ${labels}`,
      'block it for all but the media that may (except: { medium: wired }), name the medium unknown too, or unknown_clients: refuse',
    ),
  ]
}

function problemFinding(problem: Problem): Finding {
  return (problem.severity === 'error' ? wrong : warning)('rules', formatProblem(problem), 'landline check names all')
}
