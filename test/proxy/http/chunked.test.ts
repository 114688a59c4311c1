/** The chunked coding at every cut: the same content, the same end, the same refusal, however the bytes arrive. */

import t from 'tap'
import { ChunkedDecoder, chunkHead, lastChunk } from '../../../proxy/http/chunked.ts'
import fc from '../../properties.ts'

interface Decoded {
  readonly state: string
  readonly content: string
  /** How many bytes were taken. */
  readonly taken: number
  readonly trailers: readonly string[]
}

const good: readonly (readonly [name: string, text: string, content: string, trailers?: readonly string[]])[] = [
  ['nothing', '0\r\n\r\n', ''],
  ['a last chunk of many zeros', '0000000000000000\r\n\r\n', ''],
  ['two chunks', '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n', 'hello!'],
  ['upper case and leading zeros', '000A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
  ['lower case', 'a\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
  ['content that looks like a frame', '7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n\r\n'],
  ['extensions', '1;a\r\nx\r\n1;a=b;c="d;\\"\x7e\\\\"\r\ny\r\n0;e\r\n\r\n', 'xy'],
  ['extensions with white space', '1 ; a = b\r\nx\r\n1\t;\ta\t= "b"\r\ny\r\n0\r\n\r\n', 'xy'],
  ['trailers', '0\r\nX-Sum: 1\r\nGrpc-Status:0 \r\n\r\n', '', ['X-Sum: 1', 'Grpc-Status: 0']],
  ['Content-Digest in a trailer', '0\r\nContent-Digest: x\r\n\r\n', '', ['Content-Digest: x']],
  ...[
    'Content-Type: x',
    'Content-Encoding: gzip',
    'Trailer: x',
    'TE: x',
    'Via: x',
    'Authorization: x',
    'Proxy-Authorization: x',
    'Cookie: x',
    'Set-Cookie: x',
    'If-Match: x',
    'Range: x',
    'Expect: x',
    'Max-Forwards: 1',
    'Cache-Control: x',
    'X-Forwarded-For: x',
    'Sec-Fetch-Site: x',
    'Landline-Reference: x',
  ].map((line) => [`${line} in a trailer is dropped`, `0\r\nA: b\r\n${line}\r\n\r\n`, '', ['A: b']] as const),
]

const bad: readonly (readonly [name: string, text: string])[] = [
  ['no size', '\r\n'],
  ['an extension without size', ';a\r\n'],
  ['no hexadecimal digit', 'g\r\n'],
  ['a prefix of hexadecimal', '0x5\r\nhello\r\n'],
  ['a sign', '+5\r\nhello\r\n'],
  ['a negative size', '-5\r\nhello\r\n'],
  ['an underscore', '1_0\r\n'],
  ['a space before the size', ' 5\r\nhello\r\n'],
  ['a space after the size', '5 \r\nhello\r\n'],
  ['a tab after the size', '5\t\r\nhello\r\n'],
  ['a NUL after the size', '5\0\r\nhello\r\n'],
  ['a size beyond 2^53', '20000000000000\r\n'],
  ['a size of 64 bits', 'ffffffffffffffff\r\n'],
  ['a size that wraps around to 5', '10000000000000005\r\nhello\r\n'],
  ['a size of too many digits', '00000000000000005\r\nhello\r\n'],
  ['a size line ending in LF', '5\nhello\r\n'],
  ['a size line ending in CR', '5\rhello\r\n'],
  ['a size line ending in CR and another byte', '5\rxhello\r\n'],
  ['a size line ending in CR CR LF', '5\r\r\nhello\r\n'],
  ['an extension ending in LF', '5;a\nhello\r\n'],
  ['an extension with a CR', '5;a\rb\r\nhello\r\n'],
  ['an extension without name', '5;\r\nhello\r\n'],
  ['an extension without value', '5;a=\r\nhello\r\n'],
  ['an extension that ends with white space', '5;a \r\nhello\r\n'],
  ['an extension that is not closed', '5;a="b\r\nhello\r\n'],
  ['an extension with a line end in quotes', '5;a="\r\n"\r\nhello\r\n'],
  ['an extension with a NUL', '5;a="\0"\r\nhello\r\n'],
  ['an extension that is too long', `5;${'a'.repeat(1024)}\r\nhello\r\n`],
  ['extensions that are too many', `1;${'a'.repeat(1000)}\r\nx\r\n`.repeat(66)],
  ['content that is too long', '5\r\nhello!\r\n'],
  ['content that is too short', '5\r\nhell\r\n0\r\n\r\n'],
  ['content without CRLF', '5\r\nhello0\r\n\r\n'],
  ['content ending in LF', '5\r\nhello\n0\r\n\r\n'],
  ['content ending in CR', '5\r\nhello\r0\r\n\r\n'],
  ['content ending in CR and another byte', '5\r\nhello\rx'],
  ['a trailer ending in LF', '0\r\nA: b\n\r\n'],
  ['trailers ending in LF', '0\r\n\n'],
  ['trailers ending in LF after a field', '0\r\nA: b\r\n\n'],
  ['trailers ending in CR CR LF', '0\r\nA: b\r\n\r\r\n'],
  ['a CR in a trailer', '0\r\nA: b\rc\r\n\r\n'],
  ['a trailer with a space before the colon', '0\r\nA : b\r\n\r\n'],
  ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
  ['a trailer without colon', '0\r\nGET / HTTP/1.1\r\n\r\n'],
  ['a NUL in a trailer', '0\r\nA: \0\r\n\r\n'],
  ...['Transfer-Encoding: chunked', 'Content-Length: 5', 'Host: b.example', 'Connection: close', 'upgrade: x'].map(
    (line) => [`${line} in a trailer`, `0\r\nA: b\r\n${line}\r\n\r\n`] as const,
  ),
  ['too many trailers', `0\r\n${'A: b\r\n'.repeat(65)}\r\n`],
  ['trailers that are too large', `0\r\nA: ${'b'.repeat(8192)}\r\n\r\n`],
]

t.test('a good body is decoded to its last byte and no further, at every cut', async (t) => {
  for (const [name, text, content, trailers = []] of good) {
    const want = { state: 'done', content, taken: text.length, trailers }
    t.same(decode(`${text}GET /`, []), want, name)
    for (let cut = 1; cut < text.length; cut++) {
      const found = decode(`${text}GET /`, [cut])
      if (JSON.stringify(found) !== JSON.stringify(want)) t.same(found, want, `${name}, cut at ${cut}`)
      if (decode(text.slice(0, cut), []).state !== 'more') t.fail(`${name} ended early, at ${cut}`)
    }
    t.same(decode(`${text}GET /`, everyByte(text.length + 5)), want, `${name}, in single bytes`)
  }
})

t.test('a malformed body is refused, at every cut', async (t) => {
  for (const [name, text] of bad) {
    t.equal(decode(`${text}0\r\n\r\n`, []).state, 'error', name)
    t.equal(decode(`${text}0\r\n\r\n`, everyByte(text.length + 5)).state, 'error', `${name}, in single bytes`)
  }
})

t.test('a frame that is broken is not waited on', async (t) => {
  for (const text of ['0\r\n\rX', '0\r\nA: b\rc', '0\r\nA: b\n', '0\r\n\n', '5;a\nb', '5;a\0']) {
    t.equal(decode(text, []).state, 'error', JSON.stringify(text))
    t.equal(decode(text, everyByte(text.length)).state, 'error', `${JSON.stringify(text)}, in single bytes`)
  }
})

t.test('nothing is taken after the end, or after an error', async (t) => {
  for (const text of ['0\r\n\r\n', 'x']) {
    const decoder = new ChunkedDecoder()
    decoder.push(Buffer.from(text), 0, () => {})
    t.equal(
      decoder.push(Buffer.from('5\r\nhello\r\n'), 0, () => t.fail('content after the end')),
      0,
    )
  }
})

t.test('a body may start anywhere in a chunk', async (t) => {
  const decoder = new ChunkedDecoder()
  let content = ''
  const taken = decoder.push(Buffer.from('xx1\r\ny\r\n0\r\n\r\nzz'), 2, (buffer, start, end) => {
    content += buffer.toString('latin1', start, end)
  })
  t.same([taken, content, decoder.state], [11, 'y', 'done'])
})

const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 })
const cuts = fc.array(fc.nat(400), { maxLength: 20 })

