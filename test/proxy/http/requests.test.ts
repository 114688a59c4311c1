/** Request heads: what is accepted and how it goes on, what is refused and why, at any input. */

import t from 'tap'
import { BROKEN, findHeadEnd, INCOMPLETE } from '../../../proxy/http/head-end.ts'
import { BAD_REQUEST, type Refusal } from '../../../proxy/http/refusal.ts'
import { fieldValue, judgeRequestLine, parseRequestHead, type RequestHead } from '../../../proxy/http/request.ts'
import { requestHeadForOrigin, traceContent } from '../../../proxy/http/serialise.ts'
import { hasLoop } from '../../../proxy/http/via.ts'
import fc from '../../properties.ts'

const HOST = 'Host: a.example'
const get = (...fields: readonly string[]) => head('GET http://a.example/ HTTP/1.1', HOST, ...fields)
const post = (...fields: readonly string[]) => head('POST http://a.example/ HTTP/1.1', HOST, ...fields)
const targeted = (target: string, method = 'GET') => head(`${method} ${target} HTTP/1.1`, HOST)
const connect = (target: string, ...fields: readonly string[]) => head(`CONNECT ${target} HTTP/1.1`, ...fields)
const versioned = (version: string) => head(`GET http://a.example/ ${version}`, HOST)
const chunkedAs = (value: string) => post(`Transfer-Encoding: ${value}`)

