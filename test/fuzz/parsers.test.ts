/**
 * Each parser of what strangers send, fed with what is nearly right: none throws, and what it makes of its input does not
 * depend on how the network cut it. (Which inputs are right is in the tests of each; the second opinion of llhttp on
 * messages is in test/proxy/http/llhttp.test.ts, rule files cut at each byte are in test/rules/mutations.test.ts.)
 */

import t from 'tap'
import { walkForwarded } from '../../proxy/forwarded.ts'
import { answerHeads } from '../../proxy/head-reader.ts'
import { CR, is, TCHAR } from '../../proxy/http/chars.ts'
import { parseRequestHead } from '../../proxy/http/request.ts'
import { parseTarget } from '../../proxy/http/request-target.ts'
import { parseResponseHead } from '../../proxy/http/response.ts'
import { requestHeadForOrigin } from '../../proxy/http/serialise.ts'
import { peekOpening } from '../../proxy/opening.ts'
import { parseProxyHeader } from '../../proxy/proxy-protocol.ts'
import type { Wire } from '../../proxy/wire.ts'
import { parseAddress } from '../../rules/address.ts'
import { parseRuleFile } from '../../rules/file/parse.ts'
import fc from '../properties.ts'
import { address } from '../proxy/harness.ts'
import { FILES, KNOWN, MAIN, NOW } from '../rules/rule-file.ts'
import { corpus, inPieces, search, spoilt } from './fuzz.ts'
import { contentOf, headOf, REFUSED, readFrom } from './line.ts'

t.setTimeout(0) // the time box ends it

const REQUESTS = corpus('requests')
const ANSWERS = corpus('answers')
const OPENINGS = corpus('openings')

/** All requests of a connection: what would be sent on for each, and how it ends. */
async function requestsOn(wire: Wire): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for (;;) {
    const read = await headOf(wire, (byte) => byte === CR || is(byte, TCHAR))
    if (read === null || read === REFUSED) return [...found, read]
    const head = parseRequestHead(read)
    if ('refused' in head) return [...found, REFUSED]
    const content = await contentOf(wire, head.framing)
    found.push(requestHeadForOrigin(head, { via: 'us', toParent: true }), content)
    if (content.endsWith(REFUSED) || !head.keepAlive || head.method === 'CONNECT') return found
  }
}

/** All answers of a connection, each as if a GET had asked for it. */
async function answersOn(wire: Wire): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for (;;) {
    const read = await headOf(wire, answerHeads(0).mayBegin)
    if (read === null || read === REFUSED) return [...found, read]
    const head = parseResponseHead(read, { method: 'GET', upgrade: 'websocket' })
    if ('refused' in head) return [...found, REFUSED]
    const content = await contentOf(wire, head.framing)
    found.push(head, content)
    if (content.endsWith(REFUSED) || !head.keepAlive) return found
  }
}

/** What a tunnel opens with; how many bytes of it are held is the network's affair. */
async function openingOn(wire: Wire): Promise<unknown> {
  return peekOpening(wire, 60_000).then(
    (opening) => opening && { ...opening, held: null },
    () => REFUSED,
  )
}

type Agree = (whole: unknown, cut: unknown) => boolean
const isSame: Agree = (whole, cut) => JSON.stringify(whole) === JSON.stringify(cut)
/** What comes in pieces goes on as the whole would, or not at all: the last record of a hello, say, never becomes whole. */
const isSameOrRefused: Agree = (whole, cut) => isSame(whole, cut) || cut === REFUSED

