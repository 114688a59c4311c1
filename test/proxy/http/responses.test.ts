/** Answer heads: where an answer ends, what of it reaches the client, and what a hostile origin cannot do. */

import t from 'tap'
import { BAD_RESPONSE, type Refusal } from '../../../proxy/http/refusal.ts'
import { type Asked, judgeStatusLine, parseResponseHead, type ResponseHead } from '../../../proxy/http/response.ts'
import { clientFraming, responseHeadForClient } from '../../../proxy/http/serialise.ts'
import fc from '../../properties.ts'

const GET: Asked = { method: 'GET', upgrade: null }
const HEAD: Asked = { method: 'HEAD', upgrade: null }
const CONNECT: Asked = { method: 'CONNECT', upgrade: null }
const WEBSOCKET: Asked = { method: 'GET', upgrade: 'websocket' }
const DATE = 'Tue, 15 Nov 1994 08:12:31 GMT'
const ok = (...fields: readonly string[]) => head('HTTP/1.1 200 OK', ...fields)
const lengths = (...values: readonly string[]) => ok(...values.map((value) => `Content-Length: ${value}`))

const refused: readonly (readonly [name: string, text: string, why: keyof typeof BAD_RESPONSE, asked?: Asked])[] = [
  ['nothing', '', 'statusLine'],
  ['an empty line first', `\r\n${ok()}`, 'statusLine'],
  ['another protocol', head('ICY 200 OK'), 'statusLine'],
  ['HTTP/2.0', head('HTTP/2.0 200 OK'), 'statusLine'],
  ['HTTP/0.9', head('HTTP/0.9 200 OK'), 'statusLine'],
  ['a protocol in lower case', head('http/1.1 200 OK'), 'statusLine'],
  ['two spaces', head('HTTP/1.1  200 OK'), 'statusLine'],
  ['a status of two digits', head('HTTP/1.1 20 OK'), 'statusLine'],
  ['a status of four digits', head('HTTP/1.1 2000 OK'), 'statusLine'],
  ['a status below 100', head('HTTP/1.1 099 OK'), 'statusLine'],
  ['a status with a sign', head('HTTP/1.1 +20 OK'), 'statusLine'],
  ['a NUL in the reason', head('HTTP/1.1 200 O\0K'), 'statusLine'],
  ['a CR in the reason', head('HTTP/1.1 200 O\rX: y'), 'statusLine'],
  ['a status line ending in LF', 'HTTP/1.1 200 OK\nX: y\r\n\r\n', 'statusLine'],
  ['a space in a name', ok('Content Length: 5'), 'fields'],
  ['a colon after nothing but a space', ok('X: y', ' : z'), 'fields'],
  ['a vertical tab before the colon', ok('X\x0b: y'), 'fields'],
  ['a folded line', ok('X: y', ' z'), 'fields'],
  ['a line ending in LF', ok('X: y\nSet-Cookie: z'), 'fields'],
  ['a NUL in a value', ok('X: \0'), 'fields'],
  ['bytes after the head', `${ok()}x`, 'fields'],
  ['a length under another spelling', ok('Content_Length: 5'), 'fields'],
  ['too many fields', ok(...Array.from({ length: 201 }, () => 'X: y')), 'tooManyFields'],
  ['a head that is too large', ok(...Array.from({ length: 9 }, () => `X: ${'x'.repeat(8000)}`)), 'headTooLarge'],
  ['two lengths', lengths('5', '6'), 'framing'],
  ['two lengths, one with a space before its colon', ok('Content-Length : 5', 'Content-Length: 6'), 'framing'],
  ['two lengths in a list', lengths('5, 6'), 'framing'],
  ['a length and nothing', lengths('5,'), 'framing'],
  ['an empty length', lengths(''), 'framing'],
  ['a negative length', lengths('-1'), 'framing'],
  ['a length in hexadecimal', lengths('0x5'), 'framing'],
  ['a length beyond 2^53', lengths('9007199254740992'), 'framing'],
  ['a malformed length for HEAD', lengths('x'), 'framing', HEAD],
  ['both framings', ok('Content-Length: 5', 'Transfer-Encoding: chunked'), 'framing'],
  ['both framings for HEAD', ok('Content-Length: 5', 'Transfer-Encoding: chunked'), 'framing', HEAD],
  ['an unknown coding', ok('Transfer-Encoding: gzip'), 'framing'],
  ['an unknown coding under chunked', ok('Transfer-Encoding: gzip, chunked'), 'framing'],
  ['chunked twice', ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 'framing'],
  ['something like chunked', ok('Transfer-Encoding: xchunked'), 'framing'],
  ['an empty coding', ok('Transfer-Encoding:'), 'framing'],
  ['chunked in HTTP/1.0', head('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked'), 'framing'],
  ['Connection with Content-Length', ok('Connection: close, content-length'), 'connection'],
  ['Connection that is no list', ok('Connection: a b'), 'connection'],
  ['a switch that was not asked for', head('HTTP/1.1 101 x', 'Connection: upgrade', 'Upgrade: websocket'), 'upgrade'],
  ['a switch to another protocol', head('HTTP/1.1 101 x', 'Connection: upgrade', 'Upgrade: h2c'), 'upgrade', WEBSOCKET],
  ['a switch without protocol', head('HTTP/1.1 101 x', 'Connection: upgrade'), 'upgrade', WEBSOCKET],
  ['a switch without Connection', head('HTTP/1.1 101 x', 'Upgrade: websocket'), 'upgrade', WEBSOCKET],
  [
    'a switch to two protocols',
    head('HTTP/1.1 101 x', 'Connection: upgrade', 'Upgrade: websocket, x'),
    'upgrade',
    WEBSOCKET,
  ],
  ['a call for proxy credentials', head('HTTP/1.1 407 x', 'Proxy-Authenticate: Basic'), 'proxyAuthentication'],
]

