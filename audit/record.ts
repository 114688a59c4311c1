/**
 * Event → one line of the audit log (contract, section 4; field names are ECS, our own stand under `landline`).
 * The text is assembled by hand, named field by named field: nothing of an event gets in that is not listed here.
 */
import type {
  Rejudged,
  ShadowVerdict,
  SystemAction,
  SystemEvent,
  TrafficAction,
  TrafficEvent,
} from '../rules/events.ts'
import type { Match, Verdict } from '../rules/model.ts'
import { WIDEST_SHOWN } from './coarse.ts'
import { createDecisionTexts, type DecisionText, named, REASON } from './decision-text.ts'
import type { Client } from './pseudonym.ts'
import { NAME, quote, quoteOrNull, withinQuotes } from './text.ts'

/** Caps in characters. The longest is a reviewer's signed statement. */
const FACT = 4096
const METHOD = 32
const ITEMS = 64

/** Told at the end of a `repeat_seconds` window: how often the denial of `reference` came again. */
export interface RepeatEvent {
  readonly action: 'repeat'
  readonly of: TrafficEvent
  readonly reference: string
  /** Denials that share the reference, the first one not counted. */
  readonly count: number
  /** When the first and the last of them came, in milliseconds since 1970. */
  readonly firstAt: number
  readonly lastAt: number
  /** All of them, the first one too, asked for the same address and port by the same method, and were denied for the same cause. */
  readonly alike: boolean
}

/** What the log says of itself: which checkpoint was signed last, and that another key signs from here on. */
export interface OwnEvent extends Omit<SystemEvent, 'action'> {
  readonly action: 'checkpoint' | 'key-changed'
}

export type RecordedEvent = TrafficEvent | SystemEvent | RepeatEvent | OwnEvent

/** A line in two pieces: the sequence number goes between them, `prev` and `LINE_END` behind. */
export interface Pieces {
  readonly head: string
  readonly tail: string
}
export const LINE_END = '"}}\n'

/** `landline.prev` of the very first record: there is no line before it, so 32 zero bytes stand for its hash. */
export const NO_PREVIOUS = Buffer.alloc(32).toString('base64')

export interface Encoder {
  encode(event: RecordedEvent, id: string, at: number): Pieces
}

const DENIED = '"type":["connection","denied"]'
const ALLOWED = '"type":["connection","allowed"]'
const TRAFFIC: Readonly<Record<TrafficAction | 'repeat', string>> = {
  block: trafficHead(DENIED, 'block', 'failure'),
  'would-block': trafficHead(ALLOWED, 'would-block', 'success'),
  log: trafficHead(ALLOWED, 'log', 'success'),
  except: trafficHead(ALLOWED, 'except', 'success'),
  refuse: trafficHead(DENIED, 'refuse', 'failure'),
  sever: trafficHead(DENIED, 'sever', 'failure'),
  end: trafficHead('"type":["connection","end"]', 'end', 'success'),
  repeat: trafficHead(DENIED, 'repeat', 'failure'),
}

function trafficHead(type: string, action: string, outcome: string): string {
  return `,"kind":"event","category":["network"],${type},"action":"${action}","outcome":"${outcome}","reason":`
}

/** ECS category and type of what happens to the system itself. */
const SYSTEM: Readonly<Record<SystemAction | OwnEvent['action'], readonly [category: string, type: string]>> = {
  start: ['process', 'start'],
  stop: ['process', 'end'],
  reload: ['configuration', 'change'],
  'reload-failed': ['configuration', 'change'],
  'mode-change': ['configuration', 'change'],
  'shadow-reload': ['configuration', 'change'],
  'shadow-reload-failed': ['configuration', 'change'],
  'exception-started': ['configuration', 'change'],
  'exception-expired': ['configuration', 'change'],
  breakglass: ['configuration', 'change'],
  'breakglass-ended': ['configuration', 'change'],
  'worker-replaced': ['process', 'change'],
  recovered: ['file', 'change'],
  tally: ['file', 'creation'],
  purge: ['file', 'deletion'],
  export: ['file', 'access'],
  reveal: ['file', 'access'],
  'key-destroyed': ['file', 'deletion'],
  'sign-off': ['file', 'info'],
  'login-failed': ['authentication', 'start'],
  checkpoint: ['file', 'info'],
  'key-changed': ['configuration', 'change'],
}

