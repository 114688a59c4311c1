/** Where records are shipped to. */
import { close, fdatasync, fstat, ftruncate, open, read, write } from 'node:fs'
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
const readFile = promisify(read)
const writeFile = promisify(write)
const cutFile = promisify(ftruncate)

/** A pipe takes so much at once, unbroken by other writers (PIPE_BUF on Linux; POSIX write(2)); nearly all records are shorter. */
const PIPE_BYTES = 4096
const FULL_MS = 20
const NEWLINE = Buffer.from('\n')

/** Standard output, or another descriptor that others write lines to as well. A reader that does not read keeps the deliverer waiting, and nobody else. */
export function descriptorSink(descriptor: number, write = append): Sink {
  /** What stands there last may be half a line. */
  let isTorn = false
  return {
    async deliver(lines, signal) {
      for (const group of grouped(lines, PIPE_BYTES)) {
        const progress = { written: 0 }
        try {
          await writeAll(isTorn ? [Buffer.alloc(0), ...group] : group, progress, (bytes) =>
            unlessFull(() => write(descriptor, bytes), signal),
          )
          isTorn = false
        } catch (error) {
          isTorn ||= progress.written > 0
          throw error
        }
      }
    },
    async close() {},
  }
}

/** Resolves with how many of the bytes were written. */
type Write = (descriptor: number, bytes: Buffer) => Promise<number>

const append: Write = async (descriptor, bytes) => (await writeFile(descriptor, bytes)).bytesWritten

/** A file that any shipper can follow: appended to, synced, and opened anew when it was moved away (by logrotate, say). */
export function fileSink(path: string, write = append): Sink {
  let descriptor: number | null = null
  async function closeIt(): Promise<void> {
    const old = descriptor
    descriptor = null
    if (old !== null) await closeFile(old)
  }
  async function current(): Promise<number> {
    if (descriptor !== null && (await isAt(path, descriptor))) return descriptor
    await closeIt()
    const opened = await openFile(path, 'a+', FILE_MODE)
    if (!(await statFile(opened)).isFile()) {
      await closeFile(opened)
      throw new Error(`${path} is no regular file; name one, or ship to standard output`)
    }
    descriptor = opened
    return descriptor
  }
  return {
    async deliver(lines, signal) {
      signal.throwIfAborted()
      const file = await current()
      const { size } = await statFile(file)
      const progress = { written: 0 }
      // After a kill inside of a write, half a line stands there.
      const whole = (await endsLine(file, size)) ? lines : [Buffer.alloc(0), ...lines]
      try {
        await writeAll(whole, progress, (bytes) => write(file, bytes))
        await syncFile(file)
      } catch (error) {
        // Where that fails too, the next batch begins on a line of its own.
        await cutBack(file, size, progress.written).catch(() => {})
        throw error
      }
    },
    close: closeIt,
  }
}

async function endsLine(file: number, size: number): Promise<boolean> {
  if (size === 0) return true
  const last = Buffer.alloc(1)
  await readFile(file, last, 0, 1, size - 1)
  return last.equals(NEWLINE)
}

/** Takes back what is there of a batch that comes again; what somebody else has written, or cut, meanwhile stays as it is. */
async function cutBack(file: number, size: number, written: number): Promise<void> {
  const now = await statFile(file)
  if (now.size === size + written) await cutFile(file, size)
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

/** `progress` tells also of a write that fails how far it came. */
async function writeAll(
  lines: readonly Buffer[],
  progress: { written: number },
  write: (bytes: Buffer) => Promise<number>,
): Promise<void> {
  const bytes = Buffer.concat(lines.flatMap((line) => [line, NEWLINE]))
  while (progress.written < bytes.length) progress.written += await write(bytes.subarray(progress.written))
}

/** A descriptor that does not block says so where others would wait. */
async function unlessFull(write: () => Promise<number>, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted()
  try {
    return await write()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    await wait(FULL_MS, undefined, { signal })
    return 0
  }
}
