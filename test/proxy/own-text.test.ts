/** What is kept of a request for longer than it lasts holds no more memory than it says. */
import t, { type Test } from 'tap'
import { walkForwarded } from '../../proxy/forwarded.ts'
import { parseRequestHead } from '../../proxy/http/request.ts'
import { readOpening } from '../../proxy/opening.ts'
import { onItsOwn } from '../../rules/tables/own-text.ts'
import { heapAfterCollection, heldAfterCollection } from '../heap.ts'
import { address, startOrigin, startProxy } from './harness.ts'

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

const TUNNELS = 90
const MUCH = 60_000

/** Bytes that each of some open tunnels holds, with both of its ends, which are in this process too. */
async function heldByTunnel(t: Test, ask: (port: number) => string, opening: string): Promise<number> {
  const origin = await startOrigin((socket) => {
    socket.on('data', (chunk) => {
      if (chunk.at(-1) === TURN) socket.write('?')
      else if (chunk.at(-1) === LINE_END) socket.write(SWITCHED)
    })
  })
  const proxy = await startProxy()
  t.teardown(() => proxy.close())
  t.teardown(() => origin.close())
  const open = async () => {
    const client = proxy.client()
    await client.send(ask(origin.port)).until((text) => text.endsWith('\r\n\r\n'))
    await client.send(opening).until((text) => text.endsWith('?'))
    // A read buffer that has grown for what is long goes back when little is said.
    for (let turn = 0; turn < 4; turn++) {
      client.take()
      const text = await client.send('?').until((text) => text === '?')
      if (text !== '?') throw new Error(`no tunnel is open: ${text}`)
    }
  }
  await open()
  const before = heldAfterCollection()
  for (let count = 0; count < TUNNELS; count++) await open()
  t.equal(proxy.proxy.connections, TUNNELS + 1)
  return (heldAfterCollection() - before) / TUNNELS
}

const TURN = '?'.charCodeAt(0)
/** Of a head; what tunnels open with has none at its end. */
const LINE_END = '\n'.charCodeAt(0)
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: talk\r\n\r\n'
const connectWith = (fields: string) => (port: number) =>
  `CONNECT long-name-of-a-host.test:${port} HTTP/1.1\r\nHost: long-name-of-a-host.test:${port}\r\n${fields}\r\n`
const upgradeWith = (method: string, fields: string) => (port: number) =>
  `${method} http://long-name-of-a-host.test:${port}/ HTTP/1.1\r\nHost: long-name-of-a-host.test:${port}\r\nConnection: upgrade\r\nUpgrade: talk\r\n${fields}\r\n`
const LONG_FIELD = `A: ${'a'.repeat(MUCH)}\r\n`

t.test('an open tunnel holds nothing of what opened it', async (t) => {
  const little = () => heldByTunnel(t, connectWith(''), 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n?')
  await little() // what is made once, for all that come after
  const small = await little()
  for (const [what, ask, opening] of [
    ['the head of a CONNECT', connectWith(LONG_FIELD), '?'],
    ['the head of an upgrade', upgradeWith('GET', LONG_FIELD), '?'],
    ['the head of an upgrade with a long method', upgradeWith('BASELINE-CONTROL', LONG_FIELD), '?'],
    ['its first bytes', connectWith(''), `GET / HTTP/1.1\r\nHost: a.test\r\n\r\n${'a'.repeat(MUCH)}?`],
  ] as const) {
    const held = await heldByTunnel(t, ask, opening)
    t.ok(held - small < MUCH / 4, `${what}: ${held} bytes, where ${small} are held of one that is opened with little`)
  }
})

t.test('a text is the same', async (t) => {
  for (const text of [
    '',
    'a',
    'twelve-bytes',
    'thirteen-bytes',
    'meet.test',
    'host-number-7.example.test',
    'é'.repeat(300),
  ])
    t.equal(onItsOwn(text), text)
})
