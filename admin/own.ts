/**
 * The proxy's own pages, for the people behind it. An internal service on loopback: the data plane hands requests here with
 * a token that only it knows and with what it knows of the client; nothing else is believed.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Form, preferredForm } from '../pages/accept.ts'
import { blockedPage } from '../pages/blocked.ts'
import { chooseLanguage, type Language } from '../pages/language.ts'
import { homePage, noticePage } from '../pages/own-pages.ts'
import { type Whoami, whoamiPage } from '../pages/whoami.ts'
import { parseAddress } from '../rules/address.ts'
import type { Address, Verdict } from '../rules/model.ts'
import { parseTarget } from '../rules/target.ts'
import type { Denial, Denials } from './denials.ts'
import {
  type Answer,
  boundedServer,
  close,
  HTML,
  JSON_TYPE,
  type Log,
  listen,
  PAC_TYPE,
  TEXT,
  targetOf,
} from './http.ts'

export interface OwnPagesOptions {
  /** The pseudonym of the proxy. */
  readonly name: string
  /** `landline.internal` */
  readonly ownHost: string
  /** New at each start. */
  readonly token: string
  /** The verdict on a request of that client (null: whose address is not known), now; what `decide` says, and nothing is recorded. */
  readonly judge: (clientIp: string | null, target: Target) => Verdict
  /** The rules in force. */
  readonly rules: () => { readonly name: string; readonly revision: string }
  /** What /whoami shows decisions for, by the rules in force. */
  readonly samples: () => readonly Sample[]
  /** How many services the rules know. */
  readonly serviceCount: () => number
  /** The name to show for a service's id; null for `none`, or an id that is no more. */
  readonly serviceName: (id: string) => string | null
  /** The settings file; `mobile` for a client that may leave the building. */
  readonly pac: (mobile: boolean) => string
  readonly denials: Denials
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly log: Log
}

export interface Target {
  /** Canonical name; null when the target is an address. */
  readonly host: string | null
  readonly address: Address | null
  readonly port: number
}

export interface Sample {
  /** Id. */
  readonly service: string
  readonly host: string
  readonly port: number
}

export interface OwnPages {
  /** On 127.0.0.1, at a free port. */
  listen(): Promise<{ readonly port: number }>
  close(): Promise<void>
}

const MOST_SHOWN = 50
const MAX_CLIENT_LENGTH = 4096

interface Client {
  readonly ip: string
  readonly port: number
  readonly learnt: Whoami['learnt']
  readonly path: readonly string[]
  /** False: the address is that of a hop on the way, and other clients have the same. */
  readonly known: boolean
}

/** What a page is made from. */
interface Visit {
  readonly client: Client
  /** On a request to the proxy itself: no service, so it says where the client sits and whether it is refused. */
  readonly seat: Verdict
  readonly form: Form
  readonly language: Language
  readonly acceptLanguage: string | null
  readonly reference: string | null
  /** What /whoami is asked about. */
  readonly to: string | null
}

export function createOwnPages(options: OwnPagesOptions): OwnPages {
  const server = boundedServer((request) => answer(request, options), options.log)
  return {
    listen: async () => ({ port: await listen(server, '127.0.0.1', 0) }),
    close: () => close(server),
  }
}

function answer(request: IncomingMessage, options: OwnPagesOptions): Answer {
  const { headers } = request
  if (!isToken(headers['landline-token'], options.token)) {
    return { status: 403, type: TEXT, body: `These pages are served through the proxy: http://${options.ownHost}/\n` }
  }
  const client = clientOf(headers['landline-client'])
  if (client === null) return { status: 400, type: TEXT, body: 'It is not known whose request this is.\n' }
  const acceptLanguage = headers['accept-language'] ?? null
  const { path, query } = targetOf(request)
  const visit: Visit = {
    client,
    seat: options.judge(client.known ? client.ip : null, { host: options.ownHost, address: null, port: 80 }),
    form: preferredForm(headers.accept ?? null),
    language: chooseLanguage(acceptLanguage),
    acceptLanguage,
    reference: query.get('ref')?.trim().toLowerCase() || null,
    to: query.get('to')?.trim() || null,
  }
  return route(path, visit, options)
}

