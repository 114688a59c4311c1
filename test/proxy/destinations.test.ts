/** From names to connections: asked once, guarded, dialled with a deadline. (Invariant 3 is in connect.test.ts.) */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { dialFirst } from '../../proxy/dial.ts'
import { ProxyError } from '../../proxy/failures.ts'
import { createGuard } from '../../proxy/guard.ts'
import { createResolver } from '../../proxy/resolve.ts'
import { systemLookup } from '../../proxy/system-names.ts'
import { address, prefix, startProxy } from './harness.ts'

const guard = createGuard({ allow: [], own: () => [] })

t.test('what is not the public internet is guarded, to the last address', async (t) => {
  const ranges: readonly [first: string, last: string, before: string | null, after: string | null][] = [
    ['0.0.0.0', '0.255.255.255', null, '1.0.0.0'],
    ['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
    ['100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
    ['127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
    ['169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
    ['172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
    ['192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
    ['192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
    ['192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
    ['192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
    ['198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
    ['198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
    ['203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
    ['224.0.0.0', '255.255.255.255', '223.255.255.255', null],
    ['::', '::1', null, null],
    ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', null, null],
    ['100::', '100::ffff:ffff:ffff:ffff', null, '100:0:0:1::'],
    ['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', null, '2001:200::'],
    ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db7:ffff::', '2001:db9::'],
    ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:ffff::', '2003::'],
    ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', '3ffe:ffff::', '3fff:1000::'],
    ['5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '5eff::', '5f01::'],
    ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fbff::', 'fe00::'],
    ['fe80::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fe7f::', null],
    ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null, null],
    // IPv4 in IPv6: mapped, compatible, NAT64, 6to4, Teredo (whose client is written inverted).
    ['::ffff:10.0.0.0', '::ffff:10.255.255.255', '::ffff:9.255.255.255', '::ffff:11.0.0.0'],
    ['::ffff:127.0.0.1', '::ffff:169.254.169.254', null, null],
    ['::10.0.0.1', '::8.8.8.8', null, null],
    ['64:ff9b::10.0.0.0', '64:ff9b::10.255.255.255', '64:ff9b::9.255.255.255', '64:ff9b::11.0.0.0'],
    ['64:ff9b::169.254.169.254', '64:ff9b::127.0.0.1', '64:ff9b::8.8.8.8', null],
    ['2002:a00:1::', '2002:808:808::1', null, null],
    ['2001:0:4136:e378:8000:63bf:f5ff:fffe', '2001:0:4136:e378:8000:63bf:f7f7:f7f7', null, null],
  ]
  for (const [first, last, before, after] of ranges) {
    for (const text of [first, last]) t.type(guard.refusal(address(text), 443), 'string', `${text} is guarded`)
    for (const text of [before, after])
      if (text !== null) t.equal(guard.refusal(address(text), 443), null, `${text} is not`)
  }
})

t.test('what is allowed is let through, but never the proxy itself', async (t) => {
  const allowing = (texts: readonly string[], own: readonly { address: string; port: number }[] = []) =>
    createGuard({ allow: texts.map(prefix), own: () => own })
  t.equal(allowing(['10.0.0.0/8']).refusal(address('10.1.2.3'), 80), null, 'a guarded range as a whole')
  t.equal(allowing(['10.1.0.0/16']).refusal(address('10.1.2.3'), 80), null)
  t.type(allowing(['10.1.0.0/16']).refusal(address('10.2.0.0'), 80), 'string')
  t.type(allowing(['0.0.0.0/0']).refusal(address('10.2.0.0'), 80), 'string', 'the longer prefix counts')
  t.type(allowing(['64:ff9b::/96']).refusal(address('64:ff9b::10.0.0.1'), 80), 'string', 'by what it embeds')
  const local = Object.values(networkInterfaces()).flatMap((list) => list?.map((entry) => entry.address) ?? [])
  const everywhere = allowing(
    ['0.0.0.0/0', '127.0.0.0/8', '::1/128', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fe80::/10', 'fc00::/7'],
    [
      { address: '::', port: 3128 },
      { address: '192.0.2.1', port: 3130 },
    ],
  )
  for (const text of [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '::ffff:127.0.0.1',
    ...local.filter((text) => !text.includes('%')),
  ]) {
    t.match(everywhere.refusal(address(text), 3128), /this proxy itself/, text)
    t.notMatch(everywhere.refusal(address(text), 3129) ?? '', /this proxy itself/)
  }
  t.match(everywhere.refusal(address('192.0.2.1'), 3130), /this proxy itself/)
})

t.test('what else this program listens on is never dialled', async (t) => {
  const proxy = await startProxy({ alsoOurs: [{ address: '0.0.0.0', port: 39_129 }] })
  t.teardown(() => proxy.close())
  for (const target of ['127.0.0.1:39129', 'a.test:39129'])
    for (const line of [`CONNECT ${target}`, `GET http://${target}/metrics`]) {
      const text = await proxy.client().send(`${line} HTTP/1.1\r\nHost: ${target}\r\n\r\n`).all()
      t.match(text, /destination_ip_prohibited/, line)
      t.match(proxy.records.at(-1), { action: 'refuse', because: /this proxy itself/ }, line)
    }
})

t.test('a name in use is asked about again before its answer ends, and nobody waits for that', async (t) => {
  let now = 0
  let asked = 0
  let answer = async () => ({ addresses: [address('192.0.2.1')], seconds: 100 })
  const resolver = createResolver({
    dnsMs: 1000,
    now: () => now,
    observer: { resolved: () => {} },
    lookup: () => {
      asked += 1
      return answer()
    },
  })
  const texts = (name: string) => resolver.known(name)?.map(({ text }) => text) ?? null
  const turn = () => new Promise(setImmediate)
  t.equal(texts('a.test'), null, 'nothing is known of a name before it was asked for')
  await resolver.resolve('a.test')
  now = 79_000
  t.same([texts('a.test'), asked], [['192.0.2.1'], 1])
  answer = async () => ({ addresses: [address('192.0.2.2')], seconds: 100 })
  now = 81_000
  for (let count = 0; count < 3; count++) t.same(texts('a.test'), ['192.0.2.1'], 'the old answer still holds')
  await turn()
  t.same([texts('a.test'), asked], [['192.0.2.2'], 2], 'asked once, and the new answer is there')
  answer = async () => {
    throw Object.assign(new Error('no'), { code: 'ESERVFAIL' })
  }
  now = 170_000
  t.same(texts('a.test'), ['192.0.2.2'])
  await turn()
  t.same([texts('a.test'), asked], [['192.0.2.2'], 3], 'a failure does not end what still holds')
  now = 172_500
  t.same([texts('a.test'), asked], [['192.0.2.2'], 4], 'and is tried again, not with every request')
  now = 181_000
  t.equal(texts('a.test'), null, 'nor does it make it hold for longer')
  await t.rejects(resolver.resolve('a.test'), { code: 'ERR_DNS' })
  t.equal(texts('a.test'), null, 'a failure is no address')
})

t.test('a name is asked for once, for as long as its answer holds', async (t) => {
  const told: string[] = []
  let now = 0
  let asked = 0
  let answering = Promise.withResolvers<{ addresses: readonly ReturnType<typeof address>[]; seconds: number }>()
  const resolver = createResolver({
    dnsMs: 1000,
    now: () => now,
    observer: { resolved: (result) => told.push(result) },
    lookup: () => {
      asked += 1
      return answering.promise
    },
  })
  const waiters = [resolver.resolve('a.test'), resolver.resolve('a.test'), resolver.resolve('a.test')]
  answering.resolve({ addresses: [address('192.0.2.1')], seconds: 0 })
  for (const found of await Promise.all(waiters)) t.same(found, [address('192.0.2.1')])
  await resolver.resolve('a.test')
  t.equal(asked, 1, 'one query for all of them, held for a second at least')
  answering = Promise.withResolvers()
  answering.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))
  for (let count = 0; count < 3; count++) await t.rejects(resolver.resolve('b.test'), { code: 'ERR_DNS' })
  t.equal(asked, 2, 'and that there is none')
  answering = Promise.withResolvers()
  answering.resolve({ addresses: [], seconds: 300 })
  await t.rejects(resolver.resolve('c.test'), { code: 'ERR_DNS' }, 'no address is none')
  answering = Promise.withResolvers()
  answering.reject(Object.assign(new Error('late'), { code: 'ETIMEOUT' }))
  await t.rejects(resolver.resolve('d.test'), { code: 'ERR_DNS_TIMEOUT' })
  answering.promise.catch(() => {})
  t.same(told, ['ok', 'not_found', 'not_found', 'timeout'])
  const heldFor = async (seconds: number) => {
    const before = asked
    answering = Promise.withResolvers()
    answering.resolve({ addresses: [address('192.0.2.1')], seconds })
    now += 1_000_000
    await resolver.resolve('a.test')
    const from = now
    while (asked === before + 1) {
      now += 500
      await resolver.resolve('a.test')
    }
    return (now - from) / 1000
  }
  t.same(
    [await heldFor(0), await heldFor(20), await heldFor(86_400)],
    [1, 20, 300],
    'no shorter and no longer than is good',
  )
})

t.test('of more names than are kept, the one that was learnt first is forgotten', async (t) => {
  const MOST = 20_000
  let asked = 0
  const resolver = createResolver({
    dnsMs: 1000,
    now: () => 0,
    observer: { resolved: () => {} },
    lookup: async () => {
      asked += 1
      return { addresses: [address('192.0.2.1')], seconds: 300 }
    },
  })
  const isKnown = (number: number) => resolver.known(`name-${number}.test`) !== null
  for (let number = 0; number < MOST; number++) await resolver.resolve(`name-${number}.test`)
  t.ok(isKnown(0))
  await resolver.resolve(`name-${MOST}.test`)
  t.strictSame([0, 1, MOST].map(isKnown), [false, true, true])
  await resolver.resolve('name-0.test')
  t.strictSame([0, 1, 2].map(isKnown), [true, false, true], 'asked for anew, it is the latest')
  t.equal(asked, MOST + 2)
})

t.test('the machine’s names: the hosts file, the search list, then DNS by both families', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'names-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const [hosts, resolvConf] = [join(folder, 'hosts'), join(folder, 'resolv.conf')]
  writeFileSync(
    hosts,
    '# comment\n192.0.2.1 Listed.test alias # more\n192.0.2.2\tlisted.test\n::1 listed.test\nnonsense x\n',
  )
  writeFileSync(resolvConf, 'domain old.test\nnameserver 192.0.2.53\nsearch corp.test Sub.corp.test.\n')
  const asked: string[] = []
  const missing = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENODATA' }))
  const records = (ttl: number, ...addresses: string[]) =>
    Promise.resolve(addresses.map((address) => ({ address, ttl })))
  const never = () => new Promise<never>(() => {})
  const zone: Record<string, [v6: () => ReturnType<typeof records>, v4: () => ReturnType<typeof records>]> = {
    'both.test': [
      () => records(60, '2001:db8::1', '2001:db8::2', '2001:db8::3'),
      () => records(20, '192.0.2.1', '192.0.2.2'),
    ],
    'four.test': [missing, () => records(60, '192.0.2.4')],
    'slow.test': [never, () => records(60, '192.0.2.5')],
    'broken.test': [() => Promise.reject(Object.assign(new Error('no'), { code: 'ESERVFAIL' })), missing],
    'web.sub.corp.test': [missing, () => records(60, '192.0.2.6')],
    bare: [missing, () => records(60, '192.0.2.7')],
  }
  const query = (family: 0 | 1) => (name: string) => {
    if (family === 1) asked.push(name)
    return zone[name]?.[family]() ?? missing()
  }
  const lookup = systemLookup({ hosts, resolvConf, resolve6: query(0), resolve4: query(1) })
  const found = async (name: string) => {
    const { addresses, seconds } = await lookup(name)
    return `${addresses.map(({ text }) => text)} ${seconds}`
  }
  const listed = await Promise.all([found('listed.test'), found('alias'), found('listed.test')])
  t.same(
    listed,
    ['192.0.2.1,192.0.2.2,::1 1', '192.0.2.1 1', '192.0.2.1,192.0.2.2,::1 1'],
    'the first ones wait for the file',
  )
  t.same(asked, [])
  t.equal(await found('both.test'), '2001:db8::1,192.0.2.1,2001:db8::2,192.0.2.2,2001:db8::3 20', 'by turns')
  t.equal(await found('four.test'), '192.0.2.4 60')
  t.equal(await found('slow.test'), '192.0.2.5 60', 'a family that does not answer is not waited for')
  await t.rejects(lookup('broken.test'), { code: 'ESERVFAIL' }, 'a failure says more than an absence')
  await t.rejects(lookup('none.test'), { code: 'ENODATA' })
  asked.length = 0
  t.equal(await found('web'), '192.0.2.6 60')
  t.same(asked, ['web.corp.test', 'web.sub.corp.test'])
  t.equal(await found('bare'), '192.0.2.7 60')
  t.same(asked.slice(2), ['bare.corp.test', 'bare.sub.corp.test', 'bare'])
})

/** Fills its queue of connections and takes none, so that more of them wait. */
const NEVER_ACCEPTS = `
require('node:net').createServer().listen({ host: process.argv[1], port: process.argv[2], backlog: 1 }, () => {
  require('node:fs').writeSync(1, 'listening')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

t.test('addresses are dialled in turn until one answers', async (t) => {
  const server = createServer((socket) => socket.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo // it listens on TCP
  const told: string[] = []
  const judged: string[] = []
  const dial = (addresses: readonly string[], denied = '', to = port) =>
    dialFirst(addresses.map(address), to, {
      dialMs: 300,
      observer: { dialled: (result) => told.push(result) },
      permit: async ({ text }) => {
        judged.push(text)
        return text !== denied
      },
    })
  const first = await dial(['127.0.0.9', '127.0.0.1', '127.0.0.8'])
  t.equal(first?.address.text, '127.0.0.1')
  t.equal(first?.wire.socket.remoteAddress, '127.0.0.1', 'the address judged is the address dialled')
  t.same(
    [judged.splice(0), told.splice(0)],
    [
      ['127.0.0.9', '127.0.0.1'],
      ['refused', 'ok'],
    ],
    'and no other is judged',
  )
  first?.wire.destroy()
  const stuck = spawn(process.execPath, ['-e', NEVER_ACCEPTS, '127.0.0.66', String(port)])
  t.teardown(() => stuck.kill())
  await once(stuck.stdout, 'data')
  for (let count = 0; count < 2; count++)
    connect(port, '127.0.0.66')
      .on('error', () => {})
      .unref()
  const raced = await dial(['127.0.0.66', '127.0.0.1'])
  t.equal(raced?.address.text, '127.0.0.1', 'a slow one does not keep the next one waiting')
  raced?.wire.destroy()
  await t.rejects(dial(['127.0.0.66']), { code: 'ERR_DIAL_TIMEOUT' })
  t.same(
    [judged.splice(0), told.splice(0)],
    [
      ['127.0.0.66', '127.0.0.1', '127.0.0.66'],
      ['ok', 'timeout'],
    ],
    'what was given up is not told of',
  )
  t.equal(await dial(['127.0.0.9', '127.0.0.7', '127.0.0.1'], '127.0.0.7'), null, 'none after one that may not be')
  t.same(told.splice(0), ['refused'])
  await t.rejects(dial(['127.0.0.9', '127.0.0.8']), { code: 'ERR_REFUSED' })
  await t.rejects(dial(['2001:db8::1', '127.0.0.9']), { code: 'ERR_REFUSED' }, 'no route to one family says little')
  told.length = 0
  await t.rejects(
    dialFirst([address('127.0.0.1')], port, {
      dialMs: 300,
      observer: { dialled: () => {} },
      permit: async () => {
        throw new ProxyError('ERR_RECORD')
      },
    }),
    { code: 'ERR_RECORD' },
  )
})
