/**
 * Who may log in to the admin port: the users file, read and checked. Passwords stand in it only as hashes; a message about it
 * never quotes one.
 */
import * as z from 'zod'
import { readYaml } from '../rules/file/yaml-source.ts'
import { formatProblem, shown, unknownKey } from '../rules/problems.ts'
import { type PasswordHash, parsePasswordHash } from './password.ts'

/** `operator` runs the proxy, `auditor` signs and reads records, `privacy-officer` may reveal whom a pseudonym stands for. */
export const ROLES = ['operator', 'auditor', 'privacy-officer'] as const
export type Role = (typeof ROLES)[number]

/** Somebody who has logged in. */
export interface User {
  readonly name: string
  readonly roles: readonly Role[]
}

export interface KnownUser extends User {
  readonly hash: PasswordHash
}

export type Users = ReadonlyMap<string, KnownUser>

/** What may be a user's name: it stands in records and log lines, and before the colon of HTTP Basic. */
export const USER_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
const MAX_USERS = 1000

const schema = z.strictObject({
  users: z
    .array(
      z.strictObject({
        name: z.string().regex(USER_NAME, 'is no user name: letters, digits, ".", "_", "-" and "@", 64 at most'),
        roles: z
          .array(z.enum(ROLES, { error: ({ input }) => `${shown(input)} is none of ${ROLES.join(', ')}` }))
          .min(1, 'is empty: give at least one role'),
        hash: z.string(),
      }),
    )
    .max(MAX_USERS, `has more than ${MAX_USERS} entries`),
})

/** The users that a text lists; null, and every problem with its place, where anything is wrong with it. */
export function parseUsers(file: string, text: string): { users: Users | null; problems: readonly string[] } {
  const source = readYaml(file, text)
  const problems = source.problems.map(formatProblem)
  if (source.value === undefined) return { users: null, problems }
  const report = (path: readonly (string | number)[], message: string, of: 'key' | 'value' = 'value') =>
    problems.push(formatProblem({ severity: 'error', ...source.placeOf(path, of), message }))
  const { data, error } = schema.safeParse(source.value)
  for (const issue of error?.issues ?? []) {
    const path = issue.path as (string | number)[] // of plain data
    const known = path.length === 0 ? ['users'] : ['name', 'roles', 'hash']
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys) report([...path, key], unknownKey(key, known), 'key')
    else report(path, `${labelOf(path)} ${issue.code === 'invalid_type' ? wordsOf(issue) : issue.message}`)
  }
  const users = new Map<string, KnownUser>()
  for (const [index, { name, roles, hash }] of (data?.users ?? []).entries()) {
    const parsed = parsePasswordHash(hash)
    if (typeof parsed === 'string') report(['users', index, 'hash'], `the hash of ${shown(name)} ${parsed}`)
    else if (users.has(name)) report(['users', index, 'name'], `${shown(name)} is listed twice; keep one`)
    else users.set(name, Object.freeze({ name, roles: Object.freeze([...new Set(roles)]), hash: parsed }))
  }
  return { users: problems.length === 0 ? users : null, problems }
}

function labelOf(path: readonly (string | number)[]): string {
  return path.length === 0 ? 'the file' : path.filter((step) => typeof step === 'string').join('.')
}

/** zod's own words would not say what to write. */
function wordsOf({ path }: z.core.$ZodIssue): string {
  if (path.length === 0) return 'is no map with the key "users"'
  const isList = path.at(-1) === 'users' || path.at(-1) === 'roles'
  return isList ? 'is no list, or missing' : 'is no text of the kind that is wanted, or missing'
}
