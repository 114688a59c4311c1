/** What a command may touch, and how it ends. */
import { visible } from '../rules/hidden.ts'

/** All that a command may touch besides the files that it is pointed to; a test passes its own. */
export interface Io {
  /** One line to standard output. */
  readonly print: (line: string) => void
  /** Resolves when what was printed has been taken; who prints much waits for it. Absent: at once. */
  readonly drained?: () => Promise<unknown>
  /** One line to standard error. */
  readonly complain: (line: string) => void
  /** Standard input, line by line. */
  readonly lines: () => AsyncIterable<string>
  /** A password: typed and not shown, or the first line of standard input; null where it was broken off. Absent: there is none. */
  readonly secret?: (prompt: string) => Promise<string | null>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Exit codes, the same for every command. */
export const EXIT = { fine: 0, wrong: 1, incomplete: 2, usage: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What is wrong with how a command was called: exit 3. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Prints one JSON value, as every command does with `--json`; what nobody sees in it is escaped. */
export function printJson(io: Pick<Io, 'print'>, value: unknown): void {
  io.print(visible(JSON.stringify(value, null, 2)))
}
