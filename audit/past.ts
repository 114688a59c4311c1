/**
 * Records and tallies back to requests. One request may have several records (let through, then cut; its end): it counts once,
 * with all the evidence that they hold. A `repeat` is as many requests more.
 */
import { parseAddress } from '../rules/address.ts'
import type { Past, PastAsked, PastVerdict } from '../rules/change/past.ts'
import type { Witness } from '../rules/change/simulation.ts'
import { PORT_REFUSAL, type TrafficAction } from '../rules/events.ts'
import { type Match, MEDIA, type Medium } from '../rules/model.ts'
import { type AuditRecord, readSegment } from './read.ts'
import { listSegments } from './segment.ts'
import { parseRecord } from './stamp.ts'
import { listTallies, readRows } from './tallies/file.ts'
import { HOUR_MS, type TallyRow } from './tallies/row.ts'

export interface PastReading {
  /** Requests before are left out, in milliseconds since 1970; of a tally, hours that ended before. null: none are. */
  readonly since: number | null
  readonly take: (past: Past, witness: Witness) => void
}

export interface PastSources {
  /** Records of traffic. */
  readonly records: number
  /** Rows of tallies. */
  readonly rows: number
  /** Lines that are neither. */
  readonly illegible: number
  /** The first and the last, in milliseconds since 1970; null where there are none. */
  readonly from: number | null
  readonly to: number | null
}

const TRAFFIC = Buffer.from('"kind":"event","category":["network"]')
const HEAD_BYTES = 240
/** So many requests, and as many before them, wait for what may still be recorded of them. */
const MOST_OPEN = 20_000

/** Reads a folder once, with flat memory. Throws ERR_AUDIT_UNREADABLE. */
export async function readPast(dir: string, reading: PastReading): Promise<PastSources> {
  const requests = new Requests(reading)
  await readRecordsInto(dir, reading.since, requests)
  await readTalliesInto(dir, reading, requests)
  return requests.sources
}

async function readRecordsInto(dir: string, since: number | null, requests: Requests): Promise<void> {
  const segments = await listSegments(dir)
  for (const [index, segment] of segments.entries()) {
    // A record is never newer than the reference of a later one; names tell that to the second.
    const next = segments[index + 1]
    if (since !== null && next !== undefined && next.startedAt + 1000 <= since) continue
    for await (const lines of readSegment(segment)) {
      for (const { bytes, ended } of lines) {
        if (!ended || !bytes.subarray(0, HEAD_BYTES).includes(TRAFFIC)) continue
        requests.record(parseRecord(bytes))
      }
    }
  }
  requests.endAll()
}

async function readTalliesInto(dir: string, { since }: PastReading, requests: Requests): Promise<void> {
  for (const file of await listTallies(dir)) {
    if (since !== null && file.startedAt + HOUR_MS < since) continue
    for await (const row of readRows(file)) requests.row(row)
  }
}

/** A request whose records may go on. */
interface Open {
  past: Past
  witness: Witness
}

class Requests {
  readonly #reading: PastReading
  #open = new Map<string, Open>()
  /** Those that came before: two maps that are emptied in turn, as to take the oldest out of one costs a look at all that were taken out. */
  #older = new Map<string, Open>()
  #records = 0
  #rows = 0
  #illegible = 0
  #from = Number.POSITIVE_INFINITY
  #to = Number.NEGATIVE_INFINITY

  constructor(reading: PastReading) {
    this.#reading = reading
  }

  get sources(): PastSources {
    const isEmpty = this.#from > this.#to
    return {
      records: this.#records,
      rows: this.#rows,
      illegible: this.#illegible,
      from: isEmpty ? null : this.#from,
      to: isEmpty ? null : this.#to,
    }
  }

  record(record: AuditRecord | null): void {
    const time = record === null ? Number.NaN : Date.parse(record['@timestamp'])
    if (record === null || Number.isNaN(time) || record.landline?.segment === undefined) {
      this.#illegible++
      return
    }
    const { repeat } = record.landline
    const [from, to] = repeat === undefined ? [time, time] : [Date.parse(repeat.first), Date.parse(repeat.last)]
    const { since } = this.#reading
    if (since !== null && to < since) return
    this.#records++
    this.#span(from, to)
    const { action } = record.event
    if (action === 'repeat') this.#reading.take(pastOf(record, time), witnessOf(record))
    else if (action === 'end') this.#end(record)
    else if (record.landline.rejudged !== undefined) this.#cut(record)
    else this.#goOn(record, time)
  }

  row(row: TallyRow | null): void {
    if (row === null) {
      this.#illegible++
      return
    }
    const { since, take } = this.#reading
    if (since !== null && row.hour + HOUR_MS <= since) return
    this.#rows++
    this.#span(row.hour, row.hour + HOUR_MS - 1)
    take(pastOfRow(row), { reference: null, client: null })
  }

