/** What the audit tests share: events, an audit log in a folder of its own, and a reading of the log that uses none of its code. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Audit, type AuditOptions, openAudit } from '../../audit/audit.ts'
import { type Disk, type DiskFile, realDisk } from '../../audit/disk.ts'
import type { SystemEvent, TrafficEvent } from '../../rules/events.ts'

export const REVISION = `sha256:${'ab'.repeat(32)}`
export const NOON = Date.parse('2026-11-23T12:00:00.000Z')

/** A denial on the wireless segment, `n` telling them apart. */
export function denial(n = 1, change: Partial<TrafficEvent> = {}): TrafficEvent {
  const domain = `us${n}web.zoom.us`
  return {
    action: 'block',
    exchange: '01990000-0000-7000-8000-000000000001',
    source: { ip: '10.20.0.7', port: 51234 },
    client: { learnt: 'socket', path: [] },
    destination: { domain, ip: null, port: 443 },
    method: 'CONNECT',
    verdict: {
      action: 'block',
      mode: 'enforce',
      segment: { id: 'wifi', medium: 'wireless', shared: false },
      prefix: '10.20.0.0/16',
      service: 'zoom',
      category: 'meeting',
      rule: 'zoom-fixed-only',
      exception: null,
      reason: { '': 'Memo 2020-04: only from fixed-connection computers' },
      alternative: null,
      evidence: [{ kind: 'host', value: domain, match: 'zoom.us', service: 'zoom' }],
    },
    policy: { name: 'foreign-office', revision: REVISION },
    because: null,
    ech: false,
    carried: null,
    ...change,
  }
}

export function systemEvent(action: SystemEvent['action']): SystemEvent {
  return { action, outcome: 'success', reason: `a ${action}`, policy: null, facts: {} }
}

export interface Counts {
  recorded: Record<string, number>
  writeErrors: number
  queued: number
  syncs: number
  freeBytes: number
  /** -1: not told. */
  oldest: number
  logged: string[]
}

/** An audit log with what it reported; ordinary settings where `change` names no others. */
export async function openWith(
  dir: string,
  change: Partial<AuditOptions> = {},
): Promise<{ audit: Audit; counts: Counts }> {
  const counts: Counts = { recorded: {}, writeErrors: 0, queued: -1, syncs: 0, freeBytes: -1, oldest: -1, logged: [] }
  const audit = await openAudit({
    dir,
    sync: 'fsync',
    onFailure: 'block',
    observer: { name: 'landline-1', version: '1.0.0' },
    repeatSeconds: 0,
    segmentBytes: 64 * 1024 * 1024,
    now: () => NOON,
    meter: {
      recorded: (action) => {
        counts.recorded[action] = (counts.recorded[action] ?? 0) + 1
      },
      writeFailed: () => counts.writeErrors++,
      queued: (records) => {
        counts.queued = records
      },
      synced: () => counts.syncs++,
      diskFree: (bytes) => {
        counts.freeBytes = bytes
      },
      oldestRecord: (at) => {
        counts.oldest = at
      },
    },
    log: (level, message) => counts.logged.push(`${level} ${message}`),
    ...change,
  })
  return { audit, counts }
}

// biome-ignore lint/suspicious/noExplicitAny: a record read as an outsider would, without our types
export type Plain = any

export interface Log {
  readonly files: readonly string[]
  readonly records: readonly Plain[]
  /** What is wrong with the sequence, the order of references or the chain. */
  readonly faults: readonly string[]
}

/** Reads a folder's plain segments in the order of their names and checks sequence, references and chain, record by record. */
export function readLog(dir: string): Log {
  const files = readdirSync(dir)
    .filter((name) => /^audit-.*\.jsonl$/.test(name))
    .sort()
  const records: Plain[] = []
  const faults: string[] = []
  let prev = Buffer.alloc(32).toString('base64')
  let reference = ''
  for (const file of files) {
    const text = readFileSync(join(dir, file), 'utf8')
    if (text !== '' && !text.endsWith('\n')) faults.push(`${file}: torn`)
    for (const line of text.split('\n').slice(0, -1)) {
      const record = JSON.parse(line)
      const where = `${file} record ${records.length + 1}`
      if (record.event.sequence !== records.length + 1) faults.push(`${where}: sequence ${record.event.sequence}`)
      if (record.landline.prev !== prev) faults.push(`${where}: prev`)
      if (!(record.event.id > reference)) faults.push(`${where}: reference does not grow`)
      prev = createHash('sha256').update(line).digest('base64')
      reference = record.event.id
      records.push(record)
    }
  }
  return { files, records, faults }
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error
}

export type Fault = 'open' | 'write' | 'datasync' | 'truncate' | 'syncFolder'

/** A real disk that fails where it is told to. */
export class FaultyDisk implements Disk {
  /** The error of each call, by name, until it is deleted. */
  readonly faults = new Map<Fault, string>()
  /** A write stops after this many bytes in all, with ENOSPC; null = never. */
  space: number | null = null
  /** Each write puts down half of what it is given. */
  short = false
  /** While set, syncs wait for it. */
  hold: Promise<void> | null = null
  syncs = 0

  remove = realDisk.remove
  rename = realDisk.rename
  freeBytes = realDisk.freeBytes

  async open(path: string, kind: 'existing' | 'new'): Promise<DiskFile> {
    this.#check('open')
    const file = await realDisk.open(path, kind)
    return {
      ...file,
      write: async (bytes, position) => {
        this.#check('write')
        const fits = Math.min(bytes.length, this.space ?? bytes.length)
        if (fits === 0) throw systemError('ENOSPC')
        const count = await file.write(bytes.subarray(0, this.short ? Math.ceil(fits / 2) : fits), position)
        if (this.space !== null) this.space -= count
        return count
      },
      datasync: async () => {
        this.syncs++
        await this.hold
        this.#check('datasync')
        return file.datasync()
      },
      truncate: async (length) => {
        this.#check('truncate')
        return file.truncate(length)
      },
    }
  }

  async syncFolder(path: string): Promise<void> {
    this.#check('syncFolder')
    return realDisk.syncFolder(path)
  }

  #check(call: Fault): void {
    const code = this.faults.get(call)
    if (code !== undefined) throw systemError(code)
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}
