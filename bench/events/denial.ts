/** The denial that the benchmarks of the record write, `n` telling one from another. */
import type { TrafficEvent } from '../../rules/events.ts'

const REVISION = `sha256:${'0123456789abcdef'.repeat(4)}`

/** One object for all, as a rule's texts are. */
const REASON = { '': 'Memo 2020-04: conferencing only from fixed-connection computers' }

export function denial(n: number): TrafficEvent {
  const domain = `us${n % 1000}web.zoom.us`
  return {
    action: 'block',
    exchange: '019934b2-7c55-7abc-8def-0123456789ab',
    source: { ip: `10.20.${(n >> 8) & 255}.${n & 255}`, port: 1024 + (n % 60_000) },
    client: { learnt: 'socket', path: [] },
    destination: { domain, ip: null, port: 443 },
    method: 'CONNECT',
    verdict: {
      action: 'block',
      mode: 'enforce',
      segment: { id: 'wifi', medium: 'wireless', shared: false },
      prefix: '10.20.0.0/16',
      service: 'zoom',
      category: 'meeting',
      rule: 'zoom-fixed-only',
      exception: null,
      reason: REASON,
      alternative: null,
      evidence: [{ kind: 'host', value: domain, match: 'zoom.us', service: 'zoom' }],
    },
    policy: { name: 'foreign-office', revision: REVISION },
    because: null,
    ech: false,
    carried: null,
  }
}
