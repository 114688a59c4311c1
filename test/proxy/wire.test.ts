/** One owner of a wire's bytes at a time: heads, bodies and ends, cut at every place. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { acceptWires } from '../../proxy/accept.ts'
import { type BodyOptions, BodyRelay } from '../../proxy/body.ts'
import { readHead } from '../../proxy/head-reader.ts'
import { linger } from '../../proxy/linger.ts'
import { Tunnel } from '../../proxy/tunnel.ts'
import { type Consumer, Wire } from '../../proxy/wire.ts'
import { waitFor } from '../e2e/landline.ts'

const server = createServer({ allowHalfOpen: true })
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo // it listens on TCP
t.teardown(() => server.close())

/** The two ends of a connection: a bare socket, and a wire that was accepted or dialled. */
async function pair(t: { teardown(f: () => void): void }, kind: 'accepted' | 'dialled' = 'accepted') {
  const accepting = once(server, 'connection')
  const dialled = kind === 'dialled' ? Wire.dialling({ host: '127.0.0.1', port, noDelay: true }) : null
  const near = dialled === null ? connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }) : null
  const [accepted]: Socket[] = await accepting
  if (accepted === undefined) throw new Error('nothing was accepted')
  const far = near ?? accepted
  const wire = dialled ?? Wire.accepted(accepted)
  far.setNoDelay(true)
  far.on('error', () => {})
  t.teardown(() => {
    far.destroy()
    wire.destroy()
  })
  return { far, wire }
}

const head = (wire: Wire, maxBytes = 1000) =>
  readHead(wire, {
    maxBytes,
    mayBegin: (byte) => byte > 32 || byte === 13,
    tooLarge: 'ERR_HEAD_TOO_LARGE',
    malformed: 'ERR_REQUEST',
    incomplete: 'ERR_REQUEST_INCOMPLETE',
  }).catch((error: { code: string }) => error.code)
const body = (from: Wire, to: Wire, options: Pick<BodyOptions, 'framing' | 'chunked' | 'head'>) => {
  const { promise: done, resolve, reject } = Promise.withResolvers<void>()
  const ended = (error: Error | null) => (error === null ? resolve() : reject(error))
  const relay = new BodyRelay(from, to, {
    ...options,
    incomplete: 'ERR_RESPONSE_INCOMPLETE',
    malformed: 'ERR_RESPONSE',
    ended,
  })
  relay.start(from.waiting)
  return { relay, done }
}
/** Takes all, keeps it as text. */
function reader(): Consumer & { text: string; over: string } {
  return {
    text: '',
    over: '',
    data(chunk) {
      this.text += chunk.toString('latin1')
      return chunk.length
    },
    end() {
      this.over = 'end'
    },
    gone(error) {
      this.over = error === null ? 'gone' : 'failed'
    },
  }
}
const turn = () => new Promise(setImmediate)

t.test('each owner takes just its own bytes, wherever they are cut', async (t) => {
  const message = 'POST / HTTP/1.1\r\nA: b\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n5;x\r\nworld\r\n0\r\n\r\nrest'
  for (const kind of ['accepted', 'dialled'] as const) {
    for (let cut = 1; cut < message.length; cut++) {
      const { far, wire } = await pair(t, kind)
      const out = await pair(t)
      far.write(message.slice(0, cut))
      const first = head(wire)
      while (wire.socket.bytesRead < cut) await turn()
      far.write(message.slice(cut))
      const got = [await first]
      await body(wire, out.wire, { framing: { kind: 'length', length: 5 }, chunked: false }).done
      got.push(await head(wire))
      await body(wire, out.wire, { framing: { kind: 'chunked' }, chunked: true }).done
      const rest = reader()
      wire.attach(rest)
      out.wire.end()
      got.push((await text(out.far)) ?? '')
      while (rest.text.length < 4) await turn()
      got.push(rest.text)
      const wanted = [
        'POST / HTTP/1.1\r\nA: b\r\n\r\n',
        'GET / HTTP/1.1\r\n\r\n',
        'hello5\r\nworld\r\n0\r\n\r\n',
        'rest',
      ]
      if (got[2]?.includes('\r\n1\r\n') || cut > 45) wanted[2] = got[2] ?? '' // a chunk that was cut goes on as two
      t.same(got, wanted, `${kind}, cut at ${cut}`)
      for (const socket of [far, out.far]) socket.destroy()
    }
  }
})