/** Every `event.action` that there is. */
export const RECORDED_ACTIONS: readonly string[] = [...Object.keys(TRAFFIC), ...Object.keys(SYSTEM)]

/** How a client stands in a record where its address must not. */
export interface Cloaked {
  readonly pseudonym: string
  /** The hops it came through, each by its pseudonym. */
  readonly path: readonly string[]
  /** All of it, encrypted. */
  readonly sealed: string
}

/** Throws ERR_AUDIT_PRIVACY where there is no key: what cannot be cloaked is not written. */
export type Cloak = (client: Client, at: number) => Cloaked

/**
 * `observer` is the proxy that records: the server file's `name`, the program's version. With a `cloak`, no address of a client is
 * written.
 */
export function createEncoder(
  observer: { readonly name: string; readonly version: string },
  cloak: Cloak | null = null,
): Encoder {
  const seen = `"observer":{"type":"proxy","name":${quote(observer.name, NAME)},"version":${quote(observer.version, 64)}}`
  const cloaked = ({ source: { ip, port }, client: { path } }: TrafficEvent, at: number) =>
    cloak === null ? null : cloak({ ip, port, path }, at)
  const textOf = createDecisionTexts(seen)
  const traffic = (event: TrafficEvent, repeat: RepeatEvent | null, cloaked: Cloaked | null) =>
    trafficTail(event, textOf(event), repeat, cloaked)
  let time = ''
  let timeOf = Number.NaN
  return {
    encode(event, id, at) {
      // Many records share a millisecond, and a date costs as much as all of their other texts.
      if (at !== timeOf) time = new Date(at).toISOString()
      timeOf = at
      const head = `{"@timestamp":"${time}","ecs":{"version":"9.2"},"event":{"id":"${id}","sequence":`
      if (event.action === 'repeat') return { head, tail: traffic(event.of, event, cloaked(event.of, at)) }
      if ('verdict' in event) return { head, tail: traffic(event, null, cloaked(event, at)) }
      return { head, tail: systemTail(event, seen) }
    },
  }
}

/** Few pieces, as each costs the same however short it is: what stands around a value is one with what stands around the next. */
function trafficTail(
  event: TrafficEvent,
  text: DecisionText,
  repeat: RepeatEvent | null,
  cloaked: Cloaked | null,
): string {
  const { source, destination, verdict, carried, because, client } = event
  const head = TRAFFIC[repeat === null ? event.action : 'repeat']
  const reason = because === null ? text.reason : quote(because, REASON)
  const duration = carried === null ? '' : `,"duration":${Math.round(carried.milliseconds * 1e6)}`
  // The repeated requests came from many ports; the address is what they share. A port can tell apart who shares an address.
  const port = repeat === null && cloaked === null ? source.port : null
  return (
    `${head}${reason}${duration}},"source":{${address(source.ip, cloaked)}","port":${port}${bytes(carried?.sentBytes)}},` +
    `${destinationText(destination, carried?.receivedBytes)},"http":{"request":{"method":${quoteOrNull(event.method, METHOD)}}},` +
    `${text.members},"landline":{${segment(verdict, cloaked !== null)},"client":{"learnt":"${client.learnt}","path":` +
    `${list((cloaked ?? client).path, 64)}${cloaked === null ? '' : `,"sealed":"${cloaked.sealed}"`}},"mode":"${verdict.mode}",` +
    `"exception":${quoteOrNull(verdict.exception, NAME)},"evidence":[${evidence(verdict.evidence)}],` +
    `"exchange":"${withinQuotes(event.exchange, 64)}",${event.ech ? '"ech":true,' : ''}${rejudgedText(event.rejudged ?? null)}` +
    `${shadowText(event.shadow ?? null)}${repeat === null ? '' : repeated(repeat)}"prev":"`
  )
}

/** Up to the last quote. */
function address(ip: string, cloaked: Cloaked | null): string {
  return cloaked === null ? `"ip":"${withinQuotes(ip, 64)}` : `"ip":null,"address":"${cloaked.pseudonym}`
}

