/** The built-in catalogue holds what docs/catalogue.md promises, and a bad catalogue folder is refused with places. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { addressBits, addressFromBytes, parseAddress, prefixContains } from '../../rules/address.ts'
import { readCatalogue } from '../../rules/file/catalog.ts'
import type { ServiceFile } from '../../rules/file/catalog-schema.ts'
import { canonicalHost } from '../../rules/host.ts'
import type { Address, ServiceEntry } from '../../rules/model.ts'

const folder = new URL('../../rules/catalog/', import.meta.url)
const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
const files = new Map(names.map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]))
const { catalogue, problems } = readCatalogue(files)
if (catalogue === null)
  throw new Error(problems.map(({ file, line, message }) => `${file}:${line} ${message}`).join('\n'))
const { services, aliases, canonical } = catalogue

// Read apart from readCatalogue, to check it against. A cast: the schema has accepted these files above.
const raw = (name: string) => parse(files.get(name) ?? '')
const serviceFiles = services.map(({ id }) => raw(`${id}.yaml`) as Partial<ServiceFile>)
type Sourced = Pick<NonNullable<ServiceFile['refresh']>, 'sources'>
const sources = raw('sources.yaml') as Record<string, { date?: string }>
const careful = raw('look-alikes.yaml') as Record<'generic' | 'look_alikes', { names: string[]; why: string }[]>

/** The slow, obvious model: of all names that fit, the longest; `service` is null where that one is shared. */
function lookup(host: string): { name: string; service: string | null } | undefined {
  let best: { name: string; service: string | null } | undefined
  const consider = (name: string, below: boolean, service: string | null) => {
    if (!(host === name || (below && host.endsWith(`.${name}`)))) return
    if (best === undefined || name.length > best.name.length) best = { name, service }
  }
  for (const service of services) {
    for (const name of service.domains) consider(name, true, service.id)
    for (const name of service.hosts) consider(name, false, service.id)
    for (const name of service.sharedDomains) consider(name, true, null)
    for (const name of service.sharedHosts) consider(name, false, null)
  }
  return best
}
const serviceOf = (host: string) => lookup(host)?.service ?? '-'

function serviceAt(text: string): string {
  const address = parseAddress(text)
  if (address === null) throw new Error(`${text} is no address`)
  let best = { length: -1, id: '-' }
  for (const { id, prefixes } of services)
    for (const prefix of prefixes)
      if (prefix.length > best.length && prefixContains(prefix, address)) best = { length: prefix.length, id }
  return best.id
}

const namesOf = (service: ServiceEntry) => [...service.domains, ...service.hosts]
const sharedOf = (service: ServiceEntry) => [...service.sharedDomains, ...service.sharedHosts]

t.test('all 78 services are there, each in a file of its own and in the documentation', async (t) => {
  t.same(problems, [])
  t.equal(services.length, 78)
  t.same(
    services,
    services.toSorted((x, y) => (x.id < y.id ? -1 : 1)),
    'in the order of their ids',
  )
  t.same(
    services
      .map(({ id }) => `${id}.yaml`)
      .concat('sources.yaml', 'look-alikes.yaml')
      .sort(),
    names.sort(),
  )
  const page = readFileSync(new URL('../../docs/catalogue.md', import.meta.url), 'utf8')
  for (const category of ['meeting', 'webinar', 'chat-call', 'infrastructure']) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${category}\` |`)) ?? ''
    const listed = [...row.matchAll(/`([^`]+)`/g)].map(([, id]) => id).slice(1)
    const ids = services.filter((service) => service.category === category).map(({ id }) => id)
    t.same(listed, ids, `docs/catalogue.md lists the services of category ${category}`)
  }
})

t.test('every entry has a date, and every fact has sources that are listed with theirs', async (t) => {
  for (const [id, { date }] of Object.entries(sources)) t.ok(date, `source ${id} has a date`)
  for (const { id, date, domains, hosts, shared, prefixes, ports, renamed, client, refresh } of serviceFiles) {
    t.match(date, /^\d{4}-\d{2}-\d{2}$/, `${id} has a date`)
    const lists: (readonly Sourced[] | undefined)[] = [domains, hosts, shared, prefixes, ports, renamed]
    const facts = [...lists.flatMap((list) => list ?? []), ...[client, refresh].filter((fact) => fact !== undefined)]
    t.ok(facts.length > 0, `${id} has facts`)
    for (const fact of facts)
      t.ok(fact.sources.length > 0 && fact.sources.every((source) => source in sources), `${id} has sources`)
    for (const { as_of } of prefixes ?? []) t.ok(as_of, `the ranges of ${id} are dated`)
  }
})

t.test('every name is canonical and has one meaning', async (t) => {
  const owners = new Map<string, string>()
  for (const service of services) {
    for (const name of [...namesOf(service), ...sharedOf(service)])
      t.same(canonicalHost(name), { kind: 'name', name }, `${name} is canonical`)
    for (const name of namesOf(service)) {
      t.notOk(owners.has(name), `${name} of ${service.id} is in no other place`)
      owners.set(name, service.id)
    }
  }
  for (const service of services)
    for (const name of sharedOf(service)) t.notOk(owners.has(name), `${name} is shared and no service's own`)
  for (const [alias, id] of aliases) t.ok(services.some((service) => service.id === id && service.id !== alias))
})

