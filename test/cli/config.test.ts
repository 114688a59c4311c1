/** The server's configuration: which place wins, what a value may be, and where a mistake is shown. */
import { readFileSync } from 'node:fs'
import { createServer, type ListenOptions } from 'node:net'
import t from 'tap'
import { endpointsOf, orCannotListen } from '../../cli/serve/cannot-listen.ts'
import { type ConfigFlags, formatConfigProblem, loadConfig } from '../../cli/settings/config.ts'
import { DEFAULTS } from '../../cli/settings/settings.ts'
import { KNOWN_VARIABLES, SCALAR_KEYS } from '../../cli/settings/variables.ts'

interface Given {
  readonly flags?: ConfigFlags
  readonly env?: Readonly<Record<string, string>>
  /** The text of the server file; left out, there is none. */
  readonly file?: string
}

function load({ flags = {}, env = {}, file }: Given) {
  const readFile = () => {
    if (file === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' })
    return file
  }
  const { config, problems, placeOf } = loadConfig({ flags, env, readFile })
  return { config, problems: problems.map(formatConfigProblem), placeOf }
}

/** What `path` leads to, addresses and prefixes as text. */
function pick(config: unknown, path: string): unknown {
  let found = config
  for (const key of path.split('.')) found = (found as Record<string, unknown> | null | undefined)?.[key]
  return (found as { text?: string } | null)?.text ?? found
}

const LISTENERS = `listeners:
  - { address: "[2001:db8::1]:3130", client_address: proxy-protocol, trusted: [10.0.0.5/32], tls: { cert: a.crt, key: /k } }
`

const values: readonly (Given & { readonly name: string; readonly path: string; readonly want: unknown })[] = [
  { name: 'a default holds where nothing is said', path: 'limits.idleMs', want: 600_000 },
  { name: 'a file beats a default', file: 'limits: { idle_ms: 5 }', path: 'limits.idleMs', want: 5 },
  { name: 'a file leaves its neighbours alone', file: 'limits: { idle_ms: 5 }', path: 'limits.dialMs', want: 10_000 },
  {
    name: 'a variable beats a file',
    file: 'limits: { idle_ms: 5 }',
    env: { LANDLINE_LIMITS_IDLE_MS: '6' },
    path: 'limits.idleMs',
    want: 6,
  },
  {
    name: 'a flag beats a variable and a file',
    file: 'workers: 2',
    env: { LANDLINE_WORKERS: '3' },
    flags: { workers: '4' },
    path: 'workers',
    want: 4,
  },
  { name: 'workers may be auto', flags: { workers: 'auto' }, path: 'workers', want: 'auto' },
  { name: 'an empty variable counts as not set', env: { LANDLINE_WORKERS: '' }, path: 'workers', want: 1 },
  {
    name: 'a variable two levels down',
    env: { LANDLINE_AUDIT_CHECKPOINT_SECONDS: '9' },
    path: 'audit.checkpoint.seconds',
    want: 9,
  },
  {
    name: 'a variable that is a switch',
    env: { LANDLINE_AUDIT_RESOLVE_DENIED: 'true' },
    path: 'audit.resolveDenied',
    want: true,
  },
  {
    name: 'a variable that looks like a number stays text where text is wanted',
    env: { LANDLINE_AUDIT_DIR: '7' },
    path: 'audit.dir',
    want: '7',
  },
  {
    name: 'a file in another folder',
    flags: { config: 'etc/l.yaml' },
    file: 'audit: { dir: log }',
    path: 'audit.dir',
    want: 'etc/log',
  },
  {
    name: 'the config variable, too',
    env: { LANDLINE_CONFIG: 'etc/l.yaml' },
    file: 'rules: ../r.yaml',
    path: 'rules',
    want: 'r.yaml',
  },
  {
    name: 'an absolute path stays',
    flags: { config: 'etc/l.yaml' },
    file: 'audit: { key: /k.pem }',
    path: 'audit.key',
    want: '/k.pem',
  },
  {
    name: 'a default path is the working directory’s',
    flags: { config: 'etc/l.yaml' },
    file: 'workers: 1',
    path: 'audit.dir',
    want: 'data/audit',
  },
  {
    name: 'a path in a variable is the working directory’s',
    flags: { config: 'etc/l.yaml' },
    file: 'workers: 1',
    env: { LANDLINE_AUDIT_DIR: 'log' },
    path: 'audit.dir',
    want: 'log',
  },
  {
    name: 'a path in a list',
    flags: { config: 'etc/l.yaml' },
    file: LISTENERS,
    path: 'listeners.0.tls.cert',
    want: 'etc/a.crt',
  },
  {
    name: 'an absolute path in a list',
    flags: { config: 'etc/l.yaml' },
    file: LISTENERS,
    path: 'listeners.0.tls.key',
    want: '/k',
  },
  { name: 'an IPv6 listener', file: LISTENERS, path: 'listeners.0.address', want: '[2001:db8::1]:3130' },
  {
    name: 'an IPv4-mapped listener is an IPv4 one',
    flags: { listen: '[::ffff:127.0.0.1]:0' },
    path: 'listeners.0.address',
    want: '127.0.0.1:0',
  },
  { name: 'trusted prefixes', file: LISTENERS, path: 'listeners.0.trusted.0', want: '10.0.0.5/32' },
  {
    name: 'a listener is a plain socket where it does not say otherwise',
    file: 'listeners: [{ address: "0.0.0.0:1" }]',
    path: 'listeners.0.clientAddress',
    want: 'socket',
  },
  {
    name: '--listen moves the first listener',
    flags: { listen: '127.0.0.1:9' },
    file: LISTENERS,
    path: 'listeners.0.address',
    want: '127.0.0.1:9',
  },
  {
    name: '--listen leaves it how it learns an address',
    flags: { listen: '127.0.0.1:9' },
    file: LISTENERS,
    path: 'listeners.0.clientAddress',
    want: 'proxy-protocol',
  },
  {
    name: 'LANDLINE_LISTEN is --listen',
    env: { LANDLINE_LISTEN: '0.0.0.0:9' },
    path: 'listeners.0.address',
    want: '0.0.0.0:9',
  },
  { name: '--admin', flags: { admin: '[::1]:0' }, path: 'admin.address', want: '[::1]:0' },
  {
    name: 'any free port, twice',
    flags: { listen: '127.0.0.1:0', admin: '127.0.0.1:0' },
    path: 'admin.address',
    want: '127.0.0.1:0',
  },
  { name: '--audit', flags: { audit: 'log' }, path: 'audit.dir', want: 'log' },
  {
    name: 'TLS of the admin port by variables',
    env: { LANDLINE_ADMIN_TLS_CERT: 'c', LANDLINE_ADMIN_TLS_KEY: 'k' },
    path: 'admin.tls.key',
    want: 'k',
  },
  { name: 'a size with a unit', file: 'audit: { segment_bytes: 1GiB }', path: 'audit.segmentBytes', want: 2 ** 30 },
  { name: 'a size as a number', file: 'audit: { segment_bytes: 4096 }', path: 'audit.segmentBytes', want: 4096 },
  {
    name: 'a size as a number in a variable',
    env: { LANDLINE_AUDIT_SEGMENT_BYTES: '4096' },
    path: 'audit.segmentBytes',
    want: 4096,
  },
  {
    name: 'a size in a variable',
    env: { LANDLINE_LIMITS_HEAD_BYTES: '32KiB' },
    path: 'limits.headBytes',
    want: 32_768,
  },
  { name: 'the default size', path: 'audit.segmentBytes', want: 64 * 2 ** 20 },
  { name: 'drain_ms may be 0', file: 'limits: { drain_ms: 0 }', path: 'limits.drainMs', want: 0 },
  { name: 'a port', file: 'origins: { connect_ports: [22] }', path: 'origins.connectPorts.0.1', want: 22 },
  {
    name: 'a range of ports',
    file: 'origins: { connect_ports: ["8801-8810"] }',
    path: 'origins.connectPorts.0.1',
    want: 8810,
  },
  {
    name: 'a parent',
    file: 'parents: [{ url: "http://Proxy.example:3128" }]',
    path: 'parents.0.url.host',
    want: 'proxy.example',
  },
  {
    name: 'a parent with an IPv6 address',
    file: 'parents: [{ url: "http://[2001:db8::1]:80/" }]',
    path: 'parents.0.url.host',
    want: '2001:db8::1',
  },
  {
    name: 'a parent without a port',
    file: 'parents: [{ url: "http://proxy.example" }]',
    path: 'parents.0.url.port',
    want: 80,
  },
  {
    name: 'own_host in canonical form',
    file: 'own_host: Landline.Example.',
    path: 'ownHost',
    want: 'landline.example',
  },
  {
    name: 'proxies for the PAC file',
    file: 'pac: { proxies: ["P.example:3128"] }',
    path: 'pac.proxies.0',
    want: 'p.example:3128',
  },
  { name: 'rules by default are nobody’s choice', path: 'rulesNamed', want: false },
  { name: 'rules in a file are', file: 'rules: rules.yaml', path: 'rulesNamed', want: true },
  { name: 'rules in a variable are', env: { LANDLINE_RULES: 'rules.yaml' }, path: 'rulesNamed', want: true },
  { name: 'rules in a flag are', flags: { rules: 'rules.yaml' }, path: 'rulesNamed', want: true },
  { name: 'no server file', path: 'configFile', want: null },
  { name: 'a server file of comments alone', file: '# workers: 2\n\n  # all as it comes\n', path: 'workers', want: 1 },
  { name: 'an empty server file', file: '', path: 'configFile', want: 'landline.yaml' },
  { name: '--monitor', flags: { monitor: true }, path: 'monitor', want: true },
  { name: 'LANDLINE_MONITOR', env: { LANDLINE_MONITOR: 'true' }, path: 'monitor', want: true },
  { name: 'LANDLINE_STRICT can say no', env: { LANDLINE_STRICT: 'false' }, path: 'strict', want: false },
  {
    name: '--shadow beats its variable',
    flags: { shadow: 'a' },
    env: { LANDLINE_SHADOW: 'b' },
    path: 'shadow',
    want: 'a',
  },
  { name: '--catalog', flags: { catalog: 'mine' }, path: 'catalog', want: 'mine' },
  {
    name: 'what Kubernetes adds for a Service is no setting',
    env: {
      LANDLINE_SERVICE_HOST: '10.0.0.1',
      LANDLINE_SERVICE_PORT_PROXY: '1',
      LANDLINE_PORT_3128_TCP_ADDR: 'x',
      LANDLINE_ADMIN_PORT: 'tcp://10.0.0.1:3129',
    },
    path: 'workers',
    want: 1,
  },
]

t.test('the value that counts', async (t) => {
  for (const { name, path, want, ...given } of values) {
    const { config, problems } = load(given)
    t.equal(pick(config, path), want, `${name} ${problems.filter((line) => line.includes(' error: ')).join()}`)
  }
})

const MS = 'is not a whole number of milliseconds from 1 to 2147483647'
const LISTEN = 'is not an address to listen on: write ADDRESS:PORT, as in 127.0.0.1:3128, 0.0.0.0:3128 or [::1]:3128'
const SOCKETS = [
  '3128',
  ':3128',
  '*:3128',
  'localhost:3128',
  '127.0.0.1',
  '127.0.0.1:65536',
  '127.0.0.1:-1',
  '[127.0.0.1]:1',
  '::1:3128',
  '127.1:1',
]

const refused: readonly (Given & { readonly name: string; readonly want: readonly string[] })[] = [
  {
    name: 'everything wrong is told at once, in order, with its place',
    file: 'worker: 2\nlimits:\n  idle_ms: 0\n  idle: 3\naudit: { sync: fsnc }\n\n\n\n\nname: 1\n',
    env: { LANDLINE_LIMITS_DIAL_MS: 'ten' },
    flags: { workers: '0' },
    want: [
      '--workers: error: the number 0 is not a number from 1 to 256, or auto',
      `LANDLINE_LIMITS_DIAL_MS: error: "ten" ${MS}`,
      'landline.yaml:1:1: error: unknown key "worker"; did you mean "workers"?',
      `landline.yaml:3:12: error: limits.idle_ms: the number 0 ${MS}`,
      'landline.yaml:4:3: error: unknown key "idle"; the keys here are connections, tunnels_per_client, tunnels_per_shared_client, head_bytes, head_ms, hello_ms, dns_ms, dial_ms, idle_ms, drain_ms',
      'landline.yaml:5:16: error: audit.sync: "fsnc" is none of fsync, write; did you mean "fsync"?',
      'landline.yaml:10:7: error: name: the number 1 is not a name for Via: letters, digits, "-", "." and "_", a letter first, 63 at most',
    ],
  },
  ...SOCKETS.map((listen) => ({
    name: `--listen ${listen}`,
    flags: { listen },
    want: [`--listen: error: "${listen}" ${LISTEN}`],
  })),
  {
    name: 'unknown keys in lists',
    file: 'listeners:\n  - { address: "127.0.0.1:1", tls: { cert: a, key: b, ca: c } }',
    want: ['landline.yaml:2:55: error: unknown key "ca"; the keys here are cert, key'],
  },
  {
    name: 'a camel-case key',
    file: 'ownHost: a',
    want: ['landline.yaml:1:1: error: unknown key "ownHost"; did you mean "own_host"?'],
  },
  {
    name: 'trust without somebody to trust',
    file: 'listeners: [{ address: "127.0.0.1:1", client_address: forwarded }]',
    want: [
      'landline.yaml:1:13: error: listeners.0.trusted: client_address: forwarded needs "trusted": the prefixes of the balancers that may tell a client\'s address',
    ],
  },
  {
    name: 'trust that has no meaning',
    file: 'listeners: [{ address: "127.0.0.1:1", trusted: [10.0.0.0/8] }]',
    want: [
      'landline.yaml:1:48: error: listeners.0.trusted: client_address: socket trusts nobody; remove "trusted", or write proxy-protocol or forwarded',
    ],
  },
  {
    name: 'no listener',
    file: 'listeners: []',
    want: ['landline.yaml:1:12: error: listeners: no listener: write at least one, or leave "listeners" out'],
  },
  {
    name: 'a listener without an address',
    file: 'listeners: [{ client_address: socket }]',
    want: ['landline.yaml:1:13: error: listeners.0.address: missing: add it'],
  },
  {
    name: 'half a TLS',
    env: { LANDLINE_ADMIN_TLS_CERT: 'c' },
    want: ['settings: error: admin.tls.key: missing: add it'],
  },
  {
    name: 'host bits',
    file: 'admin: { allow: [10.0.0.1/8] }',
    want: ['landline.yaml:1:18: error: admin.allow.0: 10.0.0.1/8 has host bits set; write 10.0.0.0/8'],
  },
  {
    name: 'a number for a prefix',
    file: 'origins: { allow: [10] }',
    want: ['landline.yaml:1:20: error: origins.allow.0: the number 10 is not a prefix such as 10.0.0.0/8'],
  },
  {
    name: 'text for a list',
    file: 'origins: { allow: 10.0.0.0/8 }',
    want: ['landline.yaml:1:19: error: origins.allow: "10.0.0.0/8" is not a list: write it as in [a, b]'],
  },
  {
    name: 'a range that runs backwards',
    file: 'origins: { connect_ports: ["9-3"] }',
    want: [
      'landline.yaml:1:28: error: origins.connect_ports.0: "9-3" is not a port or a range of ports such as 443 or "8801-8810"',
    ],
  },
  {
    name: 'port 0',
    file: 'origins: { connect_ports: [0] }',
    want: [
      'landline.yaml:1:28: error: origins.connect_ports.0: the number 0 is not a port or a range of ports such as 443 or "8801-8810"',
    ],
  },
  {
    name: 'a unit nobody knows',
    file: 'audit: { segment_bytes: 64MB }',
    want: [
      'landline.yaml:1:25: error: audit.segment_bytes: "64MB" is not a size from 1024 to 1099511627776 bytes: write a number of bytes, or as in 64KiB, 64MiB',
    ],
  },
  {
    name: 'more than a timer can wait',
    env: { LANDLINE_LIMITS_IDLE_MS: '2147483648' },
    want: [`LANDLINE_LIMITS_IDLE_MS: error: the number 2147483648 ${MS}`],
  },
  {
    name: 'a parent that wants TLS',
    file: 'parents: [{ url: "https://p:1" }]',
    want: [
      'landline.yaml:1:18: error: parents.0.url: "https://p:1" is not the URL of an HTTP proxy such as http://proxy.example:3128',
    ],
  },
  {
    name: 'a parent with a password',
    file: 'parents: [{ url: "http://u:p@p:1" }]',
    want: [
      'landline.yaml:1:18: error: parents.0.url: "http://u:p@p:1" is not the URL of an HTTP proxy such as http://proxy.example:3128',
    ],
  },
  {
    name: 'a quote for the PAC script',
    file: 'pac: { direct: ["a\'b"] }',
    want: ['landline.yaml:1:17: error: pac.direct.0: "a\'b" is not a host name, *.domain or prefix'],
  },
  {
    name: 'a section without content',
    file: 'audit:',
    want: ['landline.yaml:1:1: error: audit: nothing is not a map of settings'],
  },
  { name: 'a list for a file', file: '- a', want: ['landline.yaml:1:1: error: a list is not a map of settings'] },
  {
    name: 'a key twice',
    file: 'workers: 1\nworkers: 2',
    want: ['landline.yaml:2:1: error: key "workers" is already at landline.yaml:1:1; keep one of the two'],
  },
  {
    name: 'a named file that is not there',
    flags: { config: 'gone.yaml' },
    want: ['gone.yaml: error: there is no such file; name a server file that can be read, or none'],
  },
  {
    name: 'keys among the records',
    flags: { audit: 'data' },
    file: 'audit: { privacy_key: p.key }',
    want: ['--audit: error: audit.key "data/keys/audit.pem" lies in audit.dir; keep keys outside of the records'],
  },
  {
    name: 'one key for two ends',
    env: { LANDLINE_AUDIT_KEY: './a' },
    file: 'audit: { privacy_key: a }',
    want: ['landline.yaml:1:23: error: audit.key and audit.privacy_key are both "./a"; name two files'],
  },
  {
    name: 'one address for two listeners',
    flags: { listen: '127.0.0.1:3129' },
    want: [
      '--listen: error: 127.0.0.1:3129 is the address of listeners.0.address and admin.address; give each its own',
    ],
  },
  {
    name: 'a variable that is no switch',
    env: { LANDLINE_MONITOR: 'yes' },
    want: ['LANDLINE_MONITOR: error: "yes" is not true or false'],
  },
  ...[
    ['LANDLINE_AUDIT_DIRR', 'LANDLINE_AUDIT_DIR'],
    ['LANDLINE_ADMIN', 'LANDLINE_ADMIN_ADDRESS'],
    ['LANDLINE_IDLE_MS', 'LANDLINE_LIMITS_IDLE_MS'],
  ].map(([name = '', near]) => ({
    name,
    env: { [name]: 'x' },
    want: [`${name}: error: unknown variable; did you mean "${near}"? (docs/configuration.md lists them)`],
  })),
  {
    name: 'a variable like no other',
    env: { LANDLINE_COFFEE: 'x' },
    want: ['LANDLINE_COFFEE: error: unknown variable (docs/configuration.md lists them)'],
  },
]

t.test('what is refused', async (t) => {
  for (const { name, want, ...given } of refused) {
    const { config, problems } = load(given)
    t.equal(config, null, `${name}: refused`)
    t.strictSame(problems, want, `${name}: told so`)
  }
})

t.test('a variable that changes what the file says is warned of', async (t) => {
  const { config, problems } = load({ file: LISTENERS, env: { LANDLINE_LISTEN: '0.0.0.0:3128' } })
  t.equal(pick(config, 'listeners.0.address'), '0.0.0.0:3128')
  t.strictSame(problems, [
    'LANDLINE_LISTEN: warning: "0.0.0.0:3128" takes the place of "[2001:db8::1]:3130" at landline.yaml:2:16',
  ])
  t.strictSame(load({ file: 'workers: 2', env: { LANDLINE_WORKERS: '2' } }).problems, [], 'not when it says the same')
  const over = load({ file: LISTENERS, env: { LANDLINE_LISTEN: '0.0.0.0:3128' }, flags: { listen: '127.0.0.1:3128' } })
  t.strictSame(over.problems, [], 'nor where a flag has the last word')
})

t.test('a file that cannot be read is told, named or not', async (t) => {
  const readFile = () => {
    throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
  }
  const { config, problems } = loadConfig({ flags: {}, env: {}, readFile })
  t.equal(config, null)
  t.match(problems, [{ where: 'landline.yaml', message: /EACCES/ }])
})

const unopened: readonly (Given & {
  readonly name: string
  readonly of: 'listeners' | 'admin'
  /** What Node refuses here, or says where it does. */
  readonly listen: ListenOptions | string
  readonly want: string
})[] = [
  {
    name: 'a default that somebody has',
    of: 'listeners',
    listen: 'listen EADDRINUSE: address already in use 127.0.0.1:3128',
    want: '127.0.0.1:3128 is taken: give the listener another address with --listen ADDRESS:PORT',
  },
  {
    name: 'a flag for the admin port',
    flags: { admin: '192.0.2.1:3129' },
    of: 'admin',
    listen: { host: '192.0.2.1', port: 3129 },
    want: '192.0.2.1:3129 is no address of this machine: give the admin port one that it has with --admin ADDRESS:PORT',
  },
  {
    name: 'a variable',
    env: { LANDLINE_ADMIN_ADDRESS: '127.0.0.1:80' },
    of: 'admin',
    listen: 'listen EACCES: permission denied 127.0.0.1:80',
    want: '127.0.0.1:80 needs rights that this user does not have: give the admin port a port from 1024 on in LANDLINE_ADMIN_ADDRESS (admin.address), or the process the right (CAP_NET_BIND_SERVICE)',
  },
  {
    name: 'the second listener of a file, by IPv6 and on any port',
    file: 'listeners:\n  - address: 127.0.0.1:0\n  - address: "[2001:DB8:0::1]:0"\n',
    of: 'listeners',
    listen: { host: '2001:db8::1', port: 0 },
    want: '[2001:db8::1]:0 is no address of this machine: give the listener one that it has in landline.yaml:3:14 (listeners.1.address)',
  },
  {
    name: 'a machine without IPv6',
    file: 'admin: { address: "[::]:3129" }',
    of: 'admin',
    listen: 'listen EAFNOSUPPORT: address family not supported :::3129',
    want: '[::]:3129 is no address of this machine: give the admin port one that it has in landline.yaml:1:19 (admin.address)',
  },
  {
    name: 'an address that nobody asked for is left as it is',
    of: 'listeners',
    listen: { host: '192.0.2.1', port: 3128 },
    want: 'listen EADDRNOTAVAIL: address not available 192.0.2.1:3128',
  },
  {
    name: 'what no other address would mend, too',
    of: 'listeners',
    listen: 'listen EMFILE: too many open files 127.0.0.1:3128',
    want: 'listen EMFILE: too many open files 127.0.0.1:3128',
  },
]

t.test('where it cannot listen, the address is told, where it was given and what to do', async (t) => {
  for (const { name, of, listen, want, ...given } of unopened) {
    const { config, placeOf } = load(given)
    if (config === null) throw new Error(name)
    const opening = Promise.withResolvers<void>()
    if (typeof listen === 'string') opening.reject(new Error(listen))
    else createServer().on('error', opening.reject).listen(listen, opening.resolve)
    const endpoints = endpointsOf(config, placeOf)
    const asked = of === 'admin' ? [endpoints.admin] : endpoints.listeners
    await t.rejects(orCannotListen(opening.promise, asked), { message: want }, name)
  }
})

t.test('nothing in a configuration can be written to', async (t) => {
  const { config } = load({ file: LISTENERS })
  const walk = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null) return
    t.ok(Object.isFrozen(value), `${path} is frozen`)
    for (const [key, inner] of Object.entries(value)) walk(inner, `${path}.${key}`)
  }
  walk(config, 'config')
})

t.test('docs/configuration.md names every key, default and variable', async (t) => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const rows = new Map(
    [...page.matchAll(/^\| `([a-z_.]+)` \| `([^`]*)` \|.*$/gm)].map(([row, key, written]) => [key, { row, written }]),
  )
  for (const { key, variable, fallback } of SCALAR_KEYS) {
    if (key === 'listeners.0.address') continue // a list: it has a table of its own
    t.match(rows.get(key), { written: String(fallback) }, `${key} has a row with its default`)
    t.ok(rows.get(key)?.row.includes(`\`${variable}\``), `${variable} stands there`)
  }
  for (const variable of KNOWN_VARIABLES) t.ok(page.includes(`\`${variable}\``), `${variable} is named`)
  for (const key of Object.keys(DEFAULTS)) t.ok(page.includes(key), `${key} is named`)
})
