/**
 * How commands talk to a running proxy: the calls of its admin port. Where that is comes from a flag or the server file; who asks,
 * from a flag or variable; the password from a file or the terminal, never from the command line, which every process can read.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import { quoted } from '../../rules/address.ts'
import { type Io, UsageError } from '../io.ts'
import { formatConfigProblem, loadConfig } from '../settings/config.ts'
import { loopbackOf, parseSocketAddress } from '../settings/values.ts'
import { CLIENT_VARIABLES } from '../settings/variables.ts'

const TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 32 * 1024 * 1024

/** The flags that every such command takes, as given. */
export interface AdminFlags {
  readonly admin: string | undefined
  readonly user: string | undefined
  readonly 'password-file': string | undefined
  readonly ca: string | undefined
  readonly config: string | undefined
}

export type AdminMethod = 'GET' | 'POST' | 'DELETE'

/** The port could not be asked, or it said no; the message holds the remedy. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  /** 0: there was no answer. */
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

export interface AdminClient {
  /** Resolves with the JSON that was answered; rejects with AdminError. */
  call(method: AdminMethod, path: string, body?: object): Promise<unknown>
}

/** Where the admin port is, and how it is known to be the right one. */
interface Place {
  readonly origin: URL
  readonly tls: ConnectionOptions
}

/** Asks for the password where no file holds it. Throws UsageError where something is missing. */
export async function openAdminClient(
  flags: AdminFlags,
  env: Readonly<Record<string, string | undefined>>,
  io: Pick<Io, 'secret' | 'complain'>,
): Promise<AdminClient> {
  const place = flags.admin === undefined ? placeInConfig(flags, env, io) : placeOf(flags.admin, flags, env)
  const user = flags.user ?? env[CLIENT_VARIABLES.user]
  if (!user) throw new UsageError(`who asks? Give --user NAME, or set ${CLIENT_VARIABLES.user}`)
  const file = flags['password-file'] ?? env[CLIENT_VARIABLES.passwordFile]
  const password = file ? firstLine(file) : await io.secret?.(`Password of ${user} for ${place.origin.host}: `)
  if (!password) throw new UsageError(`no password: type it, or name its file with --password-file`)
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  return { call: (method, path, body) => ask(place, authorization, method, path, body) }
}

function placeOf(admin: string, flags: AdminFlags, env: Readonly<Record<string, string | undefined>>): Place {
  const isSocket = parseSocketAddress(admin) !== undefined
  const text = /^https?:\/\//i.test(admin) ? admin : `http://${admin}`
  const origin = URL.canParse(text) ? new URL(text) : null
  const isBare = origin?.username === '' && origin.password === '' && origin.search === '' && origin.pathname === '/'
  if (origin === null || !isBare)
    throw new UsageError(
      `--admin: ${quoted(admin)} is no admin port; write 127.0.0.1:3129 or https://proxy.example:3129`,
    )
  if (!isLoopback(origin.hostname) && text !== admin)
    throw new UsageError(
      `--admin: ${quoted(admin)} would send the password in the clear; write https://${admin}${isSocket ? '' : ' with its port'}`,
    )
  return { origin, tls: tlsOf(flags, env) }
}

/** The port that the server file names is on this host; its certificate is the one in the file, whatever names it is for. */
function placeInConfig(
  flags: AdminFlags,
  env: Readonly<Record<string, string | undefined>>,
  { complain }: Pick<Io, 'complain'>,
): Place {
  const readFile = (path: string) => readFileSync(path, 'utf8')
  const { config, problems } = loadConfig({ flags: { config: flags.config }, env, readFile })
  if (config === null) {
    for (const problem of problems) complain(formatConfigProblem(problem))
    throw new UsageError('the settings do not say where the admin port is; give --admin ADDRESS:PORT')
  }
  const { address, tls } = config.admin
  const host = loopbackOf(address.address.text)
  const authority = `${host.includes(':') ? `[${host}]` : host}:${address.port}`
  if (tls === null) return { origin: new URL(`http://${authority}`), tls: {} }
  const given = tlsOf(flags, env)
  return { origin: new URL(`https://${authority}`), tls: given.ca === undefined ? pinned(tls.cert) : given }
}

function tlsOf({ ca }: AdminFlags, env: Readonly<Record<string, string | undefined>>): ConnectionOptions {
  const file = ca ?? env[CLIENT_VARIABLES.ca]
  return file ? { ca: readText(file) } : {}
}

function pinned(file: string): ConnectionOptions {
  const cert = readText(file)
  const { raw } = new X509Certificate(cert)
  const isOther = (shown: Buffer | undefined) => shown === undefined || !shown.equals(raw)
  return {
    ca: cert,
    allowPartialTrustChain: true,
    checkServerIdentity: (_, shown) =>
      isOther(shown.raw) ? new Error(`the certificate shown is not that of ${file}`) : undefined,
  }
}

/** What to do about what the system and its TLS say in their own words. */
const REMEDIES: readonly (readonly [said: string, why: string])[] = [
  ['wrong version number', 'it does not speak TLS (admin.tls)'],
  ['self-signed certificate', 'nobody known vouches for its certificate; name who does with --ca FILE'],
  ['unable to verify', 'nobody known vouches for its certificate; name who does with --ca FILE'],
  ['unable to get local issuer', 'nobody known vouches for its certificate; name who does with --ca FILE'],
  ['socket hang up', 'it hung up; where it speaks TLS (admin.tls), write https://HOST:PORT'],
]

function whyOf({ name, message }: Error): string {
  if (name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`
  return REMEDIES.find(([said]) => message.includes(said))?.[1] ?? message
}

function ask(place: Place, authorization: string, method: AdminMethod, path: string, body?: object): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const { origin, tls } = place
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    authorization,
    accept: 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(text === '' ? {} : { 'content-type': 'application/json' }),
  }
  const options = { method, path, headers, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) } as const
  const host = { host: origin.hostname.replace(/^\[|\]$/g, ''), port: origin.port || undefined }
  const isTls = origin.protocol === 'https:'
  const sent = isTls ? requestHttps({ ...options, ...host, ...tls }) : requestHttp({ ...options, ...host })
  const failed = (error: Error) => {
    const why = whyOf(error)
    reject(
      new AdminError(0, `${origin.origin}: ${why}; is the proxy running, and is this its admin port?`, {
        cause: error,
      }),
    )
  }
  sent.on('error', failed)
  sent.on('response', (response) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('error', failed)
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_ANSWER_BYTES) response.destroy(new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`))
      else chunks.push(chunk)
    })
    response.on('end', () => {
      const answer = parsed(Buffer.concat(chunks).toString('utf8'))
      const status = response.statusCode ?? 0
      if (status === 200 && answer !== undefined) resolve(answer)
      else reject(new AdminError(status, refusalIn(answer, status)))
    })
  })
  sent.end(text)
  return promise
}

function refusalIn(answer: unknown, status: number): string {
  if (typeof answer === 'object' && answer !== null && 'error' in answer && 'remedy' in answer)
    return `${answer.error}; ${answer.remedy}`
  return `answered ${status}; is this the admin port of a Landline?`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function firstLine(file: string): string {
  return readText(file).split(/\r?\n/, 1)[0] ?? ''
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
}
