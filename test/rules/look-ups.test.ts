/** What is remembered of the last look-up, and of the names that were met, changes no answer. */
import t from 'tap'
import { seatOf } from '../../rules/decide.ts'
import { metBefore, onItsOwn } from '../../rules/tables/own-text.ts'
import { compiled } from '../compiled.ts'
import fc from '../properties.ts'
import { anyRuleFile, compileSmall, prefix, SOURCES } from './small-rules.ts'

const NAMES = ['x.example', 'a.x.example', 'y.example', 'z.example', 'example', 'other.example', 'x.example.org', '']
const ADDRESSES = [...SOURCES, ...['192.0.2.1', '192.0.2.17', '192.0.2.200', '2001:db8::1'].map(addressOf)]

function addressOf(text: string) {
  return prefix(text).base
}

const anyAsked = fc.array(fc.record({ name: fc.constantFrom(...NAMES), address: fc.constantFrom(...ADDRESSES) }), {
  minLength: 1,
  maxLength: 12,
})

t.test('of more prefixes than are remembered, each is its own', async (t) => {
  const many = Array.from({ length: 5000 }, (_, at) => `10.${at >> 8}.${at & 255}.0/24`)
  const policy = compiled(`version: 1
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [${many.slice(0, 2500).join(', ')}] }
  wifi: { medium: wireless, prefixes: [${many.slice(2500).join(', ')}] }
`)
  const wrong = many.filter((text, at) => {
    const seat = seatOf(policy, prefix(text).base)
    return seat.prefix !== text || seat.segment.id !== (at < 2500 ? 'desks' : 'wifi')
  })
  t.same(wrong, [])
})

t.test('one table asked for many things says what fresh ones say of each', async (t) => {
  fc.assert(
    fc.property(anyRuleFile, anyAsked, (file, asked) => {
      const table = compileSmall(file)
      for (const { name, address } of asked) {
        const fresh = compileSmall(file)
        t.same(table.names.lookup(name), fresh.names.lookup(name), name)
        t.same(table.addresses.lookup(address), fresh.addresses.lookup(address), address.text)
        t.same(table.seats.lookup(address), fresh.seats.lookup(address), address.text)
      }
    }),
    { numRuns: 20 },
  )
})

t.test('another address object of the same text is looked up as well', async (t) => {
  fc.assert(
    fc.property(anyRuleFile, (file) => {
      const { seats } = compileSmall(file)
      for (const text of ['10.0.0.1', '10.0.0.1', '10.0.0.9', '10.0.0.1'])
        t.same(seats.lookup(addressOf(text)), compileSmall(file).seats.lookup(addressOf(text)))
    }),
    { numRuns: 5 },
  )
})

t.test('each name stays itself, however many are met', async (t) => {
  const names = Array.from({ length: 20_000 }, (_, index) => `host-${index}.example`)
  const wrong = [...names, ...names.toReversed()].filter((name) => metBefore(onItsOwn(name)) !== name)
  t.same(wrong, [])
  t.equal(metBefore('host-1.example'), 'host-1.example')
})
