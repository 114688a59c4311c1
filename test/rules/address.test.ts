import IPCIDR from 'ip-cidr'
import t from 'tap'
import {
  addressAfter,
  addressBits,
  addressFromBytes,
  compareAddresses,
  parseAddress,
  parsePrefix,
  parsePrefixes,
  prefixContains,
  prefixEnd,
  quoted,
} from '../../rules/address.ts'
import type { Address, Prefix } from '../../rules/model.ts'
import fc from '../properties.ts'

const byte = fc.nat(255)
const bytes4 = fc.uint8Array({ minLength: 4, maxLength: 4 })
/** Sixteen bytes, many of them 0, so that `::` comes in every place. */
const bytes16 = fc
  .array(fc.oneof(fc.constant([0, 0]), fc.tuple(byte, byte)), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flat()))

/** The prefix, where the test knows that the text is one. */
function prefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

function address(text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === null) throw new Error(text)
  return parsed
}

t.test('an address is read and written in canonical form', async (t) => {
  const cases: readonly (readonly [text: string, canonical: string])[] = [
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['10.20.0.7', '10.20.0.7'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8::A', '2001:db8::a'],
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::1.2.3.4', '::102:304'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::FFFF:0a01:0203', '10.1.2.3'],
    ['0:0:0:0:0:ffff:10.1.2.3', '10.1.2.3'],
    ['0000:0000:0000:0000:0000:ffff:0a01:0203', '10.1.2.3'],
    ['::ffff:255.255.255.255', '255.255.255.255'],
    ['::fffe:10.1.2.3', '::fffe:a01:203'],
    ['::1:ffff:a01:203', '::1:ffff:a01:203'],
  ]
  for (const [text, canonical] of cases) t.equal(parseAddress(text)?.text, canonical, text)
})

t.test('an address has its bits where the model says', async (t) => {
  t.match(parseAddress('255.2.3.4'), { family: 4, a: 0, b: 0, c: 0, d: 0xff020304 })
  t.match(parseAddress('ffff:1:2:3:4:5:fffe:7'), { family: 6, a: 0xffff0001, b: 0x20003, c: 0x40005, d: 0xfffe0007 })
  t.match(parseAddress('::ffff:1.2.3.4'), { family: 4, a: 0, b: 0, c: 0, d: 0x01020304 })
})

t.test('what is no strict address is refused', async (t) => {
  const cases = [
    ...[
      '',
      '.',
      ':',
      ':::',
      '1',
      '1.2.3',
      '1.2.3.4.5',
      '1..3.4',
      '.1.2.3',
      '1.2.3.',
      '1.2.3.4.',
      '256.1.1.1',
      '1.2.3.1000',
    ],
    ...['01.2.3.4', '1.2.3.00', '0x7f.0.0.1', '0x7f000001', '2130706433', '127.1', '1.2.3.4 ', ' 1.2.3.4', '1.2.3.a'],
    ...['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8', '1:2:3:4::5:6:7:8'],
    ...[
      ':1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:',
      '::12345',
      '::g',
      '::/',
      '::@',
      '::`',
      '::-1',
      '1::2:',
      ':1::2',
      '[::1]',
      'fe80::1%eth0',
    ],
    ...[
      '::1.2.3',
      '::1.2.3.4:5',
      '1.2.3.4::',
      '::01.2.3.4',
      '::256.2.3.4',
      '1:2:3:4:5:6:7:1.2.3.4',
      '::1.2.3.4.',
      '1.2.3.4::1',
    ],
    ...['١.2.3.4', '１.2.3.4', '::１', `${'0'.repeat(46)}::1`, '::ffff:0x7f.1', '::ffff:1.2.3.4/128'],
  ]
  for (const text of cases) t.equal(parseAddress(text), null, quoted(text))
})

t.test('addresses from bytes and from their text are the same', async (t) => {
  fc.assert(
    fc.property(fc.oneof(bytes4, bytes16), (bytes) => {
      const made = addressFromBytes(bytes)
      if (JSON.stringify(parseAddress(made.text)) !== JSON.stringify(made)) return false
      let bits = 0n
      for (const byte of bytes) bits = (bits << 8n) | BigInt(byte)
      const isMapped = bytes.length === 16 && bits >> 32n === 0xffffn
      if (addressBits(made) !== (isMapped ? bits & 0xffffffffn : bits)) return false
      // The URL parser writes IPv6 as RFC 5952 §4 does.
      return made.family === 4 || new URL(`http://[${made.text}]/`).hostname === `[${made.text}]`
    }),
    { numRuns: 300 },
  )
  t.equal(addressFromBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1)).text, '192.0.2.1')
  t.equal(
    addressFromBytes(Uint8Array.of(9, 9, 192, 0, 2, 1).subarray(2)).text,
    '192.0.2.1',
    'a view into a larger buffer',
  )
  t.throws(() => addressFromBytes(new Uint8Array(5)), RangeError)
})