function destinationText(destination: TrafficEvent['destination'], receivedBytes: number | undefined): string {
  if (destination === null) return `"destination":{"domain":null,"ip":null,"port":null${bytes(receivedBytes)}}`
  const { domain, ip, port } = destination
  if (domain !== null && ip === null)
    return `"destination":{"domain":"${withinQuotes(domain, NAME)}","ip":null,"port":${port}${bytes(receivedBytes)}}`
  return `"destination":{"domain":${quoteOrNull(domain, NAME)},"ip":${quoteOrNull(ip, 64)},"port":${port}${bytes(receivedBytes)}}`
}

function systemTail(event: SystemEvent | OwnEvent, observer: string): string {
  const [category, type] = SYSTEM[event.action]
  const rule =
    event.policy === null
      ? ''
      : `"rule":{"ruleset":${quote(event.policy.name, NAME)},"version":${quote(event.policy.revision, NAME)}},`
  const source = event.source === undefined ? '' : `"source":{"ip":${quote(event.source.ip, 64)}},`
  const facts = Object.entries(event.facts).slice(0, ITEMS).map(fact).join(',')
  return (
    `,"kind":"event","category":["${category}"],"type":["${type}"],"action":"${event.action}",` +
    `"outcome":"${event.outcome}","reason":${quote(event.reason, REASON)}},${source}${rule}${observer},` +
    `"landline":{"facts":{${facts}},"prev":"`
  )
}

function fact([name, value]: [string, SystemEvent['facts'][string]]): string {
  return `${quote(name, 64)}:${factValue(value)}`
}

function factValue(value: SystemEvent['facts'][string]): string {
  if (typeof value === 'string') return quote(value, FACT)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null'
  return list(value, NAME)
}

function segment({ segment: { id, medium, shared }, prefix }: Verdict, isCloaked: boolean): string {
  const begin = `"segment":{"id":"${withinQuotes(id, NAME)}","medium":"${medium}","prefix":`
  const end = shared ? ',"source":"rules","shared":true}' : ',"source":"rules"}'
  if (prefix === null || (isCloaked && isNarrow(prefix))) return `${begin}null${end}`
  return `${begin}"${withinQuotes(prefix, 64)}"${end}`
}

/** So few addresses that the prefix would tell who it was. */
function isNarrow(prefix: string): boolean {
  const length = Number(prefix.slice(prefix.lastIndexOf('/') + 1))
  return length > (prefix.includes(':') ? WIDEST_SHOWN[6] : WIDEST_SHOWN[4])
}

function evidence(matches: readonly Match[]): string {
  const [first] = matches
  if (first === undefined || matches.length === 1) return first === undefined ? '' : matchText(first)
  return matches.slice(0, ITEMS).map(matchText).join(',')
}

function matchText({ kind, value, match, service }: Match): string {
  return `{"kind":"${kind}","value":"${withinQuotes(value, NAME)}","match":"${withinQuotes(match, NAME)}","service":"${withinQuotes(service, NAME)}"}`
}

function rejudgedText(rejudged: Rejudged | null): string {
  if (rejudged === null) return ''
  const { why, action, rule, exception, revision } = rejudged
  return (
    `"rejudged":{"why":${quote(why, REASON)},"action":"${action}","rule":${named(rule)},` +
    `"exception":${quoteOrNull(exception, NAME)},"version":${quote(revision, NAME)}},`
  )
}

function shadowText(shadow: ShadowVerdict | null): string {
  if (shadow === null) return ''
  const { action, rule, revision } = shadow
  return `"shadow":{"action":"${action}","rule":${named(rule)},"revision":${quote(revision, NAME)}},`
}

function repeated({ reference, of, count, firstAt, lastAt, alike }: RepeatEvent): string {
  const first = new Date(firstAt).toISOString()
  const last = new Date(lastAt).toISOString()
  return `"repeat":{"reference":"${reference}","action":"${of.action}","count":${count},"first":"${first}","last":"${last}"${alike ? ',"alike":true' : ''}},`
}

function list(values: readonly string[], limit: number): string {
  if (values.length === 0) return '[]'
  return `[${values
    .slice(0, ITEMS)
    .map((value) => quote(value, limit))
    .join(',')}]`
}

function bytes(count: number | undefined): string {
  return count === undefined ? '' : `,"bytes":${count}`
}
