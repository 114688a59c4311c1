// biome-ignore-all format: a case is a line.
/**
 * The one table of decisions: each sentence of the contract's section 1 as cases. Whatever carries a request to `decide`
 * (the function itself, the proxy, the commands) is held to the same rows.
 */

/** Rule files in the form that users write. */
export const POLICIES = {
  /** The contract's own example, a little extended. */
  office: `
version: 1
name: foreign-office
unknown_clients: refuse
segments:
  desks:     { medium: wired,    prefixes: [10.10.0.0/16, "2001:db8:10::/48"] }
  wifi:      { medium: wireless, prefixes: [10.20.0.0/16, 10.21.0.10-10.21.0.99, "2001:db8:20::/48"] }
  atrium:    { medium: wired,    prefixes: [10.20.7.0/24] }
  guests:    { medium: wireless, prefixes: [192.0.2.7], shared: true }
  vpn:       { medium: vpn,      prefixes: [10.99.0.0/16] }
services:
  partner-meet: { name: Partner Meet, category: meeting, domains: [meet.partner.example], hosts: [join.partner.example], prefixes: [198.51.100.0/28], ports: [443, 8443-8445] }
  town-hall: { name: Town Hall, category: webinar, domains: [hall.example] }
groups:
  segments: { roaming: [wifi, vpn] }
rules:
  - { id: experiment, service: any, action: block, mode: off }
  - id: zoom-fixed-only
    service: [zoom, partner-meet]
    except: { medium: wired }
    action: block
    reason: "Memo 2020-04: conferencing only from fixed-connection computers"
    alternative: { en: "Use the dial-in bridge, extension 4711.", de: "Bitte die Telefonkonferenz nutzen, Durchwahl 4711." }
  - { id: guests-no-webex, service: webex, segment: guests, action: block }
  - { id: trial, category: webinar, medium: wireless, action: block, mode: monitor }
  - { id: webinars, category: webinar, action: log }
  - { id: roaming-meetings, category: meeting, segment: roaming, action: log }
otherwise: allow
ip_literals: log
exceptions:
  - { id: g7-prep, rule: zoom-fixed-only, from: [10.20.5.0/24], starts: 2026-12-01T00:00:00+01:00, expires: 2026-12-31T18:00:00+01:00,
      reason: Delegation without desks, ticket: CHG-1234, approver: head of division }
  - { id: guest-day, rule: [guests-no-webex, trial], segment: guests, starts: 2026-12-10T08:00:00Z, expires: 2026-12-10T18:00:00Z,
      reason: Open day, ticket: CHG-1300, approver: head of division }
`,
  /** Every condition of a rule, two at a time. */
  conditions: `
version: 1
unknown_clients: classify
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  lab:   { medium: wired, prefixes: [10.11.0.0/16] }
  wifi:  { medium: wireless, prefixes: [10.20.0.0/16] }
  phones: { medium: mobile, prefixes: [10.30.0.0/16] }
  sensors: { medium: unknown, prefixes: [10.40.0.0/16] }
rules:
  - { id: lab-but-teams, service: any, segment: lab, except: { segment: lab, service: microsoft-teams }, action: block }
  - { id: not-wired-zoom, service: any, medium: [wireless, mobile], except: { medium: wireless, service: [zoom, webex] }, action: log }
  - { id: office-hours, service: google-meet, medium: wired, action: block, during: { days: mon-fri, hours: 08:00-18:00, zone: Europe/Berlin } }
  - { id: night-shift, service: google-meet, segment: desks, action: log, during: { days: [fri], hours: 22:00-06:00, zone: Europe/Berlin } }
  - { id: strangers, service: any, medium: unknown, action: block }
otherwise: log
ip_literals: block
`,
  /** Two rules block the same; an exception lifts one or both. */
  twice: `
version: 1
unknown_clients: refuse
segments:
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
rules:
  - { id: first, service: zoom, action: block }
  - { id: second, service: [zoom, webex], action: block }
  - { id: third, category: meeting, action: log }
exceptions:
  - { id: lifts-first, rule: first, from: 10.20.1.0/24, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }
  - { id: lifts-both, rule: [first, second], from: 10.20.2.0/24, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }
  - { id: lifts-second, rule: second, from: 10.20.3.0/24, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }
  - { id: lifts-third, rule: third, from: 10.20.4.0/24, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }
`,
  /** The ceiling. */
  monitored: `
version: 1
unknown_clients: refuse
mode: monitor
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
rules:
  - { id: zoom-off, service: zoom, action: block, mode: enforce }
  - { id: webex-seen, service: webex, action: log }
  - { id: meet-fine, service: google-meet, action: allow }
otherwise: block
ip_literals: block
exceptions:
  - { id: pilot, rule: zoom-off, from: 10.20.1.0/24, expires: 2026-12-31T00:00:00Z, reason: r, ticket: t, approver: a }
`,
  /** A user's services against the catalogue's. */
  own: `
version: 1
unknown_clients: classify
segments:
  desks: { medium: wired, prefixes: [10.10.0.0/16] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
services:
  webex: { name: Our Webex, category: meeting, domains: [webex.com], prefixes: [198.51.100.0/24] }
  zoom-partner: { name: Partner Zoom, category: chat-call, domains: [partner.zoom.us], hosts: [zoom.com], prefixes: [3.7.35.0/25, 3.235.82.0/25] }
  sign-in: { name: Google sign-in, category: infrastructure, hosts: [accounts.google.com] }
  google-meet: { name: Our Meet, category: meeting, hosts: [meet.google.com] }
  teams: { name: Our Teams, category: meeting, domains: [cdn.cookielaw.org] }
rules:
  - { id: our-webex, service: webex, action: block }
  - { id: cisco, service: cisco-webex, action: log }
  - { id: partner, service: zoom-partner, action: block }
  - { id: sign-in, service: sign-in, action: block }
  - { id: our-meet, service: google-meet, action: block }
  - { id: public, service: zoom, action: log }
`,
} as const

