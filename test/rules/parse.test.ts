import { readFileSync } from 'node:fs'
import t from 'tap'
import { prefixContains } from '../../rules/address.ts'
import { MAX_CSV_LENGTH } from '../../rules/file/csv.ts'
import { parseRuleFile, referencedFiles } from '../../rules/file/parse.ts'
import { resolvePath } from '../../rules/file/paths.ts'
import { jsonSchema } from '../../rules/file/schema.ts'
import { readSegmentsCsv } from '../../rules/file/segments-csv.ts'
import { MAX_YAML_LENGTH, readYaml } from '../../rules/file/yaml-source.ts'
import { parseInstant } from '../../rules/instant.ts'
import type { Prefix, RuleFile } from '../../rules/model.ts'
import { didYouMean, formatProblem, sortProblems } from '../../rules/problems.ts'
import { overlaps, type SegmentPrefix } from '../../rules/tables/overlaps.ts'
import fc from '../properties.ts'
import { BAD_EDITS } from './bad-edits.ts'
import { conforms } from './json-schema.ts'
import { FILES, KNOWN, MAIN, NOW, RULES } from './rule-file.ts'

/** The example with one file's text replaced. */
function parsed(path: string, text: string | null, now = NOW) {
  return parseRuleFile(MAIN, new Map([...FILES, [path, text]]), KNOWN, now)
}

/** The example with `find` in its main file replaced; it must still be right. */
function edited(find: string, put: string): RuleFile {
  const { file, problems } = parseEdited(MAIN, find, put)
  if (file === null) throw new Error(problems.map(formatProblem).join('\n'))
  return file
}

function parseEdited(path: string, find: string, put: string) {
  const text = FILES.get(path) ?? ''
  if (find !== '' && text.split(find).length !== 2) throw new Error(`${find} is not once in ${path}`)
  const files = new Map([...FILES, [path, find === '' ? put : text.replace(find, () => put)]])
  return parseRuleFile(MAIN, files, KNOWN, NOW)
}

const texts = (prefixes: readonly Prefix[] | undefined) => prefixes?.map(({ text }) => text).join(' ')

t.test('the example of the contract is read whole, in the order of its files', async (t) => {
  const { file, problems } = parseRuleFile(MAIN, FILES, KNOWN, NOW)
  t.strictSame(problems, [])
  if (file === null) return t.fail('it was refused')
  const { segments, services, rules, exceptions, tests, ...settings } = file
  const wanted = {
    name: 'foreign-office',
    unknownClients: 'refuse',
    mode: 'enforce',
    otherwise: 'allow',
    ipLiterals: 'log',
  }
  t.strictSame(settings, wanted)
  t.strictSame(
    segments.map(({ id, medium, shared, prefixes }) => `${id} ${medium} ${shared} ${texts(prefixes)}`),
    [
      'desks wired false 10.10.0.0/16 2001:db8:10::/48',
      'wifi wireless false 10.20.0.0/16 10.21.0.10/31 10.21.0.12/30 10.21.0.16/28 10.21.0.32/27 10.21.0.64/27 10.21.0.96/30',
      'guests wireless true 192.0.2.7/32',
      'vpn vpn false 10.99.0.0/16',
      'embassies wired false 198.51.100.0/25 2001:db8:99::/48 198.51.100.128/26',
      'phones mobile false 172.16.0.0/12',
    ],
  )
  t.strictSame(segments.at(-1)?.place, { file: 'conf/segments.yaml', line: 2, column: 3 })
  t.match(services, [
    {
      id: 'partner-meet',
      name: 'Partner Meet',
      domains: ['meet.partner.example'],
      ports: [[443, 443]],
      origin: 'rules',
    },
    {
      id: 'town-hall',
      hosts: ['live.example'],
      domains: ['live.example'],
      ports: [
        [443, 443],
        [8801, 8810],
      ],
    },
  ])
  const bridge = 'Bitte die Telefonkonferenz nutzen, Durchwahl 4711.'
  t.match(rules, [
    {
      id: 'zoom-fixed-only',
      services: { kind: 'services', ids: ['zoom', 'partner-meet'] },
      media: null,
      segments: null,
      except: { media: ['wired'], segments: null, services: null },
      action: 'block',
      mode: 'enforce',
      reason: { '': 'Memo 2020-04: conferencing only from fixed-connection computers' },
      alternative: { en: 'Use the dial-in bridge, extension 4711.', de: bridge },
      during: { days: 31, fromMinute: 480, toMinute: 1080, zone: 'Europe/Berlin' },
      place: { file: MAIN, line: 18, column: 5 },
    },
    {
      services: { kind: 'categories', categories: ['meeting'] },
      media: ['wireless', 'vpn'],
      except: null,
      reason: null,
    },
    {
      services: { kind: 'categories', categories: ['chat-call', 'webinar'] },
      segments: ['phones', 'desks', 'wifi', 'unknown'],
      except: { media: null, segments: ['desks'], services: ['zoom', 'webex'] },
      during: { days: 97, fromMinute: 1320, toMinute: 360 },
    },
  ])
  t.equal(texts(exceptions[0]?.from ?? []), '10.20.5.0/24')
  t.match(exceptions, [
    {
      id: 'g7-prep',
      rules: ['zoom-fixed-only'],
      segments: null,
      startsAt: Date.UTC(2026, 10, 30, 23),
      expiresAt: Date.UTC(2026, 11, 31, 17),
      approver: 'head of division 1-IT-3',
    },
  ])
  t.match(tests, [
    { from: '10.20.0.7', to: 'us04web.zoom.us:443', serverName: null, at: Date.UTC(2026, 11, 2, 10), expect: 'block' },
    { from: '10.10.0.7', to: 'https://zoom.us/j/1', expect: 'allow', rule: null },
  ])
})

