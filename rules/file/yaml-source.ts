/**
 * YAML text → plain data that knows where each value stands. YAML 1.2 core, one document, text keys; whatever else YAML
 * can do (tags, other versions, expanding aliases) is refused, because people review these files. Never throws.
 */
import { LineCounter, parseDocument, type YAMLError } from 'yaml'
import type { Place, Problem } from '../model.ts'
import { NO_KEY, type Spot, Walk } from './yaml-walk.ts'

export type Path = readonly (string | number)[]

/** A file as read. `value` is undefined where the text is not the YAML that we read; `problems` then say why. */
export interface Source {
  readonly file: string
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Where the value at `path`, or the key that names it, stands; for a path that is not there, the last part of it that is. */
  placeOf(path: Path, of?: 'key' | 'value'): Place
}

/** Longest text read, in UTF-16 units: some 20,000 rules. */
export const MAX_YAML_LENGTH = 4 * 1024 * 1024

/** What stands in a text for bytes that its reader could not decode. */
const NOT_UTF8 = '\uFFFD'

const OPTIONS = {
  schema: 'core',
  stringKeys: true,
  uniqueKeys: false,
  prettyErrors: false,
  resolveKnownTags: false,
} as const

/** The data of one YAML text. A leading byte order mark is only warned of. */
export function readYaml(file: string, text: string): Source {
  const hasMark = text.startsWith('\uFEFF')
  const content = hasMark ? text.slice(1) : text
  const placeOf = placesIn(file, content)
  const problems: Problem[] = []
  const report = (offset: number, message: string) => problems.push({ severity: 'error', ...placeOf(offset), message })
  const source = (value: unknown, root: Spot): Source => ({
    file,
    value,
    problems,
    placeOf: (path, of = 'value') => placeOf(offsetOf(root, path, of)),
  })
  const nothing = source(undefined, { key: 0, value: 0, children: null })
  if (content.length > MAX_YAML_LENGTH) {
    const remedy = 'split it with "include", or keep prefixes in CSV files'
    report(0, `the file has more than ${MAX_YAML_LENGTH} characters; ${remedy}`)
    return nothing
  }
  const broken = content.indexOf(NOT_UTF8)
  if (broken >= 0) {
    report(broken, 'these bytes are not UTF-8, so what they say is lost; save the file as UTF-8')
    return nothing
  }
  const document = parseDocument(content, OPTIONS)
  const faults = [...document.errors, ...document.warnings].filter(isFaultOfItsOwn)
  for (const error of firstOfEachLine(faults, placeOf)) report(error.pos[0], wordsOf(error))
  if (document.directives.yaml.version !== '1.2') report(0, 'rule files are YAML 1.2; drop the %YAML line')
  if (problems.length === 0 && document.contents === null) report(0, 'the file is empty; was it written in full?')
  if (hasMark) {
    const message = 'the file starts with a byte order mark; save it as UTF-8 without one'
    problems.push({ severity: 'warning', ...placeOf(0), message })
  }
  if (document.contents === null || problems.some(({ severity }) => severity === 'error')) return nothing
  const { value, spot } = new Walk(placeOf, report).read(document.contents, 0, document.contents.range?.[0] ?? 0)
  return source(value, spot)
}

/** Offset → place. The parser's own count of lines loses some after an error. */
function placesIn(file: string, text: string): (offset: number) => Place {
  const lines = new LineCounter()
  lines.addNewLine(0)
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1)
  return (offset) => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { file, line, column: col }
  }
}

function offsetOf(root: Spot, path: Path, of: 'key' | 'value'): number {
  let spot = root
  for (const step of path) {
    const child = spot.children?.get(step)
    if (child === undefined) return spot.value
    spot = child
  }
  return of === 'key' ? spot.key : spot.value
}

/** After what cannot go on, the parser reports every token that is left. */
function isFaultOfItsOwn({ message }: YAMLError, index: number): boolean {
  return index === 0 || !message.includes(' in YAML stream')
}

/** What follows on the same line is mostly the same fault again. */
function firstOfEachLine(errors: readonly YAMLError[], placeOf: (offset: number) => Place): readonly YAMLError[] {
  const byLine = new Map<number, YAMLError>()
  for (const error of errors) {
    const { line } = placeOf(error.pos[0])
    if (!byLine.has(line)) byLine.set(line, error)
  }
  return [...byLine.values()]
}

/** The parser's message, in our words where its own speak to programmers. */
function wordsOf({ code, message }: YAMLError): string {
  if (message.includes('call stack')) return 'nested too deep to read; rule files need fewer than 10 levels'
  if (code === 'MULTIPLE_DOCS') return 'a second YAML document starts here; a rule file is one: drop the "---" line'
  if (code === 'NON_STRING_KEY') return NO_KEY
  if (code === 'TAB_AS_INDENT') return 'a tab is used for indentation; use spaces'
  return `not readable as YAML: ${message}; ${REMEDIES[code] ?? 'look at indentation, quotes and brackets here'}`
}

const REMEDIES: Readonly<Record<string, string>> = {
  BAD_SCALAR_START: 'put the text in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'put text with ": " in quotes, and look at the indentation',
  MISSING_CHAR: 'add it',
  TAG_RESOLVE_FAILED: 'rule files use no tags, drop it',
}
