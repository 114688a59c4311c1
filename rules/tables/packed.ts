/**
 * Long lists of prefixes and names, packed: a hundred thousand of either are a few megabytes in two arrays instead of some
 * hundred thousand objects, and threads share them. Places in a list count from 0.
 */
import { addressOf } from '../address.ts'
import type { Prefix } from '../model.ts'
import { sharedBytes, sharedWords } from './shared.ts'

// `!` on an array element in this file: whoever asks for a place has it from the list's own spans.

/** Family × 256 + length, then the four words of the base: five words for each prefix. */
export type PackedPrefixes = Uint32Array

const PREFIX_WORDS = 5

export interface PackedNames {
  /** Each name is its length in one byte, then its bytes: canonical names are ASCII, of 253 characters at most. */
  readonly bytes: Uint8Array
  /** Where each name stands in `bytes`. */
  readonly offsets: Uint32Array
}

/** A part of a list: the places from `first` up to and not including `end`. */
export interface Span {
  readonly first: number
  readonly end: number
}

export function packPrefixes(prefixes: readonly Prefix[]): PackedPrefixes {
  const packed = sharedWords(prefixes.length * PREFIX_WORDS)
  for (let at = 0; at < prefixes.length; at++) {
    const { base, length } = prefixes[at]!
    packed.set([base.family * 256 + length, base.a, base.b, base.c, base.d], at * PREFIX_WORDS)
  }
  return packed
}

export function prefixAt(packed: PackedPrefixes, at: number): Prefix {
  const start = at * PREFIX_WORDS
  const form = packed[start]!
  const base = addressOf(
    form >>> 8 === 4 ? 4 : 6,
    packed[start + 1]!,
    packed[start + 2]!,
    packed[start + 3]!,
    packed[start + 4]!,
  )
  const length = form & 255
  return { base, length, text: `${base.text}/${length}` }
}

export function prefixesIn(packed: PackedPrefixes, span: Span): readonly Prefix[] {
  return unpack(span, (at) => prefixAt(packed, at))
}

export function packNames(names: readonly string[]): PackedNames {
  const bytes = sharedBytes(names.reduce((sum, name) => sum + name.length + 1, 0))
  const offsets = sharedWords(names.length)
  let end = 0
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!
    offsets[index] = end
    bytes[end++] = name.length
    for (let at = 0; at < name.length; at++) bytes[end++] = name.charCodeAt(at)
  }
  return { bytes, offsets }
}

export function nameAt({ bytes, offsets }: PackedNames, at: number): string {
  const start = offsets[at]! + 1
  return String.fromCharCode(...bytes.subarray(start, start + bytes[start - 1]!))
}

export function namesIn(packed: PackedNames, span: Span): readonly string[] {
  return unpack(span, (at) => nameAt(packed, at))
}

function unpack<T>({ first, end }: Span, take: (at: number) => T): readonly T[] {
  return Array.from({ length: end - first }, (_, index) => take(first + index))
}
