import t from 'tap'
import { addressFromBytes, parseAddress, parsePrefix, prefixContains, prefixEnd } from '../../rules/address.ts'
import type { Address, Prefix } from '../../rules/model.ts'
import { buildPrefixTable } from '../../rules/tables/prefix-table.ts'
import fc from '../properties.ts'

type Entry = readonly [Prefix, string]

/** Entries whose value is their text, or what stands after `=`. */
function entries(texts: string): Entry[] {
  return texts
    .split(' ')
    .filter((text) => text !== '')
    .map((text) => {
      const [written = '', value = written] = text.split('=')
      const prefix = parsePrefix(written)
      if (typeof prefix === 'string') throw new Error(prefix)
      return [prefix, value]
    })
}

/** The obvious way: look at every entry; of equally long ones the last counts. */
function lookupSlowly(list: readonly Entry[], address: Address): string | undefined {
  let best: Entry | undefined
  for (const entry of list) {
    if (prefixContains(entry[0], address) && entry[0].length >= (best?.[0].length ?? 0)) best = entry
  }
  return best?.[1]
}

/** The address `step` further, within its family. */
function beside(address: Address, step: 1 | -1): Address {
  const bytes = Uint8Array.from(
    [address.a, address.b, address.c, address.d].flatMap((word) => [24, 16, 8, 0].map((shift) => word >>> shift)),
  )
  for (let at = 15; at >= (address.family === 4 ? 12 : 0); at--) {
    bytes[at] = (bytes[at] ?? 0) + step
    if (bytes[at] !== (step === 1 ? 0 : 255)) break
  }
  return addressFromBytes(address.family === 4 ? bytes.subarray(12) : bytes)
}

