/** Shipping: a receiver gets every record, in order, whatever it does; and the log does not wait for it. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Audit } from '../../audit/audit.ts'
import { RECORDED_ACTIONS } from '../../audit/record.ts'
import { openCursor, SHIP_FOLDER } from '../../audit/shipping/cursor.ts'
import { type Shipper, startShipper } from '../../audit/shipping/shipper.ts'
import { descriptorSink, fileSink, type Sink } from '../../audit/shipping/sink.ts'
import { syslogFrame, syslogSink } from '../../audit/shipping/syslog.ts'
import { Written } from '../../audit/writing/written.ts'
import { denial, openWith, readLog } from './helpers.ts'

interface Shipped {
  readonly shipper: Shipper
  readonly failures: () => number
  readonly behind: () => number
  readonly logged: readonly string[]
  /** Resolves when the receiver has all that the log has. */
  readonly caughtUp: () => Promise<void>
}

async function ship(dir: string, audit: Audit, sink: Sink): Promise<Shipped> {
  let failures = 0
  let behind = Number.POSITIVE_INFINITY
  const logged: string[] = []
  const shipper = await startShipper({
    dir,
    name: 'there',
    sink,
    written: audit.written,
    meter: {
      shipped: () => {},
      failed: () => failures++,
      behind: (_target, records) => {
        behind = records
      },
    },
    log: (level, message, facts) => logged.push(`${level} ${message} ${JSON.stringify(facts)}`),
    firstRetryMs: 1,
  })
  const caughtUp = async () => {
    while (behind > 0 || cursorText(dir) !== `{"sequence":${audit.written.sequence}}\n`) await wait(5)
  }
  return { shipper, failures: () => failures, behind: () => behind, logged, caughtUp }
}

const cursorText = (dir: string) => readFileSync(join(dir, SHIP_FOLDER, 'there.json'), 'utf8')
const cursorOf = (dir: string): number => JSON.parse(cursorText(dir)).sequence

/** Keeps what it is given; `when` may refuse it, or have it wait. */
function memory(when: (batch: number) => Promise<void> | void = () => {}) {
  const lines: string[] = []
  let batches = 0
  const sink: Sink = {
    async deliver(given) {
      await when(++batches)
      lines.push(...given.map((line) => line.toString()))
    },
    async close() {},
  }
  return { sink, lines, batches: () => batches }
}

const texts = (dir: string) => readLog(dir).records.map((record) => record.event.sequence)
const sequences = (lines: readonly string[]) => lines.map((line) => JSON.parse(line).event.sequence)
const record = (audit: Audit, count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => audit.record(denial(index + 1))))

t.test('a receiver that refuses now and then gets every record once, in order, over many segments', async (t) => {
  const dir = t.testdir({})
  const { audit } = await openWith(dir, { segmentBytes: 4096 })
  const { sink, lines } = memory((batch) => {
    if (batch % 2 === 1) throw new Error('not now')
  })
  const shipped = await ship(dir, audit, sink)
  for (let round = 0; round < 4; round++) await record(audit, 30)
  await shipped.caughtUp()
  t.strictSame(sequences(lines), texts(dir))
  t.ok(readLog(dir).files.length > 10)
  t.ok(shipped.failures() > 0)
  t.match(
    shipped.logged.join('\n'),
    /warn audit: records cannot be shipped .*not now.*\n(?:.*\n)*info audit: records are shipped again/,
  )
  await shipped.shipper.close(1000)
  await audit.close()
})

t.test(
  'what was not taken before the end comes after the next start; a receiver that is new begins with what is next',
  async (t) => {
    const dir = t.testdir({})
    const { audit } = await openWith(dir)
    await record(audit, 3)
    const first = memory((batch) => {
      if (batch > 1) throw new Error('away')
    })
    const before = await ship(dir, audit, first.sink)
    t.equal(cursorOf(dir), 3, 'known before anything is delivered')
    await record(audit, 2)
    await before.caughtUp()
    await record(audit, 4)
    await before.shipper.close(20)
    await record(audit, 1)
    t.strictSame(sequences(first.lines), [4, 5])
    await audit.close()
    const reopened = await openWith(dir)
    const second = memory()
    const after = await ship(dir, reopened.audit, second.sink)
    await after.caughtUp()
    t.strictSame(sequences(second.lines), [6, 7, 8, 9, 10])
    await after.shipper.close(1000)
    await reopened.audit.close()
  },
)

