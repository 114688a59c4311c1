/** The command line: which commands there are, what each takes, and how a mistake is explained. */
import { parseArgs } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { quoted } from '../rules/address.ts'
import { didYouMean } from '../rules/problems.ts'
import { AUDIT_COMMANDS } from './audit-commands.ts'
import { ADMIN, AT, CATALOG, type CommandSpec, type FlagSpec, JSON_FLAG } from './flags.ts'

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
      workers: { type: 'string', value: 'N|auto', help: 'threads that serve clients (1)' },
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
  whoami: {
    help: 'what address the running proxy sees, and how it learnt it',
    positionals: [],
    flags: {
      proxy: { type: 'string', value: 'HOST:PORT', help: "the proxy (default: the server file's first listener)" },
      to: { type: 'string', value: 'TARGET', help: 'and what would be decided for this target' },
      config: { type: 'string', value: 'FILE', help: 'server file (default: landline.yaml, if there is one)' },
      json: JSON_FLAG,
    },
  },
  doctor: {
    help: 'is the set-up sound, and are the addresses that the proxy sees true?',
    positionals: [],
    flags: {
      config: { type: 'string', value: 'FILE', help: 'server file (default: landline.yaml, if there is one)' },
      rules: { type: 'string', value: 'FILE', help: 'rule file, as for serve' },
      listen: { type: 'string', value: 'ADDRESS:PORT', help: 'where the running proxy listens, as for serve' },
      admin: {
        type: 'string',
        value: 'ADDRESS:PORT',
        help: 'where the running proxy serves metrics and health, as for serve',
      },
      audit: { type: 'string', value: 'DIR', help: 'folder of the audit records, as for serve' },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
  },
  simulate: {
    help: 'what another rule file would have made of the traffic on record',
    positionals: [],
    flags: {
      rules: { type: 'string', value: 'FILE', help: 'the new rule file' },
      against: { type: 'string', value: 'DIR', help: 'the audit folder with the records and tallies' },
      since: {
        type: 'string',
        value: 'TIME',
        help: 'only what came from then on: 2026-12-02T10:00:00Z, or 90m, 24h, 7d ago',
      },
      'max-newly-blocked': {
        type: 'string',
        value: 'N',
        help: 'exit with 2 where more requests than this are newly blocked',
      },
      html: {
        type: 'string',
        value: '[FILE]',
        bare: '-',
        help: 'write a page to attach to a change request; without FILE, print it',
      },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
    required: ['rules', 'against'],
  },
  ...AUDIT_COMMANDS,
  breakglass: {
    help: 'lift rules on the running proxy, 24 h at most; without flags, what is lifted',
    positionals: [],
    flags: {
      rule: {
        type: 'strings',
        value: 'ID|all',
        help: 'the rule to lift, otherwise, ip_literals, or all; again for a second one',
      },
      until: {
        type: 'string',
        value: 'TIME',
        help: 'when it ends by itself: 2026-12-02T18:00:00+01:00, or 90m, 2h from now',
      },
      ticket: { type: 'string', value: 'T', help: 'under which number this is kept' },
      by: { type: 'string', value: 'WHO', help: 'who asked for it' },
      end: { type: 'string', value: 'ID|all', help: 'end one that is active before its time' },
      ...ADMIN,
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
  const args = argv.map((arg, at) => withBareValue(spec, arg, argv[at + 1]))
  const { tokens } = parseArgs({ args, options, allowPositionals: true, strict: false, tokens: true })
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

function withBareValue({ flags }: CommandSpec, arg: string, next: string | undefined): string {
  const name = arg.startsWith('--') ? arg.slice(2) : ''
  const bare = Object.hasOwn(flags, name) ? flags[name]?.bare : undefined
  return bare === undefined || (next !== undefined && !next.startsWith('-')) ? arg : `${arg}=${bare}`
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

landline COMMAND --help tells what a command takes. Exit codes: 0 fine, 1 what was checked is wrong, 2 incomplete or over a
threshold, 3 usage.`
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