const streams: readonly [
  name: string,
  texts: readonly string[],
  read: (wire: Wire) => Promise<unknown>,
  agree: Agree,
  atoms: string[],
][] = [
  [
    'requests',
    REQUESTS,
    requestsOn,
    isSame,
    [
      'Content-Length: 5\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Host: a.example\r\n',
      'Connection: close\r\n',
      '5\r\n',
      '0\r\n\r\n',
    ],
  ],
  [
    'answers',
    ANSWERS,
    answersOn,
    isSame,
    ['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'HTTP/1.1 204 x\r\n'],
  ],
  [
    'openings',
    OPENINGS,
    openingOn,
    isSameOrRefused,
    ['\x16\x03\x01', '\x00\x00', 'GET ', 'Host: b.test\r\n', ' HTTP/1.1'],
  ],
]

for (const [name, texts, read, agree, atoms] of streams) {
  t.test(`${name} are the same, wherever they are cut`, async (t) => {
    for (const text of texts) {
      const whole = JSON.stringify(await readFrom([text], read))
      let others = 0
      for (let cut = 1; cut < text.length; cut++) {
        const inTwo = JSON.stringify(await readFrom([text.slice(0, cut), text.slice(cut)], read))
        if (inTwo !== whole) others += 1
      }
      t.equal(others, 0, JSON.stringify(text.slice(0, 60)))
    }
    await search(t, inPieces(spoilt(texts, atoms)), 1000, async (pieces) => {
      const [whole, cut] = [await readFrom([pieces.join('')], read), await readFrom(pieces, read)]
      return agree(whole, cut) ? null : { whole, cut }
    })
  })
}

t.test('a PROXY header that is told from its first bytes is told the same from more of them', async (t) => {
  await search(t, spoilt(corpus('proxy-headers'), ['PROXY ', '\x21\x11', '\x20\x00']), 2000, (text) => {
    const bytes = Buffer.from(text, 'latin1')
    const whole = JSON.stringify(parseProxyHeader(bytes))
    for (let length = 0; length < bytes.length; length++) {
      const early = parseProxyHeader(bytes.subarray(0, length))
      if (early.state !== 'more' && JSON.stringify(early) !== whole) return { length, early, whole }
    }
    return null
  })
})

t.test('an authority names the host that a browser would go to, in one spelling', async (t) => {
  const host = { value: null, mismatch: 'refuse' } as const
  await search(t, spoilt(corpus('authorities'), ['xn--', '%2e', '0x', '::', '%', ':443']), 5000, (text) => {
    const target = parseTarget(text, 'CONNECT', host)
    if ('refused' in target) return null
    const again = parseTarget(target.authority, 'CONNECT', { ...host, value: target.authority })
    if (JSON.stringify(again) !== JSON.stringify(target)) return { target, again }
    if ((target.host === null) === (target.address === null)) return target
    const { hostname, port } = new URL(`http://${text}`)
    const theirs = parseAddress(hostname.replace(/^\[|\]$/g, ''))?.text ?? hostname.replace(/\.$/, '')
    const isSame = theirs === (target.host ?? target.address?.text) && Number(port === '' ? 80 : port) === target.port
    return isSame ? null : { target, hostname, port }
  })
})

t.test('a list of forwarding hops is the same on one line and on many', async (t) => {
  const [peer, isTrusted] = [address('10.0.0.5'), ({ text }: { text: string }) => text.startsWith('10.0.0.')]
  const named = fc.constantFrom('x-forwarded-for', 'forwarded')
  await search(
    t,
    fc.tuple(named, spoilt(corpus('forwarded'), ['for=', '10.0.0.1', 'unknown'])),
    5000,
    ([lower, text]) => {
      const walk = (values: readonly string[]) =>
        JSON.stringify(
          walkForwarded(
            values.map((value) => ({ lower, value })),
            peer,
            isTrusted,
          ),
        )
      const whole = walk([text])
      // A comma within quotes is none: where there are quotes, such a list is only read, not cut.
      if (text.includes('"')) return null
      const cut = walk(text.split(','))
      return cut === whole ? null : { whole, cut }
    },
  )
})

t.test('a rule file is accepted, or refused with a place', async (t) => {
  const atoms = ['\n  ', '- ', '{ ', ' }', '&a', '*a', '!!', 'null', '|', '>-', '#', 'T25:00:00Z', '10.0.0.0/33']
  await search(t, spoilt([...FILES.values(), ...corpus('rule-files')], atoms), 150, (text) => {
    const { file, problems } = parseRuleFile(MAIN, new Map([...FILES, [MAIN, text]]), KNOWN, NOW)
    const errors = problems.filter(({ severity }) => severity === 'error')
    const isPlaced = problems.every(({ line, column, message }) => line > 0 && column > 0 && message !== '')
    return (file === null) === errors.length > 0 && isPlaced ? null : problems
  })
})