for (const [what, rows] of Object.entries(BAD_EDITS)) {
  t.test(`every fault in ${what} is reported with its place and a remedy`, async (t) => {
    for (const [path, find, put, ...wanted] of rows) {
      const { file, problems } = parseEdited(path, find, put)
      t.strictSame(problems.map(formatProblem), wanted, put)
      t.equal(
        file === null,
        wanted.some((line) => line.includes(': error: ')),
        `${put}: refused or not`,
      )
    }
  })
}

t.test('all problems of all files are reported at once, in order', async (t) => {
  const files = new Map<string, string | null>(FILES)
  files.set(
    MAIN,
    RULES.replace('medium: vpn,', 'medium: wlan,').replace('rule: zoom-', 'rule: zom-').replace('zoom, webex', 'zom'),
  )
  files.set('conf/services.yaml', 'services: { town-hall: { category: webinar } }\ntests: {}\n')
  files.set('conf/segments/embassies.csv', 'prefix\n10.0.0.0/99\n\n10.0.0.1/8\n')
  const places = parseRuleFile(MAIN, files, KNOWN, NOW).problems.map(
    ({ file, line, column }) => `${file}:${line}:${column}`,
  )
  t.strictSame(places, [
    'conf/rules.yaml:10:24',
    'conf/rules.yaml:16:28',
    'conf/rules.yaml:39:98',
    'conf/segments/embassies.csv:2:1',
    'conf/segments/embassies.csv:4:1',
    'conf/services.yaml:1:13',
    'conf/services.yaml:1:24',
    'conf/services.yaml:2:8',
  ])
})

t.test('a warning hides no error that stands in the same place', async (t) => {
  const BOM = '\ufeff'
  const { file, problems } = parsed(MAIN, `${BOM}version: 1\nname: x\n`)
  t.equal(file, null)
  t.match(problems.map(formatProblem).join('\n'), `${MAIN}:1:1: error: "unknown_clients" is missing`)
  t.match(problems.map(formatProblem).join('\n'), `${MAIN}:1:1: warning: the file starts with a byte order mark`)
  const files = new Map([...FILES, ['cases.yaml', `${BOM}testz: []\n`]])
  const cases = parseRuleFile(MAIN, files, KNOWN, NOW, ['cases.yaml'])
  t.match(cases.problems.map(formatProblem).join('\n'), 'cases.yaml:1:1: error: unknown key "testz"')
})

