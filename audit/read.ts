/** Reads the log back, in the order of its records and with flat memory, compressed segments too. */
import { createReadStream, existsSync } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { TrafficAction } from '../rules/events.ts'
import type { Match, Mode } from '../rules/model.ts'
import { AuditError, errorName } from './error.ts'
import type { RecordedEvent } from './record.ts'
import { type LogSegment, listSegments } from './segment.ts'

const CHUNK_BYTES = 256 * 1024
/** Far above any record: what is longer was not written by Landline, and would not stay flat in memory. */
const MAX_LINE_BYTES = 1024 * 1024
const NEWLINE = 10

export interface LogLine {
  /** The segment's file name, and where in it; lines count from 1. */
  readonly file: string
  readonly line: number
  /** Without the newline. */
  readonly bytes: Buffer
  /** False for what follows the last newline: a line being written, or a torn one. */
  readonly ended: boolean
}

/** A record as it is read back. System events have no source, destination, http, network, nor most of `landline`. */
export interface AuditRecord {
  readonly '@timestamp': string
  readonly ecs: { readonly version: string }
  readonly event: {
    readonly id: string
    readonly sequence: number
    readonly kind: 'event'
    readonly category: readonly string[]
    readonly type: readonly string[]
    readonly action: RecordedEvent['action']
    readonly outcome: 'success' | 'failure'
    readonly reason: string | null
    /** Of an `end`, in nanoseconds. */
    readonly duration?: number
  }
  readonly source?: {
    /** null where a pseudonym stands for it, which is then `address`. */
    readonly ip: string | null
    readonly address?: string
    readonly port: number | null
    readonly bytes?: number
  }
  readonly destination?: {
    readonly domain: string | null
    readonly ip: string | null
    readonly port: number | null
    readonly bytes?: number
  }
  readonly http?: { readonly request: { readonly method: string | null } }
  readonly network?: { readonly application: string | null; readonly transport: 'tcp'; readonly direction: 'outbound' }
  readonly rule?: { readonly id?: string | null; readonly ruleset: string; readonly version: string }
  readonly observer: { readonly type: 'proxy'; readonly name: string; readonly version: string }
  readonly landline: {
    readonly segment?: {
      readonly id: string
      readonly medium: string
      readonly prefix: string | null
      readonly source: 'rules'
      readonly shared?: true
    }
    /** `sealed`: beside a pseudonym, what it stands for, encrypted (audit/pseudonym.ts). */
    readonly client?: { readonly learnt: string; readonly path: readonly string[]; readonly sealed?: string }
    readonly mode?: Mode
    readonly exception?: string | null
    readonly evidence?: readonly Match[]
    readonly exchange?: string
    readonly repeat?: {
      readonly reference: string
      readonly action: TrafficAction
      readonly count: number
      readonly first: string
      readonly last: string
      readonly alike?: true
    }
    /** Of a `sever` by rules that came into force later: what it had been let through by. */
    readonly rejudged?: { readonly version: string }
    readonly facts?: Readonly<Record<string, string | number | boolean | null | readonly string[]>>
    readonly prev: string
  }
}

/** The lines of a folder, in batches: a promise for each line would cost more than the line. Throws ERR_AUDIT_UNREADABLE. */
export async function* readLines(dir: string): AsyncGenerator<readonly LogLine[]> {
  for (const segment of await listSegments(dir)) yield* readSegment(segment)
}

/** Where a line begins; lines count from 1. */
export interface Start {
  readonly offset: number
  readonly line: number
}

const BEGINNING: Start = { offset: 0, line: 1 }

/**
 * The lines of one segment, as many at once as one read gave; it may be entered later on, and left before its end, after
 * `bytes`. Throws ERR_AUDIT_UNREADABLE.
 */
export async function* readSegment(
  segment: LogSegment,
  start = BEGINNING,
  bytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly LogLine[]> {
  const file = segment.name
  let count = start.line - 1
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of readBytes(segment, start.offset, bytes)) {
    const window = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const lines: LogLine[] = []
    let from = 0
    // What was left over holds no newline: only the new bytes need a look.
    let end = window.indexOf(NEWLINE, rest.length)
    while (end !== -1) {
      lines.push({ file, line: ++count, bytes: window.subarray(from, end), ended: true })
      from = end + 1
      end = window.indexOf(NEWLINE, from)
    }
    rest = window.subarray(from)
    if (rest.length > MAX_LINE_BYTES) {
      throw new AuditError(
        'ERR_AUDIT_UNREADABLE',
        `${file}:${count + 1} is longer than ${MAX_LINE_BYTES} bytes: no record is`,
      )
    }
    if (lines.length > 0) yield lines
  }
  if (rest.length > 0) yield [{ file, line: count + 1, bytes: rest, ended: false }]
}

/** Every whole record of a folder. Throws ERR_AUDIT_UNREADABLE at a whole line that is not JSON. */
export async function* readRecords(dir: string): AsyncGenerator<AuditRecord> {
  for await (const lines of readLines(dir)) {
    for (const { file, line, bytes, ended } of lines) if (ended) yield parseLine(bytes, `${file}:${line}`)
  }
}

function parseLine(bytes: Buffer, place: string): AuditRecord {
  try {
    return JSON.parse(bytes.toString())
  } catch (cause) {
    throw new AuditError('ERR_AUDIT_UNREADABLE', `${place} is not JSON: see \`landline audit verify\``, { cause })
  }
}

/**
 * The bytes of a segment, those of its lines where it is compressed, from an offset on; of a plain one no more than `bytes`.
 * Throws ERR_AUDIT_UNREADABLE.
 */
export async function* readBytes(
  { path, name, compressed }: LogSegment,
  offset = 0,
  bytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  if (bytes <= 0) return
  try {
    if (compressed) yield* inflated(path, offset)
    // The running proxy may have compressed it since the folder was listed.
    else if (!existsSync(path) && existsSync(`${path}.gz`)) yield* inflated(`${path}.gz`, offset)
    else yield* createReadStream(path, { highWaterMark: CHUNK_BYTES, start: offset, end: offset + bytes - 1 })
  } catch (cause) {
    throw new AuditError('ERR_AUDIT_UNREADABLE', `${name} cannot be read: ${errorName(cause)}`, { cause })
  }
}

async function* inflated(path: string, offset: number): AsyncGenerator<Buffer> {
  let skip = offset
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  // A failure reaches the reader through the stream that it reads: the callback has nothing to add.
  for await (const bytes of pipeline(file, createGunzip({ chunkSize: CHUNK_BYTES }), () => {})) {
    if (skip < bytes.length) yield bytes.subarray(skip)
    skip = Math.max(0, skip - bytes.length)
  }
}
