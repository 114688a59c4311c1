/** `landline explain`: the verdict on one request, and every step that led to it. Exit code 0, whatever the verdict. */
import { parseAddress } from '../../rules/address.ts'
import { whyNot } from '../../rules/change/why-not.ts'
import { decide } from '../../rules/decide.ts'
import { canonicalHost } from '../../rules/host.ts'
import { parseInstant } from '../../rules/instant.ts'
import type { Evidence } from '../../rules/model.ts'
import { parseTarget } from '../../rules/target.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { loadPolicy, remakeWith, tellProblems } from './load.ts'
import { printWhyNot, whyNotAsJson } from './why-not.ts'

export interface ExplainFlags {
  readonly file: string
  readonly from: string
  readonly to: string
  readonly sni: string | undefined
  /** RFC 3339; now, when not given. */
  readonly at: string | undefined
  /** `allow`: tell what would let the request through. */
  readonly whyNot: string | undefined
  readonly catalogue: string | undefined
  readonly json: boolean
}

export async function explain(flags: ExplainFlags, io: Io): Promise<ExitCode> {
  if (flags.whyNot !== undefined && flags.whyNot !== 'allow')
    throw new UsageError(`--why-not ${flags.whyNot} is not known; write --why-not allow`)
  const evidence = evidenceOf(flags, io.now())
  const { policy, problems, catalogue } = await loadPolicy(
    flags.file,
    { monitor: false, now: io.now() },
    flags.catalogue,
  )
  if (policy === null || catalogue === null) {
    tellProblems(problems, flags.json, io)
    return EXIT.wrong
  }
  const wanted = flags.whyNot === undefined ? null : whyNot(policy, evidence, remakeWith(catalogue))
  const steps: string[] = []
  const verdict = decide(policy, evidence, (step) => steps.push(step))
  const { action, mode, segment, service, rule, exception, reason } = verdict
  if (flags.json) {
    const { id, medium } = segment
    printJson(io, {
      action,
      mode,
      segment: id,
      medium,
      service,
      rule,
      exception,
      reason: reason === null ? null : (reason.en ?? reason[''] ?? Object.values(reason)[0] ?? null),
      evidence: verdict.evidence,
      steps,
      ...(wanted === null ? {} : { why_not: whyNotAsJson(wanted) }),
    })
    return EXIT.fine
  }
  const fields = [`segment=${segment.id}`, `medium=${segment.medium}`, `service=${service}`, `rule=${rule}`]
  io.print([action, ...fields, ...(exception === null ? [] : [`exception=${exception}`])].join(' '))
  for (const step of steps) io.print(`  ${step}`)
  if (wanted !== null) printWhyNot(wanted, policy, io)
  return EXIT.fine
}

/** Flags that cannot be read are a mistake of usage, told with the value and the remedy. */
function evidenceOf({ from, to, sni, at }: ExplainFlags, now: number): Evidence {
  const source = parseAddress(from)
  if (source === null) throw new UsageError(`--from ${from} is not an IP address; write one, such as 10.20.0.7`)
  const target = parseTarget(to)
  if (typeof target === 'string') throw new UsageError(`--to: ${target}`)
  const { host, address, port } = target
  return { source, at: timeOf(at, now), host, address, port, serverName: serverNameOf(sni), httpHost: null }
}

/** Milliseconds since 1970 of an RFC 3339 time. */
export function timeOf(text: string | undefined, now: number): number {
  if (text === undefined) return now
  const time = parseInstant(text)
  if (typeof time === 'string') throw new UsageError(`--at: ${time}`)
  return time
}

function serverNameOf(sni: string | undefined): string | null {
  if (sni === undefined) return null
  const host = canonicalHost(sni)
  if (host.kind === 'invalid') throw new UsageError(`--sni: ${host.message}`)
  // What a tunnel opens with may be an address: it is evidence, too.
  return host.kind === 'name' ? host.name : host.address.text
}
