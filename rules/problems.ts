/** What is wrong with a file, told with its place: how it is written, in what order, and what was probably meant. */
import { quoted } from './address.ts'
import type { Place, Problem } from './model.ts'

/** Of a file of which there is no text. */
export const UNREADABLE = 'could not be read; is it there, a file, and readable?'

/** For what is wrong with a file as a whole. */
export function startOf(file: string): Place {
  return { file, line: 1, column: 1 }
}

/** `file:line:column`, as editors and terminals link it. */
export function formatPlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`
}

/** `file:line:column: error: message`. */
export function formatProblem(problem: Problem): string {
  return `${formatPlace(problem)}: ${problem.severity}: ${problem.message}`
}

/** By file, line and column, the same problem at the same place (through an alias) once. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  const byText = new Map(problems.map((problem) => [formatProblem(problem), problem]))
  return [...byText.values()].sort(compareProblems)
}

/** Of each severity so many at most, and how many more there are. In the order given. */
export function firstProblems(problems: readonly Problem[], most: number): readonly Problem[] {
  const counts = { error: 0, warning: 0 }
  const kept = problems.filter(({ severity }) => ++counts[severity] <= most)
  for (const severity of ['error', 'warning'] as const) {
    const last = kept.findLast((one) => one.severity === severity)
    const more = counts[severity] - most
    if (last !== undefined && more > 0) kept.push({ ...last, message: `and ${more} more ${severity}s below` })
  }
  return kept
}

function compareProblems(x: Problem, y: Problem): number {
  return compareText(x.file, y.file) || x.line - y.line || x.column - y.column || compareText(x.message, y.message)
}

function compareText(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0
}

/** A value for a message: what it is and, where short, what it says. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'a map'
  return typeof value === 'number' ? `the number ${value}` : String(value)
}

/** What people write for words of the rule file that are spelt in no way like it. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  wifi: 'wireless',
  'wi-fi': 'wireless',
  wlan: 'wireless',
  lan: 'wired',
  cable: 'wired',
  ethernet: 'wired',
  fixed: 'wired',
  cellular: 'mobile',
  lte: 'mobile',
  deny: 'block',
  reject: 'block',
  drop: 'block',
  forbid: 'block',
  permit: 'allow',
  accept: 'allow',
  pass: 'allow',
  audit: 'log',
  record: 'log',
  warn: 'log',
  meet: 'google-meet',
  goto: 'goto-meeting',
  jabber: 'cisco-jabber',
  messenger: 'facebook-messenger',
  slack: 'slack-huddles',
  chime: 'amazon-chime-sdk',
}

/** `; did you mean "…"?` with the candidate nearest to `word`; '' when none is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const known = new Set(candidates)
  const meant = Object.hasOwn(OTHER_WORDS, word.toLowerCase()) ? OTHER_WORDS[word.toLowerCase()] : undefined
  if (meant !== undefined && known.has(meant)) return `; did you mean ${quoted(meant)}?`
  return nearest(word, known)
}

/** A key that stands where only `known` ones may. */
export function unknownKey(key: string, known: readonly string[]): string {
  return `unknown key ${quoted(key)}${didYouMean(key, known) || `; the keys here are ${known.join(', ')}`}`
}

function nearest(word: string, candidates: Iterable<string>): string {
  const limit = Math.min(3, Math.max(1, Math.floor(word.length / 3)))
  let best: string | null = null
  let bestDistance = limit + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bestDistance)
    if (distance >= bestDistance) continue
    best = candidate
    bestDistance = distance
  }
  return best === null ? '' : `; did you mean ${quoted(best)}?`
}

/** Letters to add, drop, change or swap with the next (optimal string alignment), or `limit` when it takes as many or more. */
function editDistance(x: string, y: string, limit: number): number {
  if (Math.abs(x.length - y.length) >= limit) return limit
  let before: number[] = []
  let above = Array.from({ length: y.length + 1 }, (_, column) => column)
  for (let row = 1; row <= x.length; row++) {
    const current = [row]
    for (let column = 1; column <= y.length; column++) {
      // Every index below is within the row that the loops have filled.
      const change = above[column - 1]! + (x[row - 1] === y[column - 1] ? 0 : 1)
      let least = Math.min(change, above[column]! + 1, current[column - 1]! + 1)
      const isSwap = row > 1 && column > 1 && x[row - 1] === y[column - 2] && x[row - 2] === y[column - 1]
      if (isSwap) least = Math.min(least, before[column - 2]! + 1)
      current.push(least)
    }
    if (Math.min(...current) >= limit) return limit
    before = above
    above = current
  }
  return above[y.length]!
}