export interface DecisionCase {
  readonly name: string
  readonly policy: keyof typeof POLICIES
  readonly from: string
  /** A target: URL, host, host:port or address. */
  readonly to: string
  /** What the host resolves to. */
  readonly resolved?: string
  readonly sni?: string
  readonly httpHost?: string
  /** RFC 3339; else `AT`, a Wednesday noon. */
  readonly at?: string
  /** `action rule`, and the exception after `by`. */
  readonly want: string
  readonly segment?: string
  readonly service?: string
  readonly mode?: string
}

export const AT = '2026-12-02T11:00:00Z'

const WIFI = '10.20.0.7'
const DESK = '10.10.0.7'

export const DECISIONS: readonly DecisionCase[] = [
  // Segments
  { name: 'a client in a wireless segment is kept off Zoom', policy: 'office', from: WIFI, to: 'us04web.zoom.us:443', want: 'block zoom-fixed-only', segment: 'wifi', service: 'zoom', mode: 'enforce' },
  { name: 'a client at a desk is not', policy: 'office', from: DESK, to: 'https://zoom.us/j/1', want: 'allow otherwise', segment: 'desks', service: 'zoom' },
  { name: 'the longest prefix names the segment', policy: 'office', from: '10.20.7.1', to: 'zoom.us', want: 'allow otherwise', segment: 'atrium' },
  { name: 'an address just past the longer prefix is in the wider one', policy: 'office', from: '10.20.8.0', to: 'zoom.us', want: 'block zoom-fixed-only', segment: 'wifi' },
  { name: 'the first address of a range is in it', policy: 'office', from: '10.21.0.10', to: 'zoom.us', want: 'block zoom-fixed-only', segment: 'wifi' },
  { name: 'the last address of a range is in it', policy: 'office', from: '10.21.0.99', to: 'zoom.us', want: 'block zoom-fixed-only', segment: 'wifi' },
  { name: 'an address past a range is in no segment', policy: 'office', from: '10.21.0.100', to: 'zoom.us', want: 'refuse unknown_clients', segment: 'unknown' },
  { name: 'an IPv6 client has a segment', policy: 'office', from: '2001:db8:20::7', to: 'zoom.us', want: 'block zoom-fixed-only', segment: 'wifi' },
  { name: 'an IPv4-mapped client is the IPv4 client', policy: 'office', from: '::ffff:10.20.0.7', to: 'zoom.us', want: 'block zoom-fixed-only', segment: 'wifi' },
  // Unknown clients
  { name: 'an unknown client is refused', policy: 'office', from: '203.0.113.9', to: 'zoom.us', want: 'refuse unknown_clients', segment: 'unknown', service: 'zoom', mode: 'enforce' },
  { name: 'an unknown client is refused whatever it asks for', policy: 'office', from: '203.0.113.9', to: 'example.org', want: 'refuse unknown_clients', service: 'none' },
  { name: 'an unknown client is refused a bare address', policy: 'office', from: '203.0.113.9', to: '203.0.113.80', want: 'refuse unknown_clients' },
  { name: 'an unknown client is refused under the ceiling too', policy: 'monitored', from: '203.0.113.9', to: 'zoom.us', want: 'refuse unknown_clients', mode: 'enforce' },
  { name: 'an unknown client, classified, has medium unknown', policy: 'conditions', from: '203.0.113.9', to: 'zoom.us', want: 'block strangers', segment: 'unknown' },
  { name: 'a segment can have medium unknown too', policy: 'conditions', from: '10.40.0.1', to: 'zoom.us', want: 'block strangers', segment: 'sensors' },
  { name: 'an unknown client, classified, may use what is not judged', policy: 'conditions', from: '203.0.113.9', to: 'example.org', want: 'allow none', segment: 'unknown' },
  // Names
  { name: 'a domain covers itself', policy: 'office', from: WIFI, to: 'meet.partner.example', want: 'block zoom-fixed-only', service: 'partner-meet' },
  { name: 'a domain covers all below it', policy: 'office', from: WIFI, to: 'a.b.c.meet.partner.example', want: 'block zoom-fixed-only', service: 'partner-meet' },
  { name: 'a domain covers nothing above it', policy: 'office', from: WIFI, to: 'partner.example', want: 'allow none', service: 'none' },
  { name: 'a host covers itself', policy: 'office', from: WIFI, to: 'join.partner.example', want: 'block zoom-fixed-only', service: 'partner-meet' },
  { name: 'a host covers nothing below it', policy: 'office', from: WIFI, to: 'a.join.partner.example', want: 'allow none' },
  { name: 'a look-alike with a longer label is no service', policy: 'office', from: WIFI, to: 'notzoom.us', want: 'allow none' },
  { name: 'a look-alike with a longer end is no service', policy: 'office', from: WIFI, to: 'zoom.us.example.org', want: 'allow none' },
  { name: 'a look-alike with a dash is no service', policy: 'office', from: WIFI, to: 'zoom-us.example', want: 'allow none' },
  { name: 'a look-alike in another script is no service', policy: 'office', from: WIFI, to: 'zооm.us', want: 'allow none' },
  { name: 'upper case is the same name', policy: 'office', from: WIFI, to: 'US04WEB.Zoom.US:443', want: 'block zoom-fixed-only' },
  { name: 'a trailing dot is the same name', policy: 'office', from: WIFI, to: 'zoom.us.', want: 'block zoom-fixed-only' },
  { name: 'full-width letters are the same name', policy: 'office', from: WIFI, to: 'ｚｏｏｍ.us', want: 'block zoom-fixed-only' },
  { name: 'the port does not change the service', policy: 'office', from: WIFI, to: 'zoom.us:8801', want: 'block zoom-fixed-only' },
  { name: 'an alias of the catalogue stands for its service', policy: 'office', from: '192.0.2.7', to: 'meet.webex.com', want: 'block guests-no-webex', service: 'cisco-webex' },
  { name: 'traffic of no service is not judged', policy: 'office', from: WIFI, to: 'example.org', want: 'allow none', service: 'none' },
  // Shared names
  { name: 'a shared name is no evidence', policy: 'office', from: WIFI, to: 'cdn.cookielaw.org', want: 'allow none' },
  { name: 'where a host is known only as shared, its address is no evidence either', policy: 'office', from: WIFI, to: 'cdn.cookielaw.org', resolved: '3.7.35.1', want: 'allow none' },
  { name: 'a name below a shared domain is shared', policy: 'office', from: WIFI, to: 'storage.googleapis.com', resolved: '74.125.250.1', want: 'allow none' },
  { name: "a service's host below a shared domain is its own", policy: 'office', from: WIFI, to: 'meetings.googleapis.com', want: 'log roaming-meetings', service: 'google-meet' },
  { name: 'an SNI counts where the host is shared', policy: 'office', from: WIFI, to: 'cdn.cookielaw.org', sni: 'zoom.us', want: 'block zoom-fixed-only' },
  { name: 'an address counts where only the SNI is shared', policy: 'office', from: WIFI, to: '3.7.35.1', sni: 'cdn.cookielaw.org', want: 'block zoom-fixed-only' },
  // Addresses
  { name: 'a bare address from a phone', policy: 'conditions', from: '10.30.0.1', to: '203.0.113.5', want: 'block ip_literals' },
  { name: 'a bare address is of the service of its prefix', policy: 'office', from: WIFI, to: '3.7.35.127', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'an address past the exact width is its neighbour\'s', policy: 'office', from: WIFI, to: '3.7.35.128', want: 'allow otherwise', service: 'twilio-video' },
  { name: 'an address past the exact width is of no service', policy: 'office', from: WIFI, to: '198.51.100.16', want: 'log ip_literals', service: 'none' },
  { name: 'NAT64 reaches an IPv4 address, and its service', policy: 'office', from: WIFI, to: '[64:ff9b::307:237f]:443', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'NAT64 to an address of no service is a bare address', policy: 'office', from: WIFI, to: '[64:ff9b::5db8:d822]:443', want: 'log ip_literals' },
  { name: 'as what a host resolves to', policy: 'office', from: WIFI, to: 'relay.example.org', resolved: '64:ff9b::307:2301', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'an SNI that NAT64 reaches', policy: 'office', from: WIFI, to: 'example.org', sni: '[64:ff9b::307:2301]', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'another prefix with the same end is no NAT64', policy: 'office', from: WIFI, to: '[2001:4860::307:237f]:443', want: 'log ip_literals' },
  { name: 'what an unknown host resolves to is evidence', policy: 'office', from: WIFI, to: 'relay.example.org', resolved: '3.7.35.1', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'an IPv6 address in brackets is the address', policy: 'office', from: WIFI, to: '[::ffff:198.51.100.1]:443', want: 'block zoom-fixed-only', service: 'partner-meet' },
  // Bare addresses of no service
  { name: 'a bare address from a wireless segment is as ip_literals says', policy: 'office', from: WIFI, to: '203.0.113.80', want: 'log ip_literals', service: 'none' },
  { name: 'a bare address from a VPN too', policy: 'office', from: '10.99.0.1', to: '[2001:db8::80]:443', want: 'log ip_literals' },
  { name: 'a bare address from a wired segment is not judged', policy: 'office', from: DESK, to: '203.0.113.80', want: 'allow none' },
  { name: 'a bare address from an unknown client is judged', policy: 'conditions', from: '203.0.113.9', to: '203.0.113.80', want: 'block ip_literals', service: 'none', mode: 'enforce' },
  { name: 'a host of no service is no bare address, whatever it resolves to', policy: 'conditions', from: WIFI, to: 'example.org', resolved: '203.0.113.80', want: 'allow none' },
  { name: 'a bare address with an SNI is judged as its service too', policy: 'office', from: WIFI, to: '203.0.113.80', sni: 'zoom.us', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'a bare address with an SNI of a service as strict is of that service', policy: 'office', from: WIFI, to: '203.0.113.80', sni: 'webex.com', want: 'log roaming-meetings', service: 'cisco-webex' },
  { name: 'an SNI that is let through does not save a bare address', policy: 'conditions', from: WIFI, to: '203.0.113.80', sni: 'zoom.us', want: 'block ip_literals' },
  { name: 'an SNI of no service does not save a bare address', policy: 'office', from: WIFI, to: '203.0.113.80', sni: 'example.org', want: 'log ip_literals' },
  { name: 'a wired bare address with an SNI is judged as its service', policy: 'conditions', from: '10.11.0.1', to: '203.0.113.80', sni: 'zoom.us', want: 'block lab-but-teams' },
  // Evidence of several services
  { name: 'an SNI counts like a host', policy: 'office', from: WIFI, to: 'example.org', sni: 'us04web.zoom.us', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'the Host of HTTP in a tunnel counts like a host', policy: 'office', from: WIFI, to: 'example.org', httpHost: 'zoom.us', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'so does an address in its place', policy: 'office', from: WIFI, to: 'example.org', httpHost: '3.7.35.1', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'and an address that is the SNI', policy: 'office', from: WIFI, to: 'example.org', sni: '3.7.35.1', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'an address of no service there is no bare address', policy: 'office', from: WIFI, to: 'example.org', httpHost: '203.0.113.80', want: 'allow none' },
  { name: 'the strictest stands: the host logged, the SNI blocked', policy: 'office', from: WIFI, to: 'meet.google.com', sni: 'zoom.us', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'the strictest stands: the host blocked, the SNI logged', policy: 'office', from: WIFI, to: 'zoom.us', sni: 'meet.google.com', want: 'block zoom-fixed-only', service: 'zoom' },
  { name: 'the strictest stands: the host allowed, the address blocked', policy: 'twice', from: WIFI, to: 'hall.example', resolved: '3.7.35.1', want: 'block first' },
  { name: 'a would-block is stricter than a log', policy: 'office', from: WIFI, to: 'meet.google.com', sni: 'hall.example', want: 'would-block trial', service: 'town-hall', mode: 'monitor' },
  { name: 'a log is stricter than an allow', policy: 'monitored', from: WIFI, to: 'meet.google.com', sni: 'webex.com', want: 'log webex-seen' },
  { name: 'an exception for one service does not let another through', policy: 'twice', from: '10.20.2.1', to: 'zoom.us', sni: 'webex.com', httpHost: 'example.org', want: 'except first by lifts-both' },
  { name: 'a log of one service stands over an exception for another', policy: 'twice', from: '10.20.2.1', to: 'zoom.us', sni: 'meet.google.com', want: 'log third', service: 'google-meet' },
  { name: 'a block of one service stands over an exception for another', policy: 'twice', from: '10.20.3.1', to: 'webex.com', sni: 'zoom.us', want: 'block first', service: 'zoom' },
  // Rules
  { name: 'a rule that is off is as if it were not there', policy: 'office', from: DESK, to: 'webex.com', want: 'allow otherwise' },
  { name: 'the first match wins', policy: 'office', from: WIFI, to: 'zoom.us', want: 'block zoom-fixed-only' },
  { name: 'a list of services means any of them', policy: 'office', from: '10.99.0.1', to: 'meet.partner.example', want: 'block zoom-fixed-only' },
  { name: 'a rule by category matches every service of it', policy: 'office', from: DESK, to: 'hall.example', want: 'log webinars', service: 'town-hall' },
  { name: 'a rule by segment matches that segment', policy: 'office', from: '192.0.2.7', to: 'webex.com', want: 'block guests-no-webex', segment: 'guests' },
  { name: 'a rule by segment matches no other of its medium', policy: 'office', from: WIFI, to: 'webex.com', want: 'log roaming-meetings' },
  { name: 'a group stands for its segments', policy: 'office', from: '10.99.0.1', to: 'webex.com', want: 'log roaming-meetings', segment: 'vpn' },
  { name: 'a list of media means any of them', policy: 'conditions', from: '10.30.0.1', to: 'zoom.us', want: 'log not-wired-zoom' },
  { name: 'all that except names holds: outside the rule', policy: 'conditions', from: '10.11.0.1', to: 'teams.microsoft.com', want: 'log otherwise' },
  { name: 'of what except names the service holds not: inside', policy: 'conditions', from: '10.11.0.1', to: 'zoom.us', want: 'block lab-but-teams' },
  { name: 'of what except names the medium and the service hold: outside', policy: 'conditions', from: WIFI, to: 'webex.com', want: 'log otherwise' },
  { name: 'of what except names only the medium holds: inside', policy: 'conditions', from: WIFI, to: 'teams.microsoft.com', want: 'log not-wired-zoom' },
  { name: 'of what except names only the service holds: inside', policy: 'conditions', from: '10.30.0.1', to: 'webex.com', want: 'log not-wired-zoom' },
  { name: 'conferencing that no rule matched is as otherwise says', policy: 'conditions', from: DESK, to: 'zoom.us', want: 'log otherwise', mode: 'enforce' },
  // Modes
  { name: 'a monitored block would block', policy: 'office', from: WIFI, to: 'hall.example', want: 'would-block trial', mode: 'monitor' },
  { name: 'a monitored match ends the search all the same', policy: 'office', from: '192.0.2.7', to: 'hall.example', want: 'would-block trial' },
  { name: 'under the ceiling a block would block', policy: 'monitored', from: DESK, to: 'zoom.us', want: 'would-block zoom-off', mode: 'monitor' },
  { name: 'under the ceiling a log is a log', policy: 'monitored', from: DESK, to: 'webex.com', want: 'log webex-seen', mode: 'monitor' },
  { name: 'under the ceiling an allow is an allow', policy: 'monitored', from: DESK, to: 'meet.google.com', want: 'allow meet-fine' },
  { name: 'the ceiling is over otherwise too', policy: 'monitored', from: DESK, to: 'teams.microsoft.com', want: 'would-block otherwise', mode: 'monitor' },
  { name: 'the ceiling is over ip_literals too', policy: 'monitored', from: WIFI, to: '203.0.113.80', want: 'would-block ip_literals', mode: 'monitor' },
  // During
  { name: 'a rule holds during its hours', policy: 'conditions', from: DESK, to: 'meet.google.com', want: 'block office-hours' },
  { name: 'the first minute counts', policy: 'conditions', from: DESK, to: 'meet.google.com', at: '2026-12-02T07:00:00Z', want: 'block office-hours' },
  { name: 'the second before does not', policy: 'conditions', from: DESK, to: 'meet.google.com', at: '2026-12-02T06:59:59Z', want: 'log otherwise' },
  { name: 'the last second counts', policy: 'conditions', from: DESK, to: 'meet.google.com', at: '2026-12-02T16:59:59Z', want: 'block office-hours' },
  { name: 'the end does not', policy: 'conditions', from: DESK, to: 'meet.google.com', at: '2026-12-02T17:00:00Z', want: 'log otherwise' },
  { name: 'in summer the hours come an hour earlier', policy: 'conditions', from: DESK, to: 'meet.google.com', at: '2026-07-01T06:00:00Z', want: 'block office-hours' },
  { name: 'other days are not meant', policy: 'conditions', from: DESK, to: 'meet.google.com', at: '2026-12-05T11:00:00Z', want: 'log otherwise' },
  { name: 'a span over midnight goes on into the next day', policy: 'conditions', from: DESK, to: 'meet.google.com', at: '2026-12-05T04:59:59Z', want: 'log night-shift' },
  { name: 'a span over midnight belongs to the day it starts on', policy: 'conditions', from: DESK, to: 'meet.google.com', at: '2026-12-04T01:00:00Z', want: 'log otherwise' },
  // Exceptions
  { name: 'before an exception starts its rule stands', policy: 'office', from: '10.20.5.1', to: 'zoom.us', at: '2026-11-30T22:59:59.999Z', want: 'block zoom-fixed-only' },
  { name: 'at its very start an exception is in force', policy: 'office', from: '10.20.5.1', to: 'zoom.us', at: '2026-11-30T23:00:00Z', want: 'except zoom-fixed-only by g7-prep', mode: 'enforce' },
  { name: 'in its last second an exception is in force', policy: 'office', from: '10.20.5.1', to: 'zoom.us', at: '2026-12-31T16:59:59.999Z', want: 'except zoom-fixed-only by g7-prep' },
  { name: 'at its very end it is not', policy: 'office', from: '10.20.5.1', to: 'zoom.us', at: '2026-12-31T17:00:00Z', want: 'block zoom-fixed-only' },
  { name: 'an exception is for its own addresses', policy: 'office', from: '10.20.6.0', to: 'zoom.us', want: 'block zoom-fixed-only' },
  { name: 'an exception lifts a rule that would not match: none is used', policy: 'office', from: '10.20.5.1', to: 'webex.com', want: 'log roaming-meetings' },
  { name: 'traffic of no service uses no exception', policy: 'office', from: '10.20.5.1', to: 'example.org', want: 'allow none' },
  { name: 'an exception can be for a segment', policy: 'office', from: '192.0.2.7', to: 'webex.com', at: '2026-12-10T12:00:00Z', want: 'except guests-no-webex by guest-day' },
  { name: 'an exception for a segment is for no other', policy: 'office', from: WIFI, to: 'hall.example', at: '2026-12-10T12:00:00Z', want: 'would-block trial' },
  { name: 'an exception that lifts a monitored rule is used as well', policy: 'office', from: '192.0.2.7', to: 'hall.example', at: '2026-12-10T12:00:00Z', want: 'except trial by guest-day', mode: 'monitor' },
  { name: 'an exception lifts its rules, no other', policy: 'twice', from: '10.20.1.1', to: 'zoom.us', want: 'block second' },
  { name: 'one that lifts both lets through, and is told by the first', policy: 'twice', from: '10.20.2.1', to: 'zoom.us', want: 'except first by lifts-both' },
  { name: 'one for a later rule does not reach past an earlier one', policy: 'twice', from: '10.20.3.1', to: 'zoom.us', want: 'block first' },
  { name: 'one for the rule that matched lets through', policy: 'twice', from: '10.20.3.1', to: 'webex.com', want: 'except second by lifts-second' },
  { name: 'a lifted log is an exception too', policy: 'twice', from: '10.20.4.1', to: 'meet.google.com', want: 'except third by lifts-third' },
  { name: 'what is let through under the ceiling uses its exception', policy: 'monitored', from: '10.20.1.1', to: 'zoom.us', want: 'except zoom-off by pilot', mode: 'monitor' },
  // A user's services
  { name: "a user's domain beats a built-in one of equal length", policy: 'own', from: DESK, to: 'meet.webex.com', want: 'block our-webex', service: 'webex' },
  { name: "the rest of the catalogue's service is untouched", policy: 'own', from: DESK, to: 'wbx2.com', want: 'log cisco', service: 'cisco-webex' },
  { name: "a user's longer name beats a built-in shorter one", policy: 'own', from: DESK, to: 'a.partner.zoom.us', want: 'block partner', service: 'zoom-partner' },
  { name: 'beside it the built-in name goes on', policy: 'own', from: DESK, to: 'us04web.zoom.us', want: 'log public', service: 'zoom' },
  { name: "a user's host takes the name alone from a built-in domain", policy: 'own', from: DESK, to: 'zoom.com', want: 'block partner' },
  { name: 'and leaves the names below', policy: 'own', from: DESK, to: 'www.zoom.com', want: 'log public' },
  { name: "a user's name beats a shared one", policy: 'own', from: DESK, to: 'accounts.google.com', want: 'block sign-in' },
  { name: "a user's domain beats a shared host of equal length, for the name alone too", policy: 'own', from: DESK, to: 'cdn.cookielaw.org', want: 'allow otherwise', service: 'teams' },
  { name: "a user's prefix beats the built-in one", policy: 'own', from: DESK, to: '3.7.35.1', want: 'block partner' },
  { name: "a user's longer prefix beats a built-in shorter one", policy: 'own', from: DESK, to: '3.235.82.1', want: 'block partner' },
  { name: 'beside it the built-in prefix goes on', policy: 'own', from: DESK, to: '3.235.83.1', want: 'log public' },
  { name: "a user's service replaces the built-in one of its id", policy: 'own', from: DESK, to: 'meet.google.com', want: 'block our-meet' },
  { name: 'as a whole: its other names are of no service', policy: 'own', from: DESK, to: 'tel.meet', want: 'allow none' },
  { name: 'as a whole: its addresses too', policy: 'own', from: DESK, to: '74.125.250.1', want: 'allow none' },
]
