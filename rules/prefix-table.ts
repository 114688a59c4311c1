/**
 * Address → value, longest prefix wins (RFC 4632 §5.1). Nested prefixes are flattened once, at load time, into disjoint
 * intervals that cover each family's whole space: a look-up is then one binary search for the interval's start.
 * All numbers stand in plain typed arrays, so that workers could share them.
 */
import { addressBits } from './address.ts'
import type { Address, AddressLookup, Prefix } from './model.ts'

// `!` on an array element in this file: the index is in range by construction.

interface IPv4Intervals {
  /** First address of each interval, ascending; the first is 0. */
  readonly starts: Uint32Array
  /** For each interval, the index of its value. */
  readonly owners: Uint32Array
  /** For each value of an address's upper bits (those above `shift`): the interval that holds the first such address; one element more. */
  readonly index: Uint32Array
  readonly shift: number
}

interface IPv6Intervals {
  /** The four words of the first address of each interval, ascending; the first is 0. */
  readonly a: Uint32Array
  readonly b: Uint32Array
  readonly c: Uint32Array
  readonly d: Uint32Array
  /** For each interval, the index of its value. */
  readonly owners: Uint32Array
}

/** Made by `buildPrefixTable`. */
export class PrefixTable<V> implements AddressLookup<V> {
  readonly ipv4: IPv4Intervals
  readonly ipv6: IPv6Intervals
  /** Element 0 is undefined: the owner of what no prefix covers. */
  readonly values: readonly (V | undefined)[]

  constructor(ipv4: IPv4Intervals, ipv6: IPv6Intervals, values: readonly (V | undefined)[]) {
    this.ipv4 = ipv4
    this.ipv6 = ipv6
    this.values = values
  }

  /** The value of the longest prefix that holds the address, or undefined. */
  lookup(address: Address): V | undefined {
    return this.values[address.family === 4 ? ownerOfIPv4(this.ipv4, address.d) : ownerOfIPv6(this.ipv6, address)]
  }
}

function ownerOfIPv4({ starts, owners, index, shift }: IPv4Intervals, d: number): number {
  const upper = d >>> shift
  let low = index[upper]!
  let high = index[upper + 1]!
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (starts[middle]! <= d) low = middle
    else high = middle - 1
  }
  return owners[low]!
}

function ownerOfIPv6(intervals: IPv6Intervals, address: Address): number {
  let low = 0
  let high = intervals.owners.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (startsAfter(intervals, middle, address)) high = middle - 1
    else low = middle
  }
  return intervals.owners[low]!
}

function startsAfter({ a, b, c, d }: IPv6Intervals, at: number, address: Address): boolean {
  if (a[at] !== address.a) return a[at]! > address.a
  if (b[at] !== address.b) return b[at]! > address.b
  if (c[at] !== address.c) return c[at]! > address.c
  return d[at]! > address.d
}

interface Block {
  readonly first: bigint
  /** One past the last address. */
  readonly end: bigint
  readonly owner: number
}

/** Builds the table; of two values for the same prefix the later one stands. About 0.3 s for 100,000 prefixes. */
export function buildPrefixTable<V>(entries: Iterable<readonly [Prefix, V]>): PrefixTable<V> {
  const blocks: { readonly 4: Block[]; readonly 6: Block[] } = { 4: [], 6: [] }
  const values: (V | undefined)[] = [undefined]
  const owners = new Map<V, number>()
  for (const [{ base, length }, value] of entries) {
    let owner = owners.get(value)
    if (owner === undefined) {
      owner = values.push(value) - 1
      owners.set(value, owner)
    }
    const first = addressBits(base)
    const size = 1n << BigInt((base.family === 4 ? 32 : 128) - length)
    blocks[base.family].push({ first, end: first + size, owner })
  }
  return new PrefixTable(ipv4Intervals(flatten(blocks[4], 32n)), ipv6Intervals(flatten(blocks[6], 128n)), values)
}

interface Intervals {
  readonly starts: readonly bigint[]
  readonly owners: readonly number[]
}

/** Blocks, which nest or are apart, into intervals: each belongs to the innermost block over it. */
function flatten(blocks: Block[], width: bigint): Intervals {
  // The enclosing block first; the sort is stable, so of equal blocks the later entry comes later and counts as the inner one.
  blocks.sort((x, y) => compare(x.first, y.first) || compare(y.end, x.end))
  const starts = [0n]
  const owners = [0]
  const cut = (at: bigint, owner: number) => {
    if (starts.at(-1) === at) {
      starts.pop() // an interval without addresses
      owners.pop()
    }
    if (owners.at(-1) === owner) return
    starts.push(at)
    owners.push(owner)
  }
  const open: Block[] = [] // the blocks around the current address, outermost first
  const closeUpTo = (at: bigint) => {
    for (let inner = open.at(-1); inner !== undefined && inner.end <= at; inner = open.at(-1)) {
      open.pop()
      if (inner.end < 1n << width) cut(inner.end, open.at(-1)?.owner ?? 0)
    }
  }
  for (const block of blocks) {
    closeUpTo(block.first)
    cut(block.first, block.owner)
    open.push(block)
  }
  closeUpTo(1n << width)
  return { starts, owners }
}

function compare(x: bigint, y: bigint): number {
  return x < y ? -1 : x > y ? 1 : 0
}

function ipv4Intervals(intervals: Intervals): IPv4Intervals {
  const starts = Uint32Array.from(intervals.starts, Number)
  // One index element per interval, 65,536 at most: a small table stays small.
  const bits = Math.min(16, 32 - Math.clz32(starts.length))
  const shift = 32 - bits
  const index = new Uint32Array(2 ** bits + 1)
  for (let upper = 0, at = 0; upper < 2 ** bits; upper++) {
    while (at + 1 < starts.length && starts[at + 1]! <= upper * 2 ** shift) at++
    index[upper] = at
  }
  index[2 ** bits] = starts.length - 1
  return { starts, owners: Uint32Array.from(intervals.owners), index, shift }
}

function ipv6Intervals({ starts, owners }: Intervals): IPv6Intervals {
  const words = (shift: bigint) => Uint32Array.from(starts, (start) => Number((start >> shift) & 0xffffffffn))
  return { a: words(96n), b: words(64n), c: words(32n), d: words(0n), owners: Uint32Array.from(owners) }
}
