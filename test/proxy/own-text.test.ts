/** What is kept of a request for longer than it lasts holds no more memory than it says. */
import t from 'tap'
import { walkForwarded } from '../../proxy/forwarded.ts'
import { parseRequestHead } from '../../proxy/http/request.ts'
import { readOpening } from '../../proxy/opening.ts'
import { onItsOwn } from '../../rules/own-text.ts'
import { heapAfterCollection } from '../heap.ts'
import { address } from './harness.ts'

const COUNT = 1000
const LONG = 15_000

/** What is made of long texts that each begin in this way, and the bytes of the heap that stay with it. */
function keptOf(beginning: (index: number) => string, read: (bytes: Buffer) => string) {
  const kept: string[] = []
  const before = heapAfterCollection()
  for (let index = 0; index < COUNT; index++) {
    const bytes = Buffer.alloc(LONG, 'a')
    bytes.write(beginning(index), 'latin1')
    bytes.write('\r\n\r\n', LONG - 4, 'latin1')
    kept.push(read(bytes))
  }
  return { kept, bytes: heapAfterCollection() - before }
}

const hostOf = (bytes: Buffer): string => {
  const head = parseRequestHead(bytes.toString('latin1'))
  return 'refused' in head ? head.message : (head.target.host ?? '')
}

const hostInTunnel = (bytes: Buffer): string => {
  const opening = readOpening(bytes)
  return typeof opening === 'object' ? (opening.httpHost ?? '') : String(opening)
}

const clientOf = (bytes: Buffer): string => {
  const head = parseRequestHead(bytes.toString('latin1'))
  return 'refused' in head
    ? head.message
    : walkForwarded(head.fields, address('127.0.0.1'), (at) => at.text === '127.0.0.1').address.text
}

for (const [what, expected, beginning, read] of [
  [
    'the host of a request',
    'host-number-107.example.test',
    (index: number) =>
      `GET http://host-number-${index}.example.test/ HTTP/1.1\r\nHost: host-number-${index}.example.test\r\nA: `,
    hostOf,
  ],
  [
    'the host of a tunnel',
    'host-number-107.example.test',
    (index: number) =>
      `CONNECT host-number-${index}.example.test:443 HTTP/1.1\r\nHost: host-number-${index}.example.test:443\r\nA: `,
    hostOf,
  ],
  [
    'a host with its final dot',
    'host-number-107.example.test',
    (index: number) =>
      `GET http://host-number-${index}.example.test./ HTTP/1.1\r\nHost: host-number-${index}.example.test.\r\nA: `,
    hostOf,
  ],
  [
    'the host of a request in a tunnel',
    'host-number-107.example.test',
    (index: number) => `GET / HTTP/1.1\r\nHost: host-number-${index}.example.test\r\nA: `,
    hostInTunnel,
  ],
  [
    'the client in X-Forwarded-For',
    '192.168.100.107',
    (index: number) => `GET http://x/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.168.100.${index % 256}\r\nA: `,
    clientOf,
  ],
  [
    'the client in Forwarded',
    '192.168.100.107',
    (index: number) => `GET http://x/ HTTP/1.1\r\nHost: x\r\nForwarded: for=192.168.100.${index % 256}\r\nA: `,
    clientOf,
  ],
] as const) {
  t.test(what, async (t) => {
    const { kept, bytes } = keptOf(beginning, read)
    t.equal(kept[107], expected)
    t.ok(bytes < (COUNT * LONG) / 10, `${bytes} bytes`)
  })
}

t.test('a text is the same', async (t) => {
  for (const text of ['', 'a', 'meet.test', 'host-number-7.example.test', 'é'.repeat(300)])
    t.equal(onItsOwn(text), text)
})
