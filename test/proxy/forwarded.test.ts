import t from 'tap'
import { isForwardedField, walkForwarded } from '../../proxy/forwarded.ts'
import { parseAddress, parsePrefix, prefixContains } from '../../rules/address.ts'
import type { Address } from '../../rules/model.ts'
import fc from '../properties.ts'

/** The peer is 10.0.0.5; it and these are trusted hops. */
const TRUSTED = ['10.0.0.0/28', '2001:db8:ffff::/48'].map((text) => {
  const prefix = parsePrefix(text)
  if (typeof prefix === 'string') throw new Error(prefix)
  return prefix
})
const isTrusted = (address: Address) => TRUSTED.some((prefix) => prefixContains(prefix, address))
const PEER = parseAddress('10.0.0.5')! // it is one

/** Lines of `x: X-Forwarded-For` and `f: Forwarded` → `address port < path`, or `fault at address < path`. */
function walked(...lines: readonly string[]): string {
  const fields = lines.map((line) => ({
    lower: line.startsWith('x:') ? 'x-forwarded-for' : 'forwarded',
    value: line.slice(2).trim(),
  }))
  const { address, port, path, fault } = walkForwarded(
    [{ lower: 'host', value: '1.2.3.4' }, ...fields],
    PEER,
    isTrusted,
  )
  const from = path.length === 0 ? '' : ` < ${path.join(' ')}`
  return fault === null ? `${address.text} ${port}${from}` : `${fault} at ${address.text}${from}`
}