const refused: readonly (readonly [name: string, text: string, why: keyof typeof BAD_REQUEST])[] = [
  // The request line, RFC 9112 §3
  ['nothing but an empty line', '\r\n\r\n', 'requestLine'],
  ['two empty lines first', `\r\n\r\n${get()}`, 'requestLine'],
  ['a bare LF first', `\n${get()}`, 'requestLine'],
  ['a space before the method', ` ${get()}`, 'requestLine'],
  ['a request line of HTTP/0.9', head('GET http://a.example/'), 'requestLine'],
  ['two spaces after the method', head('GET  http://a.example/ HTTP/1.1', HOST), 'targetCharacter'],
  ['two spaces before the version', head('GET http://a.example/  HTTP/1.1', HOST), 'targetCharacter'],
  ['a tab after the method', head('GET\thttp://a.example/ HTTP/1.1', HOST), 'requestLine'],
  ['a tab before the version', head('GET http://a.example/\tHTTP/1.1', HOST), 'requestLine'],
  ['a space after the version', head('GET http://a.example/ HTTP/1.1 ', HOST), 'requestLine'],
  ['no target', head('GET  HTTP/1.1', HOST), 'requestLine'],
  ['no target at all', head('GET HTTP/1.1', HOST), 'requestLine'],
  ['a method that is no token', head('G:ET http://a.example/ HTTP/1.1', HOST), 'requestLine'],
  ['a method that is too long', targeted('http://a.example/', 'A'.repeat(33)), 'method'],
  ['a method that is longer than a request line', targeted('http://a.example/', 'A'.repeat(16_400)), 'method'],
  ['a method with a NUL', head('GE\0T http://a.example/ HTTP/1.1', HOST), 'requestLine'],
  ['a request line ending in LF', `GET http://a.example/ HTTP/1.1\n${HOST}\r\n\r\n`, 'requestLine'],
  ['a CR inside the request line', head('GET http://a.example/\rx HTTP/1.1', HOST), 'targetCharacter'],
  ['a version in lower case', versioned('http/1.1'), 'requestLine'],
  ['a version of two digits', versioned('HTTP/1.10'), 'requestLine'],
  ['a version with a leading zero', versioned('HTTP/01.1'), 'requestLine'],
  ['a version without minor', versioned('HTTP/1'), 'requestLine'],
  ['another protocol', versioned('HTTQ/1.1'), 'requestLine'],
  ['HTTP/0.9', versioned('HTTP/0.9'), 'version'],
  ['HTTP/2.0', versioned('HTTP/2.0'), 'version'],
  ['HTTP/9.1', versioned('HTTP/9.1'), 'version'],
  ['the preface of HTTP/2', head('PRI * HTTP/2.0'), 'version'],
  ['a request line that is too long', targeted(`http://a.example/${'x'.repeat(16_400)}`), 'lineTooLong'],
  ['a head that is too large', get(...Array.from({ length: 9 }, () => `X: ${'x'.repeat(8000)}`)), 'headTooLarge'],
  // The target, RFC 9112 §3.2
  ['https in absolute-form', targeted('https://a.example/'), 'scheme'],
  ['ftp', targeted('ftp://a.example/'), 'scheme'],
  ['a URI without authority', targeted('http:/path'), 'targetForm'],
  ['a URN', targeted('urn:isbn:1'), 'targetForm'],
  ['a scheme that ends with a space', targeted('http ://a.example/'), 'targetCharacter'],
  ['a relative path', targeted('index.html'), 'targetForm'],
  ['only a query', targeted('?x'), 'targetForm'],
  ['authority-form outside CONNECT', targeted('a.example:80'), 'targetForm'],
  ['authority-form for connect in lower case', targeted('a.example:80', 'connect'), 'targetForm'],
  ['asterisk-form outside OPTIONS', targeted('*'), 'targetForm'],
  ['an asterisk with more', targeted('*x', 'OPTIONS'), 'targetForm'],
  ['a fragment', targeted('http://a.example/#x'), 'targetCharacter'],
  ['a fragment after the host', targeted('http://a.example#@b.example/'), 'targetCharacter'],
  ['a backslash', targeted('http://a.example\\@b.example/'), 'targetCharacter'],
  ['a space in the path', targeted('http://a.example/a b'), 'targetCharacter'],
  ['a quotation mark', targeted('http://a.example/"'), 'targetCharacter'],
  ['angle brackets', targeted('http://a.example/<x>'), 'targetCharacter'],
  ['a byte above ASCII', targeted('http://a.example/\xe4'), 'targetCharacter'],
  ['a DEL', targeted('http://a.example/\x7f'), 'targetCharacter'],
  ['a NUL', targeted('http://a.example/\0'), 'targetCharacter'],
  ['a user', targeted('http://user@a.example/'), 'userinfo'],
  ['a user and a password', targeted('http://user:pw@a.example/'), 'userinfo'],
  ['an empty user', targeted('http://@a.example/'), 'userinfo'],
  ['no host', targeted('http:///x'), 'authority'],
  ['no host but a port', targeted('http://:80/'), 'authority'],
  ['port 0', targeted('http://a.example:0/'), 'authority'],
  ['port 65536', targeted('http://a.example:65536/'), 'authority'],
  ['a port with a sign', targeted('http://a.example:+80/'), 'authority'],
  ['a port with a leading zero', targeted('http://a.example:080/'), 'authority'],
  ['a port in hexadecimal', targeted('http://a.example:0x50/'), 'authority'],
  ['two ports', targeted('http://a.example:80:80/'), 'authority'],
  ['a percent-encoded host', targeted('http://a%2eexample/'), 'authority'],
  ['a host with a comma', targeted('http://a.example,b.example/'), 'authority'],
  ['a host with an empty label', targeted('http://a..example/'), 'authority'],
  ['an octal address', targeted('http://0177.0.0.1/'), 'authority'],
  ['a hexadecimal address', targeted('http://0x7f.0.0.1/'), 'authority'],
  ['an address as one number', targeted('http://2130706433/'), 'authority'],
  ['an address of three parts', targeted('http://127.0.1/'), 'authority'],
  ['IPv6 without brackets', targeted('http://::1/'), 'authority'],
  ['IPv6 with a zone', targeted('http://[fe80::1%25eth0]/'), 'authority'],
  ['IPv6 without its end', targeted('http://[::1/'), 'authority'],
  ['IPv6 with more after it', targeted('http://[::1]x/'), 'authority'],
  ['IPv4 in brackets', targeted('http://[127.0.0.1]/'), 'authority'],
  ['an address of the future', targeted('http://[v1.x]/'), 'authority'],
  // CONNECT, RFC 9110 §9.3.6
  ['CONNECT without port', connect('a.example'), 'hostMissing'],
  ['CONNECT without port, with Host', connect('a.example', HOST), 'authority'],
  ['CONNECT with an empty port', connect('a.example:', HOST), 'authority'],
  ['CONNECT without host', connect(':443', HOST), 'authority'],
  ['CONNECT to port 0', connect('a.example:0', HOST), 'authority'],
  ['CONNECT to port 65536', connect('a.example:65536', HOST), 'authority'],
  ['CONNECT in absolute-form', connect('http://a.example:443/', HOST), 'authority'],
  ['CONNECT in origin-form', connect('/', HOST), 'authority'],
  ['CONNECT in asterisk-form', connect('*', HOST), 'authority'],
  ['CONNECT with a user', connect('user@a.example:443', HOST), 'userinfo'],
  ['CONNECT with a path', connect('a.example:443/x', HOST), 'authority'],
  ['CONNECT to IPv6 without brackets', connect('::1:443', HOST), 'authority'],
  ['CONNECT with another Host', connect('a.example:443', 'Host: b.example:443'), 'hostMismatch'],
  ['CONNECT with another port in Host', connect('a.example:443', 'Host: a.example:80'), 'hostMismatch'],
  ['CONNECT with a malformed Host', connect('a.example:443', 'Host: a/b'), 'host'],
  ['CONNECT with content', connect('a.example:443', HOST, 'Content-Length: 1'), 'unexpectedContent'],
  ['CONNECT with chunked content', connect('a.example:443', HOST, 'Transfer-Encoding: chunked'), 'unexpectedContent'],
  ['CONNECT with a malformed length', connect('a.example:443', HOST, 'Content-Length: x'), 'contentLength'],
  // Host, RFC 9112 §3.2
  ['HTTP/1.1 without Host', head('GET http://a.example/ HTTP/1.1'), 'hostMissing'],
  ['two Hosts', get('Host: b.example'), 'hostRepeated'],
  ['two Hosts that are equal', get('host: a.example'), 'hostRepeated'],
  ['two Hosts in HTTP/1.0', head('GET http://a.example/ HTTP/1.0', HOST, HOST), 'hostRepeated'],
  ['another Host', head('GET http://a.example/ HTTP/1.1', 'Host: b.example'), 'hostMismatch'],
  ['another Host in HTTP/1.0', head('GET http://a.example/ HTTP/1.0', 'Host: b.example'), 'hostMismatch'],
  ['another port in Host', head('GET http://a.example/ HTTP/1.1', 'Host: a.example:8080'), 'hostMismatch'],
  ['no port in Host where the target has one', head('GET http://a.example:81/ HTTP/1.1', HOST), 'hostMismatch'],
  ['an empty Host', head('GET http://a.example/ HTTP/1.1', 'Host:'), 'host'],
  ['an empty Host in origin-form', head('GET / HTTP/1.1', 'Host:'), 'host'],
  ['a Host with a user', head('GET / HTTP/1.1', 'Host: user@a.example'), 'host'],
  ['a Host with a path', head('GET / HTTP/1.1', 'Host: a.example/x'), 'host'],
  ['a Host with two values', head('GET / HTTP/1.1', 'Host: a.example, b.example'), 'host'],
  ['a Host with a space', head('GET / HTTP/1.1', 'Host: a.example b.example'), 'host'],
  ['a Host above ASCII', head('GET / HTTP/1.1', 'Host: \xe4.example'), 'host'],
  ['a Host with a bad port', head('GET / HTTP/1.1', 'Host: a.example:x'), 'host'],
  ['a malformed Host in HTTP/1.0', head('GET http://a.example/ HTTP/1.0', 'Host: a@b'), 'host'],
  // Fields, RFC 9112 §5
  ['a space before the colon', get('X : y'), 'fieldName'],
  ['a tab before the colon', get('X\t: y'), 'fieldName'],
  ['a field without name', get(': y'), 'fieldName'],
  ['a field without colon', get('X'), 'fieldName'],
  ['a name above ASCII', get('\xe4: y'), 'fieldName'],
  ['a name with a slash', get('X/Y: y'), 'fieldName'],
  ['a vertical tab before a name', get('\x0bContent-Length: 5'), 'fieldName'],
  ['a folded line', get('X: y', ' z'), 'fold'],
  ['a folded line of a tab', get('X: y', '\tz'), 'fold'],
  ['a first line that is folded', head('GET http://a.example/ HTTP/1.1', ` ${HOST}`), 'fold'],
  ['a line ending in LF', get('X: y\nZ: z'), 'lineEnd'],
  ['a line with a CR', get('X: y\rz'), 'lineEnd'],
  ['a line ending in CR CR LF', get('X: y\r'), 'lineEnd'],
  ['a NUL in a value', get('X: y\0'), 'lineEnd'],
  ['a vertical tab in a value', get('X: \x0by'), 'lineEnd'],
  ['a DEL in a value', get('X: \x7f'), 'lineEnd'],
  ['bytes after the head', `${get()}x`, 'lineEnd'],
  ['a head without its end', get().slice(0, -2), 'fieldName'],
  ['too many fields', get(...Array.from({ length: 200 }, () => 'X: y')), 'tooManyFields'],
  ['a framing field under another spelling', get('Content_Length: 5'), 'fieldName'],
  ['another framing field under another spelling', get("transfer'encoding: chunked"), 'fieldName'],
  // Framing, RFC 9112 §6
  ['both framings', post('Content-Length: 5', 'Transfer-Encoding: chunked'), 'bothFramings'],
  ['both framings the other way', post('Transfer-Encoding: chunked', 'Content-Length: 0'), 'bothFramings'],
  ['chunked in HTTP/1.0', head('POST http://a.example/ HTTP/1.0', 'Transfer-Encoding: chunked'), 'codingInHttp10'],
  ['an unknown coding', chunkedAs('gzip'), 'coding'],
  ['an unknown coding under chunked', chunkedAs('gzip, chunked'), 'codingUnknown'],
  ['codings over two lines', post('Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'), 'codingUnknown'],
  ['identity', chunkedAs('identity'), 'coding'],
  ['identity under chunked', chunkedAs('identity, chunked'), 'codingUnknown'],
  ['chunked twice', chunkedAs('chunked, chunked'), 'coding'],
  ['chunked on two lines', post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 'coding'],
  ['chunked not last', chunkedAs('chunked, gzip'), 'coding'],
  ['an empty coding', chunkedAs(''), 'coding'],
  ['an empty coding beside chunked', chunkedAs(', chunked'), 'coding'],
  ['chunked with a comma after it', chunkedAs('chunked,'), 'coding'],
  ['chunked with a parameter', chunkedAs('chunked;q=1'), 'coding'],
  ['chunked in quotation marks', chunkedAs('"chunked"'), 'coding'],
  ['chunked after a vertical tab', chunkedAs('\x0bchunked'), 'lineEnd'],
  ['chunked after a no-break space', chunkedAs('\xa0chunked'), 'coding'],
  ['something like chunked', chunkedAs('xchunked'), 'coding'],
  ['chunked with an s', chunkedAs('chunkeds'), 'coding'],
  ['two words, the last chunked', chunkedAs('x chunked'), 'coding'],
  ['a bad word under chunked', chunkedAs('x y, chunked'), 'coding'],
  ...['', '+5', '-5', '0x5', '5,5', '5, 6', '5 5', '5.0', '5e1', '9007199254740992', '0'.repeat(17)].map(
    (value) => [`a length of "${value}"`, post(`Content-Length: ${value}`), 'contentLength'] as const,
  ),
  ['a length in full-width digits', post('Content-Length: \xef\xbc\x95'), 'contentLength'],
  ['two lengths', post('Content-Length: 5', 'Content-Length: 6'), 'contentLength'],
  ['two lengths that are equal', post('Content-Length: 5', 'Content-Length: 5'), 'contentLength'],
  ['TRACE with content', head('TRACE http://a.example/ HTTP/1.1', HOST, 'Content-Length: 5'), 'unexpectedContent'],
  [
    'TRACE with chunks',
    head('TRACE http://a.example/ HTTP/1.1', HOST, 'Transfer-Encoding: chunked'),
    'unexpectedContent',
  ],
  // Expect, Connection, Max-Forwards, RFC 9110 §10.1.1, §7.6
  ['another expectation', post('Expect: 200-ok'), 'expectation'],
  ['an expectation too many', post('Expect: 100-continue', 'Expect: x'), 'expectation'],
  ['an empty expectation', post('Expect:'), 'expectation'],
  ['Connection that is no list', get('Connection: a b'), 'connection'],
  ['Connection with a quoted option', get('Connection: "close"'), 'connection'],
  ['Connection with too many options', get(`Connection: ${'x,'.repeat(40)}`), 'connection'],
  ...['host', 'Content-Length', 'Transfer-Encoding', 'via', 'max-forwards', 'Expect', 'Content-Type'].map(
    (name) => [`Connection with ${name}`, get(`Connection: close, ${name}`), 'connection'] as const,
  ),
  ['Connection with host on a second line', get('Connection: close', 'connection: HOST'), 'connection'],
  ['a negative Max-Forwards', head('TRACE http://a.example/ HTTP/1.1', HOST, 'Max-Forwards: -1'), 'maxForwards'],
  ['two Max-Forwards', head('OPTIONS * HTTP/1.1', HOST, 'Max-Forwards: 1', 'Max-Forwards: 2'), 'maxForwards'],
]

