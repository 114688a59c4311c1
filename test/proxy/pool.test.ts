/** Which connections to origins are kept, and for how long. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t from 'tap'
import { Pool, type PoolBounds } from '../../proxy/pool.ts'
import { Wire } from '../../proxy/wire.ts'
import { address } from './harness.ts'

const server = createServer({ allowHalfOpen: true })
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo // it listens on TCP
t.teardown(() => server.close())

const LONG: PoolBounds = { mostOfOne: 64, most: 2048, idleMs: 60_000, sweepMs: 60_000 }

/** An origin and the address that it was reached at. */
const at = (host: string | null, text: string, port = 80) => [{ host, port }, address(text)] as const
const a = at('a.test', '127.0.0.1')
const b = at('b.test', '127.0.0.1')
const c = at('c.test', '127.0.0.1')

async function opened(t: {
  teardown(f: () => void): void
}): Promise<{ wire: Wire; far: Socket; closed: Promise<unknown> }> {
  const accepting = once(server, 'connection')
  const wire = Wire.dialling({ host: '127.0.0.1', port, noDelay: true })
  const [far]: Socket[] = await accepting
  if (far === undefined) throw new Error('nothing was accepted')
  t.teardown(() => {
    far.destroy()
    wire.destroy()
  })
  far.on('error', () => {}).resume()
  return { wire, far, closed: once(far, 'end') }
}

/** The pool hands a connection out from the next turn on. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

t.test('the connection that was used last is handed out first, and each once', async (t) => {
  const pool = new Pool(LONG)
  t.teardown(() => pool.close())
  const [first, second] = [await opened(t), await opened(t)]
  pool.give(...a, first.wire)
  pool.give(...a, second.wire)
  t.equal(pool.take(...a), null, 'not in the same turn')
  await nextTurn()
  t.ok(pool.has(...a))
  t.equal(pool.take(...b), null)
  t.equal(pool.take(...a), second.wire)
  t.equal(pool.take(...a), first.wire)
  t.equal(pool.take(...a), null)
  t.notOk(pool.has(...a))
})

t.test('a connection is for its host, address and port alone', async (t) => {
  const pool = new Pool(LONG)
  t.teardown(() => pool.close())
  const all = [a, b, at('a.test', '127.0.0.2'), at('a.test', '127.0.0.1', 81), at(null, '127.0.0.1')]
  const wires: Wire[] = []
  for (const _ of all) wires.push((await opened(t)).wire)
  for (const [index, origin] of all.entries()) pool.give(...origin, wires[index]!) // as many as origins
  await nextTurn()
  t.notOk(pool.has(...at('b.test', '127.0.0.2')))
  t.notOk(pool.has(...at(null, '127.0.0.2')))
  for (const [index, origin] of all.entries()) {
    t.equal(pool.take(...origin), wires[index])
    t.equal(pool.take(...origin), null)
  }
})

t.test('where many wait, the one that has waited longest makes room', async (t) => {
  const pool = new Pool({ ...LONG, most: 2, mostOfOne: 1 })
  t.teardown(() => pool.close())
  const all = [await opened(t), await opened(t), await opened(t), await opened(t)] as const
  const [first, second, third, extra] = all
  pool.give(...a, first.wire)
  pool.give(...b, second.wire)
  await nextTurn()
  t.equal(pool.take(...a), first.wire)
  pool.give(...a, first.wire)
  pool.give(...c, third.wire)
  pool.give(...c, extra.wire)
  await nextTurn()
  await Promise.all([second.closed, extra.closed])
  t.notOk(pool.has(...b), 'waited longest')
  t.equal(pool.take(...c), third.wire, 'one of an origin at most')
  t.equal(pool.take(...a), first.wire)
})

t.test('one that has waited too long is closed, and one that says anything', async (t) => {
  const brief = new Pool({ ...LONG, idleMs: 0, sweepMs: 1 })
  const late = await opened(t)
  brief.give(...a, late.wire)
  await late.closed
  t.notOk(brief.has(...a))
  const pool = new Pool(LONG)
  t.teardown(() => pool.close())
  const talking = await opened(t)
  pool.give(...a, talking.wire)
  await nextTurn()
  talking.far.write('x')
  await talking.closed
  t.equal(pool.take(...a), null)
})

t.test('a closed pool closes what it has and what it is given', async (t) => {
  const pool = new Pool(LONG)
  const [first, second] = [await opened(t), await opened(t)]
  pool.give(...a, first.wire)
  await nextTurn()
  pool.close()
  pool.give(...a, second.wire)
  await Promise.all([first.closed, second.closed])
  t.equal(pool.take(...a), null)
})
