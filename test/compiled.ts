/**
 * Rule-file text → Policy, with the catalogue of the checkout: the shell's part, for tests.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { compile } from '../rules/compile.ts'
import { type Catalogue, readCatalogue } from '../rules/file/catalog.ts'
import { parseRuleFile } from '../rules/file/parse.ts'
import type { RuleFile } from '../rules/model.ts'
import type { Policy } from '../rules/policy.ts'
import { formatProblem } from '../rules/problems.ts'

const FOLDER = new URL('../rules/catalog/', import.meta.url)

/** When the rules of the tests are read, if a test does not say. */
export const TODAY = Date.parse('2026-11-23T12:00:00Z')

export const catalogue: Catalogue = readAll()

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** The parsed file; throws its errors. `files`: what it includes. */
export function parsed(yaml: string, files: Readonly<Record<string, string>> = {}, now = TODAY): RuleFile {
  const known = new Map(catalogue.services.map(({ id, category }) => [id, category]))
  for (const [alias, id] of catalogue.aliases) known.set(alias, known.get(id) ?? 'meeting')
  const { file, problems } = parseRuleFile(
    'rules.yaml',
    new Map(Object.entries({ 'rules.yaml': yaml, ...files })),
    known,
    now,
  )
  if (file === null) throw new Error(problems.map(formatProblem).join('\n'))
  return file
}

/** The compiled policy; throws the file's errors. */
export function compiled(yaml: string, options: { readonly monitor?: boolean; readonly now?: number } = {}): Policy {
  return compile(parsed(yaml, {}, options.now), catalogue, { sha256, monitor: options.monitor ?? false })
}

function readAll(): Catalogue {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))
  const { catalogue, problems } = readCatalogue(
    new Map(names.map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')])),
  )
  if (catalogue === null) throw new Error(problems.map(formatProblem).join('\n'))
  return catalogue
}
