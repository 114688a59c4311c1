/** Messages nearly as they should be: well-formed ones, put together and then spoilt, the same for the same seed. */

/** Whole numbers from 0 to below `bound`. */
export type Random = (bound: number) => number

/** Mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * bound)
  }
}

const METHODS = [
  'GET',
  'GET',
  'POST',
  'POST',
  'PUT',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'CONNECT',
  'M-SEARCH',
  'FOO',
  'get',
]
const TARGETS = [
  'http://a.example/',
  'http://a.example/x?y',
  'http://a.example',
  '/',
  '/x',
  '*',
  'a.example:443',
  'http://a.example:80/',
  'http://b.example/',
  'HTTP://A.EXAMPLE/',
  'http://[::1]/',
  '/{|}^`',
  'https://a.example/',
  'http://u@a.example/',
  '//x',
  'x',
]
const VERSIONS = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1',
]
const FIELDS = [
  'Accept: */*',
  'X-A: b',
  'X-Empty:',
  'Cookie: a=b',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: x-a',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Via: 1.1 x',
  'TE: trailers',
  'Trailer: x',
  'Max-Forwards: 3',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive',
  'X-B:\t c \t',
  'X-C: \xe4',
  'Proxy-Authorization: Basic x',
  'Host: a.example',
  'Connection: content-length',
  ' folded: x',
  'X-D : e',
]
const LENGTHS = [
  '5',
  '5',
  '5',
  '5',
  '0',
  '3',
  '05',
  '+5',
  '5,5',
  '5, 6',
  '0x5',
  '',
  '-1',
  ' 5',
  '5\t',
  '99999999999999999999',
]
const CODINGS = [
  'chunked',
  'chunked',
  'chunked',
  'Chunked',
  ' chunked\t',
  'gzip, chunked',
  'chunked, chunked',
  'identity',
  'chunked;q=1',
  ',chunked',
  '\x0bchunked',
  'xchunked',
  '',
]
const CHUNKS = [
  '5\r\nhello\r\n',
  '1\r\nx\r\n',
  '3;a=b\r\nabc\r\n',
  '3;a="b;\\""\r\nabc\r\n',
  '003\r\nabc\r\n',
  '3 ;a\r\nabc\r\n',
  '3 \r\nabc\r\n',
  '3;\r\nabc\r\n',
  '3\nabc\r\n',
  'A\r\n0123456789\r\n',
  '0x3\r\nabc\r\n',
  '4\r\nabc\r\n',
  '3\r\nabc\n',
]
const ENDS = [
  '0\r\n\r\n',
  '0\r\n\r\n',
  '0\r\n\r\n',
  '0\r\nX-Sum: 1\r\n\r\n',
  '0;a\r\n\r\n',
  '00\r\n\r\n',
  '0\r\nContent-Length: 5\r\n\r\n',
  '0\r\nX : y\r\n\r\n',
  '0\r\n\n',
  '',
]
const ATOMS = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  '\t',
  ' ',
  '\x0b',
  '\x7f',
  '\x85',
  '\xa0',
  '\xff',
  ':',
  ';',
  ',',
  '"',
  '\\',
  '/',
  '@',
  '#',
  '%',
  '0',
  '5',
  'a',
  'chunked',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: a.example\r\n',
  'GET / HTTP/1.1\r\n',
  ' HTTP/1.1',
  '_',
]
const STATUSES = [
  '200 OK',
  '200 OK',
  '200 OK',
  '200 OK',
  '204 x',
  '304 x',
  '404 Not Found',
  '100 x',
  '103 x',
  '101 x',
  '407 x',
  '999 x',
  '200',
  '200 ',
  '99 x',
  '2000 x',
]

/** One to three requests as they would stand on a connection, one in two of them spoilt. */
export function requestBytes(random: Random): string {
  let text = ''
  for (let left = 1 + random(3); left > 0; left--) text += request(random)
  return random(2) === 0 ? text : spoil(text, random)
}

/** An answer, interim ones before it, as it would stand on a connection. */
export function answerBytes(random: Random): string {
  let text = ''
  while (random(6) === 0) text += `HTTP/1.1 ${pick(['100 x', '103 x'], random)}\r\nLink: x\r\n\r\n`
  text += `${random(8) === 0 ? pick(VERSIONS, random) : 'HTTP/1.1'} ${random(2) === 0 ? '200 OK' : pick(STATUSES, random)}\r\n${fields(random)}`
  text += framed(random)
  return random(2) === 0 ? text : spoil(text, random)
}

function request(random: Random): string {
  const method = pick(METHODS, random)
  const isUsual = random(8) > 0
  const target = isUsual ? (method === 'CONNECT' ? 'a.example:443' : 'http://a.example/x') : pick(TARGETS, random)
  const host =
    random(12) > 0
      ? `Host: ${random(20) > 0 ? 'a.example' : pick(['b.example', '', 'a.example:80', 'a b'], random)}\r\n`
      : ''
  const line = `${method} ${target} ${random(8) > 0 ? 'HTTP/1.1' : pick(VERSIONS, random)}\r\n`
  return `${random(20) === 0 ? '\r\n' : ''}${line}${host}${fields(random)}${framed(random)}`
}

function fields(random: Random): string {
  let text = ''
  for (let left = random(4); left > 0; left--) text += `${random(5) > 0 ? FIELDS[random(4)] : pick(FIELDS, random)}\r\n`
  return text
}

/** The framing fields, the empty line, and content that fits them, mostly. */
function framed(random: Random): string {
  const isUsual = random(5) > 0
  const length = `Content-Length: ${isUsual ? '5' : pick(LENGTHS, random)}\r\n`
  const coding = `Transfer-Encoding: ${isUsual ? 'chunked' : pick(CODINGS, random)}\r\n`
  switch (random(isUsual ? 5 : 7)) {
    case 0:
    case 1:
      return `${length}\r\nhello`
    case 2:
    case 3:
      return `${coding}\r\n${chunks(random)}`
    case 5:
      return `${length}${coding}\r\n${chunks(random)}`
    case 6:
      return `${random(2) === 0 ? length : coding}${random(2) === 0 ? length : coding}\r\nhello`
    default:
      return '\r\n'
  }
}

function chunks(random: Random): string {
  let text = ''
  for (let left = random(3); left > 0; left--) text += random(6) > 0 ? CHUNKS[random(3)] : pick(CHUNKS, random)
  return text + (random(6) > 0 ? '0\r\n\r\n' : pick(ENDS, random))
}

/** One to three changes: bytes put in, taken out, exchanged, cut off; lines doubled. */
function spoil(text: string, random: Random): string {
  let spoilt = text
  for (let left = 1 + random(3); left > 0; left--) {
    const at = random(spoilt.length + 1)
    const [before, after] = [spoilt.slice(0, at), spoilt.slice(at)]
    switch (random(6)) {
      case 0:
      case 1:
        spoilt = before + pick(ATOMS, random) + after
        break
      case 2:
        spoilt = before + after.slice(1 + random(3))
        break
      case 3:
        spoilt = before + String.fromCharCode(random(256)) + after.slice(1)
        break
      case 4:
        spoilt = random(3) === 0 ? before : before + pick(ATOMS, random) + after.slice(1)
        break
      default: {
        const start = before.lastIndexOf('\r\n') + 2
        spoilt = before.slice(0, start) + before.slice(start) + after.replace('\r\n', `\r\n${spoilt.slice(start, at)}`)
      }
    }
  }
  return spoilt
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[random(list.length)]! // random stays below the length
}