t.test('the longest name decides', async (t) => {
  const cases: [host: string, service: string][] = [
    ['zoom.us', 'zoom'],
    ['us04web.zoom.us', 'zoom'],
    ['a.b.c.d.zoom.us', 'zoom'],
    ['uni.zoom-x.de', 'zoom'],
    ['trouter.skype.com', 'microsoft-teams'],
    ['go.trouter.skype.com', 'microsoft-teams'],
    ['eu.trouter.skype.com', '-'],
    ['api.teams.skype.com', 'microsoft-teams'],
    ['join.skype.com', 'skype'],
    ['skype.com', '-'],
    ['config.edge.skype.com', '-'],
    ['teams.events.data.microsoft.com', 'microsoft-teams'],
    ['v10.events.data.microsoft.com', '-'],
    ['res.communication.azure.com', 'azure-communication-services'],
    ['stream.meet.google.com', 'google-meet'],
    ['meetings.googleapis.com', 'google-meet'],
    ['storage.googleapis.com', '-'],
    ['meetings.clients6.google.com', 'google-meet'],
    ['www.clients6.google.com', '-'],
    ['accounts.google.com', '-'],
    ['www.gstatic.com', '-'],
    ['workspace.turns.goog', 'google-meet'],
    ['v.ringcentral.com', 'ringcentral'],
    ['events.ringcentral.com', 'ringcentral-events'],
    ['vc.larksuite.com', 'lark'],
    ['docs.larksuite.com', '-'],
    ['weixin.qq.com', 'wechat'],
    ['meeting.qq.com', 'tencent-meeting'],
    ['mail.qq.com', '-'],
    ['app.wire.com', 'wire'],
    ['turn01.de.prod.wire.com', 'wire'],
    ['support.wire.com', '-'],
    ['video.mailbox.org', 'opentalk'],
    ['office.mailbox.org', '-'],
    ['nyc.turn.twilio.com', 'twilio-video'],
    ['api.twilio.com', '-'],
    ['turn.cloudflare.com', '-'],
    ['rtc.live.cloudflare.com', 'cloudflare-realtime'],
    ['slack.com', '-'],
    ['app.cal.com', '-'],
    ['m1.app.chime.aws', 'amazon-chime-sdk'],
    ['riverside.com', 'riverside'],
    ['city.riverside.com', '-'],
    ['accompany.com', '-'],
  ]
  for (const [host, service] of cases) t.equal(serviceOf(host), service, host)
})

t.test('shared names and the generic STUN and TURN servers are never flagged', async (t) => {
  for (const { sharedDomains, sharedHosts } of services) {
    for (const name of [...sharedDomains, ...sharedHosts]) t.equal(lookup(name)?.service, null, name)
    for (const name of sharedDomains) t.equal(lookup(`made-up.${name}`)?.service, null, `below ${name}`)
  }
  t.equal(careful.generic.flatMap(({ names }) => names).length, 9)
  for (const name of careful.generic.flatMap(({ names }) => names))
    t.ok(
      services.some(({ sharedHosts }) => sharedHosts.includes(name)),
      `${name} is shared`,
    )
})

