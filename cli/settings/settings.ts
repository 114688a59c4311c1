/**
 * The settings of the server file: their names, defaults and types. A setting is added here, in both tables, and in
 * docs/configuration.md; its variable follows from its name.
 */
import * as z from 'zod'
import {
  byteSize,
  choice,
  directTarget,
  filePath,
  hostAndPort,
  hostName,
  listOf,
  milliseconds,
  parentUrl,
  portRange,
  prefix,
  proxyName,
  section,
  shipTarget,
  socketAddress,
  wholeNumber,
  workerCount,
  yesOrNo,
} from './values.ts'

/** The server file that holds where nobody wrote one. */
export const DEFAULTS = {
  name: 'landline-1',
  own_host: 'landline.internal',
  rules: 'rules.yaml',
  listeners: [{ address: '127.0.0.1:3128', client_address: 'socket' }],
  admin: { address: '127.0.0.1:3129', allow: [], users: null, tls: null, insecure_logins: false },
  workers: 1,
  audit: {
    dir: 'data/audit',
    sync: 'fsync',
    on_failure: 'block',
    repeat_seconds: 0,
    privacy: 'plain',
    key: 'data/keys/audit.pem',
    privacy_key: 'data/keys/privacy.key',
    checkpoint: { records: 1000, seconds: 60 },
    segment_bytes: '64MiB',
    retention_days: 90,
    resolve_denied: false,
    ship: [],
  },
  origins: { allow: [], connect_ports: [443, 8443] },
  parents: [],
  pac: { proxies: [], direct: [] },
  existing_tunnels: 'keep',
  limits: {
    connections: 20_000,
    tunnels_per_client: 512,
    tunnels_per_shared_client: 8192,
    head_bytes: 65_536,
    head_ms: 10_000,
    hello_ms: 3000,
    dns_ms: 5000,
    dial_ms: 10_000,
    idle_ms: 600_000,
    drain_ms: 30_000,
  },
} as const

/** Keys whose value is a path; `*` stands for each item of a list. */
export const PATH_KEYS = [
  'rules',
  'listeners.*.tls.cert',
  'listeners.*.tls.key',
  'admin.users',
  'admin.tls.cert',
  'admin.tls.key',
  'audit.dir',
  'audit.key',
  'audit.privacy_key',
  'audit.ship.*.path',
  'audit.ship.*.ca',
  'audit.ship.*.cert',
  'audit.ship.*.key',
] as const

const tls = section({ cert: filePath, key: filePath }).nullable()

const listener = section({
  address: socketAddress,
  client_address: choice('socket', 'proxy-protocol', 'forwarded').default('socket'),
  /** Who may tell the client's address, for the latter two. */
  trusted: listOf(prefix).default([]),
  tls: tls.default(null),
}).superRefine(({ client_address, trusted }, context) => {
  const report = (message: string) => context.addIssue({ code: 'custom', path: ['trusted'], message })
  if (client_address === 'socket' && trusted.length > 0)
    report('client_address: socket trusts nobody; remove "trusted", or write proxy-protocol or forwarded')
  if (client_address !== 'socket' && trusted.length === 0)
    report(
      `client_address: ${client_address} needs "trusted": the prefixes of the balancers that may tell a client's address`,
    )
})

/** Where records are shipped to, besides the audit folder. */
const shipping = section({
  to: shipTarget,
  /** Of `to: file`. */
  path: filePath.nullable().default(null),
  /** Of `syslog+tls`: who may sign the receiver's certificate, and our own. */
  ca: filePath.nullable().default(null),
  cert: filePath.nullable().default(null),
  key: filePath.nullable().default(null),
}).superRefine(({ to, path, ca, cert, key }, context) => {
  const report = (at: string, message: string) => context.addIssue({ code: 'custom', path: [at], message })
  if (to.kind === 'file' && path === null) report('to', 'to: file needs "path": the file that records are appended to')
  if (to.kind !== 'file' && path !== null) report('path', '"path" is for "to: file" alone; remove it')
  const isTls = to.kind === 'syslog' && to.tls
  if (!isTls && (ca ?? cert ?? key) !== null)
    report('to', '"ca", "cert" and "key" are for syslog+tls alone; remove them')
  if ((cert === null) !== (key === null)) report('to', '"cert" and "key" go together; give both or none')
})

