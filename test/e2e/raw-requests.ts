/**
 * Requests as bytes, good and bad, from RFC 9110 and 9112 and from what attackers have tried. `AT` stands for the authority of
 * the origin, `PORT` for its port.
 */

const lines = (...parts: readonly string[]) => `${parts.join('\r\n')}\r\n\r\n`
const get = (...fields: readonly string[]) => lines('GET http://AT/ HTTP/1.1', 'Host: AT', ...fields)
const post = (...fields: readonly string[]) => lines('POST http://AT/ HTTP/1.1', 'Host: AT', ...fields)
const line = (text: string) => lines(text, 'Host: AT')
const connect = (authority: string, ...fields: readonly string[]) =>
  lines(`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...fields)
const chunked = (body: string) => post('Transfer-Encoding: chunked') + body
const CHUNKS = '5\r\nhello\r\n0\r\n\r\n'

/** What is refused: its status, one answer, and then the end; no whole request reaches an origin. */
export const REFUSED: readonly (readonly [name: string, sent: string | Buffer, status: number])[] = [
  ['a space first', ` ${get()}`, 400],
  ['a NUL first', `\0${get()}`, 400],
  ['two spaces after the method', line('GET  http://AT/ HTTP/1.1'), 400],
  ['two spaces before the version', line('GET http://AT/  HTTP/1.1'), 400],
  ['tabs for spaces', line('GET\thttp://AT/\tHTTP/1.1'), 400],
  ['a space after the version', line('GET http://AT/ HTTP/1.1 '), 400],
  ['HTTP/0.9', 'GET http://AT/\r\n', 400],
  ['no target', line('GET HTTP/1.1'), 400],
  ['a version of two digits', line('GET http://AT/ HTTP/1.10'), 400],
  ['HTTP/2.0', line('GET http://AT/ HTTP/2.0'), 505],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['a method that is no token', line('G(ET http://AT/ HTTP/1.1'), 400],
  ['a method of 100,000 letters', line(`${'A'.repeat(100_000)} http://AT/ HTTP/1.1`), 501],
  ['a target of 20,000 bytes', line(`GET http://AT/${'a'.repeat(20_000)} HTTP/1.1`), 414],
  ['a target of a million', line(`GET http://AT/${'a'.repeat(1_000_000)} HTTP/1.1`), 414],
  ['lines ending in LF', 'GET http://AT/ HTTP/1.1\nHost: AT\n\n', 400],
  ['lines ending in CR', 'GET http://AT/ HTTP/1.1\rHost: AT\r\n\r\n', 400],
  ['a head ending in LF', 'GET http://AT/ HTTP/1.1\r\nHost: AT\r\n\n', 400],
  ['a ClientHello', Buffer.from('16030100a5010000a10303', 'hex'), 400],
  ['SOCKS', Buffer.from('050100', 'hex'), 400],
  ['a PROXY header where none is taken', `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${get()}`, 400],
  ['authority-form without CONNECT', line('GET AT HTTP/1.1'), 400],
  ['asterisk-form without OPTIONS', line('GET * HTTP/1.1'), 400],
  ['a fragment', line('GET http://AT/#x HTTP/1.1'), 400],
  ['a user', line('GET http://allowed.test@AT/ HTTP/1.1'), 400],
  ['a backslash', line('GET http://AT\\@zoom.us/ HTTP/1.1'), 400],
  ['a space in the target', line('GET http://AT/a b HTTP/1.1'), 400],
  ['https without a tunnel', line('GET https://AT/ HTTP/1.1'), 501],
  ['a file', line('GET file:///etc/passwd HTTP/1.1'), 501],
  ['no host', line('GET http:///x HTTP/1.1'), 400],
  ['a port beyond 65535 that wraps around', lines('GET http://127.0.0.1:WRAPPED/ HTTP/1.1', 'Host: AT'), 400],
  ['an address as one number', lines('GET http://2130706433:PORT/ HTTP/1.1', 'Host: 2130706433:PORT'), 400],
  ['an address in octal', lines('GET http://0177.0.0.1:PORT/ HTTP/1.1', 'Host: 0177.0.0.1:PORT'), 400],
  ['an address in percent signs', lines('GET http://127%2e0.0.1:PORT/ HTTP/1.1', 'Host: AT'), 400],
  ['the proxy itself', lines('GET http://127.0.0.1:PROXY/ HTTP/1.1', 'Host: 127.0.0.1:PROXY'), 502],
  ['the unspecified address', lines('GET http://0.0.0.0:PORT/ HTTP/1.1', 'Host: 0.0.0.0:PORT'), 502],
  ['metadata of a cloud', lines('GET http://169.254.169.254/ HTTP/1.1', 'Host: 169.254.169.254'), 502],
  ['no Host', lines('GET http://AT/ HTTP/1.1'), 400],
  ['two Hosts', get('Host: AT'), 400],
  ['a Host that is none', lines('GET http://AT/ HTTP/1.1', 'Host: u@AT'), 400],
  ['a folded Host', 'GET http://AT/ HTTP/1.1\r\nHost:\r\n AT\r\n\r\n', 400],
  ['a line without colon', get('X'), 400],
  ['a space before the colon', post('Content-Length : 5'), 400],
  ['a folded line', get('X: a', ' b'), 400],
  ['a bare CR', get('X: a\rContent-Length: 5'), 400],
  ['a bare LF', get('X: a\nY: b'), 400],
  ['a NUL in a value', get('X: a\0b'), 400],
  ['20,000 fields', get(...Array<string>(20_000).fill('A: b')), 431],
  ['a field of 200,000 bytes', get(`A: ${'b'.repeat(200_000)}`), 431],
  ...['', '-5', '+5', '5a', '0x5', '5.0', '5 5', '5,6', '5, 5', '18446744073709551621'].map(
    (value) => [`a length "${value}"`, `${post(`Content-Length: ${value}`)}hello`, 400] as const,
  ),
  ['two lengths', `${post('Content-Length: 5', 'Content-Length: 6')}hello!`, 400],
  ['a length with an underscore', `${post('Content_Length: 5')}hello`, 400],
  ['a length and chunks', `${post('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 400],
  ['chunks and a length', `${post('Transfer-Encoding: chunked', 'Content-Length: 50')}0\r\n\r\n`, 400],
  ['chunks in HTTP/1.0', lines('POST http://AT/ HTTP/1.0', 'Transfer-Encoding: chunked') + CHUNKS, 400],
  ...[
    'gzip',
    'identity',
    'chunked, gzip',
    'chunked, chunked',
    'xchunked',
    '"chunked"',
    'chunked;a=b',
    ',chunked',
    '',
  ].map((value) => [`a coding "${value}"`, post(`Transfer-Encoding: ${value}`) + CHUNKS, 400] as const),
  ['an unknown coding under chunked', post('Transfer-Encoding: frob, chunked') + CHUNKS, 501],
  [
    'chunks that Connection would drop',
    post('Connection: Transfer-Encoding', 'Transfer-Encoding: chunked') + CHUNKS,
    400,
  ],
  ['a chunk size in hexadecimal notation', chunked('0x5\r\nhello\r\n0\r\n\r\n'), 400],
  ['a chunk size that wraps around', chunked('10000000000000005\r\nhello\r\n0\r\n\r\n'), 400],
  ['a chunk size ending in LF', chunked('5\nhello\r\n0\r\n\r\n'), 400],
  ['a chunk that is too long', chunked('5\r\nhello!\r\n0\r\n\r\n'), 400],
  ['a chunk that is too short', chunked('5\r\nhell\r\n0\r\n\r\n'), 400],
  ['an extension ending in LF', chunked('5;a\nhello\r\n0\r\n\r\n'), 400],
  ['an extension of 100,000 bytes', chunked(`5;${'a'.repeat(100_000)}\r\nhello\r\n0\r\n\r\n`), 400],
  ['a last chunk ending in LF', chunked('0\r\n\n'), 400],
  ['a last chunk that goes on', chunked('0\r\n\rX'), 400],
  ['a length in a trailer', chunked('0\r\nContent-Length: 5\r\n\r\n'), 400],
  ['endless trailers', chunked(`0\r\n${'X: y\r\n'.repeat(50_000)}`), 400],
  ['another expectation', post('Expect: frob', 'Content-Length: 0'), 417],
  ['Host named by Connection', get('Connection: Host'), 400],
  ['TRACE with content', `${lines('TRACE http://AT/ HTTP/1.1', 'Host: AT', 'Content-Length: 5')}hello`, 400],
  ['a loop', get('Via: 1.0 a, 1.1 LANDLINE-1 (c)'), 502],
  ['a loop by CONNECT', connect('AT', 'Via: 1.1 landline-1'), 502],
  ...[
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    'http://AT/',
    '/',
    'AT/',
    'u@AT',
    ':443',
    '::1:443',
  ].map((authority) => [`CONNECT ${authority}`, lines(`CONNECT ${authority} HTTP/1.1`, 'Host: AT'), 400] as const),
  ['CONNECT without Host', lines('CONNECT AT HTTP/1.1'), 400],
  ['CONNECT with another Host', lines('CONNECT AT HTTP/1.1', 'Host: zoom.us:443'), 400],
  ['CONNECT with content', `${connect('AT', 'Content-Length: 5')}hello`, 400],
  ['CONNECT to the proxy itself', connect('127.0.0.1:PROXY'), 502],
  ['connect in lower case', line('connect AT HTTP/1.1'), 400],
  ['a refusal, with a good request behind it', get('X : y') + get(), 400],
]

export interface Wanted {
  readonly line?: string
  readonly has?: readonly RegExp[]
  readonly hasNot?: RegExp
  readonly body?: string
  readonly trailers?: string
}

/** What goes on as one request, and leaves the connection in step for the next one. */
export const FORWARDED: readonly (readonly [name: string, sent: string, wanted: Wanted])[] = [
  [
    'a request',
    get(),
    { line: 'GET / HTTP/1.1', has: [/^GET .*\r\nHost: 127\.0\.0\.1:\d+\r\n/, /\r\nVia: 1\.1 landline-1\r\n/] },
  ],
  ['an empty line first', `\r\n${get()}`, { line: 'GET / HTTP/1.1' }],
  ['a later minor version', line('GET http://AT/ HTTP/1.9'), { line: 'GET / HTTP/1.1' }],
  ['a method of no registry', line('FROB http://AT/ HTTP/1.1'), { line: 'FROB / HTTP/1.1' }],
  ['a method in lower case', line('get http://AT/ HTTP/1.1'), { line: 'get / HTTP/1.1' }],
  ['no path', line('GET http://AT HTTP/1.1'), { line: 'GET / HTTP/1.1' }],
  ['no path but a query', line('GET HTTP://AT?a=b HTTP/1.1'), { line: 'GET /?a=b HTTP/1.1' }],
  [
    'a path that is nobody’s to tidy',
    line('GET http://AT//a/../%7e;x?y=%00& HTTP/1.1'),
    { line: 'GET //a/../%7e;x?y=%00& HTTP/1.1' },
  ],
  ['OPTIONS of the server', line('OPTIONS http://AT HTTP/1.1'), { line: 'OPTIONS * HTTP/1.1' }],
  ['OPTIONS of a path', line('OPTIONS http://AT/ HTTP/1.1'), { line: 'OPTIONS / HTTP/1.1' }],
  [
    'a Host that disagrees',
    lines('GET http://AT/ HTTP/1.1', 'Host: zoom.us'),
    { has: [/\r\nHost: 127\.0\.0\.1:/], hasNot: /zoom/ },
  ],
  [
    'fields in their order',
    get('Cookie: a', 'X: 1', 'Cookie: b', 'X:\t2 '),
    { has: [/Cookie: a\r\nX: 1\r\nCookie: b\r\nX: 2\r\n/] },
  ],
  ['a value above ASCII', get('X: \xe4\xff'), { has: [/\r\nX: \xe4\xff\r\n/] }],
  [
    'a body of any bytes',
    `${post('Content-Length: 0008')}\0\r\n\r\n\xff\x80\x01`,
    { body: '\0\r\n\r\n\xff\x80\x01', has: [/\r\nContent-Length: 8\r\n/] },
  ],
  [
    'a body that is a request',
    `${post('Content-Length: 33')}GET / HTTP/1.1\r\nHost: a.test\r\n\r\n.`,
    { body: 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n.' },
  ],
  ['a body with GET', `${get('Content-Length: 5')}hello`, { body: 'hello' }],
  ...['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'FROB'].map(
    (method) =>
      [
        `a chunked ${method}`,
        line(`${method} http://AT/ HTTP/1.1`).replace(/\r\n$/, `Transfer-Encoding: Chunked\r\n\r\n${CHUNKS}`),
        { body: 'hello' },
      ] as const,
  ),
  [
    'chunks in every spelling',
    chunked('0A;x="y;\\""\r\n0123456789\r\n1 ; a = b\r\n\n\r\n000\r\n\r\n'),
    { body: '0123456789\n' },
  ],
  [
    'trailers, but for what controls',
    chunked('0\r\nX-Sum: 1\r\nAuthorization: x\r\n\r\n'),
    { body: '', trailers: 'X-Sum: 1\r\n' },
  ],
  ['an expectation without content', get('Expect: 100-Continue'), { hasNot: /expect/i }],
  [
    'fields that Connection names',
    get('Connection: X-Hop,, keep-alive', 'connection: B', 'x-hop: 1', 'B: 2', 'C: 3'),
    { hasNot: /x-hop|\r\nB:|connection|keep-alive/i, has: [/\r\nC: 3\r\n/] },
  ],
  [
    'what is for the proxy',
    get('Proxy-Authorization: Basic eA==', 'Proxy-Connection: x', 'Keep-Alive: 5', 'TE: gzip', 'Upgrade: x'),
    { hasNot: /proxy-|keep-alive|\r\nTE:|upgrade/i },
  ],
  [
    'what is said of the client',
    get('X-Forwarded-For: 192.0.2.1', 'Forwarded: for=192.0.2.1'),
    { hasNot: /192\.0\.2\.1/ },
  ],
  ['h2c', get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAA'), { hasNot: /h2c|http2/i }],
  [
    'Via of others',
    get('Via: 1.0 fred, 1.1 landline-10'),
    { has: [/\r\nVia: 1\.0 fred, 1\.1 landline-10\r\nVia: 1\.1 landline-1\r\n/] },
  ],
  ['early data', get('Early-Data: 1'), { has: [/\r\nEarly-Data: 1\r\n/] }],
  ['TRACE', lines('TRACE http://AT/ HTTP/1.1', 'Host: AT', 'Max-Forwards: 5'), { has: [/\r\nMax-Forwards: 4\r\n/] }],
  ['Max-Forwards of others', get('Max-Forwards: 0'), { has: [/\r\nMax-Forwards: 0\r\n/] }],
]