const cases: readonly (readonly [name: string, lines: readonly string[], want: string])[] = [
  // X-Forwarded-For
  ['one address', ['x: 10.20.0.7'], '10.20.0.7 0 < 10.0.0.5'],
  ['IPv6', ['x: 2001:DB8::7'], '2001:db8::7 0 < 10.0.0.5'],
  ['IPv6 in brackets', ['x: [2001:db8::7]'], '2001:db8::7 0 < 10.0.0.5'],
  ['IPv4-mapped IPv6 is IPv4', ['x: ::ffff:10.20.0.7'], '10.20.0.7 0 < 10.0.0.5'],
  ['with a port', ['x: 10.20.0.7:51234'], '10.20.0.7 51234 < 10.0.0.5'],
  ['IPv6 with a port', ['x: [2001:db8::7]:51234'], '2001:db8::7 51234 < 10.0.0.5'],
  ['what the client wrote is not looked at', ['x: 10.10.0.1, 10.20.0.7'], '10.20.0.7 0 < 10.0.0.5'],
  ['whatever the client wrote', ['x: "\\,;=, unknown, 300.0.0.1, 10.20.0.7'], '10.20.0.7 0 < 10.0.0.5'],
  ['lines are one list', ['x: 10.10.0.1', 'x: 10.20.0.7'], '10.20.0.7 0 < 10.0.0.5'],
  [
    'through trusted hops',
    ['x: 10.10.0.1, 10.20.0.7, 2001:db8:ffff::1, 10.0.0.6'],
    '10.20.0.7 0 < 10.0.0.5 10.0.0.6 2001:db8:ffff::1',
  ],
  [
    'through trusted hops over lines',
    ['x: 10.20.0.7', 'x: 2001:db8:ffff::1', 'x: 10.0.0.6'],
    '10.20.0.7 0 < 10.0.0.5 10.0.0.6 2001:db8:ffff::1',
  ],
  [
    'a trusted hop that the client claims behind an untrusted one',
    ['x: 10.0.0.6, 10.20.0.7'],
    '10.20.0.7 0 < 10.0.0.5',
  ],
  ['empty elements are none', ['x: ,10.20.0.7,,\t, ', 'x: ', 'x: ,'], '10.20.0.7 0 < 10.0.0.5'],
  ['nothing', [], 'missing at 10.0.0.5'],
  ['an empty list', ['x: ', 'x: ,,'], 'missing at 10.0.0.5'],
  ['nothing behind a trusted hop', ['x: 10.0.0.6'], 'missing at 10.0.0.6 < 10.0.0.5'],
  ['unknown, as Squid writes it', ['x: 10.10.0.1, unknown'], 'missing at 10.0.0.5'],
  ['an obfuscated identifier', ['x: 10.10.0.1, _hidden'], 'missing at 10.0.0.5'],
  ['unknown behind a trusted hop', ['x: 10.10.0.1, Unknown, 10.0.0.6'], 'missing at 10.0.0.6 < 10.0.0.5'],
  ['a name', ['x: 10.10.0.1, localhost'], 'malformed at 10.0.0.5'],
  ['a name behind a trusted hop', ['x: 10.10.0.1, client.example, 10.0.0.6'], 'malformed at 10.0.0.6 < 10.0.0.5'],
  ['an octal octet', ['x: 010.20.0.7'], 'malformed at 10.0.0.5'],
  ['two addresses without a comma', ['x: 10.10.0.1 10.20.0.7'], 'malformed at 10.0.0.5'],
  ['a prefix', ['x: 10.20.0.0/16'], 'malformed at 10.0.0.5'],
  ['a port of no number', ['x: 10.20.0.7:http'], 'malformed at 10.0.0.5'],
  ['an empty port', ['x: 10.20.0.7:'], 'malformed at 10.0.0.5'],
  ['a port too large', ['x: 10.20.0.7:65536'], 'malformed at 10.0.0.5'],
  ['IPv4 in brackets', ['x: [10.20.0.7]'], 'malformed at 10.0.0.5'],
  ['a bracket left open', ['x: [2001:db8::7'], 'malformed at 10.0.0.5'],
  ['a zone', ['x: fe80::7%eth0'], 'malformed at 10.0.0.5'],
  ['quotes', ['x: "10.20.0.7"'], 'malformed at 10.0.0.5'],
  ['sixteen hops', [`x: 10.20.0.7${', 10.0.0.6'.repeat(15)}`], `10.20.0.7 0 < 10.0.0.5${' 10.0.0.6'.repeat(15)}`],
  [
    'one hop more',
    [`x: 10.20.0.7${', 10.0.0.6'.repeat(16)}`],
    `malformed at 10.0.0.6 < 10.0.0.5${' 10.0.0.6'.repeat(15)}`,
  ],
  // Forwarded: RFC 7239's own examples (§4, §6, §7.1, §7.4), its documentation addresses being untrusted here
  ['the RFC: obfuscated', ['f: for="_gazonk"'], 'missing at 10.0.0.5'],
  ['the RFC: IPv6 with a port', ['f: For="[2001:db8:cafe::17]:4711"'], '2001:db8:cafe::17 4711 < 10.0.0.5'],
  ['the RFC: several names', ['f: for=192.0.2.60;proto=http;by=203.0.113.43'], '192.0.2.60 0 < 10.0.0.5'],
  ['the RFC: a list', ['f: for=192.0.2.43, for=198.51.100.17'], '198.51.100.17 0 < 10.0.0.5'],
  ['the RFC: an obfuscated port', ['f: for="192.0.2.43:_47011"'], '192.0.2.43 0 < 10.0.0.5'],
  ['the RFC: IPv6 in a list', ['f: for=192.0.2.43, for="[2001:db8:cafe::17]"'], '2001:db8:cafe::17 0 < 10.0.0.5'],
  ['the RFC: unknown on the left', ['f: for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown'], 'missing at 10.0.0.5'],
  ['the RFC: a mixed list', ['f: for=_hidden, for=_SEVKISEK'], 'missing at 10.0.0.5'],
  ['the RFC: a secret', ['f: for=192.0.2.43;by=_SEVKISEK;secret=ruewiu;host="h:1"'], '192.0.2.43 0 < 10.0.0.5'],
  [
    'through trusted hops, over lines',
    ['f: for=10.10.0.1, for=10.20.0.7', 'f: for="[2001:db8:ffff::1]:9", For="10.0.0.6:1"'],
    '10.20.0.7 0 < 10.0.0.5 10.0.0.6 2001:db8:ffff::1',
  ],
  ['names and order do not matter', ['f: proto=https;HOST="a.test";FOR="10.20.0.7:80"'], '10.20.0.7 80 < 10.0.0.5'],
  ['blanks and semicolons too many', ['f: ; for=10.20.0.7 ; proto=http ;;'], '10.20.0.7 0 < 10.0.0.5'],
  ['an escape in a quoted string', ['f: for="10.20.0\\.7";host="a\\"\\\\"'], '10.20.0.7 0 < 10.0.0.5'],
  ['a comma in a quoted string', ['f: for=10.10.0.1, for=10.20.0.7;host="a, for=10.0.0.1"'], '10.20.0.7 0 < 10.0.0.5'],
  ['an element in a quoted string', ['f: host="x\\", for=10.10.0.1;a=\\"";for=10.20.0.7'], '10.20.0.7 0 < 10.0.0.5'],
  ['a quote that the client left open', ['f: for=10.10.0.1;x=", for=10.20.0.7;host="b"'], '10.20.0.7 0 < 10.0.0.5'],
  [
    'a backslash that the client left at the end',
    ['f: for=10.10.0.1;x="\\, for="10.20.0.7:1"'],
    '10.20.0.7 1 < 10.0.0.5',
  ],
  ['no for', ['f: for=10.10.0.1, proto=https;by=10.0.0.5'], 'missing at 10.0.0.5'],
  ['nothing but semicolons', ['f: for=10.10.0.1, ;;'], 'missing at 10.0.0.5'],
  ['an obfuscated identifier with a port', ['f: for="_hidden:80"'], 'missing at 10.0.0.5'],
  ['for twice', ['f: for=10.10.0.1;FOR=10.20.0.7'], 'malformed at 10.0.0.5'],
  ['another name twice', ['f: for=10.20.0.7;by=_a;By=_b'], 'malformed at 10.0.0.5'],
  ['IPv6 without brackets', ['f: for="2001:db8::7"'], 'malformed at 10.0.0.5'],
  ['IPv6 without quotes', ['f: for=[2001:db8::7]'], 'malformed at 10.0.0.5'],
  ['a port without quotes', ['f: for=10.20.0.7:80'], 'malformed at 10.0.0.5'],
  ['a blank before =', ['f: for =10.20.0.7'], 'malformed at 10.0.0.5'],
  ['a blank after =', ['f: for= 10.20.0.7'], 'malformed at 10.0.0.5'],
  ['an empty value', ['f: for='], 'malformed at 10.0.0.5'],
  ['an empty quoted value', ['f: for=""'], 'malformed at 10.0.0.5'],
  ['an obfuscated identifier of nothing', ['f: for=_'], 'malformed at 10.0.0.5'],
  ['a quote left open', ['f: for="10.20.0.7'], 'malformed at 10.0.0.5'],
  ['text after a quoted value', ['f: for="10.20.0.7"x'], 'malformed at 10.0.0.5'],
  ['an address alone', ['f: 10.20.0.7'], 'malformed at 10.0.0.5'],
  // both
  ['both tell the same', ['x: 10.20.0.7', 'f: for=10.20.0.7'], '10.20.0.7 0 < 10.0.0.5'],
  ['both tell the same port', ['x: 10.20.0.7:9', 'f: for="10.20.0.7:9"'], '10.20.0.7 9 < 10.0.0.5'],
  ['one tells a port', ['x: 10.20.0.7', 'f: for="10.20.0.7:9"'], '10.20.0.7 0 < 10.0.0.5'],
  ['both tell nothing', ['x: unknown', 'f: for=_x'], 'missing at 10.0.0.5'],
  ['the client wrote the one that the hop does not', ['f: for=10.10.0.1', 'x: 10.20.0.7'], 'conflict at 10.0.0.5'],
  ['the same the other way round', ['x: 10.10.0.1', 'f: for=10.20.0.7'], 'conflict at 10.0.0.5'],
  [
    'one tells a way that the other does not',
    ['x: 10.20.0.7', 'f: for=10.20.0.7, for=10.0.0.6'],
    'conflict at 10.0.0.5',
  ],
  ['each fails in its own way', ['x: unknown', 'f: for='], 'conflict at 10.0.0.5'],
  ['one is malformed', ['x: 10.20.0.7', 'f: for='], 'conflict at 10.0.0.5'],
  ['one tells nothing', ['x: unknown', 'f: for=10.20.0.7'], 'conflict at 10.0.0.5'],
]

