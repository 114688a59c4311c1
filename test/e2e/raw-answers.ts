/** Answers as bytes: what honest, old, broken and hostile origins send. */

const ok = (fields: string, body: string) => `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${body}`
const sized = (body: string) => ok(`Content-Length: ${body.length}`, body)
const chunked = (body: string) => ok('Transfer-Encoding: chunked', body)
const EVIL = sized('evil')

export interface Answered {
  /** Of all answers, the interim ones among them. */
  readonly statuses: readonly number[]
  readonly body?: string
  readonly has?: RegExp
  readonly hasNot?: RegExp
  /** The client sees that something is missing. */
  readonly cut?: true
}

const refused: Answered = { statuses: [502], has: /\r\nProxy-Status: landline-1; error=http_/ }

/** A dot at the end of a name: the origin then ends its side. */
export const ANSWERS: readonly (readonly [name: string, answer: string, wanted: Answered])[] = [
  [
    'a length',
    sized('hello'),
    { statuses: [200], body: 'hello', has: /\r\nDate: [\s\S]*\r\nVia: 1\.1 landline-1\r\n/ },
  ],
  ['chunks', chunked('5;x="y"\r\nhello\r\n0\r\nX: y\r\n\r\n'), { statuses: [200], body: 'hello' }],
  ['the end of the connection.', 'HTTP/1.1 200 OK\r\n\r\nhello', { statuses: [200], body: 'hello' }],
  [
    'HTTP/1.0.',
    'HTTP/1.0 200 OK\r\n\r\nhello',
    { statuses: [200], body: 'hello', has: /\r\nVia: 1\.0 landline-1\r\n/ },
  ],
  [
    'interim answers',
    `HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 100 C\r\n\r\n${sized('')}`,
    { statuses: [102, 103, 100, 200] },
  ],
  [
    'interim answers without end',
    'HTTP/1.1 100 C\r\n\r\n'.repeat(33),
    { statuses: [...Array<number>(33).fill(100), 502] },
  ],
  ['an interim answer and no more.', 'HTTP/1.1 103 E\r\n\r\n', { statuses: [103, 502] }],
  [
    '204 with content',
    `HTTP/1.1 204 No Content\r\nContent-Length: ${EVIL.length}\r\n\r\n${EVIL}`,
    { statuses: [204], hasNot: /content-length/i },
  ],
  [
    '304 with content',
    `HTTP/1.1 304 Not Modified\r\nContent-Length: ${EVIL.length}\r\n\r\n${EVIL}`,
    { statuses: [304] },
  ],
  ['more than was announced', sized('hello') + EVIL, { statuses: [200], body: 'hello' }],
  ['more than the last chunk', chunked('5\r\nhello\r\n0\r\n\r\n') + EVIL, { statuses: [200], body: 'hello' }],
  ['less than was announced.', ok('Content-Length: 50', 'hello'), { statuses: [200], cut: true }],
  ['half a chunk.', chunked('5\r\nhel'), { statuses: [200], cut: true }],
  ['no last chunk.', chunked('5\r\nhello\r\n'), { statuses: [200], cut: true }],
  ['no end of the trailers.', chunked('5\r\nhello\r\n0\r\n'), { statuses: [200], cut: true }],
  ['a chunk size that is none', chunked('5\r\nhello\r\nzz\r\n'), { statuses: [200], cut: true }],
  ['a chunk that is too long', chunked('5\r\nhello!\r\n0\r\n\r\n'), { statuses: [200], cut: true }],
  ['a length in a trailer', chunked('5\r\nhello\r\n0\r\nContent-Length: 1\r\n\r\n'), { statuses: [200], cut: true }],
  ['two lengths', ok('Content-Length: 5\r\nContent-Length: 6', 'hello!'), refused],
  ['two equal lengths', ok('Content-Length: 5\r\nContent-Length: 5', 'hello'), { statuses: [200], body: 'hello' }],
  ...['', '-1', '+5', '5 5', '0x5', '5, 6', '99999999999999999999'].map(
    (value) => [`a length "${value}"`, ok(`Content-Length: ${value}`, 'hello'), refused] as const,
  ),
  ['a length and chunks', ok('Content-Length: 5\r\nTransfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'), refused],
  ['chunks twice', ok('Transfer-Encoding: chunked, chunked', '0\r\n\r\n'), refused],
  ['another coding', ok('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'), refused],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', refused],
  [
    'white space before a colon',
    ok('X : y\r\nContent-Length\t: 5', 'hello'),
    { statuses: [200], body: 'hello', has: /\r\nX: y\r\n/ },
  ],
  ['a folded line', ok('X: a\r\n b\r\nContent-Length: 0', ''), refused],
  ['a bare CR', ok('X: a\rSet-Cookie: b\r\nContent-Length: 0', ''), refused],
  ['a NUL', ok('X: \0\r\nContent-Length: 0', ''), refused],
  ['lines ending in LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', refused],
  ['HTTP/0.9', '<html>hello</html>', refused],
  ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n', refused],
  ['frames of HTTP/2', '\0\0\x12\x04\0\0\0\0\0', refused],
  ['another protocol', '220 smtp.test ESMTP\r\n', refused],
  ['another protocol with an H', 'HELO\r\n', refused],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', refused],
  ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n', refused],
  ['an empty line first', `\r\n${sized('')}`, refused],
  ['a head of 300,000 bytes', ok(`X: ${'a'.repeat(300_000)}`, ''), refused],
  ['a head without end', ok('X: y\r\n'.repeat(100_000), ''), refused],
  ['half a head.', 'HTTP/1.1 200 OK\r\nX: y', refused],
  ['nothing at all.', '', { statuses: [502], has: /\r\nProxy-Status: landline-1; error=connection_terminated\r\n/ }],
  ['no reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', { statuses: [200] }],
  ['a status of tomorrow', 'HTTP/1.5 599 x\r\nContent-Length: 0\r\n\r\n', { statuses: [599] }],
  ['a switch that nobody asked for', 'HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n', refused],
  [
    'a call for the credentials of a proxy',
    'HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n',
    { ...refused, hasNot: /Basic/ },
  ],
  [
    'a call for credentials',
    'HTTP/1.1 401 x\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n',
    { statuses: [401], has: /Basic/ },
  ],
  [
    'fields for the next hop only',
    ok(
      'Connection: X-Hop, close\r\nX-Hop: s\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0',
      '',
    ),
    { statuses: [200], has: /Set-Cookie: a\r\nSet-Cookie: b\r\n/, hasNot: /x-hop|keep-alive|proxy-|upgrade|close/i },
  ],
  ['a length that Connection would drop', ok('Connection: Content-Length\r\nContent-Length: 5', 'hello'), refused],
  [
    'a reference that only Landline may give',
    ok('Landline-Reference: x\r\nContent-Length: 0', ''),
    { statuses: [200], hasNot: /Reference/ },
  ],
]
