/**
 * HTTP Basic (RFC 7617) against the users file. Hashing is slow on purpose, so it is what an attacker would use against us:
 * one runs at a time, few wait, whoever fails is slowed down, and who has just succeeded is known there for a minute.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { parseAddress } from '../rules/address.ts'
import { ArrivalMap } from '../rules/tables/arrivals.ts'
import { isPassword, type PasswordHash, parsePasswordHash } from './password.ts'
import { Throttle } from './throttle.ts'
import type { User, Users } from './users.ts'

export type Authenticated =
  | { readonly kind: 'user'; readonly user: User }
  /** No credentials, or none that could be read. */
  | { readonly kind: 'missing' }
  /** `user` is null where nobody of that name may log in: what was typed may be a password. */
  | { readonly kind: 'wrong'; readonly user: string | null }
  /** Not looked at, right or wrong: others have failed before. `user` as above. */
  | { readonly kind: 'throttled'; readonly user: string | null; readonly retryMs: number }
  | { readonly kind: 'busy'; readonly retryMs: number }

export interface Authenticator {
  /** Never rejects for what a client sends. */
  authenticate(authorization: string | undefined, address: string): Promise<Authenticated>
}

export interface AuthenticatorOptions {
  /** Those who may log in now. */
  readonly users: () => Users
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly isPassword?: (password: string, hash: PasswordHash) => Promise<boolean>
}

interface LoggedIn {
  /** Fingerprint of the credentials that were right. */
  readonly print: string
  /** When they are to be looked at again. */
  readonly until: number
}

const KNOWN_MS = 60_000
const MAX_WAITING = 16
/** Of one address: a flood from one place leaves room for others. */
const MAX_WAITING_EACH = 4
const BUSY_RETRY_MS = 1000
const MAX_CREDENTIALS = 1500
const MAX_HOMES = 1000
const FORGET_MS = 15 * 60_000
/** A user name is known to many; an attacker who uses it must not keep its owner out for long. */
const OF_ADDRESS = { free: 5, firstMs: 1000, mostMs: 60_000, forgetMs: FORGET_MS }
const OF_USER = { free: 20, firstMs: 1000, mostMs: 10_000, forgetMs: FORGET_MS }
/** Compared where there is no such user, so that the time taken does not tell; no password leads to it. */
const NOBODY = parsePasswordHash(`$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`) as PasswordHash // it is well-formed

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { users, now, isPassword: compare = isPassword } = options
  const secret = randomBytes(32)
  const addresses = new Throttle({ ...OF_ADDRESS, now })
  const names = new Throttle({ ...OF_USER, now })
  /** Who has logged in from where, longest ago first: there, others' failures elsewhere do not slow the user down. */
  const homes = new ArrivalMap<string, LoggedIn>()
  const turns = createTurns(MAX_WAITING, MAX_WAITING_EACH)

  const remember = (home: string, print: string) => {
    homes.set(home, { print, until: now() + KNOWN_MS })
    if (homes.size > MAX_HOMES && homes.oldest !== null) homes.delete(homes.oldest[0])
  }

  return {
    async authenticate(authorization, address) {
      const given = parseBasic(authorization)
      if (given === null) return { kind: 'missing' }
      const { name, password } = given
      const user = users().get(name)
      const from = networkOf(address)
      const home = `${name} ${from}`
      const waitMs = () => Math.max(addresses.waitMs(from), homes.get(home) ? 0 : names.waitMs(name))
      const throttled = () => ({ kind: 'throttled', user: user?.name ?? null, retryMs: waitMs() }) as const
      // Before all else: what was remembered would tell a right guess from a wrong one.
      if (waitMs() > 0) return throttled()
      const print = user ? fingerprint(secret, name, password, user.hash) : ''
      const known = homes.get(home)
      if (user && known?.print === print && known.until > now()) return { kind: 'user', user }
      const turn = turns.take(from)
      if (turn === null) return { kind: 'busy', retryMs: BUSY_RETRY_MS }
      let isRight = false
      try {
        await turn.come
        // Others of the same address may have failed while this one waited.
        if (waitMs() > 0) return throttled()
        isRight = await compare(password, user?.hash ?? NOBODY)
      } finally {
        turn.done()
      }
      if (user === undefined || !isRight) {
        addresses.failed(from)
        if (user) names.failed(name)
        return { kind: 'wrong', user: user?.name ?? null }
      }
      addresses.succeeded(from)
      remember(home, print)
      return { kind: 'user', user }
    },
  }
}

function parseBasic(authorization: string | undefined): { readonly name: string; readonly password: string } | null {
  if (authorization === undefined || authorization.length > MAX_CREDENTIALS) return null
  const [, encoded = ''] = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization) ?? []
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Says nothing to whoever does not know this process's secret; another hash of the same user makes another. */
function fingerprint(secret: Buffer, name: string, password: string, { salt, tag }: PasswordHash): string {
  const text = JSON.stringify([name, password, salt.toString('base64'), tag.toString('base64')])
  return createHmac('sha256', secret).update(text).digest('base64')
}

/** An IPv6 client has a /64 of its own to choose addresses from. */
export function networkOf(address: string): string {
  const parsed = parseAddress(address.replace(/%.*$/, ''))
  if (parsed === null) return ''
  return parsed.family === 4 ? parsed.text : `${parsed.a.toString(16)}:${parsed.b.toString(16)}/64`
}

interface Turn {
  /** Resolves when it is this one's turn. */
  readonly come: Promise<void>
  done(): void
}

/** One at a time, in order: hashing takes a thread that the disk and the name service need too. null: too many wait. */
function createTurns(maxWaiting: number, maxEach: number): { take(from: string): Turn | null } {
  let last: Promise<void> = Promise.resolve()
  let taken = 0
  const takenBy = new Map<string, number>()
  return {
    take(from) {
      const before = takenBy.get(from) ?? 0
      if (taken > maxWaiting || before >= maxEach) return null
      taken++
      takenBy.set(from, before + 1)
      const come = last
      const { promise, resolve } = Promise.withResolvers<void>()
      last = promise
      const done = () => {
        taken--
        const left = (takenBy.get(from) ?? 1) - 1
        if (left > 0) takenBy.set(from, left)
        else takenBy.delete(from)
        resolve()
      }
      return { come, done }
    },
  }
}