t.test('look-alikes match no service', async (t) => {
  t.equal(careful.look_alikes.length, 14)
  for (const name of careful.look_alikes.flatMap(({ names }) => names)) {
    t.equal(serviceOf(name.replace(/^\*\./, 'made-up.')), '-', name)
    t.equal(serviceOf(name.replace(/^(\*\.)?/, 'www.made-up.')), '-', `below ${name}`)
  }
  for (const service of services) {
    for (const name of namesOf(service)) {
      t.not(lookup(`not${name}`)?.name, name, `not${name}`)
      t.equal(serviceOf(`${name}.made-up.example`), '-', `${name} at the left of another name`)
      t.equal(serviceOf(`${name.replaceAll('.', '-')}.example`), '-', `${name} with hyphens`)
    }
    for (const name of service.hosts) t.not(lookup(`www.${name}`)?.name, name, `a host is only itself: www.${name}`)
  }
})

t.test('ranges match at the width that is published, those of others and of the past do not', async (t) => {
  const cases: [address: string, service: string][] = [
    ['3.7.34.255', '-'],
    ['3.7.35.0', 'zoom'],
    ['3.7.35.127', 'zoom'],
    ['3.7.35.128', 'twilio-video'],
    ['3.7.35.255', 'twilio-video'],
    ['3.7.36.0', '-'],
    ['134.223.255.255', '-'],
    ['134.224.0.0', 'zoom'],
    ['134.224.255.255', 'zoom'],
    ['134.225.0.0', '-'],
    ['192.204.11.255', '-'],
    ['192.204.12.0', 'zoom'],
    ['192.204.13.255', 'zoom'],
    ['192.204.14.0', '-'],
    ['2620:123:1fff:ffff:ffff:ffff:ffff:ffff', '-'],
    ['2620:123:2000::', 'zoom'],
    ['2620:123:20ff:ffff:ffff:ffff:ffff:ffff', 'zoom'],
    ['2620:123:2100::', '-'],
    ['52.84.151.7', '-'],
    ['2600:9000:2600::7', '-'],
    ['3.21.137.128', '-'],
    ['109.94.160.99', '-'],
    ['52.111.255.255', '-'],
    ['52.112.0.0', 'microsoft-teams'],
    ['52.115.255.255', 'microsoft-teams'],
    ['52.120.0.1', '-'],
    ['52.122.0.1', 'microsoft-teams'],
    ['13.107.64.1', '-'],
    ['2603:1063:3ff:ffff:ffff:ffff:ffff:ffff', 'microsoft-teams'],
    ['2603:1063:400::', '-'],
    ['163.129.127.255', 'cisco-webex'],
    ['163.129.128.0', '-'],
    ['142.250.82.255', 'google-meet'],
    ['142.250.83.0', '-'],
    ['74.125.247.128', 'google-meet'],
    ['74.125.247.129', '-'],
    ['149.154.175.50', 'telegram'],
    ['99.77.191.255', 'amazon-chime-sdk'],
    ['157.240.0.61', 'whatsapp'],
    ['157.240.0.62', '-'],
    ['34.192.181.12', '-'],
    ['66.22.192.1', '-'],
    ['147.92.128.1', '-'],
    ['18.195.4.1', '-'],
    ['45.12.196.1', '-'],
  ]
  for (const [address, service] of cases) t.equal(serviceAt(address), service, address)

  for (const { id, prefixes = [] } of serviceFiles) {
    const entry = services.find((service) => service.id === id)
    const matched = prefixes.filter((list) => list.matched).flatMap(({ list }) => list)
    t.same(
      entry?.prefixes.map(({ text }) => text),
      matched,
      `${id} matches its lists at their exact width, and no other`,
    )
    for (const { basis, matched, note } of prefixes) {
      t.equal(matched && basis !== 'vendor-published', false, `${id}: only lists of the vendor are matched`)
      t.ok(matched || note?.startsWith('not matched: '), `${id} says why a list is not matched`)
    }
  }
})

t.test('of every matched range the first and last address are in, their neighbours are not', async (t) => {
  const seen = new Set<string>()
  for (const { id, prefixes } of services)
    for (const prefix of prefixes) {
      t.notOk(seen.has(prefix.text), `${prefix.text} has one service`)
      seen.add(prefix.text)
      const [start = '', length = ''] = prefix.text.split('/')
      const first = addressBits(parseAddress(start) ?? prefix.base)
      const last = first + (1n << (BigInt(prefix.base.family === 4 ? 32 : 128) - BigInt(length))) - 1n
      const has = (bits: bigint) => prefixContains(prefix, addressOf(prefix.base.family, bits))
      t.same([first - 1n, first, last, last + 1n].map(has), [false, true, true, false], `${prefix.text} of ${id}`)
    }
  t.ok(seen.size > 400)
})

