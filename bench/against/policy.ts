/**
 * The one policy that every contender which can hold one is given: so many client prefixes, half of them wired and half
 * wireless, so many names of conferencing services, and a rule that keeps the one from the other. Text and numbers only.
 */

/** Client prefixes (and in the same number, names) of the policy that all comparisons load. */
export const POLICY_ENTRIES = 10_000
/** Segments at most; beyond that each has several prefixes. */
const MAX_SEGMENTS = 10_000
const SERVICES = 20
/** 127.16.0.0 and 127.36.0.0: the clients of either medium have 2²⁰ addresses, of which 800,000 are in prefixes. */
const FIRST = { wired: 0x7f100000, wireless: 0x7f240000 } as const
const ADDRESSES = 800_000

export type ClientMedium = keyof typeof FIRST

/** The text of the client address that is `index` steps into the medium's; wraps around. */
export function clientAddress(medium: ClientMedium, index: number): string {
  // A prime step, so that neighbours in time are no neighbours in the table.
  return ipv4(FIRST[medium] + ((index * 7919) % ADDRESSES))
}

/** A name of the `index`th conferencing name, one label below it. */
export function meetingHost(index: number): string {
  const name = (index * 37) % POLICY_ENTRIES
  return `us${index % 100}.${meetingName(name)}`
}

/** A host of no service. */
export function plainHost(index: number): string {
  return `www.site-${index}.example`
}

/** The prefixes of one medium: `entries / 2` of them, or a range for all where there are no entries. */
export function prefixes(medium: ClientMedium, entries: number): readonly string[] {
  if (entries === 0) return [`${ipv4(FIRST[medium])}-${ipv4(FIRST[medium] + ADDRESSES - 1)}`]
  const count = entries / 2
  const length = 32 - Math.ceil(Math.log2(ADDRESSES / count))
  return Array.from({ length: count }, (_, at) => `${ipv4(FIRST[medium] + at * 2 ** (32 - length))}/${length}`)
}

/** The conferencing names; with no entries, those of which all others are below. */
export function names(entries: number): readonly string[] {
  if (entries === 0) return Array.from({ length: SERVICES }, (_, service) => `meet-${service}.example`)
  return Array.from({ length: entries }, (_, at) => meetingName(at))
}

/** Landline's rule file, and what it includes, by name: each file has a bound on its size. */
export function ruleFiles(entries: number): Readonly<Record<string, string>> {
  const segments = (['wired', 'wireless'] as const).flatMap((medium) => {
    const all = prefixes(medium, entries)
    const each = Math.ceil(all.length / (MAX_SEGMENTS / 2))
    const count = Math.ceil(all.length / each)
    return Array.from({ length: count }, (_, at) => {
      const own = all.slice(at * each, (at + 1) * each)
      return `  ${medium}-${at}: { medium: ${medium}, prefixes: [${own.join(', ')}] }`
    })
  })
  const all = names(entries)
  const services = Array.from({ length: SERVICES }, (_, service) => {
    const own = all.filter((_, at) => at % SERVICES === service)
    return `  meet-${service}: { name: Meet ${service}, category: meeting, domains: [${own.join(', ')}] }`
  })
  return {
    'rules.yaml': RULES,
    'segments.yaml': `segments:\n${segments.join('\n')}\n`,
    'services.yaml': `services:\n${services.join('\n')}\n`,
  }
}

const RULES = `version: 1
name: bench
include: [segments.yaml, services.yaml]
unknown_clients: refuse
rules:
  - id: fixed-only
    category: meeting
    except: { medium: wired }
    action: block
    reason: "Memo 2020-04: conferencing only from fixed-connection computers"
    alternative: "Use the dial-in bridge, extension 4711."
otherwise: allow
`

function meetingName(index: number): string {
  return `n${index}.meet-${index % SERVICES}.example`
}

function ipv4(bits: number): string {
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.')
}
