/** The command line: which commands there are, what each takes, and how a mistake is explained. */
import { parseArgs } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { quoted } from '../rules/address.ts'
import { didYouMean } from '../rules/problems.ts'

interface FlagSpec {
  /** `strings`: may be given several times. */
  readonly type: 'string' | 'boolean' | 'strings'
  /** How the help calls the value. */
  readonly value?: string
  readonly help: string
}

interface CommandSpec {
  readonly help: string
  /** As in the help: `F` is required, `[F]` may be left out, a last `…` takes any number. */
  readonly positionals: readonly string[]
  readonly flags: Readonly<Record<string, FlagSpec>>
  readonly required?: readonly string[]
  /** Flags of which one at most may be given. */
  readonly exclusive?: readonly string[]
}

const JSON_FLAG = { type: 'boolean', help: 'print one JSON value' } as const
const CATALOG = { type: 'string', value: 'DIR', help: 'a catalogue of services instead of the built-in one' } as const
const AT = {
  type: 'string',
  value: 'TIME',
  help: 'decide as at this time, 2026-12-02T10:00:00Z (default: now)',
} as const
const KEYS = {
  type: 'strings',
  value: 'VKEY',
  help: 'public key that signs the log, from elsewhere; again for a second one',
} as const

/** For commands that ask a running proxy. */
const ADMIN = {
  admin: {
    type: 'string',
    value: 'ADDRESS:PORT',
    help: 'its admin port, or https://HOST:PORT (as the server file says)',
  },
  user: { type: 'string', value: 'NAME', help: 'who asks (LANDLINE_ADMIN_USER)' },
  'password-file': {
    type: 'string',
    value: 'FILE',
    help: 'file with the password (LANDLINE_ADMIN_PASSWORD_FILE; else it is asked for)',
  },
  ca: { type: 'string', value: 'FILE', help: "who vouches for the admin port's certificate (LANDLINE_ADMIN_CA)" },
  config: { type: 'string', value: 'FILE', help: 'server file that says where the admin port is (landline.yaml)' },
} as const
const FILTER = {
  since: { type: 'string', value: 'TIME', help: 'from then on: 2026-12-02T10:00:00Z, or 90m, 24h, 7d ago' },
  until: { type: 'string', value: 'TIME', help: 'before then' },
  segment: { type: 'string', value: 'ID', help: 'of this segment' },
  medium: { type: 'string', value: 'MEDIUM', help: 'wired, wireless, vpn, mobile or unknown' },
  service: { type: 'string', value: 'ID', help: 'for this service' },
  rule: { type: 'string', value: 'ID', help: 'decided by this rule' },
  action: { type: 'string', value: 'ACTION', help: 'block, log, except, reload, …' },
  ref: { type: 'string', value: 'PREFIX', help: 'whose reference begins so' },
  source: { type: 'string', value: 'ADDRESS', help: 'of this client; where it has none, its pseudonym' },
} as const
const ABOUT = {
  reason: { type: 'string', value: 'TEXT', help: 'why; it goes on record' },
  by: { type: 'string', value: 'NAME', help: 'who' },
} as const

