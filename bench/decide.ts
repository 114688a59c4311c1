/**
 * What a decision costs, in nanoseconds, and that it costs no more with many prefixes, names and rules. Each row loads
 * its own policy; the time is the median of several rounds. Run: node bench/decide.ts [--json]
 */
import { createHash } from 'node:crypto'
import { parsePrefix } from '../rules/address.ts'
import { compile } from '../rules/compile.ts'
import { decide } from '../rules/decide.ts'
import type { Catalogue } from '../rules/file/catalog.ts'
import type { Address, Evidence, Prefix, RuleEntry, RuleFile, SegmentEntry, ServiceEntry } from '../rules/model.ts'
import type { Policy } from '../rules/policy.ts'

const ROUNDS = 9
const DECISIONS = 200_000
const AT = Date.parse('2026-12-02T11:00:00Z')
const PLACE = { file: 'bench', line: 1, column: 1 }

const sizes = [
  { prefixes: 0, names: 0, rules: 3 },
  { prefixes: 0, names: 0, rules: 300 },
  { prefixes: 100_000, names: 100_000, rules: 3 },
  { prefixes: 100_000, names: 100_000, rules: 300 },
]

interface Request {
  readonly of: string
  readonly evidence: (index: number) => Evidence
}

const requests: readonly Request[] = [
  { of: 'no service', evidence: (i) => asked(i, `host-${i % 5000}.example.org`, null, null) },
  { of: 'no service, address', evidence: (i) => asked(i, `host-${i % 5000}.example.org`, cloud(i), null) },
  { of: 'blocked by host', evidence: (i) => asked(i, `us${i % 5000}web.zoom.us`, null, null) },
  {
    of: 'host, address, SNI',
    evidence: (i) => asked(i, `us${i % 5000}web.zoom.us`, ipv4(0x03072301), `us${i % 5000}web.zoom.us`),
  },
  { of: 'one of the many names', evidence: (i) => asked(i, `a.name-${(i * 7919) % 100_000}.many.example`, null, null) },
  { of: 'bare address', evidence: (i) => asked(i, null, cloud(i), null) },
]

function asked(index: number, host: string | null, address: Address | null, serverName: string | null): Evidence {
  const source = ipv4(0x0a000000 + ((index * 2654435761) % 0x1000000))
  return { source, at: AT, host, address, port: 443, serverName, httpHost: null }
}

function cloud(index: number): Address {
  return ipv4(0x2d000000 + ((index * 40503) % 0x2000000))
}

function ipv4(d: number): Address {
  return { family: 4, a: 0, b: 0, c: 0, d, text: `${d >>> 24}.${(d >>> 16) & 255}.${(d >>> 8) & 255}.${d & 255}` }
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

/** Half of the prefixes are clients', half are a service's. */
function load({ prefixes, names, rules }: (typeof sizes)[number]): Policy {
  const half = prefixes / 2
  const clients = Array.from({ length: half }, (_, i) => prefix(`10.${i >> 8}.${i & 255}.0/${i < 0x10000 ? 24 : 32}`))
  const wifi = segment('wifi', 'wireless', [prefix('10.0.0.0/8'), ...clients.filter((_, i) => i % 2 === 0)])
  const desks = segment(
    'desks',
    'wired',
    clients.filter((_, i) => i % 2 === 1),
  )
  const many = service('many', {
    domains: Array.from({ length: names }, (_, i) => `name-${i}.many.example`),
    prefixes: Array.from({ length: half }, (_, i) => prefix(`45.${i >> 8}.${i & 255}.128/25`)),
  })
  const zoom = service('zoom', { domains: ['zoom.us'], prefixes: [prefix('3.7.35.0/25')] })
  const others = Array.from({ length: rules }, (_, i) => service(`service-${i}`, { domains: [`service-${i}.example`] }))
  const file: RuleFile = {
    name: 'bench',
    unknownClients: 'refuse',
    mode: 'enforce',
    otherwise: 'allow',
    ipLiterals: 'log',
    segments: [wifi, desks],
    services: [zoom, many, ...others],
    rules: [...others.map(({ id }) => rule(id)), rule('zoom'), rule('many')],
    exceptions: [],
    tests: [],
  }
  const catalogue: Catalogue = { services: [], aliases: new Map(), canonical: '' }
  return compile(file, catalogue, { sha256: (text) => createHash('sha256').update(text).digest('hex') })
}

function segment(id: string, medium: SegmentEntry['medium'], prefixes: readonly Prefix[]): SegmentEntry {
  return { id, medium, shared: false, prefixes, place: PLACE }
}

function service(id: string, given: Partial<ServiceEntry>): ServiceEntry {
  const empty = { domains: [], hosts: [], sharedDomains: [], sharedHosts: [], prefixes: [], ports: [] }
  return { ...empty, ...given, id, name: id, category: 'meeting', origin: 'rules' }
}

function rule(id: string): RuleEntry {
  return {
    id: `no-${id}`,
    services: { kind: 'services', ids: [id] },
    media: null,
    segments: null,
    except: { media: ['wired'], segments: null, services: null },
    action: 'block',
    mode: 'enforce',
    reason: null,
    alternative: null,
    during: null,
    place: PLACE,
  }
}

/** Nanoseconds for one decision. */
function measure(policy: Policy, { evidence }: Request): number {
  const prepared = Array.from({ length: 20_000 }, (_, index) => evidence(index))
  const rounds = Array.from({ length: ROUNDS }, () => {
    let blocked = 0
    const start = process.hrtime.bigint()
    for (let i = 0; i < DECISIONS; i++) {
      const next = prepared[i % prepared.length]
      if (next !== undefined && decide(policy, next).action === 'block') blocked++
    }
    const spent = Number(process.hrtime.bigint() - start)
    return blocked > DECISIONS ? Number.NaN : spent / DECISIONS
  })
  return rounds.sort((x, y) => x - y)[ROUNDS >> 1] ?? Number.NaN
}

const table = sizes.map((size) => {
  const start = performance.now()
  const policy = load(size)
  const loaded = Math.round(performance.now() - start)
  const columns = requests.map((request) => [request.of, Math.round(measure(policy, request))])
  return { ...size, 'load ms': loaded, ...Object.fromEntries(columns) }
})
if (process.argv.includes('--json')) console.log(JSON.stringify(table))
else console.table(table)
