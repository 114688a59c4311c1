/** The `LANDLINE_*` variables: one for each scalar key of the server file, for each flag that is no key, and those of commands. */
import { didYouMean } from '../../rules/problems.ts'
import { DEFAULTS } from './settings.ts'

/** A key of the server file that a variable may set. */
export interface ScalarKey {
  /** `audit.dir` */
  readonly key: string
  /** `LANDLINE_AUDIT_DIR` */
  readonly variable: string
  /** The default; its type says how text is read. */
  readonly fallback: unknown
}

const PREFIX = 'LANDLINE_'

/** The address of the first listener: what `--listen` sets, too. */
const LISTEN: ScalarKey = { key: 'listeners.0.address', variable: 'LANDLINE_LISTEN', fallback: '' }

export const SCALAR_KEYS: readonly ScalarKey[] = [...scalarKeys(DEFAULTS, ''), LISTEN]

/** Variables of flags that are no key of the server file. */
export const RUN_VARIABLES = {
  config: 'LANDLINE_CONFIG',
  catalog: 'LANDLINE_CATALOG',
  shadow: 'LANDLINE_SHADOW',
  monitor: 'LANDLINE_MONITOR',
  strict: 'LANDLINE_STRICT',
} as const

/** What commands that ask a running proxy read; a server leaves them alone. */
export const CLIENT_VARIABLES = {
  user: 'LANDLINE_ADMIN_USER',
  passwordFile: 'LANDLINE_ADMIN_PASSWORD_FILE',
  ca: 'LANDLINE_ADMIN_CA',
} as const

export const KNOWN_VARIABLES: readonly string[] = [
  ...SCALAR_KEYS.map(({ variable }) => variable),
  ...Object.values(RUN_VARIABLES),
  ...Object.values(CLIENT_VARIABLES),
]

/** What Kubernetes adds to every container of a namespace for a Service whose name starts with "landline". */
const SERVICE_LINK =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/

/** The variables that are set, and the names that nobody knows, with what was probably meant. An empty one counts as not set. */
export function readVariables(env: Readonly<Record<string, string | undefined>>): {
  readonly given: ReadonlyMap<string, string>
  readonly unknown: readonly { readonly name: string; readonly message: string }[]
} {
  const set = Object.entries(env).flatMap(([name, text]) =>
    name.startsWith(PREFIX) && text ? [[name, text] as const] : [],
  )
  const given = new Map(set.filter(([name]) => KNOWN_VARIABLES.includes(name)))
  const unknown = set
    .filter(([name]) => !given.has(name) && !SERVICE_LINK.test(name.slice(PREFIX.length - 1)))
    .map(([name]) => ({ name, message: `unknown variable${nearest(name)} (docs/configuration.md lists them)` }))
  return { given, unknown }
}

/** A part of a known name leads to it, a slip of the pen too. */
function nearest(name: string): string {
  const word = name.slice(PREFIX.length)
  const whole = KNOWN_VARIABLES.find((known) => known.startsWith(`${name}_`) || known.endsWith(`_${word}`))
  if (whole !== undefined) return `; did you mean "${whole}"?`
  const words = KNOWN_VARIABLES.map((known) => known.slice(PREFIX.length))
  return didYouMean(word, words).replace('"', `"${PREFIX}`)
}

function scalarKeys(settings: object, parent: string): ScalarKey[] {
  return Object.entries(settings).flatMap(([name, fallback]): ScalarKey[] => {
    const key = `${parent}${name}`
    if (name === 'tls') return scalarKeys({ cert: null, key: null }, `${key}.`)
    if (Array.isArray(fallback)) return []
    if (typeof fallback === 'object' && fallback !== null) return scalarKeys(fallback, `${key}.`)
    return [{ key, variable: PREFIX + key.toUpperCase().replaceAll('.', '_'), fallback }]
  })
}