t.test('addresses are in order by family, then by number', async (t) => {
  const inOrder = [
    '0.0.0.0',
    '9.255.0.0',
    '10.0.0.0',
    '200.0.0.0',
    '::',
    '::1:0',
    '::1:0:0',
    '0:1::',
    '1::',
    'ffff::',
  ].map(address)
  t.same([...inOrder].reverse().sort(compareAddresses), inOrder)
  t.equal(compareAddresses(address('::ffff:1.2.3.4'), address('1.2.3.4')), 0)
})

t.test('a prefix is read in canonical form, with its last address', async (t) => {
  const cases: readonly (readonly [text: string, canonical: string, last: string])[] = [
    ['10.0.0.0/8', '10.0.0.0/8', '10.255.255.255'],
    ['0.0.0.0/0', '0.0.0.0/0', '255.255.255.255'],
    ['128.0.0.0/1', '128.0.0.0/1', '255.255.255.255'],
    ['192.0.2.6/31', '192.0.2.6/31', '192.0.2.7'],
    ['192.0.2.7/32', '192.0.2.7/32', '192.0.2.7'],
    ['192.0.2.7', '192.0.2.7/32', '192.0.2.7'],
    ['::/0', '::/0', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2001:DB8::/32', '2001:db8::/32', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2001:db8::/33', '2001:db8::/33', '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'],
    ['2001:db8::/64', '2001:db8::/64', '2001:db8::ffff:ffff:ffff:ffff'],
    ['2001:db8::/96', '2001:db8::/96', '2001:db8::ffff:ffff'],
    ['2001:db8::6/127', '2001:db8::6/127', '2001:db8::7'],
    ['2001:db8::7/128', '2001:db8::7/128', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7/128', '2001:db8::7'],
    ['64:ff9b::10.0.0.0/120', '64:ff9b::a00:0/120', '64:ff9b::a00:ff'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8', '10.255.255.255'],
    ['::ffff:a00:0/104', '10.0.0.0/8', '10.255.255.255'],
    ['::ffff:0:0/96', '0.0.0.0/0', '255.255.255.255'],
    ['::ffff:10.0.0.1/128', '10.0.0.1/32', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1/32', '10.0.0.1'],
  ]
  for (const [text, canonical, last] of cases) {
    t.equal(prefix(text).text, canonical, text)
    t.equal(prefix(text).base.text, canonical.split('/')[0], text)
    t.equal(prefixEnd(prefix(text)).text, last, text)
  }
})

t.test('the next address carries over its words, and none follows the last', async (t) => {
  const cases: [text: string, next: string | undefined][] = [
    ['10.0.0.255', '10.0.1.0'],
    ['127.255.255.255', '128.0.0.0'],
    ['255.255.255.255', undefined],
    ['::', '::1'],
    ['2001:db8::ffff:ffff', '2001:db8::1:0:0'],
    ['2001:db8::ffff:ffff:ffff:ffff', '2001:db8:0:1::'],
    ['7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '8000::'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', undefined],
  ]
  for (const [text, next] of cases) t.equal(addressAfter(address(text))?.text, next, text)
})

t.test('a bad prefix or range is refused with its value and the remedy', async (t) => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ['10.0.0.5/8', /^10\.0\.0\.5\/8 has host bits set; write 10\.0\.0\.0\/8$/],
    ['192.0.2.1/31', /write 192\.0\.2\.0\/31$/],
    ['1.0.0.0/0', /write 0\.0\.0\.0\/0$/],
    ['2001:db8::1/64', /write 2001:db8::\/64$/],
    ['8000::1/1', /write 8000::\/1$/],
    ['::ffff:10.0.0.5/104', /write 10\.0\.0\.0\/8$/],
    ['::ffff:10.0.0.0/95', /"::ffff:10\.0\.0\.0\/95" is no prefix.* 96 to 128/],
    ['::ffff:10.0.0.0/129', /96 to 128/],
    ['10.0.0.0/33', /"10\.0\.0\.0\/33" is no prefix.* 0 to 32 for IPv4/],
    ['2001:db8::/129', /0 to 128 for IPv6/],
    ['10.0.0.0/', /0 to 32/],
    ['10.0.0.0/08', /0 to 32/],
    ['10.0.0.0/+8', /0 to 32/],
    ['10.0.0.0/-1', /0 to 32|"10\.0\.0\.0\/-1" is no range/],
    ['10.0.0.0/8 ', /0 to 32/],
    ['10.0.0.0/1e1', /0 to 32/],
    ['10.0.0.0/8/8', /0 to 32/],
    ['10.0.0.0/255.0.0.0', /0 to 32/],
    ['10.0.0/8', /"10\.0\.0" is no IP address; write /],
    ['010.0.0.0/8', /"010\.0\.0\.0" is no IP address/],
    ['fe80::%eth0/64', /"fe80::%eth0" is no IP address.* without brackets or zone/],
    ['[::1]/128', /"\[::1\]" is no IP address/],
    ['', /"" is no IP address/],
    ['10.0.0.9-10.0.0.1', /^10\.0\.0\.9-10\.0\.0\.1 runs backwards; write 10\.0\.0\.1-10\.0\.0\.9$/],
    ['10.0.0.1-2001:db8::1', /mixes IPv4 and IPv6; write /],
    ['10.0.0.1 - 10.0.0.9', /is no range a-b: "10\.0\.0\.1 " is no IP address/],
    ['10.0.0.1-9', /"10\.0\.0\.1-9" is no range a-b: "9" is no IP address/],
    ['10.0.0.1-', /"" is no IP address/],
    ['10.0.0.0/8-11.0.0.0/8', /"10\.0\.0\.0\/8" is no IP address/],
    ['1.1.1.1-1.1.1.2-1.1.1.3', /"1\.1\.1\.2-1\.1\.1\.3" is no IP address/],
  ]
  for (const [text, message] of cases) {
    const problem = parsePrefixes(text)
    t.match(problem, message, text)
    if (!text.includes('-')) t.equal(parsePrefix(text), problem, text)
  }
  t.type(parsePrefix('10.0.0.1-10.0.0.9'), 'string', 'a range is no prefix')
})

t.test('a range is the fewest prefixes that make it up', async (t) => {
  const cases: readonly (readonly [text: string, prefixes: string])[] = [
    ['10.20.0.0/16', '10.20.0.0/16'],
    ['10.21.0.10-10.21.0.10', '10.21.0.10/32'],
    ['10.21.0.10-10.21.0.11', '10.21.0.10/31'],
    ['10.21.0.11-10.21.0.12', '10.21.0.11/32 10.21.0.12/32'],
    ['10.21.0.10-10.21.0.99', '10.21.0.10/31 10.21.0.12/30 10.21.0.16/28 10.21.0.32/27 10.21.0.64/27 10.21.0.96/30'],
    ['10.0.255.255-10.1.0.0', '10.0.255.255/32 10.1.0.0/32'],
    ['127.255.255.255-128.0.0.0', '127.255.255.255/32 128.0.0.0/32'],
    ['0.0.0.0-255.255.255.255', '0.0.0.0/0'],
    ['255.255.255.254-255.255.255.255', '255.255.255.254/31'],
    ['::ffff:10.0.0.0-10.0.0.255', '10.0.0.0/24'],
    ['::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::/0'],
    ['2001:db8::1-2001:db8::4', '2001:db8::1/128 2001:db8::2/127 2001:db8::4/128'],
    ['2001:db8::ffff:ffff-2001:db8::1:0:0', '2001:db8::ffff:ffff/128 2001:db8::1:0:0/128'],
    ['::fffe:ffff:ffff-::1:0:0:0', '::fffe:ffff:ffff/128 ::1:0:0:0/128'],
  ]
  for (const [text, wanted] of cases) {
    const prefixes = parsePrefixes(text)
    t.equal(typeof prefixes === 'string' ? prefixes : prefixes.map(({ text }) => text).join(' '), wanted, text)
  }
})

t.test('a range covers its addresses and no other', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.oneof(fc.tuple(bytes4, bytes4), fc.tuple(bytes16, bytes16)), (ends) => {
        const [first, last] = ends.map((bytes) => addressFromBytes(bytes)).sort(compareAddresses) as [Address, Address]
        if (first.family !== last.family) return true
        const prefixes = parsePrefixes(`${first.text}-${last.text}`)
        if (typeof prefixes === 'string') return false
        let next = addressBits(first)
        for (const part of prefixes) {
          // The gap that may be there: IPv4-mapped addresses.
          if (addressBits(part.base) !== next && !(next >> 32n === 0xffffn && first.family === 6)) return false
          next = addressBits(prefixEnd(part)) + 1n
        }
        return next === addressBits(last) + 1n && prefixes.every((part) => prefix(part.text).text === part.text)
      }),
      { numRuns: 300 },
    ),
  )
})