/** What the proxy answers itself. */
export const OWN: readonly (readonly [name: string, sent: string, status: number, wanted: RegExp])[] = [
  ['OPTIONS of the proxy', lines('OPTIONS * HTTP/1.1', 'Host: x'), 200, /\r\nAllow: [\s\S]*\r\nContent-Length: 0\r\n/],
  [
    'OPTIONS that may go no further',
    lines('OPTIONS http://AT/ HTTP/1.1', 'Host: AT', 'Max-Forwards: 0'),
    200,
    /\r\nContent-Length: 0\r\n/,
  ],
  [
    'TRACE that may go no further',
    lines('TRACE http://AT/x HTTP/1.1', 'Host: AT', 'X: y', 'Cookie: s', 'Max-Forwards: 0'),
    200,
    /\r\nContent-Type: message\/http\r\n[\s\S]*\r\n\r\nTRACE http:\/\/AT\/x HTTP\/1\.1\r\nHost: AT\r\nX: y\r\nMax-Forwards: 0\r\n\r\n$/,
  ],
  [
    'its own page',
    lines('GET http://landline.internal/whoami HTTP/1.1', 'Host: landline.internal'),
    200,
    /127\.0\.0\.1/,
  ],
  [
    'its own page in HTTP/1.0',
    lines('GET http://landline.internal/whoami HTTP/1.0'),
    200,
    /^(?![\s\S]*chunked)[\s\S]*127\.0\.0\.1/,
  ],
  [
    'what only the pages are told',
    lines('GET /whoami HTTP/1.1', 'Host: x', 'Landline-Client: {"ip":"192.0.2.9"}'),
    200,
    /127\.0\.0\.1(?![\s\S]*192\.0\.2\.9)/,
  ],
]
