/** The forward story over real sockets: one request judged is one request at the origin, and its answer is nobody else's. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { answer, answering, DESK, originOf, prefix, proxyOf, RULES, request, startProxy, WIFI } from './harness.ts'

const proxy = await startProxy()
t.teardown(() => proxy.close())

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const statusesOf = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status)
/** Resolves when the head of a request has come, with all that came so far. */
async function headOf(socket: Socket): Promise<string> {
  let text = ''
  for (;;) {
    const [chunk] = await once(socket, 'data')
    text += chunk.toString('latin1')
    if (text.includes('\r\n\r\n')) return text
  }
}

t.test('a request goes on in origin-form, and both sides stay open for the next one', async (t) => {
  const origin = await originOf(
    t,
    answering((text) => answer(text.split('\r\n')[0] ?? '')),
  )
  const client = proxy.client()
  for (const path of ['/first?q=1', '/second']) {
    client.send(request('GET', `${origin.url}${path}`))
    const text = await client.until((text) => text.endsWith(`GET ${path} HTTP/1.1`))
    t.match(text, /^HTTP\/1\.1 200 OK\r\n/)
    t.match(text, /\r\nVia: 1\.1 landline-1\r\n/)
    t.match(text, /\r\nDate: /)
    client.take()
    await new Promise(setImmediate) // the pool hands a connection out from the next turn on
  }
  t.equal(origin.count(), 1)
})

t.test('pipelined requests are answered in order, each by its own verdict', async (t) => {
  const origin = await originOf(
    t,
    answering((text) => answer(text.split(' ')[1] ?? '')),
  )
  const client = proxy.client(WIFI)
  const before = proxy.ends.length
  const denied = request('GET', `http://meet.test:${origin.port}/denied`)
  client.send(request('GET', `${origin.url}/one`) + request('POST', `${origin.url}/two`, ['Content-Length: 3'], 'abc'))
  client.send(request('GET', `${origin.url}/three`) + denied + request('GET', `${origin.url}/never`))
  const text = await client.all()
  t.match(text, /\/one[\s\S]*\/two[\s\S]*\/three[\s\S]*HTTP\/1\.1 403 /)
  t.notMatch(text, '/never', 'what waits behind a denial is not read')
  t.match(text, /HTTP\/1\.1 403 [\s\S]*\r\nConnection: close\r\n/)
  const ends = (await proxy.ended(before + 4)).slice(before)
  t.same(
    ends.map(({ outcome }) => outcome),
    ['ok', 'ok', 'ok', 'denied'],
  )
})

t.test('bodies arrive byte for byte in both directions, whatever their framing', async (t) => {
  const body = randomBytes(3_000_017)
  const origin = await originOf(t, (socket) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      const all = Buffer.concat(chunks)
      const start = all.indexOf('\r\n\r\n') + 4
      const head = all.toString('latin1', 0, start)
      const isChunked = /transfer-encoding: chunked/i.test(head)
      if (isChunked ? !all.subarray(-7).equals(Buffer.from('\r\n0\r\n\r\n')) : all.length < start + body.length) return
      const content = isChunked ? unchunked(all.subarray(start)) : all.subarray(start)
      socket.write(`HTTP/1.1 200 OK\r\nX-Hash: ${sha256(content)}\r\n`)
      if (head.includes('/length')) socket.write(`Content-Length: ${body.length}\r\n\r\n`)
      else if (head.includes('/close')) socket.write('Connection: close\r\n\r\n')
      else socket.write(`Transfer-Encoding: chunked\r\n\r\n`)
      if (head.includes('/chunked')) {
        for (let at = 0; at < body.length; at += 70_001) socket.write(chunk_(body.subarray(at, at + 70_001)))
        socket.write('0\r\n\r\n')
      } else socket.write(body)
      if (head.includes('/close')) socket.end()
      chunks.length = 0
    })
  })
  for (const upload of ['length', 'chunked']) {
    for (const download of ['length', 'chunked', 'close']) {
      const client = proxy.client()
      const chunks: Buffer[] = []
      client.socket.setEncoding('latin1')
      const field = upload === 'length' ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked'
      client.send(request('PUT', `${origin.url}/${download}`, [field, 'Connection: close']))
      if (upload === 'length') client.send(body)
      else {
        for (let at = 0; at < body.length; at += 50_021) client.send(chunk_(body.subarray(at, at + 50_021)))
        client.send('0\r\n\r\n')
      }
      const text = await client.all()
      const start = text.indexOf('\r\n\r\n') + 4
      chunks.push(Buffer.from(text.slice(start), 'latin1'))
      const content = download === 'length' ? Buffer.concat(chunks) : unchunked(Buffer.concat(chunks))
      t.match(text.slice(0, start), `X-Hash: ${sha256(body)}`, `${upload} up`)
      t.equal(sha256(content), sha256(body), `${download} down`)
    }
  }
})

