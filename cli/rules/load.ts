/** From files to a policy: everything it was made from, every problem with its place, and the texts for the archive. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { lint } from '../../rules/change/lint.ts'
import { compile } from '../../rules/compile.ts'
import { type Catalogue, readCatalogue } from '../../rules/file/catalog.ts'
import { parseRuleFile, referencedFiles } from '../../rules/file/parse.ts'
import type { Problem, RuleFile } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import { formatProblem, sortProblems } from '../../rules/problems.ts'
import { type Io, printJson } from '../io.ts'
import { type FileStates, readText, statesOf, yamlNamesIn, yamlPathsIn } from './read-files.ts'

/** The texts that a policy is made from: enough to make it again. Paths as they were read; the catalogue by file name. */
export interface Sources {
  readonly main: string
  /** Files with more tests, read like included ones; they take no part in the revision. */
  readonly cases?: readonly string[]
  /** null: could not be read. */
  readonly files: ReadonlyMap<string, string | null>
  readonly catalogue: ReadonlyMap<string, string>
  /** Where the catalogue was read, for its problems; without it they name the file alone. */
  readonly catalogueDir?: string
  /** What the files, and a catalogue that is not built in, looked like just before they were read. */
  readonly states?: FileStates
}

export interface Loaded {
  /** null when there is an error among the problems. */
  readonly policy: Policy | null
  readonly problems: readonly Problem[]
  readonly sources: Sources
  /** What the policy was compiled with; null without one. */
  readonly catalogue: Catalogue | null
}

export interface CompileOptions {
  /** Force the ceiling `monitor`. */
  readonly monitor: boolean
  /** Milliseconds since 1970; what has expired is told by it. */
  readonly now: number
}

/** The catalogue that came with this release. */
export const BUILT_IN_CATALOGUE = join(import.meta.dirname, '..', '..', 'rules', 'catalog')

/** The policy that runs where nobody named one. */
export const QUICK_START = join(import.meta.dirname, '..', '..', 'rules', 'examples', 'quick-start.yaml')

/**
 * Read a rule file, all that it names, and the catalogue. Never rejects: what could not be read is a problem of what is made
 * from it. `pipes`: whether what was named may be something that has to be waited for; what a file names never may.
 */
export async function readSources(
  main: string,
  catalogueDir: string = BUILT_IN_CATALOGUE,
  cases: readonly string[] = [],
  pipes: 'wait' | 'refuse' = 'wait',
): Promise<Sources> {
  const files = new Map<string, string | null>()
  const states = new Map(catalogueDir === BUILT_IN_CATALOGUE ? [] : await statesOf(await yamlPathsIn(catalogueDir)))
  const named = new Set([main, ...cases])
  const waiting = [...named]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (files.has(path)) continue
    for (const [seen, state] of await statesOf([path])) states.set(seen, state)
    const text = await readText(path, named.has(path) ? pipes : 'refuse')
    files.set(path, text)
    if (text !== null && !path.endsWith('.csv')) waiting.push(...referencedFiles(path, text))
  }
  return { main, cases, files, catalogue: await readCatalogueFiles(catalogueDir), catalogueDir, states }
}

/** Whether a rule file and all that it names have at most so many characters; what has more is not read to its end. */
export async function isAtMost(main: string, characters: number): Promise<boolean> {
  const seen = new Set<string>()
  const waiting = [main]
  let left = characters
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    const text = await readText(path, 'refuse')
    left -= text?.length ?? 0
    if (left < 0) return false
    if (text !== null && !path.endsWith('.csv')) waiting.push(...referencedFiles(path, text))
  }
  return true
}

/** The catalogue that came with this release; null where its files cannot be read. */
export async function builtInCatalogue(): Promise<Catalogue | null> {
  return catalogueOf(await readCatalogueFiles(BUILT_IN_CATALOGUE)).catalogue
}

async function readCatalogueFiles(dir: string): Promise<ReadonlyMap<string, string>> {
  // No folder is one without files, and an unreadable file an empty one: neither is a catalogue, and both are told.
  const names = await yamlNamesIn(dir)
  const texts = await Promise.all(names.map((name) => readText(join(dir, name), 'refuse')))
  return new Map(names.map((name, at) => [name, texts[at] ?? '']))
}

/** All problems at once; a policy when none of them is an error. Pure but for the hash. */
export function compileSources(sources: Sources, { monitor, now }: CompileOptions): Loaded {
  const { catalogue, problems: catalogueProblems } = catalogueOf(sources.catalogue)
  if (catalogue === null) {
    const dir = sources.catalogueDir ?? ''
    const problems = catalogueProblems.map((x) => ({ ...x, file: join(dir, x.file) }))
    return { policy: null, problems, sources, catalogue }
  }
  const known = new Map(catalogue.services.map(({ id, category }) => [id, category]))
  // An alias stands for its service wherever an id does.
  for (const [alias, id] of catalogue.aliases) known.set(alias, known.get(id) ?? 'meeting')
  const { file, problems } = parseRuleFile(sources.main, sources.files, known, now, sources.cases)
  if (file === null) return { policy: null, problems, sources, catalogue: null }
  const policy = compile(file, catalogue, { sha256, monitor })
  const all = sortProblems([...problems, ...lint(policy, now)])
  const isRefused = all.some(({ severity }) => severity === 'error')
  return { policy: isRefused ? null : policy, problems: all, sources, catalogue }
}

/** Compiles other rules with the same catalogue: what-ifs. */
export function remakeWith(catalogue: Catalogue): (file: RuleFile) => Policy {
  return (file) => compile(file, catalogue, { sha256 })
}

/** Read and compile in one go. */
export async function loadPolicy(
  main: string,
  options: CompileOptions,
  catalogueDir?: string,
  cases?: readonly string[],
): Promise<Loaded> {
  return compileSources(await readSources(main, catalogueDir, cases), options)
}

/** What a command that needs a policy is told besides the rule file. */
export interface PolicyFlags {
  readonly catalogue: string | undefined
  readonly json: boolean
}

/** For commands that cannot go on without a policy: its problems are told, and null given. */
export async function policyOrProblems(
  main: string,
  { catalogue, json }: PolicyFlags,
  io: Pick<Io, 'print' | 'complain' | 'now'>,
): Promise<Policy | null> {
  const { policy, problems } = await loadPolicy(main, { monitor: false, now: io.now() }, catalogue)
  if (policy === null) tellProblems(problems, json, io)
  return policy
}

/** Why there is no answer: on standard error, or as the one JSON value, of the form that `check --json` prints. */
export function tellProblems(problems: readonly Problem[], json: boolean, io: Pick<Io, 'print' | 'complain'>): void {
  if (json) printJson(io, { ok: false, problems })
  else for (const problem of problems) io.complain(formatProblem(problem))
}

/** The catalogue is read from the same texts again and again (each reload): its result is kept for them. */
let readOnce: { readonly key: string; readonly result: ReturnType<typeof readCatalogue> } | null = null

function catalogueOf(files: ReadonlyMap<string, string>): {
  catalogue: Catalogue | null
  problems: readonly Problem[]
} {
  const key = sha256(JSON.stringify([...files]))
  if (readOnce?.key !== key) readOnce = { key, result: readCatalogue(files) }
  return readOnce.result
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