t.test('prefixes agree with ip-cidr on first and last address', async () => {
  const lengths = fc.nat(128)
  fc.assert(
    fc.property(fc.oneof(bytes4, bytes16), lengths, (bytes, wanted) => {
      const { family, text } = addressFromBytes(bytes)
      const length = family === 4 ? wanted % 33 : wanted
      const other = new IPCIDR(`${text}/${length}`)
      const ours = prefix(`${address(other.start<string>()).text}/${length}`)
      // As numbers: the last address of ::/80 is IPv4-mapped, which as text is an IPv4 address.
      if (addressBits(prefixEnd(ours)) !== BigInt(String(other.end<unknown>({ type: 'bigInteger' })))) return false
      const strict = parsePrefix(`${text}/${length}`)
      return typeof strict === 'string' ? strict.endsWith(`write ${ours.text}`) : strict.text === ours.text
    }),
    { numRuns: 300 },
  )
})

t.test(
  'a prefix contains its first and last address, not the ones beside them, nothing of the other family',
  async (t) => {
    const cases: readonly (readonly [prefix: string, inside: string, outside: string])[] = [
      ['10.20.0.0/16', '10.20.0.0 10.20.255.255', '10.19.255.255 10.21.0.0 ::a14:0'],
      ['192.0.2.6/31', '192.0.2.6 192.0.2.7', '192.0.2.5 192.0.2.8'],
      ['192.0.2.7/32', '192.0.2.7 ::ffff:192.0.2.7', '192.0.2.6 192.0.2.8'],
      ['0.0.0.0/0', '0.0.0.0 255.255.255.255 ::ffff:1.2.3.4', ':: ::1.2.3.4'],
      ['::/0', ':: ffff:: ::1.2.3.4', '0.0.0.0 ::ffff:1.2.3.4'],
      ['2001:db8::6/127', '2001:db8::6 2001:db8::7', '2001:db8::5 2001:db8::8'],
      ['2001:db8::7/128', '2001:db8::7', '2001:db8::6 2001:db8::8 2001:db9::7 2001:db8:1::7 2001:db8:0:0:1::7'],
      ['2001:db8::/33', '2001:db8:: 2001:db8:7fff::', '2001:db8:8000:: 2001:db7:7fff::'],
      ['::ffff:10.0.0.0/104', '10.255.0.1', '11.0.0.0'],
    ]
    for (const [text, inside, outside] of cases) {
      for (const member of inside.split(' ')) t.ok(prefixContains(prefix(text), address(member)), `${text} ${member}`)
      for (const other of outside.split(' ')) t.notOk(prefixContains(prefix(text), address(other)), `${text} ${other}`)
    }
  },
)

t.test('no text makes the readers throw', async (t) => {
  const texts = [
    '::ffff:10.0.0.0/104',
    '1:2:3:4:5:6:255.255.255.255',
    '10.21.0.10-10.21.0.99',
    '2001:db8::1-2001:db8::ffff',
  ]
  const read = (text: string) => [parseAddress(text), parsePrefix(text), parsePrefixes(text)]
  for (const text of texts) {
    for (let at = 0; at <= text.length; at++) {
      t.equal(read(text.slice(0, at)).length, 3)
      t.equal(read(text.slice(at)).length, 3)
    }
  }
  const pieces = fc.string({ unit: fc.constantFrom(...'0123456789abfg:::...//--% '), maxLength: 24 })
  fc.assert(fc.property(fc.oneof(pieces, fc.string({ unit: 'binary' })), (text) => read(text).length === 3))
})

t.test('a quoted value shows what cannot be seen and is cut', async (t) => {
  t.equal(quoted('bücher\n\u202e\u{85}\ud800'), '"bücher\\u{a}\\u{202e}\\u{85}\\u{d800}"')
  t.equal(quoted('x'.repeat(100)), `"${'x'.repeat(80)}…"`)
})