function addressOf(family: 4 | 6, bits: bigint): Address {
  const bytes = Array.from({ length: family === 4 ? 4 : 16 }, (_, index) => Number((bits >> BigInt(8 * index)) & 255n))
  return addressFromBytes(Uint8Array.from(bytes.reverse()))
}

t.test('only TCP ports that a proxy is asked for are a service’s own', async (t) => {
  const portsOf = (id: string) => services.find((service) => service.id === id)?.ports
  // Not its UDP ports, and not what Zoom Rooms and Mesh use inside one network.
  t.same(portsOf('zoom'), [
    [80, 80],
    [443, 443],
    [8801, 8802],
  ])
  t.same(portsOf('daily'), [
    [443, 443],
    [40000, 49999],
  ])
  t.same(portsOf('goto-meeting'), [
    [443, 443],
    [3478, 3478],
  ])
  t.same(portsOf('ringcentral'), [
    [443, 443],
    [5060, 5061],
    [5090, 5099],
    [8083, 8083],
  ])
  t.same(portsOf('whereby'), [[443, 443]])
  t.same(portsOf('on24'), [])
})

// ── Other folders ──

const SOURCES = 'memo:\n  kind: vendor doc\n  title: A memo\n  date: 2026-11-23\n'
const SERVICE = [
  'id: meet',
  'name: Meet',
  'vendor: Meet GmbH',
  'country: DE',
  'category: meeting',
  'status: active',
  'date: 2026-11-23',
  'aliases: [meet-now]',
  'domains:',
  '  - { name: meet.example, confidence: high, sources: [memo] }',
  'hosts:',
  '  - { name: join.other.example, confidence: high, sources: [memo] }',
  'shared:',
  '  - { domain: other.example, also: mail, sources: [memo] }',
  'prefixes:',
  '  - basis: vendor-published',
  '    scope: media',
  '    as_of: 2026-10',
  '    matched: true',
  '    sources: [memo]',
  '    list:',
  '      - 192.0.2.0/25',
  '      - 192.0.2.128/25',
  'ports:',
  '  - { proto: tcp, ports: [8443, 440-443, 442-450, 451], use: media, sources: [memo] }',
  'notes:',
  '  - a note',
  '',
].join('\n')
const folderOf = (service: string, more: Record<string, string> = {}) =>
  new Map(Object.entries({ 'sources.yaml': SOURCES, 'meet.yaml': service, ...more }))

t.test('the canonical text says what can change a verdict, whatever the order', async (t) => {
  t.equal(readCatalogue(new Map([...files].reverse())).catalogue?.canonical, canonical)
  const text = (service: string) => readCatalogue(folderOf(service)).catalogue?.canonical
  const swapped = SERVICE.replace('0/25', '@').replace('128/25', '0/25').replace('@', '128/25')
  t.equal(text(swapped), text(SERVICE), 'the order of prefixes does not count')
  t.equal(text(SERVICE.replace('a note', 'another')), text(SERVICE), 'words do not count')
  const changes: [old: string, now: string][] = [
    ['domains:\n  - { name: meet', 'domains:\n  - { name: met'],
    ['join.other', 'joint.other'],
    ['domain: other', 'domain: others'],
    ['domain: other.example', 'host: other.example'],
    ['192.0.2.0/25', '192.0.2.0/26'],
    ['matched: true', 'matched: false\n    note: because'],
    ['category: meeting', 'category: webinar'],
    ['8443', '8444'],
    ['meet-now', 'meet-then'],
  ]
  for (const [old, now] of changes) {
    t.ok(text(SERVICE.replace(old, now)), `${now} is accepted`)
    t.not(text(SERVICE.replace(old, now)), text(SERVICE), `${now} counts`)
  }
  t.same(readCatalogue(folderOf(SERVICE)).catalogue?.services[0]?.ports, [
    [440, 451],
    [8443, 8443],
  ])
  t.same([...(readCatalogue(folderOf(SERVICE)).catalogue?.aliases ?? [])], [['meet-now', 'meet']])
})