t.test('a head is whole, or it is clear why not', async (t) => {
  const cases: readonly [sent: string, then: 'end' | 'reset' | 'stay', wanted: string | null][] = [
    ['', 'end', null],
    ['', 'reset', null],
    ['GET', 'end', 'ERR_REQUEST_INCOMPLETE'],
    ['GET', 'reset', 'ERR_REQUEST_INCOMPLETE'],
    ['GET / HTTP/1.1\r\n\r\n', 'end', 'GET / HTTP/1.1\r\n\r\n'],
    [`${'a'.repeat(996)}\r\n\r\n`, 'stay', `${'a'.repeat(996)}\r\n\r\n`],
    [`${'a'.repeat(997)}\r\n\r\n`, 'stay', 'ERR_HEAD_TOO_LARGE'],
    ['a'.repeat(1001), 'stay', 'ERR_HEAD_TOO_LARGE'],
    [' GET', 'stay', 'ERR_REQUEST'],
    ['GET\n', 'stay', 'ERR_REQUEST'],
    ['GET\x01', 'stay', 'ERR_REQUEST'],
  ]
  for (const [sent, then, wanted] of cases) {
    for (const pieces of [1, Math.max(sent.length, 1)]) {
      const { far, wire } = await pair(t)
      const reading = head(wire)
      const step = Math.ceil(sent.length / pieces)
      for (let at = 0; at < sent.length; at += step) far.write(sent.slice(at, at + step))
      if (then === 'end') far.end()
      if (then === 'reset') setTimeout(() => far.resetAndDestroy(), 5)
      t.equal(await reading, wanted, `${sent.length} bytes in ${pieces}, then ${then}`)
      far.destroy()
    }
  }
})

t.test('what nobody takes is bounded, and nothing of it is lost', async (t) => {
  const { far, wire } = await pair(t)
  const block = Buffer.alloc(1_000_000, 'x')
  for (let count = 0; count < 10; count++) far.write(block)
  for (let turns = 0; turns < 50; turns++) await turn()
  t.ok(wire.waiting >= 65_536 && wire.waiting < 200_000, `${wire.waiting} bytes wait`)
  const all = reader()
  wire.attach(all)
  far.end()
  while (all.over === '') await turn()
  t.equal(all.text.length, 10_000_000)
  t.equal(wire.waiting, 0)
})

t.test('a consumer that asks for a pause while it is given what waited gets it', async (t) => {
  const { far, wire } = await pair(t)
  far.write('waiting')
  while (wire.waiting === 0) await turn()
  let taken = ''
  wire.attach({
    data: (chunk) => {
      taken += chunk
      wire.pause()
      return chunk.length
    },
    end: () => {},
    gone: () => {},
  })
  far.write('more')
  for (let turns = 0; turns < 20; turns++) await turn()
  t.equal(taken, 'waiting')
  wire.resume()
  while (taken !== 'waitingmore') await turn()
  t.pass()
})

t.test('a consumer that fails ends its own connection', async (t) => {
  for (const broken of [
    () => 0,
    () => {
      throw new Error('broken')
    },
  ]) {
    const { far, wire } = await pair(t)
    const gone = new Promise((resolve) => wire.attach({ data: broken, end: () => {}, gone: resolve }))
    far.write('x')
    t.type(await gone, Error)
  }
})

t.test('whoever comes too late is told so', async (t) => {
  const { far, wire } = await pair(t)
  far.write('said')
  while (wire.waiting === 0) await turn()
  far.resetAndDestroy()
  while (!wire.closed) await turn()
  const late = reader()
  wire.attach(late)
  t.same([late.text, late.over], ['said', 'failed'])
})