t.test('paths in an included file are relative to that file', async (t) => {
  const files = new Map([
    ['a/rules.yaml', 'version: 1\nunknown_clients: refuse\ninclude: b/more.yaml'],
    ['a/b/more.yaml', 'segments: { x: { medium: wired, file: c/x.csv } }'],
    ['a/b/c/x.csv', 'prefix\n192.0.2.0/24'],
  ])
  t.strictSame(referencedFiles('a/b/more.yaml', files.get('a/b/more.yaml') ?? ''), ['a/b/c/x.csv'])
  const { file, problems } = parseRuleFile('a/rules.yaml', files, KNOWN, NOW)
  t.strictSame(problems, [])
  t.equal(texts(file?.segments[0]?.prefixes), '192.0.2.0/24')
})

t.test('files of cases add tests, and nothing that they test', async (t) => {
  const withCases = (text: string | null) =>
    parseRuleFile(MAIN, new Map([...FILES, ['c.yaml', text]]), KNOWN, NOW, ['c.yaml'])
  const good = withCases('tests: [{ from: 10.20.0.9, to: webex.com, expect: log, rule: mobile-conferencing }]')
  t.strictSame(good.problems, [])
  t.match(good.file?.tests.at(-1), {
    from: '10.20.0.9',
    rule: 'mobile-conferencing',
    place: { file: 'c.yaml', line: 1 },
  })
  t.equal(good.file?.tests.length, 3)
  const bad: readonly (readonly [text: string | null, problem: string])[] = [
    ['tests: []\nrules: []', 'c.yaml:2:1: error: unknown key "rules"; the keys here are tests'],
    [
      'tests: [{ from: 10.0.0.1, to: x.example, expect: log, rule: nil }]',
      'c.yaml:1:61: error: unknown rule "nil"; define it, or name one that exists',
    ],
    [null, 'c.yaml:1:1: error: "c.yaml" could not be read; is it there, a file, and readable?'],
  ]
  for (const [text, problem] of bad) t.strictSame(withCases(text).problems.map(formatProblem), [problem])
})

t.test('an id that may stand in what could not be read is no error of its own', async (t) => {
  const messages = (path: string, text: string | null) => parsed(path, text).problems.map(({ message }) => message)
  t.strictSame(messages('conf/segments.yaml', 'segments: [\n').length, 1, 'an included file that is no YAML')
  t.strictSame(
    messages(MAIN, RULES.replace('groups:\n  segments: {', 'groups:\n  segments: 5 #{')).length,
    1,
    'groups of no shape',
  )
  t.strictSame(messages('conf/services.yaml', null).length, 1, 'an included file that is not there')
  t.match(parsed(MAIN, null), {
    file: null,
    problems: [{ file: MAIN, line: 1, column: 1, message: /could not be read/ }],
  })
})

t.test('one value stands for a list of one, and what is left out has its default', async (t) => {
  const text = 'version: 1\nunknown_clients: classify\nsegments: { a: { medium: wired, prefixes: 10.0.0.1 } }\n'
  const rule = 'rules: [{ id: r, service: any, segment: a, medium: vpn, action: log }]\n'
  const exception =
    'exceptions: [{ id: e, rule: r, segment: a, expires: 2026-12-01T00:00:00Z, reason: a, ticket: b, approver: c }]\n'
  const { file, problems } = parseRuleFile('r', new Map([['r', `${text}${rule}${exception}`]]), KNOWN, NOW)
  t.strictSame(problems, [])
  t.match(file, { name: 'rules', mode: 'enforce', otherwise: 'allow', ipLiterals: 'log', services: [], tests: [] })
  t.match(file?.rules, [{ services: { kind: 'any' }, segments: ['a'], media: ['vpn'], mode: 'enforce', during: null }])
  t.match(file?.exceptions, [{ rules: ['r'], from: null, segments: ['a'], startsAt: null }])
})

