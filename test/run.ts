/**
 * `npm test`: the checks, then the tests; stops at the first that fails. Whatever happens, the last line is
 * `N passed, N failed`, and the exit code is 0 only when nothing failed. Arguments go to tap: `npm test -- test/rules/host.test.ts`.
 */
import { spawnSync } from 'node:child_process'
import { summaryOf } from './reporter.ts'

const checks = {
  // After each install tap has to be put together, or its first run fails.
  'tap build': ['tap', 'build'],
  types: ['tsc'],
  'format and lint': ['biome', 'ci', '--diagnostic-level=warn', '--error-on-warnings', '--colors=off'],
}

process.exitCode = Object.entries(checks).every(([name, command]) => passes(name, command)) ? runTests() : giveUp()

function passes(name: string, command: readonly string[]): boolean {
  const start = performance.now()
  const { status, error } = run(command)
  const result = status === 0 ? 'ok' : `failed (${error?.message ?? status})`
  console.log(`${name}: ${result}, ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return status === 0
}

/** The reporter prints the last line, unless tap was killed before it could. */
function runTests(): number {
  const { status } = run(['tap', ...process.argv.slice(2)])
  return status ?? giveUp()
}

function giveUp(): number {
  console.log(summaryOf({ pass: 0, fail: 1, skip: 0 }))
  return 1
}

/** npm has put the folder of these programs on the PATH. */
function run([program = '', ...args]: readonly string[]) {
  return spawnSync(program, args, { stdio: 'inherit' })
}