const statuses: Partial<Record<keyof typeof BAD_REQUEST, number>> = {
  method: 501,
  lineTooLong: 414,
  headTooLarge: 431,
  tooManyFields: 431,
  version: 505,
  scheme: 501,
  codingUnknown: 501,
  expectation: 417,
}

t.test('every reason is reached, and has its status', async (t) => {
  for (const [why, { status }] of Object.entries(BAD_REQUEST)) {
    t.equal(status, statuses[why as keyof typeof BAD_REQUEST] ?? 400, why) // entries have the keys of the table
    t.ok(
      refused.some(([, , key]) => key === why),
      why,
    )
  }
})

t.test('a head that is malformed or ambiguous is refused for its reason', async (t) => {
  for (const [name, text, why] of refused) t.same(parseRequestHead(text), BAD_REQUEST[why], name)
})

const lines: readonly (readonly [name: string, text: string, want: keyof typeof BAD_REQUEST | 'fine' | 'more'])[] = [
  ['nothing', '', 'more'],
  ['an empty line', '\r\n', 'more'],
  ['half a line', 'GET http://a.example/ HT', 'more'],
  ['a line without its LF', 'GET http://a.example/ HTTP/1.1\r', 'more'],
  ['a whole line', 'GET http://a.example/ HTTP/1.1\r\n', 'fine'],
  ['a whole line after an empty one', '\r\nGET http://a.example/ HTTP/1.1\r\nHo', 'fine'],
  ['HTTP/0.9', 'GET http://a.example/\r\n', 'requestLine'],
  ['another version', 'PRI * HTTP/2.0\r\n', 'version'],
  ['an endless target', `GET http://a.example/${'x'.repeat(16_400)}`, 'lineTooLong'],
  ['an endless method', 'A'.repeat(16_400), 'method'],
]