t.test('a body is whole, or its owner learns why not', async (t) => {
  const cases: readonly [name: string, framing: BodyOptions['framing'], sent: string, wanted: string][] = [
    ['no content', { kind: 'none' }, '', 'whole'],
    ['a length of 0', { kind: 'length', length: 0 }, '', 'whole'],
    ['a length that is not reached', { kind: 'length', length: 9 }, 'short', 'ERR_RESPONSE_INCOMPLETE'],
    ['until the end', { kind: 'close' }, 'all', 'whole'],
    ['no last chunk', { kind: 'chunked' }, '3\r\nabc\r\n', 'ERR_RESPONSE_INCOMPLETE'],
    ['no chunk', { kind: 'chunked' }, 'abc;\r\n\x01', 'ERR_RESPONSE'],
  ]
  for (const [name, framing, sent, wanted] of cases) {
    const from = await pair(t)
    const to = await pair(t)
    const relay = body(from.wire, to.wire, { framing, chunked: false })
    const result = relay.done.then(
      () => 'whole',
      (error: { code: string }) => error.code,
    )
    from.far.end(sent, 'latin1')
    t.equal(await result, wanted, name)
    t.equal(relay.relay.complete, wanted === 'whole', name)
  }
  const from = await pair(t)
  const to = await pair(t)
  const reset = body(from.wire, to.wire, { framing: { kind: 'close' }, chunked: false })
  setTimeout(() => from.far.resetAndDestroy(), 5)
  await t.rejects(reset.done, { code: 'ERR_RESPONSE_INCOMPLETE' }, 'a reset is no end')
  const trailers = body((await sending(t, '1\r\na\r\n0\r\nX-Sum: 1\r\nCookie: a\r\n\r\n')).wire, to.wire, {
    framing: { kind: 'chunked' },
    chunked: true,
  })
  await trailers.done
  to.wire.end()
  t.equal(await text(to.far), '1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n')
})

t.test('chunks of one byte leave together', async (t) => {
  const from = await pair(t, 'dialled')
  const to = await pair(t)
  let writes = 0
  const { socket } = to.wire
  const write = socket._write
  socket._write = (chunk, encoding, callback) => {
    writes += 1
    write.call(socket, chunk, encoding, callback)
  }
  from.far.write(`${'1\r\nx\r\n'.repeat(1000)}0\r\n\r\n`)
  await body(from.wire, to.wire, { framing: { kind: 'chunked' }, chunked: true }).done
  to.wire.end()
  t.equal(await text(to.far), `${'1\r\nx\r\n'.repeat(1000)}0\r\n\r\n`)
  t.ok(writes > 0 && writes < 10, `${writes} writes`)
})

t.test(
  'what is written in one turn leaves together at its end, in order and whole, whatever ends the wire',
  async (t) => {
    const long = 'l'.repeat(20_000)
    const pieces = [
      'a',
      Buffer.from('b'),
      long,
      'c',
      Buffer.from(long),
      'd'.repeat(16_000),
      'e'.repeat(16_000),
      '\xff',
      '',
    ]
    const wanted = pieces.map((piece) => (typeof piece === 'string' ? piece : piece.toString('latin1'))).join('')
    const endings: Record<string, (wire: Wire) => void> = {
      end: (wire) => wire.end(),
      destroySoon: (wire) => wire.destroySoon(),
      destroy: (wire) => wire.destroy(),
      breakOff: (wire) => wire.breakOff(),
      'nothing but the next turn': () => {},
    }
    for (const [name, ending] of Object.entries(endings)) {
      const { far, wire } = await pair(t)
      let got = ''
      far.setEncoding('latin1').on('data', (text) => {
        got += text
      })
      for (const piece of pieces) wire.write(piece)
      t.ok(wire.socket.bytesWritten >= wanted.length - 16_384, 'no more than a little waits')
      ending(wire)
      await turn()
      t.equal(wire.socket.bytesWritten, wanted.length, name)
      // A reset takes away what the other side has not read yet.
      if (name === 'breakOff') continue
      for (let turns = 0; got.length < wanted.length && turns < 1000; turns++) await turn()
      t.ok(got === wanted, name)
      wire.write('too late')
    }
  },
)

t.test('many small writes of one turn are one', async (t) => {
  const { far, wire } = await pair(t)
  let writes = 0
  const { socket } = wire
  const write = socket._write
  socket._write = (chunk, encoding, callback) => {
    writes += 1
    write.call(socket, chunk, encoding, callback)
  }
  for (let count = 0; count < 100; count++) wire.write(`${count} `)
  t.equal(writes, 0)
  await turn()
  t.equal(writes, 1)
  wire.end()
  t.match(await text(far), /^0 1 2 .* 99 $/)
})