function route(path: string, visit: Visit, options: OwnPagesOptions): Answer {
  const { seat, form, language } = visit
  const isPage = form === 'html'
  if (path === '/whoami') return whoami(visit, options)
  if (path === '/proxy.pac') {
    const { medium } = seat.segment
    return { status: 200, type: PAC_TYPE, body: options.pac(medium === 'mobile' || medium === 'unknown') }
  }
  if (seat.action === 'refuse') return written(403, form, noticePage(isPage, language, 'forbidden'))
  if (path === '/') return written(200, form, homePage(isPage, language))
  if (path === '/blocked') return blocked(visit, options)
  return written(404, form, noticePage(isPage, language, 'notFound'))
}

function whoami({ client, seat, form, language, to }: Visit, options: OwnPagesOptions): Answer {
  const target = to === null ? null : parseTarget(to)
  if (typeof target === 'string') return { status: 400, type: TEXT, body: `to: ${target}\n` }
  const decide = ({ host, address, port }: Target) => {
    const { action, rule, exception, service } = options.judge(client.known ? client.ip : null, { host, address, port })
    const name = host ?? address?.text ?? ''
    const text = name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`
    return { service: options.serviceName(service) ?? service, target: text, action, rule, exception }
  }
  const { name, revision } = options.rules()
  const seen: Whoami = {
    proxy: options.name,
    address: client.ip,
    port: client.port,
    learnt: client.learnt,
    path: client.path,
    segment: seat.segment,
    prefix: seat.prefix,
    refused: seat.action === 'refuse',
    rules: { name, revision },
    asked: target === null ? null : decide(target),
    decisions: options.samples().map(({ service, host, port }) => ({
      ...decide({ host, address: null, port }),
      service: options.serviceName(service) ?? service,
    })),
    services: options.serviceCount(),
  }
  if (form === 'json') return { status: 200, type: JSON_TYPE, body: `${JSON.stringify(seen)}\n` }
  return written(200, form, whoamiPage(seen, form === 'html', language))
}

/** Nobody sees another address's denials; where several people share one, a reference shows that denial and no other. */
function blocked({ client, seat, form, language, acceptLanguage, reference }: Visit, options: OwnPagesOptions): Answer {
  const found = reference === null ? null : options.denials.find(client.ip, reference)
  const view = reference !== null ? 'one' : seat.segment.shared || !client.known ? 'lookup' : 'list'
  const denials =
    view === 'list' ? options.denials.recent(client.ip).slice(0, MOST_SHOWN) : found === null ? [] : [found]
  const status = view === 'one' && denials.length === 0 ? 404 : 200
  const entries = denials.map((denial) => entryOf(denial, options))
  if (form === 'json') return { status, type: JSON_TYPE, body: `${JSON.stringify({ view, denials: entries })}\n` }
  return written(
    status,
    form,
    blockedPage({ html: form === 'html', language, acceptLanguage, view, entries, now: options.now() }),
  )
}

function entryOf({ reference, at, service, host, by, reason, alternative }: Denial, { serviceName }: OwnPagesOptions) {
  return { reference, at, service: serviceName(service), host, by, reason, alternative }
}

function written(status: number, form: Form, body: string): Answer {
  return { status, type: form === 'html' ? HTML : TEXT, body }
}

/** In constant time, whatever the length. */
function isToken(given: string | string[] | undefined, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(token))
}

/** null when it is not what the data plane writes. */
function clientOf(header: string | string[] | undefined): Client | null {
  if (typeof header !== 'string' || header.length > MAX_CLIENT_LENGTH) return null
  const { ip, port, learnt, path, known } = parsedObject(header)
  if (typeof ip !== 'string' || parseAddress(ip) === null || typeof port !== 'number') return null
  if (learnt !== 'socket' && learnt !== 'proxy-protocol' && learnt !== 'forwarded') return null
  if (!Array.isArray(path) || !path.every((hop) => typeof hop === 'string')) return null
  return { ip, port, learnt, path, known: known === true }
}

function parsedObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
