/**
 * `/api/v1/`: the calls for programs and for commands that act on the running proxy. Who asks is settled here, before anything
 * of the request is acted upon; what a call does is passed in as a route. Every answer is JSON, `{error, remedy}` where it is a no.
 */
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { parseAddress, parsePrefix, prefixContains } from '../rules/address.ts'
import type { Prefix } from '../rules/model.ts'
import { type ApiBody, ApiRefusal } from './api-refusal.ts'
import type { Authenticated, Authenticator } from './authentication.ts'
import { readJsonBody } from './body.ts'
import type { FailedLogins } from './failed-logins.ts'
import { type Answer, JSON_TYPE, targetOf } from './http.ts'
import type { Role, User } from './users.ts'

export const API_ROOT = '/api/v1/'

export interface ApiCall {
  readonly user: User
  /** What a POST or DELETE carries: a JSON object of 64 KiB at most, its fields unchecked. */
  readonly body: ApiBody
  readonly query: URLSearchParams
}

/** One call. Those other than GET must carry a JSON object, `{}` at least. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `/api/v1/status` */
  readonly path: string
  /** Any of them will do. */
  readonly roles: readonly Role[]
  /** How long the answer may take; absent: as every page of the port. */
  readonly deadlineMs?: number
  /** What to answer with 200, as JSON. Throws ApiRefusal where it says no. */
  readonly answer: (call: ApiCall) => unknown
}

export interface ApiOptions {
  readonly routes: readonly ApiRoute[]
  /** null: there is no users file, and so nobody who may call. */
  readonly authenticator: Authenticator | null
  readonly failedLogins: FailedLogins
  /** Take credentials from other hosts although the connection is not encrypted. */
  readonly insecureLogins: boolean
}

export interface Api {
  /** Rejects for what is a mistake of ours only. */
  answer(request: IncomingMessage): Promise<Answer>
  /** Of the route that is asked for, if it has its own. */
  deadlineMs(request: IncomingMessage): number | undefined
}

export function createApi(options: ApiOptions): Api {
  const routesAt = (path: string) => options.routes.filter((route) => route.path === path)
  const find = ({ method }: IncomingMessage, routes: readonly ApiRoute[]) =>
    routes.find((route) => route.method === (method === 'HEAD' ? 'GET' : method))

  async function call(request: IncomingMessage): Promise<unknown> {
    const user = await userOf(request, options)
    const { path, query } = targetOf(request)
    const routes = routesAt(path)
    const route = find(request, routes)
    if (routes.length === 0) {
      const there = [...new Set(options.routes.map((known) => known.path))].sort().join(', ')
      throw new ApiRefusal(404, 'there is no such call', `there is ${there}`)
    }
    if (route === undefined) {
      const allow = routes.map(({ method }) => method).join(', ')
      throw new ApiRefusal(405, 'the call does not take this method', `use ${allow}`, { allow })
    }
    if (!route.roles.some((role) => user.roles.includes(role)))
      throw new ApiRefusal(
        403,
        `${user.name} has not the role for this`,
        `ask somebody with the role ${route.roles.join(' or ')}`,
      )
    const body = route.method === 'GET' ? {} : await readJsonBody(request)
    return route.answer({ user, body, query })
  }

  return {
    async answer(request) {
      try {
        return jsonAnswer(200, await call(request))
      } catch (error) {
        if (!(error instanceof ApiRefusal)) throw error
        return jsonAnswer(error.status, { error: error.message, remedy: error.remedy }, error.headers)
      }
    },
    deadlineMs: (request) => find(request, routesAt(targetOf(request).path))?.deadlineMs,
  }
}

async function userOf(request: IncomingMessage, options: ApiOptions): Promise<User> {
  const { authenticator, failedLogins, insecureLogins } = options
  if (authenticator === null)
    throw new ApiRefusal(
      403,
      'this server has no users, so nobody may call',
      'name a users file in admin.users, with hashes made by "landline admin hash"',
    )
  if (!insecureLogins && !isPrivate(request.socket))
    throw new ApiRefusal(
      403,
      'credentials are taken from this host only, or over TLS',
      'set admin.tls; where something else encrypts the way, admin.insecure_logins: true',
    )
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new ApiRefusal(403, 'a page of another site asks', 'use a program, or the commands of landline')
  const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:|%.*$/g, '')
  const found = await authenticator.authenticate(request.headers.authorization, address)
  if (found.kind === 'user') return found.user
  if (found.kind === 'wrong' || found.kind === 'throttled') await failedLogins.failed({ user: found.user, address })
  throw refusalOf(found)
}

/** RFC 7617 §2.1: the client is told that names and passwords are UTF-8. */
const CHALLENGE = { 'www-authenticate': 'Basic realm="landline", charset="UTF-8"' }

function refusalOf(found: Exclude<Authenticated, { kind: 'user' }>): ApiRefusal {
  switch (found.kind) {
    case 'missing':
      return new ApiRefusal(401, 'this call needs a user and a password', 'send them as HTTP Basic', CHALLENGE)
    case 'wrong':
      return new ApiRefusal(401, 'user or password is wrong', 'try again; the failure is on record', CHALLENGE)
    case 'throttled':
      return new ApiRefusal(429, 'too many log-ins have failed', 'wait as Retry-After says', retryAfter(found.retryMs))
    case 'busy':
      return new ApiRefusal(503, 'too many log-ins at once', 'try again in a second', retryAfter(found.retryMs))
  }
}

function retryAfter(ms: number): Readonly<Record<string, string>> {
  return { 'retry-after': String(Math.ceil(ms / 1000)) }
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'].map((text) => parsePrefix(text) as Prefix) // both are well-formed

/** Whether nobody on the way can read along. */
function isPrivate(socket: IncomingMessage['socket']): boolean {
  if ((socket as Partial<TLSSocket>).encrypted === true) return true
  const address = parseAddress(socket.remoteAddress ?? '')
  return address !== null && LOOPBACK.some((prefix) => prefixContains(prefix, address))
}

/** Any value as an answer. */
export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value ?? {})}\n`, headers }
}