t.test('an answer that is malformed or ambiguous is refused with 502', async (t) => {
  for (const [name, text, why, asked = GET] of refused) t.same(parseResponseHead(text, asked), BAD_RESPONSE[why], name)
  for (const [why, refusal] of Object.entries(BAD_RESPONSE)) {
    t.equal(refusal.status, 502, why)
    t.ok(
      refused.some(([, , key]) => key === why),
      `${why} is reached`,
    )
  }
})

t.test('a proxy that wants credentials for a tunnel has answered like any that opens none', async (t) => {
  const text = head('HTTP/1.1 407 x', 'Proxy-Authenticate: Basic', 'Content-Length: 0')
  t.match(parseResponseHead(text, { method: 'CONNECT', upgrade: null }), { status: 407 })
})

t.test('a status line is judged before its head is whole', async (t) => {
  for (const text of ['', 'HT', 'HTTP/1.', 'HTTP/1.1 200 OK', 'HTTP/1.1 200 OK\r'])
    t.equal(judgeStatusLine(text), 'more', text)
  for (const text of [ok(), 'HTTP/1.0 404\r\n', 'HTTP/1.1 200 \r\nX']) t.equal(judgeStatusLine(text), 'fine', text)
  for (const text of ['HELO', 'HTTP/2', 'HTTP/1.1 abc\r\n', 'HTTP/1.1\r\n', 'HTTP/1.1 2000 OK\r\n'])
    t.equal(judgeStatusLine(text), BAD_RESPONSE.statusLine, text)
})

const CHUNKED = 'Transfer-Encoding: chunked'
/** `framing` is `none`, `chunked`, `close` or a length; `keep`: whether the origin's connection may be used again. */
const ends: readonly (readonly [name: string, text: string, framing: string, keep: boolean, asked?: Asked])[] = [
  ['a length', lengths('5'), '5', true],
  ['equal lengths', lengths('5', '5, 05'), '5', true],
  ['a length with white space before its colon', ok('Content-Length \t: 5'), '5', true],
  ['no length', ok(), 'close', false],
  ['no length, but keep-alive', ok('Connection: keep-alive'), 'close', false],
  ['chunked', ok(CHUNKED), 'chunked', true],
  ['close', ok('Content-Length: 5', 'Connection: Close'), '5', false],
  ['HTTP/1.0', head('HTTP/1.0 200 OK', 'Content-Length: 5', 'Connection: keep-alive'), '5', false],
  ['a later minor version', head('HTTP/1.5 200 OK', 'Content-Length: 5'), '5', true],
  ['HEAD', lengths('5'), 'none', true, HEAD],
  ['HEAD of chunks', ok(CHUNKED), 'none', true, HEAD],
  ['HEAD without length', ok(), 'none', true, HEAD],
  ['304', head('HTTP/1.1 304 x', 'Content-Length: 5'), 'none', true],
  ['204', head('HTTP/1.1 204 x'), 'none', true],
  ['204 of length 0', head('HTTP/1.1 204 x', 'Content-Length: 0'), 'none', true],
  ['204 that announces content', head('HTTP/1.1 204 x', 'Content-Length: 5'), 'none', false],
  ['204 that announces chunks', head('HTTP/1.1 204 x', CHUNKED), 'none', false],
  ['100', head('HTTP/1.1 100 Continue'), 'none', true],
  ['103 that announces content', head('HTTP/1.1 103 x', 'Content-Length: 5'), 'none', false],
  ['205 with a length', head('HTTP/1.1 205 x', 'Content-Length: 0'), '0', true],
  ['CONNECT answered with 200', ok(), 'none', true, CONNECT],
  ['CONNECT answered with a length', lengths('5'), 'none', true, CONNECT],
  ['CONNECT refused', head('HTTP/1.1 403 x', 'Content-Length: 5'), '5', true, CONNECT],
  ['a status above 599', head('HTTP/1.1 999 x', 'Content-Length: 5'), '5', true],
  ['no reason', head('HTTP/1.1 200 ', 'Content-Length: 5'), '5', true],
  ['no reason and no space', head('HTTP/1.1 200', 'Content-Length: 5'), '5', true],
  ['101', head('HTTP/1.1 101 x', 'Connection: Upgrade', 'Upgrade: WebSocket'), 'none', true, WEBSOCKET],
]