export const serverFile = section({
  name: proxyName,
  own_host: hostName,
  rules: filePath,
  listeners: listOf(listener).min(1, 'no listener: write at least one, or leave "listeners" out'),
  admin: section({
    address: socketAddress,
    allow: listOf(prefix),
    users: filePath.nullable(),
    tls,
    /** Take passwords from other hosts without TLS. */
    insecure_logins: yesOrNo,
  }),
  workers: workerCount,
  audit: section({
    dir: filePath,
    sync: choice('fsync', 'write'),
    on_failure: choice('block', 'continue'),
    repeat_seconds: wholeNumber('seconds', 0, 86_400),
    privacy: choice('plain', 'pseudonymous'),
    key: filePath,
    privacy_key: filePath,
    checkpoint: section({ records: wholeNumber('records', 1, 1e6), seconds: wholeNumber('seconds', 1, 86_400) }),
    segment_bytes: byteSize(1024, 2 ** 40),
    retention_days: wholeNumber('days', 1, 36_525),
    resolve_denied: yesOrNo,
    ship: listOf(shipping),
  }),
  origins: section({ allow: listOf(prefix), connect_ports: listOf(portRange) }),
  parents: listOf(section({ url: parentUrl })),
  pac: section({ proxies: listOf(hostAndPort), direct: listOf(directTarget) }),
  existing_tunnels: choice('keep', 'drain', 'cut'),
  limits: section({
    connections: wholeNumber('connections', 1, 1e6),
    tunnels_per_client: wholeNumber('tunnels', 1, 1e6),
    tunnels_per_shared_client: wholeNumber('tunnels', 1, 1e6),
    head_bytes: byteSize(256, 2 ** 20),
    head_ms: milliseconds(1),
    hello_ms: milliseconds(1),
    dns_ms: milliseconds(1),
    dial_ms: milliseconds(1),
    idle_ms: milliseconds(1),
    drain_ms: milliseconds(0),
  }),
})

/** The keys that may stand in the map at `path`. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let type: unknown = serverFile
  for (const key of path) {
    type = inner(type)
    if (type instanceof z.ZodArray) type = type.element
    else if (type instanceof z.ZodObject) type = type.shape[String(key)]
  }
  type = inner(type)
  return type instanceof z.ZodObject ? Object.keys(type.shape) : []
}

/** Without what only says that a value may be null, or its default. */
function inner(type: unknown): unknown {
  return type instanceof z.ZodNullable || type instanceof z.ZodDefault ? inner(type.unwrap()) : type
}

type Camel<Key> = Key extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Key

/** The same with its keys in camel case, and nothing that can be written to. */
type Settings<T> = T extends readonly [infer First, infer Second]
  ? readonly [First, Second]
  : T extends readonly (infer Item)[]
    ? readonly Settings<Item>[]
    : T extends object
      ? { readonly [Key in keyof T as Camel<Key>]: Settings<T[Key]> }
      : T

/** How the server runs: the server file's settings (`idle_ms` is `idleMs`), and what only flags and variables say. Frozen. */
export interface ServerConfig extends Settings<z.output<typeof serverFile>> {
  /** The server file in use; null where there is none. */
  readonly configFile: string | null
  /** Whether somebody named `rules`: then a missing file is an error, else the quick-start policy runs. */
  readonly rulesNamed: boolean
  /** A folder that takes the built-in catalogue's place. */
  readonly catalog: string | null
  /** `monitor` as the ceiling over all rules, whatever the rule file says. */
  readonly monitor: boolean
  /** A rule file whose verdicts are only counted and recorded beside those in force. */
  readonly shadow: string | null
  /** Refuse a bad rule file at start even where a last good revision is archived. */
  readonly strict: boolean
}

/** The checked server file under camel-case keys, frozen throughout. */
export function settingsOf(checked: z.output<typeof serverFile>): Settings<z.output<typeof serverFile>> {
  // The type says of the keys what `camelKeys` does to them.
  return camelKeys(checked) as Settings<z.output<typeof serverFile>>
}

function camelKeys(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(camelKeys))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [camel(key), camelKeys(inner)])
  return Object.freeze(Object.fromEntries(entries))
}

function camel(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
