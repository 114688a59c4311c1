import t from 'tap'
import { MAX_PROXY_HEADER_BYTES, type ProxyHeader, parseProxyHeader } from '../../proxy/proxy-protocol.ts'
import { addressFromBytes } from '../../rules/address.ts'
import fc from '../properties.ts'

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const LOCAL = 0x20
const PROXY = 0x21
const NEXT = Buffer.from('CONNECT zoom.us:443 HTTP/1.1\r\n\r\n', 'latin1')

function v1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** A version 2 header: the bytes after the signature, the length being that of `variable` unless it is given. */
function v2(command: number, family: number, variable: Buffer, length = variable.length): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.of(command, family, length >> 8, length & 255), variable])
}

function tlv(type: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.of(type, bytes.length >> 8, bytes.length & 255), bytes])
}

/** 10.20.0.7:51234 → 10.0.0.5:3130. */
const IPV4 = Buffer.from('0a1400070a000005c8220c3a', 'hex')
/** [2001:db8::7]:51234 → [2001:db8::5]:3130. */
const IPV6 = Buffer.from('20010db800000000000000000000000720010db8000000000000000000000005c8220c3a', 'hex')
const MAPPED = Buffer.from('00000000000000000000ffff0a14000720010db8000000000000000000000005c8220c3a', 'hex')
/** As a balancer with TLS in front sends them: ALPN, authority, a no-op, a unique id, a type nobody has defined. */
const TLVS = Buffer.concat([
  tlv(1, 'h2'),
  tlv(2, 'x.test'),
  tlv(4, ''),
  tlv(5, 'id'),
  tlv(0xe1, '\r\n\r\n'),
  tlv(0x20, 'abcde'),
])
/** Computed apart from the code under test, with CRC-32C's definition (its check value for "123456789" is e3069283). */
const CHECKED = v2(PROXY, 0x11, Buffer.concat([IPV4, tlv(3, Buffer.from('910c5016', 'hex'))]))

function inWords(header: ProxyHeader): string {
  if (header.state !== 'whole') return header.state
  const { told } = header
  return typeof told === 'string' ? told : `${told.address.text} ${told.port}`
}

const whole: readonly (readonly [name: string, bytes: Buffer, want: string])[] = [
  ["the specification's own example", v1('PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n'), '192.168.0.1 56324'],
  ['the longest IPv4 line', v1('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'), '255.255.255.255 65535'],
  [
    'the longest IPv6 line',
    v1(`PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`),
    `${'ffff:'.repeat(7)}ffff 65535`,
  ],
  ['a short IPv6 line', v1('PROXY TCP6 2001:DB8::7 ::1 0 1\r\n'), '2001:db8::7 0'],
  ['IPv4-mapped IPv6 is IPv4', v1('PROXY TCP6 ::ffff:10.20.0.7 ::1 51234 3130\r\n'), '10.20.0.7 51234'],
  ['an unknown protocol, short', v1('PROXY UNKNOWN\r\n'), 'unknown'],
  [
    'an unknown protocol, the longest line',
    v1(`PROXY UNKNOWN ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`),
    'unknown',
  ],
  ['an unknown protocol with anything behind it', v1('PROXY UNKNOWN \t\0\xff TCP4 10.0.0.1\r\n'), 'unknown'],
  ['TCP over IPv4', v2(PROXY, 0x11, IPV4), '10.20.0.7 51234'],
  ['TCP over IPv6', v2(PROXY, 0x21, IPV6), '2001:db8::7 51234'],
  ['IPv4-mapped IPv6 in bytes is IPv4', v2(PROXY, 0x21, MAPPED), '10.20.0.7 51234'],
  ['TLVs after IPv4', v2(PROXY, 0x11, Buffer.concat([IPV4, TLVS])), '10.20.0.7 51234'],
  ['TLVs after IPv6', v2(PROXY, 0x21, Buffer.concat([IPV6, TLVS])), '2001:db8::7 51234'],
  ['a right checksum', CHECKED, '10.20.0.7 51234'],
  [
    'as many bytes of TLVs as may be',
    v2(PROXY, 0x11, Buffer.concat([IPV4, tlv(4, Buffer.alloc(4096 - 15))])),
    '10.20.0.7 51234',
  ],
  ['a health check', v2(LOCAL, 0x00, Buffer.alloc(0)), 'local'],
  ['a health check with a family and bytes to be skipped', v2(LOCAL, 0x11, IPV4), 'local'],
  ['a health check with a family of no meaning and bytes of none', v2(LOCAL, 0xff, Buffer.from('no tlv')), 'local'],
]

