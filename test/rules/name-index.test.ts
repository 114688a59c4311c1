import t from 'tap'
import { buildNameIndex, findName, lengthAt, ownerAt } from '../../rules/tables/name-index.ts'
import { packNames } from '../../rules/tables/packed.ts'
import fc from '../properties.ts'

interface Entry<V = string> {
  readonly name: string
  readonly below: boolean
  readonly value: V
}

/** A look-up as another thread does it: all that it has is what a message brought. */
function tableOf<V>(list: readonly Entry<V>[]) {
  const names = packNames(list.map(({ name }) => name))
  const index = structuredClone(
    buildNameIndex(
      names,
      list.map(({ below }, at) => ({ at, below, owner: at + 1 })),
    ),
  )
  const lookup = (name: string) => {
    const found = findName(index, name)
    if (found === -1) return undefined
    const entry = list[ownerAt(index, found) - 1]
    if (entry?.name.length !== lengthAt(index, found)) throw new Error(`${name}: not as long as ${entry?.name}`)
    return entry.value
  }
  return { lookup }
}

/** Entries written as in `=zoom.us` (the name alone) and `.zoom.us` (and all below), each its own value. */
function entries(texts: string): Entry[] {
  return texts
    .split(' ')
    .filter((text) => text !== '')
    .map((value) => ({ name: value.slice(1), below: value.startsWith('.'), value }))
}

/** The obvious way: look at every entry. */
function lookupSlowly(list: readonly Entry[], name: string): string | undefined {
  let best: Entry | undefined
  for (const entry of list) {
    if (name !== entry.name && !(entry.below && name.endsWith(`.${entry.name}`))) continue
    const isBetter = best === undefined || entry.name.length > best.name.length || !entry.below || best.below
    if (isBetter && entry.name.length >= (best?.name.length ?? 0)) best = entry
  }
  return best?.value
}

const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`
const deep = Array.from({ length: 126 }, () => 'a').join('.')

t.test('the longest name wins, at label boundaries', async (t) => {
  const cases: readonly (readonly [entries: string, name: string, want: string | undefined])[] = [
    ['', 'zoom.us', undefined],
    ['', 'us', undefined],
    ['.zoom.us', 'zoom.us', '.zoom.us'],
    ['.zoom.us', 'us04web.zoom.us', '.zoom.us'],
    ['.zoom.us', 'a.b.c.d.zoom.us', '.zoom.us'],
    ['.zoom.us', 'notzoom.us', undefined],
    ['.zoom.us', 'zoom.us.evil.example', undefined],
    ['.zoom.us', 'us', undefined],
    ['.zoom.us', 'oom.us', undefined],
    ['.zoom.us', 'zoom-us', undefined],
    ['.zoom.us', '', undefined],
    ['.zoom.us', 'x.zoom.de', undefined],
    ['=zoom.us', 'zoom.us', '=zoom.us'],
    ['=zoom.us', 'www.zoom.us', undefined],
    ['=zoom.us', 'notzoom.us', undefined],
    ['=zoom.us .zoom.us', 'zoom.us', '=zoom.us'],
    ['.zoom.us =zoom.us', 'zoom.us', '=zoom.us'],
    ['=zoom.us .zoom.us', 'www.zoom.us', '.zoom.us'],
    ['.us .zoom.us .eu.zoom.us', 'a.eu.zoom.us', '.eu.zoom.us'],
    ['.us .zoom.us .eu.zoom.us', 'a.de.zoom.us', '.zoom.us'],
    ['.us .zoom.us .eu.zoom.us', 'meet.us', '.us'],
    ['.us .zoom.us .eu.zoom.us', 'us', '.us'],
    ['.zoom.us =www.zoom.us', 'www.zoom.us', '=www.zoom.us'],
    ['.zoom.us =www.zoom.us', 'a.www.zoom.us', '.zoom.us'],
    ['.localhost', 'localhost', '.localhost'],
    [`.${long}`, long, `.${long}`],
    [`=x .${deep}`, `b.${deep}`, `.${deep}`],
    [`=x .${deep}`, deep.slice(2), undefined],
    ['.a', deep, '.a'],
    ['.a.a.a', deep, '.a.a.a'],
  ]
  for (const [list, name, want] of cases) {
    t.equal(tableOf(entries(list)).lookup(name), want, `${list} · ${name}`)
    t.equal(lookupSlowly(entries(list), name), want, `the slow model: ${list} · ${name}`)
  }
})

t.test('of two equal entries the later one stands', async (t) => {
  const table = tableOf([
    { name: 'zoom.us', below: true, value: 'first' },
    { name: 'zoom.us', below: false, value: 'alone' },
    { name: 'zoom.us', below: true, value: 'second' },
  ])
  t.equal(table.lookup('www.zoom.us'), 'second')
  t.equal(table.lookup('zoom.us'), 'alone')
})

t.test('the table agrees with a linear search', async (t) => {
  // Few different labels, so that names nest, repeat and are look-alikes.
  const labels = fc.constantFrom('a', 'b', 'ab', 'ba', 'aa', 'zoom', 'us')
  const names = fc.array(labels, { minLength: 1, maxLength: 5 }).map((list) => list.join('.'))
  const lists = fc.array(fc.record({ name: names, below: fc.boolean() }), { maxLength: 60 })
  let hits = 0
  fc.assert(
    fc.property(lists, fc.array(names, { minLength: 20, maxLength: 40 }), (list, asked) => {
      const numbered = list.map((entry, index) => ({ ...entry, value: `${entry.name} ${entry.below} ${index}` }))
      const table = tableOf(numbered)
      return [...asked, ...list.flatMap(({ name }) => [name, `x.${name}`, `x${name}`, name.slice(1)])].every((name) => {
        const found = table.lookup(name)
        if (found !== undefined) hits++
        return found === lookupSlowly(numbered, name)
      })
    }),
    { numRuns: 200 },
  )
  t.ok(hits > 1000, 'names were found')
})

t.test('twenty thousand names are each found, and nothing else', async (t) => {
  const list = Array.from({ length: 20_000 }, (_, i) => ({
    name: `${(i * 7919).toString(36)}.example`,
    below: i % 2 === 0,
    value: i,
  }))
  const table = tableOf(list)
  const last = new Map(list.map(({ name, value }) => [name, value]))
  t.equal(last.size, list.length, 'the names differ')
  t.ok(list.every(({ name, value }) => table.lookup(name) === value))
  t.ok(list.every(({ name, below, value }) => table.lookup(`www.${name}`) === (below ? value : undefined)))
  t.ok(list.every(({ name }) => table.lookup(`x${name}`) === last.get(`x${name}`)))
})

t.test('two names with one hash are told apart', async (t) => {
  // Found by search: the two have the same 32-bit FNV-1a over their bytes from the right.
  const [one, other] = ['0py8ih9.example', '10eecj7.example'] as const
  const table = tableOf([{ name: one, below: true, value: one }])
  t.equal(table.lookup(one), one)
  t.equal(table.lookup(other), undefined)
  const both = tableOf([one, other].map((name) => ({ name, below: true, value: name })))
  t.equal(both.lookup(`www.${one}`), one)
  t.equal(both.lookup(`www.${other}`), other)
})
