/** One row of a tally: how often allowed conferencing of one kind was asked for within one hour. It holds no address of a client. */
import type { Allowed } from '../../rules/events.ts'
import { MEDIA, type Medium, MODES, type Mode } from '../../rules/model.ts'
import { quote } from '../text.ts'

export const HOUR_MS = 3_600_000

export interface TallyRow {
  /** When the hour began, in milliseconds since 1970. */
  readonly hour: number
  readonly segment: string
  readonly medium: Medium
  readonly service: string
  /** The rule that allowed it, or `otherwise`. */
  readonly rule: string
  readonly mode: Mode
  /** Of the rules that judged it. */
  readonly revision: string
  /** null for requests of many hosts, see `TallyBook`. */
  readonly asked: Asked | null
  readonly count: number
}

/** What was asked for, as far as it was evidence. */
export interface Asked {
  /** null: a bare address of the service. */
  readonly host: string | null
  readonly port: number
  /** The names that the tunnel opened with, where they are others than `host`. */
  readonly serverName: string | null
  readonly httpHost: string | null
  /** The service's prefix that held the destination's address; null: none did. */
  readonly prefix: string | null
}

/** What one request adds. */
export function rowOf({ at, verdict, revision, host, port, serverName, httpHost }: Allowed): TallyRow {
  const { segment, service, rule, mode, evidence } = verdict
  const prefix = evidence.find(({ kind }) => kind === 'address')?.match ?? null
  return {
    hour: at - (at % HOUR_MS),
    segment: segment.id,
    medium: segment.medium,
    service,
    rule,
    mode,
    revision,
    asked: { host, port, serverName: other(serverName, host), httpHost: other(httpHost, host), prefix },
    count: 1,
  }
}

/** The same name said again is no more evidence. */
function other(name: string | null, host: string | null): string | null {
  return name === host ? null : name
}

const NAME = 253

/** One line, with its end. Of what was asked for, only what was said is written. */
export function writeRow({ hour, segment, medium, service, rule, mode, revision, asked, count }: TallyRow): string {
  const host = asked?.host ?? null
  return (
    `{"hour":"${new Date(hour).toISOString()}","segment":${quote(segment, NAME)},"medium":"${medium}",` +
    `"service":${quote(service, NAME)},"host":${host === null ? 'null' : quote(host, NAME)},` +
    `"port":${asked?.port ?? null}${optional('sni', asked?.serverName)}${optional('http_host', asked?.httpHost)}` +
    `${optional('prefix', asked?.prefix)},"rule":${quote(rule, NAME)},"mode":"${mode}",` +
    `"revision":${quote(revision, NAME)}${asked === null ? ',"overflow":true' : ''},"count":${count}}\n`
  )
}

function optional(name: string, value: string | null | undefined): string {
  return value == null ? '' : `,"${name}":${quote(value, NAME)}`
}

/** The row of a line; null where it is none. */
export function parseRow(line: string): TallyRow | null {
  const row = parseObject(line)
  const { segment, service, rule, revision, count } = row
  const hour = typeof row.hour === 'string' ? Date.parse(row.hour) : Number.NaN
  const medium = MEDIA.find((known) => known === row.medium)
  const mode = MODES.find((known) => known === row.mode)
  if (Number.isNaN(hour) || medium === undefined || mode === undefined) return null
  if (!isText(segment) || !isText(service) || !isText(rule) || !isText(revision) || !isCount(count)) return null
  const asked = row.overflow === true ? null : askedOf(row)
  return asked === undefined ? null : { hour, segment, medium, service, rule, mode, revision, asked, count }
}

function askedOf({ host, port, sni, http_host, prefix }: Fields): Asked | undefined {
  if (!isCount(port) || (host !== null && !isText(host))) return undefined
  return { host, port, serverName: textOr(sni), httpHost: textOr(http_host), prefix: textOr(prefix) }
}

type Fields = Readonly<Record<string, unknown>>

function parseObject(line: string): Fields {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function textOr(value: unknown): string | null {
  return isText(value) ? value : null
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