t.test('a whole header tells who is there, and what follows it is left', async (t) => {
  for (const [name, bytes, want] of whole) {
    for (const rest of [Buffer.alloc(0), NEXT, bytes]) {
      const header = parseProxyHeader(Buffer.concat([bytes, rest]))
      t.equal(inWords(header), want, name)
      if (header.state === 'whole') t.equal(header.length, bytes.length, `${name}: just its own bytes`)
    }
  }
})

t.test('a header cut at any byte waits for more', async (t) => {
  for (const [name, bytes] of whole) {
    for (let end = 0; end < bytes.length; end++) {
      const { state } = parseProxyHeader(bytes.subarray(0, end))
      if (state !== 'more') t.fail(`${name}, cut at ${end}: ${state}`)
    }
    t.pass(name)
  }
})

const refused: readonly (readonly [name: string, bytes: Buffer, want: 'absent' | 'malformed'])[] = [
  ['a request', NEXT, 'absent'],
  ['another method with a P', v1('PROPFIND / HTTP/1.1\r\n'), 'absent'],
  ['lower case', v1('proxy TCP4 10.0.0.1 10.0.0.2 1 2\r\n'), 'absent'],
  ['a ClientHello', Buffer.from('16030100', 'hex'), 'absent'],
  ['an empty line', v1('\r\nPROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n'), 'absent'],
  ['a space before it', v1(' PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n'), 'absent'],
  ['a tab for the space', v1('PROXY\tTCP4 10.0.0.1 10.0.0.2 1 2\r\n'), 'absent'],
  [
    'a signature with one byte wrong',
    Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540d', 'hex'), Buffer.of(PROXY, 0x11)]),
    'absent',
  ],
  ['two spaces', v1('PROXY  TCP4 10.0.0.1 10.0.0.2 1 2\r\n'), 'malformed'],
  ['two spaces further on', v1('PROXY TCP4 10.0.0.1  10.0.0.2 1 2\r\n'), 'malformed'],
  ['a space at the end', v1('PROXY TCP4 10.0.0.1 10.0.0.2 1 2 \r\n'), 'malformed'],
  ['one word too many', v1('PROXY TCP4 10.0.0.1 10.0.0.2 1 2 3\r\n'), 'malformed'],
  ['a port missing', v1('PROXY TCP4 10.0.0.1 10.0.0.2 1\r\n'), 'malformed'],
  ['nothing but the keyword', v1('PROXY \r\n'), 'malformed'],
  ['TCP4 with IPv6', v1('PROXY TCP4 2001:db8::1 10.0.0.2 1 2\r\n'), 'malformed'],
  ['TCP4 with mapped IPv4', v1('PROXY TCP4 ::ffff:10.0.0.1 10.0.0.2 1 2\r\n'), 'malformed'],
  ['TCP6 with IPv4', v1('PROXY TCP6 10.0.0.1 ::1 1 2\r\n'), 'malformed'],
  ['two families', v1('PROXY TCP4 10.0.0.1 ::1 1 2\r\n'), 'malformed'],
  ['another protocol', v1('PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n'), 'malformed'],
  ['a word that begins like UNKNOWN', v1('PROXY UNKNOWNS 10.0.0.1 10.0.0.2 1 2\r\n'), 'malformed'],
  ['a zero before an octet', v1('PROXY TCP4 010.0.0.1 10.0.0.2 1 2\r\n'), 'malformed'],
  ['an octet too large', v1('PROXY TCP4 10.0.0.256 10.0.0.2 1 2\r\n'), 'malformed'],
  ['a wrong destination', v1('PROXY TCP4 10.0.0.1 10.0.0 1 2\r\n'), 'malformed'],
  ['brackets', v1('PROXY TCP6 [2001:db8::1] [::1] 1 2\r\n'), 'malformed'],
  ['a zone', v1('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'), 'malformed'],
  ['a zero before a port', v1('PROXY TCP4 10.0.0.1 10.0.0.2 01 2\r\n'), 'malformed'],
  ['a port too large', v1('PROXY TCP4 10.0.0.1 10.0.0.2 65536 2\r\n'), 'malformed'],
  ['a destination port too large', v1('PROXY TCP4 10.0.0.1 10.0.0.2 1 65536\r\n'), 'malformed'],
  ['a sign before a port', v1('PROXY TCP4 10.0.0.1 10.0.0.2 +1 2\r\n'), 'malformed'],
  ['LF alone', v1('PROXY TCP4 10.0.0.1 10.0.0.2 1 2\n'), 'malformed'],
  ['LF alone after UNKNOWN', v1('PROXY UNKNOWN\n'), 'malformed'],
  ['CR alone', v1('PROXY TCP4 10.0.0.1 10.0.0.2 1 2\rX'), 'malformed'],
  ['CR in the line', v1('PROXY UNKNOWN \r x\r\n'), 'malformed'],
  ['CR twice', v1('PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\r\n'), 'malformed'],
  ['a line of 108 bytes', v1(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`), 'malformed'],
  ['107 bytes without an end', v1('PROXY UNKNOWN '.padEnd(107, 'x')), 'malformed'],
  ['version 1 in the binary header', v2(0x11, 0x11, IPV4), 'malformed'],
  ['version 3', v2(0x31, 0x11, IPV4), 'malformed'],
  ['another command', v2(0x22, 0x11, IPV4), 'malformed'],
  ['a client of no family', v2(PROXY, 0x00, Buffer.alloc(0)), 'malformed'],
  ['IPv4 of no protocol', v2(PROXY, 0x10, IPV4), 'malformed'],
  ['UDP over IPv4', v2(PROXY, 0x12, IPV4), 'malformed'],
  ['UDP over IPv6', v2(PROXY, 0x22, IPV6), 'malformed'],
  ['a UNIX socket', v2(PROXY, 0x31, Buffer.alloc(216)), 'malformed'],
  ['an undefined family', v2(PROXY, 0x41, IPV6), 'malformed'],
  ['an undefined protocol', v2(PROXY, 0x13, IPV4), 'malformed'],
  ['no room for IPv4', v2(PROXY, 0x11, IPV4.subarray(0, 11)), 'malformed'],
  ['no room for IPv6', v2(PROXY, 0x21, IPV6.subarray(0, 35)), 'malformed'],
  ['one byte more than may be', v2(PROXY, 0x11, Buffer.concat([IPV4, tlv(4, Buffer.alloc(4096 - 14))])), 'malformed'],
  ['a health check longer than may be', v2(LOCAL, 0x00, Buffer.alloc(0), 4097), 'malformed'],
  ['a TLV that is cut in its head', v2(PROXY, 0x11, Buffer.concat([IPV4, Buffer.of(1, 0)])), 'malformed'],
  ['a TLV that is cut in its value', v2(PROXY, 0x11, Buffer.concat([IPV4, tlv(1, 'h2').subarray(0, 4)])), 'malformed'],
  ['a wrong checksum', v2(PROXY, 0x11, Buffer.concat([IPV4, tlv(3, Buffer.from('910c5017', 'hex'))])), 'malformed'],
  ['a checksum of three bytes', v2(PROXY, 0x11, Buffer.concat([IPV4, tlv(3, Buffer.alloc(3))])), 'malformed'],
  ['an empty checksum', v2(PROXY, 0x11, Buffer.concat([IPV4, tlv(3, '')])), 'malformed'],
]

t.test('what is no header is refused, and by no cut of it becomes one', async (t) => {
  for (const [name, bytes, want] of refused) {
    t.equal(parseProxyHeader(bytes).state, want, name)
    for (let end = 0; end < bytes.length; end++) {
      const { state } = parseProxyHeader(bytes.subarray(0, end))
      if (state !== 'more' && state !== want) t.fail(`${name}, cut at ${end}: ${state}`)
    }
  }
})

t.test('what can be refused is refused at once, without waiting for the rest', async (t) => {
  const cases: readonly (readonly [name: string, bytes: Buffer])[] = [
    ['the first byte', v1('G')],
    ['a byte of the keyword', v1('PO')],
    ['a byte of the signature', Buffer.of(0x0d, 0x0a, 0x0d, 0x0d)],
    ['the command', v2(0x22, 0, Buffer.alloc(0)).subarray(0, 13)],
    ['the family', v2(PROXY, 0x12, IPV4).subarray(0, 14)],
    ['the length', v2(PROXY, 0x21, Buffer.alloc(0), 35)],
    ['a length beyond the bound', v2(PROXY, 0x21, Buffer.alloc(0), 65_535)],
    ['CR without LF', v1('PROXY TCP4 1\r2')],
  ]
  for (const [name, bytes] of cases) t.notSame(parseProxyHeader(bytes).state, 'more', name)
})

t.test('a header that is built is read as it was built, whatever follows it', async () => {
  const ipv4 = fc.uint8Array({ minLength: 8, maxLength: 8 })
  const ipv6 = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const tlvs = fc.array(
    fc.tuple(
      fc.nat(255).filter((type) => type !== 3),
      fc.uint8Array({ maxLength: 40 }),
    ),
    { maxLength: 5 },
  )
  fc.assert(
    fc.property(
      fc.oneof(ipv4, ipv6),
      fc.nat(65_535),
      tlvs,
      fc.uint8Array({ maxLength: 30 }),
      (addresses, port, extra, next) => {
        const width = addresses.length / 2
        const source = addressFromBytes(addresses.subarray(0, width))
        const ports = Buffer.of(port >> 8, port & 255, 0, 80)
        const variable = Buffer.concat([
          addresses,
          ports,
          ...extra.map(([type, value]) => tlv(type, Buffer.from(value))),
        ])
        const binary = v2(PROXY, width === 4 ? 0x11 : 0x21, variable)
        if (inWords(parseProxyHeader(Buffer.concat([binary, next]))) !== `${source.text} ${port}`) return false
        const text = v1(`PROXY TCP${source.family} ${source.text} ${source.text} ${port} 80\r\n`)
        return inWords(parseProxyHeader(Buffer.concat([text, next]))) === `${source.text} ${port}`
      },
    ),
  )
})

t.test('no bytes make it throw, take bytes that are not there, or wait beyond the longest header', async () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...whole.map(([, bytes]) => bytes)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
    )
    .map(([bytes, changes]) => {
      const copy = Buffer.from(bytes)
      for (const [at, value] of changes) copy[at % copy.length] = value
      return copy
    })
  const any = fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated)
  fc.assert(
    fc.property(any, (given) => {
      const bytes = Buffer.from(given)
      const header = parseProxyHeader(bytes)
      if (header.state === 'whole') return header.length <= bytes.length
      const long = Buffer.concat([bytes, Buffer.alloc(MAX_PROXY_HEADER_BYTES, 'x')])
      const { state } = parseProxyHeader(long)
      return state !== 'more' && (header.state === 'more' || state === header.state)
    }),
    { numRuns: 2000 },
  )
})

t.test('a checksum finds every single wrong bit', async (t) => {
  for (let bit = 0; bit < CHECKED.length * 8; bit++) {
    const copy = Buffer.from(CHECKED)
    copy[bit >> 3]! ^= 1 << (bit & 7) // the index is below the length
    const told = inWords(parseProxyHeader(copy))
    // One bit makes PROXY into LOCAL, of which the rest is ignored; and a TLV that is no checksum any more is skipped.
    const isOtherwise = bit === 12 * 8 || (bit >= 28 * 8 && bit < 29 * 8)
    if (!isOtherwise && told !== 'malformed' && told !== 'absent' && told !== 'more') t.fail(`bit ${bit}: ${told}`)
  }
})
