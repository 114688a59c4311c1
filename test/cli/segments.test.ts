/** `landline segments` and `landline import`, as an outside program meets them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { check } from '../../cli/check.ts'
import { type ImportFlags, importSegments } from '../../cli/import.ts'
import { type ExitCode, type Io, UsageError } from '../../cli/io.ts'
import { segments } from '../../cli/segments.ts'
import { parseAddress, parsePrefix } from '../../rules/address.ts'
import { prefixesAround, segmentTree } from '../../rules/segment-tree.ts'
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
    `netbox.csv:8:1: error: "Printers", of 1 prefix, is mapped to no segment; say --map 'Printers=SEGMENT:MEDIUM', or =- to leave it out`,
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
    'odd.csv:2:1: error: "255.0.255.0" is no netmask; its ones come before its zeros',
  )
})

t.test('plain CSV with segments and media of its own needs no mapping', async (t) => {
  const file = write('plain.csv', 'Network;x\n')
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
    ['10.11.0.1/16,desks,wired,,', '10.11.0.1/16 has host bits set; write 10.11.0.0/16'],
  ]
  for (const [line, want] of bad) {
    const { code, out, complaints } = await imported({ system: 'csv', file: write('plain.csv', `${text}${line}\n`) })
    t.strictSame([code, out], [1, ''], line)
    t.match(complaints, `plain.csv:6:1: error: ${want}`)
  }
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
  t.strictSame([none.code, none.complaints], [1, 'none.csv:1:1: error: could not be read; is it there, and readable?'])
  t.match(
    (await imported({ system: 'netbox', file: write('no.csv', 'prefix,status,tenant\n') })).complaints,
    'no column "role"; name the column',
  )
  t.match(
    (await imported({ system: 'netbox', file: write('no.csv', 'prefix,role\n"10.0.0.0/8,a\n') })).complaints,
    /^no\.csv:\d+:1: error: this is no CSV/,
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