t.test('where an answer ends is decided by what was asked and what it says', async (t) => {
  for (const [name, text, framing, keep, asked = GET] of ends) {
    const found = accept(text, asked)
    t.equal(found.framing.kind === 'length' ? `${found.framing.length}` : found.framing.kind, framing, name)
    t.equal(found.keepAlive, keep, name)
  }
})

const VIA = 'Via: 1.1 us'
interface Case {
  readonly asked?: Asked
  readonly minor?: 0 | 1
  readonly keepAlive?: boolean
}
const answers: readonly (readonly [name: string, text: string, want: readonly string[], how?: Case])[] = [
  [
    'end-to-end fields keep their order and spelling',
    ok('sEt-Cookie: a', 'Content-Length: 05', 'sEt-Cookie:  b ', `date: ${DATE}`, 'Via: 1.0 x'),
    ['HTTP/1.1 200 OK', 'sEt-Cookie: a', 'sEt-Cookie: b', `date: ${DATE}`, 'Via: 1.0 x', 'Content-Length: 5', VIA],
  ],
  [
    'white space before a colon is removed, RFC 9112 §5.1',
    ok('X-A : 1', 'Connection\t: x-b', 'X-B: 2', 'Content-Length : 0'),
    ['HTTP/1.1 200 OK', 'X-A: 1', `Date: ${DATE}`, 'Content-Length: 0', VIA],
  ],
  [
    'hop-by-hop fields end here',
    ok(
      'Connection: x-a',
      'X-A: 1',
      'Keep-Alive: 5',
      'Proxy-Connection: x',
      'TE: x',
      'Upgrade: h2c',
      'Trailer: x',
      'Content-Length: 0',
    ),
    ['HTTP/1.1 200 OK', `Date: ${DATE}`, 'Content-Length: 0', VIA],
  ],
  [
    'what a proxy alone may say is not passed on',
    ok('Proxy-Authenticate: x', 'Proxy-Authentication-Info: x', 'Landline-Reference: x', 'Content-Length: 0'),
    ['HTTP/1.1 200 OK', `Date: ${DATE}`, 'Content-Length: 0', VIA],
  ],
  [
    'chunks stay chunks',
    ok('Transfer-Encoding: CHUNKED', 'Trailer: x'),
    ['HTTP/1.1 200 OK', 'Trailer: x', `Date: ${DATE}`, CHUNKED, VIA],
  ],
  [
    'chunks become a close for HTTP/1.0',
    ok(CHUNKED, 'Trailer: x'),
    ['HTTP/1.1 200 OK', `Date: ${DATE}`, 'Connection: close', VIA],
    { minor: 0 },
  ],
  ['what ends with its connection is chunked', ok(), ['HTTP/1.1 200 OK', `Date: ${DATE}`, CHUNKED, VIA]],
  [
    'or ends with the connection, for HTTP/1.0',
    head('HTTP/1.0 200 OK'),
    ['HTTP/1.1 200 OK', `Date: ${DATE}`, 'Connection: close', 'Via: 1.0 us'],
    { minor: 0 },
  ],
  [
    'HTTP/1.0 is never kept alive',
    lengths('5'),
    ['HTTP/1.1 200 OK', `Date: ${DATE}`, 'Content-Length: 5', 'Connection: close', VIA],
    { minor: 0 },
  ],
  [
    'a last answer says so',
    lengths('5'),
    ['HTTP/1.1 200 OK', `Date: ${DATE}`, 'Content-Length: 5', 'Connection: close', VIA],
    { keepAlive: false },
  ],
  [
    'the length of a HEAD is kept',
    lengths('5'),
    ['HTTP/1.1 200 OK', `Date: ${DATE}`, 'Content-Length: 5', VIA],
    { asked: HEAD },
  ],
  ['the chunks of a HEAD are not', ok(CHUNKED), ['HTTP/1.1 200 OK', `Date: ${DATE}`, VIA], { asked: HEAD }],
  ['a 204 has no length', head('HTTP/1.1 204 x', 'Content-Length: 0'), ['HTTP/1.1 204 x', `Date: ${DATE}`, VIA]],
  [
    'an interim answer has no framing',
    head('HTTP/1.1 103 x', 'Link: y', 'Content-Length: 5', 'Connection: close'),
    ['HTTP/1.1 103 x', 'Link: y', VIA],
    { keepAlive: false },
  ],
  ['no reason is an empty reason', head('HTTP/1.1 304'), ['HTTP/1.1 304 ', `Date: ${DATE}`, VIA]],
  [
    'a switch is passed on as it was asked for',
    head('HTTP/1.1 101 x', 'Connection: Upgrade', 'Upgrade: WebSocket', 'Sec-WebSocket-Accept: y'),
    ['HTTP/1.1 101 x', 'Sec-WebSocket-Accept: y', 'Connection: upgrade', 'Upgrade: websocket', VIA],
    { asked: WEBSOCKET },
  ],
]