t.test('days and hours are read as bits and minutes', async (t) => {
  const cases: readonly (readonly [written: string, days: number, from: number, to: number])[] = [
    ['days: mon', 1, 0, 1440],
    ['days: fri-mon', 64 + 32 + 16 + 1, 0, 1440],
    ['days: "sat,sun"', 96, 0, 1440],
    ['days: [tue, thu-fri]', 2 + 8 + 16, 0, 1440],
    ['days: mon-sun', 127, 0, 1440],
    ['hours: 22:00-06:00', 127, 1320, 360],
    ['hours: 22:00-00:00', 127, 1320, 1440],
    ['hours: 22:00-24:00', 127, 1320, 1440],
    ['days: sun, hours: 00:00-00:01', 64, 0, 1],
  ]
  for (const [written, days, fromMinute, toMinute] of cases) {
    const { rules } = edited('days: mon-fri, hours: 08:00-18:00', written)
    t.strictSame(rules[0]?.during, { days, fromMinute, toMinute, zone: 'Europe/Berlin' }, written)
  }
  for (const zone of ['UTC', 'Asia/Kolkata', 'America/Argentina/Buenos_Aires']) {
    t.equal(edited('Europe/Berlin', zone).rules[0]?.during?.zone, zone)
  }
})

t.test('the joiners that languages and emoji need are no hidden characters', async (t) => {
  for (const text of ['می\u200cخواهم', 'क्\u200dष', '👩\u200d💻'])
    t.equal(edited('en: "Use', `fa: "${text}", en: "Use`).rules[0]?.alternative?.fa, text)
})

t.test('what means the same is read the same', async (t) => {
  const domains = edited('[meet.partner.example]', '[MEET.Partner.Example., meet.partner.example]').services[0]?.domains
  t.strictSame(domains, ['meet.partner.example'])
  t.ok(edited('{ en: "Use', '{ EN-gb: "Use').rules[0]?.alternative?.['en-GB'])
  t.equal(edited('expect: block', 'sni: Zoom.US., expect: block').tests[0]?.serverName, 'zoom.us')
  t.equal(edited('rule: zoom-fixed-only }', 'rule: ip_literals }').tests[0]?.rule, 'ip_literals')
  t.equal(edited('from: 10.20.0.7', 'from: "::ffff:10.20.0.7"').tests[0]?.from, '10.20.0.7')
  t.strictSame(edited('medium: [wireless, vpn]', 'medium: [vpn, vpn]').rules[1]?.media, ['vpn'])
  const nested = edited('{ us-vendors: [zoom, webex] }', '{ all: [teams, us-vendors], us-vendors: [webex, teams] }')
  t.strictSame(nested.rules[2]?.except?.services, ['webex', 'teams'])
  const anchored = edited('service: [zoom, partner-meet]', 'service: &both [zoom, partner-meet]')
  t.strictSame(anchored, edited('', RULES))
})

t.test('a service of the catalogue is replaced by one with its id', async (t) => {
  const { services, rules } = edited(
    'partner-meet: { name',
    'zoom: { name: Our Zoom, category: meeting, hosts: z.example }\n  partner-meet: { name',
  )
  t.match(services[0], { id: 'zoom', name: 'Our Zoom', hosts: ['z.example'], origin: 'rules' })
  t.match(rules[0]?.services, { kind: 'services', ids: ['zoom', 'partner-meet'] })
})

t.test('an exception may last 90 days and no second longer, counted from its start or from now', async (t) => {
  const starts = '    starts: 2026-12-01T00:00:00+01:00\n    expires: 2026-12-31T18:00:00+01:00'
  t.equal(edited('2026-12-31T18:00:00+01:00', '2027-03-01T00:00:00+01:00').exceptions.length, 1)
  t.equal(edited(starts, '    expires: 2027-02-21T00:00:00Z').exceptions.length, 1)
  const later = parsed(MAIN, RULES, Date.UTC(2027, 0, 1))
  t.match(later.problems.map(formatProblem), [
    /^conf\/rules.yaml:30:5: warning: exception "g7-prep" has expired at 2026-12-31T18:00:00/,
  ])
  t.equal(later.file?.exceptions.length, 1)
})

t.test('instants are RFC 3339 with an offset', async (t) => {
  const good: readonly (readonly [text: string, at: number])[] = [
    ['2026-12-31T18:00:00+01:00', Date.UTC(2026, 11, 31, 17)],
    ['2026-12-31t18:00:00z', Date.UTC(2026, 11, 31, 18)],
    ['2026-12-31T18:00:00.1239Z', Date.UTC(2026, 11, 31, 18, 0, 0, 123)],
    ['2028-02-29T00:00:00-00:30', Date.UTC(2028, 1, 29, 0, 30)],
  ]
  for (const [text, at] of good) t.equal(parseInstant(text), at, text)
  const bad = [
    '',
    '2026-12-31',
    '2026-12-31T18:00Z',
    '2026-12-31 18:00:00Z',
    '2026-12-31T18:00:00',
    '2027-02-29T00:00:00Z',
  ]
  bad.push(
    '2026-13-01T00:00:00Z',
    '2026-12-31T24:00:00Z',
    '2026-12-31T23:59:60Z',
    '0026-01-01T00:00:00Z',
    '2026-12-31T18:00:00+24:00',
  )
  for (const text of bad) t.type(parseInstant(text), 'string', text)
})