t.test('a body that nobody takes is not read on: memory stays flat in both directions', async (t) => {
  const chunk = Buffer.alloc(65_536)
  const stuck = async (write: (chunk: Buffer) => boolean, socket: Socket) => {
    let sent = 0
    for (let full = 0; full < 3 && sent < 256 * 65_536; ) {
      sent += chunk.length
      if (write(chunk)) continue
      full += 1
      await Promise.race([once(socket, 'drain'), new Promise((resolve) => setTimeout(resolve, 30))])
    }
    return sent
  }
  const origin = await originOf(t, (socket) => {
    socket.once('data', (text) => {
      socket.pause()
      if (text.toString().startsWith('POST')) return
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
      void stuck((bytes) => socket.write(bytes), socket).then((sent) => down.resolve(sent))
    })
  })
  const down = Promise.withResolvers<number>()
  const reader = proxy.client()
  reader.socket.pause()
  reader.send(request('GET', origin.url))
  t.ok((await down.promise) < 256 * 65_536, 'the origin was held up')
  const writer = proxy.client()
  writer.send(request('POST', origin.url, ['Content-Length: 1000000000']))
  t.ok((await stuck((bytes) => writer.socket.write(bytes), writer.socket)) < 256 * 65_536, 'the client was held up')
})

t.test('an early answer reaches the client whole while it still uploads', async (t) => {
  const early = 'too much '.repeat(40_000)
  const origin = await originOf(t, async (socket) => {
    await headOf(socket)
    socket.write(answer(early, ['Connection: close'], '413 Content Too Large'))
    socket.end()
    socket.resume()
  })
  const client = proxy.client()
  client.send(request('POST', origin.url, ['Content-Length: 100000000']))
  const block = Buffer.alloc(100_000)
  const uploading = setInterval(() => client.send(block), 1)
  const text = await client.all()
  clearInterval(uploading)
  t.match(text, /^HTTP\/1\.1 413 [\s\S]*\r\nConnection: close\r\n/)
  t.ok(text.endsWith(`\r\n\r\n${early}`))
  t.equal(client.error, null)
})

t.test('a connection on which a request was not sent to its end is not used again', async (t) => {
  const origin = await originOf(t, async (socket, before) => {
    await headOf(socket)
    socket.write(answer(`${before}`))
  })
  await proxy
    .client()
    .send(request('POST', origin.url, ['Content-Length: 10']))
    .all()
  await new Promise(setImmediate)
  const client = proxy.client().send(request('GET', origin.url))
  t.match(await client.until((text) => /\r\n\r\n\d$/.test(text)), /\r\n\r\n1$/)
})

t.test('interim answers go on to clients of HTTP/1.1, and the body follows', async (t) => {
  const origin = await originOf(t, async (socket) => {
    const [, early] = (await headOf(socket)).split('\r\n\r\n')
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
    const body = early === '' ? String(await once(socket, 'data')) : early
    socket.write(answer(`got ${body}`, ['Connection: close']))
  })
  const client = proxy.client().send(request('POST', origin.url, ['Expect: 100-continue', 'Content-Length: 5']))
  await client.until((text) => text.includes('100 Continue'))
  client.send('hello')
  const text = await client.until((text) => text.endsWith('got hello'))
  t.same(statusesOf(text), ['103', '100', '200'])
  const old = proxy.client()
  old.send(`POST ${origin.url}/ HTTP/1.0\r\nHost: plain.test:${origin.port}\r\nContent-Length: 5\r\n\r\nhello`)
  t.same(statusesOf(await old.all()), ['200'], 'HTTP/1.0 knows none')
})

