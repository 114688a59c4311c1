/** The command line: which command it is, with which flags, and how a mistake is explained. */
import { parseArgs } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { quoted } from '../rules/address.ts'
import { didYouMean } from '../rules/problems.ts'
import { COMMANDS } from './commands.ts'
import type { CommandSpec, FlagSpec } from './flags.ts'

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
