/** `landline admin hash`: the hash of a password, to be put into the users file. The password is typed, or comes on standard input. */
import { stringify } from 'yaml'
import { canHash, hashPassword } from '../admin/password.ts'
import { ROLES, USER_NAME } from '../admin/users.ts'
import { quoted } from '../rules/address.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from './io.ts'

const LEAST_LETTERS = 12
const MOST_BYTES = 1024

export interface AdminHashFlags {
  readonly name: string | undefined
  readonly roles: readonly string[]
  readonly json: boolean
}

/** Prints the hash; with a name, the whole entry. Exit code 1 where the password will not do. Throws UsageError. */
export async function adminHash({ name, roles, json }: AdminHashFlags, io: Io): Promise<ExitCode> {
  if (!canHash()) throw new UsageError(`this Node.js (${process.version}) has no argon2; use 24.7 or later`)
  if (name !== undefined && !USER_NAME.test(name))
    throw new UsageError(`--name: ${quoted(name)} is no user name: letters, digits, ".", "_", "-" and "@", 64 at most`)
  if (roles.length > 0 && name === undefined) throw new UsageError('--role goes with --name')
  const unknown = roles.find((role) => !ROLES.some((known) => known === role))
  if (unknown !== undefined) throw new UsageError(`--role: ${quoted(unknown)} is none of ${ROLES.join(', ')}`)
  const password = await newPassword(io)
  if (password === null) return EXIT.wrong
  const hash = await hashPassword(password)
  const entry = name === undefined ? { hash } : { name, roles: roles.length > 0 ? roles : [ROLES[0]], hash }
  if (json) printJson(io, entry)
  else io.print(name === undefined ? hash : `  - ${stringify(entry, { collectionStyle: 'flow', lineWidth: 0 }).trim()}`)
  return EXIT.fine
}

/** Twice where it is typed; null where it will not do, which has then been said. */
async function newPassword({ secret, complain }: Io): Promise<string | null> {
  const password = (await secret?.('Password: ')) ?? null
  if (password === null) return null
  if ([...password].length < LEAST_LETTERS || Buffer.byteLength(password) > MOST_BYTES) {
    complain(`the password needs at least ${LEAST_LETTERS} characters, and at most ${MOST_BYTES} bytes`)
    return null
  }
  if (!process.stdin.isTTY || (await secret?.('Again: ')) === password) return password
  complain('the two are not the same')
  return null
}