t.test('a wire that moves has no clock, and one that stands still for long is told of', async (t) => {
  const { far, wire } = await pair(t)
  const clock = () => wire.socket.timeout ?? 0
  const standsStill = () => waitFor('its clock', () => clock() === 10_000)
  const told = Promise.withResolvers<void>()
  const before = performance.now()
  wire.onIdle(10_000, () => told.resolve())
  t.equal(clock(), 0)
  await standsStill()
  wire.attach(reader())
  far.write('x')
  await waitFor('a look after it has read', () => clock() === 0)
  await standsStill()
  wire.write('x')
  await waitFor('a look after it has written', () => clock() === 0)
  wire.onIdle(500, () => t.fail('that time is not over'))
  t.equal(clock(), 500, 'a short time is the clock’s alone')
  wire.onIdle(10_000, () => told.resolve())
  await standsStill()
  await told.promise
  t.ok(performance.now() - before > 10_000)
  wire.destroy()
  await once(wire.socket, 'close')
  wire.onIdle(20_000)
  wire.look()
  t.equal(clock(), 10_000, 'one that is closed is left alone')
})

t.test('what joins others that do not leave is no movement', async (t) => {
  const { far, wire } = await pair(t)
  wire.onIdle(10_000)
  await stall({ far, wire })
  wire.look()
  for (const more of ['.', '.'.repeat(20_000)]) {
    wire.write(more)
    wire.pass(Buffer.from(more), wire)
    wire.look()
    t.equal(wire.socket.timeout, 10_000, 'its clock runs on')
  }
})

t.test('what has come while the event loop was held up is read before time is over', async (t) => {
  const { far, wire } = await pair(t)
  const quiet = reader()
  wire.attach(quiet)
  let told = 0
  wire.onIdle(300, () => told++)
  far.write('x')
  for (const end = performance.now() + 500; performance.now() < end; );
  await waitFor('it to be read', () => quiet.text === 'x')
  await turn()
  t.equal(told, 0)
  await waitFor('silence', () => told === 1)
})

t.test('the last answer reaches a slow reader whole, and a talking one is not reset', async (t) => {
  const { far, wire } = await pair(t)
  const answer = 'a'.repeat(12_000_000)
  far.pause()
  wire.write(answer)
  linger(wire, () => {}, 40)
  await new Promise((resolve) => setTimeout(resolve, 120))
  t.equal((await text(far)).length, answer.length, 'the clock begins when it has left')
  const talking = await pair(t)
  talking.wire.write('bye')
  linger(talking.wire, () => {}, 5000)
  for (let count = 0; count < 20; count++) {
    talking.far.write('still talking '.repeat(10_000))
    await turn()
  }
  t.equal(await text(talking.far), 'bye')
  talking.far.end()
  while (!talking.wire.closed) await turn()
  t.equal(talking.wire.failure, null)
})

t.test('a client that talks on and on is cut in the end', async (t) => {
  const { far, wire } = await pair(t)
  const talking = setInterval(() => far.write('and on '), 5)
  t.teardown(() => clearInterval(talking))
  let left = false
  linger(wire, () => (left = true), 40)
  while (!wire.closed) await turn()
  t.ok(left, 'while it still talks')
})

/** The other side reads nothing, and a little waits to leave: less than would hold up whoever writes. */
async function stall({ far, wire }: { far: Socket; wire: Wire }): Promise<number> {
  far.pause()
  let filled = 0
  while (wire.socket.writableLength === 0) {
    wire.write('.'.repeat(16_384))
    filled += 16_384
    await turn()
  }
  return filled
}

const NO_DIGITS = 'ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ'

