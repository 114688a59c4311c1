/**
 * The tests of a rule file, asked of a running proxy: each is sent through it from the client's address that it names, and what
 * the proxy says and does is held against what the file says for now.
 */

import { evidenceOf, type TestResult } from '../../rules/change/policy-tests.ts'
import { isLetThrough } from '../../rules/change/why-not.ts'
import { decide } from '../../rules/decide.ts'
import type { TestEntry, Verdict } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import { type Asking, LiveError, requestThrough, type Seen, seenBy } from './live-client.ts'

const DENIED = 'a denial (where the rules agree, look at origins.connect_ports)'
/** So many cases are under way at once. */
const AT_ONCE = 8

export interface LiveReport {
  /** Of the tests that could be asked. */
  readonly results: readonly TestResult[]
  /** Those that could not, and why. */
  readonly notAsked: readonly { readonly test: TestEntry; readonly why: string }[]
  /** Revisions that the proxy named, besides the file's own. */
  readonly otherRevisions: readonly string[]
}

type Outcome = { readonly result: TestResult } | { readonly notAsked: string }

/** Rejects with LiveError where the proxy cannot be reached at all. */
export async function askLive(
  policy: Policy,
  tests: readonly TestEntry[],
  asking: Asking,
  now: number,
): Promise<LiveReport> {
  const outcomes: Outcome[] = []
  const revisions = new Set<string>()
  let next = 0
  const work = async () => {
    for (let index = next++; index < tests.length; index = next++) {
      const test = tests[index]
      if (test !== undefined) outcomes[index] = await ask(policy, test, asking, now, revisions)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, tests.length) }, work))
  revisions.delete(policy.revision)
  return {
    results: outcomes.flatMap((outcome) => ('result' in outcome ? [outcome.result] : [])),
    notAsked: tests.flatMap((test, index) => {
      const outcome = outcomes[index]
      return outcome !== undefined && 'notAsked' in outcome ? [{ test, why: outcome.notAsked }] : []
    }),
    otherRevisions: [...revisions],
  }
}

async function ask(
  policy: Policy,
  test: TestEntry,
  asking: Asking,
  now: number,
  revisions: Set<string>,
): Promise<Outcome> {
  const evidence = evidenceOf({ ...test, at: null }, now)
  if (typeof evidence === 'string') return { notAsked: evidence }
  const source = evidence.source?.text ?? test.from
  const want = decide(policy, evidence)
  try {
    const seen = await seenBy(asking, source, test.to)
    revisions.add(seen.revision)
    if (seen.address !== source) return told(test, want, `a proxy that sees ${seen.address}`)
    // By the same rules, each address is in one segment, unless the proxy does not believe it to be the client's.
    if (seen.revision === policy.revision && seen.segment !== want.segment.id)
      return told(test, want, `${seenInWords(seen)} in segment ${seen.segment}: ${disbelief(asking, source)}`)
    const isSame = seen.action === want.action && seen.rule === want.rule
    // Of what a tunnel opens with, the page knows nothing.
    if (test.serverName === null && !isSame) return told(test, want, seenInWords(seen))
    const done = await requestThrough(asking, source, evidence, test.to)
    if (done.kind === 'unknown') return { notAsked: done.why }
    const isLet = done.kind === 'through'
    return told(test, want, isLet === isLetThrough(want.action) ? null : isLet ? 'let through' : DENIED)
  } catch (error) {
    if (error instanceof LiveError && error.code === 'ERR_LIVE_SOURCE') return { notAsked: error.message }
    throw error
  }
}

function seenInWords({ action, rule, exception }: Seen): string {
  return exception === null ? `${action} by ${rule}` : `${action} by ${rule}, lifted by exception ${exception}`
}

/** Why an address may be no client's to the proxy. */
function disbelief({ clientAddress }: Asking, source: string): string {
  return clientAddress === 'forwarded'
    ? `the listener's "trusted" holds ${source}, so that it counts as a balancer and not as a client; test from another address, or trust fewer`
    : `the proxy does not take ${source} for a client's address; see docs/source-addresses.md`
}

/** `got` null: what was wanted. */
function told({ place, from, to }: TestEntry, { action, rule }: Verdict, got: string | null): Outcome {
  const expected = `${action} by ${rule} (live)`
  return { result: { place, from, to, expected, got: got ?? expected, passed: got === null } }
}
