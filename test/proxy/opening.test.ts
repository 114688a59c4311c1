/** What the first bytes of a stream say, as a pure function: whole at its last byte and never before, and cheap at any cut. (What follows from it is in connect.test.ts.) */

import t from 'tap'
import { MAX_HELLO_BYTES } from '../../proxy/hello.ts'
import { readOpening } from '../../proxy/opening.ts'
import fc from '../properties.ts'
import { clientHello, extension, handshake, inRecords } from './hellos.ts'

const ALERT = Buffer.from([21, 3, 1, 0, 2, 1, 0])
const openings: readonly [name: string, bytes: Buffer, wanted: object][] = [
  ['a name', inRecords(clientHello('Meet.Test.')), { protocol: 'tls', serverName: 'meet.test', ech: false }],
  ['records of 3 bytes', inRecords(clientHello('meet.test'), 3), { serverName: 'meet.test' }],
  ['alerts first', Buffer.concat([ALERT, ALERT, inRecords(clientHello('a.test'))]), { serverName: 'a.test' }],
  ['ECH', inRecords(clientHello('a.test', [extension(0xfe0d, Buffer.alloc(9))])), { serverName: 'a.test', ech: true }],
  ['no name', inRecords(clientHello(null)), { protocol: 'tls', serverName: null }],
  ['an address', inRecords(clientHello('192.0.2.1')), { serverName: '192.0.2.1' }],
  [
    '16 KiB of extensions',
    inRecords(clientHello('a.test', [extension(99, Buffer.alloc(20_000))]), 16_384),
    { serverName: 'a.test' },
  ],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: A.test:80\r\n\r\n'), { protocol: 'http', httpHost: 'a.test' }],
  [
    'HTTP with a long target',
    Buffer.from(`GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a.test\r\n\r\n`),
    { httpHost: 'a.test' },
  ],
  [
    'HTTP to an address',
    Buffer.from('GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n'),
    { protocol: 'http', httpHost: '::1' },
  ],
  ['a host of that name', Buffer.from('GET / HTTP/1.1\r\nHost: malformed\r\n\r\n'), { httpHost: 'malformed' }],
  ['HTTP after blanks', Buffer.from(' \t\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n'), { httpHost: 'a.test' }],
  ['CONNECT within', Buffer.from('CONNECT A.test:443 HTTP/1.0\r\n\r\n'), { protocol: 'http', httpHost: 'a.test' }],
  ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), { protocol: 'other', httpHost: null }],
  ['a byte that no TLS version follows', Buffer.from([23, 9]), { protocol: 'other' }],
  ['a target that agrees', Buffer.from('PRI http://u@a.test:1/ HTTP/1.1\nHost: a.test\n\n'), { httpHost: 'a.test' }],
]

t.test('an opening is whole at its last byte, and never before', async (t) => {
  for (const [name, bytes, wanted] of openings) {
    t.match(readOpening(bytes), wanted, name)
    t.match(readOpening(Buffer.concat([bytes, Buffer.from('more')])), wanted, `${name}, and more behind it`)
    let early = 0
    for (let length = 0; length < bytes.length; length++) {
      const needed = readOpening(bytes.subarray(0, length))
      if (typeof needed !== 'number' || needed <= length || needed > bytes.length) early += 1
    }
    t.equal(early, 0, `${name}: at each cut it says how many bytes it takes, and never too many`)
  }
})