export const COMMANDS = {
  serve: {
    help: 'run the proxy',
    positionals: [],
    flags: {
      rules: { type: 'string', value: 'FILE', help: 'rule file (default: rules.yaml, else the quick-start policy)' },
      config: { type: 'string', value: 'FILE', help: 'server file (default: landline.yaml, if there is one)' },
      listen: { type: 'string', value: 'ADDRESS:PORT', help: 'where the first listener listens (127.0.0.1:3128)' },
      admin: { type: 'string', value: 'ADDRESS:PORT', help: 'where metrics and health are served (127.0.0.1:3129)' },
      audit: { type: 'string', value: 'DIR', help: 'folder of the audit records (data/audit)' },
      workers: { type: 'string', value: 'N|auto', help: 'processes that serve clients (1)' },
      monitor: { type: 'boolean', help: 'block nothing: record what would have been blocked' },
      shadow: { type: 'string', value: 'FILE', help: 'a second rule file, whose verdicts are only recorded' },
      strict: { type: 'boolean', help: 'refuse a bad rule file at start, even where a last good revision is archived' },
      catalog: CATALOG,
    },
  },
  check: {
    help: 'validate a rule file',
    positionals: ['FILE'],
    flags: { catalog: CATALOG, json: JSON_FLAG },
  },
  explain: {
    help: 'the verdict for one request, and every step that led to it',
    positionals: ['FILE'],
    flags: {
      from: { type: 'string', value: 'ADDRESS', help: "the client's address" },
      to: { type: 'string', value: 'TARGET', help: 'URL, host, host:port or address that it asks for' },
      sni: { type: 'string', value: 'NAME', help: 'the server name inside the tunnel' },
      at: AT,
      'why-not': {
        type: 'string',
        value: 'allow',
        help: 'and the smallest changes that would let it through, with what else each would let through',
      },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
    required: ['from', 'to'],
  },
  matrix: {
    help: 'what every segment may do with every service',
    positionals: ['FILE'],
    flags: {
      at: AT,
      csv: { type: 'boolean', help: 'print CSV' },
      html: { type: 'boolean', help: 'print a page' },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
    exclusive: ['csv', 'html', 'json'],
  },
  test: {
    help: 'run the tests of a rule file, and of files of cases',
    positionals: ['FILE', '[CASES…]'],
    flags: {
      live: {
        type: 'string',
        value: 'HOST:PORT',
        help: 'send them through this running proxy too, and compare; what it denies goes on its record',
      },
      'client-address': {
        type: 'string',
        value: 'HOW',
        help: "how that listener learns a client's address: socket (default), proxy-protocol or forwarded",
      },
      junit: { type: 'boolean', help: 'print JUnit XML' },
      tap: { type: 'boolean', help: 'print TAP' },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
    exclusive: ['junit', 'tap', 'json'],
  },
  classify: {
    help: 'the service of each target, from arguments or standard input',
    positionals: ['[TARGET…]'],
    flags: {
      rules: { type: 'string', value: 'FILE', help: 'rule file whose services count, too' },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
  },
  diff: {
    help: 'what differs between two rule files',
    positionals: ['OLD', 'NEW'],
    flags: { at: AT, catalog: CATALOG, json: JSON_FLAG },
  },
  audit: {
    help: 'check and read the audit log',
    positionals: ['SUBCOMMAND'],
    flags: {},
  },
  'audit verify': {
    help: 'is the audit log what was signed?',
    positionals: ['DIR', '[CHECKPOINT…]'],
    flags: {
      key: KEYS,
      checkpoint: {
        type: 'strings',
        value: 'FILE',
        help: "checkpoints that were kept elsewhere, or the operator's log with them; more may follow",
      },
      json: JSON_FLAG,
    },
  },
  'audit query': {
    help: 'records by what they say',
    positionals: ['DIR'],
    flags: {
      ...FILTER,
      csv: { type: 'boolean', help: 'print CSV' },
      json: JSON_FLAG,
    },
    exclusive: ['csv', 'json'],
  },
  'audit show': {
    help: 'one record, the rule as it stood then, its neighbours, and the proof that it is in the log',
    positionals: ['DIR', 'REF'],
    flags: { key: KEYS, json: JSON_FLAG },
  },
  'audit export': {
    help: 'an extract of the log, with the proof that it is one',
    positionals: ['DIR'],
    flags: {
      ...FILTER,
      out: { type: 'string', value: 'FOLDER', help: 'where to; it must not be there yet' },
      format: {
        type: 'string',
        value: 'FORMAT',
        help: 'beside the records themselves: csv, ocsf or cef (jsonl: none)',
      },
      ...ABOUT,
      checkpoint: { type: 'string', value: 'FILE', help: 'prove against this checkpoint (default: the newest)' },
      key: { type: 'string', value: 'FILE', help: 'private key (PEM) of who exports, to sign the manifest of a copy' },
      json: JSON_FLAG,
    },
    required: ['out', 'reason', 'by'],
  },
  'audit verify-export': {
    help: 'is an extract what was taken out of the log?',
    positionals: ['EXTRACT'],
    flags: {
      key: KEYS,
      checkpoint: { type: 'strings', value: 'FILE', help: 'checkpoints that were kept elsewhere' },
      json: JSON_FLAG,
    },
  },
  'audit rules': {
    help: 'the rules that were in force at a time, word for word',
    positionals: ['DIR'],
    flags: {
      at: { type: 'string', value: 'TIME', help: '2026-12-02T10:42:00Z, or 90m, 24h, 7d ago' },
      json: JSON_FLAG,
    },
    required: ['at'],
  },
  'audit reveal': {
    help: 'the address behind a pseudonym',
    positionals: ['DIR', 'REF|PSEUDONYM'],
    flags: {
      'privacy-key': { type: 'string', value: 'FILE', help: "the months' keys (audit.privacy_key in the server file)" },
      ...ABOUT,
      json: JSON_FLAG,
    },
    required: ['privacy-key', 'reason', 'by'],
  },
  'audit forget': {
    help: "destroy a month's privacy key: its records become anonymous, and stay in the log",
    positionals: ['MONTH'],
    flags: {
      'privacy-key': { type: 'string', value: 'FILE', help: "the months' keys (audit.privacy_key in the server file)" },
      ...ABOUT,
      json: JSON_FLAG,
    },
    required: ['privacy-key', 'reason', 'by'],
  },
  'audit keygen': {
    help: 'make a key that signs an audit log, or print the public half of the one that is there',
    positionals: ['FILE'],
    flags: {
      name: { type: 'string', value: 'NAME', help: "the proxy's name in the server file (landline-1)" },
      json: JSON_FLAG,
    },
  },
  admin: {
    help: 'passwords for the admin port, and what it says',
    positionals: ['SUBCOMMAND'],
    flags: {},
  },
  'admin hash': {
    help: 'the hash of a password, for the users file; the password is asked for, or read from standard input',
    positionals: [],
    flags: {
      name: { type: 'string', value: 'NAME', help: "print the user's whole entry" },
      role: {
        type: 'strings',
        value: 'ROLE',
        help: 'operator, auditor or privacy-officer; again for a second one (operator)',
      },
      json: JSON_FLAG,
    },
  },
  'admin status': {
    help: 'what runs, by which rules, and which exceptions there are',
    positionals: [],
    flags: { ...ADMIN, json: JSON_FLAG },
  },
} as const satisfies Readonly<Record<string, CommandSpec>>

/** These alone are no commands: they have subcommands. */
const GROUPS = ['audit', 'admin'] as const
type Group = (typeof GROUPS)[number]

export type CommandName = Exclude<keyof typeof COMMANDS, Group>

type Value<Flag> = Flag extends { readonly type: 'boolean' }
  ? boolean
  : Flag extends { readonly type: 'strings' }
    ? readonly string[]
    : string

/** What the flags of a command were given; those left out are undefined. */
export type Flags<Name extends CommandName> = {
  readonly [Flag in keyof (typeof COMMANDS)[Name]['flags']]: Value<(typeof COMMANDS)[Name]['flags'][Flag]> | undefined
}

/** A command with its flags by name, checked in number but not in meaning. */
export type CommandLine = {
  [Name in CommandName]: {
    readonly command: Name
    readonly flags: Flags<Name>
    readonly positionals: readonly string[]
  }
}[CommandName]

/** Text to print, and the exit code: 0 (to standard output) for help that was asked for, 3 (to standard error) for a mistake. */
export interface Usage {
  readonly usage: string
  readonly exitCode: 0 | 3
}

/** The command of `argv` (without node and script), or what to print instead of running one. */
export function parseCommandLine(argv: readonly string[]): CommandLine | Usage {
  const [name, ...rest] = argv
  if (name === '--help' || name === '-h' || name === 'help') return { usage: overview(), exitCode: 0 }
  if (name === '--version') return { usage: `landline ${packageJson.version}`, exitCode: 0 }
  if (isGroup(name)) return parseSubcommand(name, rest)
  if (name === undefined) return { usage: `landline: no command\n\n${overview()}`, exitCode: 3 }
  if (!isCommand(name)) {
    const what = name.startsWith('-')
      ? `flags follow the command: landline COMMAND ${name}`
      : `${quoted(name)} is no command of this version${didYouMean(name, Object.keys(COMMANDS))}`
    return { usage: `landline: ${what}\n\n${overview()}`, exitCode: 3 }
  }
  return parseCommand(name, rest)
}

function parseSubcommand(group: Group, [name = '', ...rest]: readonly string[]): CommandLine | Usage {
  const full = `${group} ${name}`
  if (isCommand(full)) return parseCommand(full, rest)
  const names = Object.keys(COMMANDS).filter((known) => known.startsWith(`${group} `))
  const help = `Usage: landline ${group} SUBCOMMAND …\n\n${columns(helpRows(names))}`
  if (name === '--help' || name === '-h') return { usage: help, exitCode: 0 }
  const known = names.map((known) => known.slice(group.length + 1))
  const what =
    name === '' ? 'no subcommand' : `${quoted(name)} is no subcommand of this version${didYouMean(name, known)}`
  return { usage: `landline ${group}: ${what}\n\n${help}`, exitCode: 3 }
}

function parseCommand(name: CommandName, argv: readonly string[]): CommandLine | Usage {
  const spec: CommandSpec = COMMANDS[name]
  const wrong = (what: string): Usage => ({ usage: `landline ${name}: ${what}\n\n${helpOf(name)}`, exitCode: 3 })
  const types: [string, Pick<FlagSpec, 'type'>][] = [...Object.entries(spec.flags), ['help', { type: 'boolean' }]]
  const asParsed = (type: FlagSpec['type']) => (type === 'strings' ? 'string' : type)
  const options = Object.fromEntries(types.map(([flag, { type }]) => [flag, { type: asParsed(type) }]))
  const { tokens } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: false, tokens: true })
  const flags: Record<string, string | boolean | readonly string[]> = {}
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      positionals.push(token.value)
      continue
    }
    if (token.name === 'help' || token.rawName === '-h') return { usage: helpOf(name), exitCode: 0 }
    const type = options[token.name]?.type
    if (type === undefined)
      return wrong(
        `unknown flag ${quoted(token.rawName)}${didYouMean(
          token.rawName,
          types.map(([flag]) => `--${flag}`),
        )}`,
      )
    const before = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
    const takesMany = spec.flags[token.name]?.type === 'strings'
    if (before !== undefined && !takesMany) return wrong(`${token.rawName} is given twice`)
    if (type === 'boolean' && token.value !== undefined) return wrong(`${token.rawName} takes no value`)
    if (type === 'string' && (!token.value || (!token.inlineValue && token.value.startsWith('--'))))
      return wrong(`${token.rawName} needs a value: ${token.rawName} ${spec.flags[token.name]?.value}`)
    flags[token.name] = takesMany
      ? [...(Array.isArray(before) ? before : []), token.value ?? '']
      : (token.value ?? true)
  }
  const fault = faultOf(spec, flags, positionals)
  // The flags are those of COMMANDS[name], each of its type: checked above.
  return fault === null ? ({ command: name, flags, positionals } as unknown as CommandLine) : wrong(fault)
}