t.test('what is written is read again, however it is cut', async () => {
  const trailers = [{ line: 'X-A: b c\r\n' }]
  fc.assert(
    fc.property(contents, cuts, fc.boolean(), (parts, at, hasTrailers) => {
      const pieces = parts.map((part) => `${chunkHead(part.length)}${Buffer.from(part).toString('latin1')}\r\n`)
      const text = pieces.join('') + lastChunk(hasTrailers ? trailers : [])
      const found = decode(`${text}rest`, at)
      const content = Buffer.concat(parts).toString('latin1')
      return found.state === 'done' && found.content === content && found.taken === text.length
    }),
    { numRuns: 500 },
  )
})

t.test('no bytes make the decoder throw, and a cut never changes what it finds', async () => {
  const unit = fc.constantFrom(
    '0',
    '1',
    '5',
    'a',
    ';',
    '=',
    '"',
    '\\',
    ' ',
    '\t',
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    'A: b',
    '\0',
    '\xff',
  )
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), cuts, (text, at) => {
      const whole = decode(text, [])
      const pieces = decode(text, at)
      return JSON.stringify(whole) === JSON.stringify(pieces)
    }),
    { numRuns: 5000 },
  )
})

function decode(text: string, at: readonly number[]): Decoded {
  const decoder = new ChunkedDecoder()
  const bytes = Buffer.from(text, 'latin1')
  const ends = [...at.filter((cut) => cut < bytes.length), bytes.length].sort((one, other) => one - other)
  let content = ''
  let taken = 0
  let start = 0
  for (const end of ends) {
    taken += decoder.push(bytes.subarray(start, end), 0, (buffer, from, to) => {
      content += buffer.toString('latin1', from, to)
    })
    start = end
  }
  const trailers = decoder.trailers.map(({ line }) => line.slice(0, -2))
  return { state: decoder.state, content, taken, trailers }
}

function everyByte(length: number): readonly number[] {
  return Array.from({ length }, (_, index) => index)
}