t.test('what goes to the client is canonical', async (t) => {
  for (const [name, text, want, { asked = GET, minor = 1, keepAlive = true } = {}] of answers) {
    t.equal(
      responseHeadForClient(accept(text, asked), { via: 'us', minor, keepAlive, date: DATE }),
      head(...want),
      name,
    )
  }
  const undated = responseHeadForClient(accept(lengths('5')), { via: 'us', minor: 1, keepAlive: true })
  t.equal(undated, head('HTTP/1.1 200 OK', 'Content-Length: 5', VIA), 'a date is added only where one is given')
})

const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })
const refusals: readonly Refusal[] = Object.values(BAD_RESPONSE)
const methods = fc.constantFrom(GET, HEAD, CONNECT, WEBSOCKET)

t.test('no answer makes the reader throw, and no refusal says more than its sentence', async () => {
  const good = [lengths('5'), ok(CHUNKED), head('HTTP/1.1 101 x', 'Connection: upgrade', 'Upgrade: websocket')]
  const spliced = fc
    .tuple(fc.constantFrom(...good), fc.nat(), fc.nat(3), bytes)
    .map(([text, at, dropped, put]) => text.slice(0, at % text.length) + put + text.slice((at % text.length) + dropped))
  fc.assert(
    fc.property(fc.oneof(bytes, spliced, fc.string({ unit: 'binary' })), methods, (text, asked) => {
      const found = parseResponseHead(text, asked)
      return 'refused' in found ? refusals.includes(found) : found.status >= 100
    }),
    { numRuns: 3000 },
  )
})

t.test('what reached the client frames the same content again', async () => {
  const line = fc.constantFrom(
    'Content-Length: 5',
    CHUNKED,
    'Connection: close',
    'Connection: a',
    'A: b',
    'Content-Length: 5, 5',
  )
  const status = fc.constantFrom(100, 103, 200, 204, 205, 206, 304, 404, 500, 999)
  fc.assert(
    fc.property(status, fc.array(line, { maxLength: 4 }), methods, (code, lines, asked) => {
      const found = parseResponseHead(head(`HTTP/1.1 ${code} x`, ...lines), asked)
      if ('refused' in found) return true
      const again = accept(responseHeadForClient(found, { via: 'us', minor: 1, keepAlive: true }), asked)
      return again.framing.kind === clientFraming(found, 1) && again.status === code
    }),
    { numRuns: 1000 },
  )
})

function accept(text: string, asked: Asked = GET): ResponseHead {
  const found = parseResponseHead(text, asked)
  if ('refused' in found) throw new Error(`refused: ${found.message} ${JSON.stringify(text)}`)
  return found
}

function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}
