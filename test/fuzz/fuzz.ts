/**
 * What all fuzz tests share: a corpus of inputs that once mattered, edits that spoil them, and a time box. Without
 * variables a run is short and always the same; `LANDLINE_FUZZ_SECONDS=600` gives each property so long, from a seed that is
 * told (`LANDLINE_FUZZ_SEED` runs it again). What such a run finds goes into the corpus.
 */
import { readFileSync } from 'node:fs'
import type { Test } from 'tap'
import fc, { seed as fixed } from '../properties.ts'

/** Coverage-guided fuzzing (jazzer.js) needs a newer glibc than that of Debian 12, where CI runs: edits of a corpus stand in for it. */
const SECONDS = Number(process.env.LANDLINE_FUZZ_SECONDS ?? 0)
const isByChance = SECONDS > 0 && process.env.LANDLINE_FUZZ_SEED === undefined
const seed = isByChance ? Date.now() % 2 ** 31 : fixed

/** Bytes as latin1 text, one string each, from `corpus/NAME.json`. */
export function corpus(name: string): readonly string[] {
  return JSON.parse(readFileSync(new URL(`corpus/${name}.json`, import.meta.url), 'utf8')) as readonly string[]
}

/** What makes parsers stumble, whatever they read. */
const ATOMS = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  '\t',
  ' ',
  '\x7f',
  '\xff',
  ':',
  ';',
  ',',
  '"',
  '\\',
  '=',
  '.',
  '[',
  ']',
  '@',
  '0',
]

/** One of the texts, or two of them joined, with up to four edits. */
export function spoilt(texts: readonly string[], atoms: readonly string[] = []): fc.Arbitrary<string> {
  const text = fc.constantFrom(...texts)
  const put = fc.oneof(
    fc.constantFrom(...ATOMS, ...atoms),
    fc.nat(255).map((code) => String.fromCharCode(code)),
    fc.constant(''),
  )
  const edit = fc.record({ at: fc.nat(), dropped: fc.oneof(fc.constant(0), fc.constant(1), fc.nat(12)), put })
  const spliced = fc
    .tuple(text, text, fc.nat(), fc.nat())
    .map(([one, other, end, start]) => one.slice(0, end % (one.length + 1)) + other.slice(start % (other.length + 1)))
  return fc
    .tuple(fc.oneof({ weight: 4, arbitrary: text }, spliced), fc.array(edit, { maxLength: 4 }))
    .map(([from, edits]) =>
      edits.reduce((spoiling, { at, dropped, put }) => {
        const place = at % (spoiling.length + 1)
        return spoiling.slice(0, place) + put + spoiling.slice(place + dropped)
      }, from),
    )
}

/** The text in pieces: in single bytes, or cut at a few places. */
export function inPieces(texts: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> {
  const cuts = fc.oneof(fc.constant('all' as const), fc.array(fc.nat(), { minLength: 1, maxLength: 4 }))
  return fc.tuple(texts, cuts).map(([text, places]) => {
    if (places === 'all') return [...text]
    const ends = [...places.map((place) => place % (text.length + 1)), text.length].sort((one, other) => one - other)
    return ends.map((end, index) => text.slice(ends[index - 1] ?? 0, end)).filter((piece) => piece !== '')
  })
}

/** So many runs, or as many as there is time for. `fault` tells what is wrong with an input, or null. */
export async function search<T>(
  t: Test,
  input: fc.Arbitrary<T>,
  runs: number,
  fault: (input: T) => unknown,
): Promise<void> {
  let wrong: unknown = null
  const property = fc.asyncProperty(input, async (value) => {
    const found = await fault(value)
    wrong = found ?? wrong
    return found === null
  })
  const box = { interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false, numRuns: 1e9 }
  const details = await fc.check(property, { seed, ...(SECONDS > 0 ? box : { numRuns: runs }) })
  t.notOk(details.failed, `${details.numRuns} runs, seed ${seed}`, {
    found: JSON.stringify(details.counterexample),
    wrong,
  })
}