function faultOf(
  spec: CommandSpec,
  flags: Readonly<Record<string, unknown>>,
  positionals: readonly string[],
): string | null {
  const missing = spec.positionals[positionals.length]
  if (missing !== undefined && !missing.startsWith('[')) return `${missing} is missing`
  const takesMany = spec.positionals.at(-1)?.endsWith('…]') === true
  const extra = positionals[spec.positionals.length]
  if (extra !== undefined && !takesMany) return `${quoted(extra)} is one argument too many`
  const absent = spec.required?.find((flag) => flags[flag] === undefined)
  if (absent !== undefined) return `--${absent} ${spec.flags[absent]?.value} is missing`
  const [first, second] = spec.exclusive?.filter((flag) => flags[flag] !== undefined) ?? []
  if (second !== undefined) return `--${first} and --${second} do not go together; give one`
  return null
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name) && !isGroup(name)
}

function isGroup(name: string | undefined): name is Group {
  return GROUPS.some((group) => group === name)
}

function overview(): string {
  return `Usage: landline COMMAND …

${columns(helpRows(Object.keys(COMMANDS).filter(isCommand)))}

landline COMMAND --help tells what a command takes. Exit codes: 0 fine, 1 what was checked is wrong, 2 incomplete, 3 usage.`
}

function helpRows(names: readonly string[]): (readonly [string, string])[] {
  return Object.entries(COMMANDS).flatMap(([name, { help }]) => (names.includes(name) ? [[name, help] as const] : []))
}

function helpOf(name: CommandName): string {
  const { help, positionals, flags }: CommandSpec = COMMANDS[name]
  const rows = Object.entries(flags).map(([flag, { value, help }]) => {
    return [value === undefined ? `--${flag}` : `--${flag} ${value}`, help] as const
  })
  return `Usage: landline ${[name, ...positionals, '[FLAGS]'].join(' ')}\n${help}\n\n${columns(rows)}`
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}
