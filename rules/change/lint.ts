/**
 * What is suspicious in rules that are valid: rules that nothing reaches, and tests that cannot mean what they say.
 */

import { classify } from '../decide.ts'
import type { Place, Problem, TestEntry } from '../model.ts'
import type { Policy } from '../policy.ts'
import { listed } from '../words.ts'
import { answersOf } from './answers.ts'
import { evidenceOf } from './policy-tests.ts'
import { unreachableRules } from './reach.ts'

/** Warnings, and the errors that show only in compiled rules; in the order of the file. `now` in milliseconds since 1970. */
export function lint(policy: Policy, now: number): readonly Problem[] {
  const dead = unreachableRules(policy, now).map(({ rule, because }) =>
    problem(rule.place, 'warning', `rule "${rule.id}" can never match: ${because}`),
  )
  return [...dead, ...policy.file.tests.flatMap((test) => lintTest(policy, test, now))]
}

function lintTest(policy: Policy, test: TestEntry, now: number): readonly Problem[] {
  const { place, at, rule, to, expect } = test
  const problems: Problem[] = []
  const evidence = evidenceOf(test, now)
  if (typeof evidence === 'string') return problems // told where the test was parsed, or as its failure
  if (at === null) {
    const { answers, clocks } = answersOf(policy, evidence, rule !== null)
    if (answers.size > 1) {
      const message = `the answer to this test changes with time: ${listed(answers, 'or')}, by ${listed(clocks, 'and')}; add "at"`
      problems.push(problem(place, 'error', message))
    }
  }
  const isJudged =
    !['allow', 'refuse'].includes(expect) || (rule !== null && !['none', 'unknown_clients'].includes(rule))
  if (isJudged && evidence.host !== null && classify(policy, evidence).length === 0) {
    const message = `"${to}" is of no service, so no rule speaks of it; correct the name, or add it to a service`
    problems.push(problem(place, 'warning', message))
  }
  return problems
}

function problem({ file, line, column }: Place, severity: Problem['severity'], message: string): Problem {
  return { file, line, column, severity, message }
}