t.test('what can never become whole is malformed as soon as that shows', async (t) => {
  const hello = clientHello('a.test')
  const cases: readonly [name: string, bytes: Buffer][] = [
    ['the start of another handshake message', Buffer.from([22, 3, 1, 0, 40, 2])],
    ['change_cipher_spec first', Buffer.concat([Buffer.from([20, 3, 3, 0, 1, 1]), inRecords(hello)])],
    ['application data first', Buffer.from([23, 3])],
    ['a heartbeat first', Buffer.from([24, 3])],
    ['too many alerts', Buffer.concat([...Array(5).fill(ALERT)])],
    ['a record too large', Buffer.from([22, 3, 1, 0x40, 1])],
    ['a hello too large', Buffer.from([22, 3, 1, 0, 4, 1, 2, 0, 0])],
    ['a hello too large with its records', inRecords(handshake(1, Buffer.alloc(20_000)), 1)],
    ['an SNI that is a name only to some', inRecords(clientHello('\xaazoom.us'))],
    ['an SNI that is no name', inRecords(clientHello('a b'))],
    ['bytes behind the extensions', inRecords(handshake(1, Buffer.concat([hello.subarray(4), Buffer.from('x')])))],
    ['a hello that ends in its middle', inRecords(handshake(1, hello.subarray(4, 60)))],
    [
      'a list of names longer than its extension',
      inRecords(clientHello(null, [extension(0, Buffer.from([0, 9, 0, 0, 1, 97]))])),
    ],
    ['a name of another type', inRecords(clientHello(null, [extension(0, Buffer.from([0, 4, 1, 0, 1, 97]))]))],
    ['an endless head', Buffer.from(`GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(3000)}`)],
    ['HTTP/2 by its first line alone', Buffer.from('PRI * HTTP/2.0\r\nHost: a.test\r\n\r\n')],
    ['CONNECT within, that disagrees', Buffer.from('CONNECT a.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n')],
    ['an endless request line', Buffer.from(`GET /${'a'.repeat(17_000)}`)],
    ['an endless request line of many words', Buffer.from(`get ${'a '.repeat(9000)}`)],
    ['endless empty lines', Buffer.from('\r\n'.repeat(9000))],
    ['a Host that is none', Buffer.from('GET / HTTP/1.1\r\nHost: a b\r\n\r\n')],
    ['a target and a Host that disagree', Buffer.from('GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n')],
  ]
  for (const [name, bytes] of cases) t.equal(readOpening(bytes), 'malformed', name)
})

t.test('a hello in the smallest of records is not read from its start for each of them', async (t) => {
  const bytes = inRecords(clientHello('a.test', [extension(99, Buffer.alloc(8000))]), 1)
  t.ok(bytes.length < MAX_HELLO_BYTES)
  let looks = 0
  let needed = 1
  let last: ReturnType<typeof readOpening> = 1
  for (let length = 1; length <= bytes.length; length++) {
    if (length < needed) continue
    looks += 1
    last = readOpening(bytes.subarray(0, length))
    if (typeof last === 'number') needed = last
  }
  t.match(last, { serverName: 'a.test' })
  t.ok(looks < 100, `${looks} looks`)
})

t.test('no bytes make it throw, or name what they do not hold', async () => {
  const edits = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 4 })
  const hello = inRecords(clientHello('meet.test'), 50)
  fc.assert(
    fc.property(edits, fc.nat(hello.length), (changes, length) => {
      const bytes = Buffer.from(hello)
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
      const opening = readOpening(bytes.subarray(0, length))
      if (typeof opening !== 'object' || opening.serverName === null) return true
      return unframed(bytes).toLowerCase().includes(opening.serverName)
    }),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const first of [21, 22, 71, bytes[0] ?? 0]) readOpening(Buffer.from([first, ...bytes]))
    }),
    { numRuns: 1000 },
  )
})

/** The text of a hello in records, without their headers. */
function unframed(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
    text += bytes.toString('latin1', at + 5, at + 5 + bytes.readUInt16BE(at + 3))
  return text
}

t.test('a word that begins no request is not kept waiting for its line to end', async (t) => {
  for (const word of ['hello', 'x', 'Foo bar', 'gex '])
    t.match(readOpening(Buffer.from(word)), { protocol: 'other', httpHost: null }, word)
  for (const word of ['g', 'GEX', 'get '])
    t.type(readOpening(Buffer.from(word)), 'number', `${word} may become a request`)
  t.type(readOpening(Buffer.from('foo / HT')), 'number', 'a line that hardly can become anything else')
})

t.test('a request of any method is one: origins go by its Host', async (t) => {
  for (const method of ['foo', 'X_GET', 'GET1', '!GET', 'a'.repeat(100)])
    t.match(readOpening(Buffer.from(`${method} / HTTP/1.1\r\nHost: a.test\r\n\r\n`)), { httpHost: 'a.test' }, method)
  for (const line of ['hello there', 'log GET / HTTP/1.1 200', 'foo / RTSP/1.0', '123 <13>1 x HTTP/1.1'])
    t.match(readOpening(Buffer.from(`${line}\r\n`)), { protocol: 'other' }, line)
})

t.test('blanks around a Host are none of it, however many', async (t) => {
  const withHost = (host: string) => readOpening(Buffer.from(`GET / HTTP/1.1\r\nHost:${host}\r\n\r\n`))
  t.match(withHost(`${' \t'.repeat(4000)}a.test${' \t'.repeat(4000)}`), { httpHost: 'a.test' })
  t.equal(withHost(`a${' '.repeat(16_000)}b`), 'malformed')
})