t.test('the files that a rule file names are told, as seen from where it is', async (t) => {
  t.strictSame(referencedFiles(MAIN, RULES), [
    'conf/segments.yaml',
    'conf/services.yaml',
    'conf/segments/embassies.csv',
  ])
  t.strictSame(referencedFiles('r', 'include: a\nsegments: { x: { file: b }, y: 5, z: { file: [c] } }'), ['a', 'b'])
  for (const text of ['', 'include: 5', 'segments: 5', '[', '5', 'include: [', 'segments: { x: }']) {
    t.strictSame(referencedFiles('r', text), [], text)
  }
  const paths: readonly (readonly [file: string, name: string, path: string])[] = [
    ['rules.yaml', 'a.csv', 'a.csv'],
    ['conf/rules.yaml', './a/../b.csv', 'conf/b.csv'],
    ['conf/rules.yaml', '../../a.csv', '../a.csv'],
    ['conf/rules.yaml', '../../../a.csv', '../../a.csv'],
    ['/etc/landline/rules.yaml', '../a.csv', '/etc/a.csv'],
    ['/etc/rules.yaml', '../../../a.csv', '/a.csv'],
    ['conf/rules.yaml', '/srv/a.csv', '/srv/a.csv'],
  ]
  for (const [file, name, path] of paths) t.equal(resolvePath(file, name), path, `${name} in ${file}`)
})

t.test('CSV files are read as spreadsheets write them', async (t) => {
  const { prefixes, problems } = readSegmentsCsv(
    'a',
    '\uFEFF"description",prefix\r\n"a ""b"", c",10.0.0.1,,\r\n\r\n,"10.0.0.4-10.0.0.6"\r\n',
  )
  t.strictSame(problems, [])
  t.equal(texts(prefixes.map(({ prefix }) => prefix)), '10.0.0.1/32 10.0.0.4/31 10.0.0.6/32')
  t.strictSame(
    prefixes.map(({ place }) => `${place.line}:${place.column}`),
    ['2:14', '4:2', '4:2'],
  )
  t.match(
    readSegmentsCsv('a', '\uFEFFprefix,x').problems,
    [{ line: 1, column: 8 }],
    'a byte order mark takes no column',
  )
})

t.test('texts too long to read are refused', async (t) => {
  t.match(readYaml('a', 'x'.repeat(MAX_YAML_LENGTH + 1)).problems, [
    { line: 1, column: 1, message: /^the file has more than 4194304 characters; split it/ },
  ])
  t.match(readSegmentsCsv('a', 'x'.repeat(MAX_CSV_LENGTH + 1)).problems, [
    { line: 1, column: 1, message: /^the file has more than 67108864 characters; split it/ },
  ])
})

