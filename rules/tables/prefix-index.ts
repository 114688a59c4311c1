/**
 * Address → the number of its longest prefix (RFC 4632 §5.1). Nested prefixes are flattened once, at load time, into disjoint
 * intervals that cover each family's whole space: a look-up is then a binary search for the interval's start.
 * Plain data in shared memory: one thread makes it, all look up in it.
 */
import { addressBits } from '../address.ts'
import type { Address, Prefix } from '../model.ts'
import { sharedWords, sharedWordsFrom } from './shared.ts'

// `!` on an array element in this file: the index is in range by construction.

/** Made by `buildPrefixIndex`. An owner is what the prefixes were given with: a number above 0; 0 owns what no prefix covers. */
export interface PrefixIndex {
  readonly ipv4: IPv4Intervals
  readonly ipv6: IPv6Intervals
}

interface IPv4Intervals {
  /** First address of each interval, ascending; the first is 0. */
  readonly starts: Uint32Array
  /** For each interval, its owner. */
  readonly owners: Uint32Array
  /** For each value of an address's upper bits (those above `shift`): the interval that holds the first such address; one element more. */
  readonly index: Uint32Array
  readonly shift: number
  /** Every `STRIDE`th start: few enough to stay in a processor's near cache, where many intervals share their upper bits. */
  readonly samples: Uint32Array
}

/** Starts in a cache line. */
const STRIDE = 16

interface IPv6Intervals {
  /** The four words of the first address of each interval, ascending; the first is 0. */
  readonly a: Uint32Array
  readonly b: Uint32Array
  readonly c: Uint32Array
  readonly d: Uint32Array
  /** For each interval, its owner. */
  readonly owners: Uint32Array
}

/** The owner of the longest prefix that holds the address. */
export function ownerOf({ ipv4, ipv6 }: PrefixIndex, address: Address): number {
  return address.family === 4 ? ownerOfIPv4(ipv4, address.d) : ownerOfIPv6(ipv6, address)
}

function ownerOfIPv4({ starts, owners, index, shift, samples }: IPv4Intervals, d: number): number {
  const upper = d >>> shift
  let low = index[upper]!
  let high = index[upper + 1]!
  if (high - low > STRIDE) {
    const sample = lastUpTo(samples, d, Math.floor(low / STRIDE), Math.floor(high / STRIDE))
    low = Math.max(low, sample * STRIDE)
    high = Math.min(high, sample * STRIDE + STRIDE - 1)
  }
  return owners[lastUpTo(starts, d, low, high)]!
}

/** The place of the last value that is `limit` at most, of those from `low` to `high`; the values ascend, and the first of these is. */
function lastUpTo(values: Uint32Array, limit: number, low: number, high: number): number {
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (values[middle]! <= limit) low = middle
    else high = middle - 1
  }
  return low
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

interface Block<N> {
  readonly first: N
  /** One past the last address. */
  readonly end: N
  readonly owner: number
}

/** Of two owners of the same prefix the later one stands. */
export function buildPrefixIndex(entries: Iterable<readonly [Prefix, number]>): PrefixIndex {
  // Two to the 32nd is a number like others; only IPv6 needs the slower big ones.
  const ipv4: Block<number>[] = []
  const ipv6: Block<bigint>[] = []
  for (const [{ base, length }, owner] of entries) {
    if (base.family === 4) ipv4.push({ first: base.d, end: base.d + 2 ** (32 - length), owner })
    else {
      const first = addressBits(base)
      ipv6.push({ first, end: first + (1n << BigInt(128 - length)), owner })
    }
  }
  return { ipv4: ipv4Intervals(flatten(ipv4, 0, 2 ** 32)), ipv6: ipv6Intervals(flatten(ipv6, 0n, 1n << 128n)) }
}

interface Intervals<N> {
  readonly starts: readonly N[]
  readonly owners: readonly number[]
}

/** Blocks, which nest or are apart, into intervals: each belongs to the innermost block over it. `limit`: one past the last address. */
function flatten<N extends number | bigint>(blocks: Block<N>[], zero: N, limit: N): Intervals<N> {
  // The enclosing block first; the sort is stable, so of equal blocks the later entry comes later and counts as the inner one.
  blocks.sort((x, y) => compare(x.first, y.first) || compare(y.end, x.end))
  const starts = [zero]
  const owners = [0]
  const cut = (at: N, owner: number) => {
    if (starts.at(-1) === at) {
      starts.pop() // an interval without addresses
      owners.pop()
    }
    if (owners.at(-1) === owner) return
    starts.push(at)
    owners.push(owner)
  }
  const open: Block<N>[] = [] // the blocks around the current address, outermost first
  const closeUpTo = (at: N) => {
    for (let inner = open.at(-1); inner !== undefined && inner.end <= at; inner = open.at(-1)) {
      open.pop()
      if (inner.end < limit) cut(inner.end, open.at(-1)?.owner ?? 0)
    }
  }
  for (const block of blocks) {
    closeUpTo(block.first)
    cut(block.first, block.owner)
    open.push(block)
  }
  closeUpTo(limit)
  return { starts, owners }
}

function compare<N extends number | bigint>(x: N, y: N): number {
  return x < y ? -1 : x > y ? 1 : 0
}

function ipv4Intervals(intervals: Intervals<number>): IPv4Intervals {
  const starts = sharedWordsFrom(intervals.starts, Number)
  // One index element per interval, 65,536 at most: a small table stays small.
  const bits = Math.min(16, 32 - Math.clz32(starts.length))
  const shift = 32 - bits
  const index = sharedWords(2 ** bits + 1)
  for (let upper = 0, at = 0; upper < 2 ** bits; upper++) {
    while (at + 1 < starts.length && starts[at + 1]! <= upper * 2 ** shift) at++
    index[upper] = at
  }
  index[2 ** bits] = starts.length - 1
  const samples = sharedWordsFrom(
    intervals.starts.filter((_, at) => at % STRIDE === 0),
    Number,
  )
  return { starts, owners: sharedWordsFrom(intervals.owners, Number), index, shift, samples }
}

function ipv6Intervals({ starts, owners }: Intervals<bigint>): IPv6Intervals {
  const words = (shift: bigint) => sharedWordsFrom(starts, (start) => Number((start >> shift) & 0xffffffffn))
  return { a: words(96n), b: words(64n), c: words(32n), d: words(0n), owners: sharedWordsFrom(owners, Number) }
}