t.test('a request line is judged before its head is whole', async (t) => {
  for (const [name, text, want] of lines)
    t.same(judgeRequestLine(text), want === 'fine' || want === 'more' ? want : BAD_REQUEST[want], name)
  t.equal(judgeRequestLine(`GET /${'x'.repeat(300)}`, 256), BAD_REQUEST.lineTooLong, 'no longer than a head may be')
})

const targets: readonly (readonly [
  request: string,
  form: string,
  host: string,
  port: number,
  path: string,
  authority: string,
])[] = [
  ['GET http://a.example/x?y=z HTTP/1.1 & Host: a.example', 'absolute', 'a.example', 80, '/x?y=z', 'a.example'],
  ['GET HTTP://A.Example./ HTTP/1.1 & Host: a.example:80', 'absolute', 'a.example', 80, '/', 'a.example'],
  ['GET http://a.example HTTP/1.1 & Host: a.example:', 'absolute', 'a.example', 80, '/', 'a.example'],
  ['GET http://a.example?x HTTP/1.1 & Host: a.example', 'absolute', 'a.example', 80, '/?x', 'a.example'],
  ['GET http://a.example:80 HTTP/1.0', 'absolute', 'a.example', 80, '/', 'a.example'],
  [
    'GET http://a.example:65535/ HTTP/1.1 & Host: A.example.:65535',
    'absolute',
    'a.example',
    65535,
    '/',
    'a.example:65535',
  ],
  [
    'GET http://a.example/{a|b}^`[1]?% HTTP/1.1 & Host: a.example',
    'absolute',
    'a.example',
    80,
    '/{a|b}^`[1]?%',
    'a.example',
  ],
  [
    'GET http://[2001:DB8:0::1]:81/ HTTP/1.1 & Host: [2001:db8::1]:81',
    'absolute',
    '2001:db8::1',
    81,
    '/',
    '[2001:db8::1]:81',
  ],
  ['GET http://[::ffff:192.0.2.1]/ HTTP/1.1 & Host: 192.0.2.1', 'absolute', '192.0.2.1', 80, '/', '192.0.2.1'],
  ['GET http://192.0.2.1/ HTTP/1.1 & Host: 192.0.2.1', 'absolute', '192.0.2.1', 80, '/', '192.0.2.1'],
  ['OPTIONS http://a.example HTTP/1.1 & Host: a.example', 'absolute', 'a.example', 80, '*', 'a.example'],
  ['OPTIONS http://a.example/ HTTP/1.1 & Host: a.example', 'absolute', 'a.example', 80, '/', 'a.example'],
  ['OPTIONS http://a.example?x HTTP/1.1 & Host: a.example', 'absolute', 'a.example', 80, '/?x', 'a.example'],
  ['OPTIONS * HTTP/1.1 & Host: a.example', 'asterisk', 'a.example', 80, '*', 'a.example'],
  ['GET //b.example/ HTTP/1.1 & Host: a.example:3128', 'origin', 'a.example', 3128, '//b.example/', 'a.example:3128'],
  ['GET /whoami HTTP/1.0', 'origin', '', 80, '/whoami', ''],
  ['CONNECT A.example:443 HTTP/1.1 & Host: a.example:443', 'authority', 'a.example', 443, '', 'a.example:443'],
  ['CONNECT a.example:443 HTTP/1.1 & Host: a.example', 'authority', 'a.example', 443, '', 'a.example:443'],
  ['CONNECT a.example:80 HTTP/1.0 & Content-Length: 0', 'authority', 'a.example', 80, '', 'a.example:80'],
  ['CONNECT [::1]:8443 HTTP/1.1 & Host: [::1]:8443', 'authority', '::1', 8443, '', '[::1]:8443'],
]