t.test('a chunk that was passed on and could not leave yet is not overwritten by the next one', async (t) => {
  for (const kind of ['body', 'chunks', 'tunnel'] as const) {
    for (const [size, count] of [
      [500, 40],
      [40_000, 60],
    ] as const) {
      const wanted = Array.from({ length: count }, (_, each) => (NO_DIGITS[each % 40] ?? '').repeat(size)).join('')
      const [from, to, other] = [await pair(t, 'dialled'), await pair(t), await pair(t, 'dialled')]
      const filled = await stall(to)
      const framing = { kind: 'close' } as const
      if (kind === 'tunnel') new Tunnel(to.wire, from.wire, 5000).receive()
      else body(from.wire, to.wire, { framing, chunked: kind === 'chunks', head: 'head' })
      other.wire.attach(reader())
      for (let at = 0; at < wanted.length; at += size) {
        from.far.write(wanted.slice(at, at + size))
        other.far.write('?'.repeat(size)) // all read into the same buffers
        while (!from.wire.isPaused && from.wire.socket.bytesRead < at + size) await turn()
        await turn()
      }
      from.far.end()
      to.far.resume()
      const received = text(to.far)
      if (kind !== 'tunnel') {
        while (!from.wire.ended) await turn()
        to.wire.end()
      }
      const said = (await received).slice(filled)
      const content = kind === 'chunks' ? said.replaceAll(/^head|[0-9a-f]+\r\n|\r\n/g, '') : said.replace(/^head/, '')
      t.equal(content.length, wanted.length, `${kind} of ${size} bytes`)
      t.equal(content === wanted, true, `${kind} of ${size} bytes`)
    }
  }
})

t.test('connections are accepted into the buffers of the process, and bulk comes whole over them', async (t) => {
  const listening = createServer({ allowHalfOpen: true })
  listening.on('connection', () => t.fail('this version of Node.js accepts connections in another way'))
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  t.teardown(() => listening.close())
  const accepted: Wire[] = []
  t.equal(
    acceptWires(listening, (wire) => accepted.push(wire)),
    true,
  )
  const address = listening.address() as AddressInfo // it listens on TCP
  const clients = [0, 1, 2].map(() => connect(address.port, '127.0.0.1'))
  while (accepted.length < clients.length) await turn()
  const readers = accepted.map((wire) => {
    const taker = reader()
    wire.attach(taker)
    return taker
  })
  const wanted = clients.map((_, number) => String(number).repeat(3_000_000))
  for (const [number, client] of clients.entries()) client.end(wanted[number] ?? '')
  while (readers.some(({ over }) => over === '')) await turn()
  t.strictSame(
    readers.map(({ text }) => /^(.)\1*$/.test(text) && text.length),
    [3_000_000, 3_000_000, 3_000_000],
  )
  t.strictSame(new Set(readers.map(({ text }) => text[0])), new Set(['0', '1', '2']))
  for (const wire of accepted) wire.destroy()
})

t.test('a tunnel whose sides have both ended still sends on what waits', async (t) => {
  const [client, origin] = [await pair(t), await pair(t, 'dialled')]
  const filled = await stall(client)
  const tunnel = new Tunnel(client.wire, origin.wire, 5000)
  tunnel.receive()
  tunnel.send(null)
  client.far.end()
  origin.far.resume()
  origin.far.end('last words')
  await tunnel.done
  while (!origin.wire.closed) await turn()
  t.equal((await text(client.far)).slice(filled), 'last words')
})

t.test('what is broken off is seen to be, after what was written', async (t) => {
  const { far, wire } = await pair(t)
  const failed = once(far, 'error')
  let received = 0
  far.on('data', (chunk) => (received += chunk.length))
  wire.write('a'.repeat(12_000_000))
  wire.breakOff()
  const [error] = await failed
  t.equal(error.code, 'ECONNRESET')
  t.ok(received > 0)
})

t.test('to break off what is just ending closes it', async (t) => {
  const { wire } = await pair(t)
  wire.end()
  wire.breakOff()
  await waitFor('its close', () => wire.closed)
})

t.test('what could no longer be sent on is not counted as sent', async (t) => {
  const [client, origin] = [await pair(t), await pair(t, 'dialled')]
  const tunnel = new Tunnel(client.wire, origin.wire, 5000)
  origin.wire.destroy()
  await waitFor('the origin to be gone', () => origin.wire.closed)
  tunnel.send(Buffer.from('held back'))
  t.equal(tunnel.sentBytes, 0)
})

async function sending(t: { teardown(f: () => void): void }, content: string) {
  const ends = await pair(t)
  ends.far.write(content)
  return ends
}

/** All that comes until the other side ends. */
async function text(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.resume()
  await once(socket, 'end')
  return Buffer.concat(chunks).toString('latin1')
}