t.test('a receiver that never answers holds up nobody, and the end comes all the same', async (t) => {
  const dir = t.testdir({})
  const { audit } = await openWith(dir)
  const stuck: Sink = {
    deliver: (_lines, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    async close() {},
  }
  const { shipper, behind } = await ship(dir, audit, stuck)
  for (const times of [1, 999, 1000]) await record(audit, times)
  t.equal(audit.written.sequence, 2000)
  await turn()
  t.equal(behind(), 2000, 'how much it lacks is told')
  await shipper.close(10)
  t.equal(cursorOf(dir), 0)
  await audit.close()
})

t.test('a record that is damaged is shipped as it stands, and told of once, with its place', async (t) => {
  let received = ''
  const dir = t.testdir({})
  const { audit } = await openWith(dir)
  const idle = await ship(dir, audit, memory().sink)
  await idle.shipper.close(0)
  await record(audit, 5)
  const [file = ''] = readLog(dir).files
  const text = readFileSync(join(dir, file), 'latin1')
  const lines = text.split('\n')
  const damaged = [2, 3].map((index) => lines[index]?.replace('"event":{', '"event":\0'))
  writeFileSync(join(dir, file), lines.toSpliced(2, 2, ...damaged.map(String)).join('\n'), 'latin1')
  const port = await receiver(t, (socket) => socket.on('data', (chunk) => (received += chunk.toString('latin1'))))
  const sink = syslogSink({ host: '127.0.0.1', port, tls: null, from: 'a', timeoutMs: 10_000, pause: atOnce })
  let tries = 0
  const shipped = await ship(dir, audit, {
    ...sink,
    deliver: async (given, signal) => {
      if (++tries < 3) throw new Error('not now')
      await sink.deliver(given, signal)
    },
  })
  await shipped.caughtUp()
  await shipped.shipper.close(1000)
  for (const each of [...lines.slice(0, 2), ...damaged, lines[4]]) t.ok(received.includes(` ${each}`))
  t.equal(received.match(/<107>1 - a landline - damaged - /g)?.length, 2)
  const told = shipped.logged.filter((line) => line.includes('damaged'))
  const facts = `{"target":"there","file":"${file}","line":3,"record":3,"damaged":2,"remedy":"landline audit verify `
  t.equal(told.length, 1)
  t.match(told[0], `error audit: a record that is damaged was shipped as it stands ${facts}`)
  await audit.close()
})

t.test('records that were purged before they were shipped are missed aloud', async (t) => {
  const dir = t.testdir({})
  const { audit } = await openWith(dir, { segmentBytes: 4096 })
  await record(audit, 1)
  const idle = await ship(dir, audit, memory().sink)
  await idle.shipper.close(0)
  for (let round = 0; round < 3; round++) await record(audit, 30)
  for (const file of readLog(dir).files.slice(0, 2)) renameSync(join(dir, file), join(dir, `purged-${file}`))
  const { sink, lines } = memory()
  const shipped = await ship(dir, audit, sink)
  await shipped.caughtUp()
  const [from] = sequences(lines)
  t.ok(from > 2)
  t.match(
    shipped.logged[0],
    `error audit: records were purged before they were shipped {"target":"there","records":${from - 2}}`,
  )
  await shipped.shipper.close(1000)
  await audit.close()
})

t.test('a cursor that is none, or is of a longer log, begins anew, aloud', async (t) => {
  const dir = t.testdir({ ship: {} })
  const { audit } = await openWith(dir)
  await record(audit, 2)
  const file = join(dir, 'ship', 'there.json')
  for (const [text, error] of [
    ['', 'Unexpected end of JSON input'],
    ['{"sequence":"all"}', 'it says no number'],
    ['{"sequence":99}', 'it says 99, and the newest record is 2'],
  ] as const) {
    writeFileSync(file, text)
    const { sink, lines } = memory()
    const shipped = await ship(dir, audit, sink)
    await shipped.caughtUp()
    t.strictSame(sequences(lines), [1, 2])
    t.equal(shipped.logged.length, 1)
    const [level, message, facts] = /^(\w+) (.*) (\{.target.*)$/.exec(shipped.logged[0] ?? '')?.slice(1) ?? []
    t.strictSame(
      [level, message],
      ['error', 'audit: how far records are shipped cannot be told; all that there are are shipped'],
    )
    t.match(JSON.parse(facts ?? ''), { target: 'there', cursor: file, error, remedy: /\{"sequence": N\}/ })
    await shipped.shipper.close(1000)
  }
  await audit.close()
})

/** Opens the cursors of the files in their order, as they are in the settings, moves them, and tells what was found and said. */
async function cursorsOf(dir: string, paths: readonly string[], to: readonly number[] = []) {
  const found: number[] = []
  const said: string[] = []
  const log = (level: string, message: string) => void said.push(`${level} ${message}`)
  for (const [index, path] of paths.entries()) {
    const name = index === 0 ? 'file' : `file-${index + 1}`
    const cursor = await openCursor({ dir, name, path, paths, newest: 100, log })
    found.push(cursor.sequence)
    cursor.sequence = to[index] ?? cursor.sequence
    await cursor.keep()
  }
  return { found, said }
}

t.test('a cursor belongs to its file, whatever the place of that in the settings', async (t) => {
  const dir = t.testdir({ ship: { 'file.json': '{"sequence":40}', 'file-2.json': '{"sequence":7}' } })
  t.strictSame(await cursorsOf(dir, ['/a', '/b'], [50, 8]), { found: [40, 7], said: [] }, 'those of before')
  t.strictSame(await cursorsOf(dir, ['/b'], [9]), { found: [8], said: [] }, 'the first is taken away')
  t.strictSame(await cursorsOf(dir, ['/b', '/a']), { found: [9, 50], said: [] }, 'it comes back, as the second')
  const isNew = 'info audit: a receiver of records is new, and begins with the next one'
  t.strictSame(await cursorsOf(dir, ['/a', '/c', '/b']), { found: [50, 100, 9], said: [isNew] })
  const goesOn = 'warn audit: a file of records is new, and goes on where one was that is not in the settings any more'
  t.strictSame(
    await cursorsOf(dir, ['/d', '/c']),
    { found: [9, 100], said: [goesOn] },
    'never further than one that went',
  )
})

t.test('waiting for records ends with the signal', async (t) => {
  const written = new Written(3)
  await written.beyond(2, AbortSignal.abort()).catch(() => t.pass('given before'))
  const stop = new AbortController()
  const waiting = written.beyond(3, stop.signal)
  stop.abort()
  await t.rejects(waiting, { name: 'AbortError' })
  const more = written.beyond(4, new AbortController().signal)
  written.advance(4)
  written.advance(5)
  await more
})

t.test('a file is appended to, and begun anew where it was moved away', async (t) => {
  const path = join(t.testdir({ 'records.jsonl': 'before\n' }), 'records.jsonl')
  const sink = fileSink(path)
  const { signal } = new AbortController()
  await sink.deliver([Buffer.from('one'), Buffer.from('two')], signal)
  renameSync(path, `${path}.1`)
  await sink.deliver([Buffer.from('three')], signal)
  await sink.close()
  t.equal(readFileSync(`${path}.1`, 'utf8'), 'before\none\ntwo\n')
  t.equal(readFileSync(path, 'utf8'), 'three\n')
  await t.rejects(fileSink('/nowhere/records.jsonl').deliver([], signal), { code: 'ENOENT' })
  await t.rejects(descriptorSink(-1).deliver([Buffer.from('x')], signal))
})

/** Puts down half of what it is given, and then fails. */
const tearing = (descriptor: number, bytes: Buffer): Promise<number> => {
  if (bytes.length < 4) return Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
  return Promise.resolve(writeSync(descriptor, bytes.subarray(0, bytes.length / 2)))
}
const written = async (descriptor: number, bytes: Buffer) => writeSync(descriptor, bytes)
const lines = (...texts: string[]) => texts.map((text) => Buffer.from(text))

t.test('what a failed write left of a batch is taken back before the batch comes again', async (t) => {
  const path = join(t.testdir({ 'records.jsonl': 'before\n' }), 'records.jsonl')
  const { signal } = new AbortController()
  let write = tearing
  const sink = fileSink(path, (descriptor, bytes) => write(descriptor, bytes))
  await t.rejects(sink.deliver(lines('{"n":1}', '{"n":2}'), signal), { code: 'ENOSPC' })
  t.equal(readFileSync(path, 'utf8'), 'before\n')
  write = async (descriptor, bytes) => {
    writeSync(descriptor, bytes)
    writeFileSync(path, 'somebody else\n', { flag: 'a' })
    throw new Error('the disk')
  }
  await t.rejects(sink.deliver(lines('{"n":1}'), signal))
  t.equal(readFileSync(path, 'utf8'), 'before\n{"n":1}\nsomebody else\n', 'what others wrote is not for us to take')
  write = written
  await sink.deliver(lines('{"n":1}', '{"n":2}'), signal)
  await sink.close()
  t.equal(readFileSync(path, 'utf8'), 'before\n{"n":1}\nsomebody else\n{"n":1}\n{"n":2}\n')
})

t.test('records stand on lines of their own, also behind half a line', async (t) => {
  const { signal } = new AbortController()
  const path = join(t.testdir({ 'records.jsonl': 'before\n{"n":' }), 'records.jsonl')
  const sink = fileSink(path)
  for (const text of ['{"n":1}', '{"n":2}']) await sink.deliver(lines(text), signal)
  await sink.close()
  t.equal(readFileSync(path, 'utf8'), 'before\n{"n":\n{"n":1}\n{"n":2}\n')

  const output = join(t.testdir({ output: '' }), 'output')
  const descriptor = openSync(output, 'a')
  let write = tearing
  const printed = descriptorSink(descriptor, (...given) => write(...given))
  await t.rejects(printed.deliver(lines('{"n":1}', '{"n":2}'), signal), { code: 'ENOSPC' })
  write = written
  for (const text of ['{"n":1}', '{"n":2}']) await printed.deliver(lines(text), signal)
  closeSync(descriptor)
  t.match(readFileSync(output, 'utf8'), /^\{"n":1\}\n\{"n":2?\n\{"n":1\}\n\{"n":2\}\n$/)
})

t.test('what is no regular file is none to ship to', async (t) => {
  const path = join(t.testdir(), 'pipe')
  execFileSync('mkfifo', [path])
  const { signal } = new AbortController()
  await t.rejects(fileSink(path).deliver([Buffer.from('{}')], signal), { message: /pipe is no regular file; name one/ })
})

t.test('a receiver whose disk hangs holds up no end', async (t) => {
  const dir = t.testdir()
  const { audit } = await openWith(dir)
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const sink: Sink = {
    deliver: () => {
      begin()
      return new Promise(() => {})
    },
    close: () => new Promise(() => {}),
  }
  const { shipper } = await ship(dir, audit, sink)
  await audit.record(denial(1))
  await begun
  await shipper.close(10)
  await audit.close()
  t.pass('it ends')
})

t.test('a pipe that nobody reads holds up no end', async (t) => {
  const path = join(t.testdir({}), 'pipe')
  execFileSync('mkfifo', [path])
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  t.teardown(() => closeSync(pipe))
  t.throws(
    () => {
      while (writeSync(pipe, Buffer.alloc(4096)) > 0);
    },
    { code: 'EAGAIN' },
  )
  const stop = new AbortController()
  const delivered = descriptorSink(pipe).deliver(lines('{"n":1}'), stop.signal)
  setImmediate(() => stop.abort())
  await t.rejects(delivered, { name: 'AbortError' })
})

const line = (action: string, outcome: string, sequence: number) =>
  Buffer.from(
    `{"@timestamp":"2026-11-23T12:00:00.000Z","ecs":{"version":"9.2"},"event":{"id":"01990000-0000-7000-8000-000000000001",` +
      `"sequence":${sequence},"kind":"event","category":["network"],"type":["connection","denied"],"action":"${action}","outcome":"${outcome}"},` +
      `"ä":"ö","landline":{"prev":"${Buffer.alloc(32).toString('base64')}"}}`,
  )
const LINE = line('block', 'failure', 42)

t.test('a message is RFC 5424, its length counted in octets', async (t) => {
  const frame = syslogFrame(LINE, 'landline-1').toString()
  const [, length = '', message = ''] = /^(\d+) ([\s\S]*)$/.exec(frame) ?? []
  t.equal(Number(length), Buffer.byteLength(message))
  t.equal(message, `<108>1 2026-11-23T12:00:00.000Z landline-1 landline - block [meta sequenceId="42"] ${LINE}`)
  const of = (action: string, outcome: string, sequence = 1) =>
    syslogFrame(line(action, outcome, sequence), 'a').toString()
  t.match(of('start', 'success'), /^\d+ <109>1 2026-11-23T12:00:00.000Z a landline - start /)
  t.match(of('reload-failed', 'failure'), /^\d+ <107>1 /)
  t.match(of('start', 'success', 2 ** 31), 'sequenceId="1"')
  for (const action of RECORDED_ACTIONS) t.match(of(action, 'success'), ` landline - ${action} [meta `)
})

t.test('a line whose beginning is damaged is a message too, under a head that claims nothing of it', async (t) => {
  const damages: readonly (readonly [from: string, to: string])[] = [
    ['"event":{', '\0event":{'],
    ['"event":', '"evenu":'],
    ['2026-11', '2026 11'],
    ['"sequence":42', '"sequence":0'],
    ['"block"', '"bl ck"'],
    ['"block"', '{}'],
    ['"failure"', '"fai\xffure"'],
    [LINE.toString(), ''],
    [LINE.toString(), '1'],
  ]
  for (const [from, to] of damages) {
    const damaged = Buffer.from(LINE.toString().replace(from, to))
    const message = `<107>1 - a landline - damaged - ${damaged}`
    t.equal(syslogFrame(damaged, 'a').toString(), `${Buffer.byteLength(message)} ${message}`, to)
  }
})

/** A receiver, and what it does with each connection. */
async function receiver(t: Test, take: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    take(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const atOnce = async () => {}
const never = () => new Promise<void>(() => {})

t.test('a batch has arrived once the receiver has read it and closed, and not before', async (t) => {
  const { signal } = new AbortController()
  let text = ''
  const reads = (socket: Socket) => socket.on('data', (chunk) => (text += chunk.toString()))
  const early = /ECONNRESET|EPIPE|before it had read all/
  const cases: readonly (readonly [name: string, take: (socket: Socket) => void, error: RegExp | null])[] = [
    ['it reads to the end', reads, null],
    ['it says something first', (socket) => reads(socket).write('hello\n'), null],
    ['it resets', (socket) => socket.resetAndDestroy(), early],
    ['it closes at once', (socket) => socket.destroy(), early],
    ['it ends first, and reads nothing', (socket) => socket.pause().end(), early],
    ['it closes before it has read', (socket) => socket.once('data', () => socket.resetAndDestroy()), early],
    ['it never closes', (socket) => void socket.pause(), /nothing moved for 300 ms/],
  ]
  for (const [name, take, error] of cases) {
    text = ''
    const port = await receiver(t, take)
    // Who ends before we do is found out while we wait.
    const pause = error === early ? never : atOnce
    const sink = syslogSink({ host: '127.0.0.1', port, tls: null, from: 'a', timeoutMs: 300, pause })
    const lines = Array.from({ length: 50 }, () => LINE)
    const delivered = sink.deliver(lines, signal)
    if (error === null) await delivered
    else await t.rejects(delivered, error, name)
    if (error !== early) t.equal(text, error === null ? syslogFrame(LINE, 'a').toString().repeat(50) : '', name)
  }
  const closed = syslogSink({ host: '127.0.0.1', port: 1, tls: null, from: 'a', timeoutMs: 300 })
  await t.rejects(closed.deliver([LINE], signal), { code: 'ECONNREFUSED' })
})

t.test('what is sent waits a round trip for a receiver that ends first', async (t) => {
  const port = await receiver(t, (socket) => socket.resume())
  const pauses: number[] = []
  const pause = async (milliseconds: number) => void pauses.push(milliseconds)
  const sink = syslogSink({ host: '127.0.0.1', port, tls: null, from: 'a', timeoutMs: 10_000, pause })
  await sink.deliver([LINE], new AbortController().signal)
  t.equal(pauses.length, 1)
  t.ok(pauses.every((milliseconds) => milliseconds >= 100))
})

t.test('a delivery that is given up leaves nothing open', async (t) => {
  let connections = 0
  const port = await receiver(t, (socket) => {
    connections++
    socket.pause()
  })
  const sink = syslogSink({ host: '127.0.0.1', port, tls: null, from: 'a', timeoutMs: 5000, pause: atOnce })
  await t.rejects(sink.deliver([LINE], AbortSignal.abort()), { name: 'AbortError' })
  const stop = new AbortController()
  const given = sink.deliver([LINE], stop.signal)
  stop.abort()
  await t.rejects(given, /given up/)
  t.equal(connections, 0)
})
