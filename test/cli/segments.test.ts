/** `landline segments` and `landline import`, as an outside program meets them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ExitCode, type Io, UsageError } from '../../cli/io.ts'
import { check } from '../../cli/rules/check.ts'
import { type ImportFlags, importSegments } from '../../cli/rules/import.ts'
import { segments } from '../../cli/rules/segments.ts'
import { parseAddress, parsePrefix } from '../../rules/address.ts'
import { prefixesAround, segmentTree } from '../../rules/tables/segment-tree.ts'
import fc from '../properties.ts'

const RULES = `version: 1
unknown_clients: refuse
segments:
  campus: { medium: wired, prefixes: [10.0.0.0/8, "2001:db8::/32"] }
  wifi: { medium: wireless, prefixes: [10.20.0.0/16] }
  delegates: { medium: wired, prefixes: [10.20.5.0/24, 10.21.0.6-10.21.0.7] }
  guests: { medium: wireless, prefixes: [192.0.2.7], shared: true }
`
const dir = t.testdir({ 'rules.yaml': RULES, 'classify.yaml': RULES.replace('refuse', 'classify') })
const rules = join(dir, 'rules.yaml')
const write = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

async function said(command: (io: Io) => Promise<ExitCode>) {
  const out: string[] = []
  const complaints: string[] = []
  const io: Io = {
    print: (line) => out.push(line),
    complain: (line) => complaints.push(line.replaceAll(`${dir}/`, '')),
    async *lines() {},
    now: () => Date.parse('2026-11-26T12:00:00Z'),
  }
  const code = await command(io)
  return { code, out: out.join('\n'), complaints: complaints.join('\n') }
}

const shown = (file: string, at?: string, json = false) =>
  said((io) => segments({ file, at, catalogue: undefined, json }, io))
const imported = (flags: Partial<ImportFlags> & Pick<ImportFlags, 'system' | 'file'>) =>
  said((io) => importSegments({ map: [], column: undefined, json: false, ...flags }, io))

t.test('the tree of prefixes, each inside those around it', async (t) => {
  const { code, out } = await shown(rules)
  t.equal(code, 0)
  t.equal(
    out,
    `10.0.0.0/8         campus     wired
  10.20.0.0/16     wifi       wireless
    10.20.5.0/24   delegates  wired
  10.21.0.6/31     delegates  wired
192.0.2.7/32       guests     wireless  shared
2001:db8::/32      campus     wired
any other address  none       refused`,
  )
  t.match((await shown(join(dir, 'classify.yaml'))).out, /^any other address +unknown +unknown$/m)
  const json = JSON.parse((await shown(rules, undefined, true)).out)
  t.match(json, { unknown_clients: 'refuse', revision: /^sha256:/ })
  t.strictSame(json.segments[0], { id: 'campus', medium: 'wired', shared: false, prefixes: 2 })
  t.strictSame(
    json.prefixes.map(({ prefix, within }: Record<string, unknown>) => [prefix, within]),
    [
      ['10.0.0.0/8', null],
      ['10.20.0.0/16', '10.0.0.0/8'],
      ['10.20.5.0/24', '10.20.0.0/16'],
      ['10.21.0.6/31', '10.0.0.0/8'],
      ['192.0.2.7/32', null],
      ['2001:db8::/32', null],
    ],
  )
})

t.test('who wins for an address', async (t) => {
  t.equal(
    (await shown(rules, '10.20.5.7')).out,
    `10.20.5.7 is in delegates (wired): 10.20.5.0/24 is the longest prefix around it
  10.20.5.0/24  delegates  wired     wins
  10.20.0.0/16  wifi       wireless
  10.0.0.0/8    campus     wired`,
  )
  t.match((await shown(rules, '::ffff:192.0.2.7')).out, /^192\.0\.2\.7 is in guests \(wireless\): .* only prefix/)
  t.match((await shown(rules, '192.0.2.7')).out, /shared, wins$/)
  const none = 'is in no segment: refused (unknown_clients: refuse)'
  t.strictSame(await shown(rules, '192.0.2.8'), { code: 0, out: `192.0.2.8 ${none}`, complaints: '' })
  t.match((await shown(join(dir, 'classify.yaml'), '::1')).out, /classified as unknown \(unknown_clients: classify\)$/)
  const json = JSON.parse((await shown(rules, '10.20.5.7', true)).out)
  t.match(json, { address: '10.20.5.7', segment: 'delegates', medium: 'wired', shared: false, prefix: '10.20.5.0/24' })
  t.equal(json.prefixes.length, 3)
  t.match(JSON.parse((await shown(rules, '192.0.2.8', true)).out), { segment: 'unknown', prefix: null, prefixes: [] })
  await t.rejects(
    shown(rules, '10.20.5.0/24'),
    new UsageError('--at "10.20.5.0/24" is no address; write one such as 10.20.0.7 or 2001:db8::7'),
  )
  t.equal((await shown(write('bad.yaml', 'version: 2\n'))).code, 1)
})

t.test('the first prefix around an address is the one that a table finds', async (t) => {
  const octets = fc.tuple(
    fc.constantFrom(0, 1),
    fc.constantFrom(0, 128),
    fc.constantFrom(0, 1),
    fc.constantFrom(0, 255),
  )
  const address = octets.map((parts) => parseAddress(parts.join('.'))!)
  const prefix = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([{ text }, length]) => {
    const found = parsePrefix(`${text}/${length}`)
    return typeof found === 'string' ? null : found
  })
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 12 }), address, (prefixes, address) => {
      const given = [...new Map(prefixes.flatMap((one) => (one === null ? [] : [[one.text, one] as const]))).values()]
      const tree = segmentTree([
        { id: 'a', medium: 'wired', shared: false, prefixes: given, place: { file: '', line: 1, column: 1 } },
      ])
      const mask = (length: number) => (length === 0 ? 0 : (-1 << (32 - length)) >>> 0)
      const around = given.filter(({ base, length }) => ((base.d ^ address.d) & mask(length)) === 0)
      const longest = around.sort((x, y) => y.length - x.length)
      const texts = (all: readonly { readonly text: string }[]) => all.map(({ text }) => text).join(' ')
      return texts(prefixesAround(tree, address).map(({ prefix }) => prefix)) === texts(longest)
    }),
  )
  t.pass()
})

const NETBOX = `prefix,status,vrf,role,is_pool,description
10.0.0.0/8,container,,,false,everything
10.10.0.0/16,active,,Desktops,false,"Head office,
floors 1 to 4"
10.20.0.0/16,active,,WLAN,false,
10.20.5.0/24,active,,Desktops,false,Delegates
2001:db8:10::/48,active,,Desktops,false,
10.99.0.0/16,active,,Printers,true,
`
const KINDS = ['Desktops=desks:wired', 'wlan=wifi:wireless']

t.test('a NetBox export becomes segments that the rule file takes as they are', async (t) => {
  const file = write('netbox.csv', NETBOX)
  const { code, out, complaints } = await imported({ system: 'netbox', file, map: [...KINDS, 'Printers=-'] })
  t.equal(code, 0)
  t.equal(
    out,
    `# Made by landline import netbox: change it there, and import again.
segments:
  desks:
    medium: wired
    prefixes:
      - 10.10.0.0/16 # Head office, floors 1 to 4
      - 10.20.5.0/24 # Delegates
      - "2001:db8:10::/48"
  wifi:
    medium: wireless
    prefixes:
      - 10.20.0.0/16`,
  )
  t.equal(
    complaints,
    `netbox.csv:6:1: warning: 10.20.5.0/24 of "desks" lies inside 10.20.0.0/16 of "wifi"; the longer prefix wins there
netbox.csv: left out: 1 row, status container
netbox.csv: left out: 1 row, kind "Printers"`,
  )
  write('segments.yaml', out)
  const including = write('including.yaml', 'version: 1\nunknown_clients: refuse\ninclude: [segments.yaml]\n')
  const checked = await said((io) => check({ file: including, catalogue: undefined, json: true }, io))
  t.match(JSON.parse(checked.out), { ok: true, counts: { segments: 2, prefixes: 4 } })
})

t.test('a kind that nobody mapped imports nothing, and says how to map it', async (t) => {
  const file = write('netbox.csv', NETBOX)
  const { code, out, complaints } = await imported({ system: 'netbox', file, map: [...KINDS, 'Severs=-'] })
  t.strictSame([code, out], [1, ''])
  t.equal(complaints.split('\n')[0], 'netbox.csv:1:1: warning: no prefix is of the kind "severs" that --map names')
  t.match(
    complaints,
    `netbox.csv:8:1: error: "Printers", of 1 prefix, is mapped to no segment; say --map 'Printers=SEGMENT:MEDIUM', or --map 'Printers=-' to leave it out`,
  )
  const all = await imported({ system: 'netbox', file, map: ['*=rest:unknown'] })
  t.match(all.out, /^ {2}rest:\n {4}medium: unknown$/m)
  const json = JSON.parse((await imported({ system: 'netbox', file, json: true })).out)
  t.match(json, { segments: null, left_out: { 'status container': 1 } })
  t.equal(json.problems.length, 3)
})

t.test('an Infoblox export: a header row for each type, masks, and what holds no clients', async (t) => {
  const file = write(
    'infoblox.csv',
    `header-networkcontainer,address*,netmask*,comment
networkcontainer,10.0.0.0,255.0.0.0,all
header-network,address*,netmask*,comment,EA-Medium
network,10.10.0.0,255.255.0.0,Head office,LAN
network,10.20.0.0,255.255.255.128,,WiFi
header-ipv6network,address*,cidr*,comment,EA-Medium
ipv6network,2001:db8:10::,48,,LAN
header-hostrecord,fqdn*,addresses
hostrecord,a.example,10.10.0.1
`,
  )
  const map = ['LAN=desks:wired', 'WiFi=guests:wireless:shared']
  const { code, out, complaints } = await imported({ system: 'infoblox', file, map, column: 'EA-Medium' })
  t.equal(code, 0)
  t.match(
    out,
    `  desks:\n    medium: wired\n    prefixes:\n      - 10.10.0.0/16 # Head office\n      - "2001:db8:10::/48"\n`,
  )
  t.match(out, `  guests:\n    medium: wireless\n    shared: true\n    prefixes:\n      - 10.20.0.0/25`)
  t.match(complaints, 'left out: 1 row, type "networkcontainer"')
  await t.rejects(imported({ system: 'infoblox', file, map }), UsageError)
  const odd = write('odd.csv', 'header-network,address*,netmask*,kind\nnetwork,10.10.0.0,255.0.255.0,LAN\n')
  t.match(
    (await imported({ system: 'infoblox', file: odd, map, column: 'kind' })).complaints,
    'odd.csv:2:9: error: "255.0.255.0" is no netmask; its ones come before its zeros',
  )
})

t.test('plain CSV with segments and media of its own needs no mapping', async (t) => {
  const file = write('plain.csv', 'Net,Segment\n')
  t.match(
    (await imported({ system: 'csv', file })).complaints,
    'plain.csv:1:1: error: the header has no column "prefix"',
  )
  const text = `\uFEFFNetwork,Segment,Medium,Shared,Description
10.10.0.0/16,desks,wired,,
10.21.0.10-10.21.0.11,desks,wired,no,a range
192.0.2.7,guests,wireless,yes,"NAT; 'x'"
10.10.0.0/16,desks,wired,,again
`
  const good = await imported({ system: 'csv', file: write('plain.csv', text) })
  t.equal(good.code, 0)
  t.match(good.out, `      - 10.21.0.10/31 # a range\n`)
  t.match(good.out, `    shared: true\n    prefixes:\n      - 192.0.2.7/32 # NAT; 'x'`)
  t.match(good.complaints, '10.10.0.0/16 is in "desks" at')
  const bad: [line: string, want: string][] = [
    ['10.10.0.0/16,wifi,wireless,,', '10.10.0.0/16 is in "wifi" and in "desks" at'],
    ['10.11.0.0/16,desks,wireless,,', 'segment "desks" is another kind of network at'],
    ['10.11.0.0/16,desks,wi-fi,,', '"wi-fi" is no medium'],
    ['10.11.0.0/16,Desks,wired,,', '"Desks" is no id'],
    ['10.11.0.0/16,unknown,unknown,,', '"unknown" is reserved'],
    ['10.11.0.0/16,desks,wired,WAHR,', 'shared is "WAHR"; write yes or no'],
    [',desks,wired,,', 'this line has no prefix; write one, or drop the line'],
    ['10.11.0.0/16,desks,wired,,Head office, floor 1', 'this line has 6 cells, the header 5'],
    ['10.11.0.1/16,desks,wired,,', '10.11.0.1/16 has host bits set; write 10.11.0.0/16'],
  ]
  for (const [line, want] of bad) {
    const { code, out, complaints } = await imported({ system: 'csv', file: write('plain.csv', `${text}${line}\n`) })
    t.strictSame([code, out], [1, ''], line)
    t.match(complaints, `plain.csv:6:1: error: ${want}`)
  }
})

const NETBOX_HEADER = 'prefix,status,role,description'
const TAKEN: { name: string; system: string; text: string; map?: string[]; column?: string; want: string }[] = [
  {
    name: 'line ends of several kinds in one file hide no line',
    system: 'netbox',
    text: `${NETBOX_HEADER}\r\n10.1.0.0/16,active,LAN,a\n10.2.0.0/16,active,WLAN,b\r10.3.0.0/16,active,LAN,c\r\n`,
    map: ['LAN=a1:wired', 'WLAN=b1:wireless'],
    want: 'a1 wired 10.1.0.0/16 10.3.0.0/16; b1 wireless 10.2.0.0/16',
  },
  {
    name: 'a table as NetBox shows it, with kinds of any letters',
    system: 'netbox',
    text: 'Prefix,Status,VRF,Role\n10.0.0.0/8,Container,,\n10.1.0.0/16,Active,,"Bu\u0308ro, Etage 1: LAN=fest"\n10.2.0.0/16,Reserved,,"5"" Rack"\n',
    map: ['büro, etage 1: lan=fest=a1:wired', '5" Rack=b1:wired'],
    want: 'a1 wired 10.1.0.0/16; b1 wired 10.2.0.0/16',
  },
  {
    name: 'semicolons, as spreadsheets write them, blank rows and cells too',
    system: 'csv',
    text: '\uFEFFPrefix;Segment;Medium\r\n;;\r\n\r\n10.1.0.0/16;a1;wired;;\r\n',
    want: 'a1 wired 10.1.0.0/16',
  },
  {
    name: 'tabs, with an empty cell',
    system: 'csv',
    text: 'network\tvlan\tsegment\tmedium\n10.1.0.0/16\t\ta1\twired\n \t\t\t\n',
    want: 'a1 wired 10.1.0.0/16',
  },
  {
    name: 'types of Infoblox with any name, and a second header of the same type',
    system: 'infoblox',
    text: 'header-constructor,x\nconstructor,1\nheader-network,address*,netmask*,Kind\nnetwork,10.1.0.0,255.255.0.0,LAN\nHEADER-Network,Kind,netmask*,address*\nnetwork,LAN,/16,10.2.0.0\n',
    map: ['LAN=a1:wired'],
    column: 'kind',
    want: 'a1 wired 10.1.0.0/16 10.2.0.0/16',
  },
]

t.test('an export is taken whole', async (t) => {
  for (const { name, text, want, ...flags } of TAKEN) {
    const { code, out } = await imported({ ...flags, file: write('taken.csv', text), json: true })
    const all = Object.entries<{ medium: string; prefixes: string[] }>(JSON.parse(out).segments ?? {})
    t.equal(code, 0, name)
    t.equal(all.map(([id, { medium, prefixes }]) => [id, medium, ...prefixes].join(' ')).join('; '), want, name)
  }
})

t.test('an export that could be taken for something else is refused', async (t) => {
  const netbox = (text: string) => ({ system: 'netbox', text, map: ['*=a1:wired'] })
  const infoblox = (text: string) => ({ system: 'infoblox', text, map: ['*=a1:wired'], column: 'kind' })
  const notUtf8 = 'these bytes are not UTF-8, so what they say is lost; save the file as "CSV UTF-8"'
  const cases: { system: string; text: string | Buffer; map: string[]; column?: string; want: string }[] = [
    {
      ...netbox('prefix,role\n10.0.0.0/8,LAN\n'),
      want: '1:1: error: the header has no column "status"; export it too',
    },
    { ...netbox('prefix,status,role,role\n'), want: '1:1: error: column "role" of the header is there twice' },
    {
      ...netbox(`${NETBOX_HEADER}\n10.1.0.0/16,active,Head office, floor 1,WLAN\n`),
      want: '2:1: error: this line has 5 cells',
    },
    {
      ...netbox(`vrf,${NETBOX_HEADER}\n,10.1.0.0/16,active,LAN,"two\nlines"\n,10.2.0.1/16,active,LAN,\n`),
      want: '4:2: error: 10.2.0.1/16 has host bits set',
    },
    { ...netbox(`${NETBOX_HEADER}\n`), want: '1:1: error: nothing is left to import' },
    {
      ...netbox(`${NETBOX_HEADER}\n10.1.0.0/16,active,LAN,\n`),
      map: ['LAN=-'],
      want: '1:1: error: nothing is left to import',
    },
    {
      ...netbox(''),
      text: Buffer.from(`${NETBOX_HEADER}\r\n10.1.0.0/16,active,B\xfcro\r\n`, 'latin1'),
      want: `2:1: error: ${notUtf8}`,
    },
    { ...netbox(''), text: Buffer.from(`\uFEFF${NETBOX_HEADER}\n`, 'utf16le'), want: `1:1: error: ${notUtf8}` },
    { ...netbox(''), text: Buffer.from(`${NETBOX_HEADER}\n`, 'utf16le'), want: `1:1: error: ${notUtf8}` },
    { ...netbox('x'.repeat(64 * 1024 * 1024 + 1)), want: '1:1: error: the file is longer than' },
    {
      ...netbox(`${NETBOX_HEADER}\n10.1.0.0/16,active,LAN,5" rack\n`),
      want: '2:1: error: a double quote stands inside a cell',
    },
    { ...infoblox('network,10.0.0.0\n'), want: '1:1: error: no header row such as' },
    {
      ...infoblox('network,10.0.0.0,255.0.0.0,LAN\nheader-network,address*,netmask*,kind\n'),
      want: '1:1: error: no row "header-network" comes before this one',
    },
    {
      ...infoblox('header-network,address*,kind\nnetwork,10.0.0.0,LAN\n'),
      want: '1:1: error: the header has no column "netmask"',
    },
  ]
  for (const { text, want, ...flags } of cases) {
    // Read as CSV whatever its name says.
    writeFileSync(join(dir, 'refused.txt'), text)
    const { code, out, complaints } = await imported({ ...flags, file: join(dir, 'refused.txt') })
    t.strictSame([code, out], [1, ''], want)
    t.match(complaints, `refused.txt:${want}`)
  }
})

t.test('what is left out inside a segment is told: its clients are in that segment all the same', async (t) => {
  const rows = [
    '10.0.0.0/8,LAN',
    '10.20.0.0/16,Servers',
    '10.20.1.0/24,LAN',
    '10.20.1.4/32,Servers',
    '11.0.0.0/8,Servers',
  ]
  const file = write('hole.csv', `prefix,status,role\n${rows.join('\n').replaceAll(',', ',active,')}\n`)
  const { code, complaints } = await imported({ system: 'netbox', file, map: ['LAN=desks:wired', 'Servers=-'] })
  t.equal(code, 0)
  t.equal(
    complaints,
    `hole.csv:3:1: warning: 10.20.0.0/16 of kind "Servers" (and 1 more of its prefixes) is left out, but lies inside 10.0.0.0/8 of "desks", and so counts as that; map it to a segment of its own
hole.csv: left out: 3 rows, kind "Servers"`,
  )
})

t.test('what is told is bounded, and fit for a terminal', async (t) => {
  const rows = Array.from({ length: 300 }, (_, index) => `10.0.${index % 256}.0/24,active,Kind ${index}`)
  const many = write('many.csv', `prefix,status,role\n${rows.join('\n')}\n`)
  const unmapped = (await imported({ system: 'netbox', file: many })).complaints.split('\n')
  t.equal(unmapped.length, 101)
  t.equal(unmapped.at(-1), 'many.csv:101:1: error: and 200 more errors below')
  const left = await imported({ system: 'netbox', file: many, map: ['*=-', 'Kind 0=a1:wired'] })
  t.equal(left.complaints.split('\n').at(-1), 'many.csv: left out: 249 rows, for other reasons')
  const odd = write('odd.csv', 'prefix,segment\n10.0.0.0/8,"\u001b[31m\nx"\n')
  t.equal(
    (await imported({ system: 'csv', file: odd })).complaints,
    `odd.csv:2:1: error: "\\u{1b}[31m\\u{a}x", of 1 prefix, is mapped to no segment; say --map 'KIND=SEGMENT:MEDIUM', or --map 'KIND=-' to leave it out`,
  )
})

t.test('a rule file takes what is printed, however much was said of each prefix', async (t) => {
  const including = write('including.yaml', 'version: 1\nunknown_clients: refuse\ninclude: [segments.yaml]\n')
  const takes = async (out: string) => {
    write('segments.yaml', out)
    const checked = await said((io) => check({ file: including, catalogue: undefined, json: true }, io))
    return JSON.parse(checked.out).counts?.prefixes
  }
  const csv = (count: number, words: string) =>
    Array.from({ length: count }, (_, index) => `10.${index >> 8}.${index & 255}.0/24,desks,wired,${words}`)
  const cut = write('cut.csv', `prefix,segment,medium,description\n${csv(1, `${'x'.repeat(118)}😀😀`)}\n`)
  // As it is once it is in a file: half a character would be none.
  const { out } = await imported({ system: 'csv', file: cut })
  t.equal(await takes(Buffer.from(out).toString()), 1)
  t.match(out, /x{118}…$/)
  const long = write('long.csv', `prefix,segment,medium,description\n${csv(32_000, 'x'.repeat(120)).join('\n')}\n`)
  const short = await imported({ system: 'csv', file: long })
  t.match(short.complaints, 'long.csv:1:1: warning: with descriptions the segments have more than 4194304 characters')
  t.equal(await takes(short.out), 32_000)
})

t.test('mistakes in how it is called', async (t) => {
  const file = write('netbox.csv', NETBOX)
  const cases: [flags: Partial<ImportFlags>, want: string][] = [
    [{ system: 'netbx' }, '"netbx" is none of netbox, infoblox, csv; did you mean'],
    [{ map: ['Desktops'] }, '--map: "Desktops" is no mapping; write KIND=SEGMENT:MEDIUM'],
    [{ map: ['a=desks:lan'] }, '"lan" is no medium; did you mean "wired"?'],
    [{ map: ['a=desks:wired', 'A=desks:wired'] }, '"A" is mapped twice'],
    [{ map: ['a=desks:wired', 'b=desks:wireless'] }, 'segment "desks" is wired in one mapping and wireless in another'],
    [{ map: ['a=My desks:wired'] }, '"My desks" is no id'],
  ]
  for (const [flags, want] of cases) {
    const error = await imported({ system: 'netbox', file, ...flags }).catch((error: unknown) => error)
    t.ok(error instanceof UsageError, want)
    t.match(String(error), want)
  }
  const none = await imported({ system: 'netbox', file: join(dir, 'none.csv') })
  t.strictSame(
    [none.code, none.complaints],
    [1, 'none.csv:1:1: error: could not be read; is it there, a file, and readable?'],
  )
  t.match(
    (await imported({ system: 'netbox', file: write('no.csv', 'prefix,status,tenant\n') })).complaints,
    'no column "role"; name the column',
  )
  t.match(
    (await imported({ system: 'netbox', file: write('no.csv', 'prefix,status,role\n"10.0.0.0/8,a\n') })).complaints,
    /^no\.csv:2:1: error: a double quote is opened here and never closed/,
  )
  t.match(
    (await imported({ system: 'netbox', file: write('no.csv', '') })).complaints,
    'no.csv:1:1: error: the file is empty',
  )
})

t.test('no words of an export become anything but a comment', async (t) => {
  const awkward = fc.string({
    unit: fc.constantFrom('a', '#', ':', '\n', '\r', '"', "'", '\u2028', '\u202e', '\u0085', '- ', '}'),
    maxLength: 30,
  })
  await fc.assert(
    fc.asyncProperty(fc.array(awkward, { minLength: 1, maxLength: 5 }), async (descriptions) => {
      const rows = descriptions.map((text, index) => `10.${index}.0.0/16,desks,wired,"${text.replaceAll('"', '""')}"`)
      const file = write('words.csv', `prefix,segment,medium,description\n${rows.join('\n')}\n`)
      const { out } = await imported({ system: 'csv', file })
      write('segments.yaml', out)
      const checked = await said((io) =>
        check({ file: join(dir, 'including.yaml'), catalogue: undefined, json: true }, io),
      )
      const { ok, problems, counts } = JSON.parse(checked.out)
      return ok === true && problems.length === 0 && counts.prefixes === rows.length
    }),
    { numRuns: 100 },
  )
  t.pass()
})
