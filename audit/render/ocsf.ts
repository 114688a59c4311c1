/**
 * Records as OCSF events, schema 1.5.0 (schema.ocsf.io), one JSON object a line. Requests are HTTP Activity (4002) with the
 * profiles security_control and network_proxy; what happens to the system itself is a Base Event (0).
 */
import type { AuditRecord } from '../read.ts'
import { clientOf, isDenied, isTraffic, type Rendering } from './rendering.ts'

const SCHEMA = '1.5.0'
const HTTP_ACTIVITY = 4002
const NETWORK = 4
/** `activity_id` is the method. */
const ACTIVITIES = ['Unknown', 'Connect', 'Delete', 'Get', 'Head', 'Options', 'Post', 'Put', 'Trace'] as const
const OTHER = 99
const SEVERITIES = ['Unknown', 'Informational', 'Low', 'Medium'] as const
const ACTIONS = ['Unknown', 'Allowed', 'Denied', 'Observed'] as const
const DISPOSITIONS = { 1: 'Allowed', 2: 'Blocked', 17: 'Logged' } as const
const FORBIDDEN = 403

export const ocsfRendering: Rendering = {
  format: 'ocsf',
  version: 1,
  file: 'records.ocsf.jsonl',
  head: '',
  render: (record) => `${JSON.stringify(isTraffic(record) ? httpActivity(record) : baseEvent(record))}\n`,
}

function httpActivity(record: AuditRecord): object {
  const { event, http, network, landline } = record
  const activity = activityOf(http?.request.method ?? null)
  const action = actionOf(record)
  const disposition = action === 1 ? 1 : action === 2 ? 2 : 17
  return {
    activity_id: activity.id,
    activity_name: activity.name,
    category_uid: NETWORK,
    category_name: 'Network Activity',
    class_uid: HTTP_ACTIVITY,
    class_name: 'HTTP Activity',
    type_uid: HTTP_ACTIVITY * 100 + activity.id,
    type_name: `HTTP Activity: ${activity.name}`,
    ...occurrence(record, action === 2 ? 2 : 1, ['security_control', 'network_proxy']),
    ...(event.duration === undefined ? {} : { duration: Math.round(event.duration / 1e6) }),
    ...repetition(record),
    action_id: action,
    action: ACTIONS[action],
    disposition_id: disposition,
    disposition: DISPOSITIONS[disposition],
    ...named('app_name', network?.application),
    src_endpoint: sourceOf(record),
    dst_endpoint: destinationOf(record),
    proxy_endpoint: { name: record.observer.name },
    connection_info: { direction_id: 2, direction: 'Outbound', protocol_name: 'tcp', protocol_num: 6 },
    http_request: requestOf(record),
    // What a refused client was answered; a tunnel that is cut has had its answer.
    ...(action === 2 && event.action !== 'sever' ? { http_response: { code: FORBIDDEN } } : {}),
    ...trafficOf(record),
    ...ruleOf(record),
    unmapped: { segment: landline.segment, exception: landline.exception ?? null, exchange: landline.exchange },
  }
}

function baseEvent(record: AuditRecord): object {
  return {
    activity_id: OTHER,
    activity_name: record.event.action,
    category_uid: 0,
    category_name: 'Uncategorized',
    class_uid: 0,
    class_name: 'Base Event',
    type_uid: OTHER,
    type_name: 'Base Event: Other',
    ...occurrence(record, record.event.outcome === 'failure' ? 3 : 1, []),
    unmapped: record.landline.facts ?? {},
  }
}

/** What every class has. */
function occurrence(record: AuditRecord, severity: 1 | 2 | 3, profiles: readonly string[]): object {
  const { event, observer } = record
  const failed = event.outcome === 'failure'
  return {
    time: Date.parse(record['@timestamp']),
    severity_id: severity,
    severity: SEVERITIES[severity],
    status_id: failed ? 2 : 1,
    status: failed ? 'Failure' : 'Success',
    ...named('message', event.reason),
    metadata: {
      version: SCHEMA,
      product: { name: 'Landline', vendor_name: 'Landline', version: observer.version },
      uid: event.id,
      sequence: event.sequence,
      event_code: event.action,
      log_name: observer.name,
      original_time: record['@timestamp'],
      profiles,
    },
  }
}

/** The method; CONNECT is "Connect". A method without an id of its own is "Other", and named in the request. */
function activityOf(method: string | null): { readonly id: number; readonly name: string } {
  if (method === null) return { id: 0, name: ACTIVITIES[0] }
  const id = ACTIVITIES.findIndex((name) => name.toUpperCase() === method)
  return id > 0 ? { id, name: ACTIVITIES[id] ?? '' } : { id: OTHER, name: method }
}

/** Denied; observed where nothing was decided by force (monitor mode, the end of a tunnel); else allowed. */
function actionOf(record: AuditRecord): 1 | 2 | 3 {
  if (isDenied(record)) return 2
  return record.event.action === 'would-block' || record.event.action === 'end' ? 3 : 1
}

function repetition({ landline: { repeat } }: AuditRecord): object {
  if (repeat === undefined) return {}
  return { count: repeat.count, start_time: Date.parse(repeat.first), end_time: Date.parse(repeat.last) }
}

function sourceOf(record: AuditRecord): object {
  const { source, landline } = record
  const client = clientOf(record) ?? 'unknown'
  return {
    ...(source?.ip == null ? { uid: client } : { ip: client }),
    ...named('port', source?.port),
    ...named('zone', landline.segment?.id),
  }
}

/** An endpoint needs a name of some kind, also where the destination is not recorded. */
function destinationOf({ destination }: AuditRecord): object {
  const isKnown = destination?.domain != null || destination?.ip != null
  return {
    ...named('hostname', destination?.domain),
    ...named('ip', destination?.ip),
    ...(isKnown ? {} : { name: 'not recorded' }),
    ...named('port', destination?.port),
  }
}

/** No path and no query: records have none. */
function requestOf({ http, destination }: AuditRecord): object {
  return {
    ...named('http_method', http?.request.method),
    ...(destination?.domain == null ? {} : { url: { hostname: destination.domain, port: destination.port } }),
  }
}

function trafficOf({ source, destination }: AuditRecord): object {
  if (source?.bytes === undefined || destination?.bytes === undefined) return {}
  const { bytes: sent } = source
  const { bytes: received } = destination
  return { traffic: { bytes: sent + received, bytes_out: sent, bytes_in: received } }
}

function ruleOf({ rule }: AuditRecord): object {
  if (rule === undefined) return {}
  return {
    policy: { name: rule.ruleset, version: rule.version },
    ...(rule.id == null ? {} : { firewall_rule: { uid: rule.id, name: rule.id, version: rule.version } }),
  }
}

function named(key: string, value: string | number | null | undefined): object {
  return value === null || value === undefined ? {} : { [key]: value }
}
