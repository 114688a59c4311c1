/** Where records are shipped to. */
import { close, fdatasync, fstat, open, write } from 'node:fs'
import { stat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { FILE_MODE } from '../disk.ts'

/** A receiver of records: whole batches arrive, or are given again. */
export interface Sink {
  /**
   * Takes lines without their newlines. Resolves once the receiver has them, as far as its protocol tells; rejects, also when
   * the signal is given, where that is not known: the same lines then come again.
   */
  deliver(lines: readonly Buffer[], signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

const closeFile = promisify(close)
const syncFile = promisify(fdatasync)
const statFile = promisify(fstat)
const openFile = promisify(open)
const writeFile = promisify(write)

/** A pipe takes so much at once, unbroken by other writers (PIPE_BUF on Linux; POSIX write(2)); nearly all records are shorter. */
const PIPE_BYTES = 4096
const FULL_MS = 20
const NEWLINE = Buffer.from('\n')

/**
 * Standard output, or another descriptor that others write lines to as well. A reader that does not read keeps the deliverer waiting, in a thread
 * of the pool, and nobody else.
 */
export function descriptorSink(descriptor: number): Sink {
  return {
    async deliver(lines, signal) {
      for (const group of grouped(lines, PIPE_BYTES)) {
        signal.throwIfAborted()
        await writeAll(descriptor, joined(group))
      }
    },
    async close() {},
  }
}

/** A file that any shipper can follow: appended to, synced, and opened anew when it was moved away (by logrotate, say). */
export function fileSink(path: string): Sink {
  let descriptor: number | null = null
  async function current(): Promise<number> {
    if (descriptor !== null && (await isAt(path, descriptor))) return descriptor
    if (descriptor !== null) await closeFile(descriptor)
    descriptor = await openFile(path, 'a', FILE_MODE)
    return descriptor
  }
  return {
    async deliver(lines, signal) {
      signal.throwIfAborted()
      const file = await current()
      await writeAll(file, joined(lines))
      await syncFile(file)
    },
    async close() {
      if (descriptor !== null) await closeFile(descriptor)
      descriptor = null
    },
  }
}

async function isAt(path: string, descriptor: number): Promise<boolean> {
  const [there, here] = await Promise.all([stat(path).catch(() => null), statFile(descriptor)])
  return there !== null && there.ino === here.ino && there.dev === here.dev
}

/** As many lines together as stay below `bytes`; a longer one alone. */
function* grouped(lines: readonly Buffer[], bytes: number): Generator<readonly Buffer[]> {
  let group: Buffer[] = []
  let size = 0
  for (const line of lines) {
    if (size > 0 && size + line.length + 1 > bytes) {
      yield group
      group = []
      size = 0
    }
    group.push(line)
    size += line.length + 1
  }
  if (group.length > 0) yield group
}

function joined(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line) => [line, NEWLINE]))
}

async function writeAll(descriptor: number, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += await writeSome(descriptor, bytes, written)
  }
}

/** A descriptor that does not block says so where others would wait. */
async function writeSome(descriptor: number, bytes: Buffer, from: number): Promise<number> {
  try {
    return (await writeFile(descriptor, bytes, from)).bytesWritten
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    await wait(FULL_MS)
    return 0
  }
}
