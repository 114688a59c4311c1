/** The contract's example rule file with the files that it names, as one good input for the tests of the parser. */
import type { Category } from '../../rules/model.ts'

export const MAIN = 'conf/rules.yaml'

export const RULES = `version: 1
name: foreign-office
include: [segments.yaml, services.yaml]
unknown_clients: refuse
mode: enforce
segments:
  desks:     { medium: wired,    prefixes: [10.10.0.0/16, "2001:db8:10::/48"] }
  wifi:      { medium: wireless, prefixes: [10.20.0.0/16, 10.21.0.10-10.21.0.99] }
  guests:    { medium: wireless, prefixes: [192.0.2.7], shared: true }
  vpn:       { medium: vpn,      prefixes: [10.99.0.0/16] }
  embassies: { medium: wired,    file: segments/embassies.csv }
services:
  partner-meet: { name: Partner Meet, category: meeting, domains: [meet.partner.example], hosts: [], prefixes: [], ports: [443] }
groups:
  segments: { berlin: [desks, wifi] }
  services: { us-vendors: [zoom, webex] }
rules:
  - id: zoom-fixed-only
    service: [zoom, partner-meet]
    except: { medium: wired }
    action: block
    mode: enforce
    reason: "Memo 2020-04: conferencing only from fixed-connection computers"
    alternative: { en: "Use the dial-in bridge, extension 4711.", de: "Bitte die Telefonkonferenz nutzen, Durchwahl 4711." }
    during: { days: mon-fri, hours: 08:00-18:00, zone: Europe/Berlin }
  - { id: mobile-conferencing, category: meeting, medium: [wireless, vpn], action: log }
otherwise: allow
ip_literals: log
exceptions:
  - id: g7-prep
    rule: [zoom-fixed-only]
    from: [10.20.5.0/24]
    starts: 2026-12-01T00:00:00+01:00
    expires: 2026-12-31T18:00:00+01:00
    reason: Delegation without desks
    ticket: CHG-1234
    approver: head of division 1-IT-3
tests:
  - { from: 10.20.0.7, to: "us04web.zoom.us:443", at: 2026-12-02T10:00:00Z, expect: block, rule: zoom-fixed-only }
  - { from: 10.10.0.7, to: "https://zoom.us/j/1", expect: allow, at: 2026-12-02T10:00:00Z }
`

const SEGMENTS = `segments:
  phones:
    medium: mobile
    prefixes: 172.16.0.0/12
rules:
  - id: phones-no-calls
    category: [chat-call, webinar]
    segment: [phones, berlin, unknown]
    except: { segment: desks, service: us-vendors }
    action: block
    during: { days: [sat, "sun,mon"], hours: 22:00-06:00, zone: UTC }
`

const SERVICES = `services:
  town-hall: { name: Town Hall, category: webinar, hosts: live.example, domains: [live.example], ports: [443, 8801-8810] }
`

const EMBASSIES = `prefix,description
198.51.100.0/25,"Rome, Italy"
2001:db8:99::/48,Oslo
198.51.100.128-198.51.100.191,
`

/** All texts of the example, by path. */
export const FILES: ReadonlyMap<string, string> = new Map([
  [MAIN, RULES],
  ['conf/segments.yaml', SEGMENTS],
  ['conf/services.yaml', SERVICES],
  ['conf/segments/embassies.csv', EMBASSIES],
])

export const KNOWN: ReadonlyMap<string, Category> = new Map([
  ['zoom', 'meeting'],
  ['webex', 'meeting'],
  ['teams', 'meeting'],
])

export const NOW = Date.UTC(2026, 10, 23)