// Work that grew with the square of the lines would outlast the time that a test has.
t.test('100,000 lines of CSV load, the doubtful ones too', async (t) => {
  const line = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255},desk ${index}`
  const csv = `prefix,description\n${Array.from({ length: 100_000 }, (_, index) => line(index)).join('\n')}`
  const { file, problems } = parsed('conf/segments/embassies.csv', csv)
  t.equal(file?.segments.find(({ id }) => id === 'embassies')?.prefixes.length, 100_000)
  // Inside 10.0.0.0/8 lie no segments of the example but this one: 10.1.134.159 is the last.
  t.strictSame(problems, [])
  const bad = parsed('conf/segments/embassies.csv', csv.replaceAll(',desk', '/33,desk'))
  t.equal(bad.problems.length, 100_000)
})

t.test('segments inside others are found as a look at all pairs would find them', async () => {
  const prefix = (bits: number, length: number): SegmentPrefix['prefix'] => {
    const d = length === 0 ? 0 : (bits & (-1 << (32 - length))) >>> 0
    return { base: { family: 4, a: 0, b: 0, c: 0, d, text: '' }, length, text: `${d}/${length}` }
  }
  const place = { file: 'a', line: 1, column: 1 }
  const item = fc
    .tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 0, max: 63 }), fc.integer({ min: 0, max: 6 }))
    .map(([segment, bits, length]) => ({ segment, prefix: prefix(bits << 26, length), place }))
  const lists = fc.uniqueArray(item, { selector: ({ prefix }) => prefix.text, maxLength: 20 })
  fc.assert(
    fc.property(lists, (list) => {
      const wanted = new Set<string>()
      for (const inner of list) {
        const around = list.filter((outer) => outer !== inner && prefixContains(outer.prefix, inner.prefix.base))
        const [nearest] = around
          .filter((outer) => outer.prefix.length < inner.prefix.length)
          .sort((x, y) => y.prefix.length - x.prefix.length)
        if (nearest && nearest.segment !== inner.segment) wanted.add(`${inner.segment} in ${nearest.segment}`)
      }
      const found = overlaps(list).map(({ inner, outer }) => `${inner.segment} in ${outer.segment}`)
      return found.length === wanted.size && found.every((pair) => wanted.has(pair))
    }),
    { seed: 2, numRuns: 500 },
  )
})

t.test('the published JSON Schema is that of the code, and knows the example', async (t) => {
  const published = readFileSync(new URL('../../rules/rules.schema.json', import.meta.url), 'utf8')
  t.equal(published, `${JSON.stringify(jsonSchema(), null, 2)}\n`, 'npm run generate')
  const valid = (text: string) => conforms(readYaml('a', text).value, JSON.parse(published))
  t.ok(valid(RULES))
  const edits: readonly (readonly [find: string, put: string])[] = [
    ['version: 1', 'version: 2'],
    ['unknown_clients: refuse\n', ''],
    ['otherwise', 'otherwize'],
    ['  vpn: ', '  VPN: '],
    ['medium: vpn', 'medium: wlan'],
    [',      prefixes: [10.99.0.0/16]', ''],
    ['category: meeting, medium', 'medium'],
    ['category: meeting, medium', 'category: meeting, service: zoom, medium'],
    ['[wireless, vpn]', '[]'],
    ['    from: [10.20.5.0/24]\n', ''],
    ['ticket: CHG-1234', 'ticket: " "'],
    ['ports: [443]', 'ports: [0]'],
    ['{ medium: wired }', '{}'],
    ['days: mon-fri, hours: 08:00-18:00, ', ''],
    ['hours: 08:00-18:00', 'hours: 8-18'],
  ]
  for (const [find, put] of edits) t.notOk(valid(RULES.replace(find, put)), `${find} → ${put}`)
})

t.test('what was meant is the nearest word, if one is near', async (t) => {
  const words = ['service', 'segment', 'sni', 'webex']
  t.equal(didYouMean('sevrice', words), '; did you mean "service"?')
  t.equal(didYouMean('SEGMENTS', words), '; did you mean "segment"?')
  for (const [word, wanted] of [
    ['wifi', 'wireless'],
    ['Deny', 'block'],
    ['meet', 'google-meet'],
  ] as const) {
    t.equal(didYouMean(word, ['wired', 'wireless', 'block', 'google-meet']), `; did you mean "${wanted}"?`)
    t.equal(didYouMean(word, words), '', 'only where it can stand')
  }
  t.equal(didYouMean('sn', words), '; did you mean "sni"?')
  t.equal(didYouMean('wx', words), '')
  t.equal(didYouMean('colour', words), '')
})

t.test('problems come by file, line and column, each once', async (t) => {
  const at = (file: string, line: number, column: number) => ({
    file,
    line,
    column,
    severity: 'error' as const,
    message: 'm',
  })
  const sorted = sortProblems([at('b', 1, 1), at('a', 10, 1), at('a', 2, 10), at('a', 2, 9), at('a', 2, 9)])
  t.strictSame(sorted.map(formatProblem), [
    'a:2:9: error: m',
    'a:2:10: error: m',
    'a:10:1: error: m',
    'b:1:1: error: m',
  ])
})