t.test('a target is read into one spelling', async (t) => {
  for (const [request, form, host, port, path, authority] of targets) {
    const { target } = accept(head(...request.split(' & ')))
    const found = [target.form, target.host ?? target.address?.text ?? '', target.port, target.path, target.authority]
    t.same(found, [form, host, port, path, authority], request)
  }
})

const NONE = { kind: 'none' }
const CHUNKED = { kind: 'chunked' }
const length = (bytes: number) => ({ kind: 'length', length: bytes })
const WEBSOCKET = ['Connection: keep-alive, Upgrade', 'Upgrade: websocket'] as const

const accepted: readonly (readonly [name: string, text: string, want: Partial<RequestHead>])[] = [
  [
    'a plain request',
    get(),
    { method: 'GET', minor: 1, framing: NONE as never, keepAlive: true, upgrade: null, maxForwards: null },
  ],
  ['one empty line first', `\r\n${get()}`, { method: 'GET' }],
  ['an unknown method', targeted('http://a.example/', 'M-SEARCH'), { method: 'M-SEARCH' }],
  ['a method in lower case', targeted('http://a.example/', 'get'), { method: 'get' }],
  ['a later minor version', versioned('HTTP/1.9'), { minor: 1 }],
  ['HTTP/1.0', versioned('HTTP/1.0'), { minor: 0, keepAlive: false }],
  [
    'HTTP/1.0 that would keep alive',
    head('GET http://a.example/ HTTP/1.0', 'Connection: keep-alive'),
    { keepAlive: false },
  ],
  ['close', get('Connection: x, CLOSE'), { keepAlive: false, options: ['x', 'close'] }],
  ['close on a second line', get('Connection: keep-alive', 'Connection: close'), { keepAlive: false }],
  ['empty list members', get('Connection: ,, close ,'), { keepAlive: false, options: ['close'] }],
  ['a value above ASCII', get('X: \xe4'), { keepAlive: true }],
  ['an empty value', get('X:', 'Y: \t '), { keepAlive: true }],
  ['a length', post('Content-Length: 5'), { framing: length(5) as never }],
  ['a length with zeros', post('Content-Length: \t005 '), { framing: length(5) as never }],
  ['the greatest length', post('Content-Length: 9007199254740991'), { framing: length(2 ** 53 - 1) as never }],
  ['content with GET', get('Content-Length: 5'), { framing: length(5) as never }],
  ['chunked', chunkedAs('Chunked'), { framing: CHUNKED as never }],
  [
    'chunked DELETE',
    head('DELETE http://a.example/ HTTP/1.1', HOST, 'Transfer-Encoding: chunked'),
    { framing: CHUNKED as never },
  ],
  ['100-continue', post('Content-Length: 5', 'Expect: 100-Continue'), { expectContinue: true }],
  ['100-continue without content', post('Content-Length: 0', 'Expect: 100-continue'), { expectContinue: false }],
  [
    '100-continue in HTTP/1.0',
    head('POST http://a.example/ HTTP/1.0', 'Content-Length: 5', 'Expect: 100-continue'),
    { expectContinue: false },
  ],
  ['Max-Forwards', head('OPTIONS * HTTP/1.1', HOST, 'Max-Forwards: 3'), { maxForwards: 3 }],
  [
    'Max-Forwards beyond bounds',
    head('TRACE / HTTP/1.1', HOST, 'Max-Forwards: 99999999999999999999'),
    { maxForwards: 999_999 },
  ],
  ['Max-Forwards of other methods', get('Max-Forwards: x'), { maxForwards: null }],
  ['an upgrade', get(...WEBSOCKET), { upgrade: 'websocket' }],
  ['an upgrade with a version', get('Connection: upgrade', 'Upgrade: foo/1'), { upgrade: 'foo/1' }],
  ['an upgrade that Connection does not list', get('Upgrade: websocket'), { upgrade: null }],
  ['an upgrade in HTTP/1.0', head('GET http://a.example/ HTTP/1.0', ...WEBSOCKET), { upgrade: null }],
  ['an upgrade with content', post('Content-Length: 5', ...WEBSOCKET), { upgrade: null }],
  ['an upgrade with empty content', post('Content-Length: 0', ...WEBSOCKET), { upgrade: 'websocket' }],
  ['an upgrade with chunks', post('Transfer-Encoding: chunked', ...WEBSOCKET), { upgrade: null }],
  ['an upgrade of CONNECT', connect('a.example:443', HOST, ...WEBSOCKET), { upgrade: null }],
  ['an upgrade of HEAD', head('HEAD http://a.example/ HTTP/1.1', HOST, ...WEBSOCKET), { upgrade: null }],
  ['h2c', get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: x'), { upgrade: null }],
  ['an earlier h2c', get('Connection: upgrade', 'Upgrade: h2c-14'), { upgrade: null }],
  ['an upgrade to TLS', get('Connection: upgrade', 'Upgrade: TLS/1.2'), { upgrade: null }],
  ['an upgrade to HTTP', get('Connection: upgrade', 'Upgrade: HTTP/2.0'), { upgrade: null }],
  ['a choice of upgrades', get('Connection: upgrade', 'Upgrade: websocket, h2c'), { upgrade: null }],
  ['a choice over two lines', get('Connection: upgrade', 'Upgrade: websocket', 'Upgrade: h2c'), { upgrade: null }],
  ['an upgrade that is no protocol', get('Connection: upgrade', 'Upgrade: a b'), { upgrade: null }],
]

t.test('a good head says what is to be done', async (t) => {
  for (const [name, text, want] of accepted) t.match(accept(text), want, name)
})

t.test('a Host that disagrees may be replaced instead, where it is well-formed', async (t) => {
  const options = { hostMismatch: 'replace' } as const
  const found = parseRequestHead(head('GET http://a.example/ HTTP/1.1', 'Host: b.example'), options)
  t.match(found, { target: { authority: 'a.example' } })
  t.equal(parseRequestHead(head('GET http://a.example/ HTTP/1.1', 'Host: b/c'), options), BAD_REQUEST.host)
})

const forwarded: readonly (readonly [name: string, text: string, want: readonly string[]])[] = [
  [
    'end-to-end fields keep their order and spelling',
    head(
      'GET http://A.example:80/x HTTP/1.1',
      'aCCept:  */* ',
      'Host: a.EXAMPLE',
      'X-Empty:',
      'aCCept: b',
      'Via: 1.0 p',
    ),
    ['GET /x HTTP/1.1', 'Host: a.example', 'aCCept: */*', 'X-Empty: ', 'aCCept: b', 'Via: 1.0 p', 'Via: 1.1 us'],
  ],
  [
    'hop-by-hop fields end here',
    get(
      'Connection: X-A, keep-alive',
      'x-a: 1',
      'Keep-Alive: 5',
      'Proxy-Connection: x',
      'TE: trailers',
      'Upgrade: h2c',
      'Trailer: x',
    ),
    ['GET / HTTP/1.1', 'Host: a.example', 'Via: 1.1 us'],
  ],
  [
    'what is between the client and the proxy ends here',
    get(
      'Proxy-Authorization: Basic x',
      'Proxy-Authenticate: x',
      'HTTP2-Settings: x',
      'X-Forwarded-For: 10.0.0.1',
      'Forwarded: for=x',
    ),
    ['GET / HTTP/1.1', 'Host: a.example', 'Via: 1.1 us'],
  ],
  [
    'a length is written in one way',
    head('PUT http://a.example/ HTTP/1.0', 'Content-Length: 005', 'Expect: 100-continue'),
    ['PUT / HTTP/1.1', 'Host: a.example', 'Content-Length: 5', 'Via: 1.0 us'],
  ],
  [
    'chunked stays chunked for every method',
    head('DELETE http://a.example/ HTTP/1.1', HOST, 'Transfer-Encoding: CHUNKED', 'Trailer: x', 'Expect: 100-continue'),
    ['DELETE / HTTP/1.1', HOST, 'Trailer: x', 'Transfer-Encoding: chunked', 'Expect: 100-continue', 'Via: 1.1 us'],
  ],
  [
    'an upgrade goes on alone',
    get(...WEBSOCKET, 'Sec-WebSocket-Key: x'),
    ['GET / HTTP/1.1', HOST, 'Sec-WebSocket-Key: x', 'Connection: upgrade', 'Upgrade: websocket', 'Via: 1.1 us'],
  ],
  [
    'Max-Forwards counts down',
    head('TRACE http://a.example/ HTTP/1.1', HOST, 'Max-Forwards: 007'),
    ['TRACE / HTTP/1.1', HOST, 'Max-Forwards: 6', 'Via: 1.1 us'],
  ],
  [
    'Max-Forwards of other methods stays',
    get('Max-Forwards: 7'),
    ['GET / HTTP/1.1', HOST, 'Max-Forwards: 7', 'Via: 1.1 us'],
  ],
]

t.test('what goes to an origin is canonical', async (t) => {
  for (const [name, text, want] of forwarded)
    t.equal(requestHeadForOrigin(accept(text), { via: 'us' }), head(...want), name)
  const closing = requestHeadForOrigin(accept(get()), { via: 'us', keepAlive: false })
  t.equal(closing, head('GET / HTTP/1.1', HOST, 'Connection: close', 'Via: 1.1 us'))
})

t.test('a parent is asked in absolute-form, or in authority-form', async (t) => {
  const firstLine = (text: string) =>
    requestHeadForOrigin(accept(text), { via: 'us', toParent: true }).split('\r\n', 1)[0]
  t.equal(firstLine(head('GET http://A.example:81?x HTTP/1.0')), 'GET http://a.example:81/?x HTTP/1.1')
  t.equal(firstLine(head('OPTIONS http://a.example HTTP/1.0')), 'OPTIONS http://a.example HTTP/1.1')
  t.equal(firstLine(head('CONNECT A.example:443 HTTP/1.0')), 'CONNECT a.example:443 HTTP/1.1')
})

t.test('a TRACE is answered with itself, without secrets', async (t) => {
  const secrets = ['Authorization: x', 'Proxy-Authorization: x', 'Cookie: x', 'Cookie2: x']
  const found = traceContent(accept(head('TRACE http://a.example:81/x HTTP/1.0', 'X: y', ...secrets)))
  t.equal(found, head('TRACE http://a.example:81/x HTTP/1.0', 'X: y'))
})

const loops: readonly (readonly [via: string, isLoop: boolean])[] = [
  ['1.1 landline-1', true],
  ['1.0 fred, 1.1 Landline-1 (Landline/1)', true],
  ['HTTP/1.1\tlandline-1:3128', true],
  ['1.1 x (a, 1.1 landline-1)', false],
  ['1.1 x (a (b) \\) , 1.1 landline-1)', false],
  ['1.1 landline-10', false],
  ['1.1 my-landline-1', false],
  ['landline-1', false],
  ['1.1 x (, 1.1 landline-1', true],
  ['1.1 x ), 1.1 landline-1', true],
]

t.test('a loop shows in Via, and not in its comments', async (t) => {
  for (const [via, isLoop] of loops) t.equal(hasLoop(accept(get(`VIA: ${via}`)), 'landline-1'), isLoop, via)
  t.equal(hasLoop(accept(get('Via: 1.1 a', 'Via: 1.1 LANDLINE-1')), 'Landline-1'), true, 'on a second line')
  t.equal(hasLoop(accept(get('X-Via: 1.1 landline-1')), 'landline-1'), false, 'in another field')
})

t.test('a field is found by its name', async (t) => {
  const found = accept(get('X-One: 1', 'x-one: 2'))
  t.equal(fieldValue(found, 'x-one'), '1')
  t.equal(fieldValue(found, 'x-two'), null)
})

t.test('the end of a head is found at any cut', async (t) => {
  const whole = Buffer.from(`${get('X: y')}rest`, 'latin1')
  const end = whole.length - 'rest'.length
  for (let cut = 0; cut <= whole.length; cut++) {
    const found = findHeadEnd(whole.subarray(0, cut), 0)
    t.equal(found, cut < end ? INCOMPLETE : end, `after ${cut} bytes`)
    if (found === INCOMPLETE) t.equal(findHeadEnd(whole, Math.max(cut - 3, 0)), end, `going on after ${cut} bytes`)
  }
})

t.test('what cannot become a head is known before its end', async (t) => {
  for (const text of ['GET / HTTP/1.1\n', '\n', 'GET /\rx', 'GET\0', '\x16\x03\x01', 'X: \x7f', 'a\r\n\n']) {
    t.equal(findHeadEnd(Buffer.from(text, 'latin1'), 0), BROKEN, JSON.stringify(text))
  }
  for (const text of ['', 'G', 'GET /\r', 'X:\ty\r\n', '\xe4']) {
    t.equal(findHeadEnd(Buffer.from(text, 'latin1'), 0), INCOMPLETE, JSON.stringify(text))
  }
})

const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })
const refusals: readonly Refusal[] = Object.values(BAD_REQUEST)

