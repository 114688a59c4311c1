/** Rule files as bad as they come: cut, mutated, built to exhaust. Each is accepted, or refused with a place; none throws. */

import t from 'tap'
import { parseRuleFile, referencedFiles } from '../../rules/file/parse.ts'
import { readYaml } from '../../rules/file/yaml-source.ts'
import fc from '../properties.ts'
import { FILES, KNOWN, MAIN, NOW } from './rule-file.ts'

const PATHS = [...FILES.keys()]

/** Whether the example with this text at `path` is accepted. Throws if something is wrong with the answer. */
function isAccepted(path: string, text: string): boolean {
  const files = new Map([...FILES, [path, text]])
  referencedFiles(path, text)
  const { file, problems } = parseRuleFile(MAIN, files, KNOWN, NOW)
  if ((file === null) !== problems.some(({ severity }) => severity === 'error'))
    throw new Error('refused without an error, or the reverse')
  for (const { file: at, line, column, message } of problems) {
    // A carriage return alone ends a line of CSV, but none of YAML for its reader.
    const lines = files.get(at)?.split(at.endsWith('.csv') ? /\r\n?|\n/ : '\n') ?? []
    const length = lines[line - 1]?.length ?? -2
    if (!(column >= 1 && column <= length + 2)) throw new Error(`no such place: ${at}:${line}:${column} ${message}`)
    // Words of the libraries and of the language beneath are none for people.
    if (message === '' || /[\n\r]|undefined|\[object|Invalid input|received/.test(message))
      throw new Error(`no message: ${message}`)
  }
  return file !== null
}

t.test('a rule file cut anywhere is answered with places', async (t) => {
  for (const [path, text] of FILES) {
    for (let length = 0; length < text.length; length++) {
      t.doesNotThrow(() => isAccepted(path, text.slice(0, length)), `${path} cut after ${length}`)
    }
  }
})

const ODD_TEXT = [
  ...[
    '',
    ' ',
    '~',
    '[]',
    '{}',
    '[[1]]',
    '{ a: b }',
    '5',
    '-1',
    '0x1f',
    '1e999',
    '.nan',
    'true',
    'null',
    '"',
    "'",
    '&a',
    '*a',
    '|',
    '>',
  ],
  ...[
    '!!binary x',
    '__proto__',
    'constructor',
    '\u0000',
    '\t',
    '\r',
    '\u2028',
    '\u202e',
    '\ud800',
    '💥',
    'ß',
    '\uFEFF',
    '%',
    '@',
    '`',
  ],
  ...[
    '---',
    '...',
    '? ',
    ': ',
    '- ',
    '#',
    ',',
    '}',
    ']',
    '10.0.0.0/8',
    '::/0',
    '0.0.0.0/0',
    '0.0.0.0-255.255.255.255',
    'any',
    'unknown',
  ],
  ...[
    '2026-02-30T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '24:00-24:00',
    'fri-mon',
    'x'.repeat(300),
    '<<: *a',
    'zoom',
    'desks',
    'berlin',
  ],
]

const place = fc.nat(100_000)
const oddText = fc.oneof(fc.constantFrom(...ODD_TEXT), fc.string({ unit: 'binary', maxLength: 6 }))
const mutation = fc.oneof(
  fc.tuple(fc.constantFrom('delete', 'repeat', 'swap', 'indent', 'outdent', 'cut'), place, place).map(
    ([kind, at, other]) =>
      (text: string) =>
        mutateLines(text, kind, at, other),
  ),
  fc.tuple(fc.constantFrom('insert', 'replace', 'value', 'character'), place, oddText).map(
    ([kind, at, odd]) =>
      (text: string) =>
        mutateText(text, kind, at, odd),
  ),
)

function mutateLines(text: string, kind: string, at: number, other: number): string {
  const lines = text.split('\n')
  const from = at % lines.length
  const to = other % lines.length
  const [one = '', two = ''] = [lines[from], lines[to]]
  if (kind === 'delete') lines.splice(from, 1 + (other % 3))
  else if (kind === 'repeat') lines.splice(to, 0, one)
  else if (kind === 'swap') [lines[from], lines[to]] = [two, one]
  else if (kind === 'indent') lines[from] = ' '.repeat(1 + (other % 4)) + one
  else if (kind === 'outdent') lines[from] = one.replace(/^ {1,2}/, '')
  else lines[from] = one.slice(0, other % (one.length + 1))
  return lines.join('\n')
}

function mutateText(text: string, kind: string, at: number, odd: string): string {
  const index = at % (text.length + 1)
  if (kind === 'insert') return text.slice(0, index) + odd + text.slice(index)
  if (kind === 'character') return text.slice(0, index) + odd.slice(0, 1) + text.slice(index + 1)
  const words = kind === 'value' ? /(?<=: )[^\s,{}[\]]+/g : /[\w./:-]+/g
  const found = [...text.matchAll(words)]
  const match = found[at % Math.max(1, found.length)]
  return match === undefined ? text : text.slice(0, match.index) + odd + text.slice(match.index + match[0].length)
}

t.test('4,000 mutations of good rule files are each accepted, or refused with a place and a reason', async (t) => {
  let accepted = 0
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(fc.constantFrom(...PATHS, MAIN, MAIN), mutations, (path, mutate) => {
      const text = mutate.reduce((current, change) => change(current), FILES.get(path) ?? '')
      if (isAccepted(path, text)) accepted++
    }),
    { seed: 20_261_123, numRuns: 4000 },
  )
  t.ok(accepted > 200 && accepted < 2000, `${accepted} of them still good: neither all nor none`)
})

t.test('YAML made to exhaust is refused before it does', async (t) => {
  const names = [...'abcdefghij']
  const bomb = names.map(
    (name, index) =>
      `${name}: &${name} [${Array(9)
        .fill(index ? `*${names[index - 1]}` : 'x')
        .join()}]`,
  )
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    [bomb.join('\n'), /aliases stand for more than 20000 values/],
    ['['.repeat(100_000), /nested too deep/],
    ['- '.repeat(50_000), /nested too deep/],
    [`${'['.repeat(40)}${']'.repeat(40)}`, /nested more than 32 deep/],
    ['a: &a { b: &b { c: *a, d: *b } }', /"\*a" contains itself/],
    ['a: b: '.repeat(20_000), /not readable as YAML/],
  ]
  for (const [text, message] of cases)
    t.match(readYaml('a', text).problems, [{ file: 'a', message }], text.slice(0, 40))
})
