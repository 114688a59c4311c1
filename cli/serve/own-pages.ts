/** What the proxy's own pages ask of the rules. */
import type { Sample, Target } from '../../admin/own.ts'
import { parseAddress } from '../../rules/address.ts'
import { decide } from '../../rules/decide.ts'
import type { Verdict } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'

/** How many services /whoami shows a decision for. */
const MOST_SAMPLES = 6

/** What `decide` says to a client's request now; nothing is recorded by asking. */
export function judgeFor(
  policy: () => Policy,
  now: () => number,
): (clientIp: string | null, target: Target) => Verdict {
  return (clientIp, { host, address, port }) => {
    const source = clientIp === null ? null : parseAddress(clientIp)
    if (clientIp !== null && source === null) throw new Error('the data plane gave an address that is none')
    return decide(policy(), { source, at: now(), host, address, port, serverName: null, httpHost: null })
  }
}

/** One name of each of the services that the rules name, in the order of the rules. */
export function samplesOf(policy: Policy): readonly Sample[] {
  const named = policy.rules.flatMap(({ services }) => (services === null ? [] : [...services]))
  const samples: Sample[] = []
  for (const id of new Set([...named, ...policy.services.keys()])) {
    const { domains, hosts } = policy.services.get(id)?.entry ?? { domains: [], hosts: [] }
    const host = domains[0] ?? hosts[0]
    if (host !== undefined) samples.push({ service: id, host, port: 443 })
    if (samples.length === MOST_SAMPLES) break
  }
  return samples
}