  endAll(): void {
    for (const open of this.#older.values()) this.#tell(open)
    for (const open of this.#open.values()) this.#tell(open)
    this.#older.clear()
    this.#open.clear()
  }

  #goOn(record: AuditRecord, time: number): void {
    const exchange = record.landline.exchange ?? record.event.id
    const before = this.#take(exchange)
    // When it was asked for, the first record tells; what became of it, the last.
    const open = { past: pastOf(record, before?.past.from ?? time), witness: witnessOf(record) }
    if (isLast(record)) this.#tell(open)
    else this.#keep(exchange, open)
  }

  /** It says nothing new of what became of the request, but may know of more evidence. */
  #end(record: AuditRecord): void {
    const open = this.#take(record.landline.exchange ?? '')
    if (open === undefined) return
    const { past, witness } = open
    const { asked } = pastOf(record, past.from)
    this.#tell({ past: { ...past, asked }, witness })
  }

  /** Later rules ended what had been let through: as that it is on record, or in a tally. */
  #cut(record: AuditRecord): void {
    const open = this.#take(record.landline.exchange ?? '')
    if (open !== undefined) this.#tell(open)
  }

  #take(exchange: string): Open | undefined {
    for (const requests of [this.#open, this.#older]) {
      const open = requests.get(exchange)
      if (open !== undefined) requests.delete(exchange)
      if (open !== undefined) return open
    }
    return undefined
  }

  #keep(exchange: string, open: Open): void {
    this.#open.set(exchange, open)
    if (this.#open.size < MOST_OPEN) return
    for (const oldest of this.#older.values()) this.#tell(oldest)
    this.#older = this.#open
    this.#open = new Map()
  }

  #tell({ past, witness }: Open): void {
    this.#reading.take(past, witness)
  }

  #span(from: number, to: number): void {
    if (from < this.#from) this.#from = from
    if (to > this.#to) this.#to = to
  }
}

/** After these no other record of the request says what became of it. */
function isLast({ event: { action } }: AuditRecord): boolean {
  return action === 'block' || action === 'refuse' || action === 'sever'
}

function witnessOf({ event, source, landline }: AuditRecord): Witness {
  return { reference: landline.repeat?.reference ?? event.id, client: source?.ip ?? source?.address ?? null }
}

/** `asked`: when it was asked for, in milliseconds since 1970. */
function pastOf(record: AuditRecord, asked: number): Past {
  const { segment, repeat } = record.landline
  return {
    segment: segment?.id ?? 'unknown',
    medium: mediumOf(segment?.medium),
    prefix: segment?.prefix ?? null,
    source: parseAddress(record.source?.ip ?? ''),
    from: repeat === undefined ? asked : Date.parse(repeat.first),
    to: repeat === undefined ? asked : Date.parse(repeat.last),
    asked: askedOf(record),
    was: verdictOf(record),
    count: repeat?.count ?? 1,
  }
}

function askedOf({ destination, http, landline: { evidence = [], repeat } }: AuditRecord): PastAsked | 'hidden' {
  if (isHidden(destination)) return 'hidden'
  // What shares a record with another request tells only of a host.
  const isOne = isAlike(repeat)
  const host = destination?.domain ?? null
  const address = isOne || host === null ? parseAddress(destination?.ip ?? '') : null
  const named = (kind: Match['kind']) => evidence.find((match) => match.kind === kind)?.value ?? null
  return {
    host,
    port: isOne ? (destination?.port ?? null) : null,
    tunnel: isOne ? http?.request.method === 'CONNECT' : null,
    serverName: named('sni'),
    httpHost: named('http-host'),
    address,
    held: address === null ? 'unseen' : null,
  }
}

function isAlike(repeat: AuditRecord['landline']['repeat']): boolean {
  return repeat === undefined || repeat.alike === true
}

function isHidden(destination: AuditRecord['destination']): boolean {
  return (destination?.domain ?? destination?.ip ?? null) === null
}

function verdictOf({ event, rule, network, destination, landline }: AuditRecord): PastVerdict {
  const action = landline.repeat?.action ?? (event.action as TrafficAction) // traffic, by its category
  const isRefused = action === 'refuse' && rule?.id !== 'unknown_clients'
  // What is hidden is told together, whatever it was: refusals by the list may then be among those by the guard.
  const isByPort = event.reason === PORT_REFUSAL || (isHidden(destination) && !isAlike(landline.repeat))
  return {
    // An end says nothing of its own, and is told with the record before it.
    action: action === 'end' ? 'log' : action,
    rule: rule?.id ?? 'none',
    service: network?.application ?? 'none',
    exception: landline.exception ?? null,
    revision: rule?.version ?? '',
    by: !isRefused ? 'rules' : isByPort ? 'port' : 'guard',
  }
}

function pastOfRow({ hour, segment, medium, service, rule, revision, asked, count }: TallyRow): Past {
  return {
    segment,
    medium,
    prefix: null,
    source: null,
    from: hour,
    to: hour + HOUR_MS - 1,
    asked:
      asked === null
        ? 'overflow'
        : {
            host: asked.host,
            port: asked.port,
            tunnel: null,
            serverName: asked.serverName,
            httpHost: asked.httpHost,
            address: null,
            held: asked.prefix,
          },
    was: { action: 'allow', rule, service, exception: null, revision, by: 'rules' },
    count,
  }
}

function mediumOf(text: string | undefined): Medium {
  return MEDIA.find((medium) => medium === text) ?? 'unknown'
}