t.test('an origin that breaks off after an interim answer is a failure that the client is told', async (t) => {
  const origin = await originOf(t, async (socket, before) => {
    await headOf(socket)
    if (before === 0) socket.write(answer('first'))
    const next = before === 0 ? headOf(socket) : null
    await next
    socket.end('HTTP/1.1 103 Early Hints\r\n\r\n')
  })
  const client = proxy.client().send(request('GET', origin.url))
  await client.until((text) => text.endsWith('first'))
  await new Promise(setImmediate)
  client.take()
  client.send(request('GET', origin.url))
  t.match(await client.all(), /^HTTP\/1\.1 103 [\s\S]*HTTP\/1\.1 502 [\s\S]*error=connection_terminated/)
  t.equal(origin.count(), 1, 'and not asked again: an answer had begun')
})

t.test('answers without content leave the connections in step', async (t) => {
  const origin = await originOf(
    t,
    answering((text) => {
      if (text.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n'
      if (text.includes('/304')) return 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n'
      if (text.includes('/204')) return 'HTTP/1.1 204 No Content\r\n\r\n'
      return answer('body')
    }),
  )
  const client = proxy.client()
  const requests = [
    request('HEAD', origin.url),
    ...['/304', '/204', '/'].map((path) => request('GET', origin.url + path)),
  ]
  client.send(requests.join(''))
  const text = await client.until((text) => text.endsWith('body'))
  t.same(statusesOf(text), ['200', '304', '204', '200'])
})

t.test('HTTP/1.0 on either side', async (t) => {
  const origin = await originOf(t, async (socket) => {
    await headOf(socket)
    socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end')
  })
  const client = proxy.client().send(request('GET', origin.url) + request('GET', origin.url))
  const modern = await client.until((text) => text.split('\r\n0\r\n\r\n').length === 3)
  t.match(modern, /Transfer-Encoding: chunked\r\n[\s\S]*\r\nd\r\nuntil the end\r\n0\r\n\r\nHTTP\/1\.1 200 /)
  const old = proxy.client().send(`GET ${origin.url}/ HTTP/1.0\r\n\r\n`)
  const text = await old.all()
  t.match(text, /\r\nConnection: close\r\n[\s\S]*\r\n\r\nuntil the end$/)
  t.notMatch(text, 'chunked')
  const chunked = await originOf(
    t,
    answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n'),
  )
  const reader = proxy.client().send(`GET ${chunked.url}/ HTTP/1.0\r\n\r\n`)
  t.match(await reader.all(), /\r\n\r\nabc$/)
})

t.test('a cut answer never looks whole', async (t) => {
  const cuts: Record<string, string> = {
    '/length': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort',
    '/chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n',
    '/bad-chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n',
    '/no-trailer-end': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n',
    '/reset': 'HTTP/1.1 200 OK\r\n\r\nshort',
  }
  const origin = await originOf(t, async (socket) => {
    const [, path = ''] = (await headOf(socket)).split(' ')
    socket.write(cuts[path] ?? '', () =>
      setTimeout(() => (path === '/reset' ? socket.resetAndDestroy() : socket.end()), 5),
    )
  })
  for (const path of Object.keys(cuts)) {
    for (const version of ['1.1', '1.0']) {
      const before = proxy.ends.length
      const client = proxy
        .client()
        .send(`GET ${origin.url}${path} HTTP/${version}\r\nHost: plain.test:${origin.port}\r\n\r\n`)
      const text = await client.until(() => client.closed)
      t.match(text, 'short', `${path} ${version}: what came is passed on`)
      t.notMatch(text, /\r\n0\r\n/)
      t.equal(client.error, 'ECONNRESET', `${path} ${version}`)
      t.equal((await proxy.ended(before + 1))[before]?.outcome, 'upstream_error')
    }
  }
})

t.test('an upload that breaks the rules is refused, and its origin sees no whole request', async (t) => {
  const seen: string[] = []
  const origin = await originOf(t, (socket) => {
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    socket.on('close', () => seen.push(text))
    socket.on('end', () => socket.end())
  })
  const bad: Record<string, string> = {
    'a chunk size that is none': '5\r\nhello\r\nzz\r\n',
    'a chunk longer than its size': '5\r\nhello!\r\n',
    'a bare LF after the size': '5\nhello\r\n0\r\n\r\n',
    'a smuggled request behind a bad chunk': '0x0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  }
  for (const [name, body] of Object.entries(bad)) {
    const client = proxy.client().send(request('POST', origin.url, ['Transfer-Encoding: chunked']) + body)
    t.match(await client.all(), /^HTTP\/1\.1 400 [\s\S]*error=http_request_error/, name)
  }
  for (let turn = 0; seen.length < Object.keys(bad).length && turn < 500; turn++) await new Promise(setImmediate)
  t.equal(seen.length, Object.keys(bad).length, 'the connections to the origin are closed')
  for (const text of seen) t.notMatch(text, /\r\n0\r\n/)
  t.equal(seen.filter((text) => text === '').length, 2, 'what is broken from its first chunk on is not begun')
})

t.test(
  'a client that ends in the middle of its upload gets a 400; one that goes away takes the origin along',
  async (t) => {
    const gone: Promise<unknown>[] = []
    const origin = await originOf(t, (socket) => {
      gone.push(once(socket, 'close'))
      socket.on('data', () => {})
      socket.on('end', () => socket.end())
    })
    const client = proxy.client().send(`${request('POST', origin.url, ['Content-Length: 10'])}half`)
    client.socket.end()
    t.match(await client.all(), /^HTTP\/1\.1 400 /)
    for (const body of ['', 'half']) {
      const before = proxy.ends.length
      const leaver = proxy.client().send(request('POST', origin.url, [`Content-Length: ${body.length * 2}`]) + body)
      while (gone.length < (body === '' ? 2 : 3)) await new Promise(setImmediate)
      leaver.socket.resetAndDestroy()
      t.match((await proxy.ended(before + 1))[before], { outcome: 'client_error', error: 'connection_terminated' })
    }
    await Promise.all(gone)
  },
)

t.test('a client that ends its side after the request still gets the answer', async (t) => {
  const origin = await originOf(t, async (socket) => {
    await headOf(socket)
    setTimeout(() => socket.write(answer('late')), 20)
  })
  const client = proxy.client().send(request('GET', origin.url))
  client.socket.end()
  t.match(await client.all(), /\r\n\r\nlate$/)
})

t.test('an origin that goes away while the client uploads is a 502', async (t) => {
  const origin = await originOf(t, async (socket) => {
    await headOf(socket)
    socket.resetAndDestroy()
  })
  const client = proxy.client().send(request('POST', origin.url, ['Content-Length: 1000000']) + 'a'.repeat(100_000))
  t.match(await client.all(), /^HTTP\/1\.1 502 [\s\S]*error=connection_terminated/)
})

t.test('what breaks the rules of answers is a 502, and nothing of it reaches the client', async (t) => {
  const heads: Record<string, [text: string, error: string]> = {
    'another protocol': ['SSH-2.0-OpenSSH_9\r\n', 'http_protocol_error'],
    'no version': ['HTTP 200 OK\r\n\r\n', 'http_protocol_error'],
    'a bare LF': ['HTTP/1.1 200 OK\nContent-Length: 0\n\n', 'http_protocol_error'],
    'a NUL': ['HTTP/1.1 200 OK\r\nA: \0\r\n\r\n', 'http_protocol_error'],
    'two lengths': ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na', 'http_protocol_error'],
    'length and chunked': [
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'http_protocol_error',
    ],
    'a folded line': ['HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', 'http_protocol_error'],
    'a switch that was not asked for': [
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      'http_upgrade_failed',
    ],
    'a head too large': [`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(12_000)}`, 'http_response_header_section_size'],
    'endless interim answers': ['HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(40), 'http_protocol_error'],
    'half a head': ['HTTP/1.1 200 OK\r\nA: b', 'http_response_incomplete'],
    'nothing at all': ['', 'connection_terminated'],
  }
  let next = ''
  const origin = await originOf(t, async (socket) => {
    await headOf(socket)
    socket.write(next, 'latin1')
    if (/b$|^$/.test(next)) socket.end()
  })
  for (const [name, [text, error]] of Object.entries(heads)) {
    next = text
    const client = proxy.client().send(request('GET', origin.url))
    const got = await client.all()
    t.match(got, / 502 Bad Gateway\r\n/, name)
    t.match(got, `Proxy-Status: landline-1; error=${error}\r\n`, name)
    client.close()
  }
})

t.test('no byte beyond an answer becomes part of the next one', async (t) => {
  const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
  // So long that the first read of 16 KiB ends where the answer does.
  const exact = answer('x'.repeat(16_384 - answer('x'.repeat(10_000)).length + 10_000))
  const behaviours: Record<string, (socket: Socket) => void> = {
    'in the same segment': (socket) => void socket.write(answer('good') + evil),
    'in the next read': (socket) => void socket.write(exact + evil),
    'after a while': (socket) => void socket.write(answer('good'), () => setImmediate(() => socket.write(evil))),
    'beyond an answer without content': (socket) =>
      void socket.write('HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil'),
  }
  t.equal(exact.length, 16_384)
  for (const [name, behave] of Object.entries(behaviours)) {
    const origin = await originOf(t, async (socket, before) => {
      await headOf(socket)
      if (before === 0) behave(socket)
      else socket.write(answer('next'))
    })
    const client = proxy.client().send(request('GET', origin.url))
    if (name === 'after a while') {
      await client.until((text) => text.endsWith('good'))
      for (const socket of origin.sockets)
        if (!socket.readableEnded) await once(socket, 'end', { signal: AbortSignal.timeout(1000) })
    }
    client.send(request('GET', origin.url))
    const text = await client.until((text) => text.includes('next') || text.includes('evil'))
    t.notMatch(text, 'evil', name)
    t.match(text, 'next', name)
  }
})

t.test('a kept connection that has died is replaced once, for what may be sent again', async (t) => {
  for (const end of ['end', 'resetAndDestroy'] as const) {
    const origin = await originOf(t, async (socket, before) => {
      await headOf(socket)
      socket.write(answer(`${before}`))
      if (before !== 0) return
      await headOf(socket)
      socket[end]()
    })
    const client = proxy.client().send(request('GET', origin.url))
    await client.until((text) => text.endsWith('0'))
    await new Promise(setImmediate)
    client.send(request('GET', origin.url))
    t.match(await client.until((text) => text.endsWith('\r\n\r\n1')), /\r\n\r\n1$/, end)
    t.equal(origin.count(), 2)
    for (let turn = 0; origin.sockets.size > 1 && turn < 500; turn++) await new Promise(setImmediate)
    t.equal(origin.sockets.size, 1, 'the dead one is not kept')
  }
  const origin = await originOf(t, answering(answer('a')))
  const client = proxy.client().send(request('GET', origin.url))
  await client.until((text) => text.endsWith('a'))
  client.take()
  for (const [count, unsafe] of [
    request('POST', origin.url),
    request('PUT', origin.url, ['Content-Length: 1'], 'x'),
  ].entries()) {
    await new Promise(setImmediate)
    client.take()
    client.send(unsafe)
    await client.until((text) => text.endsWith('a'))
    t.equal(origin.count(), count + 2, 'what may not be sent again goes by a new connection')
  }
})

t.test('a kept connection is found by any of its host’s addresses that was judged', async (t) => {
  const found = await startProxy({ names: { 'two.test': ['127.0.0.9', '127.0.0.1'] } })
  t.teardown(() => found.close())
  const origin = await originOf(t, answering(answer('a')))
  const client = found.client()
  for (let count = 0; count < 3; count++) {
    client.send(request('GET', `http://two.test:${origin.port}/`))
    await client.until((text) => text.endsWith('a'))
    client.take()
    await new Promise(setImmediate)
  }
  t.equal(origin.count(), 1)
  t.same(found.dials, ['refused', 'ok'])
})

t.test('an upgrade is relayed once the origin switches; else it is an answer like any other', async (t) => {
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket']
  const origin = await originOf(t, async (socket) => {
    const head = await headOf(socket)
    if (head.includes('/no')) {
      socket.write(answer('no'))
      return
    }
    t.match(head, /\r\nConnection: upgrade\r\nUpgrade: websocket\r\n/)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello ')
    socket.on('data', (chunk) => socket.write(chunk))
    socket.on('end', () => socket.end('bye'))
  })
  const before = proxy.ends.length
  const client = proxy.client().send(`${request('GET', origin.url, upgrade)}early `)
  await client.until((text) => text.endsWith('early '))
  client.send('more ')
  await client.until((text) => text.endsWith('more '))
  client.socket.end()
  const text = await client.all()
  t.match(text, /^HTTP\/1\.1 101 [\s\S]*\r\nUpgrade: websocket\r\n[\s\S]*\r\n\r\nhello early more bye$/)
  t.match((await proxy.ended(before + 1))[before], { kind: 'upgrade', outcome: 'ok' })
  const refused = proxy.client().send(request('GET', `${origin.url}/no`, upgrade) + request('GET', `${origin.url}/no`))
  t.same(statusesOf(await refused.until((text) => text.split('\r\n\r\nno').length === 3)), ['200', '200'])
})

t.test('TRACE and OPTIONS that may go no further are answered here, once they are judged', async (t) => {
  const origin = await originOf(t, answering(answer('origin')))
  const zero = ['Max-Forwards: 0', 'Cookie: secret', 'Connection: close']
  const trace = await proxy
    .client()
    .send(request('TRACE', origin.url, zero))
    .all()
  t.match(
    trace,
    /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Type: message\/http\r\n[\s\S]*\r\n\r\nTRACE http:\/\/plain\.test/,
  )
  t.notMatch(trace, 'secret')
  t.match(
    await proxy
      .client()
      .send(request('OPTIONS', origin.url, zero))
      .all(),
    /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\nAllow: /,
  )
  t.match(
    await proxy
      .client(WIFI)
      .send(request('OPTIONS', 'http://meet.test/', zero))
      .all(),
    /^HTTP\/1\.1 403 /,
  )
  t.equal(origin.count(), 0)
  const one = proxy.client().send(request('TRACE', origin.url, ['Max-Forwards: 1']))
  await one.until((text) => text.endsWith('origin'))
  t.equal(origin.count(), 1)
})

t.test('what cannot become a request or an answer is not waited for', async (t) => {
  const requests: Record<string, [sent: string, status: string]> = {
    'a request line of HTTP/0.9': ['GET http://plain.test/\r\n', '400'],
    'another version': ['GET http://plain.test/ HTTP/2.0\r\nHost: plain.test\r\n', '505'],
    'a target without end': [`GET http://plain.test/${'x'.repeat(40_000)}`, '414'],
    'a target beyond all bounds': [request('GET', `http://plain.test/${'x'.repeat(100_000)}`), '414'],
    'a method without end': ['A'.repeat(100_000), '501'],
    'a head beyond all bounds': [request('GET', 'http://plain.test/', Array(20_000).fill('A: b')), '431'],
  }
  for (const [name, [sent, status]] of Object.entries(requests)) {
    const text = await proxy.client().send(sent).all()
    t.match(
      text,
      new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*\\r\\nProxy-Status: landline-1; error=http_request_error\\r\\n`),
      name,
    )
  }
  const origin = await originOf(t, async (socket) => {
    await headOf(socket)
    socket.write('HTTP/1.1 2OO OK\r\n')
  })
  t.match(
    await proxy.client().send(request('GET', origin.url)).all(),
    /^HTTP\/1\.1 502 [\s\S]*error=http_protocol_error/,
  )
})

t.test('OPTIONS, and what may go no further, is answered where it was for the proxy itself', async (t) => {
  const own = 'http://landline.internal/'
  const cases: readonly [sent: string, wanted: RegExp][] = [
    [
      'OPTIONS * HTTP/1.1\r\nHost: landline.internal\r\n\r\n',
      /^HTTP\/1\.1 200 [\s\S]*\r\nAllow: [\s\S]*\r\nContent-Length: 0\r\n/,
    ],
    [request('OPTIONS', own, ['Max-Forwards: 0']), /^HTTP\/1\.1 200 /],
    [request('TRACE', own, ['Max-Forwards: 0']), /^HTTP\/1\.1 200 [\s\S]*Content-Type: message\/http\r\n/],
    [request('TRACE', own), /^HTTP\/1\.1 405 [\s\S]*\r\nAllow: GET, HEAD, OPTIONS\r\n/],
  ]
  for (const [sent, wanted] of cases) t.match(await proxy.client().send(sent).all(), wanted, sent)
  const stranger = proxy.client('127.0.0.3').send(request('OPTIONS', own))
  t.match(await stranger.until((text) => text.includes('Landline-Reference')), /^HTTP\/1\.1 403 /)
  stranger.take()
  stranger.send(request('GET', 'http://plain.test/'))
  t.match(
    await stranger.until((text) => text.includes('Landline-Reference')),
    /^HTTP\/1\.1 403 /,
    'and the connection, which was kept, is served on',
  )
})

t.test('a client cannot make itself unknown by what its proxy passes on beside its own words', async (t) => {
  const origin = await originOf(t, answering(answer('fine')))
  const balanced = await proxyOf(t, {
    rules: RULES.replace('refuse', 'classify').replace('except: { medium: wired }', 'medium: wireless'),
    listeners: [{ host: DESK, port: 0, clientAddress: 'forwarded', trusted: [prefix(`${DESK}/32`)], tls: null }],
  })
  const url = `http://meet.test:${origin.port}/`
  const told = `X-Forwarded-For: ${WIFI}`
  t.match(
    await balanced
      .client()
      .send(request('GET', url, [told, 'Connection: close']))
      .all(),
    / 403 /,
  )
  for (const invented of ['Forwarded: for=192.0.2.9', 'Forwarded: !', 'Forwarded: for=unknown']) {
    const connecting = `CONNECT meet.test:${origin.port} HTTP/1.1\r\nHost: meet.test:${origin.port}\r\n`
    for (const text of [request('GET', url, [told, invented]), `${connecting}${told}\r\n${invented}\r\n\r\n`])
      t.match(await balanced.client().send(text).all(), /^HTTP\/1\.1 400 [\s\S]*name different clients/, invented)
  }
  const head = request('HEAD', url, [told, 'Forwarded: for=192.0.2.9'])
  t.match(await balanced.client().send(head).all(), /^HTTP\/1\.1 400 [\s\S]*\r\n\r\n$/, 'as little as HEAD may have')
  t.same(new Set(balanced.ends.map(({ kind }) => kind)), new Set(['http', 'connect']))
  t.equal(origin.count(), 0)
})

t.test('a loop is refused', async (t) => {
  const via = ['Via: 1.1 other, 1.0 LANDLINE-1']
  for (const text of [
    request('GET', 'http://plain.test/', via),
    `CONNECT plain.test:443 HTTP/1.1\r\nHost: plain.test:443\r\n${via}\r\n\r\n`,
  ])
    t.match(await proxy.client().send(text).all(), /^HTTP\/1\.1 502 [\s\S]*error=proxy_loop_detected/)
})

t.test('after a denial the connection stays open, unless something may follow that was not judged', async (t) => {
  const origin = await originOf(t, answering(answer('fine')))
  const client = proxy.client(WIFI)
  for (const [method, url] of [
    ['GET', 'http://meet.test/'],
    ['HEAD', 'http://meet.test/'],
    ['CONNECT', 'http://meet.test:443/'],
  ] as const) {
    const text =
      method === 'CONNECT' ? 'CONNECT meet.test:443 HTTP/1.1\r\nHost: meet.test:443\r\n\r\n' : request(method, url)
    client.send(text)
    const refused = await client.until((text) =>
      method === 'HEAD' ? text.endsWith('\r\n\r\n') : text.includes('Use the phone'),
    )
    t.match(
      refused,
      /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*Proxy-Status: landline-1; error=http_request_denied; details="ref=(ref-\d+)"\r\nLandline-Reference: \1\r\n/,
    )
    t.match(refused, /\r\nConnection: keep-alive\r\n/)
    const length = Number(/Content-Length: (\d+)/.exec(refused)?.[1])
    t.ok(length > 0)
    await client.until(
      (text) => method === 'HEAD' || Buffer.byteLength(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1') === length,
    )
    client.take()
  }
  client.send(request('GET', `${origin.url}/`))
  t.match(await client.until((text) => text.endsWith('fine')), /^HTTP\/1\.1 200 /)
  const body = proxy
    .client(WIFI)
    .send(request('POST', 'http://meet.test/', ['Content-Length: 40']) + request('GET', origin.url))
  t.same(statusesOf(await body.all()), ['403'])
  const waited = await proxy
    .client(WIFI)
    .send(request('POST', 'http://meet.test/', ['Content-Length: 40']))
    .all()
  t.match(waited, /\r\nConnection: close\r\n/, 'a body that has not come yet')
  const early = proxy.client(WIFI).send('CONNECT meet.test:443 HTTP/1.1\r\nHost: meet.test:443\r\n\r\n\x16\x03\x01')
  t.same(statusesOf(await early.all()), ['403'])
})

function chunk_(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)};x=y\r\n`), bytes, Buffer.from('\r\n')])
}

function unchunked(bytes: Buffer): Buffer {
  const content: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    if (size === 0) return Buffer.concat(content)
    content.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}

t.test('none of this was worth a word to the operator', async (t) => t.same(proxy.errors, []))
