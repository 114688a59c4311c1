/** `landline classify`: what service a target belongs to, by its name or address alone. */
import { namedBy } from '../../rules/decide.ts'
import type { Policy } from '../../rules/policy.ts'
import { parseTarget } from '../../rules/target.ts'
import { EXIT, type ExitCode, type Io, printJson } from '../io.ts'
import { policyOrProblems } from './load.ts'

export interface ClassifyFlags {
  readonly file: string
  /** None: those on standard input, one a line. */
  readonly targets: readonly string[]
  readonly catalogue: string | undefined
  readonly json: boolean
}

interface Classified {
  readonly target: string
  /** null: of no service. */
  readonly service: string | null
  /** The name or prefix that says so, or what is wrong with the target. */
  readonly evidence: string | null
  readonly wrong: boolean
}

/** Lines are printed in batches: a line at a time would cost more than to find its answer. */
const BATCH = 1000

/** 0: every target could be read; 1: one could not (its line says why). */
export async function classify({ file, targets, catalogue, json }: ClassifyFlags, io: Io): Promise<ExitCode> {
  const policy = await policyOrProblems(file, { catalogue, json }, io)
  if (policy === null) return EXIT.wrong
  let wrong = false
  const all: Classified[] = []
  let batch: string[] = []
  for await (const target of targets.length > 0 ? targets : io.lines()) {
    const text = target.trim()
    if (text === '') continue
    const classified = classifyTarget(text, policy)
    wrong ||= classified.wrong
    if (json) all.push(classified)
    else if (batch.push(`${text}\t${classified.service ?? '-'}\t${classified.evidence ?? '-'}`) === BATCH) {
      io.print(batch.join('\n'))
      batch = []
    }
  }
  if (batch.length > 0) io.print(batch.join('\n'))
  if (json)
    printJson(
      io,
      all.map(({ target, service, evidence }) => ({ target, service, evidence })),
    )
  return wrong ? EXIT.wrong : EXIT.fine
}

function classifyTarget(text: string, policy: Policy): Classified {
  const target = parseTarget(text)
  if (typeof target === 'string') return { target: text, service: null, evidence: `error: ${target}`, wrong: true }
  const named =
    target.host !== null
      ? policy.names.lookup(target.host)
      : target.address !== null
        ? namedBy(policy, target.address)
        : undefined
  const service = named?.service?.id ?? null
  return { target: text, service, evidence: service === null ? null : (named?.match ?? null), wrong: false }
}