t.test('no text makes the reader throw, and no refusal says more than its sentence', async () => {
  const good = [get('X: y'), post('Content-Length: 5'), chunkedAs('chunked'), connect('a.example:443', HOST)]
  const spliced = fc
    .tuple(fc.constantFrom(...good), fc.nat(), fc.nat(3), bytes)
    .map(([text, at, dropped, put]) => text.slice(0, at % text.length) + put + text.slice((at % text.length) + dropped))
  const anything = fc.oneof(bytes, spliced, fc.string({ unit: 'binary' }))
  fc.assert(
    fc.property(anything, (text) => {
      const found = parseRequestHead(text)
      return 'refused' in found ? refusals.includes(found) : found.method.length > 0
    }),
    { numRuns: 3000 },
  )
})

t.test('what was forwarded once is forwarded again unchanged, but for Via', async () => {
  const value = fc.string({ unit: fc.constantFrom('a', ' ', '\t', '"', ',', ';', '\xe4', '(') })
  const name = fc.constantFrom('X-A', 'accept', 'Cookie', 'TE', 'Trailer', 'Via', 'Keep-Alive', 'Max-Forwards')
  const line = fc.tuple(name, value).map(([key, text]) => `${key}: ${text}`)
  const method = fc.constantFrom('GET', 'POST', 'QUERY', 'DELETE', 'HEAD')
  const framing = fc.constantFrom('Content-Length: 07', 'Transfer-Encoding: chunked', 'X: y')
  const request = fc
    .tuple(method, framing, fc.array(line, { maxLength: 6 }))
    .map(([verb, frame, lines]) =>
      head(`${verb} http://A.example:81/x HTTP/1.1`, 'Host: a.example:81', frame, ...lines),
    )
  fc.assert(
    fc.property(request, (text) => {
      const once = requestHeadForOrigin(accept(text), { via: 'p', toParent: true })
      const twice = requestHeadForOrigin(accept(once), { via: 'q', toParent: true })
      const lines = (whole: string) => whole.split('\r\n').filter((part) => part !== 'Via: 1.1 q')
      return lines(twice).sort().join('\n') === lines(once).sort().join('\n')
    }),
    { numRuns: 500 },
  )
})

function accept(text: string): RequestHead {
  const found = parseRequestHead(text)
  if ('refused' in found) throw new Error(`refused: ${found.message} ${JSON.stringify(text)}`)
  return found
}

function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}
