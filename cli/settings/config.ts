/**
 * How the server runs, from four places: a flag beats a variable, a variable beats the server file, the file beats the default.
 * Everything wrong in any of them is told at once, each with its place.
 */
import { relative, resolve, sep } from 'node:path'
import type * as z from 'zod'
import { readYaml, type Source } from '../../rules/file/yaml-source.ts'
import { formatPlace, shown, unknownKey } from '../../rules/problems.ts'
import { type KeyPath, Layers } from './layers.ts'
import { keysAt, type ServerConfig, serverFile, settingsOf } from './settings.ts'
import { RUN_VARIABLES, readVariables, SCALAR_KEYS } from './variables.ts'

/** Line 9 before line 10. */
const BY_PLACE = new Intl.Collator('en', { numeric: true })
const DEFAULT_FILE = 'landline.yaml'

/** Flags that set a key of the server file. */
const FLAG_KEYS = {
  rules: 'rules',
  listen: 'listeners.0.address',
  admin: 'admin.address',
  audit: 'audit.dir',
  workers: 'workers',
} as const

/** What is wrong, or worth knowing, and where: `landline.yaml:3:5`, `LANDLINE_WORKERS` or `--workers`. */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning'
  readonly where: string
  readonly message: string
}

/** Flags as written on the command line. */
export interface ConfigFlags {
  readonly config?: string | undefined
  readonly rules?: string | undefined
  readonly catalog?: string | undefined
  readonly listen?: string | undefined
  readonly admin?: string | undefined
  readonly audit?: string | undefined
  readonly workers?: string | undefined
  readonly shadow?: string | undefined
  readonly monitor?: boolean | undefined
  readonly strict?: boolean | undefined
}

export interface ConfigSources {
  readonly flags: ConfigFlags
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text of a file; throws as `node:fs` does. */
  readonly readFile: (path: string) => string
}

/** `config` is null when a problem is an error. */
export interface LoadedConfig {
  readonly config: ServerConfig | null
  /** Where the setting `key` was given, as in `ConfigProblem.where`; null: nowhere, it is the default. */
  readonly placeOf: (key: string) => string | null
  readonly problems: readonly ConfigProblem[]
}

type Report = (severity: ConfigProblem['severity'], where: string, message: string) => void

/** The configuration that flags, variables, server file and defaults make up, or everything that is wrong with them. */
export function loadConfig({ flags, env, readFile }: ConfigSources): LoadedConfig {
  const problems: ConfigProblem[] = []
  const report: Report = (severity, where, message) => problems.push({ severity, where, message })
  const { given, unknown } = readVariables(env)
  for (const { name, message } of unknown) report('error', name, message)

  const configFile = flags.config ?? given.get(RUN_VARIABLES.config) ?? null
  const file = readServerFile(configFile ?? DEFAULT_FILE, configFile !== null, readFile, report)
  const layers = new Layers(file)
  layFlags(layers, flags)
  layVariables(layers, given, report)

  const checked = serverFile.safeParse(layers.values)
  for (const issue of checked.error?.issues ?? []) reportIssue(issue, layers, report)
  if (checked.success) crossCheck(checked.data, layers, report)
  const run = {
    configFile: file?.file ?? null,
    rulesNamed: layers.isGiven('rules'),
    catalog: flags.catalog ?? given.get(RUN_VARIABLES.catalog) ?? null,
    shadow: flags.shadow ?? given.get(RUN_VARIABLES.shadow) ?? null,
    monitor: flags.monitor ?? switchOf(RUN_VARIABLES.monitor, given, report),
    strict: flags.strict ?? switchOf(RUN_VARIABLES.strict, given, report),
  }
  const sorted = problems.toSorted((x, y) => BY_PLACE.compare(x.where, y.where))
  const isRefused = !checked.success || problems.some(({ severity }) => severity === 'error')
  const config = isRefused ? null : Object.freeze({ ...settingsOf(checked.data), ...run })
  return { config, problems: sorted, placeOf: (key) => layers.givenAt(key) }
}

/** `landline.yaml:3:5: error: …` */
export function formatConfigProblem({ severity, where, message }: ConfigProblem): string {
  return `${where}: ${severity}: ${message}`
}

