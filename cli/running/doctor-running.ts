/** What a running proxy says of itself: its own page, its health and its metrics, read as an operator would. */
import { SIGNS } from '../../proxy/suspect.ts'
import { SUSPECT_REASONS } from '../../rules/events.ts'
import type { Policy } from '../../rules/policy.ts'
import { howMany } from '../../rules/words.ts'
import type { ServerConfig } from '../settings/settings.ts'
import { loopbackOf } from '../settings/values.ts'
import { type Finding, ok, unknown, warning, wrong } from './finding.ts'
import { getPage, type PagePlace } from './get-page.ts'
import { listenerToAsk } from './whoami.ts'

/** More unknown clients than this are a sign of wrong addresses. */
const MOST_UNKNOWN = 0.05
const WEEK_SECONDS = 7 * 86_400

export async function runningFindings(
  config: ServerConfig,
  policy: Policy | null,
  areRulesNamed: boolean,
  now: number,
): Promise<Finding[]> {
  const { address, tls } = config.admin
  const admin = { host: loopbackOf(address.address.text), port: address.port, tls: tls !== null }
  const metrics = await textOf(admin, '/metrics')
  if (metrics === null)
    return [
      unknown(
        'running proxy',
        `nobody answers on the admin port, ${address.text}`,
        'start it and ask again: the addresses that clients come with show only then',
      ),
    ]
  const series = readSeries(metrics)
  return [
    ...(await healthFindings(admin)),
    ...(await seatFindings(listenerToAsk(config))),
    ...suspectFindings(series),
    ...shareFindings(series),
    ...ruleFindings(series, policy, areRulesNamed),
    ...exceptionFindings(series, now),
  ]
}

/** null: no answer. */
async function textOf(place: PagePlace, path: string): Promise<string | null> {
  const page = await getPage(place, path, 'text/plain').catch(() => null)
  return page === null || page.status !== 200 ? null : page.body
}

async function healthFindings(admin: PagePlace): Promise<readonly Finding[]> {
  const page = await getPage(admin, '/readyz', 'text/plain').catch(() => null)
  const said = (page?.body ?? 'no answer').trim().replaceAll('\n', '; ')
  if (page?.status === 200) return [ok('health', said)]
  return [wrong('health', `/readyz: ${said}`, 'see docs/operation.md')]
}

/** How the proxy sees whoever asks from here: right for a machine whose segment is known. */
async function seatFindings(place: PagePlace | null): Promise<readonly Finding[]> {
  const subject = 'this machine as a client'
  const remedy = 'ask "landline whoami --proxy HOST:PORT" from a client'
  if (place === null) return [unknown(subject, 'every listener wants to be told addresses by a balancer', remedy)]
  const page = await getPage(place, '/whoami', 'application/json').catch(() => null)
  if (page === null || page.status !== 200) return [unknown(subject, `no answer from port ${place.port}`, remedy)]
  const { address, learnt, segment, prefix } = JSON.parse(page.body) // of our own page
  const seat = prefix === null ? 'in no segment' : `in segment ${segment.id} (${segment.medium}) by ${prefix}`
  return [ok(subject, `seen as ${address} (${learnt}), ${seat}; whether that is true, you know`)]
}

function suspectFindings(series: ReadonlyMap<string, number>): readonly Finding[] {
  return SUSPECT_REASONS.flatMap((reason) => {
    const count = series.get(`landline_client_address_suspect_total{reason="${reason}"}`) ?? 0
    return count === 0
      ? []
      : [
          warning(
            'addresses',
            `${howMany(count, 'time')} "${reason}": ${SIGNS[reason]}`,
            'see docs/source-addresses.md',
          ),
        ]
  })
}

function shareFindings(series: ReadonlyMap<string, number>): readonly Finding[] {
  let all = 0
  let unknownOnes = 0
  for (const [name, value] of series) {
    if (!name.startsWith('landline_segment_decisions_total{')) continue
    all += value
    if (name.includes('segment="unknown"')) unknownOnes += value
  }
  const subject = 'unknown clients'
  if (all === 0) return [ok(subject, 'no decision yet')]
  const share = `${unknownOnes} of ${all} decisions are on clients of no segment`
  if (unknownOnes / all <= MOST_UNKNOWN) return [ok(subject, share)]
  return [warning(subject, share, 'is a prefix missing in the rule file, or are addresses rewritten on the way?')]
}

function ruleFindings(
  series: ReadonlyMap<string, number>,
  policy: Policy | null,
  areRulesNamed: boolean,
): readonly Finding[] {
  const found: Finding[] = []
  if (series.get('landline_rules_last_reload_successful') === 0)
    found.push(
      wrong(
        'rules in force',
        'the last load of the rule file failed; older rules run',
        'landline check, landline test',
      ),
    )
  const info = [...series.keys()].find((name) => name.startsWith('landline_rules_info{')) ?? ''
  const [, revision] = /revision="([^"]*)"/.exec(info) ?? []
  if (policy !== null && revision !== undefined && revision !== policy.revision)
    found.push(
      warning(
        'rules in force',
        `the proxy runs ${revision}, the file is ${policy.revision}`,
        areRulesNamed
          ? 'send it SIGHUP, or see its log'
          : 'give the same --config or --rules as serve, or send it SIGHUP',
      ),
    )
  if (info.includes('mode="monitor"'))
    found.push(warning('rules in force', 'mode monitor: nothing is blocked', 'set mode: enforce when you are ready'))
  if ((series.get('landline_audit_write_errors_total') ?? 0) > 0)
    found.push(warning('records', 'writing records has failed since the start', 'see docs/operation.md'))
  return found
}

function exceptionFindings(series: ReadonlyMap<string, number>, now: number): readonly Finding[] {
  return [...series].flatMap(([name, at]) => {
    const [, id] = /^landline_exception_expiry_timestamp_seconds\{exception="([^"]*)"\}$/.exec(name) ?? []
    const left = at - now / 1000
    if (id === undefined || left <= 0 || left > WEEK_SECONDS) return []
    return [
      warning('exceptions', `${id} ends at ${new Date(at * 1000).toISOString()}`, 'renew it, or tell those who use it'),
    ]
  })
}

/** Prometheus' text format. */
function readSeries(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const end = line.lastIndexOf(' ')
      return line.startsWith('#') || end < 0 ? [] : [[line.slice(0, end), Number(line.slice(end + 1))] as const]
    }),
  )
}