t.test('what is wrong with a catalogue is told with its place and remedy', async (t) => {
  const change = (old: string, now: string, more?: Record<string, string>) => folderOf(SERVICE.replace(old, now), more)
  const second = SERVICE.replace('id: meet', 'id: two')
    .replace('[meet-now]', '[]')
    .replace('192.0.2', '198.51.100')
    .replace('192.0.2', '198.51.100')
  const two = (old: string, now: string) =>
    folderOf(SERVICE, { 'two.yaml': second.replaceAll('.example', '.test').replace(old, now) })
  t.same(readCatalogue(two('', '')).problems, [], 'two services that share nothing are fine')
  const cases: [catalogue: Map<string, string>, place: string, message: RegExp][] = [
    [new Map([['meet.yaml', SERVICE]]), 'sources.yaml:1:1', /sources.yaml is missing; add it/],
    [folderOf(''), 'meet.yaml:1:1', /the file is empty/],
    [folderOf('- list'), 'meet.yaml:1:1', /the file must be a map, not a list/],
    [folderOf('[a]: b'), 'meet.yaml:1:1', /this cannot be a key/],
    [change('name: Meet', 'name: [Meet'), 'meet.yaml:3:1', /Flow sequence/],
    [change('name: Meet', 'name: !x Meet'), 'meet.yaml:2:7', /Unresolved tag: !x; .*drop it/],
    [
      change('name: Meet', 'name: Meet\nname: Meet'),
      'meet.yaml:3:1',
      /key "name" is already at meet.yaml:2:1; keep one/,
    ],
    [
      change('name: Meet', 'colour: red\nname: Meet'),
      'meet.yaml:2:1',
      /unknown key "colour"; the keys here are id, name/,
    ],
    [
      change('confidence: high', 'certainty: 1, confidence: high'),
      'meet.yaml:10:27',
      /unknown key "certainty"; the keys here are name, confidence/,
    ],
    [change('vendor: Meet GmbH\n', ''), 'meet.yaml:1:1', /"vendor" is missing; add it/],
    [change('vendor: Meet GmbH', 'vendor: 7'), 'meet.yaml:3:9', /"vendor" must be text, not the number 7/],
    [change('vendor: Meet GmbH', 'vendor: ""'), 'meet.yaml:3:9', /must be text that is not blank/],
    [change('country: DE', 'country: de'), 'meet.yaml:4:10', /must be two capital letters .*, not "de"/],
    [change('category: meeting', 'category: meat'), 'meet.yaml:5:11', /must be one of meeting, .*, not "meat"/],
    [
      change('date: 2026-11-23', 'date: yesterday'),
      'meet.yaml:7:7',
      /must be a date such as 2026-11-23, not "yesterday"/,
    ],
    [change('date: 2026-11-23\n', ''), 'meet.yaml:1:1', /"date" is missing/],
    [change('as_of: 2026-10', 'as_of: soon'), 'meet.yaml:18:12', /must be YYYY-MM-DD, .* not "soon"/],
    [change('id: meet', 'id: Meet'), 'meet.yaml:1:5', /"id" must be lower-case letters/],
    [change('id: meet', 'id: met'), 'meet.yaml:1:5', /the file of service "met" is met.yaml/],
    [
      new Map([
        ['sources.yaml', SOURCES],
        ['none.yaml', SERVICE.replace('id: meet', 'id: none')],
      ]),
      'none.yaml:1:5',
      /reserved/,
    ],
    [
      change('sources: [memo]', 'sources: [memory]'),
      'meet.yaml:10:55',
      /source "memory" is not in sources.yaml; add it/,
    ],
    [change('sources: [memo]', 'sources: []'), 'meet.yaml:10:54', /must not be an empty list/],
    [change(', sources: [memo]', ''), 'meet.yaml:10:5', /"sources" is missing/],
    [change('meet.example', 'Meet.Example.'), 'meet.yaml:10:13', /not in canonical form; write meet.example/],
    [change('meet.example', 'bücher.example'), 'meet.yaml:10:13', /write xn--bcher-kva.example/],
    [change('meet.example', 'meet..example'), 'meet.yaml:10:13', /is no host/],
    [change('meet.example', 'example'), 'meet.yaml:10:13', /whole top-level domain/],
    [change('meet.example', '192.0.2.1'), 'meet.yaml:10:13', /list it under prefixes/],
    [change('join.other', 'meet'), 'meet.yaml:12:13', /stands twice in this file/],
    [change('domain: other', 'domain: meet'), 'meet.yaml:14:15', /stands twice in this file/],
    [change('also: mail', 'host: a.example, also: mail'), 'meet.yaml:14:5', /either domain .* or host, one of the two/],
    [change('192.0.2.0/25', '192.0.2.1/25'), 'meet.yaml:22:9', /192.0.2.0\/25/],
    [change('192.0.2.128/25', '192.0.2.0/25'), 'meet.yaml:23:9', /matched in meet.yaml already/],
    [change('vendor-published', 'historical'), 'meet.yaml:19:14', /set matched to false/],
    [change('matched: true', 'matched: false'), 'meet.yaml:16:5', /add note/],
    [change('matched: true', 'matched: "yes"'), 'meet.yaml:19:14', /must be true or false, not "yes"/],
    [change('8443', '65536'), 'meet.yaml:25:27', /"65536" is no port/],
    [change('8443', '0'), 'meet.yaml:25:27', /"0" is no port/],
    [change('8443', '443.5'), 'meet.yaml:25:27', /"443.5" is no port/],
    [change('440-443', '443-440'), 'meet.yaml:25:33', /"443-440" is no port/],
    [change('8443', 'true'), 'meet.yaml:25:27', /must be a number or text, not true/],
    [change('[meet-now]', '[meet]'), 'meet.yaml:8:11', /"meet" stands for meet already/],
    [change('[meet-now]', '[any]'), 'meet.yaml:8:11', /reserved/],
    [
      two('meet.test', 'meet.example'),
      'two.yaml:10:13',
      /"meet.example" is matched in meet.yaml; a name has one meaning/,
    ],
    [two('meet.test', 'join.other.example'), 'two.yaml:10:13', /"join.other.example" is matched in meet.yaml/],
    [two('meet.test', 'other.example'), 'two.yaml:10:13', /"other.example" is shared in meet.yaml/],
    [two('domain: other.test', 'domain: meet.example'), 'two.yaml:14:15', /"meet.example" is matched in meet.yaml/],
    [two('198.51.100.0/25', '192.0.2.0/25'), 'two.yaml:22:9', /192.0.2.0\/25 is matched in meet.yaml already/],
    [two('aliases: []', 'aliases: [meet-now]'), 'two.yaml:8:11', /"meet-now" stands for meet already/],
    [
      folderOf(SERVICE, { 'sources.yaml': SOURCES.replace('  date: 2026-11-23\n', '') }),
      'sources.yaml:2:3',
      /"date" is missing/,
    ],
    [
      folderOf(SERVICE, { 'sources.yaml': `${SOURCES}A b: {}\n` }),
      'sources.yaml:5:1',
      /"A b" cannot be a key here; it must be lower-case letters/,
    ],
    [folderOf(SERVICE, { 'look-alikes.yaml': 'like: []' }), 'look-alikes.yaml:1:1', /unknown key "like"/],
  ]
  for (const [catalogue, place, message] of cases) {
    const { catalogue: read, problems } = readCatalogue(catalogue)
    const [{ file, line, column, severity, ...first } = { file: '', line: 0, column: 0 }] = problems
    t.match({ at: `${file}:${line}:${column}`, ...first, read }, { at: place, message, read: null }, String(message))
    t.equal(severity, 'error')
  }
  t.same(
    readCatalogue(two('domain: other.test', 'domain: other.example')).problems,
    [],
    'many services may share a name',
  )
  const all = change('country: DE', 'country: de', { 'two.yaml': second.replace('status: active', 'status: no') })
  t.same(
    readCatalogue(all).problems.map(({ file, line }) => `${file}:${line}`),
    ['meet.yaml:4', 'two.yaml:6'],
    'all at once',
  )
})

t.test('a file cut at any byte is accepted or refused with a place, never thrown at', async (t) => {
  const bombs = [
    'a: &a [*a, *a]',
    `a: &a [${'x,'.repeat(99)}]\nb: &b [${'*a,'.repeat(99)}]\nc: [${'*b,'.repeat(99)}]`,
    '{ [a]: b }',
    '__proto__: {}',
    '&a : *a',
  ]
  for (const text of [...bombs, ...Array.from(SERVICE, (_, end) => SERVICE.slice(0, end))]) {
    const { catalogue, problems } = readCatalogue(folderOf(text))
    if (catalogue === null) t.ok(problems.every(({ line, column }) => line >= 1 && column >= 1) && problems.length > 0)
    else t.same(problems, [])
  }
})