/** The server file; null where there is none, or nothing in it that could be read. */
function readServerFile(
  file: string,
  isNamed: boolean,
  readFile: ConfigSources['readFile'],
  report: Report,
): Source | null {
  let text: string
  try {
    text = readFile(file)
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (isMissing && !isNamed) return null
    const why = isMissing
      ? 'there is no such file'
      : `cannot be read: ${error instanceof Error ? error.message : error}`
    report('error', file, `${why}; name a server file that can be read, or none`)
    return null
  }
  // A file of comments alone says nothing, and that is fine.
  if (/^\uFEFF?(?:[ \t]*(?:#.*)?(?:\r?\n|$))*$/.test(text)) return readYaml(file, '{}')
  const source = readYaml(file, text)
  for (const problem of source.problems) report(problem.severity, formatPlace(problem), problem.message)
  if (source.value === undefined) return null
  const isMap = typeof source.value === 'object' && source.value !== null && !Array.isArray(source.value)
  if (!isMap) report('error', formatPlace(source.placeOf([])), `${shown(source.value)} is not a map of settings`)
  return source
}

/** Where no flag has the last word. A variable that changes what the file says is worth a warning: nobody sees it in the file. */
function layVariables(layers: Layers, given: ReadonlyMap<string, string>, report: Report): void {
  for (const { key, variable, fallback } of SCALAR_KEYS) {
    const text = given.get(variable)
    if (text === undefined || layers.overlay(key.split('.')) !== null) continue
    const written = layers.inFile(key)
    if (written !== null && String(written.value) !== text)
      report('warning', variable, `${shown(text)} takes the place of ${shown(written.value)} at ${written.place}`)
    layers.set(key, text, fallback, variable)
  }
}

function layFlags(layers: Layers, flags: ConfigFlags): void {
  for (const [flag, key] of Object.entries(FLAG_KEYS)) {
    // The keys of FLAG_KEYS are flags.
    const text = flags[flag as keyof typeof FLAG_KEYS]
    if (text === undefined) continue
    const fallback = SCALAR_KEYS.find((scalar) => scalar.key === key)?.fallback
    layers.set(key, text, fallback, `--${flag}`)
  }
}

function switchOf(variable: string, given: ReadonlyMap<string, string>, report: Report): boolean {
  const text = given.get(variable) ?? 'false'
  if (text !== 'true' && text !== 'false') report('error', variable, `${shown(text)} is not true or false`)
  return text === 'true'
}

function reportIssue(issue: z.core.$ZodIssue, layers: Layers, report: Report): void {
  // Data from YAML and from text has no symbols for keys.
  const path = issue.path as KeyPath
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) report('error', layers.placeOf([...path, key], 'key'), unknownKey(key, keysAt(path)))
    return
  }
  const key = layers.overlay(path) === null && path.length > 0 ? `${path.join('.')}: ` : ''
  report('error', layers.placeOf(path), `${key}${issue.message}`)
}

/** What no single value shows. */
function crossCheck(settings: z.output<typeof serverFile>, layers: Layers, report: Report): void {
  const { audit, listeners, admin } = settings
  const complain = (keys: readonly string[], message: string) => {
    const key = keys.find((candidate) => layers.isGiven(candidate)) ?? ''
    report('error', layers.placeOf(key.split('.')), message)
  }
  for (const key of ['key', 'privacy_key'] as const)
    if (isInside(audit.dir, audit[key]))
      complain(
        [`audit.${key}`, 'audit.dir'],
        `audit.${key} ${shown(audit[key])} lies in audit.dir; keep keys outside of the records`,
      )
  if (resolve(audit.key) === resolve(audit.privacy_key))
    complain(
      ['audit.privacy_key', 'audit.key'],
      `audit.key and audit.privacy_key are both ${shown(audit.key)}; name two files`,
    )
  for (const [index, { path }] of audit.ship.entries())
    if (path !== null && isInside(audit.dir, path))
      complain(
        [`audit.ship.${index}.path`, 'audit.dir'],
        `audit.ship: ${shown(path)} lies in audit.dir, which holds the records themselves; name a file elsewhere`,
      )
  const seen = new Map<string, string>()
  const sockets = listeners.map(({ address }, index) => [`listeners.${index}.address`, address] as const)
  for (const [key, { port, text }] of [...sockets, ['admin.address', admin.address] as const]) {
    const other = seen.get(text)
    if (port !== 0 && other !== undefined)
      complain([key, other], `${text} is the address of ${other} and ${key}; give each its own`)
    seen.set(text, key)
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(resolve(folder), resolve(path))
  return way.split(sep)[0] !== '..' && !way.startsWith(sep)
}
