/**
 * Records as ArcSight CEF, version 0 (Common Event Format Implementation Standard 26): a header of seven fields parted by
 * bars, then key=value pairs of its own dictionary. What that has no key for stands in the numbered custom strings.
 */
import type { AuditRecord } from '../read.ts'
import { clientOf, isDenied, isTraffic, type Rendering } from './rendering.ts'

const VENDOR = 'Landline'
const PRODUCT = 'Landline'
/** 0 to 10. */
const SEVERITY = { denied: 5, wouldBeDenied: 4, system: 3, allowed: 2 } as const
/** Lengths of the dictionary. */
const MAX = { reason: 1023, custom: 4000 } as const

export const cefRendering: Rendering = {
  format: 'cef',
  version: 1,
  file: 'records.cef',
  head: '',
  render: (record) => `${header(record)}|${extension(record)}\n`,
}

function header(record: AuditRecord): string {
  const { action } = record.event
  const name = isTraffic(record) ? `Conferencing request: ${action}` : `Landline: ${action}`
  return ['CEF:0', VENDOR, PRODUCT, record.observer.version, action, name, String(severity(record))]
    .map(escapeHeader)
    .join('|')
}

function severity(record: AuditRecord): number {
  if (!isTraffic(record)) return record.event.outcome === 'failure' ? SEVERITY.denied : SEVERITY.system
  if (isDenied(record)) return SEVERITY.denied
  return record.event.action === 'would-block' ? SEVERITY.wouldBeDenied : SEVERITY.allowed
}

function extension(record: AuditRecord): string {
  const { event, source, destination, http, network, rule, observer, landline } = record
  const pairs: readonly (readonly [key: string, value: string | number | null | undefined])[] = [
    ['rt', Date.parse(record['@timestamp'])],
    ['externalId', event.id],
    ['act', event.action],
    ['outcome', event.outcome],
    ['cat', event.category[0]],
    ['reason', event.reason?.slice(0, MAX.reason)],
    ['dvchost', observer.name],
    ...clientPairs(record),
    ['spt', source?.port],
    ['dhost', destination?.domain],
    ...addressPairs('dst', 'c6a3', 'Destination IPv6 Address', destination?.ip),
    ['dpt', destination?.port],
    ['proto', network === undefined ? null : network.transport.toUpperCase()],
    ['app', network?.application],
    ['requestMethod', http?.request.method],
    ['out', source?.bytes],
    ['in', destination?.bytes],
    ...custom('cs1', 'Rule', rule?.id),
    ...custom('cs2', 'Segment', landline.segment?.id),
    ...custom('cs3', 'Medium', landline.segment?.medium),
    ...custom('cs4', 'Exception', landline.exception),
    ...custom('cs5', 'Rules revision', rule?.version),
    ...custom(
      'cs6',
      'Facts',
      landline.facts === undefined ? null : JSON.stringify(landline.facts).slice(0, MAX.custom),
    ),
    ...custom('cn1', 'Sequence', event.sequence),
    ...custom('cn2', 'Repeated', landline.repeat?.count),
  ]
  return pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([key, value]) => `${key}=${escapeExtension(String(value))}`)
    .join(' ')
}

type Pair = readonly [key: string, value: string | number | null | undefined]

/** `src` takes an IPv4 address only; a pseudonym is the user that it stands for. */
function clientPairs(record: AuditRecord): readonly Pair[] {
  if (record.source === undefined) return []
  if (record.source.ip === null) return [['suid', clientOf(record)]]
  return addressPairs('src', 'c6a2', 'Source IPv6 Address', record.source.ip)
}

function addressPairs(v4: string, v6: string, label: string, address: string | null | undefined): readonly Pair[] {
  return address?.includes(':') ? custom(v6, label, address) : [[v4, address]]
}

/** A label without its value would be noise. */
function custom(key: string, label: string, value: string | number | null | undefined): readonly Pair[] {
  return value === null || value === undefined
    ? []
    : [
        [`${key}Label`, label],
        [key, value],
      ]
}

/** Bars and backslashes; a header has one line. */
function escapeHeader(text: string): string {
  return text.replace(/[\\|]/g, '\\$&').replace(/[\r\n]+/g, ' ')
}

/** Equals signs and backslashes; line ends are written as \n and \r. */
function escapeExtension(text: string): string {
  return text.replace(/[\\=]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
}
