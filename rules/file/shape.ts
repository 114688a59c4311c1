/** What the schema finds wrong, in words for the people who write rule files: the key, what it must be, what it is, the remedy. */
import type * as z from 'zod'
import { didYouMean, shown } from '../problems.ts'
import type { Path } from './yaml-source.ts'

export interface Fault {
  readonly path: Path
  /** Whether the fault is shown at the value or at the key that names it. */
  readonly of: 'key' | 'value'
  readonly isUnknownKey: boolean
  readonly message: string
}

type Issue = z.core.$ZodIssue

/** Every way in which `value` does not fit `schema`. */
export function shapeFaults(value: unknown, schema: z.ZodType): readonly Fault[] {
  const { error } = schema.safeParse(value)
  return error === undefined ? [] : error.issues.flatMap((issue) => faultsOf(issue, value, []))
}

/** What stands under `step` in a map or list of plain data; undefined in anything else. */
export function fieldOf(value: unknown, step: string | number): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined
}

/** `root` is the whole file, `base` the path of what the issue's own path starts from. */
function faultsOf(issue: Issue, root: unknown, base: Path): readonly Fault[] {
  // Paths in plain data have no symbols.
  const path = [...base, ...(issue.path as Path)]
  const value = path.reduce(fieldOf, root)
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n')
    return issue.keys.map((key, index) => ({
      path: [...path, key],
      of: 'key',
      isUnknownKey: true,
      message: messages[index] ?? issue.message,
    }))
  }
  if (issue.code === 'invalid_union') {
    const branch = branchFor(issue.errors, value)
    if (branch !== null) return branch.flatMap((inner) => faultsOf(inner, root, path))
  }
  if (issue.code === 'invalid_key') {
    const message = `${shown(path.at(-1))} cannot be a key here; it must be ${issue.issues[0]?.message}`
    return [{ path, of: 'key', isUnknownKey: false, message }]
  }
  return [{ path, of: 'value', isUnknownKey: false, message: wordsFor(issue, value, labelOf(path)) }]
}

/** Of a union's branches, the one for values of this type; null when there is none. */
function branchFor(branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | null {
  return branches.find((issues) => !issues.some((issue) => isOtherType(issue, value))) ?? null
}

/** Whether the branch is for values of another type altogether. */
function isOtherType(issue: Issue, value: unknown): boolean {
  if (issue.path.length > 0) return false
  if (issue.code === 'invalid_union') return branchFor(issue.errors, value) === null
  if (issue.code === 'invalid_value') return typeof value !== 'string'
  return issue.code === 'invalid_type' && !(issue.expected === 'int' && typeof value === 'number')
}

const WHOLE = 'the file'

function labelOf(path: Path): string {
  const key = path.findLast((step) => typeof step === 'string')
  return key === undefined ? WHOLE : `"${key}"`
}

function wordsFor(issue: Issue, value: unknown, label: string): string {
  if (value === undefined) return `${label} is missing; ${missingRemedy(issue)}`
  switch (issue.code) {
    case 'invalid_value': {
      const values = issue.values.map(String)
      const suggestion = typeof value === 'string' ? choiceRemedy(value, issue.values) : ''
      const choice = values.length === 1 ? values[0] : `one of ${values.join(', ')}`
      return `${label} must be ${choice}, not ${shown(value)}${suggestion}`
    }
    case 'invalid_type':
    case 'invalid_union': {
      const types = [...new Set(typesIn(issue))]
      const remedy = label === WHOLE ? '; write keys and values as in "version: 1"' : typeRemedy(types, value)
      return `${label} must be ${types.join(' or ')}, not ${shown(value)}${remedy}`
    }
    case 'too_small':
      if (Array.isArray(value)) return `${label} must not be an empty list; name one at least, or leave the key out`
      return `${label} must be ${issue.minimum} or more, not ${shown(value)}`
    case 'too_big':
      if (typeof value === 'string')
        return `${label} must have at most ${issue.maximum} characters, not ${value.length}`
      return `${label} must be ${issue.maximum} or less, not ${shown(value)}`
    default:
      return `${label} must be ${issue.message}, not ${shown(value)}`
  }
}

function missingRemedy(issue: Issue): string {
  if (issue.code !== 'invalid_value') return 'add it'
  return issue.values.length === 1 ? `write ${String(issue.values[0])}` : `write one of ${issue.values.join(', ')}`
}

function choiceRemedy(value: string, choices: readonly z.core.util.Primitive[]): string {
  const words = choices.map(String)
  return words.includes(value) ? '; drop the quotes' : didYouMean(value, words)
}

/** The types that would have fitted, in words. */
function typesIn(issue: Issue): readonly string[] {
  if (issue.code === 'invalid_union') return issue.errors.flatMap((issues) => issues.flatMap(typesIn))
  if (issue.code === 'invalid_value') return [`one of ${issue.values.join(', ')}`]
  return issue.code === 'invalid_type' ? [TYPE_WORDS[issue.expected] ?? issue.expected] : []
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
}

function typeRemedy(types: readonly string[], value: unknown): string {
  if (value === null) return '; write it, or leave the key out'
  const isBare = typeof value === 'number' || typeof value === 'boolean'
  return isBare && types.includes('text') ? '; put it in quotes' : ''
}
