/**
 * The files of the admin port, read at start and again when they change or a signal asks: who may log in, and the certificate.
 * What is bad at start is refused; what is bad later changes nothing, and the log says so.
 */
import { readFileSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Tls } from '../../admin/http.ts'
import { canHash } from '../../admin/password.ts'
import { parseUsers, type Users } from '../../admin/users.ts'
import type { ServerConfig } from '../settings/settings.ts'
import { StartError } from './first-policy.ts'
import type { Log } from './operator-log.ts'

const POLL_MS = 1000
const WORLD_READS = 0o004
const WORLD_WRITES = 0o002

type AdminSettings = ServerConfig['admin']

export interface AdminFiles {
  /** Those who may log in now; null: there is no users file. */
  readonly users: (() => Users) | null
  /** As read at start; null: no TLS. */
  readonly tls: Tls | null
  /** Reads again what has changed, and tells of a new certificate, until the function that it returns is called. */
  watch(useCertificate: (tls: Tls) => void): () => void
}

/** Throws StartError where a file cannot be used. */
export function readAdminFiles(settings: AdminSettings, log: Log): AdminFiles {
  const { users: usersFile, tls: tlsFiles } = settings
  warnOfSettings(settings, log)
  let users = usersFile === null ? null : readUsers(usersFile, log)
  const readAgain = (useCertificate: (tls: Tls) => void) => {
    if (usersFile !== null)
      attempt('the users file', log, () => {
        users = readUsers(usersFile, log)
        return { users: users.size }
      })
    if (tlsFiles !== null)
      attempt('the certificate of the admin port', log, () => {
        useCertificate(readTls(tlsFiles))
        return {}
      })
  }
  const paths = [usersFile, tlsFiles?.cert, tlsFiles?.key].filter((path) => typeof path === 'string')
  return {
    users: usersFile === null ? null : () => users ?? new Map(),
    tls: tlsFiles === null ? null : readTls(tlsFiles),
    watch: (useCertificate) => watchFiles(paths, () => readAgain(useCertificate)),
  }
}

function warnOfSettings({ address, users, tls, insecureLogins }: AdminSettings, log: Log): void {
  const isLoopback = /^127\.|^::1$/.test(address.address.text)
  if (users === null || tls !== null || isLoopback) return
  if (insecureLogins)
    log.warn({}, 'admin.insecure_logins: passwords for the admin port may cross the network in the clear')
  else log.warn({}, 'the admin port has no TLS: passwords are taken from this host only; set admin.tls for others')
}

function readUsers(file: string, log: Log): Users {
  if (!canHash())
    throw new StartError([`admin.users: this Node.js (${process.version}) has no argon2; use 24.7 or later`])
  let text: string
  try {
    const { mode } = statSync(file)
    if (mode & WORLD_WRITES)
      throw new StartError([`admin.users: ${file} can be written by everybody on this host; chmod 600 ${file}`])
    if (mode & WORLD_READS) log.warn({ file }, 'the users file can be read by everybody on this host; chmod 600 it')
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw error instanceof StartError
      ? error
      : new StartError([`admin.users: ${file} cannot be read: ${messageOf(error)}`])
  }
  const { users, problems } = parseUsers(file, text)
  if (users === null) throw new StartError(problems)
  if (users.size === 0) log.warn({ file }, 'the users file lists nobody: no call of the admin port is answered')
  return users
}

function readTls({ cert, key }: NonNullable<AdminSettings['tls']>): Tls {
  try {
    const read = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
    createSecureContext(read) // throws where they are no pair
    return read
  } catch (error) {
    throw new StartError([`admin.tls: ${messageOf(error)}`])
  }
}

function attempt(what: string, log: Log, work: () => object): void {
  try {
    log.info(work(), `${what} was read again`)
  } catch (error) {
    const problems = error instanceof StartError ? error.lines : [messageOf(error)]
    log.error({ problems }, `${what} is refused, what was read before stays in force`)
  }
}

/** Polled, as rule files are: mounted files and swapped links change without an event. */
function watchFiles(paths: readonly string[], changed: () => void): () => void {
  if (paths.length === 0) return () => {}
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let seen: string | null = null
  let pending: string | null = null
  const look = async () => {
    const state = (await Promise.all(paths.map(stateOf))).join('\n')
    if (stopped) return
    if (seen === null) seen = state
    // A file is read when it has been left alone for one look.
    else if (state !== seen && state === pending) {
      seen = state
      changed()
    }
    pending = state
    timer = setTimeout(() => void look(), POLL_MS).unref()
  }
  void look()
  process.on('SIGHUP', changed)
  return () => {
    stopped = true
    clearTimeout(timer)
    process.off('SIGHUP', changed)
  }
}

async function stateOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  return found === null ? '-' : `${found.ino} ${found.size} ${found.mtimeNs} ${found.mode}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