t.test('from right to left through trusted hops to the client, or to where nobody tells', async (t) => {
  for (const [name, lines, want] of cases) t.equal(walked(...lines), want, name)
  t.same(['x-forwarded-for', 'forwarded', 'x-forwarded-host', 'via'].map(isForwardedField), [true, true, false, false])
})

const untrusted = fc
  .tuple(fc.integer({ min: 11, max: 250 }), fc.nat(255), fc.nat(255))
  .map(([a, b, c]) => `${a}.${b}.${c}.1`)
const trusted = fc.oneof(
  fc.nat(15).map((d) => `10.0.0.${d}`),
  fc.constant('2001:db8:ffff::1'),
)
/** Anything that may stand in a field's value, most of it what the readers care for. */
const soup = fc.string({ unit: fc.constantFrom(...',;="\\[]: for10._un\t\xff'), maxLength: 30 })
const quotedString = fc
  .string({ unit: fc.constantFrom(...',;="\\[] a\xff') })
  .map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`)

/** An element as an honest hop writes it, its host being the client's words. */
function element(address: string, host: string, order: number): string {
  const pairs = [`for=${address.includes(':') ? `"[${address}]"` : address}`, `host=${host}`, 'proto=http']
  return [...pairs.slice(order), ...pairs.slice(0, order)].join(';')
}

t.test('nothing that a client sends changes what trusted hops say after it', async () => {
  fc.assert(
    fc.property(
      soup,
      untrusted,
      fc.array(trusted, { maxLength: 4 }),
      fc.array(quotedString, { minLength: 5, maxLength: 5 }),
      fc.nat(2),
      fc.boolean(),
      (invented, client, hops, hosts, order, isOneLine) => {
        const path = ['10.0.0.5', ...hops.toReversed()].join(' ')
        const chain = [client, ...hops]
        const elements = chain.map((address, index) => element(address, hosts[index] ?? '""', order))
        const join = (name: string, list: readonly string[]) =>
          isOneLine ? [`${name}: ${list.join(', ')}`] : list.map((text) => `${name}: ${text}`)
        const want = `${client} 0 < ${path}`
        return (
          walked(...join('x', [invented, ...chain])) === want && walked(...join('f', [invented, ...elements])) === want
        )
      },
    ),
    { numRuns: 2000 },
  )
})

t.test('no text makes it throw, or names a client that no hop told of', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('x:', 'f:'), soup), { maxLength: 4 }), (lines) => {
      const said = walked(...lines.map(([name, text]) => name + text))
      return /^(?:missing|malformed|conflict) at 10\.0\.0\.\d+/.test(said) || / < 10\.0\.0\.5(?: |$)/.test(said)
    }),
    { numRuns: 2000 },
  )
})

// Of such lengths, work that grew with the square would outlast the time that a test has.
t.test('a long list costs no more than its length', async (t) => {
  for (const line of [
    `x: ${',1'.repeat(1_000_000)}`,
    `f: ${'"\\'.repeat(1_000_000)}`,
    `f: ${',;'.repeat(1_000_000)}`,
    `f: ${'\\'.repeat(2_000_000)}"`,
  ]) {
    t.match(walked(line), /^\w+ at /, line.slice(0, 20))
  }
})