t.test('the longest prefix wins', async (t) => {
  const cases: readonly (readonly [prefixes: string, address: string, want: string | undefined])[] = [
    ['', '10.0.0.1', undefined],
    ['', '::1', undefined],
    ['10.0.0.0/8', '9.255.255.255', undefined],
    ['10.0.0.0/8', '10.0.0.0', '10.0.0.0/8'],
    ['10.0.0.0/8', '10.255.255.255', '10.0.0.0/8'],
    ['10.0.0.0/8', '11.0.0.0', undefined],
    ['10.0.0.0/8', '::ffff:10.1.2.3', '10.0.0.0/8'],
    ['10.0.0.0/8', '::10.1.2.3', undefined],
    ['0.0.0.0/0', '255.255.255.255', '0.0.0.0/0'],
    ['0.0.0.0/0', '::', undefined],
    ['0.0.0.0/0', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', undefined],
    ['::/0', '0.0.0.0', undefined],
    ['::/0', '::ffff:1.2.3.4', undefined],
    ['::/0', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::/0'],
    ['0.0.0.0/0 ::/0', '10.0.0.1', '0.0.0.0/0'],
    ['0.0.0.0/0 ::/0', '2001:db8::1', '::/0'],
    ['192.0.2.6/31', '192.0.2.5', undefined],
    ['192.0.2.6/31', '192.0.2.7', '192.0.2.6/31'],
    ['192.0.2.6/31', '192.0.2.8', undefined],
    ['192.0.2.6/31 192.0.2.7/32', '192.0.2.6', '192.0.2.6/31'],
    ['192.0.2.6/31 192.0.2.7/32', '192.0.2.7', '192.0.2.7/32'],
    ['255.255.255.255/32', '255.255.255.255', '255.255.255.255/32'],
    ['255.255.255.255/32', '255.255.255.254', undefined],
    ['2001:db8::6/127 2001:db8::7/128', '2001:db8::6', '2001:db8::6/127'],
    ['2001:db8::6/127 2001:db8::7/128', '2001:db8::7', '2001:db8::7/128'],
    ['2001:db8::6/127 2001:db8::7/128', '2001:db8::8', undefined],
    ['::/1 8000::/1', '7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::/1'],
    ['::/1 8000::/1', '8000::', '8000::/1'],
    ['10.0.0.0/8 10.1.0.0/16 10.1.2.0/24', '10.1.2.3', '10.1.2.0/24'],
    ['10.1.2.0/24 10.1.0.0/16 10.0.0.0/8', '10.1.2.3', '10.1.2.0/24'],
    ['10.0.0.0/8 10.1.0.0/16 10.1.2.0/24', '10.1.3.0', '10.1.0.0/16'],
    ['10.0.0.0/8 10.1.0.0/16 10.1.2.0/24', '10.2.0.0', '10.0.0.0/8'],
    ['10.0.0.0/8 10.255.0.0/16 10.255.255.0/24', '11.0.0.0', undefined],
    ['10.0.0.0/8 10.0.0.0/16 10.0.0.0/24', '10.0.0.0', '10.0.0.0/24'],
    ['10.0.0.0/8=x 10.1.0.0/16=y 10.1.2.0/24=x', '10.1.2.3', 'x'],
    ['10.0.0.0/8=x 10.1.0.0/16=y 10.1.2.0/24=x', '10.1.3.3', 'y'],
    ['10.0.0.0/8=first 10.0.0.0/8=second', '10.1.2.3', 'second'],
    ['10.0.0.0/8=first 10.1.0.0/16=inner 10.0.0.0/8=second', '10.2.0.0', 'second'],
    ['10.0.0.0/24=x 10.0.1.0/24=x', '10.0.1.9', 'x'],
    ['10.0.0.0/24=x 10.0.1.0/24=x', '10.0.2.0', undefined],
  ]
  for (const [prefixes, text, want] of cases) {
    const address = parseAddress(text)
    if (address === null) throw new Error(text)
    t.equal(buildPrefixTable(entries(prefixes)).lookup(address), want, `${prefixes} · ${text}`)
    t.equal(lookupSlowly(entries(prefixes), address), want, `the slow model: ${prefixes} · ${text}`)
  }
})

t.test('the table agrees with a linear search, above all at the edges of prefixes', async (t) => {
  // Few different bytes, so that prefixes nest, touch and repeat.
  const few = fc.constantFrom(0, 1, 2, 127, 128, 254, 255)
  const prefixes = fc
    .tuple(fc.constantFrom(4, 16), fc.array(few, { minLength: 16, maxLength: 16 }), fc.nat(128))
    .map(([size, bytes, wanted]): Prefix => {
      const address = addressFromBytes(Uint8Array.from(bytes.slice(0, size)))
      const length = address.family === 4 ? wanted % 33 : wanted
      const prefix = parsePrefix(`${address.text}/${length}`)
      if (typeof prefix !== 'string') return prefix
      return parsePrefix(prefix.slice(prefix.lastIndexOf(' ') + 1)) as Prefix // the remedy is a prefix
    })
  let lookups = 0
  fc.assert(
    fc.property(fc.array(prefixes, { maxLength: 40 }), (list) => {
      const numbered = list.map((prefix, index): Entry => [prefix, `${prefix.text} ${index}`])
      const table = buildPrefixTable(numbered)
      for (const { base, ...prefix } of list) {
        const end = prefixEnd({ base, ...prefix })
        for (const address of [base, end, beside(base, -1), beside(end, 1)]) {
          lookups++
          if (table.lookup(address) !== lookupSlowly(numbered, address)) return false
        }
      }
      return true
    }),
    { numRuns: 200 },
  )
  t.ok(lookups > 1000, 'the lists were not empty')
})

t.test('a thousand prefixes agree with a linear search for addresses anywhere', async (t) => {
  const list = Array.from({ length: 1000 }, (_, i) => `${(i * 37) % 256}.${(i * 101) % 256}.${(i >> 8) * 2}.0/24`)
  const wide = Array.from({ length: 256 }, (_, i) => `${i}.${i}.0.0/16`)
  const table = entries([...list, ...wide, '0.0.0.0/1'].join(' '))
  const fast = buildPrefixTable(table)
  const bytes = fc.uint8Array({ minLength: 4, maxLength: 4 })
  const near = fc.tuple(fc.nat(999), fc.nat(255)).map(([index, last]) => {
    const base = list[index]?.split('/')[0]?.split('.').map(Number) ?? []
    return Uint8Array.from([...base.slice(0, 3), last])
  })
  fc.assert(
    fc.property(fc.oneof(bytes, near), (bytes) => {
      const address = addressFromBytes(bytes)
      return fast.lookup(address) === lookupSlowly(table, address)
    }),
    { numRuns: 500 },
  )
  t.equal(fast.index.ipv4.index.length, 4097, 'the index grows with the table: 12 bits for some 2,500 intervals')
  t.ok(buildPrefixTable(entries('10.0.0.0/8')).index.ipv4.index.length <= 5, 'a small table has a small index')
})

t.test(
  'many prefixes that share their upper bits agree with a linear search, whatever number of them there is',
  async (t) => {
    for (const count of [7, 8, 9, 15, 16, 17, 31, 32, 33, 300]) {
      // Every other address of one /22, or of its beginning: each prefix is an interval, and so is each gap.
      const crowd = Array.from({ length: count }, (_, i) => `10.1.${(2 * i) >> 8}.${(2 * i) & 255}/32`)
      for (const others of ['', '9.0.0.0/8', '10.0.255.255/32 10.1.4.0/24', '9.9.9.9/32 11.0.0.0/8 12.1.1.1/32']) {
        const table = entries([others, ...crowd].join(' '))
        const fast = buildPrefixTable(table)
        const { index } = fast.index.ipv4
        const most = Math.max(...index.map((low, upper) => (index[upper + 1] ?? low) - low))
        t.ok(most >= 2 * count - 2, 'they are in one part of the index')
        for (const text of [
          '0.0.0.0',
          '9.9.9.9',
          '10.0.255.254',
          '10.0.255.255',
          '10.1.0.0',
          '11.0.0.0',
          '255.255.255.255',
        ])
          agrees(parseAddress(text) as Address)
        for (const [{ base }] of table) for (const address of [base, beside(base, 1), beside(base, -1)]) agrees(address)

        function agrees(address: Address): void {
          if (fast.lookup(address) === lookupSlowly(table, address)) return
          t.equal(fast.lookup(address), lookupSlowly(table, address), `${address.text} of ${count} and ${others}`)
        }
      }
    }
  },
)

t.test('intervals are disjoint, and neighbours of one value are one', async (t) => {
  const table = buildPrefixTable(entries('10.0.0.0/8=x 10.0.0.0/16=y 10.1.0.0/16=y 10.255.0.0/16=z 10.255.255.0/24=y'))
  const starts = ['0.0.0.0', '10.0.0.0', '10.2.0.0', '10.255.0.0', '10.255.255.0', '11.0.0.0']
  t.same(
    [...table.index.ipv4.starts],
    starts.map((text) => parseAddress(text)?.d),
  )
})
