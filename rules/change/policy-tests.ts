/**
 * The tests of a rule file: what they ask, whether they get it, and what no test asks.
 */
import { parseAddress, quoted } from '../address.ts'
import { decide } from '../decide.ts'
import { canonicalHost } from '../host.ts'
import type { Evidence, Place, TestEntry, Verdict } from '../model.ts'
import type { Policy } from '../policy.ts'
import { parseTarget } from '../target.ts'

export interface TestResult {
  readonly place: Place
  readonly from: string
  readonly to: string
  /** `block by zoom-fixed-only`, or `block` where the test names no rule. */
  readonly expected: string
  readonly got: string
  readonly passed: boolean
}

export interface TestFailure extends Omit<TestResult, 'passed'> {
  /** One line with all of the above. */
  readonly message: string
}

/** What tests reach; the lists name what none does. */
export interface Coverage {
  /** In order, without those that are off. */
  readonly rules: readonly { readonly id: string; readonly hit: boolean }[]
  readonly segments: readonly string[]
  /** Of the services that a rule names, or that the rule file declares. */
  readonly services: readonly string[]
  readonly exceptions: readonly string[]
}

export interface TestReport {
  readonly passed: number
  readonly failed: number
  readonly failures: readonly TestFailure[]
  /** Of every test, in order. */
  readonly results: readonly TestResult[]
  readonly coverage: Coverage
}

/** Runs the tests. One without `at` is asked as of `now`, in milliseconds since 1970. */
export function runTests(policy: Policy, tests: readonly TestEntry[], now: number): TestReport {
  const results: TestResult[] = []
  const verdicts: Verdict[] = []
  for (const test of tests) {
    const evidence = evidenceOf(test, now)
    const verdict = typeof evidence === 'string' ? evidence : decide(policy, evidence)
    if (typeof verdict !== 'string') verdicts.push(verdict)
    results.push(resultOf(test, verdict))
  }
  const failures = results.filter(({ passed }) => !passed).map(failureOf)
  return {
    passed: tests.length - failures.length,
    failed: failures.length,
    failures,
    results,
    coverage: coverageOf(policy, verdicts),
  }
}

/** What a test asks, before names are resolved; or what cannot be asked. */
export function evidenceOf({ from, to, serverName, at }: TestEntry, now: number): Evidence | string {
  const source = parseAddress(from)
  if (source === null) return `from: ${quoted(from)} is no address`
  const target = parseTarget(to)
  if (typeof target === 'string') return `to: ${target}`
  const sni = serverName === null ? null : canonicalHost(serverName)
  if (sni !== null && sni.kind !== 'name') return `sni: ${quoted(serverName ?? '')} is no host name`
  const { host, address, port } = target
  return { source, at: at ?? now, host, address, port, serverName: sni?.name ?? null, httpHost: null }
}

/** `verdict`: or why there is none. */
function resultOf({ place, from, to, expect, rule }: TestEntry, verdict: Verdict | string): TestResult {
  const passed = typeof verdict !== 'string' && verdict.action === expect && (rule === null || verdict.rule === rule)
  const expected = rule === null ? expect : `${expect} by ${rule}`
  const got = typeof verdict === 'string' ? verdict : `${verdict.action} by ${verdict.rule}`
  return { place, from, to, expected, got, passed }
}

/** The result of a test that did not get what it asks. */
export function failureOf({ passed: _, ...result }: TestResult): TestFailure {
  const { from, to, expected, got } = result
  return { ...result, message: `${from} to ${to}: expected ${expected}, got ${got}` }
}

function coverageOf(policy: Policy, verdicts: readonly Verdict[]): Coverage {
  const rules = new Set(verdicts.map(({ rule }) => rule))
  const segments = new Set(verdicts.map(({ segment }) => segment.id))
  const services = new Set(verdicts.flatMap(({ evidence }) => evidence.map(({ service }) => service)))
  const exceptions = new Set(verdicts.map(({ exception }) => exception))
  const unknown = policy.unknownClients === 'classify' ? ['unknown'] : []
  return {
    rules: policy.rules
      .filter(({ entry }) => entry.mode !== 'off')
      .map(({ entry: { id } }) => ({ id, hit: rules.has(id) })),
    segments: [...policy.segments.keys(), ...unknown].filter((id) => !segments.has(id)),
    services: namedServices(policy).filter((id) => !services.has(id)),
    exceptions: policy.exceptions.map(({ entry }) => entry.id).filter((id) => !exceptions.has(id)),
  }
}

function namedServices(policy: Policy): readonly string[] {
  const named = new Set<string>()
  for (const { services, except } of policy.rules) {
    for (const id of services ?? []) named.add(id)
    for (const id of except?.services ?? []) named.add(id)
  }
  return [...policy.services.values()]
    .filter(({ id, entry }) => named.has(id) || entry.origin === 'rules')
    .map(({ id }) => id)
}
